/*
 * What hosts run that the pool did not order: VMs that came by another master's hand, and those that the pool
 * does not know
 */

#include "tests/unit/policyd-core/pool-check.h"
#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

#include "policyd/check/check.h"

static const Host *where(const Vm *vm) {
        return vm->resident_on ?: vm->scheduled_on;
}

/* The claim alone, without a commit of what was decided meanwhile. */
static void claim_again(FakeHost *h) {
        fake_lose(h, "A short break.");
        while (fake_step())
                ;
}

/* Decided, and the order not sent, when another host says that it runs the VM. */
static void a_booking_that_was_not_sent_gives_way(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), token = {.bytes = {5}}, job;
        StartOptions options = {.on = world_host(w, "beta")};
        Job *j;

        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &options, &j, fresh(w)), 0);
        job = j->object.id;
        assert_int_equal(world_vm(w, &vm)->booking, BOOKING_RESERVED);
        fake_vm_put(a, &vm, &token, VM_STATE_RUNNING);
        claim_again(a);
        world_run(w);
        assert_int_equal(b->n_starts, 0);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "alpha");
        assert_string_equal(world_job_state(w, &job), "failed OtherOperationInProgress");
        fake_vm_ends(a, &vm, "poweroff", NULL);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

/* The same for one that waits behind others; one that may have left stays. */
static void an_order_in_the_queue_is_taken_back(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid token = {.bytes = {5}};

        for (unsigned sent = 0; sent < 2; sent++) {
                Uuid vm = world_create_vm_with(w, sent ? "sent" : "queued", "GRID K100", 1), job;

                b->busy = !sent;
                b->deaf = sent;
                assert_int_equal(world_start_vm_on(w, &vm, "beta", &job), ERROR_NONE);
                world_run(w);
                assert_int_equal(world_vm(w, &vm)->booking, BOOKING_SENT);
                fake_vm_put(a, &vm, &token, VM_STATE_STARTING);
                claim_again(a);
                world_run(w);
                b->busy = b->deaf = false;
                world_run(w);
                assert_int_equal(b->n_starts, sent);
                assert_string_equal(where(world_vm(w, &vm))->name_label, sent ? "beta" : "alpha");
                assert_string_equal(
                        world_job_state(w, &job), sent ? "done" : "failed OtherOperationInProgress");
        }
}

static const Uuid outsider = {.bytes = {6}}, other_outsider = {.bytes = {7}};

static Pgpu *pgpu_at(World *w, const char *host, const char *pci) {
        const PtrArray *all = &policy_pool(w->policy)->objects[CLASS_PGPU];

        for (size_t i = 0; i < all->n; i++) {
                Pgpu *g = all->items[i];

                if (streq(g->host->name_label, host) && streq(PCI_TEXT(&g->pci), pci))
                        return g;
        }
        fail_msg("%s has no %s", host, pci);
        return NULL;
}

static void expect_sound(World *w) {
        char buf[512];
        const char *wrong = pool_check(policy_pool(w->policy), buf, sizeof(buf));

        if (wrong)
                fail_msg("%s", wrong);
}

/* The words of what the checker finds, in its order. */
static void expect_findings(World *w, const char *expected) {
        _cleanup_findings_ Findings f = {};
        _cleanup_strbuf_ StrBuf words = {};

        assert_int_equal(policy_find_faults(w->policy, &f), 0);
        for (size_t i = 0; i < f.n; i++)
                strbuf_addf(&words, "%s%s", i > 0 ? " " : "", f.items[i].invariant);
        assert_string_equal(strempty(words.text), expected);
}

/* Of what there is on the PGPU "0000:07:00.0" of alpha. */
static void expect_room(World *w, uint32_t k100, uint32_t k140q, uint32_t passthrough) {
        const Pgpu *g = pgpu_at(w, "alpha", "0000:07:00.0");

        assert_int_equal(pgpu_capacity(g, world_type(w, "GRID K100")), k100);
        assert_int_equal(pgpu_capacity(g, world_type(w, "GRID K140Q")), k140q);
        assert_int_equal(pgpu_capacity(g, world_type(w, "passthrough")), passthrough);
        expect_sound(w);
}

