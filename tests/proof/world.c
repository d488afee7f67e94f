/*
 * A pool in one process
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/check/check.h"
#include "policyd/pool/each.h"
#include "tests/proof/world.h"

#define TURNS_MAX 1000000 /* without time passing */

/* What policyd tells. */

static void on_changed(const Object *o, void *userdata) {
        World *w = userdata;

        if (w->watcher && !w->crashing)
                w->watcher->changed(o, w->watcher_userdata);
}

static void on_job_new(const Job *j, void *userdata) {
        World *w = userdata;

        if (!w->crashing)
                history_add(&w->history, "policyd job=%s new operation=%s vm=%s", UUID_TEXT(&j->object.id), j->operation,
                        UUID_TEXT(&j->objects[0].id));
}

static void on_job_removed(const Job *j, const char *result, void *userdata) {
        World *w = userdata;

        if (!w->crashing)
                history_add(&w->history, "policyd job=%s ended operation=%s result=%s code=%s date=%" PRIu64,
                        UUID_TEXT(&j->object.id), j->operation, result, j->error ? error_code_word(j->error) : "none",
                        j->end_time);
}

static void on_rebuilt(void *userdata) {
        World *w = userdata;

        if (!w->crashing)
                history_add(&w->history, "policyd rebuilt");
}

static void on_status(void *userdata) {
}

static void on_stale(const char *message, void *userdata) {
        World *w = userdata;

        w->stale = true;
        history_add(&w->history, "policyd stale");
}

static const PolicyListener policy_listener = {
        .changed = on_changed,
        .job_new = on_job_new,
        .job_removed = on_job_removed,
        .rebuilt = on_rebuilt,
        .status = on_status,
        .stale = on_stale,
};

/* Its life. */

void world_start_policyd(World *w) {
        if (w->policy)
                return;
        history_add(&w->history, "policyd starts");
        if (policy_new(&w->options, &policy_listener, w, &w->policy) < 0)
                abort();
        if (w->watcher)
                w->watcher->started(w->watcher_userdata);
        if (policy_start(w->policy) < 0)
                abort();
}

/* Nothing is committed any more, and nobody hears what it says. */
void world_crash_policyd(World *w) {
        if (!w->policy)
                return;
        w->history.muted = w->net.dead = false;
        history_add(&w->history, "policyd ends");
        w->crashing = true;
        sim_db_cut(w->db);
        w->policy = policy_free(w->policy);
        w->crashing = w->undecided = false;
}

/* Whether the last commit is on disk only the next start can tell, so it ends at once. */
static void on_undecided(void *userdata) {
        World *w = userdata;

        history_add(&w->history, "policyd undecided");
        w->crashing = w->undecided = w->history.muted = w->net.dead = true;
}

static void set_options(World *w) {
        w->options = (PolicyOptions){
                .loop = w->loop,
                .links = &w->net.links,
                .database = sim_db_source(w->db),
                .batch_max = 256,
                .linger_usec = 20000,
                .job_keep_usec = 3600 * SECOND,
                .jobs_max_finished = 1000,
                .order_timeout_usec = 45 * SECOND,
                .place_last_usec = 600 * SECOND,
        };
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                w->options.limits[c] = 10000;
        w->options.limits[CLASS_QUOTA] = w->options.limits[CLASS_VM_GROUP] = w->options.limits[CLASS_RESERVATION] = 3;
}

static void init_machines(World *w, uint64_t boards) {
        for (unsigned i = 0; i < w->n_machines; i++) {
                w->machines[i] = (Machine){
                        .loop = w->loop,
                        .dice = &w->dice,
                        .history = &w->history,
                        .listener = &net_listener,
                        .lacks_iommu = i % 7 == 3,
                        .lacks_hvm = i % 11 == 5,
                        .userdata = &w->net,
                };
                machine_init(&w->machines[i], i, boards ? boards + i : 0);
                machine_power_on(&w->machines[i]);
        }
}

World *world_new(uint64_t seed, unsigned n_machines, bool boards, FILE *file_or_null,
        void (*heard)(const char *line, void *userdata), void *userdata) {
        World *w = calloc(1, sizeof(*w));

        if (!w || sim_loop_new(seed, &w->sim) < 0 || sim_db_new(&w->db) < 0)
                abort();
        w->loop = sim_loop_of(w->sim);
        w->dice.state = ~seed;
        w->history = (History){.loop = w->loop, .file = file_or_null, .heard = heard, .userdata = userdata};
        w->n_machines = n_machines;
        w->net = (Net){
                .loop = w->loop,
                .dice = &w->dice,
                .history = &w->history,
                .machines = w->machines,
                .n_machines = n_machines,
        };
        net_init(&w->net);
        sim_db_on_undecided(w->db, on_undecided, w);
        set_options(w);
        init_machines(w, boards ? seed * MACHINES_MAX + 1 : 0);
        world_start_policyd(w);
        return w;
}

