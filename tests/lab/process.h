#pragma once

/*
 * The processes of a lab
 *
 * Each is a session of its own with its output in a log, and named by a file NAME that holds its pid and a
 * file NAME.start that holds its start time, so that a pid that was used again is never taken for it. All of
 * them, and whatever they start, carry XENVGPU_LAB=DIR in their environment, so that `down` finds even what
 * no record names.
 */

#include "common/io/pidfd.h"

#define LAB_MARK "XENVGPU_LAB"

typedef struct ProcessStart {
        const char *const *argv;        /* argv[0] is the path */
        const char *const *environment; /* "NAME=value", beside our own; NULL: none */
        const char *pid_file;           /* absolute path */
        const char *log_file;           /* appended to */
        const char *mark;               /* the lab's folder */
} ProcessStart;

/* -ENOENT and the like when it cannot be executed. */
int process_start(const ProcessStart *start);

/* The recorded process; pid 0 when there is none or it is gone. */
ProcessId process_recorded(const char *pid_file);
bool process_recorded_alive(const char *pid_file);

/* Sends the signal, waits until the process is gone, at most timeout_ms, and forgets the record. -ESRCH: was
 * not running; -ETIMEDOUT. */
int process_end(const char *pid_file, int signo, unsigned timeout_ms);

/*
 * Kills every process whose environment has XENVGPU_LAB=mark, and the process groups they lead, until none is
 * left; ours is spared. Returns how many there were.
 */
int process_kill_marked(const char *mark);

/* Path of one of our programs: $XENVGPU_BIN, the build tree, the installed place. Errors are printed. */
int program_find(const char *name, char **ret);
