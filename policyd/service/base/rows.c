/*
 * Rows that cannot be read
 *
 * A row of a job or of an idempotency key is set aside as the pool is read, because nothing depends on it.
 * Any other may hold a booking that a host acts on, so while one is left policyd shows the pool and changes
 * nothing, until a backup is restored or an administrator says that the row may be removed.
 */

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "common/base/strbuf.h"
#include "common/base/strlist.h"
#include "policyd/service/base/rows.h"

#define SHOWN 3

static bool is_shown(const UnreadableRow *row, bool aside) {
        return aside ? row->aside : row->blocks && !row->aside;
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

char *rows_describe_block(const Batch *b) {
        _cleanup_strbuf_ StrBuf text = {};
        const char *first = "";

        strbuf_addf(&text, "The pool is read only: of the database it cannot read ");
        add_names(&text, &b->unreadable, &first);
        strbuf_addf(&text,
                ", and what stands there may be in use on a host. Put back a backup of the database; or give "
                "up what the "
                "row held: xenvgpu row-remove row='%s'.",
                first);
        return strbuf_take(&text);
}

int rows_list(const Batch *b, bool aside, char ***ret) {
        _cleanup_strlist_ StrList texts = {};

        for (size_t i = 0; i < b->unreadable.n; i++) {
                const UnreadableRow *row = &b->unreadable.items[i];

                if (is_shown(row, aside))
                        strlist_addf(&texts, "%s: %s", row->name, row->reason);
        }
        return strlist_take(&texts, ret);
}

static int check_removal(const UnreadableRow *row, const char *name, Refusal *refusal) {
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

int rows_remove(Batch *b, const char *name, Refusal *refusal) {
        const UnreadableRow *row = unreadable_rows_find(&b->unreadable, name);
        bool aside;
        int r;

        r = check_removal(row, name, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        aside = row->aside;
        r = b->store ? store_remove_row(b->store, row) : -EIO;
        if (r < 0)
                return refusal_set(refusal, ERROR_STORAGE_FAILED, "The row '%s' could not be removed: %s.",
                        name, strerror(-r));
        log_event(LOG_NOTICE, MSG_ROW_UNREADABLE, NULL, "The unreadable row %s was %s, as somebody asked.",
                name, aside ? "deleted" : "set aside");
        return 0;
}