World *world_free(World *w) {
        if (!w)
                return NULL;
        w->history.file = NULL;
        w->history.heard = NULL;
        world_crash_policyd(w);
        for (unsigned i = 0; i < w->n_machines; i++)
                machine_done(&w->machines[i]);
        net_done(&w->net);
        sim_db_free(w->db);
        sim_loop_free(w->sim);
        free(w);
        return NULL;
}

bool world_turn(World *w) {
        bool turned;

        if (w->undecided) /* since a call of a client */
                world_crash_policyd(w);
        turned = sim_loop_turn(w->sim);
        if (w->undecided)
                world_crash_policyd(w);
        for (unsigned i = 0; i < w->n_machines; i++)
                machine_sweep(&w->machines[i]);
        return turned;
}

/* Between two events of one instant. */
static void look_who_dies(World *w) {
        if (!w->policy || w->dies_within == 0 || !sim_loop_is_due(w->sim) || --w->dies_within > 0)
                return;
        history_strike(&w->dies_count);
        world_crash_policyd(w);
}

static void settle(World *w) {
        unsigned turns = 0;

        while (world_turn(w)) {
                look_who_dies(w);
                if (++turns == TURNS_MAX) {
                        fprintf(stderr, "The pool does not come to rest.\n");
                        abort();
                }
        }
}

void world_run(World *w, uint64_t usec) {
        uint64_t until = loop_now(w->loop, LOOP_MONOTONIC) + usec;

        do
                settle(w);
        while (sim_loop_pass(w->sim, until));
        if (w->stale) {
                w->stale = false;
                world_crash_policyd(w);
                world_start_policyd(w);
        }
}

static const char *host_name(const Host *h) {
        return h ? strrchr(h->address, '/') + 1 : "none";
}

/* Of a PGPU: hosts are called something else now and then. */
static const char *found_on(const World *w, const Finding *f) {
        const Pgpu *g = f->class == CLASS_PGPU ? pool_get(policy_pool(w->policy), CLASS_PGPU, &f->object) : NULL;

        return host_name(g ? g->host : NULL);
}

void world_check(World *w) {
        _cleanup_findings_ Findings f = {};

        if (policy_find_faults(w->policy, &f) < 0)
                abort();
        for (size_t i = 0; i < f.n; i++)
                if (!w->rows_spoilt || !streq(f.items[i].invariant, "rows"))
                        history_add(&w->history, "check found=%s of=%s on=%s %s", f.items[i].invariant, UUID_TEXT(&f.items[i].object),
                                found_on(w, &f.items[i]), f.items[i].sentence);
}

/* Divided as "ours 4": the history has no spaces in values. */
static void list_board(World *w, const Pgpu *g) {
        char division[32] = "none";

        (void) snprintf(division, sizeof(division), "%s", g->division ?: "none");
        for (char *c = strchr(division, ' '); c; c = strchr(c, ' '))
                *c = '-';
        history_add(&w->history, "model board=%s of=%s division=%s suspect=%u used=%u", PCI_TEXT(&g->pci), host_name(g->host), division,
                (unsigned) g->n_suspect, (unsigned) g->used);
}

void world_list(World *w) {
        Pool *pool = policy_pool(w->policy);

        for_each(const Host, h, &pool->objects[CLASS_HOST])
                history_add(&w->history, "model host=%s state=%s", host_name(h), host_state_to_string(h->state));
        for_each(const Vm, vm, &pool->objects[CLASS_VM])
                history_add(&w->history, "model vm=%s power=%s booking=%s on=%s", UUID_TEXT(&vm->object.id),
                        power_state_to_string(vm->power_state), booking_state_to_string(vm->booking),
                        host_name(vm->resident_on ?: vm->scheduled_on));
        for_each(const Job, j, &pool->objects[CLASS_JOB])
                history_add(&w->history, "model job=%s state=%s", UUID_TEXT(&j->object.id), job_state_to_string(j->state));
        for_each(const Pgpu, g, &pool->objects[CLASS_PGPU])
                if (g->reported && streq(g->vendor_id, "8086"))
                        list_board(w, g);
        for (unsigned i = 0; i < w->n_machines; i++)
                machine_list(&w->machines[i]);
        history_add(&w->history, "model end");
}
