/*
 * What stands on PGPUs, and everything that is counted or derived
 */

#include "policyd/check/check-private.h"
#include "policyd/decide/scores.h"

/* On a PGPU: VGPUs, held instances, and VGPUs of VMs that the pool does not have there. */

static bool is_passthrough(const VgpuType *t) {
        return t->implementation == TYPE_PASSTHROUGH;
}

static size_t types_on(const Pgpu *p, const VgpuType **types) {
        size_t n = 0;

        for_each(const Vgpu, v, &p->vgpus)
                types[n++] = v->type;
        for_each(const Reservation, r, &p->holds)
                types[n++] = r->type;
        for (size_t i = 0; i < p->n_outsiders; i++)
                types[n++] = p->outsiders[i].type;
        return n;
}

static size_t load_of(const Pgpu *p) {
        return p->vgpus.n + p->holds.n + p->n_outsiders;
}

static uint64_t sum_of(const Pgpu *p, const VgpuType *const *types, size_t n) {
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += pgpu_type_size(p, types[i]);
        return sum;
}

void check_capacity(Check *c) {
        CHECK_EACH(c, PGPU, Pgpu, p) {
                const VgpuType *types[load_of(p) + 1];
                uint64_t sum = sum_of(p, types, types_on(p, types));

                CHECK(c, p, sum <= PGPU_SIZE, "is over its capacity: %" PRIu64 " of %d units are taken", sum, PGPU_SIZE);
        }
}

static bool lists_identifier(const VgpuType *running, const VgpuType *joining) {
        for (char **i = running->compatible_on_pgpu; i && *i; i++)
                if (streq(*i, joining->identifier))
                        return true;
        return false;
}

/* Of two that share a PGPU, at least one came second, and was admitted by the list of the first. */
static bool may_be_together(const VgpuType *a, const VgpuType *b) {
        return is_passthrough(a) || is_passthrough(b) || lists_identifier(a, b) || lists_identifier(b, a);
}

static void check_exclusive_on(Check *c, const Pgpu *p) {
        const VgpuType *types[load_of(p) + 1];
        size_t n = types_on(p, types);

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++) {
                        if (may_be_together(types[i], types[k]))
                                continue;
                        check_found(c, p, "has %s and %s together, which exclude each other", types[k]->model_name,
                                types[i]->model_name);
                        return;
                }
}

void check_exclusive(Check *c) {
        CHECK_EACH(c, PGPU, Pgpu, p)
                check_exclusive_on(c, p);
}

void check_passthrough(Check *c) {
        CHECK_EACH(c, PGPU, Pgpu, p) {
                const VgpuType *types[load_of(p) + 1];
                size_t n = types_on(p, types), n_whole = 0;

                for (size_t i = 0; i < n; i++)
                        n_whole += is_passthrough(types[i]);
                CHECK(c, p, n_whole == 0 || n == 1, "is passed through as a whole, and %zu more stand or are held there",
                        n - 1);
        }
}

/* Counters */

static void check_uses(Check *c, const Pgpu *p) {
        size_t n = 0;

        for (size_t i = 0; i < p->n_uses; i++) {
                const struct PgpuUse *u = &p->uses[i];
                uint32_t n_vgpus = 0, n_holds = 0, n_outsiders = 0;

                for_each(const Vgpu, v, &p->vgpus)
                        n_vgpus += v->type == u->type;
                for_each(const Reservation, r, &p->holds)
                        n_holds += r->type == u->type;
                for (size_t k = 0; k < p->n_outsiders; k++)
                        n_outsiders += p->outsiders[k].type == u->type;
                CHECK(c, p, n_vgpus == u->n_vgpus && n_holds == u->n_holds && n_outsiders == u->n_outsiders,
                        "counts %u VGPUs of %s, %u held and %u of other VMs, and it is %u, %u and %u", u->n_vgpus,
                        u->type->identifier, u->n_holds, u->n_outsiders, n_vgpus, n_holds, n_outsiders);
                CHECK(c, p, n_vgpus + n_holds + n_outsiders > 0, "counts the type %s, of which nothing is there",
                        u->type->identifier);
                n += n_vgpus + n_holds + n_outsiders;
        }
        CHECK(c, p, n == load_of(p), "has a type in use that is not counted");
}

static bool host_is_uneven(const Host *h) {
        for_each(const Pgpu, p, &h->pgpus)
                if (p->standing != PLACE_GOOD)
                        return true;
        return h->standing != PLACE_GOOD;
}

void check_counters(Check *c) {
        size_t n_uneven = 0;

        CHECK_EACH(c, PGPU, Pgpu, p) {
                const VgpuType *types[load_of(p) + 1];
                uint64_t used = sum_of(p, types, types_on(p, types)) + p->suspect;

                CHECK(c, p, p->used == used, "says that %u units are used, and it is %" PRIu64, p->used, used);
                check_uses(c, p);
        }
        CHECK_EACH(c, HOST, Host, h) {
                CHECK(c, h, h->uneven == host_is_uneven(h), "is kept as a place that is %s, and it is not",
                        h->uneven ? "not good" : "good");
                n_uneven += h->uneven;
        }
        CHECK(c, NULL, n_uneven == c->pool->n_uneven, "The pool counts %zu hosts that are no good places, and it is %zu",
                c->pool->n_uneven, n_uneven);
}

