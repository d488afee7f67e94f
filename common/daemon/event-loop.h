#pragma once

/*
 * The loop of a daemon's parts (common/base/loop.h), on sd-event and the kernel's clocks and random bytes
 */

#include <systemd/sd-event.h>

#include "common/base/loop.h"

int event_loop_new(sd_event *event, Loop **ret);
Loop *event_loop_free(Loop *loop); /* after all of its timers */
DEFINE_CLEANUP(Loop *, event_loop_free)
