#pragma once

/*
 * A line of a history, as the auditors read it
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"

#define ID_MAX 64
typedef char Id[ID_MAX];

/* The value of " name=" in the line; "" where there is none. */
const char *line_value(const char *line, const char *name, Id ret);
/* The time is word 0. */
const char *line_word(const char *line, unsigned i, Id ret);

#define LIST(T)                                                                                              \
        struct {                                                                                             \
                T *items;                                                                                    \
                size_t n, size;                                                                              \
        }
#define ADD(list)                                                                                            \
        ({                                                                                                   \
                if ((list)->n == (list)->size) {                                                             \
                        (list)->size = 2 * (list)->size + 16;                                                \
                        (list)->items = realloc((list)->items, (list)->size * sizeof(*(list)->items));       \
                        if (!(list)->items)                                                                  \
                                abort();                                                                     \
                }                                                                                            \
                memset(&(list)->items[(list)->n], 0, sizeof(*(list)->items));                                \
                &(list)->items[(list)->n++];                                                                 \
        })
#define REMOVE(list, i) ((list)->items[i] = (list)->items[--(list)->n])
