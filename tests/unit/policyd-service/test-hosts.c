/*
 * Hosts: who is who, which epoch, what they have
 */

#include "policyd/pool/each.h"
#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

static void an_inventory_becomes_objects(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        const Host *host = world_host(w, "alpha");
        const VgpuType *k100 = world_type(w, "GRID K100");
        const GpuGroup *g = world_group(w, "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs");

        assert_int_equal(host->state, HOST_ONLINE);
        assert_true(uuid_equal(&host->host_uuid, &h->uuid));
        assert_string_equal(host->networks[0], "xenbr0");
        assert_int_equal(host->pgpus.n, 4);
        assert_int_equal(g->pgpus.n, 4);
        assert_string_equal(g->gpu_types[0], "10de/0ff2");
        assert_int_equal(k100->size, 131072);
        for_each(const Pgpu, p, &host->pgpus)
                assert_true(ptr_array_contains(&p->enabled, k100));
}

static const char *described(World *w) {
        static char line[256];

        policy_describe(w->policy, line, sizeof(line));
        return line;
}

static void the_pool_in_a_line_follows_it(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm, other;
        size_t before;

        assert_string_equal(described(w), "1 host, 4 PGPUs, 32 of 32 GRID K100 free");
        before = w->n_status;
        vm = world_create_vm_with(w, "cad", "GRID K140Q", 1);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        assert_string_equal(described(w), "1 host, 4 PGPUs, 15 of 16 GRID K140Q free");
        assert_true(w->n_status > before);

        for (unsigned i = 0; i < 2; i++) {
                other = world_create_vm_with(w, "desk", "GRID K100", 1);
                assert_int_equal(world_start_vm(w, &other, NULL), ERROR_NONE);
        }
        assert_string_equal(described(w), "1 host, 4 PGPUs, 22 of 32 GRID K100 free");

        before = w->n_status;
        h->down = true;
        fake_lose(h, "gone");
        world_run(w);
        assert_string_equal(described(w), "1 host, 4 PGPUs, 1 host offline");
        assert_true(w->n_status > before);
}

static void the_second_k1_joins_the_group_and_a_k2_makes_its_own(void **state) {
        FakeHost *a;
        _cleanup_world_ World *w = world_of_one_k1(&a);
        FakeHost *b = fake_host_add("beta");

        fake_k1_add(b);
        fake_k2_add(b);
        assert_int_equal(world_add_host(w, b), ERROR_NONE);
        assert_int_equal(world_group(w, "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs")->pgpus.n, 8);
        assert_int_equal(world_group(w, "Group of NVIDIA Corporation GK104GL [GRID K2] GPUs")->pgpus.n, 2);
}

static void a_card_vanishes_and_returns(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        const Host *host = world_host(w, "alpha");
        const Pgpu *used;

        world_start_vm(w, &vm, NULL);
        world_run(w);
        used = world_vgpu(w, &vm, 0)->resident_on;
        assert_int_equal(used->pci.bus, 7);

        /* The free ones go at once, the one in use when it is free. */
        h->cards[0].gone = h->cards[3].gone = true;
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(host->pgpus.n, 3);
        assert_false(used->present);
        fake_vm_ends(h, &vm, "poweroff", NULL);
        world_run(w);
        assert_int_equal(host->pgpus.n, 2);

        h->cards[0].gone = h->cards[3].gone = false;
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(host->pgpus.n, 4);
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

static void another_card_at_the_address_is_another_pgpu(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid before = ((Pgpu *) world_host(w, "alpha")->pgpus.items[0])->object.id;
        Pgpu *pgpu;

        snprintf(h->cards[0].device, sizeof(h->cards[0].device), "11bf");
        fake_inventory_changed(h);
        world_run(w);
        assert_null(pool_get(policy_pool(w->policy), CLASS_PGPU, &before));
        pgpu = world_host(w, "alpha")->pgpus.items[0];
        assert_string_equal(pgpu->device_id, "11bf");
        assert_int_equal(world_host(w, "alpha")->pgpus.n, 4);
}

static void a_type_that_nobody_has_is_collected_and_comes_back(void **state) {
        static const char *const fewer[] = {"k100", "passthrough", NULL};
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        const char *const *all = h->cards[0].types;
        Uuid vm = world_create_vm_with(w, "a", "GRID K140Q", 1);
        Object *o;

        for (size_t i = 0; i < h->n_cards; i++)
                h->cards[i].types = fewer;
        fake_inventory_changed(h);
        world_run(w);
        /* K140Q has a VGPU and stays; "multi" has none. */
        assert_int_equal(world_type(w, "GRID K140Q")->n_supported_on, 0);
        assert_int_equal(pool_find(policy_pool(w->policy), CLASS_VGPU_TYPE, "GRID multi", &o), -ENOENT);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_VGPU_TYPE_NOT_SUPPORTED);

        for (size_t i = 0; i < h->n_cards; i++)
                h->cards[i].types = all;
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(pool_find(policy_pool(w->policy), CLASS_VGPU_TYPE, "GRID multi", &o), 0);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
}

