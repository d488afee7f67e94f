/*
 * A host's remedy for several VGPUs
 *
 * Tried, not deduced: on a shadow of the host each change that could matter is made or not, and the assigner
 * says whether all VGPUs find room. First the PGPU that alone would do, the one with the fewest VMs before
 * others, or as many as it takes; then every change that is not needed is taken back, VMs first. What is left
 * suffices, and none of it can be left out.
 */

#include "policyd/pool/pool-internal.h"
#include "policyd/words/remedy.h"
#include "policyd/decide/shadow.h"

#define TRIES_MAX 96

typedef enum ChangeKind {
        CHANGE_STOP,
        CHANGE_RELEASE,
        CHANGE_ENABLE,
} ChangeKind;

typedef struct Change {
        ChangeKind kind;
        const Object *what; /* the VM, reservation or type */
        size_t pgpu;        /* enable: where */
        bool made;
} Change;

typedef struct Plan {
        const Demand *demand;
        Assigner *assigner;
        Shadow shadow;
        Change *changes;
        size_t n_changes;
        size_t *order; /* PGPUs, those with the fewest VMs and holds first */
        size_t n_tries;
} Plan;

static void plan_done(Plan *p) {
        shadow_done(&p->shadow);
        free(p->changes);
        free(p->order);
}

static const Pgpu *plan_pgpu(const Plan *p, size_t i) {
        return p->shadow.of->pgpus.items[i];
}

static Change *plan_find(const Plan *p, const void *what, size_t pgpu) {
        for (size_t i = 0; i < p->n_changes; i++)
                if (p->changes[i].what == what &&
                        (p->changes[i].kind != CHANGE_ENABLE || p->changes[i].pgpu == pgpu))
                        return &p->changes[i];
        return NULL;
}

static void plan_add(Plan *p, ChangeKind kind, const Object *what, size_t pgpu) {
        if (!plan_find(p, what, pgpu))
                p->changes[p->n_changes++] = (Change){.kind = kind, .what = what, .pgpu = pgpu};
}

static bool pgpu_serves(const Pgpu *p, const Demand *d, size_t kind) {
        return demand_kind_matches(&d->kinds[kind], p) &&
               ptr_array_contains(&p->supported, d->kinds[kind].type);
}

/* Every change on the i-th PGPU that could let a VGPU of the VM onto it. */
static void plan_add_pgpu(Plan *p, size_t i) {
        const Pgpu *pgpu = plan_pgpu(p, i);
        bool serves = false;

        for (size_t k = 0; k < p->demand->n_kinds; k++) {
                const VgpuType *t = p->demand->kinds[k].type;

                if (!pgpu_serves(pgpu, p->demand, k))
                        continue;
                serves = true;
                if (!ptr_array_contains(&pgpu->enabled, t) || ptr_array_contains(&pgpu->disabling, t))
                        plan_add(p, CHANGE_ENABLE, &t->object, i);
        }

        for (size_t j = 0; serves && j < pgpu->vgpus.n; j++)
                plan_add(p, CHANGE_STOP, &((const Vgpu *) pgpu->vgpus.items[j])->vm->object, i);
        for (size_t j = 0; serves && j < pgpu->holds.n; j++)
                if (pgpu->holds.items[j] != p->demand->reservation)
                        plan_add(p, CHANGE_RELEASE, &((const Reservation *) pgpu->holds.items[j])->object, i);
}

