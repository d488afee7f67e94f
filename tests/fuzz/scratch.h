#pragma once

/*
 * A folder for a target whose parser reads files: made at the first use, removed at the end of the program
 */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/io/file.h"

static char scratch_path[64];

static inline void scratch_remove(void) {
        (void) remove_tree(scratch_path);
}

static inline const char *scratch_folder(void) {
        if (*scratch_path)
                return scratch_path;
        /* In memory, where there is such a place: products write with fsync. */
        (void) snprintf(scratch_path, sizeof(scratch_path), "%s/xenvgpu-fuzz-XXXXXX",
                access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(scratch_path) || atexit(scratch_remove) != 0)
                abort();
        return scratch_path;
}

/* Not by rename and fsync, which would be most of the time. */
static inline void scratch_write(const char *name, const void *data, size_t size) {
        _cleanup_free_ char *path = path_join(scratch_folder(), name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                abort();
}
