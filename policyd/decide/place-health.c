/*
 * What failed starts say of the places where they failed
 *
 * There is one row for each place and VM. Rows are few: a failure is an exception, and a VM that starts
 * removes the rows of its places. When there are too many, the oldest row is removed.
 */

#include "policyd/decide/place-health.h"

#define ROWS_MAX 1024

typedef struct Row {
        Uuid place, vm, host;
        Uuid pgpu; /* of a host's row: the start's first PGPU; null: it had none */
        bool is_host;
        bool at_several; /* the VM failed on other hosts too */
        uint64_t failed, proven; /* when; proven 0: the VM has not started elsewhere */
        char *words;
} Row;

struct PlaceHealth {
        uint64_t last_for;
        Row *rows; /* in the order of the failures */
        size_t n, size;
};

PlaceHealth *place_health_new(uint64_t last_for_usec) {
        PlaceHealth *h;

        h = calloc(1, sizeof(PlaceHealth));
        if (h)
                h->last_for = last_for_usec;
        return h;
}

PlaceHealth *place_health_free(PlaceHealth *h) {
        if (!h)
                return NULL;

        for (size_t i = 0; i < h->n; i++)
                free(h->rows[i].words);
        free(h->rows);
        free(h);
        return NULL;
}

static void remove_row(PlaceHealth *h, size_t at) {
        free(h->rows[at].words);
        h->n--;
        memmove(h->rows + at, h->rows + at + 1, (h->n - at) * sizeof(Row));
}

static void remove_rows(PlaceHealth *h, const Uuid *place_or_null, const Uuid *vm_or_null) {
        for (size_t i = h->n; i > 0; i--)
                if ((!place_or_null || uuid_equal(&h->rows[i - 1].place, place_or_null)) &&
                        (!vm_or_null || uuid_equal(&h->rows[i - 1].vm, vm_or_null)))
                        remove_row(h, i - 1);
}

static int reserve_rows(PlaceHealth *h, size_t n_more) {
        size_t size = h->size;
        Row *rows;

        if (h->n + n_more <= h->size)
                return 0;
        while (size < h->n + n_more)
                size = MAX_OF(2 * size, (size_t) 16);
        rows = reallocarray(h->rows, size, sizeof(Row));
        if (!rows)
                return -ENOMEM;
        h->rows = rows;
        h->size = size;
        return 0;
}

/* The caller made room. If the VM failed there before, its row is replaced, and is the newest now. */
static void add_row(PlaceHealth *h, Row *row) {
        for (size_t i = 0; i < h->n; i++)
                if (uuid_equal(&h->rows[i].place, &row->place) && uuid_equal(&h->rows[i].vm, &row->vm)) {
                        row->proven = h->rows[i].proven;
                        row->at_several = h->rows[i].at_several;
                        remove_row(h, i);
                        break;
                }
        if (h->n == ROWS_MAX)
                remove_row(h, 0);
        h->rows[h->n++] = *row;
}

static void note_several(PlaceHealth *h, const Uuid *vm, const Uuid *host) {
        bool several = false;

        for (size_t i = 0; i < h->n && !several; i++)
                several = uuid_equal(&h->rows[i].vm, vm) && !uuid_equal(&h->rows[i].host, host);
        for (size_t i = 0; i < h->n && several; i++)
                if (uuid_equal(&h->rows[i].vm, vm))
                        h->rows[i].at_several = true;
}

int place_health_failed(
        PlaceHealth *h, const Uuid *vm, const StartPlaces *where, const char *words, uint64_t now) {
        size_t n = where->n_pgpus + 1;
        Row rows[n];

        if (reserve_rows(h, n) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                rows[i] = (Row){.place = i == 0 ? where->host : where->pgpus[i - 1],
                        .vm = *vm,
                        .host = where->host,
                        .is_host = i == 0,
                        .failed = now,
                        .words = strdup(words)};
                if (i == 0 && where->n_pgpus > 0)
                        rows[i].pgpu = where->pgpus[0];
                if (!rows[i].words) {
                        while (i > 0)
                                free(rows[--i].words);
                        return -ENOMEM;
                }
        }
        for (size_t i = 0; i < n; i++)
                add_row(h, &rows[i]);
        note_several(h, vm, &where->host);
        return 0;
}

void place_health_started(PlaceHealth *h, const Uuid *vm, const StartPlaces *where, uint64_t now) {
        remove_rows(h, &where->host, NULL);
        for (size_t i = 0; i < where->n_pgpus; i++)
                remove_rows(h, &where->pgpus[i], NULL);

        for (size_t i = 0; i < h->n; i++)
                if (uuid_equal(&h->rows[i].vm, vm))
                        h->rows[i].proven = now;
}

void place_health_failed_everywhere(PlaceHealth *h, const Uuid *vm) {
        remove_rows(h, NULL, vm);
}

void place_health_clear(PlaceHealth *h, const Uuid *place) {
        remove_rows(h, place, NULL);
}

PlaceStanding place_health_of(const PlaceHealth *h, const Uuid *place, uint64_t now, PlaceReport *ret) {
        uint64_t failed = 0, proven = 0, since;
        PlaceReport report = {};
        const Row *first = NULL;
        size_t n_suspecting = 0;
        bool spread = true;

        for (size_t i = 0; i < h->n; i++) {
                const Row *row = &h->rows[i];

                if (!uuid_equal(&row->place, place))
                        continue;
                if (!first) {
                        first = row;
                        spread = !row->is_host || uuid_is_null(&row->pgpu);
                }
                spread |= row->is_host && !uuid_equal(&row->pgpu, &first->pgpu);
                failed = MAX_OF(failed, row->failed);
                proven = MAX_OF(proven, row->proven);
                report.n_vms++;
                n_suspecting += row->proven > 0 || !row->at_several;
                report.words = row->words;
        }

        /* The failure of one VM counts once the VM has started elsewhere; failures of several VMs count at once. */
        since = report.n_vms > 1 ? MAX_OF(failed, proven) : proven;
        report.until = since > 0 ? since + h->last_for : 0;
        if (n_suspecting >= PLACE_SUSPECT_VMS && spread) {
                report.standing = PLACE_SUSPECT;
                report.until = UINT64_MAX;
        } else if (report.until > now)
                report.standing = PLACE_LAST;
        else
                report = (PlaceReport){};
        if (ret)
                *ret = report;
        return report.standing;
}

bool place_health_is_empty(const PlaceHealth *h) {
        return h->n == 0;
}

const Uuid *place_health_next_host(const PlaceHealth *h, size_t *i) {
        return *i < h->n ? &h->rows[(*i)++].host : NULL;
}

uint64_t place_health_next(const PlaceHealth *h, uint64_t now) {
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < h->n; i++) {
                PlaceReport report;

                if (place_health_of(h, &h->rows[i].place, now, &report) == PLACE_LAST)
                        next = MIN_OF(next, report.until);
        }
        return next;
}
