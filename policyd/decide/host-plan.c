/*
 * A host's remedy for several VGPUs
 *
 * The steps are found by trial: on a shadow of the host each step that could matter is made or not, and the
 * assigner says whether all VGPUs find room. First one PGPU that alone suffices is looked for, from the one
 * with the fewest VMs on, else as many PGPUs as are needed; then every step that is not needed is taken back,
 * those on VMs first. The steps that are left suffice, and none of them can be left out.
 */

#include "policyd/decide/remedy.h"
#include "policyd/pool/pool-internal.h"

#define TRIES_MAX 96

typedef struct Plan {
        const Demand *demand;
        Assigner *assigner;
        Shadow shadow;
        Step *steps; /* all that could matter */
        size_t n_steps;
        size_t *order; /* PGPUs, those with the fewest VMs and holds first */
        size_t n_tries;
} Plan;

static void plan_done(Plan *p) {
        shadow_done(&p->shadow);
        free(p->steps);
        free(p->order);
}

static const Pgpu *plan_pgpu(const Plan *p, size_t i) {
        return p->shadow.of->pgpus.items[i];
}

static Step *plan_find(const Plan *p, const void *what, size_t pgpu) {
        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i].what == what && (p->steps[i].kind != STEP_ENABLE || p->steps[i].pgpu == pgpu))
                        return &p->steps[i];
        return NULL;
}

static void plan_add(Plan *p, StepKind kind, const Object *what, size_t pgpu) {
        if (!plan_find(p, what, pgpu))
                p->steps[p->n_steps++] = (Step){.kind = kind, .what = what, .pgpu = pgpu};
}

static bool pgpu_serves(const Pgpu *p, const Demand *d, size_t kind) {
        return demand_kind_matches(&d->kinds[kind], p) &&
               ptr_array_contains(&p->supported, d->kinds[kind].type);
}

/* Every step on the i-th PGPU that could let a VGPU of the VM onto it. */
static void plan_add_pgpu(Plan *p, size_t i) {
        const Pgpu *pgpu = plan_pgpu(p, i);
        bool serves = false;

        for (size_t k = 0; k < p->demand->n_kinds; k++) {
                const VgpuType *t = p->demand->kinds[k].type;

                if (!pgpu_serves(pgpu, p->demand, k))
                        continue;
                serves = true;
                if (!pgpu_offers(pgpu, t))
                        plan_add(p, STEP_ENABLE, &t->object, i);
        }

        for (size_t j = 0; serves && j < pgpu->vgpus.n; j++)
                plan_add(p, STEP_STOP, &((const Vgpu *) pgpu->vgpus.items[j])->vm->object, i);
        for (size_t j = 0; serves && j < pgpu->holds.n; j++)
                if (pgpu->holds.items[j] != p->demand->reservation)
                        plan_add(p, STEP_RELEASE, &((const Reservation *) pgpu->holds.items[j])->object, i);
}

static int plan_init(Plan *p, const Host *h) {
        size_t n_steps = 0;

        for (size_t i = 0; i < h->pgpus.n; i++)
                n_steps += pgpu_load(h->pgpus.items[i]) + p->demand->n_kinds;

        p->steps = calloc(n_steps + 1, sizeof(Step));
        p->order = calloc(h->pgpus.n + 1, sizeof(size_t));
        if (!p->steps || !p->order || shadow_init(&p->shadow, h) < 0)
                return -ENOMEM;

        for (size_t i = 0; i < h->pgpus.n; i++) {
                size_t at = i;

                plan_add_pgpu(p, i);
                for (; at > 0 && pgpu_load(plan_pgpu(p, p->order[at - 1])) > pgpu_load(plan_pgpu(p, i)); at--)
                        p->order[at] = p->order[at - 1];
                p->order[at] = i;
        }
        return 0;
}

