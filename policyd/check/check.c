/*
 * The table of invariants
 */

#include "policyd/check/check-private.h"

#include <stdlib.h>

#define DERIVED "it is derived from the rest: restart policyd, which does so anew, and report this as a fault of xenvgpu"
#define ROOM "end one of the VMs there, or destroy a reservation"
#define REPORT "xenvgpu host-reconnect makes the host report anew, which corrects it"

static const Invariant invariants[] = {
        {"identity", CHECK_MODEL, check_identity, DERIVED},
        {"mutual", CHECK_MODEL, check_mutual, DERIVED},
        {"order", CHECK_MODEL, check_order, DERIVED},
        {"former", CHECK_MODEL, check_former, "restart policyd, which sets such a row aside"},
        {"capacity", CHECK_MODEL, check_capacity, ROOM},
        {"exclusive", CHECK_MODEL, check_exclusive, ROOM},
        {"passthrough", CHECK_MODEL, check_passthrough, ROOM},
        {"counters", CHECK_MODEL, check_counters, DERIVED},
        {"owners", CHECK_MODEL, check_owners, DERIVED},
        {"types", CHECK_POLICY, check_types, DERIVED},
        {"unions", CHECK_MODEL, check_unions, DERIVED},
        {"scores", CHECK_MODEL, check_scores, DERIVED},
        {"reservation", CHECK_MODEL, check_reservation, "destroy it with xenvgpu reservation-destroy, and make it anew"},
        {"readable", CHECK_MODEL, check_readable, "restart policyd, which cleans each text as it reads it"},
        {"booking", CHECK_POLICY, check_booking, REPORT},
        {"job", CHECK_POLICY, check_job, "restart policyd, which ends jobs that nothing is left of"},
        {"twice", CHECK_REPORTS, check_twice,
                "end one of the two: xenvgpu vm-shutdown force=true ends the one on the host that the pool names"},
        {"agree", CHECK_REPORTS, check_agree, REPORT},
        {"counted", CHECK_REPORTS, check_counted, REPORT},
        {"ends", CHECK_REPORTS, check_ends, REPORT},
};

const char *check_invariant(size_t n) {
        return n < ARRAY_SIZE(invariants) ? invariants[n].word : NULL;
}

int check_pool(const CheckInput *in, Findings *ret) {
        Check c = {.in = in, .pool = in->pool, .findings = ret};

        for (ObjectClass class = 0; class < _CLASS_MAX; class++)
                ret->n_objects += in->pool->objects[class].n;
        check_index(&c);
        for (size_t i = 0; i < ARRAY_SIZE(invariants) && ret->error == 0; i++) {
                c.invariant = &invariants[i];
                if ((c.invariant->needs & ~in->what) != 0)
                        continue;
                ret->n_invariants++;
                c.invariant->check(&c);
        }
        free(c.pairs);
        return ret->error;
}
