#pragma once

/*
 * The connection to a VM's program
 *
 * One connection to the socket in the VM's run folder (hostd/run/run-record.h). The program sends its run
 * record on connecting and after each change; we send stop commands. A line that does not parse, or never
 * ends, closes the link.
 */

#include <systemd/sd-event.h>

#include "hostd/run/run-record.h"

typedef struct RunLink RunLink;

typedef struct RunLinkHandlers {
        /* Either may close the link. The receiver may take the record's texts by clearing it. */
        void (*record)(RunRecord *record, void *userdata);
        /* The other end closed (0), or sent what is no run record (negative). The link is closed by the
         * receiver. */
        void (*lost)(int result, void *userdata);
} RunLinkHandlers;

/* -ENOENT, -ECONNREFUSED: nobody listens (yet). */
int run_link_open(
        sd_event *event, const char *folder, const RunLinkHandlers *handlers, void *userdata, RunLink **ret);
RunLink *run_link_close(RunLink *link);
DEFINE_CLEANUP(RunLink *, run_link_close)

/* -EPIPE, -EAGAIN, … when the program does not read it. */
int run_link_send_stop(RunLink *link, const Uuid *token, bool force);
