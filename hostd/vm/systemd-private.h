#pragma once

/*
 * What systemd.c and systemd-unit.c share
 */

#include "hostd/vm/systemd.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD_NAME ".Manager"

struct SystemdCall {
        Systemd *systemd;
        SystemdCall *prev, *next;
        sd_bus_slot *slot; /* while the reply is awaited */
        char *job;         /* its path, once systemd has named it */
        SystemdJobDone job_done;
        SystemdPropertyRead property_read;
        char type; /* of the property */
        void *userdata;
};

struct Systemd {
        sd_bus *bus;
        SystemdCall *calls;
};

int systemd_new_call(Systemd *s, const char *member, sd_bus_message **ret);
/* Sends the call, whose reply is a job. */
int systemd_call_job(
        Systemd *s, sd_bus_message *m, SystemdJobDone done, void *userdata, SystemdCall **ret);