static void the_same_machine_under_two_addresses_stays_offline(void **state) {
        FakeHost *a;
        _cleanup_world_ World *w = world_of_one_k1(&a);
        FakeHost *b = fake_host_add("again");

        b->uuid = a->uuid;
        assert_int_equal(world_add_host(w, b), ERROR_NONE);
        assert_int_equal(world_host(w, "again")->state, HOST_OFFLINE);
        assert_non_null(strstr(world_host(w, "again")->state_reason, "HostAlreadyInPool"));
        assert_non_null(strstr(world_host(w, "again")->state_reason, "'alpha'"));
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_int_equal(world_add_host(w, a), ERROR_HOST_ALREADY_IN_POOL);
}

static void another_machine_at_a_known_address_stays_offline(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);

        h->uuid.bytes[3] = 0x55;
        fake_lose(h, "Gone.");
        world_run(w);
        assert_int_equal(world_host(w, "alpha")->state, HOST_OFFLINE);
        assert_non_null(strstr(world_host(w, "alpha")->state_reason, "another machine"));
}

static void a_bad_address_is_refused(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Host *h;

        world_start(w);
        assert_int_equal(hosts_add(w->policy, "x", "tcp:host=somewhere", "", &h, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_INVALID_ADDRESS);
}

static void the_epoch_is_above_all_that_is_held(void **state) {
        _cleanup_world_ World *w = world_new();
        FakeHost *a = fake_host_add("alpha"), *b = fake_host_add("beta");

        world_start(w);
        assert_int_equal(policy_epoch(w->policy), 1);
        b->epoch = 40;
        world_add_host(w, a);
        world_add_host(w, b);
        /* A free host with a higher epoch raises ours, for itself. */
        assert_int_equal(policy_epoch(w->policy), 41);
        assert_int_equal(a->epoch, 1);
        assert_int_equal(b->epoch, 41);
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_int_equal(world_host(w, "beta")->state, HOST_ONLINE);

        world_restart(w);
        assert_int_equal(policy_epoch(w->policy), 42);
        assert_int_equal(a->epoch, 42);
        assert_int_equal(w->n_stale, 0);
}

/* Whoever was a host of another pool, or of none: what the others have to do is no business of it. */
static void a_joining_host_disturbs_no_other(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vms[4], jobs[4];

        a->manual = b->manual = true;
        for (size_t i = 0; i < ARRAY_SIZE(vms); i++) {
                vms[i] = world_create_vm_with(w, "v", "GRID K100", 1);
                assert_int_equal(world_start_vm_on(w, &vms[i], i % 2 ? "beta" : "alpha", &jobs[i]), ERROR_NONE);
        }
        c = fake_host_add("gamma");
        fake_k1_add(c);
        c->epoch = 900;
        assert_int_equal(world_add_host(w, c), ERROR_NONE);
        assert_int_equal(c->epoch, 901);
        assert_int_equal(c->n_claims, 1);
        assert_int_equal(a->n_claims, 1);
        assert_int_equal(b->n_claims, 1);

        /* Each takes orders under the epoch that it was claimed with. */
        for (size_t i = 0; i < ARRAY_SIZE(vms); i++) {
                fake_vm_runs(i % 2 ? b : a, &vms[i]);
                world_run(w);
                assert_string_equal(world_job_state(w, &jobs[i]), "done");
        }
        a->manual = b->manual = false;
        assert_int_equal(world_shutdown(w, &vms[0], true, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vms[0]), "halted");
        assert_int_equal(world_start_vm_on(w, &vms[0], "gamma", NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vms[0]), "running");

        /* One that is met again takes the newest. */
        fake_lose(a, "A short break.");
        world_run(w);
        assert_int_equal(a->epoch, 901);
        assert_int_equal(b->epoch, 1);
        assert_int_equal(w->n_stale, 0);
}

/* After a raise for one host the others hold less: another master may take them with less than our highest. */
static void another_master_is_known_by_less_than_our_highest(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_one_k1(&a);

        b = fake_host_add("beta");
        b->epoch = 40;
        world_add_host(w, b);
        assert_int_equal(policy_epoch(w->policy), 41);
        a->epoch = 7;
        fake_lose(a, "Another master came.");
        world_run(w);
        assert_int_equal(w->n_stale, 1);
        assert_int_equal(a->epoch, 7);
}

/* Removed while it was away it could not be released, and holds what only it was given. */
static void a_host_that_was_removed_while_away_joins_again(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_one_k1(&a);
        _cleanup_refusal_ Refusal refusal = {};

        b = fake_host_add("beta");
        b->epoch = 40;
        world_add_host(w, b);
        b->down = true;
        fake_lose(b, "Gone.");
        world_run(w);
        assert_int_equal(hosts_remove(w->policy, world_host(w, "beta"), &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        world_run(w);
        b->down = false;
        assert_int_equal(world_add_host(w, b), ERROR_NONE);
        assert_int_equal(world_host(w, "beta")->state, HOST_ONLINE);
        assert_int_equal(w->n_stale, 0);
}

/*
 * At start a host that holds more than all others greets after the epoch was chosen without it, and before that is
 * on the disk: nobody may be claimed with the lower one. A third one that stays silent keeps the choice from being
 * made anew for it.
 */
static void a_host_that_greets_while_the_epoch_goes_to_disk_raises_it(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        c = fake_host_add("gamma");
        assert_int_equal(world_add_host(w, c), ERROR_NONE);
        b->claimed_by[0] = '\0';
        b->epoch = 60;
        b->silent = c->silent = true;
        world_restart(w);
        world_run_for(w, 100000);
        assert_int_equal(policy_epoch(w->policy), 0);

        /* All is quiet until the gathering ends, which chooses. */
        assert_true(sim_loop_step(w->sim));
        assert_int_equal(policy_epoch(w->policy), 0);
        b->silent = false;
        world_run(w);
        assert_int_equal(policy_epoch(w->policy), 61);
        assert_int_equal(a->epoch, 61);
        assert_int_equal(b->epoch, 61);
        assert_int_equal(w->n_stale, 0);

        c->silent = false;
        world_run(w);
        assert_int_equal(c->epoch, 61);
        assert_int_equal(world_host(w, "gamma")->state, HOST_ONLINE);
}

/* Where what the others hold shows that the database is no older copy. */
static void one_silent_host_does_not_hold_up_the_others(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        b->silent = true;
        world_restart(w);
        world_run_for(w, 100000);
        assert_int_equal(world_host(w, "alpha")->state, HOST_CONNECTING);
        world_run_for(w, 1000000);
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_int_equal(world_host(w, "beta")->state, HOST_CONNECTING);
}

/* It would refuse the epoch that it held under somebody else. */
static void a_free_host_with_our_epoch_raises_it(void **state) {
        _cleanup_world_ World *w = world_new();
        FakeHost *a = fake_host_add("alpha"), *b = fake_host_add("beta");

        world_start(w);
        world_add_host(w, a);
        b->epoch = policy_epoch(w->policy);
        b->instance.bytes[0] = 0x77;
        world_add_host(w, b);
        assert_int_equal(world_host(w, "beta")->state, HOST_ONLINE);
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_int_equal(policy_epoch(w->policy), 2);
        assert_int_equal(w->n_stale, 0);
}

/* No host answers while they are gathered, as with slow logins; the first to come holds what an older copy of
 * the database does not know. */
static void a_host_that_is_slow_to_answer_kills_no_failover(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        a->epoch = b->epoch = 30;
        a->silent = b->silent = true;
        world_restart(w);
        while (policy_epoch(w->policy) == 0)
                world_run_for(w, 100000);
        assert_int_equal(policy_epoch(w->policy), 2);
        a->silent = false;
        world_run(w);
        assert_int_equal(a->epoch, 31);
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        b->silent = false;
        world_run(w);
        assert_int_equal(b->epoch, 31);
        assert_int_equal(w->n_stale, 0);

        /* It commands now: what is above that is another master's. */
        a->epoch = 60;
        fake_lose(a, "Another master came.");
        world_run(w);
        assert_int_equal(w->n_stale, 1);
        assert_int_equal(a->epoch, 60);
}

static void a_host_of_another_pool_is_left_alone(void **state) {
        _cleanup_world_ World *w = world_new();
        FakeHost *h = fake_host_add("alpha");

        snprintf(h->claimed_by, sizeof(h->claimed_by), "%s", "11111111-1111-4111-8111-111111111111");
        h->epoch = 9;
        world_start(w);
        world_add_host(w, h);
        assert_int_equal(world_host(w, "alpha")->state, HOST_OFFLINE);
        assert_non_null(strstr(world_host(w, "alpha")->state_reason, "claimed by pool 11111111"));
        assert_int_equal(h->epoch, 9);
        assert_int_equal(policy_epoch(w->policy), 1);
}

/* One above it would be none at all, and every host would be claimed with it in turn. */
static void a_host_with_the_last_epoch_is_left_alone(void **state) {
        _cleanup_world_ World *w = world_new();
        FakeHost *a = fake_host_add("alpha"), *b = fake_host_add("beta");

        b->epoch = UINT64_MAX;
        world_start(w);
        world_add_host(w, a);
        world_add_host(w, b);
        world_restart(w);
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_int_equal(world_host(w, "beta")->state, HOST_OFFLINE);
        assert_non_null(strstr(world_host(w, "beta")->state_reason, "above which there is none"));
        assert_int_equal(policy_epoch(w->policy), 2);
}

static void a_higher_epoch_of_our_own_pool_means_another_master(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);

        h->epoch = 100;
        fake_lose(h, "Gone.");
        world_run(w);
        assert_int_equal(w->n_stale, 1);
        assert_int_equal(h->epoch, 100);
        assert_int_not_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        assert_int_equal(h->n_starts, 0);
}

static void a_stale_order_stops_this_policyd(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);

        fake_stale(h);
        fake_stale(h);
        assert_int_equal(w->n_stale, 1);
}

static void an_unreachable_host_does_not_hold_up_the_others(void **state) {
        FakeHost *a;
        _cleanup_world_ World *w = world_of_one_k1(&a);
        FakeHost *b = fake_host_add("beta");

        world_add_host(w, b);
        b->down = true;
        world_restart(w);
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_int_equal(world_host(w, "beta")->state, HOST_OFFLINE);
        assert_string_equal(world_host(w, "beta")->state_reason, "Connection refused.");
}

static void a_removed_host_is_released(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        _cleanup_refusal_ Refusal refusal = {}, none = {};
        Object *o;

        world_start_vm(w, &vm, NULL);
        world_run(w);
        assert_int_equal(hosts_remove(w->policy, world_host(w, "alpha"), &refusal), 0);
        assert_int_equal(refusal.code, ERROR_HOST_IN_USE);
        world_shutdown(w, &vm, true, NULL);
        world_run(w);
        assert_int_equal(hosts_remove(w->policy, world_host(w, "alpha"), &none), 0);
        assert_int_equal(none.code, ERROR_NONE);
        world_run(w);
        assert_int_equal(pool_find(policy_pool(w->policy), CLASS_HOST, "alpha", &o), -ENOENT);
        assert_string_equal(h->claimed_by, "");
        assert_null(h->link);
        /* The VGPU's type stays with it; those that nobody has are gone. */
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_VGPU_TYPE].n, 1);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NO_HOSTS_AVAILABLE);
}

