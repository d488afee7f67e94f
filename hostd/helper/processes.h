#pragma once

/*
 * Processes, as one VM's machine uses them
 *
 * Watching for their end, ending them, and running a helper: what process-watch.h and helper-process.h do, behind
 * ops, so that a test can take the place of the processes.
 */

#include "hostd/helper/helper-process.h"
#include "common/daemon/process-watch.h"

typedef struct Processes Processes;

/* Each as the function of the same purpose. What was begun is given up by forget() or end_helper(), which take NULL and
 * return it. */
typedef struct ProcessOps {
        int (*watch)(Processes *p, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret);
        int (*end)(Processes *p, const ProcessId *id, uint64_t grace_us, ProcessEnded ended, void *userdata,
                ProcessWatch **ret);
        ProcessWatch *(*forget)(ProcessWatch *w);
        int (*start_helper)(
                Processes *p, const HelperWork *work, HelperDone done, void *userdata, HelperProcess **ret);
        HelperProcess *(*end_helper)(HelperProcess *h);
} ProcessOps;

struct Processes {
        const ProcessOps *ops;
};

/* The real ones. */
typedef struct EventProcesses {
        Processes processes;
        sd_event *event; /* borrowed */
} EventProcesses;

EventProcesses event_processes(sd_event *event);
