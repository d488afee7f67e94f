/*
 * xenvgpu-domain: holds one VM's domain
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>

#include "common/daemon/event-loop.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/domain/domain.h"
#include "hostd/helper/native-driver.h"
#include "hostd/helper/passthrough.h"
#include "common/daemon/process-watch.h"
#include "hostd/helper/virtual-function.h"
#include "hostd/run/division.h"
#include "hostd/libxl/libxl-assign.h"
#include "hostd/libxl/libxl-dump.h"
#include "hostd/libxl/libxl-end.h"
#include "hostd/libxl/libxl-hypervisor.h"
#include "hostd/run/program.h"
#include "hostd/sim/sim-folder.h"
#include "hostd/sim/sim-hypervisor.h"

#define LOCK_TRIES 20
#define LOCK_PAUSE_NS 50000000L

/*
 * -EBUSY: another instance holds the folder. A lock of the process and not of the open file, since libxl's
 * children, which do not all execute something, would go on holding the latter after our death. One that was
 * just killed may still take a moment to be gone.
 */
static int lock_folder(const char *folder, int *ret) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        _cleanup_free_ char *path = path_join(folder, "lock");
        _cleanup_close_ int fd = -1;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        for (int i = 0; fcntl(fd, F_SETLK, &lock) < 0; i++) {
                if (errno != EAGAIN && errno != EACCES)
                        return -errno;
                if (i == LOCK_TRIES)
                        return -EBUSY;
                (void) nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_NS }, NULL);
        }
        *ret = take_fd(fd);
        return 0;
}

/* Before the wait for the folder: a SIGTERM that comes in it stays pending until run() listens. */
static int set_up_process(const DomainProgram *p) {
        sigset_t mask;

        /* The emulator is no child of the device model: as an orphan it comes to us. */
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return -errno;
        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        sigaddset(&mask, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -errno;
        return dm_settings_export(p);
}

/* Everything outside that a domain uses, on one loop. */
typedef struct Parts {
        sd_event *event;
        EventProcesses processes;
        Loop *loop;
        Hypervisor *hypervisor;
        RunFolder *folder;
        Domain *domain;
} Parts;

static void parts_done(Parts *p) {
        (void) domain_free(p->domain);
        (void) event_folder_free(p->folder);
        (void) hypervisor_free(p->hypervisor);
        (void) event_loop_free(p->loop);
        sd_event_unref(p->event);
}

static int open_hypervisor(const DomainProgram *p, Parts *parts) {
        sd_event *event = parts->event;
        int r;

        r = streq(p->hypervisor, "libxl") ? libxl_hypervisor_new(event, parts->loop, p->folder, &parts->hypervisor)
                                          : sim_hypervisor_new(event, parts->loop, p->sim_dir, p->dm, &parts->hypervisor);
        return r < 0 ? log_errno(r, "Cannot reach the hypervisor (%s) and its xenstore", p->hypervisor) : 0;
}

static int make_domain(const DomainProgram *p, Parts *parts) {
        DomainWorld world = { .program = p, .processes = &parts->processes.processes };
        int r;

        parts->processes = event_processes(parts->event);
        r = event_folder_new(parts->event, p->folder, &parts->folder);
        if (r >= 0)
                r = process_id_of(getpid(), &world.self);
        if (r < 0)
                return r;
        world.loop = parts->loop;
        world.hypervisor = parts->hypervisor;
        world.folder = parts->folder;
        return domain_new(&world, &parts->domain);
}

static void on_child_reaped(pid_t pid, int status, void *userdata) {
        hypervisor_child_reaped(userdata, pid, status);
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        domain_wind_up(userdata);
        return 0;
}

static int run(const DomainProgram *p) {
        _cleanup_(parts_done) Parts parts = {};
        int r;

        r = sd_event_new(&parts.event);
        if (r >= 0)
                r = event_loop_new(parts.event, &parts.loop);
        if (r < 0)
                return log_errno(r, "Cannot set up the process");
        r = open_hypervisor(p, &parts);
        if (r >= 0)
                r = make_domain(p, &parts);
        if (r >= 0)
                r = reaper_attach(parts.event, on_child_reaped, parts.hypervisor);
        if (r >= 0)
                r = sd_event_add_signal(parts.event, NULL, SIGTERM, on_terminate, parts.domain);
        if (r >= 0)
                r = domain_begin(parts.domain);
        return r < 0 ? r : sd_event_loop(parts.event);
}

int main(int argc, char **argv) {
        _cleanup_close_ int lock = -1;
        _cleanup_free_ char *error = NULL;
        DomainProgram program;
        int r;

        if (argc == 2 && streq(argv[1], "--version")) {
                (void) puts("xenvgpu-domain " XENVGPU_VERSION);
                return EXIT_SUCCESS;
        }
        if (argc == 2 && streq(argv[1], "--help")) {
                (void) puts("xenvgpu-domain holds one VM's domain; xenvgpu-hostd starts it. Arguments: "
                            "hostd/run/program.h.");
                return EXIT_SUCCESS;
        }

        log_setup("xenvgpu-domain", LOG_INFO);
        if (argc >= 2 && (streq(argv[1], PASSTHROUGH_TAKE) || streq(argv[1], PASSTHROUGH_GIVE_BACK)))
                return assign_main(argc, argv);
        if (argc >= 2 && streq(argv[1], CORE_DUMP_VERB))
                return core_dump_main(argc, argv, libxl_dump_core, sim_dump_core);
        if (argc >= 2 && streq(argv[1], END_DOMAIN_VERB))
                return end_domain_main(argc, argv, libxl_end_domain, sim_end_domain);
        if (argc >= 2 && streq(argv[1], NATIVE_DRIVER_VERB))
                return native_driver_main(argc, argv, assign_leave_pciback);
        if (argc >= 2 && (streq(argv[1], VIRTUAL_FUNCTION_VERB) || streq(argv[1], VIRTUAL_FUNCTION_UNDIVIDE_VERB) ||
                                 streq(argv[1], VIRTUAL_FUNCTION_FREE_VERB) || streq(argv[1], DIVISION_LOOK_VERB)))
                return virtual_function_main(argc, argv);
        if (domain_program_parse_argv(argv, &program, &error) < 0) {
                log_error("%s", strempty(error));
                return EXIT_FAILURE;
        }
        log_set_context(program_log_field(program.folder, (char[PROGRAM_LOG_FIELD_MAX]){}));
        if (!streq(program.hypervisor, "simulated") && !streq(program.hypervisor, "libxl")) {
                log_error("There is no hypervisor '%s': use libxl or simulated.", program.hypervisor);
                return EXIT_FAILURE;
        }
        r = set_up_process(&program);
        if (r < 0) {
                (void) log_errno(r, "Cannot set up the process");
                return EXIT_FAILURE;
        }
        r = lock_folder(program.folder, &lock);
        if (r == -EBUSY) {
                log_error("Another xenvgpu-domain holds %s.", program.folder);
                return DOMAIN_PROGRAM_EXIT_BUSY;
        }
        if (r < 0)
                (void) log_errno(r, "Cannot lock %s", program.folder);
        else
                r = run(&program);
        return r < 0 ? EXIT_FAILURE : r;
}
