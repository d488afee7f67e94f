/*
 * Whole hosts: what is stored before it is answered, and what survives hostd
 *
 * The programs of VMs here are /bin/false, or never come to be started because the loop does not turn.
 */

#include <stdio.h>

#include "common/io/file.h"
#include "hostd/service/host-internal.h"
#include "hostd/vm/vm.h"
#include "protocol/order.h"
#include "tests/unit/hostd-edge/fake-ovsdb.h"
#include "tests/unit/hostd-service/world.h"

static void a_claim_outlives_hostd(void **state) {
        World *w = *state;

        world_claim(w, 5);
        assert_string_equal(host_get_claimer(w->host), CLAIMER);
        world_reopen(w);
        assert_int_equal(host_get_epoch(w->host), 5);
        assert_string_equal(host_get_claimed_by(w->host), POOL);
        assert_string_equal(host_get_claimer(w->host), "");
}

static void a_claimer_that_left_still_bars_others(void **state) {
        _cleanup_refusal_ Refusal refusal = {};
        World *w = *state;

        world_claim(w, 5);
        host_caller_left(w->host, ":1.99");
        assert_string_equal(host_get_claimer(w->host), CLAIMER);
        host_caller_left(w->host, CLAIMER);
        assert_string_equal(host_get_claimer(w->host), "");
        assert_int_equal(host_check_caller(w->host, ":1.8", &refusal), 0);
        assert_int_equal(refusal.code, ERROR_HOST_CLAIMED);
        assert_int_equal(host_check_caller(w->host, CLAIMER, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_HOST_CLAIMED);
}

static void a_config_runs_and_opens_only_what_the_administrator_allows(void **state) {
        static char *allowed[] = {(char *) "b_info.kernel=/boot/guests/", NULL};
        _cleanup_refusal_ Refusal refusal = {};
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *plain = start_order(5, &token, &vm, "grid_k100", 0x83), *order = NULL;
        const char *b_info = strstr(plain, "\"max_vcpus\"");
        World *w = *state;

        world_claim(w, 5);
        assert_true(asprintf(&order, "%.*s\"kernel\":\"/boot/guests/vmlinuz\",%s", (int) (b_info - plain), plain,
                            b_info) >= 0);
        assert_int_equal(host_start_vm(w->host, CLAIMER, order, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_CONFIG_NOT_ALLOWED);
        assert_string_equal(refusal.message,
                "The config of VM 'guest' has b_info.kernel, which may run or open something on the host; if it shall, "
                "this host's administrator adds b_info.kernel to the setting allowed_config_keys of its hostd.conf.");
        w->settings.allowed_config_keys = allowed;
        assert_int_equal(give_start(w, order), ERROR_NONE);
        w->settings.allowed_config_keys = NULL;
}

/* It is another's host now, but what makes the old master stop is that its epoch is over. */
static void an_overtaken_claimer_hears_of_its_epoch(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *old = start_order(5, &token, &vm, "grid_k100", 0x83),
                            *present = start_order(6, &token, &vm, "grid_k100", 0x83);
        _cleanup_refusal_ Refusal refusal = {};
        World *w = *state;

        world_claim(w, 6);
        assert_int_equal(host_start_vm(w->host, ":1.8", old, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_STALE_EPOCH);
        refusal_done(&refusal);
        assert_int_equal(host_start_vm(w->host, ":1.8", present, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_HOST_CLAIMED);
        refusal_done(&refusal);
        assert_int_equal(host_start_vm(w->host, ":1.8", "{\"epoch\":", &refusal), 0);
        assert_int_equal(refusal.code, ERROR_HOST_CLAIMED);
}

static void an_unclaimed_host_takes_no_orders(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);
        World *w = *state;

        assert_int_equal(give_start(w, order), ERROR_STALE_EPOCH);
}

static void an_order_is_stored_before_it_is_answered(void **state) {
        _cleanup_json_ struct json_object *inventory = NULL;
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);
        struct json_object *entry, *vgpus;
        World *w = *state;

        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        world_reopen(w);

        inventory = world_inventory(w);
        assert_int_equal(length_of(inventory, "vms"), 1);
        entry = json_object_array_get_idx(json_object_object_get(inventory, "vms"), 0);
        assert_string_equal(text_of(entry, "token"), UUID_TEXT(&token));
        assert_string_equal(text_of(entry, "state"), "starting");
        vgpus = json_object_object_get(entry, "vgpus");
        assert_string_equal(text_of(json_object_array_get_idx(vgpus, 0), "identifier"), K100);
}

/* The pool knows one path for a type; this host keeps the file elsewhere. What follows a comma is the emulator's. */
static void the_emulator_gets_the_file_of_this_host(void **state) {
        static const char elsewhere[] = "/other/host/vgx/grid_k100.conf,frl=0";
        _cleanup_(start_order_done) StartOrder kept = {};
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83), *moved = NULL;
        const char *from, *to;
        JsonReader reader = {};
        World *w = *state;
        HostVm *taken;

        from = strstr(order, FIXTURES "/types/vgx/grid_k100.conf");
        assert_non_null(from);
        to = strchr(from, '"');
        assert_true(asprintf(&moved, "%.*s%s%s", (int) (from - order), order, elsewhere, to) >= 0);

        world_claim(w, 1);
        assert_int_equal(give_start(w, moved), ERROR_NONE);
        taken = hashmap_get(w->host->vms, &vm);
        assert_non_null(taken);
        assert_int_equal(start_order_read(&reader, taken->order, &kept), 0);
        assert_string_equal(kept.vgpus[0].nvidia.config_file, FIXTURES "/types/vgx/grid_k100.conf,frl=0");
}

/* The text is passed on as it came, with the host's files behind it, whatever a client says of them. */
static void an_order_is_kept_as_it_came(void **state) {
        static const char theirs[] = "\"type_files\":[\"/tmp/evil.conf\"],";
        _cleanup_(start_order_done) StartOrder kept = {};
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83), *with = NULL;
        JsonReader reader = {};
        World *w = *state;
        HostVm *taken;

        assert_true(asprintf(&with, " {%s\n%s", theirs, order + 1) >= 0);
        world_claim(w, 1);
        assert_int_equal(give_start(w, with), ERROR_NONE);
        world_reopen(w);
        taken = hashmap_get(w->host->vms, &vm);
        assert_non_null(taken);
        assert_int_equal(start_order_read(&reader, taken->order, &kept), 0);
        assert_string_equal(kept.vgpus[0].nvidia.config_file, FIXTURES "/types/vgx/grid_k100.conf");
        assert_true(uuid_equal(&kept.token, &token));
}