static int plan_init(Plan *p, const Host *h) {
        size_t n_changes = 0;

        for (size_t i = 0; i < h->pgpus.n; i++)
                n_changes += pgpu_load(h->pgpus.items[i]) + p->demand->n_kinds;

        p->changes = calloc(n_changes + 1, sizeof(Change));
        p->order = calloc(h->pgpus.n + 1, sizeof(size_t));
        if (!p->changes || !p->order || shadow_init(&p->shadow, h) < 0)
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

/* The lists of the i-th PGPU without what the changes remove, and with what they add. */
static void plan_apply(Plan *p, size_t i) {
        Pgpu *pgpu = &p->shadow.pgpus[i];
        size_t n = 0;

        shadow_reset(&p->shadow, i);
        for (size_t j = 0; j < pgpu->vgpus.n; j++) {
                const Change *c = plan_find(p, &((const Vgpu *) pgpu->vgpus.items[j])->vm->object, i);

                if (!c || !c->made)
                        pgpu->vgpus.items[n++] = pgpu->vgpus.items[j];
        }
        pgpu->vgpus.n = n;

        n = 0;
        for (size_t j = 0; j < pgpu->holds.n; j++) {
                const Change *c = plan_find(p, &((const Reservation *) pgpu->holds.items[j])->object, i);

                if (!c || !c->made)
                        pgpu->holds.items[n++] = pgpu->holds.items[j];
        }
        pgpu->holds.n = n;

        for (size_t j = 0; j < p->n_changes; j++)
                if (p->changes[j].kind == CHANGE_ENABLE && p->changes[j].pgpu == i && p->changes[j].made)
                        shadow_enable(&p->shadow, i, CONTAINER_OF(p->changes[j].what, VgpuType, object));
        pgpu_recount(pgpu);
}

/* 1: all VGPUs find room with the changes that are made. */
static int plan_try(Plan *p) {
        Pgpu *pgpus[DEMAND_VGPUS_MAX];

        p->n_tries++;
        for (size_t i = 0; i < p->shadow.host.pgpus.n; i++)
                plan_apply(p, i);
        return assigner_try(p->assigner, &p->shadow.host, pgpus);
}

static bool change_concerns(const Change *c, const Pgpu *pgpu, size_t i) {
        switch (c->kind) {
        case CHANGE_ENABLE:
                return c->pgpu == i;
        case CHANGE_RELEASE:
                return ptr_array_contains(&pgpu->holds, CONTAINER_OF(c->what, Reservation, object));
        case CHANGE_STOP:
                for (size_t j = 0; j < pgpu->vgpus.n; j++)
                        if (&((const Vgpu *) pgpu->vgpus.items[j])->vm->object == c->what)
                                return true;
                return false;
        }
        return false;
}

static void plan_clear_pgpu(Plan *p, size_t i, bool made) {
        for (size_t j = 0; j < p->n_changes; j++)
                if (change_concerns(&p->changes[j], plan_pgpu(p, i), i))
                        p->changes[j].made = made;
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

        for (ChangeKind kind = CHANGE_STOP; kind <= CHANGE_ENABLE; kind++)
                for (size_t i = 0; i < p->n_changes && p->n_tries < TRIES_MAX && r >= 0; i++) {
                        Change *c = &p->changes[i];

                        if (c->kind != kind || !c->made)
                                continue;
                        c->made = false;
                        r = plan_try(p);
                        c->made = r == 0;
                }
        return r < 0 ? r : 0;
}

/* Steps of one kind: "shut down VMs 'a' and 'b'". */
static void sentence_changes(
        StrBuf *b, const Plan *p, ChangeKind kind, const char *one, const char *several) {
        size_t n = 0, at = 0;

        for (size_t i = 0; i < p->n_changes; i++)
                n += p->changes[i].kind == kind && p->changes[i].made;
        for (size_t i = 0; i < p->n_changes; i++) {
                const Change *c = &p->changes[i];

                if (c->kind != kind || !c->made)
                        continue;
                if (at == 0)
                        sentence_step(b, "%s", n == 1 ? one : several);
                strbuf_addf(b, "%s'%s'", list_separator(at++, n), object_name(c->what));
        }
}

static void sentence_plan(StrBuf *b, const Plan *p) {
        for (size_t i = 0; i < p->n_changes; i++) {
                const Change *c = &p->changes[i];

                if (c->kind != CHANGE_ENABLE || !c->made)
                        continue;
                sentence_step(b, "enable %s on ", type_label(CONTAINER_OF(c->what, VgpuType, object)));
                sentence_pgpu(b, plan_pgpu(p, c->pgpu));
        }
        sentence_changes(b, p, CHANGE_STOP, "shut down VM ", "shut down VMs ");
        sentence_changes(b, p, CHANGE_RELEASE, "destroy reservation ", "destroy reservations ");
}

int sentence_host_plan(StrBuf *b, const Demand *d, Assigner *assigner, const Host *h, uint64_t *ret_memory) {
        _cleanup_(plan_done) Plan p = {.demand = d, .assigner = assigner};
        uint64_t memory = 0;
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

        sentence_plan(b, &p);
        for (size_t i = 0; i < p.n_changes; i++)
                if (p.changes[i].kind == CHANGE_STOP && p.changes[i].made)
                        memory += CONTAINER_OF(p.changes[i].what, Vm, object)->memory;
        *ret_memory = memory;
        return 1;
}