/* By its type: another of that type joins, others and the whole do not; and over restarts, until it ends. */
static void an_outsider_holds_its_share(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        _cleanup_free_ char *json = NULL;

        expect_room(w, 8, 4, 1);
        fake_vm_put_with(h, &outsider, "0000:07:00.0", "k100");
        claim_again(h);
        world_run(w);
        expect_room(w, 7, 0, 0);
        assert_int_equal(policy_capacity(w->policy, &json), 0);
        assert_non_null(strstr(json, "\"outside\":1"));
        world_crash(w);
        expect_room(w, 7, 0, 0);
        world_fail_next_commit(w);
        expect_room(w, 7, 0, 0);
        fake_vm_ends(h, &outsider, "poweroff", NULL);
        world_run(w);
        expect_room(w, 8, 4, 1);
}

static void an_outsider_that_has_a_gpu_whole_leaves_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);

        fake_vm_put_with(h, &outsider, "0000:07:00.0", NULL);
        fake_inventory_changed(h);
        world_run(w);
        expect_room(w, 0, 0, 0);
        fake_vm_ends(h, &outsider, "poweroff", NULL);
        world_run(w);
        expect_room(w, 8, 4, 1);
}

/* Declared dead, destroyed, and the host comes back with it: the next start goes where there is room, and the
 * dry run says the same. */
static void a_start_goes_beside_what_is_not_of_the_pool(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid lost = world_create_vm_with(w, "lost", "GRID K100", 1),
             vm = world_create_vm_with(w, "a", "GRID K140Q", 1), whole[3];
        StartOptions dry = {.dry_run = true};
        Job *j;

        world_start_vm(w, &lost, NULL);
        world_run(w);
        assert_string_equal(PCI_TEXT(&world_vgpu(w, &lost, 0)->resident_on->pci), "0000:07:00.0");
        h->down = true;
        fake_lose(h, "No route to host.");
        world_run(w);
        assert_int_equal(world_request(w, hosts_declare_dead(w->policy, world_host(w, "alpha"), fresh(w))),
                ERROR_NONE);
        assert_int_equal(world_request(w, vms_destroy(w->policy, world_vm(w, &lost), fresh(w))), ERROR_NONE);
        h->down = false;
        fake_lose(h, "");
        world_run(w);
        expect_room(w, 7, 0, 0);

        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &dry, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        assert_string_not_equal(PCI_TEXT(&world_vgpu(w, &vm, 0)->resident_on->pci), "0000:07:00.0");
        expect_sound(w);

        /* Two whole ones are left, and the third is refused by the dry run as by the start, with his name. */
        for (unsigned i = 0; i < 3; i++) {
                whole[i] = world_create_vm_with(w, "whole", "passthrough", 1);
                assert_int_equal(vms_start(w->policy, world_vm(w, &whole[i]), &dry, &j, fresh(w)), 0);
                assert_int_equal(w->refusal.code, i < 2 ? ERROR_NONE : ERROR_VM_REQUIRES_GPU);
                assert_int_equal(
                        world_start_vm(w, &whole[i], NULL), i < 2 ? ERROR_NONE : ERROR_VM_REQUIRES_GPU);
                world_run(w);
        }
        assert_string_equal(world_vm_state(w, &whole[1]), "running");
}

/* What is refused for him says so, and how it ends. */
static void a_refusal_names_who_is_not_of_the_pool(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K140Q", 1);
        char pci[16];

        for (unsigned i = 7; i < 11; i++) {
                Uuid id = {.bytes = {(uint8_t) i}};

                snprintf(pci, sizeof(pci), "0000:%02x:00.0", i);
                fake_vm_put_with(h, &id, pci, "k100");
        }
        claim_again(h);
        world_run(w);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
        assert_non_null(strstr(w->refusal.message, "VM 'outsider', which is not of this pool"));
        assert_non_null(strstr(w->refusal.message, "on alpha itself"));
}

