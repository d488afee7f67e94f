#pragma once

/*
 * What a piece of code writes to stderr, as a text
 */

#include <fcntl.h>
#include <sys/mman.h>

#include "common/io/file.h"
#include "tests/unit/common/test.h"

typedef struct Capture {
        int file, saved;
} Capture;

static inline Capture capture_begin(int target) {
        Capture c = { .file = memfd_create("captured", MFD_CLOEXEC), .saved = fcntl(target, F_DUPFD_CLOEXEC, 3) };

        assert_true(c.file >= 0 && c.saved >= 0);
        fflush(NULL);
        assert_int_equal(dup2(c.file, target), target);
        return c;
}

/* The caller frees it. */
static inline char *capture_end(Capture *c, int target) {
        char path[32], *text = NULL;

        fflush(NULL);
        assert_int_equal(dup2(c->saved, target), target);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", c->file);
        assert_ok(file_read(path, 1 << 20, &text, NULL));
        close(c->file);
        close(c->saved);
        return text;
}
