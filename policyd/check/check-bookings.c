/*
 * Bookings, reservations and jobs; and what hosts report of the first
 */

#include "policyd/check/check-private.h"

#include "common/base/text.h"
#include "policyd/pool/property.h"

static const Host *host_of(const Vm *vm) {
        return vm->resident_on ?: vm->scheduled_on;
}

/* A state and the places must say the same. */
static void check_booking_state(Check *c, const Vm *vm) {
        bool scheduled = vm->scheduled_on, resident = vm->resident_on;

        switch (vm->booking) {
        case BOOKING_NONE:
                CHECK(c, vm, !scheduled && !resident && vm->power_state == POWER_HALTED,
                        "has no booking, and a host or a power state of a VM that runs");
                return;
        case BOOKING_RESERVED:
        case BOOKING_SENT:
                CHECK(c, vm, scheduled && !resident, "is booked to start, and has no host to do so or runs already");
                break;
        case BOOKING_RESIDENT:
                CHECK(c, vm, resident && !scheduled && vm->power_state != POWER_HALTED,
                        "is booked as running, and has no host or the power state of a halted one");
                CHECK(c, vm, !vm->reservation, "runs, and still has the reservation that its start used");
                break;
        case _BOOKING_STATE_MAX:
        case _BOOKING_STATE_INVALID:
                check_found(c, vm, "has no state of its booking");
        }
        CHECK(c, vm, !uuid_is_null(&vm->token), "is booked without the token of an order");
}

void check_booking(Check *c) {
        CHECK_EACH(c, VM, Vm, vm)
                check_booking_state(c, vm);
        CHECK_EACH(c, VGPU, Vgpu, v) {
                const Pgpu *p = v->resident_on ?: v->scheduled_on;

                CHECK(c, v, !p || p->host == host_of(v->vm), "stands on PGPU '%s', and its VM does not stand on that host",
                        p->name);
        }
}

void check_reservation(Check *c) {
        CHECK_EACH(c, RESERVATION, Reservation, r)
                CHECK(c, r, r->holds.n <= r->count, "holds %zu instances of %" PRIu32, r->holds.n, r->count);
}

/* Of a VM one job runs, and a VM with a job has a booking: both end in one commit. */
static void check_open_job(Check *c, const Job *j, HashMap *of_vms) {
        const Vm *vm = j->n_objects > 0 ? pool_get(c->pool, CLASS_VM, &j->objects[0].id) : NULL;
        int r = 0;

        CHECK(c, j, vm, "has not ended, and its VM is gone");
        CHECK(c, j, !vm || vm->booking != BOOKING_NONE, "has not ended, and its VM is not booked");
        CHECK(c, j, j->end_time == 0, "has not ended, and has the time of an end");
        if (vm)
                r = hashmap_put(of_vms, &vm->object.id, (void *) j);
        CHECK(c, j, r != -EEXIST, "has not ended, as another of the same VM");
        if (r == -ENOMEM)
                c->findings->error = r;
}

void check_job(Check *c) {
        _cleanup_(hashmap_freep) HashMap *of_vms = hashmap_new_uuid();

        if (!of_vms)
                c->findings->error = -ENOMEM;
        CHECK_EACH(c, JOB, Job, j)
                if (of_vms && !job_state_is_final(j->state))
                        check_open_job(c, j, of_vms);
}

/* Each reader must be able to read each object: sd-bus sends no other text. */

static void check_text(Check *c, const Object *o, const Property *p, const char *text) {
        CHECK(c, o, text && text_is_good(text, strlen(text), TEXT_LINES), "has a text in %s that no bus sends", p->name);
}

static void check_property(Check *c, const Object *o, const Property *p) {
        char buf[PROPERTY_TEXT_MAX];
        PropertyTuple tuple;

        if (*p->signature == 's')
                check_text(c, o, p, property_text(o, p, buf));
        else if (streq(p->signature, "as"))
                for (const char *const *text = property_texts(o, p); text && *text; text++)
                        check_text(c, o, p, *text);
        else if (strchr(p->signature, '{'))
                check_text(c, o, p, property_map(o, p));
        else if (strchr(p->signature, '('))
                for (size_t i = 0; (*p->signature == 'a' || i == 0) && property_tuple(o, p, i, &tuple); i++)
                        for (size_t k = 0; k < PROPERTY_TUPLE_MAX && tuple.items[k]; k++)
                                check_text(c, o, p, tuple.items[k]);
}

void check_readable(Check *c) {
        for (ObjectClass class = 0; class < _CLASS_MAX; class++)
                for_each(const Object, o, &c->pool->objects[class])
                        for (const Property *p = class_properties(class); p->name; p++)
                                check_property(c, o, p);
}

/* What hosts report. Each inventory is taken over before anything else, so nothing of this holds only for a moment. */

typedef void (*ReportedFn)(Check *c, const CheckReport *report, const InventoryVm *run, const Vm *vm_or_null);

static void each_reported(Check *c, ReportedFn look) {
        for (size_t i = 0; i < c->in->n_reports; i++)
                for (size_t k = 0; k < c->in->reports[i].n_vms; k++) {
                        const InventoryVm *run = &c->in->reports[i].vms[k];

                        if (!uuid_is_null(&run->uuid))
                                look(c, &c->in->reports[i], run, pool_get(c->pool, CLASS_VM, &run->uuid));
                }
}

