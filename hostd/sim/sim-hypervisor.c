/*
 * The simulated hypervisor
 *
 * A domain is a folder (hostd/sim/sim-folder.h), some keys in xenstore as libxl writes them, and a process
 * group led by the device model. Everything of it survives us, and is found again by the VM's uuid.
 */

#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "common/base/text.h"
#include "common/json/json-get.h"
#include "hostd/helper/folder-watch.h"
#include "common/daemon/process-watch.h"
#include "hostd/hypervisor/emulator-watch.h"
#include "hostd/hypervisor/long-operation.h"
#include "hostd/run/xenstore.h"
#include "hostd/sim/sim-folder.h"
#include "hostd/sim/sim-hypervisor.h"
#include "hostd/sim/sim-launch.h"

#define DEVICE_MODEL_STATE "/local/domain/0/device-model/%" PRIu32 "/state"
#define DEVICE_MODEL_TIMEOUT (60 * UINT64_C(1000000)) /* libxl's own */
#define DEVICE_MODEL_GRACE (5 * UINT64_C(1000000))

typedef struct SimHypervisor {
        Hypervisor hypervisor; /* first */
        char *dir, *dm;
        XenStore *xs;
        sd_event_source *xs_source;
        uint32_t domid;

        LongOperation operation; /* create or destroy */
        bool creating;
        LoopTimer *patience; /* with a device model that does not come up */
        ProcessWatch *device_model;
        LongOperation unpausing;

        GuestChanged changed;
        void *changed_userdata;
        FolderWatch *folder_watch;
        LoopTimer *first_look;
        GuestState last;
} SimHypervisor;

static SimHypervisor *sim(Hypervisor *h) {
        return CONTAINER_OF(h, SimHypervisor, hypervisor);
}

/* Takes over the sentence. */
static void finish(SimHypervisor *s, int result, char *error) {
        if (s->creating)
                (void) xenstore_unwatch(s->xs, DEVICE_MODEL_STATE, s->domid);
        s->creating = false;
        loop_timer_stop(s->patience);
        s->device_model = process_watch_free(s->device_model);
        long_operation_end(&s->operation, s->hypervisor.loop, result, error);
}

static int sim_check(Hypervisor *h, struct json_object *config, char **ret_error) {
        return sim_check_memory(sim(h)->dir, config, ret_error);
}

static uint32_t sim_domid(Hypervisor *h) {
        return sim(h)->domid;
}

/* 1. create: folder, xenstore, device model. */