/* He is as good as a VM of the pool for who disables the type or moves the PGPU. */
static void what_he_uses_is_in_use(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Pgpu *g = pgpu_at(w, "alpha", "0000:07:00.0");
        VgpuType *k140q = world_type(w, "GRID K140Q");
        GpuGroup *other;

        fake_vm_put_with(h, &outsider, "0000:07:00.0", "k100");
        claim_again(h);
        world_run(w);
        assert_int_equal(pgpus_set_enabled(w->policy, g, &k140q, 1, NULL, NULL, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_PGPU_IN_USE_BY_VM);
        assert_non_null(strstr(w->refusal.message, "'outsider', which is not of this pool"));
        assert_int_equal(
                world_request(w, groups_create(w->policy, "other", "", &other, fresh(w))), ERROR_NONE);
        assert_int_equal(pgpus_set_group(w->policy, g, other, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_PGPU_IN_USE_BY_VM);
}

/* A VM that is created again with the uuid of one that runs may lack its VGPU: that counts all the same. */
static void a_vgpu_that_the_pool_lacks_counts(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        char record[256];
        Vm *vm;

        fake_vm_put_with(h, &outsider, "0000:07:00.0", "k100");
        fake_vm_put_with(h, &other_outsider, "0000:08:00.0", "k100");
        claim_again(h);
        world_run(w);
        snprintf(record, sizeof(record), "{\"uuid\":\"%s\",\"name_label\":\"vm\"," VM_CONFIG "}",
                UUID_TEXT(&outsider));
        assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
        assert_string_equal(world_vm_state(w, &outsider), "running");
        expect_room(w, 7, 0, 0);
        assert_non_null(
                strstr(world_host(w, "alpha")->problems[1], "'vm' has GRID K100 of 0000:07:00.0, for which"));
        fake_vm_ends(h, &outsider, "poweroff", NULL);
        world_run(w);
        expect_room(w, 8, 4, 1);
        assert_int_equal(pgpu_at(w, "alpha", "0000:08:00.0")->n_outsiders, 1);
}

/* Of a host that was declared dead nothing counts, until it comes back. */
static void the_dead_hold_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);

        fake_vm_put_with(h, &outsider, "0000:07:00.0", "k100");
        claim_again(h);
        h->down = true;
        fake_lose(h, "No route to host.");
        world_run(w);
        assert_int_equal(pgpu_at(w, "alpha", "0000:07:00.0")->n_outsiders, 1);
        assert_int_equal(world_request(w, hosts_declare_dead(w->policy, world_host(w, "alpha"), fresh(w))),
                ERROR_NONE);
        assert_int_equal(pgpu_at(w, "alpha", "0000:07:00.0")->n_outsiders, 0);
        assert_null(world_host(w, "alpha")->problems[0]);
        h->down = false;
        fake_lose(h, "");
        world_run(w);
        expect_room(w, 7, 0, 0);
}

/* Alpha is declared dead and is not: the VM is started on beta, and then alpha comes back with the first one.
 */
static void run_twice(World *w, FakeHost *a, Uuid *ret) {
        *ret = world_create_vm_with(w, "desk-1", "GRID K100", 1);
        assert_int_equal(world_start_vm_on(w, ret, "alpha", NULL), ERROR_NONE);
        world_run(w);
        a->down = true;
        fake_lose(a, "No route to host.");
        world_run(w);
        assert_int_equal(world_request(w, hosts_declare_dead(w->policy, world_host(w, "alpha"), fresh(w))),
                ERROR_NONE);
        assert_int_equal(world_start_vm_on(w, ret, "beta", NULL), ERROR_NONE);
        world_run(w);
        a->down = false;
        fake_lose(a, "");
        world_run(w);
        assert_string_equal(where(world_vm(w, ret))->name_label, "beta");
}

static void expect_problem(char **problems, const char *part, const Uuid *vm) {
        assert_non_null(problems);
        assert_non_null(problems[0]);
        assert_null(problems[1]);
        assert_non_null(strstr(problems[0], part));
        assert_non_null(strstr(problems[0], "xenvgpu vm-shutdown uuid="));
        assert_non_null(strstr(problems[0], UUID_TEXT(vm)));
        assert_non_null(strstr(problems[0], "force=true` ends the one on beta"));
}

/* Said at the VM and at both hosts, over a restart; the command that it names ends one, and the other is the
 * pool's from then on. */
