/*
 * Remedies
 *
 * On one PGPU, everything that does not admit the type must leave, and then as much as the type needs. If one
 * more VM is enough, any VM that is large enough will do, and all of these are named; else the largest are
 * chosen first. Holds are released only if VMs cannot make the room, because a reservation is a promise.
 */

#include "policyd/decide/remedy.h"
#include "policyd/pool/pool-internal.h"
#include "protocol/type-identifier.h"

static const Vgpu *vgpu_at(const Pgpu *p, size_t i) {
        return p->vgpus.items[i];
}

static const Reservation *hold_at(const Pgpu *p, size_t i) {
        return p->holds.items[i];
}

/* A VM leaves with all of its VGPUs, a reservation with all of its holds. */
static void pick_vm(Picks *picks, const Pgpu *p, const Vm *vm) {
        for (size_t i = 0; i < p->vgpus.n; i++)
                if (vgpu_at(p, i)->vm == vm)
                        *picks |= UINT64_C(1) << i;
}

static void pick_reservation(Picks *picks, const Pgpu *p, const Reservation *r) {
        for (size_t i = 0; i < p->holds.n; i++)
                if (hold_at(p, i) == r)
                        *picks |= UINT64_C(1) << i;
}

/* Room that the VM of the i-th VGPU takes there. */
static uint32_t vm_size_at(const Pgpu *p, size_t i) {
        uint32_t size = 0;

        for (size_t j = 0; j < p->vgpus.n; j++)
                if (vgpu_at(p, j)->vm == vgpu_at(p, i)->vm)
                        size += pgpu_type_size(p, vgpu_at(p, j)->type);
        return size;
}

static uint32_t fix_room(const PgpuRemedy *fix, const Reservation *own) {
        const Pgpu *p = fix->pgpu;
        uint32_t used = p->suspect;

        for (size_t i = 0; i < p->vgpus.n; i++)
                if (!is_picked(fix->stop, i))
                        used += pgpu_type_size(p, vgpu_at(p, i)->type);
        for (size_t i = 0; i < p->holds.n; i++)
                if (!is_picked(fix->release, i) && hold_at(p, i) != own)
                        used += pgpu_type_size(p, hold_at(p, i)->type);
        for (size_t i = 0; i < p->n_outsiders && !fix->end_outsiders; i++)
                used += pgpu_type_size(p, p->outsiders[i].type);
        return used < PGPU_SIZE ? PGPU_SIZE - used : 0;
}

static void fix_remove_obstacles(PgpuRemedy *fix, const Reservation *own) {
        const Pgpu *p = fix->pgpu;

        for (size_t i = 0; i < p->vgpus.n; i++)
                if (!type_may_join(vgpu_at(p, i)->type, fix->type))
                        pick_vm(&fix->stop, p, vgpu_at(p, i)->vm);
        for (size_t i = 0; i < p->holds.n; i++)
                if (hold_at(p, i) != own && !type_may_join(hold_at(p, i)->type, fix->type))
                        pick_reservation(&fix->release, p, hold_at(p, i));
        for (size_t i = 0; i < p->n_outsiders; i++)
                fix->end_outsiders |= !type_may_join(p->outsiders[i].type, fix->type);
}

/* Names every VM that alone is large enough; if none is, the largest must leave. False: no VM is left. */
static bool fix_stop_vms(PgpuRemedy *fix, uint32_t missing) {
        const Pgpu *p = fix->pgpu;
        size_t largest = SIZE_MAX;

        for (size_t i = 0; i < p->vgpus.n; i++) {
                if (is_picked(fix->stop, i))
                        continue;
                if (vm_size_at(p, i) >= missing)
                        fix->one_of |= UINT64_C(1) << i;
                if (largest == SIZE_MAX || vm_size_at(p, i) > vm_size_at(p, largest))
                        largest = i;
        }
        if (!fix->one_of && largest != SIZE_MAX)
                pick_vm(&fix->stop, p, vgpu_at(p, largest)->vm);
        return largest != SIZE_MAX;
}

static bool fix_release_one(PgpuRemedy *fix, const Reservation *own) {
        const Pgpu *p = fix->pgpu;

        for (size_t i = 0; i < p->holds.n; i++)
                if (!is_picked(fix->release, i) && hold_at(p, i) != own) {
                        pick_reservation(&fix->release, p, hold_at(p, i));
                        return true;
                }
        return false;
}

