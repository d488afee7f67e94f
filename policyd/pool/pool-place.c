/*
 * Where VMs and VGPUs stand, and what reservations hold
 *
 * A VGPU points to at most two PGPUs: where it is scheduled and where it is resident. It stands once in the
 * list of each, and its size counts once; the step from scheduled to resident on one PGPU therefore never
 * changes what is used. VMs and hosts are linked the same way.
 */

#include "policyd/pool/pool-internal.h"

static struct PgpuUse *pgpu_find_use(const Pgpu *p, const VgpuType *t) {
        for (size_t i = 0; i < p->n_uses; i++)
                if (p->uses[i].type == t)
                        return &p->uses[i];

        return NULL;
}

size_t pgpu_load(const Pgpu *p) {
        return p->vgpus.n + p->holds.n + p->n_outsiders;
}

/* Finds the entry of the type, or adds it; the caller has made room. */
static struct PgpuUse *pgpu_get_use(Pgpu *p, VgpuType *t) {
        struct PgpuUse *u = pgpu_find_use(p, t);

        if (!u) {
                u = &p->uses[p->n_uses++];
                *u = (struct PgpuUse){.type = t};
        }
        return u;
}

void pgpu_recount(Pgpu *p) {
        p->used = p->suspect;

        for (size_t i = 0; i < p->n_uses; i++)
                p->uses[i].n_vgpus = p->uses[i].n_holds = p->uses[i].n_outsiders = 0;
        for_each(Vgpu, v, &p->vgpus)
                pgpu_get_use(p, v->type)->n_vgpus++;
        for_each(Reservation, r, &p->holds)
                pgpu_get_use(p, r->type)->n_holds++;
        for (size_t i = 0; i < p->n_outsiders; i++)
                pgpu_get_use(p, p->outsiders[i].type)->n_outsiders++;

        for (size_t i = p->n_uses; i > 0; i--) {
                struct PgpuUse *u = &p->uses[i - 1];
                uint32_t n = u->n_vgpus + u->n_holds + u->n_outsiders;

                p->used += pgpu_type_size(p, u->type) * n;
                if (n == 0)
                        *u = p->uses[--p->n_uses];
        }
}

/* Room for so many types more in what a PGPU is used for. */
static int pgpu_prepare_uses(Pgpu *p, size_t n) {
        struct PgpuUse *uses;

        uses = realloc(p->uses, (p->n_uses + n) * sizeof(struct PgpuUse));
        if (!uses)
                return -ENOMEM;
        p->uses = uses;
        return 0;
}

static bool outsiders_equal(const Pgpu *p, const Outsider *outsiders, size_t n) {
        if (p->n_outsiders != n)
                return false;
        for (size_t i = 0; i < n; i++) {
                const Outsider *a = &p->outsiders[i], *b = &outsiders[i];

                if (!uuid_equal(&a->vm, &b->vm) || a->type != b->type || !streq(a->name, b->name))
                        return false;
        }
        return true;
}

void outsiders_free(Outsider *outsiders, size_t n) {
        for (size_t i = 0; outsiders && i < n; i++)
                free(outsiders[i].name);
        free(outsiders);
}

static int outsiders_copy(const Outsider *outsiders, size_t n, Outsider **ret) {
        Outsider *copy = calloc(n + 1, sizeof(*copy));

        for (size_t i = 0; copy && i < n; i++) {
                copy[i] = outsiders[i];
                copy[i].name = strdup(outsiders[i].name);
                if (copy[i].name)
                        continue;
                outsiders_free(copy, i);
                copy = NULL;
        }
        *ret = copy;
        return copy ? 0 : -ENOMEM;
}

int pool_set_pgpu_outsiders(Pool *pool, Pgpu *p, const Outsider *outsiders, size_t n) {
        Outsider *copy = NULL;

        if (outsiders_equal(p, outsiders, n))
                return 0;
        if (n > 0 && (pgpu_prepare_uses(p, n) < 0 || outsiders_copy(outsiders, n, &copy) < 0))
                return -ENOMEM;

        for (size_t i = 0; i < p->n_outsiders; i++)
                p->outsiders[i].type->n_outsiders--;
        outsiders_free(p->outsiders, p->n_outsiders);
        p->outsiders = copy;
        p->n_outsiders = n;
        for (size_t i = 0; i < n; i++)
                copy[i].type->n_outsiders++;
        pgpu_recount(p);
        object_note(pool, &p->object, PGPU_OUTSIDE, /* store= */ false);
        return 0;
}

bool vm_has_vgpu(const Vm *vm) {
        for_each(const Vgpu, v, &vm->vgpus)
                if (v->type->implementation != TYPE_PASSTHROUGH)
                        return true;
        return false;
}

