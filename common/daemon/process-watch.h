#pragma once

/*
 * Processes: hearing of their end, and ending them
 *
 * Works for children and for other processes (a pidfd in either case). A child is reaped by its watch;
 * reaper_attach() reaps every other orphan that the kernel hands to us, after the watches had their turn.
 */

#include <systemd/sd-event.h>

#include "common/io/pidfd.h"

typedef struct ProcessWatch ProcessWatch;

/* status: as from waitpid(), or -1 when the process was not our child. The watch is inactive by then; free it
 * any time. */
typedef void (*ProcessEnded)(int status, void *userdata);

/* -ESRCH: it has ended already, nothing is called. */
int process_watch_new(
        sd_event *event, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret);
ProcessWatch *process_watch_free(ProcessWatch *w);
DEFINE_CLEANUP(ProcessWatch *, process_watch_free)

/* SIGTERM now, SIGKILL after grace; ended() is called when it is gone. Watches as above. */
int process_end_new(sd_event *event, const ProcessId *id, uint64_t grace_us, ProcessEnded ended,
        void *userdata, ProcessWatch **ret);

/* reaped() is called for each such orphan; it may be NULL. SIGCHLD must be blocked. */
typedef void (*ChildReaped)(pid_t pid, int status, void *userdata);
int reaper_attach(sd_event *event, ChildReaped reaped, void *userdata);

/* "exited with status 3", "was killed by signal 9 (Killed)", "ended"; buf holds 80 bytes. */
const char *process_status_to_text(int status, char buf[static 80]);
