/*
 * The checker: a fault of each kind is planted in a pool that is sound, and must be found
 */

#include <stdio.h>

#include "policyd/check/check.h"
#include "policyd/pool/former-card.h"
#include "policyd/pool/pool-internal.h"
#include "tests/unit/policyd-core/world.h"

#define ALL (CHECK_MODEL | CHECK_POLICY | CHECK_REPORTS)

/* alpha runs a VM, and one is booked on beta by a job; both hosts report the first, or what a fault makes of it. */
typedef struct Scene {
        Pair pair;
        Pool *pool;
        Vgpu *runs, *starts;
        Vm *halted;
        Reservation *reservation;
        Quota *quota;
        Job *job;
        VgpuReport vgpu;
        InventoryVm run, other;
        Uuid asked;
        CheckReport reports[2];
} Scene;

static void book(Scene *s, Vgpu *v, BookingState state, PowerState power) {
        Uuid token = world_id(s->pair.w);

        pool_set_vm_booking(s->pool, v->vm, state, &token);
        pool_set_vm_power_state(s->pool, v->vm, power);
}

static void add_rest(Scene *s) {
        World *w = s->pair.w;
        Uuid ids[] = {world_id(w), world_id(w), world_id(w)};

        s->halted = world_vm(w, "halted", K100, _WORLD_TYPE_MAX);
        assert_int_equal(pool_add_reservation(s->pool, &ids[0], 0, "monday", w->groups[K1], w->types[K100], 2, &s->reservation), 0);
        assert_int_equal(pool_set_reservation_owner(s->pool, s->reservation, "lab"), 0);
        assert_int_equal(pool_hold(s->pool, s->reservation, s->pair.a[1]), 0);
        assert_int_equal(pool_add_quota(s->pool, &ids[1], 0, "lab", NULL, &s->quota), 0);
        assert_int_equal(pool_set_vm_owner(s->pool, s->runs->vm, "lab"), 0);
        assert_int_equal(pool_add_job(s->pool, &ids[2], 0, "start", &s->job), 0);
        s->job->objects[s->job->n_objects++] = (JobObject){CLASS_VM, s->starts->vm->object.id};
        pool_set_job_state(s->pool, s->job, JOB_RUNNING, "booked", 0, 1);
}

static Scene *scene_new(void) {
        Scene *s = calloc(1, sizeof(*s));

        s->pair = pair_new();
        s->pool = s->pair.w->pool;
        s->runs = world_resident(s->pair.w, s->pair.a[0], K100);
        s->starts = world_scheduled(s->pair.w, s->pair.b[0], K100);
        book(s, s->runs, BOOKING_RESIDENT, POWER_RUNNING);
        book(s, s->starts, BOOKING_SENT, POWER_HALTED);
        add_rest(s);
        s->vgpu = (VgpuReport){.vm = s->runs->vm->object.id, .pgpu = s->pair.a[0]->pci};
        s->run = (InventoryVm){.uuid = s->runs->vm->object.id, .name_label = (char *) "vm", .vgpus = &s->vgpu, .n_vgpus = 1};
        s->reports[0] = (CheckReport){.host = s->pair.alpha, .vms = &s->run, .n_vms = 1};
        s->reports[1] = (CheckReport){.host = s->pair.beta, .vms = &s->other};
        /* So that scores are kept. */
        assert_decided_alike(s->pair.w, &(AllocRequest){.vm = s->halted});
        return s;
}

static void scene_done(Scene *s) {
        pool_free(s->pool);
        free(s->pair.w);
        free(s);
}

/* The faults */

