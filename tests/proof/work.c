/*
 * A workload: what clients ask of policyd
 *
 * Each call has a number. The history says what was asked, then whether it was refused, or acknowledged after its commit, or
 * failed with it; of a call that a crash leaves without an answer it says no more.
 */

#include <inttypes.h>

#include "common/base/strbuf.h"
#include "policyd/pool/each.h"
#include "tests/proof/work.h"

typedef struct Asked {
        World *world;
        uint64_t number;
} Asked;

static void on_committed(ErrorCode code, const char *message, void *userdata) {
        Asked *a = userdata;
        World *w = a->world;

        if (!w->crashing && code == ERROR_NONE)
                history_add(&w->history, "client call=%" PRIu64 " acked", a->number);
        else if (!w->crashing)
                history_add(&w->history, "client call=%" PRIu64 " failed code=%s", a->number, error_code_word(code));
        free(a);
}

void came_of(World *w, int r, Refusal *refusal) {
        Asked *a;

        if (r < 0)
                history_add(&w->history, "client call=%" PRIu64 " error=%s", w->calls, strerror(-r));
        else if (refusal->code != ERROR_NONE)
                history_add(&w->history, "client call=%" PRIu64 " refused code=%s", w->calls,
                        error_code_word(refusal->code));
        else {
                a = calloc(1, sizeof(*a));
                *a = (Asked){.world = w, .number = w->calls};
                if (policy_when_committed(w->policy, on_committed, a) < 0)
                        free(a);
        }
        refusal_done(refusal);
}

static void *any(World *w, ObjectClass c) {
        const PtrArray *a = &policy_pool(w->policy)->objects[c];

        return a->n > 0 ? a->items[chance_between(&w->dice, 0, a->n - 1)] : NULL;
}

#define SAY(w, format, ...) history_add(&(w)->history, "client call=%" PRIu64 " " format, (w)->calls, ##__VA_ARGS__)

static const char *any_name(World *w) {
        static const char *const names[] = {"a", "Zoë", "vm with blanks", "日本語", "", "a\"b\\c", "e\xcc\x81", "<&>",
                "-x", "\xf0\x9f\x98\x80", "\xff\xfe", "line\nbreak"};

        return names[chance_between(&w->dice, 0, ARRAY_SIZE(names) - 1)];
}

static const char *any_owner(World *w) {
        return chance(&w->dice, 500) ? "anna" : "bob";
}

/* VMs */

static void create_vgpu(World *w, Vm *vm) {
        VgpuType *type = any(w, CLASS_VGPU_TYPE);
        GpuGroup *group = any(w, CLASS_GPU_GROUP);
        Refusal refusal = {};
        Vgpu *v = NULL;
        int r;

        if (!vm || !type || !group)
                return;
        r = vgpus_create(w->policy, vm, group, type->size == 0 ? NULL : type, NULL, "", &v, &refusal);
        SAY(w, "create-vgpu vm=%s type=%s", UUID_TEXT(&vm->object.id), type->model_name);
        came_of(w, r, &refusal);
}

static void call_create_vm(World *w) {
        char record[512];
        Refusal refusal = {};
        Vm *vm = NULL;
        int r;

        (void) snprintf(record, sizeof(record), "{\"name_label\":\"vm-%" PRIu64 "\"," WORK_CONFIG "}", w->calls);
        r = vms_create(w->policy, record, &vm, &refusal);
        SAY(w, "create-vm vm=%s", vm ? UUID_TEXT(&vm->object.id) : "none");
        came_of(w, r, &refusal);
        for (uint64_t n = chance_between(&w->dice, 0, 9); vm && n > 1; n /= 3) {
                w->calls++;
                create_vgpu(w, vm);
        }
}

static void call_create_vgpu(World *w) {
        create_vgpu(w, any(w, CLASS_VM));
}

static void say_job(World *w, const char *what, const Vm *vm, const Job *j) {
        SAY(w, "%s vm=%s job=%s", what, UUID_TEXT(&vm->object.id), j ? UUID_TEXT(&j->object.id) : "none");
}

static void start(World *w, const char *what, StartOptions options) {
        Vm *vm = any(w, CLASS_VM);
        Refusal refusal = {};
        Job *j = NULL;
        int r;

        if (!vm)
                return;
        r = vms_start(w->policy, vm, &options, &j, &refusal);
        say_job(w, what, vm, j);
        came_of(w, r, &refusal);
}

static void call_start(World *w) {
        start(w, "start", (StartOptions){});
}

static void call_start_on(World *w) {
        start(w, "start-on", (StartOptions){.on = any(w, CLASS_HOST)});
}

static void call_start_reserved(World *w) {
        start(w, "start-reserved", (StartOptions){.reservation = any(w, CLASS_RESERVATION)});
}

static void call_dry_run(World *w) {
        start(w, "dry-run", (StartOptions){.dry_run = true});
}

