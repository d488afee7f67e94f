#pragma once

/*
 * Bounded reads and whole writes
 */

#include "common/base/strlist.h"

/* The whole file, NUL-terminated, at most max bytes (else -EFBIG). */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size);

/* The same for the rest of an open file or a pipe; for programs that may block. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* First line, trimmed. For sysfs and friends. */
int file_read_line(const char *path, char **ret);

/* Writes all bytes, also if the kernel accepts them only in parts. */
int write_all(int fd, const char *data, size_t size);

/* Temp file and rename without fsync: for runtime state that a power cut may lose. */
int file_write_atomic(const char *path, const char *data, size_t size, unsigned mode);

int mkdir_parents(const char *path, unsigned mode); /* existing is fine */
int remove_tree(const char *path);                  /* missing is fine; follows no links */

/* The names in a folder, without those that begin with a dot, in no order; free them with strv_free(). */
int folder_list(const char *path, char ***ret);

char *path_join(const char *a, const char *b); /* caller frees; NULL without memory */