/* Owners */

static void count_use(OwnerUse *use, const GpuGroup *group, uint64_t n, const VgpuType *t) {
        if (use->group && use->group != group)
                return;
        use->vgpus += n;
        use->size += n * (is_passthrough(t) ? PGPU_SIZE : t->size);
}

static void check_use(Check *c, const Owner *owner, const OwnerUse *kept) {
        OwnerUse counted = {.group = kept->group};

        for_each(const Vm, vm, &owner->vms)
                for_each(const Vgpu, v, &vm->vgpus)
                        if (v->scheduled_on || v->resident_on)
                                count_use(&counted, v->group, 1, v->type);
        for_each(const Reservation, r, &owner->reservations)
                count_use(&counted, r->group, r->holds.n, r->type);
        CHECK(c, NULL, counted.vgpus == kept->vgpus && counted.size == kept->size,
                "The owner '%s' is counted with %" PRIu64 " VGPUs of %" PRIu64 " units, and it is %" PRIu64 " of %" PRIu64,
                owner->name, kept->vgpus, kept->size, counted.vgpus, counted.size);
}

static void check_owned(Check *c, const void *o, const char *name, const Owner *by, const PtrArray *list) {
        CHECK(c, o, streq(strempty(name), by ? by->name : ""), "counts for the owner '%s' and names '%s'",
                by ? by->name : "", strempty(name));
        CHECK(c, o, !by || check_count(c, list, o) == 1, "is not among the things of its owner");
}

void check_owners(Check *c) {
        const Owner *owner;

        CHECK_EACH(c, VM, Vm, vm)
                check_owned(c, vm, vm->owner, vm->owned_by, vm->owned_by ? &vm->owned_by->vms : NULL);
        CHECK_EACH(c, RESERVATION, Reservation, r)
                check_owned(c, r, r->owner, r->owned_by, r->owned_by ? &r->owned_by->reservations : NULL);
        CHECK_EACH(c, QUOTA, Quota, q)
                check_owned(c, q, q->owner, q->owned_by, q->owned_by ? &q->owned_by->quotas : NULL);
        for (size_t i = 0; (owner = hashmap_next(c->pool->owners, &i));) {
                for (size_t k = 0; k < owner->n_uses; k++)
                        check_use(c, owner, &owner->uses[k]);
                for_each(const Vm, vm, &owner->vms)
                        CHECK(c, vm, vm->owned_by == owner, "is among the things of '%s', who does not own it", owner->name);
        }
}

/* Types, groups, scores */

static void check_type(Check *c, const VgpuType *t) {
        const HostType *lead = NULL;
        size_t n_other = 0, n_outsiders = 0, n_supported_on = 0;

        for_each(const HostType, f, &t->of_hosts) {
                n_other += f->size != t->size;
                if (!lead || f->host->object.key < lead->host->object.key)
                        lead = f;
                CHECK(c, t, f->type == t && ptr_array_contains(&f->host->types, f), "lists what host '%s' says of another type",
                        f->host->name_label);
        }
        CHECK_EACH(c, PGPU, Pgpu, p) {
                n_supported_on += ptr_array_contains(&p->supported, t);
                for (size_t i = 0; i < p->n_outsiders; i++)
                        n_outsiders += p->outsiders[i].type == t;
        }
        CHECK(c, t, t->lead == lead && (!lead || lead->size == t->size), "does not show what its first host says of it");
        CHECK(c, t, t->n_other_sizes == n_other, "counts %zu hosts with another size, and it is %zu", t->n_other_sizes, n_other);
        CHECK(c, t, t->n_outsiders == n_outsiders, "counts %zu VGPUs of other VMs, and it is %zu", t->n_outsiders, n_outsiders);
        CHECK(c, t, t->n_supported_on == n_supported_on, "counts %zu PGPUs that support it, and it is %zu", t->n_supported_on,
                n_supported_on);
}

void check_types(Check *c) {
        CHECK_EACH(c, VGPU_TYPE, VgpuType, t)
                check_type(c, t);
}

static void check_union(Check *c, const GpuGroup *g, bool supported) {
        const PtrArray *list = supported ? &g->supported : &g->enabled;
        size_t n = 0;

        CHECK_EACH(c, VGPU_TYPE, VgpuType, t) {
                bool wanted = false;

                for_each_while(!wanted, const Pgpu, p, &g->pgpus)
                        wanted = ptr_array_contains(supported ? &p->supported : &p->enabled, t);
                CHECK(c, g, ptr_array_contains(list, t) == wanted, "has %s in its union of %s types, or lacks it, wrongly",
                        t->identifier, supported ? "supported" : "enabled");
                n += wanted;
        }
        CHECK(c, g, list->n == n, "has an unknown type in its union of %s types", supported ? "supported" : "enabled");
}

void check_unions(Check *c) {
        CHECK_EACH(c, GPU_GROUP, GpuGroup, g) {
                check_union(c, g, /* supported= */ true);
                check_union(c, g, /* supported= */ false);
        }
}

void check_scores(Check *c) {
        CHECK_EACH(c, HOST, Host, h) {
                bool same = true;
                int r = scores_check(c->pool, h, &same);

                if (r < 0)
                        c->findings->error = r;
                CHECK(c, h, same, "is kept with other scores than it has");
        }
}