static void key(Scene *s) {
        s->halted->object.key = s->pool->next_key;
}
static void ends_listed(Scene *s) {
        s->runs->resident_on = NULL;
}
static FormerCard *add_former(Scene *s) {
        FormerCard *f;

        assert_int_equal(former_card_new(s->pool, s->pair.a[1], &f), 0);
        f->machine.bytes[0] = 1;
        assert_int_equal(pool_add_former(s->pool, f), 0);
        return f;
}
static void former_is_there(Scene *s) {
        add_former(s);
}
static void former_number(Scene *s) {
        add_former(s)->id.bytes[0] ^= 1;
        add_former(s)->number = 1;
}
static void former_of_nobody(Scene *s) {
        FormerCard *f = add_former(s);

        f->id.bytes[0] ^= 1;
        f->machine = UUID_NULL;
}
static void not_listed(Scene *s) {
        s->pair.w->groups[K1]->vgpus.n--;
}
static void listed_twice(Scene *s) {
        s->pair.alpha->pgpus.items[1] = s->pair.alpha->pgpus.items[0];
}
static void order(Scene *s) {
        void **items = s->pair.alpha->pgpus.items, *first = items[0];

        items[0] = items[1];
        items[1] = first;
}
static void fill(Scene *s, uint32_t n) {
        for (uint32_t i = 0; i < n; i++)
                world_resident(s->pair.w, s->pair.a[0], K100);
}
static void capacity(Scene *s) {
        fill(s, 8);
}
static void exclusive(Scene *s) {
        world_resident(s->pair.w, s->pair.a[0], K140Q);
}
static void passthrough(Scene *s) {
        world_resident(s->pair.w, s->pair.a[0], PASSTHROUGH);
}
static void used(Scene *s) {
        s->pair.a[0]->used++;
}
static void use(Scene *s) {
        s->pair.a[0]->uses[0].n_holds++;
}
static void uneven(Scene *s) {
        s->pair.beta->uneven = true;
}
static void n_uneven(Scene *s) {
        s->pool->n_uneven = 7;
}
static void owner_uses(Scene *s) {
        s->runs->vm->owned_by->uses[0].vgpus++;
}
static void owner_name(Scene *s) {
        free(s->runs->vm->owner);
        s->runs->vm->owner = strdup("anna");
}
static void other_sizes(Scene *s) {
        s->pair.w->types[K100]->n_other_sizes++;
}
static void outsiders(Scene *s) {
        s->pair.w->types[K100]->n_outsiders++;
}
static void supported_on(Scene *s) {
        s->pair.w->types[K100]->n_supported_on++;
}
static void unions(Scene *s) {
        s->pair.w->groups[K1]->supported.n--;
}
static void memory(Scene *s) {
        s->pair.beta->memory_free /= 2;
}
static void room(Scene *s) {
        s->pair.b[1]->enabled.n = 0;
}
static void holds(Scene *s) {
        s->reservation->count = 0;
}
static void unreadable(Scene *s) {
        free(s->halted->name_label);
        s->halted->name_label = strdup("a\xff" "b");
}
static void unbooked(Scene *s) {
        s->runs->vm->booking = BOOKING_NONE;
}
static void halted(Scene *s) {
        s->runs->vm->power_state = POWER_HALTED;
}
static void two_places(Scene *s) {
        assert_int_equal(pool_set_vm_scheduled(s->pool, s->runs->vm, s->pair.beta), 0);
}
static void no_token(Scene *s) {
        s->starts->vm->token = UUID_NULL;
}
static void elsewhere(Scene *s) {
        assert_int_equal(pool_set_vgpu_resident(s->pool, s->runs, s->pair.b[0]), 0);
}
static void job_of_nobody(Scene *s) {
        s->job->objects[0].id = UUID_NULL;
}
static void job_of_halted(Scene *s) {
        s->job->objects[0].id = s->halted->object.id;
}
static void job_end(Scene *s) {
        s->job->end_time = 5;
}
static void two_jobs(Scene *s) {
        Uuid id = world_id(s->pair.w);
        Job *j;

        assert_int_equal(pool_add_job(s->pool, &id, 0, "start", &j), 0);
        j->objects[j->n_objects++] = s->job->objects[0];
}
static void twice(Scene *s) {
        s->other = s->run;
        s->reports[1].n_vms = 1;
}
static void twice_unknown(Scene *s) {
        s->run.uuid.bytes[3] ^= 1;
        twice(s);
}
static void agree(Scene *s) {
        s->run.uuid = s->halted->object.id;
        s->run.n_vgpus = 0;
}
static void counted(Scene *s) {
        s->vgpu.pgpu = s->pair.a[2]->pci;
}
static void ends(Scene *s) {
        pool_set_job_state(s->pool, s->job, JOB_FAILED, "failed", -1, 9);
}