static void claim_with_orders(World *w, uint64_t epoch, const char *pool, uint64_t orders) {
        _cleanup_refusal_ Refusal refusal = {};
        uint64_t held;

        assert_int_equal(host_claim(w->host, CLAIMER, epoch, pool, "instance", orders, &held, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
}

static char *with_number(const char *order, unsigned number) {
        const char *rest = strstr(order, "\"token\"");
        char *numbered;

        assert_true(asprintf(&numbered, "%.*s\"order\":%u,%s", (int) (rest - order), order, number, rest) >= 0);
        return numbered;
}

/* By them policyd knows that its database is an old copy: whoever told of the last one, it is not forgotten. */
static void the_number_of_the_last_order_is_kept(void **state) {
        _cleanup_json_ struct json_object *inventory = NULL;
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83), *stop = stop_order(1, &vm, true);
        _cleanup_free_ char *numbered = with_number(order, 9), *stop_numbered = with_number(stop, 12);
        World *w = *state;

        assert_int_equal(host_get_orders(w->host), 0);
        claim_with_orders(w, 1, POOL, 7);
        world_reopen(w);
        assert_int_equal(host_get_orders(w->host), 7);

        claim_with_orders(w, 1, POOL, 4);
        assert_int_equal(host_get_orders(w->host), 7);
        assert_int_equal(give_start(w, numbered), ERROR_NONE);
        world_reopen(w);
        assert_int_equal(host_get_orders(w->host), 9);
        claim_with_orders(w, 1, POOL, 0);
        assert_int_equal(give_stop(w, stop_numbered), ERROR_NONE);
        world_reopen(w);
        inventory = world_inventory(w);
        assert_int_equal(json_object_get_uint64(json_object_object_get(inventory, "orders")), 12);

        /* Another pool counts its own. */
        claim_with_orders(w, 2, "another pool", 3);
        world_reopen(w);
        assert_int_equal(host_get_orders(w->host), 3);
}

static void a_repeated_order_is_one_vm(void **state) {
        _cleanup_json_ struct json_object *inventory = NULL;
        Uuid token = new_uuid(), other = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);
        _cleanup_free_ char *second = start_order(1, &other, &vm, "grid_k100", 0x84);
        World *w = *state;

        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        assert_int_equal(give_start(w, second), ERROR_VM_BAD_POWER_STATE);
        inventory = world_inventory(w);
        assert_int_equal(length_of(inventory, "vms"), 1);
}

