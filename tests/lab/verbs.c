/*
 * The verbs of xenvgpu-lab
 */

#include <signal.h>
#include <stdio.h>
#include <sys/file.h>

#include "common/io/file.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "tests/lab/fault.h"
#include "tests/lab/guest.h"
#include "tests/lab/lab.h"
#include "tests/lab/leftovers.h"
#include "tests/lab/pool.h"
#include "tests/lab/process.h"
#include "tests/lab/verbs.h"
#include "tests/lab/world.h"

#define TIMEOUT_MS 60000

static int bad_argument(const LabVerb *verb, const char *argument) {
        fprintf(stderr, "xenvgpu-lab: '%s' is not understood\nusage: xenvgpu-lab %s %s\n", argument,
                verb->name, verb->usage);
        return 2;
}

static int status_of(int r) {
        return r < 0 ? 1 : 0;
}

/* --host SPEC, --host=SPEC, --set=DAEMON.NAME=VALUE, --timeout=SECONDS, and the folder wherever it stands. */
typedef struct UpArguments {
        const char *folder;
        const char *const *specs;
        size_t n_specs, longest_name;
        const char **settings; /* "policyd.order_timeout=10s" */
        size_t n_settings;
        unsigned timeout_ms;
} UpArguments;

static bool setting_is_plain(const char *text) {
        const char *name = startswith(text, "policyd.");

        if (!name)
                name = startswith(text, "hostd.");
        return name && strchr(name, '=') && !strchr(name, '\n');
}

static int parse_up(
        const LabVerb *verb, char *const *args, const char **specs, const char **settings, UpArguments *ret) {
        UpArguments a = { .specs = specs, .settings = settings, .timeout_ms = TIMEOUT_MS };

        for (size_t i = 0; args[i]; i++) {
                const char *value;
                uint32_t seconds;

                if ((value = startswith(args[i], "--host=")))
                        specs[a.n_specs++] = value;
                else if (streq(args[i], "--host") && args[i + 1])
                        specs[a.n_specs++] = args[++i];
                else if ((value = startswith(args[i], "--set=")) && setting_is_plain(value))
                        a.settings[a.n_settings++] = value;
                else if ((value = startswith(args[i], "--timeout=")) && parse_u32(value, &seconds) >= 0 &&
                         seconds < 86400)
                        a.timeout_ms = seconds * 1000;
                else if (args[i][0] != '-' && !a.folder)
                        a.folder = args[i];
                else
                        return bad_argument(verb, args[i]);
        }
        if (!a.folder)
                return bad_argument(verb, "up without a folder");
        *ret = a;
        return 0;
}

/* Before anything is made on disk. */
static int check_specs(UpArguments *a) {
        for (size_t i = 0; i < a->n_specs; i++) {
                _cleanup_free_ char *error = NULL;
                HostSpec spec = {};

                if (host_spec_parse(a->specs[i], &spec, &error) < 0)
                        return lab_fail(-EINVAL, "%s", strempty(error));
                a->longest_name = MAX_OF(a->longest_name, strlen(spec.name));
                host_spec_done(&spec);
        }
        return 0;
}

/* The configuration file of one daemon: what was set for it, if anything was. */
static int write_settings(const UpArguments *a, const char *daemon, const char *folder, const char *name) {
        _cleanup_free_ char *path = path_join(folder, name);
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "[%s]\n", daemon);
        for (size_t i = 0; i < a->n_settings; i++) {
                const char *rest = startswith(a->settings[i], daemon);

                if (rest)
                        strbuf_addf(&b, "%s\n", rest + 1);
        }
        if (!path || strbuf_error(&b) < 0)
                return -ENOMEM;
        return file_write_atomic(path, b.text, b.len, 0644);
}

static int write_all_settings(const Lab *lab, const UpArguments *a) {
        _cleanup_free_ char *policyd = path_join(lab->folder, "policyd");
        int r;

        if (a->n_settings == 0)
                return 0;
        r = policyd ? write_settings(a, "policyd", policyd, "policyd.conf") : -ENOMEM;
        for (size_t i = 0; r >= 0 && i < lab->n_hosts; i++)
                r = write_settings(a, "hostd", lab->hosts[i].folder, "hostd.conf");
        return r < 0 ? lab_fail(r, "cannot write the settings of the daemons: %s", strerror(-r)) : 0;
}

