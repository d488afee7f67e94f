/*
 * What goes wrong by itself
 */

#include <inttypes.h>

#include "hostd/domain/domain-state.h"
#include "tests/proof/machine-private.h"

static const char *const trouble_words[] = {TROUBLES(WORD_NAME)};
_Static_assert(_DOMAIN_STAGE_MAX < TROUBLE_STAGES, "a place for each stage, and one for none");

const char *trouble_to_string(Trouble t) {
        return trouble_words[t];
}

static unsigned stage_of(const Machine *m, const Uuid *vm) {
        for (const Program *p = m->inside->programs; vm && p; p = p->next)
                for (unsigned s = 0; s < _DOMAIN_STAGE_MAX && p->stage; s++)
                        if (uuid_equal(&p->vm, vm) && streq(p->stage, domain_stage_to_string((DomainStage) s)))
                                return s;
        return TROUBLE_STAGES - 1;
}

void machine_count(Machine *m, Trouble t, const Uuid *vm_or_null) {
        m->troubles.n[t][stage_of(m, vm_or_null)]++;
}

void trouble_count_add(TroubleCount *sum, const TroubleCount *more) {
        for (size_t t = 0; t < _TROUBLE_MAX; t++)
                for (size_t s = 0; s < TROUBLE_STAGES; s++)
                        sum->n[t][s] += more->n[t][s];
}

uint64_t trouble_count_of(const TroubleCount *c, Trouble t) {
        uint64_t sum = 0;

        for (size_t s = 0; s < TROUBLE_STAGES; s++)
                sum += c->n[t][s];
        return sum;
}

void trouble_count_print(const TroubleCount *c, Trouble t) {
        for (unsigned s = 0; s < _DOMAIN_STAGE_MAX; s++)
                if (c->n[t][s] > 0)
                        printf("; %s %" PRIu64, domain_stage_to_string((DomainStage) s), c->n[t][s]);
}