static void a_slot_being_started_is_taken(void **state) {
        World *w = *state;

        world_claim(w, 1);
        for (size_t i = 0; i < 9; i++) {
                Uuid token = new_uuid(), vm = new_uuid();
                _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);

                assert_int_equal(give_start(w, order), i < 8 ? ERROR_NONE : ERROR_PGPU_INSUFFICIENT_CAPACITY);
        }
}

/* Open vSwitch names its bridges when it comes up, and later. */
static void bridges_of_open_vswitch_are_networks(void **state) {
        static const char answer[] = "{\"id\":\"bridges\",\"error\":null,\"result\":{\"Bridge\":{\"a\":{\"new\":{\"name\":\"ovs1\"}}}}}",
                          update[] = "{\"method\":\"update\",\"params\":[null,{\"Bridge\":{\"a\":{\"old\":{\"name\":\"ovs1\"}}}}]}";
        _cleanup_json_ struct json_object *inventory = NULL;
        FakeOvsdb server = { .fd = -1, .listener = -1 };
        struct json_object *networks;
        World *w = *state;
        size_t before;

        (void) snprintf(server.path, sizeof(server.path), "/tmp/xenvgpu-host-ovsdb-%d", (int) getpid());
        server.event = w->event;
        fake_ovsdb_listen(&server);
        free(w->settings.ovsdb);
        w->settings.ovsdb = strdup(server.path);
        world_reopen(w);
        run_until(&server, *server.asked);

        before = json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]);
        fake_ovsdb_say(&server, answer, sizeof(answer));
        run_until(&server, json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]) > before);
        inventory = world_inventory(w);
        assert_true(json_object_object_get_ex(inventory, "networks", &networks));
        assert_string_equal(json_object_to_json_string_ext(networks, JSON_C_TO_STRING_PLAIN), "[\"ovs1\",\"xenbr0\"]");

        before = json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]);
        fake_ovsdb_say(&server, update, sizeof(update));
        run_until(&server, json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]) > before);
        json_object_put(inventory);
        inventory = world_inventory(w);
        assert_true(json_object_object_get_ex(inventory, "networks", &networks));
        assert_string_equal(json_object_to_json_string_ext(networks, JSON_C_TO_STRING_PLAIN), "[\"xenbr0\"]");
        fake_ovsdb_stop(&server);
}

static void assert_held_by(World *w, size_t pgpu, const char *by) {
        _cleanup_json_ struct json_object *inventory = world_inventory(w);
        struct json_object *pgpus, *held_by;

        assert_true(json_object_object_get_ex(inventory, "pgpus", &pgpus));
        if (!json_object_object_get_ex(json_object_array_get_idx(pgpus, pgpu), "held_by", &held_by))
                held_by = NULL;
        assert_string_equal(strempty(json_object_get_string(held_by)), by);
}

