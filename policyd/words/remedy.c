/*
 * One PGPU's remedy
 *
 * Whatever does not admit the type has to go, and then as much as the type needs. Where one VM more or less
 * decides, any of those that are large enough will do, and all are named; else the largest go first. Holds
 * go only when VMs cannot make the room, since a reservation is somebody's word.
 */

#include "policyd/pool/pool-internal.h"
#include "policyd/words/remedy.h"

#define PICKS_MAX 64
#define PICK_ALL UINT64_MAX
#define ELSEWHERE_MAX 16 /* PGPUs looked at for room */

static bool is_picked(Picks picks, size_t i) {
        return picks == PICK_ALL || (i < PICKS_MAX && (picks >> i & 1));
}

static const Vgpu *vgpu_at(const Pgpu *p, size_t i) {
        return p->vgpus.items[i];
}

static const Reservation *hold_at(const Pgpu *p, size_t i) {
        return p->holds.items[i];
}

/* A VM goes with all of its VGPUs, a reservation with all of its holds. */
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

static uint32_t fix_room(const PgpuFix *fix, const Reservation *own) {
        const Pgpu *p = fix->pgpu;
        uint32_t used = 0;

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

static void fix_remove_obstacles(PgpuFix *fix, const Reservation *own) {
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

static void fix_find_one_of(PgpuFix *fix, uint32_t missing) {
        for (size_t i = 0; i < fix->pgpu->vgpus.n; i++)
                if (!is_picked(fix->stop, i) && vm_size_at(fix->pgpu, i) >= missing)
                        fix->one_of |= UINT64_C(1) << i;
}

static bool fix_stop_largest(PgpuFix *fix) {
        const Pgpu *p = fix->pgpu;
        size_t best = SIZE_MAX;

        for (size_t i = 0; i < p->vgpus.n; i++)
                if (!is_picked(fix->stop, i) && (best == SIZE_MAX || vm_size_at(p, i) > vm_size_at(p, best)))
                        best = i;
        if (best != SIZE_MAX)
                pick_vm(&fix->stop, p, vgpu_at(p, best)->vm);
        return best != SIZE_MAX;
}

static bool fix_release_one(PgpuFix *fix, const Reservation *own) {
        const Pgpu *p = fix->pgpu;

        for (size_t i = 0; i < p->holds.n; i++)
                if (!is_picked(fix->release, i) && hold_at(p, i) != own) {
                        pick_reservation(&fix->release, p, hold_at(p, i));
                        return true;
                }
        return false;
}

/* Nobody here can end them: so when nothing else makes the room. */
static bool fix_end_outsiders(PgpuFix *fix) {
        bool changes = fix->pgpu->n_outsiders > 0 && !fix->end_outsiders;

        fix->end_outsiders |= changes;
        return changes;
}

static void fix_make_room(PgpuFix *fix, const Reservation *own) {
        uint32_t size = pgpu_type_size(fix->pgpu, fix->type);

        for (uint32_t room; (room = fix_room(fix, own)) < size;) {
                fix_find_one_of(fix, size - room);
                if (fix->one_of ||
                        (!fix_stop_largest(fix) && !fix_release_one(fix, own) && !fix_end_outsiders(fix)))
                        return;
        }
}

/* The reservation whose holds are all that is in the way. */
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

bool pgpu_fix(const Pgpu *p, const VgpuType *t, const Reservation *own, PgpuFix *ret) {
        PgpuFix fix = {.pgpu = p, .type = t};

        if (!ptr_array_contains(&p->supported, t))
                return false;

        own = reservation_serves(own, p, t) ? own : NULL;
        fix.enable = !ptr_array_contains(&p->enabled, t) || ptr_array_contains(&p->disabling, t);
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
        return true;
}

void pgpu_fix_prefer_memory(PgpuFix *fix, uint64_t wanted) {
        Picks enough = 0;

        for (size_t i = 0; i < fix->pgpu->vgpus.n; i++) {
                PgpuFix one = *fix;

                one.one_of = fix->one_of & UINT64_C(1) << i;
                if (one.one_of && pgpu_fix_memory(&one) >= wanted)
                        enough |= one.one_of;
        }
        if (enough)
                fix->one_of = enough;
}

uint64_t pgpu_fix_memory(const PgpuFix *fix) {
        const Pgpu *p = fix->pgpu;
        uint64_t sum = 0, least = UINT64_MAX;

        for (size_t i = 0; i < p->vgpus.n; i++) {
                const Vm *vm = vgpu_at(p, i)->vm;
                bool again = false;

                for (size_t j = 0; j < i && !again; j++)
                        again = vgpu_at(p, j)->vm == vm;
                if (is_picked(fix->stop, i) && !again)
                        sum += vm->memory;
                if (is_picked(fix->one_of, i))
                        least = MIN_OF(least, vm->memory);
        }

        return sum + (fix->one_of ? least : 0);
}

/* Words */

/* One VGPU of each VM that is picked. */
static size_t pick_vgpus(const Pgpu *p, Picks picks, const Vgpu *ret[static PICKS_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < p->vgpus.n; i++) {
                bool again = !is_picked(picks, i);

                for (size_t j = 0; j < n && !again; j++)
                        again = ret[j]->vm == vgpu_at(p, i)->vm;
                if (!again)
                        ret[n++] = vgpu_at(p, i);
        }
        return n;
}

static bool all_are_picked(const Pgpu *p, Picks picks) {
        return picks == PICK_ALL || picks == PICK_ALL >> (PICKS_MAX - MAX_OF(p->vgpus.n, (size_t) 1));
}

/* "shut down VM 'a'", "shut down one of the VMs there", "shut down VMs 'a' and 'c'" */
static void sentence_stop(StrBuf *b, const Pgpu *p, Picks picks, bool one) {
        bool all = all_are_picked(p, picks);
        const Vgpu *vgpus[PICKS_MAX];
        size_t n;

        if (picks == 0)
                return;
        n = picks == PICK_ALL ? p->vgpus.n : pick_vgpus(p, picks, vgpus);
        if (n == 0)
                return;
        if (n > 1 && all) {
                sentence_step(b, "shut down %s the VMs there", one ? "one of" : "all");
                return;
        }

        sentence_step(b, "shut down %sVM%s ", one && n > 1 ? "one of " : "", PLURAL(n));
        for (size_t i = 0; i < n; i++)
                strbuf_addf(b, "%s'%s'", list_separator(i, n), vgpus[i]->vm->name_label);
}

static bool is_the_only_one(const PgpuFix *fix) {
        for (size_t i = 0; i < fix->pgpu->holds.n; i++)
                if (is_picked(fix->release, i) && hold_at(fix->pgpu, i) != fix->use)
                        return false;
        return true;
}

static void sentence_release(StrBuf *b, const PgpuFix *fix) {
        const Pgpu *p = fix->pgpu;
        size_t n = 0;

        for (size_t i = 0; i < p->holds.n; i++) {
                bool again = false;

                for (size_t j = 0; j < i && !again; j++)
                        again = hold_at(p, j) == hold_at(p, i);
                if (!is_picked(fix->release, i) || again)
                        continue;
                if (n++ == 0)
                        sentence_step(b, "destroy reservation '%s'", hold_at(p, i)->name_label);
                else
                        strbuf_addf(b, " and reservation '%s'", hold_at(p, i)->name_label);
        }
}

void sentence_recover(StrBuf *b, const Pgpu *p) {
        if (!isempty(p->held_by))
                sentence_step(b, "shut down %s of %s, or detach the function from it", p->held_by,
                        p->host->name_label);
        else if (p->present)
                sentence_step(b, "mend it and clear its health (pgpu-clear-health uuid=%s)",
                        UUID_TEXT(&p->object.id));
        else if (p->reported && p->health == PGPU_HEALTH_LOST)
                sentence_step(b, "switch %s off and on, or look after the card in it", p->host->name_label);
        else
                sentence_step(b, "look for the card in %s", p->host->name_label);
}

void sentence_fix(StrBuf *b, const PgpuFix *fix) {
        if (host_is_usable(fix->pgpu->host) && (!fix->pgpu->present || pgpu_is_left_out(fix->pgpu)))
                sentence_recover(b, fix->pgpu);
        if (fix->enable) {
                sentence_step(b, "enable %s on ", type_label(fix->type));
                sentence_pgpu(b, fix->pgpu);
        }
        sentence_stop(b, fix->pgpu, fix->stop, /* one= */ false);
        sentence_stop(b, fix->pgpu, fix->one_of, /* one= */ true);
        sentence_release(b, fix);
        if (fix->end_outsiders) {
                sentence_step(b, "end ");
                (void) sentence_outsiders(b, fix->pgpu, NULL);
                strbuf_addf(b, ", on %s itself", fix->pgpu->host->name_label);
        }
        if (fix->use && !fix->stop && !fix->one_of && is_the_only_one(fix))
                strbuf_add(b, " or start with it");
        else if (fix->use)
                strbuf_addf(b, ", or start with reservation '%s'", fix->use->name_label);
}

static bool pgpu_is_before(const Pgpu *a, const Pgpu *b) {
        int c = strcmp(a->host->name_label, b->host->name_label);

        return c ? c < 0 : pci_address_compare(&a->pci, &b->pci) < 0;
}

/* A PGPU with room on a host that lacks nothing else, among some of those that support the type; by host name
 * and address. */
static const Pgpu *find_elsewhere(const VgpuType *t, const Demand *d, uint32_t *ret_room) {
        const Pgpu *best = NULL;
        uint32_t best_room = 0;

        for (size_t i = 0; i < MIN_OF(t->supported_on.n, (size_t) ELSEWHERE_MAX); i++) {
                const Pgpu *p = t->supported_on.items[i];
                _cleanup_strbuf_ StrBuf lacks = {};
                uint32_t room = p->group ? pgpu_capacity(p, t) : 0;

                if (d && room > 0 && sentence_lacks(&lacks, d, p->host, 0) > 0)
                        room = 0;
                if (best && (room > 0) < (best_room > 0))
                        continue;
                if (!best || (room > 0) > (best_room > 0) || (!best->group && p->group) ||
                        (pgpu_is_before(p, best) && !best->group == !p->group)) {
                        best = p;
                        best_room = room;
                }
        }
        *ret_room = best_room;
        return best;
}

void sentence_elsewhere(StrBuf *b, const VgpuType *t, const Demand *d) {
        const Pgpu *p;
        uint32_t room;

        p = find_elsewhere(t, d, &room);
        if (!p) {
                sentence_step(
                        b, "no host of the pool has the hardware for %s; add one that has", type_label(t));
                return;
        }

        strbuf_addf(b, "%s is supported on ", type_label(t));
        sentence_pgpu(b, p);
        if (t->supported_on.n > 1)
                strbuf_addf(b, " and %zu more", t->supported_on.n - 1);
        if (!p->group)
                return;
        strbuf_addf(b, "; give the VM a VGPU of group '%s'", p->group->name_label);
        if (room > 0)
                strbuf_addf(b, ", where that one has room for %u", room);
        else
                strbuf_add(b, t->supported_on.n > ELSEWHERE_MAX ? ", once there is room"
                                                                : ", where it finds no room now either");
}

void sentence_make_usable(StrBuf *b, const Host *h) {
        if (h->state == HOST_CONNECTING)
                sentence_step(b, "try again in a moment, when %s has answered", h->name_label);
        if (h->state == HOST_OFFLINE)
                sentence_step(b, "bring host %s back online", h->name_label);
        if (!h->enabled)
                sentence_step(b, "enable host %s", h->name_label);
}

void sentence_remedy(StrBuf *b, const PgpuVerdict *v, const VgpuType *t, const Reservation *own) {
        const Pgpu *p = v->pgpu;
        PgpuFix fix;

        if (v->code == ERROR_NONE)
                return;

        if (!host_is_usable(p->host))
                sentence_make_usable(b, p->host);
        if (pgpu_fix(p, t, own, &fix))
                sentence_fix(b, &fix);
        else
                sentence_elsewhere(b, t, /* d= */ NULL);
}
