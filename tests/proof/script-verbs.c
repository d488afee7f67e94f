/*
 * What a script can say
 *
 * Hosts are h0, h1, …; VMs have the names that the script gave them.
 */

#include "common/base/parse.h"
#include "policyd/pool/each.h"
#include "tests/proof/net-private.h"
#include "tests/proof/script-private.h"
#include "tests/proof/work.h"

#define UNTIL_MAX (600 * SECOND)
#define ANSWER_MAX (30 * SECOND)

static Machine *machine(Script *s, const char *name) {
        for (unsigned i = 0; i < s->world->n_machines; i++)
                if (streq(s->world->machines[i].name, name))
                        return &s->world->machines[i];
        script_broken(s, "there is no host %s", name);
        return &s->world->machines[0];
}

static Pool *pool(Script *s) {
        return policy_pool(s->world->policy);
}

static Host *host(Script *s, const char *name) {
        for_each(Host, h, &pool(s)->objects[CLASS_HOST])
                if (streq(h->name_label, name))
                        return h;
        return NULL;
}

static ScriptVm *script_vm(const Script *s, const char *name) {
        for (size_t i = 0; i < s->n_vms; i++)
                if (streq(s->vms[i].name, name))
                        return (ScriptVm *) &s->vms[i];
        return NULL;
}

static Vm *vm(Script *s, const char *name) {
        const ScriptVm *v = script_vm(s, name);

        return v && s->world->policy ? pool_get(pool(s), CLASS_VM, &v->id) : NULL;
}

/* Time */

static void play_wait(Script *s, char *const *words, unsigned n) {
        world_run(s->world, (uint64_t) (strtod(words[0], NULL) * (double) SECOND));
}

static bool came(Script *s, char *const *words) {
        return s->came;
}

/* The words as one text; "vm=NAME" becomes "vm=UUID". */
static void join_words(const Script *s, char *const *words, unsigned n, char *text, size_t size) {
        text[0] = '\0';
        for (unsigned i = 0; i < n; i++) {
                const ScriptVm *v = startswith(words[i], "vm=") ? script_vm(s, words[i] + 3) : NULL;
                size_t used = strlen(text);

                (void) snprintf(text + used, size - used, "%s%s%s", i > 0 ? " " : "", v ? "vm=" : words[i],
                        v ? UUID_TEXT(&v->id) : "");
        }
}

/* From here on no line of the history has these words. */
static void play_never(Script *s, char *const *words, unsigned n) {
        join_words(s, words, n, s->kept_words, sizeof(s->kept_words));
        s->never = s->kept_words;
}

/* A line with these words. */
static void play_until(Script *s, char *const *words, unsigned n) {
        char text[256];

        join_words(s, words, n, text, sizeof(text));
        s->awaited = text;
        s->came = false;
        if (!script_run_until(s, UNTIL_MAX, came, NULL))
                script_broken(s, "it never came: %s", text);
        s->awaited = NULL;
}

static Message *on_its_way(Script *s, const char *what, const char *name) {
        static const char *const words[_CALL_KIND_MAX] = {"start", "stop", "types", "release"};
        const Machine *m = machine(s, name);

        for (Message *a = s->world->net.messages; a; a = a->next)
                if (a->machine == m && ((a->kind == MESSAGE_CALL && streq(what, words[a->what])) ||
                                               (a->kind == MESSAGE_CLAIM && streq(what, "claim"))))
                        return a;
        return NULL;
}

static bool is_sent(Script *s, char *const *words) {
        return on_its_way(s, words[0], words[1]);
}

/* The order is on its way to the host. */
static void play_until_sent(Script *s, char *const *words, unsigned n) {
        if (!script_run_until(s, UNTIL_MAX, is_sent, words))
                script_broken(s, "it was never sent");
}

static void play_quiet(Script *s, char *const *words, unsigned n) {
        script_quiet(s);
}

/* Faults */

static void play_lose(Script *s, char *const *words, unsigned n) {
        Message *m = on_its_way(s, words[0], words[1]);

        if (m)
                message_free(m);
        else
                script_broken(s, "nothing is on its way");
}

/* It stays under way, whatever becomes of the connection and of who sent it. */
static void play_hold(Script *s, char *const *words, unsigned n) {
        Message *m = on_its_way(s, words[0], words[1]);

        if (!m || s->held) {
                script_broken(s, "nothing is on its way, or it is one too many");
                return;
        }
        s->held = message_new(m->net, m->machine, m->kind, m->connection);
        s->held->incarnation = m->incarnation;
        s->held->call = m->call;
        s->held->what = m->what;
        s->held->claim = m->claim;
        s->held->text = m->text ? strdup(m->text) : NULL;
        message_free(m);
}

static void play_send_held(Script *s, char *const *words, unsigned n) {
        if (s->held)
                message_send(take_ptr(s->held));
        else
                script_broken(s, "nothing is held");
}

static void play_cut(Script *s, char *const *words, unsigned n) {
        if (!net_cut(&s->world->net, machine(s, words[0]), /* silent= */ false))
                script_broken(s, "there is no connection");
}