static void a_vm_that_runs_twice_is_told(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm;

        run_twice(w, a, &vm);
        for (unsigned i = 0; i < 2; i++) {
                expect_problem(world_vm(w, &vm)->problems, "runs on host beta and on host alpha too", &vm);
                expect_problem(
                        world_host(w, "alpha")->problems, "'desk-1' runs here and on host beta too", &vm);
                expect_problem(
                        world_host(w, "beta")->problems, "'desk-1' runs here and on host alpha too", &vm);
                expect_room(w, 7, 0, 0);
                expect_findings(w, "twice agree");
                if (i == 0)
                        world_crash(w);
        }

        assert_int_equal(world_shutdown(w, &vm, true, NULL), ERROR_NONE);
        world_run(w);
        assert_null(fake_vm(b, &vm));
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(where(world_vm(w, &vm))->name_label, "alpha");
        assert_null(world_vm(w, &vm)->problems);
        assert_null(world_host(w, "alpha")->problems[0]);
        assert_null(world_host(w, "beta")->problems[0]);
        expect_room(w, 7, 0, 0);
        expect_findings(w, "");
        assert_int_equal(world_shutdown(w, &vm, true, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        expect_room(w, 8, 4, 1);
}

/* Or the other one ends by itself. */
static void the_second_one_may_end_first(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm;

        run_twice(w, a, &vm);
        fake_vm_ends(a, &vm, "destroyed", NULL);
        world_run(w);
        assert_string_equal(where(world_vm(w, &vm))->name_label, "beta");
        assert_null(world_vm(w, &vm)->problems);
        assert_null(world_host(w, "alpha")->problems[0]);
        assert_null(world_host(w, "beta")->problems[0]);
        expect_room(w, 8, 4, 1);
}

/* The host with the second one is away when the first ends: it is the pool's there, and starts nowhere else.
 */
static void the_second_one_is_not_forgotten_while_its_host_is_away(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm;

        run_twice(w, a, &vm);
        a->down = true;
        fake_lose(a, "No route to host.");
        world_run(w);
        assert_int_equal(world_shutdown(w, &vm, true, NULL), ERROR_NONE);
        world_run(w);
        assert_null(fake_vm(b, &vm));
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_VM_BAD_POWER_STATE);
        a->down = false;
        fake_lose(a, "");
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(where(world_vm(w, &vm))->name_label, "alpha");
        assert_int_equal(b->n_starts, 1);
}

/* After a restart the host where the pool has the VM is waited for, whoever speaks first; in vain, where it
 * is seen is where it is. */
static void the_host_that_is_booked_is_waited_for(void **state) {
        for (unsigned i = 0; i < 2; i++) {
                FakeHost *a, *b;
                _cleanup_world_ World *w = world_of_two_k1(&a, &b);
                Uuid vm;

                run_twice(w, a, &vm);
                b->silent = true;
                w->policy = policy_free(w->policy);
                world_start(w);
                world_run_for(w, 3200000); /* policyd waits 3 s for who is silent */
                assert_string_equal(where(world_vm(w, &vm))->name_label, "beta");
                assert_null(world_vm(w, &vm)->problems);
                b->down = i == 1;
                b->silent = false;
                world_run(w);
                assert_string_equal(where(world_vm(w, &vm))->name_label, i == 1 ? "alpha" : "beta");
                assert_int_equal(i == 0, world_vm(w, &vm)->problems != NULL);
        }
}

/* What the pool does not know is told at its host, with the way to command it. */
static ErrorCode adoption;

static void on_adopted(ErrorCode code, const char *message, void *userdata) {
        adoption = code;
}

static ErrorCode adopt_on(World *w, const char *host, const char *domain) {
        Refusal *refusal = fresh(w);
        Uuid id;

        adoption = _ERROR_INVALID;
        assert_int_equal(vms_adopt(w->policy, world_host(w, host), domain, on_adopted, NULL, &id, refusal), 0);
        if (refusal->code != ERROR_NONE)
                return refusal->code;
        world_run(w);
        assert_true(adoption >= 0);
        return adoption;
}

static ErrorCode adopt(World *w, const char *domain) {
        return adopt_on(w, "alpha", domain);
}

/* It keeps its uuid and what it holds, and the pool remembers it. */
static void an_outsider_is_adopted(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);

        fake_vm_put_with(h, &outsider, "0000:07:00.0", "k100");
        fake_vm_put_with(h, &other_outsider, "0000:08:00.0", NULL);
        claim_again(h);
        world_run(w);
        assert_int_equal(strv_count(world_host(w, "alpha")->outside_vms), 2);
        assert_int_equal(adopt(w, "outsider"), ERROR_AMBIGUOUS_NAME);
        assert_int_equal(adopt(w, "nobody"), ERROR_NO_SUCH_OBJECT);
        assert_int_equal(adopt(w, UUID_TEXT(&outsider)), ERROR_NONE);
        assert_int_equal(adopt(w, UUID_TEXT(&outsider)), ERROR_ALREADY_EXISTS);
        assert_int_equal(adopt(w, "outsider"), ERROR_AMBIGUOUS_NAME);
        assert_int_equal(adopt(w, UUID_TEXT(&other_outsider)), ERROR_NONE);
        world_restart(w);
        assert_string_equal(world_vm_state(w, &outsider), "running");
        assert_int_equal(world_vm(w, &outsider)->vgpus.n, 1);
        assert_int_equal(pgpu_at(w, "alpha", "0000:07:00.0")->n_outsiders, 0);
        assert_int_equal(pgpu_at(w, "alpha", "0000:07:00.0")->vgpus.n, 1);
        assert_int_equal(pgpu_at(w, "alpha", "0000:08:00.0")->vgpus.n, 1);
        assert_null(world_host(w, "alpha")->outside_vms);
        assert_null(world_host(w, "alpha")->problems[0]);
        expect_sound(w);
}

