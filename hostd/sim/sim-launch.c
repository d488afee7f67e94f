/*
 * Starting the device model of a simulated domain, with the arguments that libxl gives a qemu
 */

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "hostd/sim/sim-launch.h"

#define KIB_PER_MIB 1024

static uint64_t number_of(struct json_object *value, uint64_t fallback) {
        return value ? json_object_get_uint64(value) : fallback;
}

static const char *text_of(struct json_object *value, const char *fallback) {
        return value ? json_object_get_string(value) : fallback;
}

/* In pairs: an option and what it is given. */
static void add_option(StrList *l, const char *option, const char *value) {
        strlist_add(l, option);
        strlist_add(l, value);
}

/* Adds the display device; returns how much video memory it has by libxl's defaults. */
static uint64_t add_display(StrList *a, struct json_object *hvm) {
        const char *kind = text_of(JSON_AT(hvm, "vga", "kind"), "cirrus");

        if (streq(kind, "none"))
                return 0;
        if (streq(kind, "std")) {
                add_option(a, "-device", "VGA,vgamem_mb=16");
                return 16;
        }
        add_option(a, "-device", "cirrus-vga,vgamem_mb=8");
        return 8;
}

static void add_nics(StrList *a, uint32_t domid, struct json_object *nics) {
        size_t n = nics && json_object_is_type(nics, json_type_array) ? json_object_array_length(nics) : 0;

        for (size_t i = 0; i < n; i++) {
                struct json_object *nic = json_object_array_get_idx(nics, i);

                strlist_add(a, "-device");
                strlist_addf(a, "rtl8139,id=nic%zu,netdev=net%zu,mac=%s", i, i,
                        text_of(JSON_AT(nic, "mac"), "00:16:3e:00:00:00"));
                strlist_add(a, "-netdev");
                strlist_addf(a, "type=tap,id=net%zu,ifname=vif%" PRIu32 ".%zu-emu,br=%s,script=no,downscript=no", i,
                        domid, i, text_of(JSON_AT(nic, "bridge"), "xenbr0"));
        }
        if (n == 0) {
                add_option(a, "-net", "none");
        }
}

static void add_extra(StrList *a, struct json_object *extra) {
        size_t n = extra && json_object_is_type(extra, json_type_array) ? json_object_array_length(extra) : 0;

        for (size_t i = 0; i < n; i++)
                strlist_add(a, json_object_get_string(json_object_array_get_idx(extra, i)));
}

int sim_build_dm_arguments(const char *dm, uint32_t domid, struct json_object *config, char ***ret) {
        struct json_object *b_info = JSON_AT(config, "b_info"), *hvm = JSON_AT(b_info, "type.hvm");
        _cleanup_strlist_ StrList a = {};
        uint64_t memory, video;

        strlist_add(&a, dm);
        strlist_add(&a, "-xen-domid");
        strlist_addf(&a, "%" PRIu32, domid);
        strlist_add(&a, "-no-shutdown");
        strlist_add(&a, "-chardev");
        strlist_addf(&a, "socket,id=libxl-cmd,path=/var/run/xen/qmp-libxl-%" PRIu32 ",server=on,wait=off", domid);
        add_option(&a, "-mon", "chardev=libxl-cmd,mode=control");
        strlist_add(&a, "-nodefaults");
        strlist_add(&a, "-no-user-config");
        add_option(&a, "-name", text_of(JSON_AT(config, "c_info", "name"), "domain"));
        add_option(&a, "-vnc", "none");
        add_option(&a, "-display", "none");
        video = add_display(&a, hvm);
        strlist_add(&a, "-boot");
        strlist_addf(&a, "order=%s", text_of(JSON_AT(hvm, "boot"), "cda"));
        add_nics(&a, domid, JSON_AT(config, "nics"));
        add_option(&a, "-machine", "xenfv,suppress-vmdesc=on");
        add_extra(&a, JSON_AT(b_info, "extra_hvm"));

        memory = number_of(JSON_AT(b_info, "max_memkb"), number_of(JSON_AT(b_info, "target_memkb"), 0)) / KIB_PER_MIB;
        video = number_of(JSON_AT(b_info, "video_memkb"), video * KIB_PER_MIB) / KIB_PER_MIB;
        strlist_add(&a, "-m");
        strlist_addf(&a, "%" PRIu64, memory > video ? memory - video : 0);
        return strlist_take(&a, ret);
}

static _Noreturn void run_dm(int gate, char *const *arguments) {
        sigset_t none;
        char go;

        /* Nothing of ours, the lock least of all, may live on in a child whose parent was killed. */
        if (dup2(gate, STDERR_FILENO + 1) < 0)
                _exit(1);
        (void) close_range(STDERR_FILENO + 2, ~0U, 0);
        (void) fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC);
        (void) setpgid(0, 0);
        if (read(STDERR_FILENO + 1, &go, 1) != 1)
                _exit(1);

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) execvp(arguments[0], arguments);
        (void) dprintf(
                STDERR_FILENO, "xenvgpu-domain: cannot execute %s: %s\n", arguments[0], strerror(errno));
        _exit(127);
}

int sim_fork_dm(char *const *arguments, uint32_t domid, ProcessId *ret, int *ret_gate) {
        _cleanup_close_ int read_end = -1, write_end = -1;
        char number[16];
        ProcessId id;
        int pipe_fds[2], r;
        pid_t pid;

        (void) snprintf(number, sizeof(number), "%" PRIu32, domid);
        if (setenv("XEN_DOMAIN_ID", number, /* overwrite= */ 1) < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        read_end = pipe_fds[0];
        write_end = pipe_fds[1];

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                (void) close(write_end);
                run_dm(read_end, arguments);
        }

        /* The child does the same: whoever is first, the group is there before anyone needs it. */
        (void) setpgid(pid, pid);
        r = process_id_of(pid, &id);
        if (r < 0)
                return r;
        *ret = id;
        *ret_gate = take_fd(write_end);
        return 0;
}

int sim_release_dm(int *gate) {
        ssize_t n;

        n = write(*gate, "g", 1);
        *gate = safe_close(*gate);
        return n == 1 ? 0 : -EPIPE;
}