static void play_silence(Script *s, char *const *words, unsigned n) {
        (void) net_cut(&s->world->net, machine(s, words[0]), /* silent= */ true);
}

static void play_close(Script *s, char *const *words, unsigned n) {
        s->world->net.ways[machine(s, words[0])->number].closed = true;
        (void) net_cut(&s->world->net, machine(s, words[0]), /* silent= */ false);
}

static void play_open(Script *s, char *const *words, unsigned n) {
        s->world->net.ways[machine(s, words[0])->number].closed = false;
}

static void play_slow(Script *s, char *const *words, unsigned n) {
        net_slow(&s->world->net, machine(s, words[0]), (uint64_t) (strtod(words[1], NULL) * (double) SECOND));
}

static void play_full(Script *s, char *const *words, unsigned n) {
        s->world->net.ways[machine(s, words[0])->number].full = true;
}

static void play_crash(Script *s, char *const *words, unsigned n) {
        if (streq(words[0], "policyd"))
                world_crash_policyd(s->world);
        else
                machine_crash_hostd(machine(s, words[0]));
}

static void play_run(Script *s, char *const *words, unsigned n) {
        if (streq(words[0], "policyd"))
                world_start_policyd(s->world);
        else
                machine_start_hostd(machine(s, words[0]));
}

static void play_power_off(Script *s, char *const *words, unsigned n) {
        machine_power_off(machine(s, words[0]));
        (void) net_cut(&s->world->net, machine(s, words[0]), /* silent= */ false);
}

static void play_power_on(Script *s, char *const *words, unsigned n) {
        machine_power_on(machine(s, words[0]));
}

static void play_kill_program(Script *s, char *const *words, unsigned n) {
        if (!guests_kill_one(machine(s, words[0])))
                script_broken(s, "no program runs on %s", words[0]);
}

static void play_commits(Script *s, char *const *words, unsigned n) {
        static const char *const faults[] = {"work", "fail", "fail-written"};
        SimDbFault fault = SIM_DB_WORKS;

        while (fault < ARRAY_SIZE(faults) && !streq(words[1], faults[fault]))
                fault++;
        if (fault == ARRAY_SIZE(faults))
                script_broken(s, "no fault: %s", words[1]);
        else if (streq(words[0], "policyd")) {
                /* A script decides itself whether such a commit ends policyd. */
                sim_db_on_undecided(s->world->db, NULL, NULL);
                sim_db_fail(s->world->db, fault, -ENOSPC, n > 2 ? (unsigned) strtoul(words[2], NULL, 10) : 0);
        } else
                machine_fail_commits(machine(s, words[0]), fault != SIM_DB_WORKS);
}

/* A copy of policyd's database is made, and put in its place while policyd does not run. */
static void play_copy(Script *s, char *const *words, unsigned n) {
        sim_db_free(s->kept);
        s->kept = sim_db_copy(s->world->db);
}

static void play_restore(Script *s, char *const *words, unsigned n) {
        if (s->kept && !s->world->policy)
                sim_db_restore(s->world->db, s->kept);
        else
                script_broken(s, "there is no copy, or policyd runs");
}

static void play_clock(Script *s, char *const *words, unsigned n) {
        sim_loop_set_realtime(s->world->sim, strtoull(words[0], NULL, 10) * SECOND);
}

static void play_gpus(Script *s, char *const *words, unsigned n) {
        Machine *m = machine(s, words[0]);

        machine_crash_hostd(m);
        m->n_pgpus = (unsigned) strtoul(words[1], NULL, 10);
        machine_start_hostd(m);
}

static void play_trouble(Script *s, char *const *words, unsigned n) {
        machine(s, words[0])->trouble = n == 1 || !streq(words[1], "off");
}

/* Calls */

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
        (void) snprintf(address, sizeof(address), "unix:path=/h%u", machine(s, words[0])->number);
        SAY(s, "add-host host=%s", words[0]);
        came_of(s->world, hosts_add(s->world->policy, n > 1 ? words[1] : words[0], address, &h, &refusal), &refusal);
}

