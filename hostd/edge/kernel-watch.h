#pragma once

/*
 * Changes of the host that the kernel reports: network devices and mounts that come and go
 *
 * It reports only that something changed, often several times for one cause; the facts are then read again. A
 * watch that the kernel refuses is logged once and left out.
 */

#include <systemd/sd-event.h>

typedef struct KernelWatch KernelWatch;
typedef void (*KernelChanged)(void *userdata);

/* mountinfo: "/proc/1/mountinfo", the mounts to be told of. -ENOMEM. */
int kernel_watch_new(
        sd_event *event, const char *mountinfo, KernelChanged changed, void *userdata, KernelWatch **ret);
KernelWatch *kernel_watch_free(KernelWatch *w);
