/*
 * The world of the tests
 */

#include "tests/unit/policyd-service/world.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/lmdb/table.h"

static void on_changed(const Object *o, void *userdata) {
        ((World *) userdata)->n_changed++;
}

static void on_job_new(const Job *j, void *userdata) {
        ((World *) userdata)->n_job_new++;
}

static void on_job_removed(const Job *j, const char *result, void *userdata) {
        World *w = userdata;

        w->n_job_removed++;
        snprintf(w->last_result, sizeof(w->last_result), "%s", result);
}

static void on_rebuilt(void *userdata) {
        ((World *) userdata)->n_rebuilt++;
}

static void on_status(void *userdata) {
        ((World *) userdata)->n_status++;
}

static void on_stale(const char *message, void *userdata) {
        ((World *) userdata)->n_stale++;
}

static const PolicyListener listener = {
        .changed = on_changed,
        .job_new = on_job_new,
        .job_removed = on_job_removed,
        .rebuilt = on_rebuilt,
        .status = on_status,
        .stale = on_stale,
};

static void on_committed(ErrorCode code, const char *message, void *userdata) {
        World *w = userdata;

        w->committed = code;
        snprintf(w->committed_message, sizeof(w->committed_message), "%s", strempty(message));
}

World *world_new(void) {
        World *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        assert_int_equal(sim_loop_new(1, &w->sim), 0);
        snprintf(w->dir, sizeof(w->dir), "/tmp/xenvgpu-test-XXXXXX");
        assert_non_null(mkdtemp(w->dir));
        /* No time to linger: at rest means committed. */
        w->options = (PolicyOptions){
                .map_size = 1 << 20,
                .map_max = 16 << 20,
                .batch_max = 256,
                .job_keep_usec = UINT64_C(3600000000),
                .jobs_max_finished = 1000,
                .order_timeout_usec = UINT64_C(45000000),
                .place_last_usec = UINT64_C(600000000),
        };
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                w->options.limits[c] = 10000;
        return w;
}

static void state_dir(World *w, char ret[static 96]) {
        snprintf(ret, 96, "%s/%u", w->dir, w->n_dirs);
}

int world_open(World *w) {
        state_dir(w, w->state_dir);
        w->database = db_in_folder(w->state_dir);
        assert_int_equal(mkdir_parents(w->state_dir, 0700), 0);
        w->options.loop = sim_loop_of(w->sim);
        w->options.links = &fake_links;
        w->options.database = w->memory ? sim_db_source(w->memory) : &w->database;
        return policy_new(&w->options, &listener, w, &w->policy);
}

void world_start(World *w) {
        assert_int_equal(world_open(w), 0);
        assert_int_equal(policy_start(w->policy), 0);
        world_run(w);
}

World *world_free(World *w) {
        w->policy = policy_free(w->policy);
        refusal_done(&w->refusal);
        sim_loop_free(w->sim);
        remove_tree(w->dir);
        fake_reset();
        free(w);
        return NULL;
}

bool world_step(World *w) {
        return fake_step() || sim_loop_turn(w->sim);
}

void world_run(World *w) {
        for (unsigned i = 0; i < 100000; i++)
                if (!world_step(w))
                        return;
        fail_msg("The world does not come to rest");
}

void world_run_for(World *w, uint64_t usec) {
        uint64_t end = loop_now(sim_loop_of(w->sim), LOOP_MONOTONIC) + usec;

        do
                world_run(w);
        while (sim_loop_pass(w->sim, end));
}

void world_restart(World *w) {
        w->policy = policy_free(w->policy);
        world_start(w);
}

static void copy_dir(const char *from, const char *to) {
        char command[512];

        snprintf(command, sizeof(command), "rm -rf %s && cp -r %s %s", to, from, to);
        assert_int_equal(system(command), 0);
}

static void copy_path(World *w, char ret[static 96]) {
        snprintf(ret, 96, "%s/copy", w->dir);
}

void world_crash(World *w) {
        char from[96], to[96];

        state_dir(w, from);
        w->n_dirs++;
        state_dir(w, to);
        copy_dir(from, to);
        w->policy = policy_free(w->policy);
        world_start(w);
}

