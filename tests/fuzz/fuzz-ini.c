/*
 * Settings files: any bytes give callbacks with whole texts, and an end
 */

#include "common/base/ini.h"
#include "tests/fuzz/fuzz.h"

static int on_assignment(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        size_t *total = userdata;

        if (!!section != !!key)
                abort();
        *total += strlen(strempty(section)) + strlen(strempty(key)) + strlen(value);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        size_t total = 0;

        ini_parse((const char *) data, size, on_assignment, &total);
        return 0;
}
