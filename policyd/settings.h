#pragma once

/*
 * policyd's settings: section [policyd] of its file, or --set=KEY=VALUE
 */

#include "common/daemon/settings.h"
#include "policyd/bus/bus.h"
#include "policyd/link/link.h"

typedef struct PolicydSettings {
        char *bus, *ssh, *group;
        uint64_t logins_max;
        uint64_t connect_timeout, call_timeout, keepalive, retry_max, order_timeout, place_last; /* µs */
        uint64_t map_size, map_max;                                                  /* bytes */
        uint64_t batch_max, requests_max;
        uint64_t job_keep, jobs_max; /* µs; jobs */
        uint64_t limits[_CLASS_MAX];
} PolicydSettings;

extern const Setting policyd_settings[];
extern const size_t n_policyd_settings;

int policyd_settings_read(const char *path, const char *const *args, PolicydSettings *settings);
/* Again for a daemon that runs: time limits and numbers change, the rest with a restart. If there is a mistake, all stays as it
 * is. Logs what it did. */
int policyd_settings_reload(const char *path, const char *const *args, PolicydSettings *running);
/* Checks what the table cannot; logs and returns -EINVAL. The options' texts belong to the settings. */
int policyd_settings_check(const PolicydSettings *s);
void policyd_settings_apply(
        const PolicydSettings *s, PolicyOptions *ret_policy, LinkSettings *ret_link, BusOptions *ret_bus);