/* Another host that is added meanwhile does not cut its release short. */
static void a_removed_host_is_released_first(void **state) {
        FakeHost *h, *other;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        _cleanup_refusal_ Refusal refusal = {};
        Host *added;

        other = fake_host_add("beta");
        assert_int_equal(hosts_remove(w->policy, world_host(w, "alpha"), &refusal), 0);
        assert_int_equal(policy_flush(w->policy), 0);
        assert_int_equal(hosts_add(w->policy, other->name, other->address, "", &added, &refusal), 0);
        assert_int_equal(policy_flush(w->policy), 0);
        world_run(w);
        assert_string_equal(h->claimed_by, "");
        assert_null(h->link);
        assert_int_equal(world_host(w, "beta")->state, HOST_ONLINE);
}

static void a_disabled_host_takes_no_vms(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        _cleanup_refusal_ Refusal refusal = {};

        hosts_set_enabled(w->policy, world_host(w, "alpha"), false, &refusal);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NO_HOSTS_AVAILABLE);
        hosts_declare_dead(w->policy, world_host(w, "alpha"), &refusal);
        assert_int_equal(refusal.code, ERROR_HOST_IN_USE);
}

static ErrorCode rename_host(World *w, const char *from, const char *to) {
        return world_request(w, hosts_set_name_label(w->policy, world_host(w, from), to, fresh(w)));
}