/* The pool cannot end them, so this comes only after everything else. */
static bool fix_end_outsiders(PgpuRemedy *fix) {
        bool changes = fix->pgpu->n_outsiders > 0 && !fix->end_outsiders;

        fix->end_outsiders |= changes;
        return changes;
}

static void fix_make_room(PgpuRemedy *fix, const Reservation *own) {
        uint32_t size = pgpu_type_size(fix->pgpu, fix->type);

        for (uint32_t room; !fix->one_of && (room = fix_room(fix, own)) < size;)
                if (!fix_stop_vms(fix, size - room) && !fix_release_one(fix, own) && !fix_end_outsiders(fix))
                        return;
}

/* The reservation whose holds alone are in the way. */
static const Reservation *find_usable_hold(const Pgpu *p, const VgpuType *t) {
        for (size_t i = 0; i < p->holds.n; i++) {
                PgpuVerdict v;

                if (!reservation_serves(hold_at(p, i), p, t))
                        continue;
                pgpu_verdict(p, t, hold_at(p, i), &v);
                if (v.capacity > 0)
                        return hold_at(p, i);
        }
        return NULL;
}

/* Unlike host_memory_available(), negative if more is booked than is free: that much must be freed before
 * anything helps. */
static int64_t memory_balance(const Host *h) {
        int64_t balance = (int64_t) h->memory_free;

        for (size_t i = 0; i < h->vms.n; i++)
                if (!((const Vm *) h->vms.items[i])->memory_counted)
                        balance -= (int64_t) ((const Vm *) h->vms.items[i])->memory;
        return balance;
}

uint64_t memory_short(const Demand *d, const Host *h, uint64_t freed) {
        int64_t there = MAX_OF(memory_balance(h) + (int64_t) freed, (int64_t) 0);

        return d->vm->memory > (uint64_t) there ? d->vm->memory - (uint64_t) there : 0;
}

uint64_t memory_to_free(const Demand *d, const Host *h) {
        int64_t missing = (int64_t) d->vm->memory - memory_balance(h);

        return missing > 0 ? (uint64_t) missing : 0;
}

/* Memory that the steps free for certain, in bytes. */
static uint64_t fix_memory(const PgpuRemedy *fix) {
        const Pgpu *p = fix->pgpu;
        uint64_t sum = 0, least = UINT64_MAX;

        for (size_t i = 0; i < p->vgpus.n; i++) {
                const Vm *vm = vgpu_at(p, i)->vm;

                if (is_picked(fix->stop, i) && vgpu_is_first(p, i))
                        sum += vm->memory;
                if (is_picked(fix->one_of, i))
                        least = MIN_OF(least, vm->memory);
        }

        return sum + (fix->one_of ? least : 0);
}

/* Of several VMs of which one has to go, only those that free so many bytes, if there is any. */
static void fix_prefer_memory(PgpuRemedy *fix, uint64_t wanted) {
        Picks enough = 0;

        for (size_t i = 0; i < fix->pgpu->vgpus.n; i++) {
                PgpuRemedy one = *fix;

                one.one_of = fix->one_of & UINT64_C(1) << i;
                if (one.one_of && fix_memory(&one) >= wanted)
                        enough |= one.one_of;
        }
        if (enough)
                fix->one_of = enough;
}

static bool pgpu_is_before(const Pgpu *a, const Pgpu *b) {
        int c = strcmp(a->host->name_label, b->host->name_label);

        return c ? c < 0 : pci_address_compare(&a->pci, &b->pci) < 0;
}

static bool host_lacks_anything(const Host *h, const Demand *d) {
        Candidate c = {.host = h};

        candidate_check_facts(&c, d);
        return c.other != ERROR_NONE || memory_short(d, h, 0) > 0;
}

/* The same but for the board in its identifier; else the only one with its name. */
static const VgpuType *find_successor(const VgpuType *t) {
        const VgpuType *named = NULL;
        size_t n_named = 0;

        for_each(const VgpuType, other, &t->pool->objects[CLASS_VGPU_TYPE]) {
                if (other == t || other->n_supported_on == 0)
                        continue;
                if (type_identifiers_related(t->identifier, other->identifier))
                        return other;
                if (!streq(t->model_name, other->model_name) || !streq(t->vendor_name, other->vendor_name))
                        continue;
                named = other;
                n_named++;
        }
        return n_named == 1 ? named : NULL;
}

