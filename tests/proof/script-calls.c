/*
 * What a script can ask of policyd
 */

#include "policyd/pool/each.h"
#include "tests/proof/script-private.h"
#include "tests/proof/work.h"

#define SAY(s, format, ...)                                                                                  \
        history_add(&(s)->world->history, "client call=%llu " format, (unsigned long long) (s)->world->calls, \
                ##__VA_ARGS__)

static bool begin_call(Script *s) {
        s->world->calls++;
        s->answer[0] = '\0';
        if (!s->world->policy)
                script_broken(s, "policyd does not run");
        return s->world->policy;
}

static void play_join(Script *s, char *const *words, unsigned n) {
        work_begin(s->world);
        world_run(s->world, 5 * SECOND);
}

static void play_add(Script *s, char *const *words, unsigned n) {
        Refusal refusal = {};
        char address[32];
        Host *h;

        if (!begin_call(s))
                return;
        (void) snprintf(address, sizeof(address), "unix:path=/h%u", script_machine(s, words[0])->number);
        SAY(s, "add-host host=%s", words[0]);
        came_of(s->world, hosts_add(s->world->policy, n > 1 ? words[1] : words[0], address, "", &h, &refusal), &refusal);
}

static void add_vgpu(Script *s, Vm *v, const char *type) {
        Refusal refusal = {};
        Object *t = NULL;
        char name[64];
        Vgpu *vgpu;

        (void) snprintf(name, sizeof(name), "GRID %s", type);
        if (!begin_call(s))
                return;
        if (!streq(type, "whole") && pool_find(script_pool(s), CLASS_VGPU_TYPE, name, &t) < 0) {
                script_broken(s, "there is no type %s", type);
                return;
        }
        SAY(s, "create-vgpu vm=%s type=%s", UUID_TEXT(&v->object.id), type);
        came_of(s->world,
                vgpus_create(s->world->policy, v, script_pool(s)->objects[CLASS_GPU_GROUP].items[0], (VgpuType *) t, NULL, "",
                        &vgpu, &refusal),
                &refusal);
}

/* vm NAME TYPE…: each type is one of its GPUs. */
static void play_vm(Script *s, char *const *words, unsigned n) {
        char record[512];
        Refusal refusal = {};
        Vm *v = NULL;
        int r;

        if (!begin_call(s) || s->n_vms == VMS_MAX)
                return;
        (void) snprintf(record, sizeof(record), "{\"name_label\":\"%s\"," WORK_CONFIG "}", words[0]);
        r = vms_create(s->world->policy, record, &v, &refusal);
        SAY(s, "create-vm vm=%s", v ? UUID_TEXT(&v->object.id) : "none");
        came_of(s->world, r, &refusal);
        if (!v)
                return;
        s->vms[s->n_vms].id = v->object.id;
        (void) snprintf(s->vms[s->n_vms++].name, sizeof(s->vms->name), "%s", words[0]);
        for (unsigned i = 1; i < n; i++)
                add_vgpu(s, v, words[i]);
}

static void note_job(Script *s, const char *what, const char *name, const Job *j) {
        ScriptVm *v = script_named(s, name);

        SAY(s, "%s vm=%s job=%s", what, UUID_TEXT(&v->id), j ? UUID_TEXT(&j->object.id) : "none");
        v->job = j ? j->object.id : UUID_NULL;
}

static Vm *vm_to_call(Script *s, const char *name) {
        Vm *v = begin_call(s) ? script_vm(s, name) : NULL;

        if (!v && s->world->policy)
                script_broken(s, "there is no VM %s", name);
        return v;
}

static void start(Script *s, const char *name, StartOptions options) {
        Vm *v = vm_to_call(s, name);
        Refusal refusal = {};
        Job *j = NULL;
        int r;

        if (!v)
                return;
        r = vms_start(s->world->policy, v, &options, &j, &refusal);
        note_job(s, "start", name, j);
        came_of(s->world, r, &refusal);
}

/* start NAME [HOST] */
static void play_start(Script *s, char *const *words, unsigned n) {
        start(s, words[0], (StartOptions){.on = n > 1 && s->world->policy ? script_host(s, words[1]) : NULL});
}

/* With what the first reservation holds. */
static void play_start_reserved(Script *s, char *const *words, unsigned n) {
        const PtrArray *all = s->world->policy ? &script_pool(s)->objects[CLASS_RESERVATION] : NULL;

        start(s, words[0], (StartOptions){.reservation = all && all->n > 0 ? all->items[0] : NULL});
}

static void stop(Script *s, const char *name, bool force) {
        Vm *v = vm_to_call(s, name);
        Refusal refusal = {};
        Job *j = NULL;
        int r;

        if (!v)
                return;
        r = vms_shutdown(s->world->policy, v, force, &j, &refusal);
        note_job(s, force ? "hard-shutdown" : "shutdown", name, j);
        came_of(s->world, r, &refusal);
}

static void play_shutdown(Script *s, char *const *words, unsigned n) {
        stop(s, words[0], /* force= */ false);
}

static void play_hard_shutdown(Script *s, char *const *words, unsigned n) {
        stop(s, words[0], /* force= */ true);
}

static void play_cancel(Script *s, char *const *words, unsigned n) {
        const ScriptVm *v = script_named(s, words[0]);
        Job *j = v && begin_call(s) ? pool_get(script_pool(s), CLASS_JOB, &v->job) : NULL;
        Refusal refusal = {};
        int r;

        if (!j)
                return;
        r = jobs_cancel(s->world->policy, j, &refusal);
        SAY(s, "cancel job=%s", UUID_TEXT(&v->job));
        came_of(s->world, r, &refusal);
}

static void play_destroy(Script *s, char *const *words, unsigned n) {
        Vm *v = vm_to_call(s, words[0]);
        Refusal refusal = {};
        int r;

        if (!v)
                return;
        SAY(s, "destroy-vm vm=%s", UUID_TEXT(&v->object.id));
        r = vms_destroy(s->world->policy, v, &refusal);
        came_of(s->world, r, &refusal);
}

/* Calls on a host of the pool. */
static void call_host(Script *s, const char *what, const char *name, int (*call)(Policy *p, Host *h, Refusal *refusal)) {
        Host *h = begin_call(s) ? script_host(s, name) : NULL;
        Refusal refusal = {};
        int r;

        if (!h)
                return;
        SAY(s, "%s host=%s", what, name);
        r = call(s->world->policy, h, &refusal);
        came_of(s->world, r, &refusal);
}

static void play_remove(Script *s, char *const *words, unsigned n) {
        call_host(s, "remove-host", words[0], hosts_remove);
}

static void play_reconnect(Script *s, char *const *words, unsigned n) {
        call_host(s, "reconnect", words[0], hosts_reconnect);
}

static void play_declare_dead(Script *s, char *const *words, unsigned n) {
        call_host(s, "declare-dead", words[0], hosts_declare_dead);
}

/* reserve TYPE COUNT SECONDS */
static void play_reserve(Script *s, char *const *words, unsigned n) {
        Refusal refusal = {};
        Reservation *made;
        char name[64];
        Object *t;

        if (!begin_call(s))
                return;
        (void) snprintf(name, sizeof(name), "GRID %s", words[0]);
        if (pool_find(script_pool(s), CLASS_VGPU_TYPE, name, &t) < 0) {
                script_broken(s, "there is no type %s", words[0]);
                return;
        }
        SAY(s, "reserve type=%s", words[0]);
        came_of(s->world,
                reservations_create(s->world->policy, "reserved", script_pool(s)->objects[CLASS_GPU_GROUP].items[0],
                        (VgpuType *) t, (uint32_t) strtoul(words[1], NULL, 10), strtoull(words[2], NULL, 10), "",
                        &made, &refusal),
                &refusal);
}

const Verb script_calls[] = {
        {"join", 0, 0, play_join},
        {"add", 1, 2, play_add},
        {"vm", 1, 10, play_vm},
        {"start", 1, 2, play_start},
        {"start-reserved", 1, 1, play_start_reserved},
        {"shutdown", 1, 1, play_shutdown},
        {"hard-shutdown", 1, 1, play_hard_shutdown},
        {"cancel", 1, 1, play_cancel},
        {"destroy", 1, 1, play_destroy},
        {"remove", 1, 1, play_remove},
        {"reconnect", 1, 1, play_reconnect},
        {"declare-dead", 1, 1, play_declare_dead},
        {"reserve", 3, 3, play_reserve},
        {},
};