static char ending[512];

static void on_ended(ErrorCode code, const char *message, void *userdata) {
        adoption = code;
        snprintf(ending, sizeof(ending), "%s", strempty(message));
}

static ErrorCode end_outside(World *w, const char *domain) {
        Refusal *refusal = fresh(w);

        adoption = _ERROR_INVALID;
        assert_int_equal(vms_end_outside(w->policy, world_host(w, "alpha"), domain, on_ended, NULL, refusal), 0);
        if (refusal->code != ERROR_NONE)
                return refusal->code;
        world_run(w);
        return adoption;
}

/* Which one it was is said; the pool's own are refused. */
static void an_outsider_is_ended(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid ours = world_create_vm_with(w, "ours", "GRID K100", 1);

        fake_vm_put_with(h, &outsider, "0000:07:00.0", "k100");
        h->has_domain = true;
        h->cards[1].held_by = "domain 'by hand' (id 7)";
        claim_again(h);
        world_run(w);
        assert_int_equal(world_start_vm(w, &ours, NULL), ERROR_NONE);
        world_run(w);
        assert_int_equal(end_outside(w, UUID_TEXT(&ours)), ERROR_ALREADY_EXISTS);
        assert_int_equal(end_outside(w, "nobody"), ERROR_NO_SUCH_OBJECT);
        h->refuse = ERROR_VM_BAD_POWER_STATE;
        assert_int_equal(end_outside(w, "outsider"), ERROR_VM_BAD_POWER_STATE);
        h->refuse = ERROR_NONE;
        assert_int_equal(pgpu_at(w, "alpha", "0000:07:00.0")->n_outsiders, 1);

        assert_int_equal(end_outside(w, "outsider"), ERROR_NONE);
        assert_non_null(strstr(ending, "VM 'outsider' (domain "));
        assert_non_null(strstr(ending, "on host 'alpha' is being ended by force. It has GRID K100 on 0000:07:00.0."));
        assert_true(h->last_force);
        assert_int_equal(pgpu_at(w, "alpha", "0000:07:00.0")->n_outsiders, 0);

        assert_int_equal(end_outside(w, "by hand"), ERROR_NONE);
        assert_string_equal(ending, "Domain 'by hand' (id 7, " FAKE_DOMAIN ") on host 'alpha' is being destroyed; xenvgpu did not start it. "
                                    "It has 0000:08:00.0. Its xl (process 7) sees that, and ends too.");
        assert_null(world_host(w, "alpha")->outside_vms);
        assert_int_equal(end_outside(w, "by hand"), ERROR_NO_SUCH_OBJECT);
        assert_string_equal(world_vm_state(w, &ours), "running");

        /* It goes as the host is asked. */
        h->has_domain = true;
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(vms_end_outside(w->policy, world_host(w, "alpha"), FAKE_DOMAIN, on_ended, NULL, fresh(w)), 0);
        h->down = true;
        fake_lose(h, "Gone.");
        world_run(w);
        assert_int_equal(adoption, ERROR_HOST_OFFLINE);
        assert_int_equal(end_outside(w, "by hand"), ERROR_HOST_OFFLINE);
}

/* A GPU that its config names is that VGPU, and not one beside it. */
static void a_gpu_of_its_config_is_adopted_once(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        FakeVm *vm = fake_vm_put_with(h, &outsider, "0000:08:00.0", NULL);

        vm->order.vm.config = json_tokener_parse("{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576},"
                                                 "\"pcidevs\":[{\"bus\":8}]}");
        claim_again(h);
        world_run(w);
        assert_int_equal(adopt(w, "outsider"), ERROR_NONE);
        assert_int_equal(pgpu_at(w, "alpha", "0000:08:00.0")->vgpus.n, 1);
        fake_vm_ends(h, &outsider, "poweroff", NULL);
        world_run(w);
        assert_int_equal(world_start_vm(w, &outsider, NULL), ERROR_NONE);
        assert_int_equal(world_vm(w, &outsider)->vgpus.n, 1);
        world_run(w);
        assert_int_equal(pgpu_at(w, "alpha", "0000:08:00.0")->vgpus.n, 1);
}