static const Pgpu *find_card(const PtrArray *pgpus, const char *identifier) {
        for_each(const Pgpu, p, pgpus)
                if (type_identifier_fits(identifier, p->vendor_id, p->device_id, p->subsystem_device_id))
                        return p;
        return NULL;
}

/* Through the groups, since most PGPUs stand in one. */
static const Pgpu *find_hardware(const VgpuType *t) {
        const PtrArray *pgpus = &t->pool->objects[CLASS_PGPU], *groups = &t->pool->objects[CLASS_GPU_GROUP];
        size_t n_grouped = 0;
        char gpu_type[GPU_TYPE_SIZE];
        const Pgpu *found = NULL;

        if (!type_identifier_gpu_type(t->identifier, gpu_type))
                return NULL;
        for_each_while(!found, const GpuGroup, g, groups) {
                n_grouped += g->pgpus.n;
                if (strv_contains(g->gpu_types, gpu_type))
                        found = find_card(&g->pgpus, t->identifier);
        }
        return found || n_grouped == pgpus->n ? found : find_card(pgpus, t->identifier);
}

/* Among some of those that support the type; by host name and address. */
void pgpu_remedy_elsewhere(const VgpuType *t, const Demand *d, PgpuRemedy *ret) {
        *ret = (PgpuRemedy){.type = t};
        for (size_t i = 0, n = 0; n < MIN_OF(t->n_supported_on, (size_t) ELSEWHERE_MAX); n++) {
                const Pgpu *p = type_next_pgpu(t, /* supported= */ true, &i), *best = ret->elsewhere;
                uint32_t room = p->group ? pgpu_capacity(p, t) : 0;

                if (d && room > 0 && host_lacks_anything(p->host, d))
                        room = 0;
                if (best && (room > 0) < (ret->room > 0))
                        continue;
                if (!best || (room > 0) > (ret->room > 0) || (!best->group && p->group) ||
                        (pgpu_is_before(p, best) && !best->group == !p->group)) {
                        ret->elsewhere = p;
                        ret->room = room;
                }
        }
        if (!ret->elsewhere) {
                ret->successor = find_successor(t);
                ret->hardware = find_hardware(t);
        }
}

void pgpu_remedy(const Pgpu *p, const VgpuType *t, const Reservation *own, const Demand *d, PgpuRemedy *ret) {
        PgpuRemedy fix = {.pgpu = p, .type = t, .supported = true};

        if (!ptr_array_contains(&p->supported, t)) {
                pgpu_remedy_elsewhere(t, d, ret);
                ret->pgpu = p;
                return;
        }

        own = reservation_serves(own, p, t) ? own : NULL;
        fix.enable = !pgpu_offers(p, t);
        if (p->vgpus.n > PICKS_MAX || p->holds.n > PICKS_MAX) {
                fix.stop = fix.release = PICK_ALL;
                fix.end_outsiders = p->n_outsiders > 0;
        } else {
                fix_remove_obstacles(&fix, own);
                if (t->implementation != TYPE_PASSTHROUGH)
                        fix_make_room(&fix, own);
        }
        if (!own && !fix.end_outsiders && (fix.stop || fix.one_of || fix.release))
                fix.use = find_usable_hold(p, t);
        *ret = fix;
}

/* Hosts */

void host_remedy_done(HostRemedy *r) {
        free(r->steps);
        if (r->shadow)
                shadow_done(r->shadow);
        free(r->shadow);
        *r = (HostRemedy){};
}

static void single_remedy(const Candidate *c, const Demand *d, HostRemedy *ret) {
        ret->kind = c->nearest.pgpu ? REMEDY_PGPU : REMEDY_GROUP;
        if (!c->nearest.pgpu)
                return;

        pgpu_remedy(c->nearest.pgpu, c->kind->type, d->reservation, d, &ret->pgpu);
        if (!ret->pgpu.supported)
                return;
        fix_prefer_memory(&ret->pgpu, memory_to_free(d, c->host));
        ret->memory = fix_memory(&ret->pgpu);
}