static void check_renamed(World *w, const Uuid *vm) {
        const GpuGroup *g = world_group(w, "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs");

        assert_string_equal(world_vm(w, vm)->affinity, "zeta");
        assert_string_equal(((const Pgpu *) g->pgpus.items[0])->name, "beta/0000:07:00.0");
        assert_string_equal(((const Pgpu *) g->pgpus.items[7])->name, "zeta/0000:0a:00.0");
        assert_string_equal(world_host(w, "zeta")->name_label, "zeta");
}

/* What follows from a name follows, and the pool is the same as one that was read from disk. */
static void a_host_gets_another_name(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), other = world_create_vm_with(w, "b", "GRID K100", 1);

        assert_int_equal(world_request(w, vms_set_names(w->policy, world_vm(w, &vm), NULL, "alpha", fresh(w))), ERROR_NONE);
        assert_int_equal(world_request(w, vms_set_names(w->policy, world_vm(w, &other), NULL, "beta", fresh(w))), ERROR_NONE);
        assert_int_equal(rename_host(w, "alpha", "beta"), ERROR_ALREADY_EXISTS);
        assert_int_equal(rename_host(w, "alpha", ""), ERROR_INVALID_RECORD);
        assert_int_equal(rename_host(w, "alpha", "alpha"), ERROR_NONE);
        assert_int_equal(rename_host(w, "alpha", "zeta"), ERROR_NONE);
        check_renamed(w, &vm);
        assert_string_equal(world_vm(w, &other)->affinity, "beta");
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "zeta");
        world_crash(w);
        world_run(w);
        check_renamed(w, &vm);
}

