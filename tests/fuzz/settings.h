#pragma once

/*
 * Settings as a target reads them: the first byte says whether the rest is a file or one argument a line
 */

#include "tests/fuzz/scratch.h"

#define ARGUMENTS_MAX 32

typedef void (*SettingsLoad)(const char *path, const char *const *args);

static inline void settings_feed(const uint8_t *data, size_t size, SettingsLoad load) {
        _cleanup_free_ char *text = size > 0 ? strndup((const char *) data + 1, size - 1) : NULL;
        _cleanup_free_ char *path = path_join(scratch_folder(), "settings");
        const char *args[ARGUMENTS_MAX + 1] = {};
        char *rest = text;

        if (!text || !path)
                return;
        if (data[0] & 1) {
                scratch_write("settings", data + 1, size - 1);
                load(path, NULL);
                return;
        }
        for (size_t n = 0; rest && n < ARGUMENTS_MAX; n++)
                args[n] = strsep(&rest, "\n");
        load(NULL, args);
}
