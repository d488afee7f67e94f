#pragma once

/*
 * xenstore, as we use it
 *
 * A thin layer over libxenstore: negative errno, formatted paths, watches that are read from a file
 * descriptor. The calls wait for the daemon's answer, as libxl's own do; it is on this machine and answers at
 * once. $XENSTORED_PATH names another socket.
 */

#include "common/base/macros.h"

typedef struct XenStore XenStore;

int xenstore_open(XenStore **ret);
XenStore *xenstore_close(XenStore *xs);
DEFINE_CLEANUP(XenStore *, xenstore_close)

/* The value, NUL-terminated; the caller frees it. -ENOENT. */
int xenstore_read(XenStore *xs, char **ret, const char *path, ...) _printf_(3, 4);
int xenstore_write(XenStore *xs, const char *value, const char *path, ...) _printf_(3, 4);
int xenstore_remove(XenStore *xs, const char *path, ...) _printf_(2, 3); /* missing is fine */

/* Fires once at once, and whenever the path or something below it changes. */
int xenstore_watch(XenStore *xs, const char *path, ...) _printf_(2, 3);
int xenstore_unwatch(XenStore *xs, const char *path, ...) _printf_(2, 3);
int xenstore_fd(XenStore *xs); /* readable: something fired */

/* Takes all that fired; 1 when there was anything, 0 when not, negative when the connection is gone. Read
 * again what you wait for. */
int xenstore_drain(XenStore *xs);
