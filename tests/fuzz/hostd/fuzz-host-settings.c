/*
 * hostd's settings: a file and arguments are taken, or refused as a whole
 */

#include "hostd/edge/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/settings.h"

/* A file that others than root may write is read where the command line says that it is a lab. */
static void load(const char *path, const char *const *args) {
        static const char *const lab[] = {"hypervisor=simulated", NULL};
        HostSettings s = {};

        if (host_settings_load(path, args ?: lab, &s) < 0)
                return;
        if (!s.bus || !s.emulator || s.concurrent_starts == 0)
                abort();
        host_settings_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        settings_feed(data, size, load);
        return 0;
}