static void done_types(ErrorCode code, const char *message, void *userdata) {
        *(ErrorCode *) userdata = code;
}

static void enabling_types_is_the_hosts_word(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Pgpu *pgpu = world_host(w, "alpha")->pgpus.items[0];
        VgpuType *k100 = world_type(w, "GRID K100");
        _cleanup_refusal_ Refusal refusal = {};
        ErrorCode code = _ERROR_MAX;

        assert_int_equal(pgpus_set_enabled(w->policy, pgpu, &k100, 1, done_types, &code, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_int_equal(pgpu->disabling.n, 3);
        assert_int_equal(pgpus_set_enabled(w->policy, pgpu, &k100, 1, done_types, &code, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_OTHER_OPERATION_IN_PROGRESS);
        world_run(w);
        assert_int_equal(code, ERROR_NONE);
        assert_int_equal(pgpu->enabled.n, 1);
        assert_int_equal(pgpu->disabling.n, 0);

        refusal_done(&refusal);
        refusal = (Refusal){};
        h->refuse = ERROR_PGPU_IN_USE_BY_VM;
        assert_int_equal(pgpus_set_enabled(w->policy, pgpu, NULL, 0, done_types, &code, &refusal), 0);
        world_run(w);
        assert_int_equal(code, ERROR_PGPU_IN_USE_BY_VM);
        assert_int_equal(pgpu->enabled.n, 1);

        /* The host is lost before it answers. */
        h->refuse = ERROR_NONE;
        h->deaf = true;
        assert_int_equal(pgpus_set_enabled(w->policy, pgpu, NULL, 0, done_types, &code, &refusal), 0);
        fake_lose(h, "Gone.");
        assert_int_equal(code, ERROR_HOST_OFFLINE);
        assert_int_equal(pgpu->disabling.n, 0);
}

/* What policyd knows of the host's types may be old: the host is told what changes, and nothing of the others. */
static void one_type_changes_alone(void **state) {
        static const char *const fewer[] = {"k100", "k140q", NULL};
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Pgpu *pgpu = world_host(w, "alpha")->pgpus.items[0];
        VgpuType *k100 = world_type(w, "GRID K100");
        _cleanup_refusal_ Refusal refusal = {};
        ErrorCode code = _ERROR_MAX;

        assert_int_equal(pgpu->enabled.n, 4);
        assert_int_equal(pgpus_change_enabled(w->policy, pgpu, k100, false, done_types, &code, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_int_equal(pgpu->disabling.n, 1);
        assert_int_equal(h->types_change, LINK_TYPES_REMOVE);
        assert_int_equal(h->n_types_named, 1);
        /* Its types become fewer before it answers. */
        h->cards[0].types = fewer;
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(code, ERROR_NONE);
        assert_int_equal(pgpu->enabled.n, 1);
        assert_int_equal(pgpu->disabling.n, 0);

        code = _ERROR_MAX;
        assert_int_equal(pgpus_change_enabled(w->policy, pgpu, k100, true, done_types, &code, &refusal), 0);
        assert_int_equal(h->types_change, LINK_TYPES_ADD);
        assert_int_equal(h->n_types_named, 1);
        assert_int_equal(pgpu->disabling.n, 0);
        world_run(w);
        assert_int_equal(code, ERROR_NONE);
        assert_int_equal(pgpu->enabled.n, 2);
}

/* Told with each inventory, in a failed commit too, and over as soon as the host says so. */
static void what_a_host_finds_wrong_stands_at_it(void **state) {
        static const char sentence[] = "/usr/share/nvidia/vgx/grid_k100.conf:3: no such key.";
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);

        assert_null(world_host(w, "alpha")->problems[0]);
        h->problem = sentence;
        fake_inventory_changed(h);
        world_run(w);
        assert_string_equal(world_host(w, "alpha")->problems[0], sentence);
        assert_null(world_host(w, "alpha")->problems[1]);
        world_fail_next_commit(w);
        assert_string_equal(world_host(w, "alpha")->problems[0], sentence);
        world_crash(w);
        assert_string_equal(world_host(w, "alpha")->problems[0], sentence);
        h->problem = NULL;
        fake_inventory_changed(h);
        world_run(w);
        assert_null(world_host(w, "alpha")->problems[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_inventory_becomes_objects),
                cmocka_unit_test(the_pool_in_a_line_follows_it),
                cmocka_unit_test(the_second_k1_joins_the_group_and_a_k2_makes_its_own),
                cmocka_unit_test(a_card_vanishes_and_returns),
                cmocka_unit_test(another_card_at_the_address_is_another_pgpu),
                cmocka_unit_test(a_type_that_nobody_has_is_collected_and_comes_back),
                cmocka_unit_test(the_same_machine_under_two_addresses_stays_offline),
                cmocka_unit_test(another_machine_at_a_known_address_stays_offline),
                cmocka_unit_test(a_bad_address_is_refused),
                cmocka_unit_test(the_epoch_is_above_all_that_is_held),
                cmocka_unit_test(a_joining_host_disturbs_no_other),
                cmocka_unit_test(another_master_is_known_by_less_than_our_highest),
                cmocka_unit_test(a_host_that_was_removed_while_away_joins_again),
                cmocka_unit_test(a_host_that_greets_while_the_epoch_goes_to_disk_raises_it),
                cmocka_unit_test(a_host_that_is_slow_to_answer_kills_no_failover),
                cmocka_unit_test(one_silent_host_does_not_hold_up_the_others),
                cmocka_unit_test(a_free_host_with_our_epoch_raises_it),
                cmocka_unit_test(a_host_of_another_pool_is_left_alone),
                cmocka_unit_test(a_host_with_the_last_epoch_is_left_alone),
                cmocka_unit_test(a_higher_epoch_of_our_own_pool_means_another_master),
                cmocka_unit_test(a_stale_order_stops_this_policyd),
                cmocka_unit_test(an_unreachable_host_does_not_hold_up_the_others),
                cmocka_unit_test(a_removed_host_is_released),
                cmocka_unit_test(a_removed_host_is_released_first),
                cmocka_unit_test(a_disabled_host_takes_no_vms),
                cmocka_unit_test(a_host_gets_another_name),
                cmocka_unit_test(enabling_types_is_the_hosts_word),
                cmocka_unit_test(one_type_changes_alone),
                cmocka_unit_test(what_a_host_finds_wrong_stands_at_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