static void shut_down(World *w, const char *what, bool force) {
        Vm *vm = any(w, CLASS_VM);
        Refusal refusal = {};
        Job *j = NULL;
        int r;

        if (!vm)
                return;
        r = vms_shutdown(w->policy, vm, force, &j, &refusal);
        say_job(w, what, vm, j);
        came_of(w, r, &refusal);
}

static void call_shutdown(World *w) {
        shut_down(w, "shutdown", /* force= */ false);
}

static void call_hard_shutdown(World *w) {
        shut_down(w, "hard-shutdown", /* force= */ true);
}

static void call_cancel(World *w) {
        Refusal refusal = {};
        Job *found = NULL;
        int r;

        for_each(Job, j, &policy_pool(w->policy)->objects[CLASS_JOB])
                if (!job_state_is_final(j->state) && (!found || chance(&w->dice, 400)))
                        found = j;
        if (!found)
                found = any(w, CLASS_JOB);
        if (!found)
                return;
        r = jobs_cancel(w->policy, found, &refusal);
        SAY(w, "cancel job=%s", UUID_TEXT(&found->object.id));
        came_of(w, r, &refusal);
}

/* Calls on one object of a class. */
#define DEFINE_CALL(name, word, CLASS, Type, o, call)                                                        \
        static void name(World *w) {                                                                         \
                Type *o = any(w, CLASS);                                                                     \
                Refusal refusal = {};                                                                        \
                char id[UUID_TEXT_MAX];                                                                      \
                int r;                                                                                       \
                                                                                                             \
                if (!o)                                                                                      \
                        return;                                                                              \
                uuid_to_string(&o->object.id, id);                                                           \
                r = call;                                                                                    \
                SAY(w, word "=%s", id);                                                                      \
                came_of(w, r, &refusal);                                                                     \
        }

DEFINE_CALL(call_destroy_vm, "destroy-vm vm", CLASS_VM, Vm, o, vms_destroy(w->policy, o, &refusal))
DEFINE_CALL(call_rename_vm, "rename-vm vm", CLASS_VM, Vm, o, vms_set_names(w->policy, o, any_name(w), NULL, &refusal))
DEFINE_CALL(call_own_vm, "set-owner vm", CLASS_VM, Vm, o, vms_set_owner(w->policy, o, any_owner(w), &refusal))
DEFINE_CALL(call_destroy_vgpu, "destroy-vgpu vgpu", CLASS_VGPU, Vgpu, o, vgpus_destroy(w->policy, o, &refusal))
DEFINE_CALL(call_enable_host, "enable-host host", CLASS_HOST, Host, o,
        hosts_set_enabled(w->policy, o, chance(&w->dice, 750), &refusal))
DEFINE_CALL(call_reconnect, "reconnect host", CLASS_HOST, Host, o, hosts_reconnect(w->policy, o, &refusal))
DEFINE_CALL(call_algorithm, "set-algorithm group", CLASS_GPU_GROUP, GpuGroup, o,
        groups_set_algorithm(w->policy, o,
                group_algorithm_to_string((GroupAlgorithm) chance_between(&w->dice, 0, _GROUP_ALGORITHM_MAX - 1)), &refusal))
DEFINE_CALL(call_destroy_group, "destroy-group group", CLASS_GPU_GROUP, GpuGroup, o,
        groups_destroy(w->policy, o, &refusal))
DEFINE_CALL(call_clear_health, "clear-health pgpu", CLASS_PGPU, Pgpu, o, pgpus_clear_health(w->policy, o, &refusal))
DEFINE_CALL(call_destroy_reservation, "destroy-reservation reservation", CLASS_RESERVATION, Reservation, o,
        reservations_destroy(w->policy, o, &refusal))
DEFINE_CALL(call_destroy_quota, "destroy-quota quota", CLASS_QUOTA, Quota, o, quotas_destroy(w->policy, o, &refusal))

/* The rest of the pool */

static void call_reserve(World *w) {
        VgpuType *type = any(w, CLASS_VGPU_TYPE);
        GpuGroup *group = any(w, CLASS_GPU_GROUP);
        Reservation *made = NULL;
        Refusal refusal = {};
        int r;

        if (!type || !group)
                return;
        r = reservations_create(w->policy, any_name(w), group, type, (uint32_t) chance_between(&w->dice, 0, 6),
                chance_between(&w->dice, 0, 120), any_owner(w), &made, &refusal);
        SAY(w, "reserve type=%s", type->model_name);
        came_of(w, r, &refusal);
}

static void call_quota(World *w) {
        Quota *made = NULL;
        Refusal refusal = {};
        int r;

        r = quotas_create(w->policy, chance(&w->dice, 300) ? OWNER_ANY : any_owner(w), any(w, CLASS_GPU_GROUP),
                chance_between(&w->dice, 0, 20), QUOTA_UNLIMITED, &made, &refusal);
        SAY(w, "create-quota");
        came_of(w, r, &refusal);
}