static const Pgpu *find_outsiders(const Host *h) {
        for (size_t i = 0; i < h->pgpus.n; i++)
                if (((const Pgpu *) h->pgpus.items[i])->n_outsiders > 0)
                        return h->pgpus.items[i];
        return NULL;
}

/* For several VGPUs: on that host, or where its GPUs could never take them, on another that could. */
static int steps_remedy(const Ranking *r, const Demand *d, const Candidate *c, HostRemedy *ret) {
        size_t n_tried = 0;

        for (size_t i = 0; i <= r->n && n_tried < HOSTS_TRIED_MAX; i++) {
                const Candidate *other = i == 0 ? c : &r->candidates[i - 1];
                int error;

                if (other->usable != ERROR_NONE || other->gpu == ERROR_NONE ||
                        (i > 0 && other->host == c->host))
                        continue;
                n_tried++;
                error = host_plan(d, r->assigner, other->host, ret);
                if (error != 0)
                        return MIN_OF(error, 0);
        }

        ret->pgpu.pgpu = find_outsiders(c->host);
        ret->kind = ret->pgpu.pgpu ? REMEDY_OUTSIDERS : REMEDY_FEWER;
        return 0;
}

/* The host as if it could be used. */
static int usable_remedy(const Ranking *r, const Demand *d, const Host *h, HostRemedy *ret) {
        uint64_t scores[DEMAND_VGPUS_MAX];
        int error;

        ret->kind = REMEDY_USABLE;
        ret->shadow = calloc(1, sizeof(Shadow));
        if (!ret->shadow || shadow_init(ret->shadow, h) < 0)
                return -ENOMEM;

        ret->then = (Candidate){.host = &ret->shadow->host, .scores = scores};
        error = candidate_evaluate(&ret->then, d, r->assigner, r->request);
        ret->then.scores = NULL;
        return error;
}

static int find_remedy(const Ranking *r, const Demand *d, const Candidate *c, HostRemedy *ret) {
        ret->host = c->host;
        if (!host_is_usable(c->host))
                return usable_remedy(r, d, c->host, ret);
        if (c->gpu != ERROR_NONE && d->n_vgpus > 1 && (c->nearest.pgpu || c->together))
                return steps_remedy(r, d, c, ret);
        if (c->gpu != ERROR_NONE)
                single_remedy(c, d, ret);
        else if (c->other != ERROR_NONE)
                ret->kind = REMEDY_FACTS;
        return 0;
}

int host_remedy(const Ranking *r, const Demand *d, const Candidate *c, HostRemedy *ret) {
        _cleanup_host_remedy_ HostRemedy remedy = {};
        int error;

        error = find_remedy(r, d, c, &remedy);
        if (error < 0)
                return error;
        *ret = remedy;
        remedy = (HostRemedy){};
        return 0;
}

/* The easier it becomes usable, the lower. */
static int effort(const Host *h) {
        return h->state == HOST_ONLINE ? 0 : h->state == HOST_CONNECTING ? 1 : 2;
}

static bool remedy_suffices(const HostRemedy *r) {
        return r->host && candidate_code(&r->then) == ERROR_NONE;
}

int unusable_host_remedy(const Ranking *r, const Demand *d, const GpuGroup *group, HostRemedy *ret) {
        const PtrArray *hosts = &r->pool->objects[CLASS_HOST];
        _cleanup_host_remedy_ HostRemedy best = {};
        size_t n_tried = 0;

        for (int e = 0; e <= 2; e++)
                for (size_t i = 0; i < hosts->n && n_tried < HOSTS_TRIED_MAX && !remedy_suffices(&best);
                        i++) {
                        const Candidate c = {.host = hosts->items[i]};
                        _cleanup_host_remedy_ HostRemedy remedy = {};
                        int error;

                        if (host_is_usable(c.host) || effort(c.host) != e ||
                                (group && !host_group_pgpu(c.host, group)))
                                continue;
                        n_tried++;
                        error = host_remedy(r, d, &c, &remedy);
                        if (error < 0)
                                return error;
                        if (best.host && !remedy_suffices(&remedy))
                                continue;
                        host_remedy_done(&best);
                        best = remedy;
                        remedy = (HostRemedy){};
                }

        *ret = best;
        best = (HostRemedy){};
        return 0;
}