static bool reports(const CheckReport *report, const Uuid *vm) {
        for (size_t i = 0; i < report->n_vms; i++)
                if (uuid_equal(&report->vms[i].uuid, vm))
                        return true;
        return false;
}

static const CheckReport *report_of(const Check *c, const Host *h) {
        for (size_t i = 0; i < c->in->n_reports; i++)
                if (c->in->reports[i].host == h)
                        return &c->in->reports[i];
        return NULL;
}

/* The host that runs it for the pool, and has told so since its last inventory. */
static const Host *other_host(const Check *c, const CheckReport *report, const Vm *vm) {
        const Host *h = vm ? vm->resident_on : NULL;
        const CheckReport *other = h && h != report->host ? report_of(c, h) : NULL;

        return other && !reports(other, &vm->object.id) ? h : NULL;
}

static void look_twice(Check *c, const CheckReport *report, const InventoryVm *run, HashMap *first) {
        const CheckReport *before = hashmap_get(first, &run->uuid);
        const Vm *vm = pool_get(c->pool, CLASS_VM, &run->uuid);
        const Host *other = before && before != report ? before->host : other_host(c, report, vm);

        if (uuid_is_null(&run->uuid))
                return;
        if (other)
                check_found(c, vm, "%s%s%s runs on host '%s' and on host '%s'", vm ? "" : "VM '", vm ? "" : run->name_label,
                        vm ? "" : "'", other->name_label, report->host->name_label);
        if (!before && hashmap_put(first, &run->uuid, (void *) report) < 0)
                c->findings->error = -ENOMEM;
}

/* The first host of each VM is kept, and compared with each other one. */
void check_twice(Check *c) {
        _cleanup_(hashmap_freep) HashMap *first = hashmap_new_uuid();

        if (!first)
                c->findings->error = -ENOMEM;
        for (size_t i = 0; first && i < c->in->n_reports; i++)
                for (size_t k = 0; k < c->in->reports[i].n_vms; k++)
                        look_twice(c, &c->in->reports[i], &c->in->reports[i].vms[k], first);
}

/*
 * VMs that the pool does not know may be somebody else's: they are counted, and listed as problems of their host. A host that was not
 * heard from yet is waited for, since it may run the VM that another one reports.
 */
static void look_agree(Check *c, const CheckReport *report, const InventoryVm *run, const Vm *vm) {
        const Host *h = vm ? host_of(vm) : NULL;

        if (vm)
                CHECK(c, vm, h == report->host || (h && h->state == HOST_CONNECTING),
                        "runs on host '%s', and the pool has it %s%s%s%s", report->host->name_label,
                        h ? "on host '" : power_state_to_string(vm->power_state), h ? h->name_label : "", h ? "'" : "",
                        h && h->state != HOST_ONLINE ? ", which is not online" : "");
}

void check_agree(Check *c) {
        each_reported(c, look_agree);
}

static const Pgpu *pgpu_at(const Host *h, const PciAddress *pci) {
        for_each(const Pgpu, p, &h->pgpus)
                if (pci_address_compare(&p->pci, pci) == 0)
                        return p;
        return NULL;
}

static void look_counted_on(Check *c, const CheckReport *report, const InventoryVm *run, const PciAddress *pci) {
        const Pgpu *p = pgpu_at(report->host, pci);
        bool counted = !p;

        for (size_t i = 0; !counted && i < p->vgpus.n; i++)
                counted = uuid_equal(&((const Vgpu *) p->vgpus.items[i])->vm->object.id, &run->uuid);
        for (size_t i = 0; !counted && i < p->n_outsiders; i++)
                counted = uuid_equal(&p->outsiders[i].vm, &run->uuid);
        CHECK(c, p, counted, "is used by VM '%s', which is not counted there", run->name_label);
}

static void look_counted(Check *c, const CheckReport *report, const InventoryVm *run, const Vm *vm) {
        for (size_t i = 0; i < run->n_vgpus; i++)
                look_counted_on(c, report, run, &run->vgpus[i].pgpu);
        for (size_t i = 0; i < run->n_pcis; i++)
                look_counted_on(c, report, run, &run->pcis[i].address);
}

void check_counted(Check *c) {
        each_reported(c, look_counted);
}

/* A start that nothing works on any more, of a host that is there and does not have it. */

static bool has_open_job(const Check *c, const Vm *vm) {
        CHECK_EACH(c, JOB, Job, j)
                if (!job_state_is_final(j->state) && j->n_objects > 0 && uuid_equal(&j->objects[0].id, &vm->object.id))
                        return true;
        return false;
}

static bool is_asked(const CheckReport *report, const Vm *vm) {
        for (size_t i = 0; i < report->n_asked; i++)
                if (uuid_equal(&report->asked[i], &vm->object.id))
                        return true;
        return false;
}

void check_ends(Check *c) {
        CHECK_EACH(c, VM, Vm, vm) {
                const CheckReport *report = vm->scheduled_on ? report_of(c, vm->scheduled_on) : NULL;

                CHECK(c, vm, !report || reports(report, &vm->object.id) || is_asked(report, vm) || has_open_job(c, vm),
                        "is booked on host '%s', which is online and does not have it", report->host->name_label);
        }
}
