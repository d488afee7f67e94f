#pragma once

/*
 * Processes that are not our children
 *
 * A pid alone may be reused; a ProcessId adds the start time (field 22 of /proc/PID/stat, clock ticks), so
 * that a record on disk names one process for ever on one boot.
 */

#include <sys/types.h>

#include "common/base/macros.h"

typedef struct ProcessId {
        pid_t pid; /* 0: none */
        uint64_t start_time;
} ProcessId;

/* Of the text of /proc/PID/stat, which is cut up: the state's letter, and the start time. -EBADMSG. */
int process_stat_parse(char *text, char *ret_state, uint64_t *ret_start_time);

int process_id_of(pid_t pid, ProcessId *ret);            /* -ESRCH */
bool process_is_alive(const ProcessId *p);               /* a zombie is not alive */
int process_open(const ProcessId *p);                    /* pidfd, or -ESRCH */
int process_signal(const ProcessId *p, int signo);       /* -ESRCH */
