#pragma once

/*
 * The frame of a daemon
 *
 * Event loop with SIGTERM/SIGINT (clean stop), SIGHUP (reload callback), watchdog and sd_notify; folders from
 * $STATE_DIRECTORY, $RUNTIME_DIRECTORY, $CONFIGURATION_DIRECTORY (first element), or the options
 * --state=, --runtime=, --config=FILE, or the defaults given; --help, --version, --verbose.
 */

#include <systemd/sd-event.h>

#include "common/macros.h"

typedef struct DaemonInfo {
        const char *name;    /* "xenvgpu-hostd" */
        const char *summary; /* one line for --help */
        const char *default_state, *default_runtime, *default_config;
} DaemonInfo;

typedef struct Daemon {
        sd_event *event;
        char *state_dir, *runtime_dir;
        char *config_path; /* the file to read settings from; may not exist */
        const char *const *extra_args; /* what the frame did not take, NULL-terminated: KEY=VALUE settings */
} Daemon;

/* Parses the arguments; returns 0 to go on, 1 when --help or --version was served, negative (already printed) on error. */
int daemon_init(Daemon *d, const DaemonInfo *info, int argc, char **argv);
void daemon_done(Daemon *d);

void daemon_ready(Daemon *d, const char *status);                       /* READY=1 STATUS=… */
void daemon_status(Daemon *d, const char *format, ...) _printf_(2, 3);  /* STATUS=… */
int daemon_run(Daemon *d);                                              /* until a signal or sd_event_exit(); the exit code */
