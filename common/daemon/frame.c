/*
 * The frame of a daemon
 *
 * daemon_init() reads the arguments and the environment and makes the loop; daemon_run() turns it. Signals
 * are blocked and handled by the loop, so that they interrupt no function.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "common/daemon/frame.h"
#include "common/daemon/log.h"
#include "common/io/file.h"

typedef struct Options {
        const char *state, *runtime, *config;
        bool verbose, looks_only;
} Options;

#define FLAGS_MAX 8
#define STATUS_PAUSE UINT64_C(1000000)

static void print_help(const DaemonInfo *info) {
        printf("%s: %s\n\n"
               "Usage: %s [OPTION...]\n\n"
               "  --config=FILE    read settings from FILE (default %s)\n"
               "  --state=DIR      what must survive a reboot (default $STATE_DIRECTORY or %s)\n"
               "  --runtime=DIR    what need not (default $RUNTIME_DIRECTORY or %s)\n"
               "  --set=KEY=VALUE  a setting that overrides the file; may be repeated\n"
               "  --verbose        log more\n"
               "  --version        print the version\n"
               "  --help           print this\n",
                info->name, info->summary, info->name, info->default_config, info->default_state,
                info->default_runtime);
        for (const DaemonFlag *f = info->flags; f && f->name; f++)
                printf("  --%s%s%-*s %s\n", f->name, f->value ? "=" : "", MAX_OF(14 - (int) strlen(f->name) - (f->value ? 1 : 0), 1),
                        f->value ? f->value_name : "", f->help);
        if (info->n_settings > 0)
                printf("\nSettings:\n");
        for (size_t i = 0; i < info->n_settings; i++) {
                const Setting *s = info->settings + i;

                printf("  %-24s %s", s->name, s->help);
                if (!isempty(s->fallback))
                        printf(" (default %s)", s->fallback);
                printf("\n");
        }
}

enum { OPTION_STATE = 256, OPTION_RUNTIME, OPTION_CONFIG, OPTION_SET, OPTION_FLAG };
#define OPTIONS_MAX 8

/* Every daemon's options, then those of this one. */
static void list_options(const DaemonInfo *info, struct option table[static OPTIONS_MAX + FLAGS_MAX]) {
        static const struct option shared[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                { "verbose", no_argument, NULL, 'v' },
                { "state", required_argument, NULL, OPTION_STATE },
                { "runtime", required_argument, NULL, OPTION_RUNTIME },
                { "config", required_argument, NULL, OPTION_CONFIG },
                { "set", required_argument, NULL, OPTION_SET },
        };

        memcpy(table, shared, sizeof(shared));
        for (int i = 0; i < FLAGS_MAX && info->flags && info->flags[i].name; i++)
                table[ARRAY_SIZE(shared) + (size_t) i] =
                        (struct option){ info->flags[i].name, info->flags[i].value ? required_argument : no_argument, NULL,
                                OPTION_FLAG + i };
}

static void take_flag(const DaemonFlag *f, Options *options) {
        if (f->value)
                *f->value = optarg;
        else
                *f->given = true;
        options->looks_only |= f->looks_only;
}

/* 0 to go on, 1 served, -EINVAL. --set values go to d->extra_args, in the order given. */
static int parse_arguments(Daemon *d, const DaemonInfo *info, int argc, char **argv, Options *options) {
        struct option table[OPTIONS_MAX + FLAGS_MAX] = {};
        const char **extra;
        size_t n_extra = 0;
        int c;

        list_options(info, table);
        extra = calloc((size_t) argc + 1, sizeof(*extra));
        if (!extra)
                return log_errno(-ENOMEM, "Failed to read the arguments");
        d->extra_args = extra;

        optind = 0; /* start anew: tests call this more than once */
        while ((c = getopt_long(argc, argv, "hVv", table, NULL)) >= 0)
                switch (c) {
                case 'h':
                        print_help(info);
                        return 1;
                case 'V':
                        printf("%s %s\n", info->name, XENVGPU_VERSION);
                        return 1;
                case 'v':
                        options->verbose = true;
                        break;
                case OPTION_STATE:
                        options->state = optarg;
                        break;
                case OPTION_RUNTIME:
                        options->runtime = optarg;
                        break;
                case OPTION_CONFIG:
                        options->config = optarg;
                        break;
                case OPTION_SET:
                        extra[n_extra++] = optarg;
                        break;
                case OPTION_FLAG ... OPTION_FLAG + FLAGS_MAX - 1:
                        take_flag(&info->flags[c - OPTION_FLAG], options);
                        break;
                default:
                        /* getopt_long() has named the offender. */
                        fprintf(stderr, "See %s --help.\n", info->name);
                        return -EINVAL;
                }

        if (optind < argc) {
                fprintf(stderr, "%s: unexpected argument '%s'; settings are given as --set=KEY=VALUE. See %s --help.\n",
                        info->name, argv[optind], info->name);
                return -EINVAL;
        }
        return 0;
}

/* The option, else the first element of the variable (systemd separates several by colons), else the default. */
static char *choose_path(const char *option, const char *variable, const char *fallback) {
        const char *value = getenv(variable);

        if (option)
                return strdup(option);
        if (!isempty(value))
                return strndup(value, strcspn(value, ":"));
        return strdup(fallback);
}