/* Somebody passed the other GPU through by hand, with xl. */
static void what_others_have_is_taken(void **state) {
        static const char config[] =
                "{\"c_info\":{\"type\":\"hvm\",\"name\":\"by hand\",\"uuid\":\"11111111-2222-4333-8444-555555555555\"},"
                "\"b_info\":{\"max_vcpus\":1,\"max_memkb\":65536,\"target_memkb\":65536,\"type.hvm\":{}},"
                "\"pcidevs\":[{\"bus\":132}]}";
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *free_one = start_order(1, &token, &vm, "grid_k100", 0x83), *domain = NULL;
        _cleanup_free_ char *taken_one = start_order(1, &token, &vm, "grid_k100", 0x84);
        _cleanup_refusal_ Refusal refusal = {};
        World *w = *state;

        world_claim(w, 1);
        assert_true(asprintf(&domain, "%s/sim/dom/7", w->folder) > 0);
        assert_int_equal(mkdir_parents(domain, 0755), 0);
        write_file(domain, "config.json", config);
        assert_int_equal(host_start_vm(w->host, CLAIMER, taken_one, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_PGPU_IN_USE_BY_VM);
        assert_non_null(strstr(refusal.message, "0000:84:00.0 is passed through to domain 7 ('by hand')"));
        assert_int_equal(give_start(w, free_one), ERROR_NONE);
        assert_held_by(w, 0, "");
        assert_held_by(w, 1, "domain 'by hand' (id 7)");

        /* It is gone. */
        refusal_done(&refusal);
        assert_int_equal(remove_tree(domain), 0);
        assert_int_equal(host_rescan(w->host), 0);
        assert_held_by(w, 1, "");
        free(taken_one);
        token = new_uuid(), vm = new_uuid();
        taken_one = start_order(1, &token, &vm, "grid_k100", 0x84);
        assert_int_equal(give_start(w, taken_one), ERROR_NONE);
}

/* policyd places by the inventory, which may be older than the host. */
static void a_function_that_is_not_there_is_refused(void **state) {
        static char *allowed[] = {(char *) "pcidevs", NULL};
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *plain = start_order(1, &token, &vm, NULL, 0), *order = NULL;
        _cleanup_refusal_ Refusal refusal = {};
        World *w = *state;
        char *at = strstr(plain, "\"type.hvm\":{}}");

        assert_non_null(at);
        at += strlen("\"type.hvm\":{}}");
        assert_true(asprintf(&order, "%.*s,\"pcidevs\":[{\"bus\":9}]%s", (int) (at - plain), plain, at) > 0);
        world_claim(w, 1);
        w->settings.allowed_config_keys = allowed;
        assert_int_equal(host_start_vm(w->host, CLAIMER, order, &refusal), 0);
        w->settings.allowed_config_keys = NULL;
        assert_int_equal(refusal.code, ERROR_VM_REQUIRES_PCI);
        assert_non_null(strstr(refusal.message, "passes 0000:09:00.0 through (pcidevs[0]), and this host has no such PCI function"));
}

static void memory_of_vms_without_a_domain_is_not_free(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, NULL, 0);
        World *w = *state;
        uint64_t before = host_get_memory_free(w->host);

        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        assert_true(host_get_memory_free(w->host) <= before - (64u << 20));
}

static void vms_are_counted(void **state) {
        World *w = *state;

        world_claim(w, 1);
        w->settings.concurrent_starts = 0; /* none moves on */
        for (size_t i = 0; i <= HOST_VMS_MAX; i++) {
                Uuid token = new_uuid(), vm = new_uuid();
                _cleanup_free_ char *order = start_order(1, &token, &vm, NULL, 0);

                assert_int_equal(give_start(w, order), i < HOST_VMS_MAX ? ERROR_NONE : ERROR_LIMIT_REACHED);
        }
}

static void a_stop_in_the_queue_ends_the_vm(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *start = start_order(1, &token, &vm, "grid_k100", 0x83);
        _cleanup_free_ char *stop = stop_order(1, &vm, false);
        _cleanup_json_ struct json_object *inventory = NULL;
        World *w = *state;

        world_claim(w, 1);
        w->settings.concurrent_starts = 0;
        assert_int_equal(give_start(w, start), ERROR_NONE);
        assert_int_equal(give_stop(w, stop), ERROR_NONE);
        world_run_until_halted(w, &vm);
        assert_string_equal(text_of(last_told(w, HOST_SIGNAL_VM_EVENT), "reason"), "stopped");
        inventory = world_inventory(w);
        assert_int_equal(length_of(inventory, "vms"), 0);
        assert_int_equal(length_of(inventory, "ended"), 1);
        assert_int_equal(give_stop(w, stop), ERROR_NO_SUCH_OBJECT);
}

static void a_stop_order_outlives_hostd(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *start = start_order(1, &token, &vm, "grid_k100", 0x83);
        _cleanup_free_ char *stop = stop_order(1, &vm, true);
        World *w = *state;

        world_claim(w, 1);
        assert_int_equal(give_start(w, start), ERROR_NONE);
        assert_int_equal(give_stop(w, stop), ERROR_NONE);
        world_reopen(w);
        world_run_until_halted(w, &vm);
        assert_string_equal(text_of(last_told(w, HOST_SIGNAL_VM_EVENT), "reason"), "destroyed");
}

static void nothing_survives_a_reboot(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);
        World *w = *state;

        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        world_close(w);
        world_boot(w);
        world_open(w);
        assert_string_equal(text_of(last_told(w, HOST_SIGNAL_VM_EVENT), "reason"), "host-reboot");
        assert_null(json_object_object_get(last_told(w, HOST_SIGNAL_VM_EVENT), "before_unpause"));
        assert_string_equal(text_of(last_told(w, HOST_SIGNAL_VM_EVENT), "token"), UUID_TEXT(&token));
}