/* A list of the i-th PGPU without what the steps remove. */
static void plan_filter(const Plan *p, size_t i, PtrArray *list, bool vgpus) {
        size_t n = 0;

        for_each(void, item, list) {
                const Object *what = vgpus ? &((Vgpu *) item)->vm->object : &((Reservation *) item)->object;
                const Step *s = plan_find(p, what, i);

                if (!s || !s->made)
                        list->items[n++] = item;
        }
        list->n = n;
}

/* The i-th PGPU as the steps make it. */
static void plan_apply(Plan *p, size_t i) {
        Pgpu *pgpu = &p->shadow.pgpus[i];

        shadow_reset(&p->shadow, i);
        plan_filter(p, i, &pgpu->vgpus, true);
        plan_filter(p, i, &pgpu->holds, false);
        for (size_t j = 0; j < p->n_steps; j++)
                if (p->steps[j].kind == STEP_ENABLE && p->steps[j].pgpu == i && p->steps[j].made)
                        shadow_enable(&p->shadow, i, CONTAINER_OF(p->steps[j].what, VgpuType, object));
        pgpu_recount(pgpu);
}

/* 1: all VGPUs find room with the steps that are made. */
static int plan_try(Plan *p) {
        Pgpu *pgpus[DEMAND_VGPUS_MAX];

        p->n_tries++;
        for (size_t i = 0; i < p->shadow.host.pgpus.n; i++)
                plan_apply(p, i);
        return assigner_try(p->assigner, &p->shadow.host, pgpus);
}

static bool step_concerns(const Step *c, const Pgpu *pgpu, size_t i) {
        switch (c->kind) {
        case STEP_ENABLE:
                return c->pgpu == i;
        case STEP_RELEASE:
                return ptr_array_contains(&pgpu->holds, CONTAINER_OF(c->what, Reservation, object));
        case STEP_STOP:
                for (size_t j = 0; j < pgpu->vgpus.n; j++)
                        if (&((const Vgpu *) pgpu->vgpus.items[j])->vm->object == c->what)
                                return true;
                return false;
        }
        return false;
}

static void plan_clear_pgpu(Plan *p, size_t i, bool made) {
        for (size_t j = 0; j < p->n_steps; j++)
                if (step_concerns(&p->steps[j], plan_pgpu(p, i), i))
                        p->steps[j].made = made;
}

/* 1: with what is made now they fit. */
static int plan_search(Plan *p) {
        size_t n = p->shadow.host.pgpus.n;
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                plan_clear_pgpu(p, p->order[i], true);
                r = plan_try(p);
                if (r == 0)
                        plan_clear_pgpu(p, p->order[i], false);
        }
        for (size_t i = 0; i < n && r == 0; i++) {
                plan_clear_pgpu(p, p->order[i], true);
                r = plan_try(p);
        }
        return r;
}

static int plan_take_back(Plan *p) {
        int r = 0;

        for (StepKind kind = STEP_STOP; kind <= STEP_ENABLE; kind++)
                for (size_t i = 0; i < p->n_steps && p->n_tries < TRIES_MAX && r >= 0; i++) {
                        Step *c = &p->steps[i];

                        if (c->kind != kind || !c->made)
                                continue;
                        c->made = false;
                        r = plan_try(p);
                        c->made = r == 0;
                }
        return r < 0 ? r : 0;
}

int host_plan(const Demand *d, Assigner *assigner, const Host *h, HostRemedy *ret) {
        _cleanup_(plan_done) Plan p = {.demand = d, .assigner = assigner};
        int r;

        r = plan_init(&p, h);
        if (r < 0)
                return r;
        r = plan_search(&p);
        if (r <= 0)
                return r;
        r = plan_take_back(&p);
        if (r < 0)
                return r;

        ret->kind = REMEDY_STEPS;
        ret->host = h;
        ret->steps = take_ptr(p.steps);
        for (size_t i = 0; i < p.n_steps; i++) {
                const Step *s = &ret->steps[i];

                if (s->made && s->kind == STEP_STOP)
                        ret->memory += CONTAINER_OF(s->what, Vm, object)->memory;
                if (s->made)
                        ret->steps[ret->n_steps++] = *s;
        }
        return 1;
}