static void call_create_group(World *w) {
        GpuGroup *made = NULL;
        Refusal refusal = {};
        int r;

        r = groups_create(w->policy, any_name(w), "", &made, &refusal);
        SAY(w, "create-group");
        came_of(w, r, &refusal);
}

static void call_move_pgpu(World *w) {
        Pgpu *pgpu = any(w, CLASS_PGPU);
        Refusal refusal = {};
        int r;

        if (!pgpu)
                return;
        r = pgpus_set_group(w->policy, pgpu, any(w, CLASS_GPU_GROUP), &refusal);
        SAY(w, "set-group pgpu=%s", pgpu->name);
        came_of(w, r, &refusal);
}

static void call_types(World *w) {
        Pgpu *pgpu = any(w, CLASS_PGPU);
        VgpuType *types[8];
        Refusal refusal = {};
        size_t n = 0;
        Asked *a;
        int r;

        if (!pgpu)
                return;
        for_each(VgpuType, t, &pgpu->supported)
                if (n < ARRAY_SIZE(types) && chance(&w->dice, 800))
                        types[n++] = t;
        SAY(w, "enable-types pgpu=%s n=%zu", pgpu->name, n);
        a = calloc(1, sizeof(*a));
        *a = (Asked){.world = w, .number = w->calls};
        r = pgpus_set_enabled(w->policy, pgpu, types, n, on_committed, a, &refusal);
        if (r < 0 || refusal.code != ERROR_NONE) {
                free(a);
                came_of(w, r, &refusal);
        }
}

/* An operator says so of machines that are off, and is right. */
static void call_declare_dead(World *w) {
        Refusal refusal = {};
        int r;

        for_each(Host, h, &policy_pool(w->policy)->objects[CLASS_HOST]) {
                unsigned number;

                if (sscanf(h->address, "unix:path=/h%u", &number) != 1 || w->machines[number].is_on ||
                        h->state == HOST_ONLINE)
                        continue;
                SAY(w, "declare-dead host=%s", h->name_label);
                r = hosts_declare_dead(w->policy, h, &refusal);
                came_of(w, r, &refusal);
                return;
        }
}

static void call_read(World *w) {
        _cleanup_free_ char *list = NULL, *capacity = NULL, *explanation = NULL;
        ObjectClass c = (ObjectClass) chance_between(&w->dice, 0, _CLASS_MAX - 1);
        Refusal refusal = {};
        int r, k, l = 0;
        Vm *vm;

        policy_flush(w->policy);
        vm = any(w, CLASS_VM);
        r = policy_list(w->policy, c, NULL, 0, 0, 1000, &list, &refusal);
        k = policy_capacity(w->policy, &capacity);
        if (vm)
                l = vms_explain(w->policy, vm, &(StartOptions){}, &explanation);
        SAY(w, "read class=%d results=%d,%d,%d bytes=%zu,%zu,%zu", (int) c, r, k, l, list ? strlen(list) : 0,
                capacity ? strlen(capacity) : 0, explanation ? strlen(explanation) : 0);
        refusal_done(&refusal);
}

static const struct {
        unsigned weight;
        void (*call)(World *w);
} calls[] = {
        {12, call_create_vm},
        {4, call_create_vgpu},
        {40, call_start},
        {6, call_start_on},
        {4, call_start_reserved},
        {3, call_dry_run},
        {14, call_shutdown},
        {10, call_hard_shutdown},
        {8, call_cancel},
        {9, call_destroy_vm},
        {3, call_destroy_vgpu},
        {2, call_rename_vm},
        {2, call_own_vm},
        {3, call_enable_host},
        {2, call_reconnect},
        {2, call_algorithm},
        {1, call_create_group},
        {1, call_destroy_group},
        {1, call_move_pgpu},
        {2, call_clear_health},
        {3, call_reserve},
        {2, call_destroy_reservation},
        {1, call_quota},
        {1, call_destroy_quota},
        {3, call_types},
        {4, call_declare_dead},
        {3, call_read},
};

void work_call(World *w) {
        uint64_t sum = 0, at;

        for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                sum += calls[i].weight;
        at = chance_between(&w->dice, 0, sum - 1);
        w->calls++;
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                if (at < calls[i].weight) {
                        calls[i].call(w);
                        return;
                }
                at -= calls[i].weight;
        }
}

void work_begin(World *w) {
        for (unsigned i = 0; i < w->n_machines; i++) {
                Refusal refusal = {};
                char address[32];
                Host *h;
                int r;

                (void) snprintf(address, sizeof(address), "unix:path=/h%u", i);
                w->calls++;
                r = hosts_add(w->policy, w->machines[i].name, address, &h, &refusal);
                SAY(w, "add-host host=%s", w->machines[i].name);
                came_of(w, r, &refusal);
        }
}
