#pragma once

/*
 * What the Intel and AMD lists share
 *
 * Both have one type a line and begin alike: PPPP experimental=C name='…'. What takes a part of a line
 * returns NULL, or what is wrong with it: a sentence without a full stop, valid until the program ends.
 */

#include "hostd/core/problem.h"
#include "hostd/core/text-lines.h"

#define TYPE_LIST_ENTRIES_MAX 1024

const char *list_take_head(TextSpan *line, uint16_t *ret_pdev, bool *ret_experimental, TextSpan *ret_name);

/* MiB, given back in bytes. */
bool list_take_mib(TextSpan *line, const char *field, uint64_t *ret_bytes);

/*
 * The kind of list: how large an entry is, how a line becomes one, and what frees its content. take() fills
 * the entry but for its name. 1 an entry, 0 nothing (empty or comment), -EINVAL a bad line (the sink was
 * told), -ENOMEM.
 */
typedef struct ListKind {
        size_t entry_size;
        const char *(*take)(TextSpan *line, void *entry, TextSpan *ret_name);
        int (*parse)(const char *text, size_t size, unsigned line, const ProblemSink *problems, void *ret);
        void (*done)(void *entry);
} ListKind;

/* One line, with take(); entry is cleared but for the number of its line. */
int list_parse_line(const ListKind *kind, const char *text, size_t size, unsigned line,
        const ProblemSink *problems, void *entry, char **ret_name);
/* All lines, with parse(). */
int list_parse(const ListKind *kind, const char *data, size_t size, const ProblemSink *problems, void **ret,
        size_t *ret_n);
void *list_free(const ListKind *kind, void *entries, size_t n);