void world_copy(World *w) {
        char from[96], to[96];

        state_dir(w, from);
        copy_path(w, to);
        copy_dir(from, to);
}

static void no_progress(void) {
}

void world_backup(World *w) {
        char to[96], file[112];
        uint64_t bytes;
        int fd, status;
        pid_t child;

        copy_path(w, to);
        remove_tree(to);
        assert_int_equal(mkdir_parents(to, 0700), 0);
        snprintf(file, sizeof(file), "%s/data.mdb", to);
        fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
                _exit(policy_write_backup(w->policy, UINT64_C(1700000000000000), fd, no_progress, &bytes) <
                        0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        policy_backup_ended(w->policy);
        close(fd);
}

void world_restore(World *w) {
        char from[96], to[96];

        w->policy = policy_free(w->policy);
        w->n_dirs++;
        copy_path(w, from);
        state_dir(w, to);
        copy_dir(from, to);
        world_start(w);
}

/* Looking */

static void *find(World *w, ObjectClass c, const char *name) {
        Object *o;

        assert_int_equal(pool_find(policy_pool(w->policy), c, name, &o), 0);
        return o;
}

Host *world_host(World *w, const char *name) {
        return find(w, CLASS_HOST, name);
}

VgpuType *world_type(World *w, const char *model) {
        return find(w, CLASS_VGPU_TYPE, model);
}

GpuGroup *world_group(World *w, const char *name) {
        return find(w, CLASS_GPU_GROUP, name);
}

Vm *world_vm(World *w, const Uuid *id) {
        Vm *vm = pool_get(policy_pool(w->policy), CLASS_VM, id);

        assert_non_null(vm);
        return vm;
}

Job *world_job(World *w, const Uuid *id) {
        Job *j = pool_get(policy_pool(w->policy), CLASS_JOB, id);

        assert_non_null(j);
        return j;
}

Vgpu *world_vgpu(World *w, const Uuid *vm, size_t index) {
        return world_vm(w, vm)->vgpus.items[index];
}

static void check_agreement(const Vm *vm) {
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                if (vm->booking == BOOKING_NONE) {
                        assert_null(v->scheduled_on);
                        assert_null(v->resident_on);
                        assert_false(v->currently_attached);
                } else if (vm->booking == BOOKING_RESIDENT) {
                        assert_null(v->scheduled_on);
                        assert_ptr_equal(v->resident_on->host, vm->resident_on);
                        assert_true(ptr_array_contains(&v->resident_on->vgpus, v));
                } else
                        assert_true(v->scheduled_on || v->resident_on);
        }
        assert_int_equal(vm->booking == BOOKING_NONE, uuid_is_null(&vm->token));
}

const char *world_vm_state(World *w, const Uuid *id) {
        const Vm *vm = world_vm(w, id);

        check_agreement(vm);
        if (vm->booking == BOOKING_RESIDENT) {
                assert_non_null(vm->resident_on);
                assert_null(vm->scheduled_on);
                return power_state_to_string(vm->power_state);
        }
        assert_null(vm->resident_on);
        assert_int_equal(vm->power_state, POWER_HALTED);
        assert_int_equal(vm->booking != BOOKING_NONE, vm->scheduled_on != NULL);
        return vm->booking == BOOKING_NONE ? "halted" : booking_state_to_string(vm->booking);
}

const char *world_job_state(World *w, const Uuid *id) {
        static char text[96];
        const Job *j = world_job(w, id);

        snprintf(text, sizeof(text), "%s%s%s", job_state_to_string(j->state), j->error ? " " : "",
                j->error ? error_code_word(j->error) : "");
        return text;
}

/* Asking */

static ErrorCode outcome(World *w, int r);

ErrorCode world_request(World *w, int r) {
        w->committed = _ERROR_MAX;
        return outcome(w, r);
}

/* Groups that together are larger than the map may become, each past the service, which takes no such texts.
 */
void world_fail_next_commit(World *w) {
        const size_t size = 3 << 20;
        char *big = malloc(size + 1);

        assert_non_null(big);
        memset(big, 'x', size);
        big[size] = '\0';
        for (size_t i = 0; i < 8; i++) {
                GpuGroup *g;

                assert_int_equal(groups_create(w->policy, "too big", "", &g, fresh(w)), 0);
                assert_int_equal(w->refusal.code, ERROR_NONE);
                assert_int_equal(text_set(&g->name_description, big), 1);
        }
        free(big);
        assert_int_equal(policy_flush(w->policy), -EIO);
}

