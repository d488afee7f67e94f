#pragma once

/*
 * What was reached: each row of the tables of docs/states.md, and each error word
 *
 * It reads histories, as the auditor does, and looks at the pool between events. The rows (coverage-rows.c) are held against the page:
 * neither has one that the other lacks. What this process cannot reach by its nature names the test that reaches it.
 */

#include "policyd/pool/pool.h"
#include "tests/proof/history.h"

typedef struct Coverage Coverage;

Coverage *coverage_new(void);
Coverage *coverage_free(Coverage *c);

void coverage_line(Coverage *c, const char *line);
void coverage_pool(Coverage *c, const Pool *pool);

/* Rows of the page that have no row here, and rows here that are none of the page; named in file. */
size_t coverage_check_page(FILE *file);
/* The table. Returns how many rows and words nobody reached. */
size_t coverage_print(const Coverage *c, FILE *file, bool whole);
