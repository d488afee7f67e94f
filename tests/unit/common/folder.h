#pragma once

/*
 * A folder of its own for each test, which is the current one while the test runs and goes with it
 */

#include "common/io/file.h"
#include "tests/unit/common/test.h"

static inline int in_new_folder(void **state) {
        char folder[] = "/tmp/xenvgpu-test-XXXXXX";

        if (!mkdtemp(folder))
                return -1;
        *state = strdup(folder);
        return *state ? chdir(folder) : -1;
}

static inline int folder_goes(void **state) {
        int r = chdir("/") < 0 ? -errno : remove_tree(*state);

        free(*state);
        return r;
}

#define TEST_IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, in_new_folder, folder_goes)
