#pragma once

/*
 * libxl on our event loop
 *
 * A context whose descriptors and timers live on an sd-event loop, whose messages go to our log, and which
 * reaps no children: libxl gets the ends of its own from libxl_loop_child_reaped().
 */

#include <libxl.h>
#include <libxl_event.h>
#include <systemd/sd-event.h>

#include "hostd/run/libxl-log.h"

typedef struct LibxlLoop {
        sd_event *event;
        Libxl *xl;
} LibxlLoop;

/* -EIO: not root in dom0 of a Xen whose xenstore answers; the log says more. The loop must stay where it is. */
int libxl_loop_init(LibxlLoop *loop, sd_event *event);
void libxl_loop_done(LibxlLoop *loop);

/* A child that was reaped; those that are not libxl's are ignored. */
void libxl_loop_child_reaped(LibxlLoop *loop, pid_t pid, int status);