Refusal *fresh(World *w) {
        refusal_done(&w->refusal);
        w->refusal = (Refusal){};
        w->committed = _ERROR_MAX;
        return &w->refusal;
}

/* A refusal, or what the commit says. */
static ErrorCode outcome(World *w, int r) {
        assert_true(r >= 0);
        if (w->refusal.code != ERROR_NONE) {
                assert_non_null(w->refusal.message);
                return w->refusal.code;
        }
        assert_int_equal(policy_when_committed(w->policy, on_committed, w), 0);
        policy_flush(w->policy);
        assert_int_not_equal(w->committed, _ERROR_MAX);
        return w->committed;
}

static FakeHost *add_k1(World *w, const char *name) {
        FakeHost *h = fake_host_add(name);

        fake_k1_add(h);
        assert_int_equal(world_add_host(w, h), ERROR_NONE);
        assert_int_equal(world_host(w, name)->state, HOST_ONLINE);
        return h;
}

World *world_of_one_k1(FakeHost **ret) {
        World *w = world_new();

        world_start(w);
        *ret = add_k1(w, "alpha");
        return w;
}

World *world_of_two_k1(FakeHost **ret_a, FakeHost **ret_b) {
        World *w = world_of_one_k1(ret_a);

        *ret_b = add_k1(w, "beta");
        return w;
}

ErrorCode world_add_host(World *w, FakeHost *h) {
        ErrorCode code;
        Host *host;
        int r;

        r = hosts_add(w->policy, h->name, h->address, "", &host, fresh(w));
        code = outcome(w, r);
        world_run(w);
        return code;
}

Uuid world_create_vm(World *w, const char *name) {
        char record[512];
        Uuid id;
        Vm *vm = NULL;
        int r;

        snprintf(record, sizeof(record), "{\"name_label\":\"%s\"," VM_CONFIG "}", name);
        r = vms_create(w->policy, record, &vm, fresh(w));
        assert_int_equal(w->refusal.code, ERROR_NONE);
        id = vm->object.id;
        assert_int_equal(outcome(w, r), ERROR_NONE);
        return id;
}

ErrorCode world_create_vgpu(World *w, const Uuid *vm, const char *model, const char *device) {
        VgpuType *type = world_type(w, model);
        Vgpu *v;

        assert_true(type->n_supported_on > 0);
        return outcome(
                w, vgpus_create(w->policy, world_vm(w, vm), type_next_pgpu(type, /* supported= */ true, &(size_t){0})->group,
                           type, device, "", &v, fresh(w)));
}

Uuid world_create_vm_with(World *w, const char *name, const char *model, unsigned n_vgpus) {
        Uuid id = world_create_vm(w, name);

        for (unsigned i = 0; i < n_vgpus; i++)
                assert_int_equal(world_create_vgpu(w, &id, model, NULL), ERROR_NONE);
        return id;
}

ErrorCode world_start_vm_on(World *w, const Uuid *vm, const char *host, Uuid *ret_job) {
        StartOptions options = {.on = host ? world_host(w, host) : NULL};
        Job *j = NULL;
        Uuid id = UUID_NULL;
        int r;

        r = vms_start(w->policy, world_vm(w, vm), &options, &j, fresh(w));
        if (j)
                id = j->object.id;
        if (ret_job)
                *ret_job = id;
        return outcome(w, r);
}

ErrorCode world_start_vm(World *w, const Uuid *vm, Uuid *ret_job) {
        return world_start_vm_on(w, vm, NULL, ret_job);
}

ErrorCode world_shutdown(World *w, const Uuid *vm, bool force, Uuid *ret_job) {
        Job *j = NULL;
        int r;

        r = vms_shutdown(w->policy, world_vm(w, vm), force, &j, fresh(w));
        if (ret_job && j)
                *ret_job = j->object.id;
        return outcome(w, r);
}

ErrorCode world_cancel(World *w, const Uuid *job) {
        return outcome(w, jobs_cancel(w->policy, world_job(w, job), fresh(w)));
}
