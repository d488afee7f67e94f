#pragma once

/*
 * A child process that the loop owns: freeing its source kills and reaps it
 */

#include <systemd/sd-event.h>

#include "common/base/macros.h"

/* If it cannot be watched, it is killed and reaped, and the reason is returned. */
int child_watch(sd_event *event, pid_t pid, sd_event_child_handler_t ended, void *userdata, sd_event_source **ret);