static int write_xenstore(SimHypervisor *s, struct json_object *config) {
        const char *uuid = json_object_get_string(JSON_AT(config, "c_info", "uuid"));
        const char *name = json_object_get_string(JSON_AT(config, "c_info", "name"));
        const char *memory = json_object_get_string(JSON_AT(config, "b_info", "max_memkb"));
        char vm[64], domain[32], libxl[32], domid[16];
        int r = 0;

        (void) snprintf(domid, sizeof(domid), "%" PRIu32, s->domid);
        (void) snprintf(domain, sizeof(domain), "/local/domain/%" PRIu32, s->domid);
        (void) snprintf(libxl, sizeof(libxl), "/libxl/%" PRIu32, s->domid);
        (void) snprintf(vm, sizeof(vm), "/vm/%s", uuid);

        const struct {
                const char *folder, *key, *value;
        } keys[] = {
                /* Where the stand-ins find the simulated host: the emulator gets no variables. */
                { "/lab", "sim-dir", s->dir },
                { vm, "uuid", uuid },
                { vm, "name", name },
                { domain, "name", name },
                { domain, "vm", vm },
                { domain, "domid", domid },
                { domain, "memory/static-max", memory ?: "0" },
                { libxl, "type", "hvm" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(keys) && r >= 0; i++)
                r = xenstore_write(s->xs, keys[i].value, "%s/%s", keys[i].folder, keys[i].key);
        return r;
}

static int on_xenstore(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static void on_device_model_late(void *userdata);
static void on_device_model_died(int status, void *userdata);

static int launch_device_model(SimHypervisor *s, struct json_object *config) {
        _cleanup_(strv_freep) char **arguments = NULL;
        _cleanup_close_ int gate = -1;
        char pid[16];
        ProcessId id;
        int r;

        r = sim_build_dm_arguments(s->dm, s->domid, config, &arguments);
        if (r >= 0)
                r = sim_fork_dm(arguments, s->domid, &id, &gate);
        if (r < 0)
                return r;

        /* Watched before it may run: until it is released it ends by itself when we give up. */
        r = process_watch_new(s->hypervisor.event, &id, on_device_model_died, s, &s->device_model);
        if (r >= 0)
                r = sim_domain_write_device_model(s->dir, s->domid, &id);
        (void) snprintf(pid, sizeof(pid), "%d", id.pid);
        if (r >= 0)
                r = xenstore_write(s->xs, pid, "/local/domain/%" PRIu32 "/image/device-model-pid", s->domid);
        if (r >= 0)
                r = xenstore_watch(s->xs, DEVICE_MODEL_STATE, s->domid);
        if (r >= 0)
                r = loop_call_in(s->hypervisor.loop, &s->patience, DEVICE_MODEL_TIMEOUT, on_device_model_late, s);
        if (r >= 0)
                r = sim_release_dm(&gate);
        return r;
}

static int sim_create(Hypervisor *h, struct json_object *config, HypervisorDone done, void *userdata) {
        SimHypervisor *s = sim(h);
        char *error = NULL;
        int r;

        if (s->operation.running)
                return -EBUSY;
        s->domid = 0;
        long_operation_begin(&s->operation, done, userdata);
        s->creating = true;

        r = sim_domain_make(s->dir, config, &s->domid, &error);
        if (r >= 0)
                r = write_xenstore(s, config);
        if (r >= 0)
                r = launch_device_model(s, config);
        if (r < 0)
                finish(s, r, error ?: text_printf("The domain could not be built: %s.", strerror(-r)));
        return 0;
}

/* 2. It comes up, dies, is late, or is not wanted any more. */

static int on_xenstore(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        _cleanup_free_ char *state = NULL;
        SimHypervisor *s = userdata;
        int r;

        r = xenstore_drain(s->xs);
        if (r < 0)
                return r;
        if (!s->creating || xenstore_read(s->xs, &state, DEVICE_MODEL_STATE, s->domid) < 0 ||
                !streq(state, "running"))
                return 0;

        r = sim_domain_write_state(s->dir, s->domid, GUEST_PAUSED);
        finish(s, r, r < 0 ? strdup("The new domain's state could not be written.") : NULL);
        return 0;
}

static void on_device_model_died(int status, void *userdata) {
        finish(userdata, -ECHILD, text_printf("The device model %s before it was up.",
                                          process_status_to_text(status, (char[80]){})));
}

static void on_device_model_late(void *userdata) {
        finish(userdata, -ECHILD, strdup("The device model was not up after 60 seconds."));
}

static void sim_cancel_create(Hypervisor *h) {
        SimHypervisor *s = sim(h);

        if (s->creating)
                finish(s, -ECANCELED, strdup("The start was cancelled."));
}

/* 3. It lives: unpaused, watched, asked to leave. */

static int sim_unpause(Hypervisor *h, HypervisorDone done, void *userdata) {
        SimHypervisor *s = sim(h);
        GuestState state;
        int r;

        if (s->operation.running || s->unpausing.running)
                return -EBUSY;
        r = sim_domain_read_state(s->dir, s->domid, &state);
        if (r >= 0 && state == GUEST_PAUSED)
                r = sim_domain_write_state(s->dir, s->domid, GUEST_RUNNING);
        if (r < 0)
                return r;
        long_operation_begin(&s->unpausing, done, userdata);
        long_operation_end(&s->unpausing, s->hypervisor.loop, 0, NULL);
        return 0;
}

static int sim_ask_shutdown(Hypervisor *h) {
        return xenstore_write(
                sim(h)->xs, "poweroff", "/local/domain/%" PRIu32 "/control/shutdown", sim(h)->domid);
}

static int sim_crash(Hypervisor *h) {
        return sim_domain_write_state(sim(h)->dir, sim(h)->domid, GUEST_CRASH);
}

static void notify_state(void *userdata) {
        SimHypervisor *s = userdata;
        GuestState state;

        if (sim_domain_read_state(s->dir, s->domid, &state) < 0 || state == s->last)
                return;
        s->last = state;
        s->changed(state, s->changed_userdata);
}

static void on_folder(const char *name_or_null, void *userdata) {
        notify_state(userdata);
}

static void sim_unwatch(Hypervisor *h) {
        sim(h)->folder_watch = folder_watch_free(sim(h)->folder_watch);
        loop_timer_stop(sim(h)->first_look);
}

static int sim_watch(Hypervisor *h, GuestChanged changed, void *userdata) {
        SimHypervisor *s = sim(h);
        _cleanup_free_ char *folder = NULL;
        int r;

        sim_unwatch(h);
        s->changed = changed;
        s->changed_userdata = userdata;
        s->last = _GUEST_STATE_INVALID;
        folder = sim_domain_folder(s->dir, s->domid);
        if (!folder)
                return -ENOMEM;

        r = folder_watch_new(s->hypervisor.event, folder, IN_MOVED_TO | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF,
                on_folder, s, &s->folder_watch);
        /* A folder that has gone already cannot be watched, but its end must be told. */
        if (r < 0 && r != -ENOENT)
                return r;
        return loop_call_soon(s->hypervisor.loop, &s->first_look, notify_state, s);
}

/* 4. destroy: the device model ends, then what is left of its group, then the keys and the folder. */

static void remove_all(SimHypervisor *s) {
        static const char *const folders[] = { "/local/domain", "/local/domain/0/device-model", "/libxl" };
        _cleanup_free_ char *vm = NULL;
        int r = 0;

        if (s->domid > 0) {
                (void) xenstore_read(s->xs, &vm, "/local/domain/%" PRIu32 "/vm", s->domid);
                for (size_t i = 0; i < ARRAY_SIZE(folders) && r >= 0; i++)
                        r = xenstore_remove(s->xs, "%s/%" PRIu32, folders[i], s->domid);
                if (r >= 0 && vm && startswith(vm, "/vm/"))
                        r = xenstore_remove(s->xs, "%s", vm);
        }
        if (r >= 0)
                r = sim_domain_remove(s->dir, s->domid);
        finish(s, r, r < 0 ? strdup("What belonged to the domain could not be removed.") : NULL);
}

static void on_device_model_ended(int status, void *userdata) {
        remove_all(userdata);
}

static int sim_destroy(Hypervisor *h, HypervisorDone done, void *userdata) {
        SimHypervisor *s = sim(h);
        ProcessId id;
        int r = -ENOENT;

        if (s->operation.running)
                return -EBUSY;
        long_operation_forget(&s->unpausing);
        sim_unwatch(h);
        long_operation_begin(&s->operation, done, userdata);

        if (s->domid > 0)
                r = sim_domain_read_device_model(s->dir, s->domid, &id);
        if (r >= 0)
                r = process_end_new(
                        s->hypervisor.event, &id, DEVICE_MODEL_GRACE, on_device_model_ended, s, &s->device_model);
        if (r < 0)
                remove_all(s);
        return 0;
}

/* 5. Found again after our own death. */

static int sim_find(Hypervisor *h, const Uuid *uuid, GuestState *ret) {
        SimHypervisor *s = sim(h);
        uint32_t domid;
        int r;

        r = sim_domain_find(s->dir, uuid, &domid);
        if (r >= 0)
                r = sim_domain_read_state(s->dir, domid, ret);
        if (r >= 0)
                s->domid = domid;
        return r;
}

static int sim_device_model(Hypervisor *h, ProcessId *ret) {
        return sim_domain_read_device_model(sim(h)->dir, sim(h)->domid, ret);
}

static Hypervisor *sim_free(Hypervisor *h) {
        SimHypervisor *s = sim(h);

        sim_unwatch(h);
        hypervisor_unwatch_emulator(h);
        long_operation_done(&s->operation);
        long_operation_done(&s->unpausing);
        (void) loop_timer_free(s->patience);
        (void) loop_timer_free(s->first_look);
        (void) process_watch_free(s->device_model);
        sd_event_source_disable_unref(s->xs_source);
        (void) xenstore_close(s->xs);
        free(s->dir);
        free(s->dm);
        free(s);
        return NULL;
}

static const HypervisorOps sim_ops = {
        .check_memory = sim_check,
        .create = sim_create,
        .cancel_create = sim_cancel_create,
        .domid = sim_domid,
        .unpause = sim_unpause,
        .ask_shutdown = sim_ask_shutdown,
        .crash = sim_crash,
        .destroy = sim_destroy,
        .watch = sim_watch,
        .unwatch = sim_unwatch,
        .watch_emulator = hypervisor_watch_emulator,
        .unwatch_emulator = hypervisor_unwatch_emulator,
        .find = sim_find,
        .device_model = sim_device_model,
        .free = sim_free,
};

int sim_hypervisor_new(sd_event *event, Loop *loop, const char *dir, const char *dm, Hypervisor **ret) {
        SimHypervisor *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->hypervisor.ops = &sim_ops;
        s->hypervisor.event = event;
        s->hypervisor.loop = loop;
        s->dir = strdup(dir);
        s->dm = strdup(dm);
        if (!s->dir || !s->dm || setenv("XENVGPU_SIM_DIR", dir, /* overwrite= */ 1) < 0) {
                (void) sim_free(&s->hypervisor);
                return -ENOMEM;
        }

        r = xenstore_open(&s->xs);
        if (r >= 0)
                r = sd_event_add_io(event, &s->xs_source, xenstore_fd(s->xs), EPOLLIN, on_xenstore, s);
        if (r < 0) {
                (void) sim_free(&s->hypervisor);
                return r;
        }
        *ret = &s->hypervisor;
        return 0;
}