static void a_program_that_never_stays_fails_its_vm(void **state) {
        _cleanup_free_ char *folder = NULL;
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);
        struct json_object *event, *error;
        World *w = *state;

        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        world_run_until_halted(w, &vm);
        event = last_told(w, HOST_SIGNAL_VM_EVENT);
        assert_string_equal(text_of(event, "reason"), "failed");
        assert_true(json_object_get_boolean(json_object_object_get(event, "before_unpause")));
        error = json_object_object_get(event, "error");
        assert_string_equal(json_object_get_string(json_object_array_get_idx(error, 0)),
                error_code_name(ERROR_DOMAIN_FAILED));
        assert_true(asprintf(&folder, "%s/run/vm/%s", w->folder, UUID_TEXT(&vm)) > 0);
        assert_int_equal(access(folder, F_OK), -1);
}

static void a_program_that_is_not_there_fails_its_vm(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, NULL, 0);
        World *w = *state;

        free(w->settings.domain_program);
        w->settings.domain_program = strdup("/nowhere/xenvgpu-domain");
        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        world_run_until_halted(w, &vm);
        assert_string_equal(text_of(last_told(w, HOST_SIGNAL_VM_EVENT), "reason"), "failed");
}

static void fail_one(World *w, uint64_t epoch) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *start = start_order(epoch, &token, &vm, NULL, 0);
        _cleanup_free_ char *stop = stop_order(epoch, &vm, true);

        w->settings.concurrent_starts = 0;
        assert_int_equal(give_start(w, start), ERROR_NONE);
        assert_int_equal(give_stop(w, stop), ERROR_NONE);
        world_run_until_halted(w, &vm);
}

static size_t count_ended(World *w) {
        _cleanup_json_ struct json_object *inventory = world_inventory(w);

        return length_of(inventory, "ended");
}

static void an_end_is_kept_until_it_was_read(void **state) {
        World *w = *state;
        _cleanup_refusal_ Refusal refusal = {};

        world_claim(w, 1);
        fail_one(w, 1);
        assert_int_equal(count_ended(w), 1);
        /* Two claims in a row: the first one's answer may have been lost. */
        world_claim(w, 1);
        world_claim(w, 1);
        assert_int_equal(count_ended(w), 1);
        /* Whoever commands on has read the answer. */
        assert_int_equal(host_check_caller(w->host, CLAIMER, &refusal), 0);
        world_claim(w, 1);
        assert_int_equal(count_ended(w), 0);
}

static void numbers_never_repeat(void **state) {
        uint64_t last = 0;
        World *w = *state;

        world_claim(w, 1);
        fail_one(w, 1);
        world_reopen(w);
        world_claim(w, 1);
        fail_one(w, 1);
        for (size_t i = 0; i < json_object_array_length(w->told[HOST_SIGNAL_VM_EVENT]); i++) {
                struct json_object *event = json_object_array_get_idx(w->told[HOST_SIGNAL_VM_EVENT], i);
                uint64_t seq = json_object_get_uint64(json_object_object_get(event, "seq"));

                assert_true(seq > last);
                last = seq;
        }
}

static void a_turn_of_the_loop_tells_one_inventory(void **state) {
        const PciAddress address = {.bus = 0x83};
        const char *one[] = {K100, NULL}, *other[] = {K140Q, NULL};
        _cleanup_refusal_ Refusal refusal = {};
        World *w = *state;
        size_t before;

        world_settle(w);
        before = json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]);
        assert_int_equal(host_change_types(w->host, "", &address, ENABLEMENT_REMOVE, one, &refusal), 0);
        assert_int_equal(host_change_types(w->host, "", &address, ENABLEMENT_REMOVE, other, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_int_equal(w->n_pgpu_changes, 2);
        world_settle(w);
        assert_int_equal(json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]), before + 1);
}

