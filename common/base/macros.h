#pragma once

/*
 * Small things that every file uses
 *
 * Cleanup attributes: declare with _cleanup_(fn) and an initial value; hand ownership over with
 * take_ptr(), take_struct() or take_fd(). DEFINE_CLEANUP(T *, t_free) defines t_freep for _cleanup_(t_freep).
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(x) __attribute__((__cleanup__(x)))
#define _printf_(a, b) __attribute__((__format__(printf, a, b)))
#define _unused_ __attribute__((__unused__))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, T, member) ((T *) ((char *) (p) - offsetof(T, member)))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#define take_ptr(p)                     \
        ({                              \
                typeof(p) _p_ = (p);    \
                (p) = NULL;             \
                _p_;                    \
        })

/* Of a struct that owns something; what stays is all zero. */
#define take_struct(s)                      \
        ({                                  \
                typeof(s) _s_ = (s);        \
                memset(&(s), 0, sizeof(s)); \
                _s_;                        \
        })

#define take_fd(fd)                     \
        ({                              \
                int _fd_ = (fd);        \
                (fd) = -1;              \
                _fd_;                   \
        })

#define DEFINE_CLEANUP(type, func)                                      \
        static inline _unused_ void func##p(type *p) {                  \
                if (*p)                                                 \
                        *p = func(*p);                                  \
        }

static inline _unused_ void freep(void *p) {
        free(*(void **) p);
}

static inline int safe_close(int fd) {
        int saved = errno;

        if (fd >= 0)
                close(fd);
        errno = saved;
        return -1;
}

static inline _unused_ void closep(int *fd) {
        *fd = safe_close(*fd);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* Like streq, but NULL equals only NULL. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

/* "1 VM", "2 VMs": what stands after the noun. */
#define PLURAL(n) ((n) == 1 ? "" : "s")

static inline const char *strempty(const char *s) {
        return s ? s : "";
}

static inline bool isempty(const char *s) {
        return !s || !*s;
}

/* Text after the prefix, or NULL. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}
