/*
 * Who answers for the pool
 */

#include "common/base/strlist.h"
#include "policyd/check/check.h"
#include "policyd/pool/each.h"
#include "tests/proof/person.h"

static Host *host_of(World *w, unsigned machine) {
        unsigned number;

        for_each(Host, h, &policy_pool(w->policy)->objects[CLASS_HOST])
                if (sscanf(h->address, "unix:path=/h%u", &number) == 1 && number == machine)
                        return h;
        return NULL;
}

bool person_declares_dead(World *w, unsigned machine) {
        Host *h = w->policy ? host_of(w, machine) : NULL;
        Refusal refusal = {};
        bool done;

        if (!h || h->state != HOST_OFFLINE || guests_count(&w->machines[machine]) == 0)
                return false;
        history_add(&w->history, "person declares-dead host=h%u", machine);
        done = hosts_declare_dead(w->policy, h, &refusal) >= 0 && refusal.code == ERROR_NONE;
        w->declared |= done;
        refusal_done(&refusal);
        return done;
}

/* "vm 17: the reason" */
static bool remove_first(World *w, bool aside) {
        _cleanup_(strv_freep) char **rows = NULL;
        Refusal refusal = {};

        if (policy_unreadable_rows(w->policy, aside, &rows) < 0)
                abort();
        if (!rows[0])
                return false;
        rows[0][strcspn(rows[0], ":")] = '\0';
        if (policy_remove_row(w->policy, rows[0], &refusal) < 0)
                abort();
        history_add(&w->history, "person removes row aside=%d code=%s", aside,
                refusal.code == ERROR_NONE ? "none" : error_code_word(refusal.code));
        refusal_done(&refusal);
        return true;
}

/* One a call. A commit that fails may refuse it. */
void person_removes_rows(World *w) {
        if (w->rows_spoilt && w->policy && !remove_first(w, /* aside= */ false) && !remove_first(w, /* aside= */ true))
                w->rows_spoilt = false;
}

void person_heeds(World *w) {
        _cleanup_findings_ Findings f = {};

        if (!w->declared || !w->policy)
                return;
        if (policy_find_faults(w->policy, &f) < 0)
                abort();
        for (size_t i = 0; i < f.n; i++) {
                Vm *vm = streq(f.items[i].invariant, "twice") ? pool_get(policy_pool(w->policy), CLASS_VM, &f.items[i].object) : NULL;
                Refusal refusal = {};
                Job *job;

                if (!vm)
                        continue;
                (void) vms_shutdown(w->policy, vm, /* force= */ true, &job, &refusal);
                history_add(&w->history, "person ends vm=%s code=%s", UUID_TEXT(&vm->object.id),
                        refusal.code == ERROR_NONE ? "none" : error_code_word(refusal.code));
                refusal_done(&refusal);
        }
}