static int start_everything(const Lab *lab, const UpArguments *a) {
        unsigned timeout_ms = a->timeout_ms;
        int r;

        r = lab_make_folders(lab);
        if (r >= 0)
                r = write_all_settings(lab, a);
        if (r >= 0)
                r = world_start_master_bus(lab);
        for (size_t i = 0; r >= 0 && i < lab->n_hosts; i++)
                r = world_boot_host(lab, &lab->hosts[i]);
        for (size_t i = 0; r >= 0 && i < lab->n_hosts; i++)
                r = world_start_hostd(lab, &lab->hosts[i]);
        if (r >= 0)
                r = world_start_policyd(lab);
        if (r >= 0)
                r = pool_wait_daemons(lab, timeout_ms);
        if (r >= 0)
                r = pool_add_hosts(lab);
        if (r >= 0)
                r = pool_wait_online(lab, NULL, timeout_ms);
        return r;
}

int verb_up(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        _cleanup_free_ const char **specs = NULL, **settings = NULL;
        UpArguments a;
        size_t n = 0;
        int r;

        while (args[n])
                n++;
        specs = calloc(n + 1, sizeof(char *));
        settings = calloc(n + 1, sizeof(char *));
        if (!specs || !settings)
                return 1;
        r = parse_up(verb, args, specs, settings, &a);
        if (r != 0)
                return r;
        if (check_specs(&a) < 0)
                return 2;

        if (lab_open_or_create(a.folder, a.longest_name, &lab) < 0)
                return 1;
        if (world_is_up(&lab))
                return status_of(lab_fail(-EALREADY,
                        "the lab in %s is up already; `xenvgpu-lab down %s` ends it", lab.folder, a.folder));
        for (size_t i = 0; i < a.n_specs; i++)
                if (lab_add_host(&lab, a.specs[i]) < 0) {
                        r = -EINVAL;
                        break;
                }
        if (r >= 0)
                r = lab_save(&lab);
        if (r < 0) {
                lab_discard(&lab);
                return 1;
        }

        r = start_everything(&lab, &a);
        if (r < 0) {
                lab_fail(r, "the lab did not come up; its logs stay in %s", lab.folder);
                world_end(&lab);
        }
        return status_of(r);
}

int verb_down(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        bool keep = false;
        int r;

        for (size_t i = 1; args[i]; i++) {
                if (!streq(args[i], "--keep"))
                        return bad_argument(verb, args[i]);
                keep = true;
        }
        /* What a script's exit trap does after the script did it already. */
        if (lab_is_down_for_good(args[0]))
                return 0;
        if (lab_open(args[0], &lab) < 0)
                return 1;
        r = world_end(&lab);
        if (r < 0)
                return 1;
        r = lab_remove_sockets(&lab);
        if (r >= 0 && !keep)
                r = lab_reduce_to_logs(&lab);
        return r < 0 ? status_of(lab_fail(r, "cannot empty %s: %s", lab.folder, strerror(-r))) : 0;
}

/* The lock is let go at once: `env` and `exec` look only. */
static int open_for_reading(const char *folder, Lab *ret) {
        int r = lab_open(folder, ret);

        if (r >= 0)
                flock(ret->lock, LOCK_UN);
        return r;
}

/* In single quotes for a shell. */
static void print_export(const char *name, const char *value) {
        printf("export %s='", name);
        for (const char *p = value; *p; p++)
                if (*p == '\'')
                        fputs("'\\''", stdout);
                else
                        putchar(*p);
        puts("'");
}

int verb_env(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;

        if (open_for_reading(args[0], &lab) < 0)
                return 1;
        print_export("XENVGPU_ADDRESS", LAB_ADDRESS(lab.master_socket));
        print_export("XENVGPU_LAB_DIR", lab.folder);
        return 0;
}

int verb_exec(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;

        if (open_for_reading(args[0], &lab) < 0)
                return 1;
        if (setenv("XENVGPU_ADDRESS", LAB_ADDRESS(lab.master_socket), 1) < 0 ||
                setenv("XENVGPU_LAB_DIR", lab.folder, 1) < 0)
                return status_of(lab_fail(-ENOMEM, "out of memory"));
        execvp(args[1], args + 1);
        lab_fail(-errno, "cannot execute %s: %s", args[1], strerror(errno));
        return errno == ENOENT ? 127 : 126;
}

int verb_status(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;

        if (open_for_reading(args[0], &lab) < 0)
                return 1;
        if (!world_is_up(&lab)) {
                printf("the lab in %s is down, with %zu hosts\n", lab.folder, lab.n_hosts);
                return 1;
        }
        pool_print(&lab);
        return 0;
}

