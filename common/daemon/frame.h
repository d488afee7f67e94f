#pragma once

/*
 * The frame of a daemon
 *
 * Event loop with SIGTERM/SIGINT (clean stop), SIGHUP (reload callback), watchdog and sd_notify; folders from
 * $STATE_DIRECTORY, $RUNTIME_DIRECTORY, $CONFIGURATION_DIRECTORY (first element), or the options
 * --state=, --runtime=, --config=FILE, or the defaults given; --help, --version, --verbose,
 * and --set=KEY=VALUE for settings (repeatable).
 */

#include <systemd/sd-event.h>

#include "common/daemon/settings.h"

/* An option of one program. */
typedef struct DaemonFlag {
        const char *name, *help; /* "self-test"; one line for --help */
        bool *given;             /* set when it is; NULL for one with a value */
        bool looks_only;         /* with it the folders are named and not made */
        const char **value;      /* where its value is put, which belongs to argv; NULL: it has none */
        const char *value_name;  /* "DIR" */
} DaemonFlag;

typedef struct DaemonInfo {
        const char *name;    /* "xenvgpu-hostd" */
        const char *summary; /* one line for --help */
        const char *default_state, *default_runtime, *default_config;
        const Setting *settings; /* listed by --help; may be NULL */
        size_t n_settings;
        const DaemonFlag *flags; /* ended by one without a name; may be NULL */
} DaemonInfo;

/* Writes what the daemon does now, in a line for "systemctl status". */
#define DAEMON_STATUS_MAX 256
typedef void (*DaemonDescribe)(char buf[static DAEMON_STATUS_MAX], void *userdata);

typedef struct Daemon {
        sd_event *event;
        char *state_dir, *runtime_dir;
        char *config_path; /* the file to read settings from; may not exist */
        const char *const *extra_args; /* the --set values, NULL-terminated: KEY=VALUE settings */
        void (*on_reload)(void *userdata); /* private: daemon_set_reload() */
        void *reload_userdata;
        DaemonDescribe describe; /* private: daemon_set_describe() */
        void *describe_userdata;
        char status[DAEMON_STATUS_MAX]; /* as last sent */
        uint64_t status_due;            /* µs: not before; CLOCK_MONOTONIC */
        sd_event_source *status_timer;
} Daemon;

/* Parses the arguments; returns 0 to go on, 1 when --help or --version was served, negative (already printed) on error. */
int daemon_init(Daemon *d, const DaemonInfo *info, int argc, char **argv);
void daemon_done(Daemon *d);

/* Called on SIGHUP, in the loop. It logs what it did. */
void daemon_set_reload(Daemon *d, void (*on_reload)(void *userdata), void *userdata);

/* Before daemon_ready(), which sends and logs the first line: READY=1 STATUS=… */
void daemon_set_describe(Daemon *d, DaemonDescribe describe, void *userdata);
void daemon_ready(Daemon *d);
/* The line may be another now. It is made and sent from the loop, at most once a second, since changes come in bursts. */
void daemon_status_changed(Daemon *d);
int daemon_run(Daemon *d); /* until a signal or sd_event_exit(); the exit code */
