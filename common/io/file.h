#pragma once

/*
 * Bounded reads and whole writes
 */

#include "common/base/strlist.h"

/* The whole file, NUL-terminated, at most max bytes (else -EFBIG). */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size);

/* The same of what is still to come there, from a pipe too; for programs that may wait. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* First line, trimmed. For sysfs and friends. */
int file_read_line(const char *path, char **ret);

/* However often the kernel takes only a part. */
int write_all(int fd, const char *data, size_t size);

/* Temp file and rename without fsync: for runtime state that a power cut may lose. */
int file_write_atomic(const char *path, const char *data, size_t size, unsigned mode);

int mkdir_parents(const char *path, unsigned mode); /* existing is fine */
int remove_tree(const char *path);                  /* missing is fine; follows no links */

/* The names in a folder, but for those that begin with a dot, in no order; NULL-terminated, freed with strv_free(). */
int folder_list(const char *path, char ***ret);

char *path_join(const char *a, const char *b); /* caller frees; NULL without memory */
