/*
 * policyd begins with any pool: whatever rows the database has, policyd starts and goes on, shows the pool and changes nothing, or
 * refuses with a reason
 *
 * Each line of the input is a row, as for the target rows. The machines of a pool in one process answer at the hosts' addresses.
 */

#include "common/daemon/log.h"
#include "policyd/pool/each.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/policyd/pool-rows.h"
#include "tests/proof/world.h"

static void on_changed(const Object *o, void *userdata) {
}

static void on_job_new(const Job *j, void *userdata) {
}

static void on_job_removed(const Job *j, const char *result, void *userdata) {
}

static void on_rebuilt(void *userdata) {
}

static void on_text(const char *text, void *userdata) {
        if (!text)
                abort();
}

static void on_status(void *userdata) {
}

static const PolicyListener listener = {
        .changed = on_changed,
        .job_new = on_job_new,
        .job_removed = on_job_removed,
        .rebuilt = on_rebuilt,
        .status = on_status,
        .stale = on_text,
};

static void demand(bool holds) {
        if (!holds)
                abort();
}

static void ask(Policy *p) {
        _cleanup_free_ char *capacity = NULL, *old = NULL, *sentence = NULL;
        const Pool *pool = policy_pool(p);

        demand(policy_capacity(p, &capacity) >= 0 && capacity);
        (void) policy_old_database(p, &old);
        sentence = policy_is_read_only(p) ? policy_describe_read_only(p) : strdup("");
        demand(sentence);
        for_each(Vm, vm, &pool->objects[CLASS_VM]) {
                const StartOptions options = {};
                _cleanup_free_ char *text = NULL;

                demand(vms_explain(p, vm, &options, &text) >= 0 && text);
        }
}

/* The lines know these machines alone. A real link to another address is one that never stands (test-link.c). */
static bool has_addresses(const World *w) {
        for_each(const Host, h, &policy_pool(w->policy)->objects[CLASS_HOST]) {
                unsigned number;

                if (sscanf(h->address, "unix:path=/h%u", &number) != 1 || number >= w->n_machines)
                        return false;
        }
        return true;
}

/* Rows that can be read may still make no whole: VMs that run nowhere, VGPUs without a place. */
static void start(World *w) {
        if (policy_new(&w->options, &listener, w, &w->policy) < 0) {
                w->policy = NULL;
                return;
        }
        if (!policy_is_read_only(w->policy) && !has_addresses(w))
                return;
        demand(policy_start(w->policy) >= 0);
        world_run(w, 30 * SECOND);
        ask(w->policy);
        world_run(w, 90 * SECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        World *w;

        log_setup("fuzz", LOG_EMERG);
        w = world_new(1, 2, /* boards= */ false, NULL, NULL, NULL);
        world_crash_policyd(w);
        sim_db_free(w->db);
        w->db = rows_in_memory(pool_tables, data, size, pool_row_put);
        w->options.database = sim_db_source(w->db);
        start(w);
        world_free(w);
        return 0;
}
