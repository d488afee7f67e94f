/*
 * Rows that cannot be read
 *
 * A row of a job or of an idempotency key is set aside as the pool is read: nothing rests on it. Any other
 * may hold a booking that a host acts on, so while one is left policyd shows the pool and changes nothing,
 * until a backup was put back or a person has said that the row may go.
 */

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "common/base/strbuf.h"
#include "policyd/service/internal.h"

#define SHOWN 3

bool policy_is_read_only(const Policy *p) {
        return p->unreadable.n_blocking > 0;
}

static bool is_shown(const UnreadableRow *row, bool aside) {
        return aside ? row->aside : row->blocks && !row->aside;
}

void policy_log_rows(const Policy *p, const UnreadableRows *rows) {
        for (size_t i = 0; i < rows->n; i++) {
                const UnreadableRow *row = &rows->items[i];

                if (unreadable_rows_find(&p->unreadable, row->name))
                        continue;
                if (row->blocks)
                        log_event(LOG_ERR, MSG_ROW_UNREADABLE, NULL,
                                "The row %s of the database cannot be read: %s. The pool is read only.",
                                row->name, row->reason);
                else if (!row->aside || row->fresh)
                        log_event(LOG_WARNING, MSG_ROW_UNREADABLE, NULL,
                                "The row %s of the database cannot be read and was set aside: %s.", row->name,
                                row->reason);
        }
        if (rows->n_more > 0)
                log_event(LOG_ERR, MSG_ROW_UNREADABLE, NULL, "%zu more rows of the database cannot be read.",
                        rows->n_more);
}

static void add_names(StrBuf *b, const UnreadableRows *rows, const char **ret_first) {
        size_t n = 0;

        for (size_t i = 0; i < rows->n; i++) {
                const UnreadableRow *row = &rows->items[i];

                if (!is_shown(row, /* aside= */ false))
                        continue;
                if (n++ == 0)
                        *ret_first = row->name;
                if (n <= SHOWN)
                        strbuf_addf(b, "%s%s (%s)", n == 1 ? "" : ", ", row->name, row->reason);
        }
        if (rows->n_blocking > SHOWN)
                strbuf_addf(b, " and %zu more", rows->n_blocking - SHOWN);
}

char *policy_describe_read_only(const Policy *p) {
        _cleanup_strbuf_ StrBuf b = {};
        const char *first = "";

        strbuf_addf(&b, "The pool is read only: of the database it cannot read ");
        add_names(&b, &p->unreadable, &first);
        strbuf_addf(&b,
                ", and what stands there may be in use on a host. Put back a backup of the database; or give "
                "up what the "
                "row held: xenvgpu row-remove row='%s'.",
                first);
        return strbuf_take(&b);
}

int policy_unreadable_rows(const Policy *p, bool aside, char ***ret) {
        _cleanup_(strv_freep) char **texts = calloc(p->unreadable.n + 1, sizeof(char *));
        size_t n = 0;

        if (!texts)
                return -ENOMEM;
        for (size_t i = 0; i < p->unreadable.n; i++) {
                const UnreadableRow *row = &p->unreadable.items[i];
                _cleanup_strbuf_ StrBuf b = {};

                if (!is_shown(row, aside))
                        continue;
                strbuf_addf(&b, "%s: %s", row->name, row->reason);
                texts[n] = strbuf_take(&b);
                if (!texts[n++])
                        return -ENOMEM;
        }
        *ret = take_ptr(texts);
        return 0;
}

static int check_removal(const Policy *p, const UnreadableRow *row, const char *name, Refusal *refusal) {
        if (!row)
                return refusal_set(refusal, ERROR_NO_SUCH_OBJECT,
                        "There is no unreadable row '%s'; xenvgpu status lists those that are.", name);
        if (row->table == STORE_META)
                return refusal_set(refusal, ERROR_STORAGE_FAILED,
                        "The row meta says which pool this is and what epoch it commands with; without it "
                        "only a backup "
                        "of the database brings the pool back.");
        return 0;
}

/* The model is read again, and perhaps it can be worked with now. */
static int read_again(Policy *p) {
        bool was_read_only = policy_is_read_only(p);
        int r;

        r = policy_rebuild(p);
        if (r < 0)
                return r;
        if (p->listener.rebuilt)
                p->listener.rebuilt(p->userdata);
        return was_read_only && !policy_is_read_only(p) ? policy_start(p) : 0;
}

int policy_remove_row(Policy *p, const char *name, Refusal *refusal) {
        const UnreadableRow *row;
        bool aside;
        int r;

        (void) policy_flush(p);
        row = unreadable_rows_find(&p->unreadable, name);
        r = check_removal(p, row, name, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        aside = row->aside;
        r = p->storage->remove_row(p->storage, row);
        if (r < 0)
                return refusal_set(refusal, ERROR_STORAGE_FAILED, "The row '%s' could not be removed: %s.",
                        name, strerror(-r));
        log_event(LOG_NOTICE, MSG_ROW_UNREADABLE, NULL, "The unreadable row %s was %s, as somebody asked.",
                name, aside ? "deleted" : "set aside");
        return read_again(p);
}