/* $CONFIGURATION_DIRECTORY names a folder; the file in it is called as the default one. */
static char *choose_config(const char *option, const char *fallback) {
        _cleanup_free_ char *folder = NULL;
        const char *value = getenv("CONFIGURATION_DIRECTORY"), *slash = strrchr(fallback, '/');

        if (option || isempty(value))
                return strdup(option ? option : fallback);

        folder = strndup(value, strcspn(value, ":"));
        return folder ? path_join(folder, slash ? slash + 1 : fallback) : NULL;
}

static int make_folders(Daemon *d, const DaemonInfo *info, const Options *options) {
        int r;

        d->state_dir = choose_path(options->state, "STATE_DIRECTORY", info->default_state);
        d->runtime_dir = choose_path(options->runtime, "RUNTIME_DIRECTORY", info->default_runtime);
        d->config_path = choose_config(options->config, info->default_config);
        if (!d->state_dir || !d->runtime_dir || !d->config_path)
                return log_errno(-ENOMEM, "Failed to set up the folders");
        if (options->looks_only)
                return 0;

        r = mkdir_parents(d->state_dir, 0700);
        if (r < 0)
                return log_errno(r, "Failed to make the state folder %s", d->state_dir);
        r = mkdir_parents(d->runtime_dir, 0755);
        if (r < 0)
                return log_errno(r, "Failed to make the runtime folder %s", d->runtime_dir);
        return 0;
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        log_info("Got signal %s, stopping", si->ssi_signo == SIGINT ? "INT" : "TERM");
        sd_notify(/* unset_environment= */ false, "STOPPING=1\nSTATUS=Stopping");
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static uint64_t now_usec(void) {
        struct timespec now = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * UINT64_C(1000000) + (uint64_t) now.tv_nsec / 1000;
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Daemon *d = userdata;

        if (!d->on_reload) {
                log_info("Got signal HUP; there is nothing to reload, ignoring");
                return 0;
        }

        sd_notifyf(/* unset_environment= */ false, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long) now_usec());
        d->on_reload(d->reload_userdata);
        sd_notify(/* unset_environment= */ false, "READY=1");
        daemon_status_changed(d);
        return 0;
}

static int make_loop(Daemon *d) {
        static const int stop_signals[] = { SIGTERM, SIGINT };
        sigset_t mask;
        int r;

        /* If a peer has closed its end, the write fails; SIGPIPE must not end the daemon. */
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;

        r = sd_event_new(&d->event);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(stop_signals); i++)
                r = sd_event_add_signal(d->event, NULL, stop_signals[i], on_stop_signal, d);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGHUP, on_reload_signal, d);
        if (r >= 0)
                r = sd_event_set_watchdog(d->event, /* b= */ true);
        return r < 0 ? r : 0;
}

int daemon_init(Daemon *d, const DaemonInfo *info, int argc, char **argv) {
        Options options = {};
        int r;

        *d = (Daemon){};
        log_setup(info->name, LOG_INFO);
        r = parse_arguments(d, info, argc, argv, &options);
        if (r != 0)
                goto out;
        if (options.verbose)
                log_setup(info->name, LOG_DEBUG);

        r = make_folders(d, info, &options);
        if (r < 0)
                goto out;
        r = make_loop(d);
        if (r < 0)
                log_errno(r, "Failed to set up the event loop");
out:
        if (r != 0)
                daemon_done(d);
        return r;
}

void daemon_set_reload(Daemon *d, void (*on_reload)(void *userdata), void *userdata) {
        d->on_reload = on_reload;
        d->reload_userdata = userdata;
}

void daemon_done(Daemon *d) {
        sd_event_source_unref(d->status_timer);
        sd_event_unref(d->event);
        free(d->state_dir);
        free(d->runtime_dir);
        free(d->config_path);
        free((void *) d->extra_args);
        *d = (Daemon){};
}

/* The line for "systemctl status" */

void daemon_set_describe(Daemon *d, DaemonDescribe describe, void *userdata) {
        d->describe = describe;
        d->describe_userdata = userdata;
}

/* False: it is the line that was sent last. */
static bool describe_anew(Daemon *d) {
        char line[DAEMON_STATUS_MAX] = "";

        d->describe(line, d->describe_userdata);
        if (streq(line, d->status))
                return false;
        memcpy(d->status, line, sizeof(line));
        d->status_due = now_usec() + STATUS_PAUSE;
        return true;
}

void daemon_ready(Daemon *d) {
        (void) describe_anew(d);
        sd_notifyf(/* unset_environment= */ false, "READY=1\nSTATUS=%s", d->status);
        log_info("%s", d->status);
}

static int on_status_due(sd_event_source *source, uint64_t usec, void *userdata) {
        Daemon *d = userdata;

        if (describe_anew(d))
                sd_notifyf(/* unset_environment= */ false, "STATUS=%s", d->status);
        return 0;
}

void daemon_status_changed(Daemon *d) {
        int enabled = SD_EVENT_OFF, r;

        if (!d->describe || (d->status_timer && sd_event_source_get_enabled(d->status_timer, &enabled) > 0))
                return;
        if (!d->status_timer)
                r = sd_event_add_time(d->event, &d->status_timer, CLOCK_MONOTONIC, d->status_due, /* accuracy= */ 0,
                        on_status_due, d);
        else {
                r = sd_event_source_set_time(d->status_timer, d->status_due);
                if (r >= 0)
                        r = sd_event_source_set_enabled(d->status_timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_errno(r, "Failed to set the timer of the status line, ignoring");
}

int daemon_run(Daemon *d) {
        int r;

        r = sd_event_loop(d->event);
        if (r < 0) {
                log_errno(r, "The event loop failed");
                return EXIT_FAILURE;
        }
        return r;
}