static void add_vgpu(Script *s, Vm *v, const char *type) {
        Refusal refusal = {};
        Object *t = NULL;
        char name[64];
        Vgpu *vgpu;

        (void) snprintf(name, sizeof(name), "GRID %s", type);
        if (!begin_call(s))
                return;
        if (!streq(type, "whole") && pool_find(pool(s), CLASS_VGPU_TYPE, name, &t) < 0) {
                script_broken(s, "there is no type %s", type);
                return;
        }
        SAY(s, "create-vgpu vm=%s type=%s", UUID_TEXT(&v->object.id), type);
        came_of(s->world,
                vgpus_create(s->world->policy, v, pool(s)->objects[CLASS_GPU_GROUP].items[0], (VgpuType *) t, NULL, "",
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
        ScriptVm *v = script_vm(s, name);

        SAY(s, "%s vm=%s job=%s", what, UUID_TEXT(&v->id), j ? UUID_TEXT(&j->object.id) : "none");
        v->job = j ? j->object.id : UUID_NULL;
}

static Vm *vm_to_call(Script *s, const char *name) {
        Vm *v = begin_call(s) ? vm(s, name) : NULL;

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
        start(s, words[0], (StartOptions){.on = n > 1 && s->world->policy ? host(s, words[1]) : NULL});
}

/* With what the first reservation holds. */
static void play_start_reserved(Script *s, char *const *words, unsigned n) {
        const PtrArray *all = s->world->policy ? &pool(s)->objects[CLASS_RESERVATION] : NULL;

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
        const ScriptVm *v = script_vm(s, words[0]);
        Job *j = v && begin_call(s) ? pool_get(pool(s), CLASS_JOB, &v->job) : NULL;
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
        Host *h = begin_call(s) ? host(s, name) : NULL;
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
        if (pool_find(pool(s), CLASS_VGPU_TYPE, name, &t) < 0) {
                script_broken(s, "there is no type %s", words[0]);
                return;
        }
        SAY(s, "reserve type=%s", words[0]);
        came_of(s->world,
                reservations_create(s->world->policy, "reserved", pool(s)->objects[CLASS_GPU_GROUP].items[0],
                        (VgpuType *) t, (uint32_t) strtoul(words[1], NULL, 10), strtoull(words[2], NULL, 10), "",
                        &made, &refusal),
                &refusal);
}

/* Expectations */

static bool is_answered(Script *s, char *const *words) {
        return *s->answer;
}

/* expect-answer acked, or the code of the refusal */
static void play_expect_answer(Script *s, char *const *words, unsigned n) {
        const char *code;

        (void) script_run_until(s, ANSWER_MAX, is_answered, NULL);
        code = strstr(s->answer, "code=");
        if (!streq(code ? code + strlen("code=") : s->answer, words[0]))
                script_broken(s, "the answer is '%s', not %s", s->answer, words[0]);
}

/* expect-vm NAME none|reserved|sent|resident [HOST] */
static void play_expect_vm(Script *s, char *const *words, unsigned n) {
        const Vm *v = vm(s, words[0]);
        const Host *h = v ? v->resident_on ?: v->scheduled_on : NULL;
        const char *booking = v ? booking_state_to_string(v->booking) : "not there";

        if (!streq(booking, words[1]) || (n > 2 && !streq(h ? h->name_label : "none", words[2])))
                script_broken(s, "VM %s is %s on %s", words[0], booking, h ? h->name_label : "none");
}

/* expect-job NAME done|failed|cancelled|running…: of the last call for the VM */
static void play_expect_job(Script *s, char *const *words, unsigned n) {
        const ScriptVm *v = script_vm(s, words[0]);
        const Job *j = v && s->world->policy ? pool_get(pool(s), CLASS_JOB, &v->job) : NULL;
        const char *state = j ? job_state_to_string(j->state) : "not there";

        if (!streq(state, words[1]))
                script_broken(s, "the job of VM %s is %s", words[0], state);
}

static void play_expect_host(Script *s, char *const *words, unsigned n) {
        const Host *h = s->world->policy ? host(s, words[0]) : NULL;
        const char *state = h ? host_state_to_string(h->state) : "not there";

        if (!streq(state, words[1]))
                script_broken(s, "host %s is %s", words[0], state);
}

static void play_expect_domains(Script *s, char *const *words, unsigned n) {
        size_t found = guests_count(machine(s, words[0]));

        if (found != strtoul(words[1], NULL, 10))
                script_broken(s, "%s has %zu domains", words[0], found);
}

static const Verb verbs[] = {
        {"wait", 1, 1, play_wait},
        {"until", 1, 8, play_until},
        {"never", 1, 8, play_never},
        {"until-sent", 2, 2, play_until_sent},
        {"quiet", 0, 0, play_quiet},
        {"lose", 2, 2, play_lose},
        {"hold", 2, 2, play_hold},
        {"send-held", 0, 0, play_send_held},
        {"cut", 1, 1, play_cut},
        {"silence", 1, 1, play_silence},
        {"close", 1, 1, play_close},
        {"open", 1, 1, play_open},
        {"slow", 2, 2, play_slow},
        {"full", 1, 1, play_full},
        {"crash", 1, 1, play_crash},
        {"run", 1, 1, play_run},
        {"power-off", 1, 1, play_power_off},
        {"power-on", 1, 1, play_power_on},
        {"kill-program", 1, 1, play_kill_program},
        {"commits", 2, 3, play_commits},
        {"copy", 0, 0, play_copy},
        {"restore", 0, 0, play_restore},
        {"clock", 1, 1, play_clock},
        {"gpus", 2, 2, play_gpus},
        {"trouble", 1, 2, play_trouble},
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
        {"expect-answer", 1, 1, play_expect_answer},
        {"expect-vm", 2, 3, play_expect_vm},
        {"expect-job", 2, 2, play_expect_job},
        {"expect-host", 2, 2, play_expect_host},
        {"expect-domains", 2, 2, play_expect_domains},
};

const Verb *script_verb(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (streq(verbs[i].name, name))
                        return &verbs[i];
        return NULL;
}