static const struct {
        const char *word, *says;
        void (*plant)(Scene *s);
} faults[] = {
        {"identity", "VM 'halted' has a storage key", key},
        {"mutual", "PGPU 'alpha/0000:80:00.0' lists the vgpu", ends_listed},
        {"mutual", "does not list it", not_listed},
        {"mutual", "2 times", listed_twice},
        {"order", "Host 'alpha' lists its PGPUs out of order", order},
        {"former", "PGPU 'alpha/0000:81:00.0' is kept as a card that left the pool too", former_is_there},
        {"former", "under a number that is not its own", former_number},
        {"former", "and of no machine", former_of_nobody},
        {"capacity", "PGPU 'alpha/0000:80:00.0' is over its capacity: 1179648 of 1048576", capacity},
        {"exclusive", "has GRID K100 and GRID K140Q together", exclusive},
        {"passthrough", "1 more", passthrough},
        {"counters", "says that 131073 units are used, and it is 131072", used},
        {"counters", "counts 1 VGPUs of", use},
        {"counters", "Host 'beta' is kept as a place", uneven},
        {"counters", "The pool counts 7 hosts", n_uneven},
        {"owners", "The owner 'lab' is counted with 3 VGPUs", owner_uses},
        {"owners", "counts for the owner 'lab' and names 'anna'", owner_name},
        {"types", "counts 1 hosts with another size", other_sizes},
        {"types", "counts 1 VGPUs of other VMs", outsiders},
        {"types", "counts 9 PGPUs that support it", supported_on},
        {"unions", "union of supported types", unions},
        {"scores", "Host 'beta' is kept with other scores", memory},
        {"scores", "Host 'beta' is kept with other scores", room},
        {"reservation", "Reservation 'monday' holds 1 instances of 0", holds},
        {"readable", "has a text in NameLabel", unreadable},
        {"booking", "has no booking, and a host", unbooked},
        {"booking", "power state of a halted one", halted},
        {"booking", "is booked as running, and has no host", two_places},
        {"booking", "without the token", no_token},
        {"booking", "of VM 'vm-21' stands on PGPU 'beta/", elsewhere},
        {"job", "its VM is gone", job_of_nobody},
        {"job", "its VM is not booked", job_of_halted},
        {"job", "the time of an end", job_end},
        {"job", "as another of the same VM", two_jobs},
        {"twice", "runs on host 'alpha' and on host 'beta'; end one of the two", twice},
        {"twice", "VM 'vm' runs on host 'alpha' and on host 'beta'; end one of the two", twice_unknown},
        {"agree", "VM 'halted' runs on host 'alpha', and the pool has it halted; xenvgpu host-reconnect", agree},
        {"counted", "PGPU 'alpha/0000:82:00.0' is used by VM 'vm', which is not counted there", counted},
        {"ends", "is booked on host 'beta', which is online and does not have it", ends},
};

static void look(const Scene *s, Findings *ret) {
        assert_int_equal(
                check_pool(&(CheckInput){.pool = s->pool, .what = ALL, .reports = s->reports, .n_reports = 2}, ret), 0);
}

static void a_sound_pool_has_no_findings(void **state) {
        _cleanup_findings_ Findings f = {};
        Scene *s = scene_new();
        char buf[80];

        look(s, &f);
        if (f.n > 0)
                fail_msg("%s", f.items[0].sentence);
        assert_true(f.n_objects > 10 && f.n_invariants > 10);
        assert_non_null(strstr(findings_sum_up(&f, buf, sizeof(buf)), "nothing found: "));
        scene_done(s);
}

static bool has(const Findings *f, const char *word, const char *says) {
        for (size_t i = 0; i < f->n; i++)
                if (streq(f->items[i].invariant, word) && strstr(f->items[i].sentence, says))
                        return true;
        return false;
}

static void each_fault_is_found(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                _cleanup_findings_ Findings f = {};
                Scene *s = scene_new();

                faults[i].plant(s);
                look(s, &f);
                if (!has(&f, faults[i].word, faults[i].says))
                        fail_msg("nothing of %s says '%s' among %zu findings: %s", faults[i].word, faults[i].says, f.n,
                                f.n > 0 ? f.items[0].sentence : "");
                scene_done(s);
        }
}

static void each_invariant_has_a_fault(void **state) {
        const char *word;

        for (size_t n = 0; (word = check_invariant(n)); n++) {
                bool found = false;

                for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
                        found |= streq(faults[i].word, word);
                if (!found)
                        fail_msg("no fault of %s is planted here", word);
        }
}

/* An order that was not answered yet may still start it. */
static void a_booking_that_is_asked_for_waits(void **state) {
        _cleanup_findings_ Findings f = {};
        Scene *s = scene_new();

        ends(s);
        s->asked = s->starts->vm->object.id;
        s->reports[1].asked = &s->asked;
        s->reports[1].n_asked = 1;
        look(s, &f);
        assert_int_equal(f.n, 0);
        scene_done(s);
}

static void findings_are_bounded(void **state) {
        _cleanup_findings_ Findings f = {};
        char buf[80];

        for (int i = 0; i < FINDINGS_MAX + 5; i++)
                findings_add(&f, "word", NULL, "number %d", i);
        assert_int_equal(f.n, FINDINGS_MAX);
        assert_string_equal(findings_sum_up(&f, buf, sizeof(buf)), "1005 findings: 0 objects, 0 invariants");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_sound_pool_has_no_findings),
                cmocka_unit_test(each_fault_is_found),
                cmocka_unit_test(each_invariant_has_a_fault),
                cmocka_unit_test(a_booking_that_is_asked_for_waits),
                cmocka_unit_test(findings_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
