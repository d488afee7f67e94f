#pragma once

/*
 * What the tests of hostd's edge share: a folder that each test gets and leaves empty behind it
 */

#include "common/io/file.h"
#include "tests/unit/hostd-core/test.h"

/* The name lives until the next call. */
static inline _unused_ const char *in_folder(void **state, const char *name) {
        static char path[512];

        snprintf(path, sizeof(path), "%s/%s", (const char *) *state, name);
        return path;
}

static inline _unused_ void write_file(void **state, const char *name, const char *text) {
        _cleanup_free_ char *path = strdup(in_folder(state, name));
        char *slash = strrchr(path, '/');

        *slash = '\0';
        assert_ok(mkdir_parents(path, 0700));
        *slash = '/';
        assert_ok(file_write_atomic(path, text, strlen(text), 0600));
}

static inline _unused_ int folder_comes(void **state) {
        char name[] = "/tmp/xenvgpu-edge-XXXXXX";

        *state = mkdtemp(name) ? strdup(name) : NULL;
        return *state ? 0 : -1;
}

static inline _unused_ int folder_goes(void **state) {
        int r = remove_tree(*state);

        free(*state);
        return r;
}

#define IN_FOLDER(function) cmocka_unit_test_setup_teardown(function, folder_comes, folder_goes)
#define CASE_IN_FOLDER(id, function)                                                                         \
        { .name = (id), .test_func = (function), .setup_func = folder_comes, .teardown_func = folder_goes }
