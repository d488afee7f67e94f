/*
 * Processes, as one VM's machine uses them: the real ones
 */

#include "hostd/helper/processes.h"

static sd_event *event_of(Processes *p) {
        return CONTAINER_OF(p, EventProcesses, processes)->event;
}

static int watch(Processes *p, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret) {
        return process_watch_new(event_of(p), id, ended, userdata, ret);
}

static int end(Processes *p, const ProcessId *id, uint64_t grace_us, ProcessEnded ended, void *userdata,
        ProcessWatch **ret) {
        return process_end_new(event_of(p), id, grace_us, ended, userdata, ret);
}

static int start_helper(
        Processes *p, const HelperWork *work, HelperDone done, void *userdata, HelperProcess **ret) {
        return helper_process_start(event_of(p), work, done, userdata, ret);
}

static const ProcessOps ops = {
        .watch = watch,
        .end = end,
        .forget = process_watch_free,
        .start_helper = start_helper,
        .end_helper = helper_process_free,
};

EventProcesses event_processes(sd_event *event) {
        return (EventProcesses){ .processes.ops = &ops, .event = event };
}
