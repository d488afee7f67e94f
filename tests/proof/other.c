/*
 * A second master
 */

#include "policyd/pool/each.h"
#include "tests/proof/other.h"

static void on_changed(const Object *o, void *userdata) {
}

static void on_job(const Job *j, void *userdata) {
}

static void on_job_ended(const Job *j, const char *result, void *userdata) {
}

static void on_rebuilt(void *userdata) {
}

static void on_status(void *userdata) {
}

/* Nothing of it runs any more after this turn. */
static void on_stale(const char *message, void *userdata) {
        World *w = userdata;

        w->other_stale = true;
        history_add(&w->history, "other stale");
}

static const PolicyListener listener = {
        .changed = on_changed,
        .job_new = on_job,
        .job_removed = on_job_ended,
        .rebuilt = on_rebuilt,
        .status = on_status,
        .stale = on_stale,
};

static void add_hosts(World *w) {
        for (unsigned i = 0; i < w->n_machines; i++) {
                Refusal refusal = {};
                char address[32];
                Host *h;

                (void) snprintf(address, sizeof(address), "unix:path=/h%u", i);
                (void) hosts_add(w->other, w->machines[i].name, address, "", &h, &refusal);
                refusal_done(&refusal);
        }
}

bool other_begin(World *w, const Copy *copy, bool plain) {
        PolicyOptions options = w->options;
        bool copied = copy->db && copy->marked != plain;

        if (w->other || (plain && !(copied && copy_can_be_told(copy, w))))
                return false;
        if (copied)
                w->other_db = sim_db_copy(copy->db);
        else if (sim_db_new(&w->other_db) < 0)
                abort();
        options.links = &w->net.other_links;
        options.database = sim_db_source(w->other_db);
        history_add(&w->history, "other starts copied=%d marked=%d", copied, copied && copy->marked);
        if (policy_new(&options, &listener, w, &w->other) < 0 || policy_start(w->other) < 0)
                abort();
        if (!copied)
                add_hosts(w);
        if (plain)
                world_run(w, COPY_TELLING);
        return true;
}

void other_act(World *w) {
        const PtrArray *vms = w->other ? &policy_pool(w->other)->objects[CLASS_VM] : NULL;
        StartOptions options = {};
        Refusal refusal = {};
        Job *job;
        Vm *vm;

        if (!w->other || w->other_stale || vms->n == 0)
                return;
        vm = vms->items[chance_between(&w->dice, 0, vms->n - 1)];
        if (chance(&w->dice, 700))
                (void) vms_start(w->other, vm, &options, &job, &refusal);
        else
                (void) vms_shutdown(w->other, vm, /* force= */ true, &job, &refusal);
        history_add(&w->history, "other asks vm=%s code=%s", UUID_TEXT(&vm->object.id),
                refusal.code == ERROR_NONE ? "none" : error_code_word(refusal.code));
        refusal_done(&refusal);
}

void other_end(World *w) {
        if (!w->other)
                return;
        history_add(&w->history, "other ends");
        sim_db_cut(w->other_db);
        w->other = policy_free(w->other);
        w->other_db = sim_db_free(w->other_db);
        w->other_stale = false;
}
