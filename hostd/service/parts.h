#pragma once

/*
 * The parts of this machine that a host is built on: sd-event, the store, systemd or plain processes, run folders
 */

#include "hostd/service/host.h"

/* Logs why it cannot; what is open then is closed by host_parts_close(). */
int host_parts_open(HostParts *p, sd_event *event, const HostSettings *settings, const char *state_dir,
        const char *runtime_dir);
void host_parts_close(HostParts *p);