/* Its host calls the type otherwise than the pool does. */
static void a_type_is_adopted_by_its_hosts_name(void **state) {
        static const char own[] = "0001:nvidia,0ff2,1012,0fe7,101e";
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        b->k100 = "{\"identifier\":\"0001:nvidia,0ff2,1012,0fe7,101e\",\"implementation\":\"nvidia\",\"vendor_name\":\"NVIDIA "
                  "Corporation\",\"model_name\":\"GRID K100\",\"framebuffer_size\":268435456,\"max_heads\":2,\"max_resolution_x\":"
                  "1920,\"max_resolution_y\":1200,\"size\":131072,\"internal_config\":{\"type_id\":\"11\"}}";
        b->k100_identifier = own;
        (void) fake_vm_put_with(b, &outsider, "0000:07:00.0", "k100");
        claim_again(b);
        world_run(w);
        assert_string_not_equal(world_type(w, "GRID K100")->identifier, own);
        assert_int_equal(adopt_on(w, "beta", "outsider"), ERROR_NONE);
        assert_ptr_equal(world_vgpu(w, &outsider, 0)->type, world_type(w, "GRID K100"));
}

/* Nothing of it is left in the pool when it cannot be adopted. */
static void an_adoption_is_all_or_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);

        assert_int_equal(pgpus_set_group(w->policy, pgpu_at(w, "alpha", "0000:07:00.0"), NULL, fresh(w)), 0);
        fake_vm_put_with(h, &outsider, "0000:07:00.0", "k100");
        claim_again(h);
        world_run(w);
        assert_int_equal(adopt(w, "outsider"), ERROR_GPU_GROUP_CONTAINS_NO_PGPUS);
        assert_null(pool_get(policy_pool(w->policy), CLASS_VM, &outsider));
        h->refuse = ERROR_OTHER_OPERATION_IN_PROGRESS;
        assert_int_equal(adopt(w, "outsider"), ERROR_OTHER_OPERATION_IN_PROGRESS);
        h->refuse = ERROR_NONE;
        fake_lose(h, "Connection reset by peer.");
        assert_int_equal(adopt(w, "outsider"), ERROR_HOST_OFFLINE);
        world_run(w);
        assert_int_equal(strv_count(world_host(w, "alpha")->outside_vms), 1);
        expect_sound(w);
}

static void an_outsider_is_told(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);

        fake_vm_put_with(h, &outsider, "0000:07:00.0", "k100");
        claim_again(h);
        world_run(w);
        assert_non_null(world_host(w, "alpha")->problems[0]);
        assert_non_null(strstr(world_host(w, "alpha")->problems[0], "'outsider' (06000000-"));
        expect_findings(w, "");
        fake_vm_ends(h, &outsider, "poweroff", NULL);
        world_run(w);
        assert_null(world_host(w, "alpha")->problems[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_booking_that_was_not_sent_gives_way),
                cmocka_unit_test(an_order_in_the_queue_is_taken_back),
                cmocka_unit_test(an_outsider_holds_its_share),
                cmocka_unit_test(an_outsider_that_has_a_gpu_whole_leaves_nothing),
                cmocka_unit_test(a_start_goes_beside_what_is_not_of_the_pool),
                cmocka_unit_test(a_refusal_names_who_is_not_of_the_pool),
                cmocka_unit_test(what_he_uses_is_in_use),
                cmocka_unit_test(a_vgpu_that_the_pool_lacks_counts),
                cmocka_unit_test(the_dead_hold_nothing),
                cmocka_unit_test(a_vm_that_runs_twice_is_told),
                cmocka_unit_test(the_second_one_may_end_first),
                cmocka_unit_test(the_second_one_is_not_forgotten_while_its_host_is_away),
                cmocka_unit_test(the_host_that_is_booked_is_waited_for),
                cmocka_unit_test(an_outsider_is_adopted),
                cmocka_unit_test(an_outsider_is_ended),
                cmocka_unit_test(a_gpu_of_its_config_is_adopted_once),
                cmocka_unit_test(a_type_is_adopted_by_its_hosts_name),
                cmocka_unit_test(an_adoption_is_all_or_nothing),
                cmocka_unit_test(an_outsider_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
