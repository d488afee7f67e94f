/*
 * Rows of the database that could not be read
 */

#include "policyd/check/check-private.h"

void check_rows(const UnreadableRows *rows, Findings *ret) {
        for (size_t i = 0; i < rows->n; i++) {
                const UnreadableRow *row = &rows->items[i];

                findings_add(ret, "rows", NULL, "Row '%s' of the database cannot be read%s: %s; xenvgpu row-remove row='%s' %s.",
                        row->name, row->aside ? " and was set aside" : "", row->reason, row->name,
                        row->aside ? "forgets it" : "gives it up, and a backup has it perhaps");
        }
        ret->n_more += rows->n_more;
        ret->n_invariants++;
}