static int open_host(char *const *args, Lab *lab, LabHost **ret) {
        int r = lab_open(args[0], lab);

        return r < 0 ? r : lab_find_host(lab, args[1], ret);
}

static int host_end(char *const *args, int signo) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        LabHost *host;

        if (open_host(args, &lab, &host) < 0)
                return 1;
        return status_of(world_end_hostd(&lab, host, signo));
}

int verb_host_stop(const LabVerb *verb, char *const *args) {
        return host_end(args, SIGTERM);
}

int verb_host_kill(const LabVerb *verb, char *const *args) {
        return host_end(args, SIGKILL);
}

static bool is_no_wait(const char *argument) {
        return argument && streq(argument, "--no-wait");
}

/* Others may act on the lab while we wait. */
static int wait_for_host(Lab *lab, const LabHost *host) {
        int r;

        flock(lab->lock, LOCK_UN);
        r = pool_wait_hostd(host, TIMEOUT_MS);
        if (r >= 0 && world_policyd_is_alive(lab))
                r = pool_wait_online(lab, host->spec.name, TIMEOUT_MS);
        return r;
}

/* A host whose power was off boots first. Waits for the pool only where there is one. */
int verb_host_start(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        _cleanup_free_ char *bus = NULL;
        LabHost *host;
        int r = 0;

        if (args[2] && !is_no_wait(args[2]))
                return bad_argument(verb, args[2]);
        if (open_host(args, &lab, &host) < 0)
                return 1;
        bus = path_join(host->folder, "bus.pid");
        if (!bus)
                return status_of(lab_fail(-ENOMEM, "out of memory"));
        if (!process_recorded_alive(bus))
                r = world_boot_host(&lab, host);
        if (r >= 0)
                r = world_start_hostd(&lab, host);
        if (r >= 0 && !args[2])
                r = wait_for_host(&lab, host);
        return status_of(r);
}

/* One more machine for a lab that is up. */
int verb_host_add(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        const LabHost *host;
        size_t n_before;
        int r;

        if (lab_open(args[0], &lab) < 0)
                return 1;
        if (!world_policyd_is_alive(&lab))
                return status_of(
                        lab_fail(-ESRCH, "policyd does not run; `xenvgpu-lab up` takes new hosts too"));
        n_before = lab.n_hosts;
        r = lab_add_host(&lab, args[1]);
        if (r >= 0 && lab.n_hosts == n_before)
                r = lab_fail(-EEXIST, "the lab has this host already");
        if (r < 0)
                return r == -EINVAL ? 2 : 1;
        host = &lab.hosts[n_before];
        r = lab_save(&lab);
        if (r >= 0)
                r = lab_make_folders(&lab);
        if (r >= 0)
                r = world_boot_host(&lab, host);
        if (r >= 0)
                r = world_start_hostd(&lab, host);
        if (r >= 0)
                r = pool_wait_hostd(host, TIMEOUT_MS);
        if (r >= 0)
                r = pool_add_hosts(&lab);
        if (r >= 0)
                r = wait_for_host(&lab, host);
        return status_of(r);
}

static int policyd_end(char *const *args, int signo) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;

        if (lab_open(args[0], &lab) < 0)
                return 1;
        return status_of(world_end_policyd(&lab, signo));
}

int verb_policyd_stop(const LabVerb *verb, char *const *args) {
        return policyd_end(args, SIGTERM);
}

int verb_policyd_kill(const LabVerb *verb, char *const *args) {
        return policyd_end(args, SIGKILL);
}

int verb_policyd_start(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        int r;

        if (args[1] && !is_no_wait(args[1]))
                return bad_argument(verb, args[1]);
        if (lab_open(args[0], &lab) < 0)
                return 1;
        r = world_start_policyd(&lab);
        flock(lab.lock, LOCK_UN);
        if (r >= 0 && !args[1])
                r = pool_wait_policyd(&lab, TIMEOUT_MS);
        return status_of(r);
}

int verb_guest(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;

        if (!guest_action_exists(args[2]))
                return bad_argument(verb, args[2]);
        if (lab_open(args[0], &lab) < 0)
                return 1;
        return status_of(guest_act(&lab, args[1], args[2]));
}

int verb_fault(const LabVerb *verb, char *const *args) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        LabHost *host;
        int r;

        if (open_host(args, &lab, &host) < 0)
                return 1;
        r = fault_play(&lab, host, args[2]);
        return r == -EINVAL ? 2 : status_of(r);
}