bool vm_function_is_vgpu(const Vm *vm, const char *function) {
        PciAddress a;

        if (vm->vgpus.n == 0 || pci_address_from_string(function, &a) < 0)
                return false;
        for_each(const Vgpu, v, &vm->vgpus)
                if (vgpu_is_of_config(v) && pci_same_slot(&v->pinned_pci, &a))
                        return true;
        return false;
}

static void note_pgpu(Pool *pool, Pgpu *p, uint64_t property) {
        if (p)
                object_note(pool, &p->object, property, /* store= */ false);
}

/* Moves one of the VGPU's two references; other is the one that stays. */
static int vgpu_move(Pool *pool, Vgpu *v, Pgpu **field, const Pgpu *other, Pgpu *to, uint64_t property,
        uint64_t pgpu_property) {
        bool stood = *field || other, stands = to || other;
        Pgpu *from = *field;

        if (from == to)
                return 0;

        if (to && to != other) {
                if (pgpu_prepare_uses(to, 1) < 0 || ptr_array_add(&to->vgpus, v) < 0)
                        return -ENOMEM;
                pgpu_recount(to);
        }
        if (from && from != other) {
                ptr_array_remove(&from->vgpus, v);
                pgpu_recount(from);
        }

        *field = to;
        if (stood != stands)
                owner_count(pool, v->vm->owned_by, v->group, stands ? 1 : -1,
                        stands ? type_units(v->type) : -(int64_t) type_units(v->type));
        object_note(pool, &v->object, property, /* store= */ true);
        note_pgpu(pool, from, pgpu_property);
        note_pgpu(pool, to, pgpu_property);
        return 0;
}

int pool_set_vgpu_scheduled(Pool *pool, Vgpu *v, Pgpu *pgpu) {
        return vgpu_move(
                pool, v, &v->scheduled_on, v->resident_on, pgpu, VGPU_SCHEDULED, PGPU_SCHEDULED_VGPUS);
}

int pool_set_vgpu_function(Pool *pool, Vgpu *v, const char *function) {
        int r;

        if (isempty(v->function) && isempty(function))
                return 0;
        r = text_set(&v->function, function);
        if (r > 0)
                object_note(pool, &v->object, VGPU_FUNCTION, /* store= */ true);
        return MIN_OF(r, 0);
}

/* Takes no memory. */
static void forget_function(Pool *pool, Vgpu *v) {
        if (isempty(v->function))
                return;
        v->function[0] = '\0';
        object_note(pool, &v->object, VGPU_FUNCTION, /* store= */ true);
}

int pool_set_vgpu_resident(Pool *pool, Vgpu *v, Pgpu *pgpu) {
        bool moves = v->resident_on != pgpu;
        int r;

        r = vgpu_move(
                pool, v, &v->resident_on, v->scheduled_on, pgpu, VGPU_RESIDENT_ON, PGPU_RESIDENT_VGPUS);
        if (r < 0 || !moves)
                return r;
        if (pgpu)
                return pool_set_vgpu_function(pool, v, PCI_TEXT(&pgpu->pci));
        forget_function(pool, v);
        return 0;
}

void vgpu_unplace(Pool *pool, Vgpu *v) {
        /* Clearing takes no memory. */
        (void) pool_set_vgpu_scheduled(pool, v, NULL);
        (void) pool_set_vgpu_resident(pool, v, NULL);
}

void pool_set_vgpu_attached(Pool *pool, Vgpu *v, bool attached) {
        SET_AND_NOTE(pool, v, currently_attached, attached, VGPU_ATTACHED);
}

uint64_t host_memory_available(const Host *h) {
        uint64_t available = h->memory_free;

        for_each(const Vm, vm, &h->vms)
                if (!vm->memory_counted)
                        available -= MIN_OF(available, vm->memory);

        return available;
}

void host_note_memory(Pool *pool, Host *h) {
        uint64_t available = host_memory_available(h);

        if (available == h->memory_noted)
                return;
        h->memory_noted = available;
        object_note(pool, &h->object, HOST_MEMORY_COMPUTED, /* store= */ false);
}

static int vm_move(Pool *pool, Vm *vm, Host **field, const Host *other, Host *to, uint64_t property) {
        Host *from = *field;
        int r;

        if (from == to)
                return 0;

        if (to && to != other) {
                r = ptr_array_add(&to->vms, vm);
                if (r < 0)
                        return r;
        }

        if (from && from != other) {
                ptr_array_remove(&from->vms, vm);
                host_note(pool, from, 0);
        }

        *field = to;
        /* The mark is for this run of the VM on that host, whose report counts its memory. */
        if (!vm->scheduled_on && !vm->resident_on)
                vm->memory_counted = false;
        object_note(pool, &vm->object, property, /* store= */ true);
        if (from)
                host_note_memory(pool, from);
        if (to)
                host_note_memory(pool, to);
        return 0;
}