/* An inventory names every VM: where there are many, not each change of one tells of them all. */
static void many_vms_are_told_of_less_often(void **state) {
        const PciAddress address = {.bus = 0x83};
        const char *one[] = {K100, NULL};
        _cleanup_refusal_ Refusal refusal = {};
        World *w = *state;
        struct json_object *pgpu;
        size_t before, told;
        uint64_t now, end;

        world_claim(w, 1);
        w->settings.concurrent_starts = 0;
        for (unsigned i = 0; i < 30; i++) {
                Uuid token = new_uuid(), vm = new_uuid();
                _cleanup_free_ char *order = start_order(1, &token, &vm, NULL, 0);

                assert_int_equal(give_start(w, order), ERROR_NONE);
        }
        world_settle(w);
        before = json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]);
        for (unsigned i = 0; i < 11; i++) {
                assert_int_equal(host_change_types(w->host, CLAIMER, &address,
                                         i % 2 ? ENABLEMENT_ADD : ENABLEMENT_REMOVE, one, &refusal),
                        0);
                world_settle(w);
        }
        assert_true(json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]) < before + 4);

        assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0);
        for (end = now + 300000; now < end;) {
                assert_true(sd_event_run(w->event, end - now) >= 0);
                assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0);
        }
        told = json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]);
        assert_true(told > before);
        /* The last word is told: what was removed in the end is not there. */
        pgpu = json_object_array_get_idx(
                json_object_object_get(last_told(w, HOST_SIGNAL_INVENTORY_CHANGED), "pgpus"), 0);
        assert_int_equal(length_of(pgpu, "enabled") + 1, length_of(pgpu, "supported"));
        world_settle(w);
        assert_int_equal(json_object_array_length(w->told[HOST_SIGNAL_INVENTORY_CHANGED]), told);
}

static void a_busy_type_stays_enabled(void **state) {
        const PciAddress address = {.bus = 0x83};
        const char *k100[] = {K100, NULL};
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);
        _cleanup_refusal_ Refusal refusal = {};
        World *w = *state;

        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        assert_int_equal(host_change_types(w->host, CLAIMER, &address, ENABLEMENT_REMOVE, k100, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_PGPU_IN_USE_BY_VM);
        assert_non_null(strstr(refusal.message, "guest"));
        assert_true(pgpu_enables(host_get_pgpu(w->host, &address), K100));
}

static void a_lost_store_does_not_lose_a_run_folder(void **state) {
        _cleanup_free_ char *state_dir = NULL, *folder = NULL;
        _cleanup_json_ struct json_object *inventory = NULL;
        Uuid vm = new_uuid();
        World *w = *state;

        /* A folder that names no order is of a VM that was never begun. */
        world_close(w);
        state_dir = path_join(w->folder, "state");
        assert_int_equal(remove_tree(state_dir), 0);
        assert_true(asprintf(&folder, "%s/run/vm/%s", w->folder, UUID_TEXT(&vm)) > 0);
        assert_int_equal(mkdir_parents(folder, 0700), 0);
        world_open(w);
        assert_int_equal(access(folder, F_OK), -1);
        inventory = world_inventory(w);
        assert_int_equal(length_of(inventory, "vms"), 0);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(a_claim_outlives_hostd),
                WORLD_TEST(a_claimer_that_left_still_bars_others),
                WORLD_TEST(an_unclaimed_host_takes_no_orders),
                WORLD_TEST(a_config_runs_and_opens_only_what_the_administrator_allows),
                WORLD_TEST(an_overtaken_claimer_hears_of_its_epoch),
                WORLD_TEST(an_order_is_stored_before_it_is_answered),
                WORLD_TEST(the_emulator_gets_the_file_of_this_host),
                WORLD_TEST(an_order_is_kept_as_it_came),
                WORLD_TEST(the_number_of_the_last_order_is_kept),
                WORLD_TEST(a_repeated_order_is_one_vm),
                WORLD_TEST(a_slot_being_started_is_taken),
                WORLD_TEST(bridges_of_open_vswitch_are_networks),
                WORLD_TEST(what_others_have_is_taken),
                WORLD_TEST(a_function_that_is_not_there_is_refused),
                WORLD_TEST(memory_of_vms_without_a_domain_is_not_free),
                WORLD_TEST(vms_are_counted),
                WORLD_TEST(a_stop_in_the_queue_ends_the_vm),
                WORLD_TEST(a_stop_order_outlives_hostd),
                WORLD_TEST(nothing_survives_a_reboot),
                WORLD_TEST(a_program_that_never_stays_fails_its_vm),
                WORLD_TEST(a_program_that_is_not_there_fails_its_vm),
                WORLD_TEST(an_end_is_kept_until_it_was_read),
                WORLD_TEST(numbers_never_repeat),
                WORLD_TEST(a_turn_of_the_loop_tells_one_inventory),
                WORLD_TEST(many_vms_are_told_of_less_often),
                WORLD_TEST(a_busy_type_stays_enabled),
                WORLD_TEST(a_lost_store_does_not_lose_a_run_folder),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
