/*
 * xenstore, as we use it
 */

#include <stdarg.h>
#include <stdio.h>
#include <xenstore.h>

#include "hostd/run/xenstore.h"

#define PATH_SIZE 512
#define WATCH_TOKEN "xenvgpu"

struct XenStore {
        struct xs_handle *handle;
};

/* The variadic callers differ only in what they do with the path, which is `full` in the call. */
#define WITH_PATH(format, call)                                                                              \
        ({                                                                                                   \
                char full[PATH_SIZE];                                                                        \
                va_list _args_;                                                                              \
                int _n_;                                                                                     \
                va_start(_args_, format);                                                                    \
                _n_ = vsnprintf(full, sizeof(full), format, _args_);                                         \
                va_end(_args_);                                                                              \
                _n_ > 0 && (size_t) _n_ < sizeof(full) ? (call) : -ENAMETOOLONG;                             \
        })

int xenstore_open(XenStore **ret) {
        XenStore *xs = calloc(1, sizeof(*xs));

        if (!xs)
                return -ENOMEM;

        xs->handle = xs_open(0);
        if (!xs->handle) {
                int r = errno > 0 ? -errno : -EIO;

                free(xs);
                return r;
        }

        *ret = xs;
        return 0;
}

XenStore *xenstore_close(XenStore *xs) {
        if (!xs)
                return NULL;

        xs_close(xs->handle);
        free(xs);
        return NULL;
}

static int read_value(XenStore *xs, const char *path, char **ret) {
        unsigned size;
        char *value;

        value = xs_read(xs->handle, XBT_NULL, path, &size);
        if (!value)
                return -errno;
        *ret = value;
        return 0;
}

int xenstore_read(XenStore *xs, char **ret, const char *path, ...) {
        return WITH_PATH(path, read_value(xs, full, ret));
}

int xenstore_write(XenStore *xs, const char *value, const char *path, ...) {
        return WITH_PATH(path,
                xs_write(xs->handle, XBT_NULL, full, value, (unsigned) strlen(value)) ? 0 : -errno);
}

int xenstore_remove(XenStore *xs, const char *path, ...) {
        return WITH_PATH(path, xs_rm(xs->handle, XBT_NULL, full) || errno == ENOENT ? 0 : -errno);
}

int xenstore_watch(XenStore *xs, const char *path, ...) {
        return WITH_PATH(path, xs_watch(xs->handle, full, WATCH_TOKEN) ? 0 : -errno);
}

int xenstore_unwatch(XenStore *xs, const char *path, ...) {
        return WITH_PATH(path, xs_unwatch(xs->handle, full, WATCH_TOKEN) ? 0 : -errno);
}

int xenstore_fd(XenStore *xs) {
        return xs_fileno(xs->handle);
}

int xenstore_drain(XenStore *xs) {
        bool any = false;

        for (;;) {
                char **event = xs_check_watch(xs->handle);

                if (!event)
                        return errno == EAGAIN ? any : errno > 0 ? -errno : -EIO;
                free(event);
                any = true;
        }
}
