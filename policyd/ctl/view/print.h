#pragma once

/*
 * Lists and records, as xe prints them
 *
 *   uuid ( RO)              : 5c8e…
 *             name-label ( RW): alpha
 *
 * The first key stands at the left, the others end at one column, two blank lines follow each record.
 * --minimal prints bare values with commas between the records, commas and backslashes inside them behind a
 * backslash (XenServer's cli_printer.ml); --json prints an array of objects.
 */

#include <stdio.h>

#include "policyd/ctl/view/view.h"

typedef enum PrintStyle {
        PRINT_RECORDS,
        PRINT_MINIMAL,
        PRINT_JSON,
} PrintStyle;

#define COLUMNS_MAX 64

typedef struct Columns {
        FieldName fields[COLUMNS_MAX];
        const char *names[COLUMNS_MAX]; /* as asked for, or as the table has them */
        size_t n;
} Columns;

/* params NULL: the default columns; "all": every field; else a comma-separated list. -EINVAL with the unknown
 * name in *ret_unknown (caller frees). */
int columns_choose(const ClassInfo *c, const char *params, Columns *ret, char **ret_unknown);
/* To the default columns: what tells objects of one label apart, and what is unusual of one of the objects. */
int columns_add_unusual(const ClassInfo *c, ViewObject *const *objects, size_t n, Columns *columns);
void columns_done(Columns *columns);

int print_objects(
        FILE *out, View *v, ViewObject *const *objects, size_t n, const Columns *columns, PrintStyle style);

/* One value of --minimal, without a line's end. */
/* On one line: newline and tab as \n and \t. */
void print_line(FILE *out, const char *value);
void print_bare(FILE *out, const char *value);

/* JSON text for people: two spaces a level. */
int print_json(FILE *out, struct json_object *o);
/* An answer of policyd, in which every member has xe's spelling too: beside "name_label" stands "name-label". */
int print_spelled(FILE *out, struct json_object *o);
/* Whether any of this was printed. */
bool print_was_json(void);