int pool_set_vm_scheduled(Pool *pool, Vm *vm, Host *host) {
        return vm_move(pool, vm, &vm->scheduled_on, vm->resident_on, host, VM_SCHEDULED);
}

int pool_set_vm_resident(Pool *pool, Vm *vm, Host *host) {
        return vm_move(pool, vm, &vm->resident_on, vm->scheduled_on, host, VM_RESIDENT_ON);
}

void vm_unplace(Pool *pool, Vm *vm) {
        (void) pool_set_vm_scheduled(pool, vm, NULL);
        (void) pool_set_vm_resident(pool, vm, NULL);
}

void pool_set_vm_power_state(Pool *pool, Vm *vm, PowerState s) {
        SET_AND_NOTE(pool, vm, power_state, s, VM_POWER_STATE);
}

void pool_set_vm_start_time(Pool *pool, Vm *vm, uint64_t now) {
        SET_AND_NOTE(pool, vm, start_time, now, VM_START_TIME);
}

/* Its host tells it again after a restart. */
void pool_set_vm_domain(Pool *pool, Vm *vm, uint32_t domid_or_0) {
        if (vm->domid == domid_or_0)
                return;
        vm->domid = domid_or_0;
        object_note(pool, &vm->object, VM_DOMAIN, /* store= */ false);
}

void pool_set_vm_booking(Pool *pool, Vm *vm, BookingState s, const Uuid *token) {
        Uuid new_token = token ? *token : s == BOOKING_NONE ? UUID_NULL : vm->token;
        Reservation *reservation = s == BOOKING_RESIDENT || s == BOOKING_NONE ? NULL : vm->reservation;

        if (vm->booking == s && uuid_equal(&vm->token, &new_token) && vm->reservation == reservation)
                return;

        vm->booking = s;
        vm->token = new_token;
        vm->reservation = reservation;
        object_note(pool, &vm->object, 0, /* store= */ true);
}

/* One instance comes, or goes. */
static void count_hold(Pool *pool, Reservation *r, Pgpu *p, int sign) {
        pgpu_recount(p);
        owner_count(pool, r->owned_by, r->group, sign, sign * (int64_t) type_units(r->type));
        object_note(pool, &r->object, RESERVATION_REMAINING, /* store= */ true);
        note_pgpu(pool, p, PGPU_RESERVATIONS);
}

int pool_hold(Pool *pool, Reservation *r, Pgpu *pgpu) {
        if (ptr_array_reserve(&r->holds, 1) < 0 || ptr_array_reserve(&pgpu->holds, 1) < 0 ||
                pgpu_prepare_uses(pgpu, 1) < 0)
                return -ENOMEM;

        ptr_array_add(&r->holds, pgpu);
        ptr_array_add(&pgpu->holds, r);
        count_hold(pool, r, pgpu, +1);
        return 0;
}

void pool_unhold(Pool *pool, Reservation *r, Pgpu *pgpu) {
        if (!ptr_array_remove(&r->holds, pgpu))
                return;

        ptr_array_remove(&pgpu->holds, r);
        count_hold(pool, r, pgpu, -1);
}

int pool_set_vm_group(Pool *pool, Vm *vm, VmGroup *group) {
        VmGroup *from = vm->group;
        int r;

        if (from == group)
                return 0;

        if (group) {
                r = ptr_array_add(&group->vms, vm);
                if (r < 0)
                        return r;
                object_note(pool, &group->object, VM_GROUP_VMS, /* store= */ false);
        }
        if (from) {
                ptr_array_remove(&from->vms, vm);
                object_note(pool, &from->object, VM_GROUP_VMS, /* store= */ false);
        }

        vm->group = group;
        object_note(pool, &vm->object, VM_GROUPS, /* store= */ true);
        return 0;
}

void pool_set_vm_group_placement(Pool *pool, VmGroup *g, VmPlacement placement) {
        SET_AND_NOTE(pool, g, placement, placement, VM_GROUP_PLACEMENT);
}

/* An empty list is NULL: there are many VMs, and nearly all have none. */
int pool_set_vm_problems(Pool *pool, Vm *vm, const char *const *problems) {
        int r;

        if (!problems || !problems[0]) {
                if (!vm->problems)
                        return 0;
                vm->problems = strv_free(vm->problems);
        } else {
                r = strv_set(&vm->problems, problems);
                if (r <= 0)
                        return r;
        }
        object_note(pool, &vm->object, VM_PROBLEMS, /* store= */ false);
        return 0;
}

bool vm_spreads(const Vm *vm) {
        return vm->group && vm->group->placement == PLACEMENT_ANTI_AFFINITY;
}

size_t vm_group_members_on(const Vm *vm, const Host *h) {
        size_t n = 0;

        if (!vm_spreads(vm))
                return 0;

        for_each(const Vm, other, &h->vms)
                n += other->group == vm->group && other != vm;

        return n;
}
