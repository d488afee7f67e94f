/*
 * policyd's settings: a file and arguments are taken, or refused as a whole
 */

#include "policyd/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/settings.h"

static void load(const char *path, const char *const *args) {
        PolicydSettings s = {};

        if (settings_init(policyd_settings, n_policyd_settings, &s) < 0)
                abort();
        if (settings_load(policyd_settings, n_policyd_settings, "policyd", path, args, &s) >= 0 && policyd_settings_check(&s) >= 0) {
                PolicyOptions policy;
                LinkSettings link;
                BusOptions bus;

                policyd_settings_apply(&s, &policy, &link, &bus);
                if (!s.bus || !s.ssh || policy.map_max < policy.map_size)
                        abort();
        }
        settings_done(policyd_settings, n_policyd_settings, &s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        settings_feed(data, size, load);
        return 0;
}
