/*
 * A host over its link: claimed, heard, commanded, lost and found
 */

#include <signal.h>

#include "tests/unit/policyd-link/link-world.h"

static void test_a_host_is_claimed(void **state) {
        World *w = world_claimed_host(state);

        assert_int_equal(w->n_greeted, 1);
        assert_int_equal(w->host.n_claims, 1);
        assert_int_equal(w->n_lost, 0);
}

static void test_old_events_are_dropped_and_new_ones_come_in_order(void **state) {
        World *w = *state;

        w->host.seq = 5;
        w->host.early_events[0] = 4;
        w->host.early_events[1] = 5;
        w->host.early_events[2] = 6;
        world_claimed_host(state);
        fake_host_vm_event(&w->host, 6);
        fake_host_vm_event(&w->host, 7);
        fake_host_vm_event(&w->host, 3);
        fake_host_vm_event(&w->host, 9);
        RUN_UNTIL(w, w->n_events == 3);
        run_for(w, 50);
        assert_int_equal(w->n_events, 3);
        assert_int_equal(w->events[0], 6);
        assert_int_equal(w->events[1], 7);
        assert_int_equal(w->events[2], 9);
}

static void test_a_stranger_cannot_send_events(void **state) {
        World *w = world_claimed_host(state);
        FakeHost stranger = {.boot_id = "x", .bus = private_bus_connect(&w->bus, w->event)};

        fake_host_vm_event(&stranger, 8);
        run_for(w, 100);
        assert_int_equal(w->n_events, 0);
        sd_bus_flush_close_unref(stranger.bus);
}

static void test_an_order_is_acknowledged_or_refused(void **state) {
        static const PciAddress pci = {.bus = 0x84};
        World *w = world_claimed_host(state);

        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        assert_int_equal(link_stop_vm(w->link, "{}", world_reply, w), 0);
        assert_int_equal(
                link_change_types(w->link, &pci, LINK_TYPES_SET, (const char *const[]){"a", "b", NULL}, world_reply, w),
                0);
        RUN_UNTIL(w, w->done == 3);
        assert_string_equal(w->host.types, "SetEnabledTypes a b");
        assert_int_equal(link_change_types(w->link, &pci, LINK_TYPES_ADD, (const char *const[]){"a", NULL}, world_reply, w), 0);
        RUN_UNTIL(w, w->done == 4);
        assert_string_equal(w->host.types, "AddEnabledType a");
        assert_int_equal(link_change_types(w->link, &pci, LINK_TYPES_REMOVE, (const char *const[]){"a", NULL}, world_reply, w), 0);
        RUN_UNTIL(w, w->done == 5);
        assert_string_equal(w->host.types, "RemoveEnabledType a");

        w->host.orders = FAKE_REFUSE;
        w->host.refusal = "org.xenvgpu.Error.PGPUInsufficientCapacity";
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->refused == 1);
        assert_int_equal(w->code, ERROR_PGPU_INSUFFICIENT_CAPACITY);
        assert_int_equal(w->n_lost, 0);
}

/* A VM's name has up to 1,024 bytes, and a refusal may quote it twice. */
static void test_a_long_refusal_comes_whole(void **state) {
        World *w = world_claimed_host(state);
        char sentence[4000] = "";

        for (size_t i = 0; i + 3 < sizeof(sentence); i += 2)
                memcpy(sentence + i, "é", 3);
        w->host.orders = FAKE_REFUSE;
        w->host.refusal = "org.xenvgpu.Error.InvalidRecord";
        w->host.sentence = sentence;
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->refused == 1);
        assert_string_equal(w->message, sentence);

        w->host.sentence = "no \x1b[31m\nnever";
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->refused == 2);
        assert_string_equal(w->message, "no \xef\xbf\xbd[31m\xef\xbf\xbdnever");
}

static void test_stale_epoch_of_an_order_is_told(void **state) {
        World *w = world_claimed_host(state);

        w->host.orders = FAKE_REFUSE;
        w->host.refusal = "org.xenvgpu.Error.StaleEpoch";
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->n_stale == 1);
        assert_int_equal(w->refused, 1);
}

static void test_a_host_that_another_master_claimed_is_told(void **state) {
        World *w = world_claimed_host(state);

        fake_host_tell_inventory(&w->host, w->host.epoch);
        RUN_UNTIL(w, w->n_inventories == 1);
        assert_int_equal(w->n_stale, 0);
        fake_host_tell_inventory(&w->host, w->host.epoch + 1);
        RUN_UNTIL(w, w->n_stale == 1);
        assert_int_equal(w->n_inventories, 1);
}

static void test_a_foreign_error_proves_nothing(void **state) {
        World *w = world_claimed_host(state);

        w->host.orders = FAKE_REFUSE;
        w->host.refusal = "System.Error.EIO";
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->unknown == 1);
        RUN_UNTIL(w, w->n_claimed == 2);
        assert_int_equal(w->refused, 0);
        assert_int_equal(w->n_lost, 1);
}

static void test_a_silent_hostd_leaves_the_order_unknown(void **state) {
        World *w = *state;

        w->settings.call_usec = 150000;
        world_claimed_host(state);
        w->host.orders = FAKE_SILENT;
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->unknown == 1);
        assert_int_equal(w->n_lost, 1);
        assert_int_equal(w->refused, 0);
        RUN_UNTIL(w, w->n_claimed == 2);
}

static void test_hostd_dies_on_an_order_and_comes_back(void **state) {
        World *w = world_claimed_host(state);

        w->host.orders = FAKE_DIE;
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->unknown == 1 && w->n_lost > 0);
        assert_false(link_is_claimed(w->link));
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), -ENOTCONN);

        fake_host_stop(&w->host);
        w->host.orders = FAKE_ACCEPT;
        fake_host_start(&w->host, &w->bus, w->event);
        RUN_UNTIL(w, w->n_claimed == 2);
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->done == 1);
}

static void test_an_order_to_a_hostd_that_has_left_was_not_delivered(void **state) {
        World *w = world_claimed_host(state);

        /* The loop stands still: the link has not heard of it when it sends. */
        fake_host_stop(&w->host);
        usleep(100000);
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->n_lost == 1);
        assert_string_equal(w->reason, "hostd stopped.");
        /* By the order in which the two came, the bus's refusal or, just as well, the loss answered it. */
        assert_int_equal(w->refused + w->unknown, 1);
}

static void test_a_successor_never_gets_its_predecessors_orders(void **state) {
        World *w = world_claimed_host(state);
        FakeHost successor = {.boot_id = "99999999-2222-4333-8444-555555555555"};

        fake_host_stop(&w->host);
        fake_host_start(&successor, &w->bus, w->event);
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->n_claimed == 2);
        run_for(w, 50);
        assert_int_equal(successor.n_orders, 0);
        assert_int_equal(w->done, 0);
        assert_int_equal(w->refused + w->unknown, 1);
        fake_host_stop(&successor);
}

static void test_the_bus_dies_and_comes_back(void **state) {
        World *w = world_claimed_host(state);

        w->host.orders = FAKE_SILENT;
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->host.n_orders == 1);
        private_bus_stop(&w->bus);
        RUN_UNTIL(w, w->unknown == 1 && w->n_lost > 0);
        fake_host_stop(&w->host);

        private_bus_start(&w->bus);
        fake_host_start(&w->host, &w->bus, w->event);
        RUN_UNTIL(w, w->n_claimed == 2);
}

static void test_a_hostd_that_comes_later_is_claimed_at_once(void **state) {
        World *w = *state;

        w->settings.retry_min_usec = 60 * UINT64_C(1000000);
        w->settings.retry_max_usec = 60 * UINT64_C(1000000);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_lost == 1);
        assert_string_equal(w->reason, "hostd does not run on the host: `systemctl start xenvgpu-hostd` "
                                       "there; `journalctl -u xenvgpu-hostd` shows why it ended.");
        fake_host_start(&w->host, &w->bus, w->event);
        RUN_UNTIL(w, w->n_claimed == 1);
}

/* An operator who has mended the host does not wait for the pause. */
static void test_a_host_is_dialled_now(void **state) {
        World *w = *state;

        w->settings.retry_min_usec = w->settings.retry_max_usec = 60 * UINT64_C(1000000);
        private_bus_stop(&w->bus);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_lost == 1);
        private_bus_start(&w->bus);
        fake_host_start(&w->host, &w->bus, w->event);
        run_for(w, 100);
        assert_int_equal(w->n_greeted, 0);
        link_dial_now(w->link);
        RUN_UNTIL(w, w->n_claimed == 1);
        link_dial_now(w->link); /* it stands */
        run_for(w, 100);
        assert_int_equal(w->n_lost, 1);

        /* An attempt that hangs is given up for another. */
        w->settings.connect_usec = 60 * UINT64_C(1000000);
        w->link = link_free(w->link);
        kill(w->bus.pid, SIGSTOP);
        world_dial(w, w->bus.address);
        run_for(w, 100);
        assert_int_equal(w->n_lost, 1);
        link_dial_now(w->link);
        assert_int_equal(w->n_lost, 2);
        kill(w->bus.pid, SIGCONT);
        RUN_UNTIL(w, w->n_claimed == 2);
}

static void test_nobody_listens(void **state) {
        World *w = *state;

        world_dial(w, "unix:path=/nonexistent/bus");
        RUN_UNTIL(w, w->n_lost == 3);
        assert_non_null(strstr(w->reason, "cannot be reached"));
}

static void test_the_owner_decides_about_the_claim(void **state) {
        World *w = *state;

        w->greeting = 0;
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_greeted == 1);
        run_for(w, 50);
        assert_int_equal(w->host.n_claims, 0);
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), -ENOTCONN);
        assert_int_equal(link_claim(w->link, &(LinkClaim){.epoch = 9}), 0);
        RUN_UNTIL(w, w->n_claimed == 1);
        assert_int_equal(w->host.epoch, 9);
}

static void test_a_host_that_is_not_wanted(void **state) {
        World *w = *state;

        w->greeting = -EPERM;
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_lost == 1);
        assert_string_equal(w->reason, "The test does not want this host.");
        assert_int_equal(w->host.n_claims, 0);
}

static void test_a_stale_claim(void **state) {
        World *w = *state;

        w->host.claims = FAKE_REFUSE;
        w->host.refusal = "org.xenvgpu.Error.StaleEpoch";
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_stale >= 1 && w->n_lost >= 1);
        assert_non_null(strstr(w->reason, "The fake host says no."));
        assert_int_equal(w->n_claimed, 0);
}

/* As of a login whose user the host's bus does not let command. */
static void test_a_claim_that_the_bus_denies(void **state) {
        World *w = *state;

        w->host.claims = FAKE_REFUSE;
        w->host.refusal = "org.freedesktop.DBus.Error.AccessDenied";
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_lost >= 1);
        assert_non_null(strstr(w->reason, "does not let policyd's user command hostd"));
}

static void test_a_hostd_that_never_answers_the_claim(void **state) {
        World *w = *state;

        w->settings.call_usec = 100000;
        w->host.claims = FAKE_SILENT;
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_lost == 1);
        assert_non_null(strstr(w->reason, "no answer in time"));
}

static void test_records_that_do_not_decode_lose_the_link(void **state) {
        World *w = *state;

        w->host.inventory = "{\"version\":1,\"seq\":\"many\"}";
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_lost == 1);
        assert_non_null(strstr(w->reason, "inventory cannot be read"));

        w->host.inventory = NULL;
        RUN_UNTIL(w, w->n_claimed == 1);
        fake_host_emit(&w->host, "VMEvent", "{\"version\":1,");
        RUN_UNTIL(w, w->n_lost > 1);
        assert_non_null(strstr(w->reason, "VMEvent cannot be read"));
        RUN_UNTIL(w, w->n_claimed == 2);
        fake_host_emit(&w->host, "OfALaterVersion", "?");
        run_for(w, 50);
        assert_true(link_is_claimed(w->link));
}

static void test_a_flood_of_orders_waits_in_order(void **state) {
        World *w = world_claimed_host(state);
        int r = 0;

        w->host.orders = FAKE_SILENT;
        for (unsigned i = 0; i < 64 + 1024; i++)
                assert_int_equal(link_stop_vm(w->link, "{}", world_reply, w), 0);
        r = link_stop_vm(w->link, "{}", world_reply, w);
        assert_int_equal(r, -ENOBUFS);
        RUN_UNTIL(w, w->host.n_waiting == 64);
        run_for(w, 50);
        assert_int_equal(w->host.n_waiting_max, 64);

        w->host.orders = FAKE_ACCEPT;
        fake_host_answer_all(&w->host);
        RUN_UNTIL(w, w->done == 64 + 1024);
        assert_int_equal(w->host.n_orders, 64 + 1024);
}

static void test_what_never_left_is_refused_when_the_link_is_lost(void **state) {
        World *w = world_claimed_host(state);

        w->host.orders = FAKE_SILENT;
        for (unsigned i = 0; i < 70; i++)
                assert_int_equal(link_stop_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->host.n_waiting == 64);
        link_reset(w->link, "The test ends it.");
        assert_int_equal(w->unknown, 64);
        assert_int_equal(w->refused, 6);
        assert_int_equal(w->code, ERROR_HOST_OFFLINE);
        assert_string_equal(w->reason, "The test ends it.");
        RUN_UNTIL(w, w->n_claimed == 2);
}

static void test_what_waits_can_be_taken_back(void **state) {
        World *w = world_claimed_host(state);
        World mine = {}, sent = {};

        w->host.orders = FAKE_SILENT;
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, &sent), 0);
        for (unsigned i = 0; i < 63; i++)
                assert_int_equal(link_stop_vm(w->link, "{}", world_reply, w), 0);
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, &mine), 0);
        assert_int_equal(link_stop_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->host.n_waiting == 64);
        assert_false(link_withdraw(w->link, &sent));
        assert_true(link_withdraw(w->link, &mine));
        assert_false(link_withdraw(w->link, &mine));

        w->host.orders = FAKE_ACCEPT;
        fake_host_answer_all(&w->host);
        RUN_UNTIL(w, w->done == 64 && sent.done == 1);
        run_for(w, 50);
        assert_int_equal(mine.done + mine.refused + mine.unknown, 0);
        assert_int_equal(w->host.n_orders, 65);
}

/* They carry the epoch of the claim before: sent behind the new claim, they would look like another master's.
 */
static void test_orders_that_wait_are_refused_by_a_new_claim(void **state) {
        World *w = world_claimed_host(state);

        w->host.orders = FAKE_SILENT;
        for (unsigned i = 0; i < 70; i++)
                assert_int_equal(link_stop_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->host.n_waiting == 64);
        assert_int_equal(link_claim(w->link, &(LinkClaim){.epoch = 90}), 0);
        assert_int_equal(w->refused, 6);
        assert_int_equal(w->code, ERROR_HOST_OFFLINE);
        RUN_UNTIL(w, w->n_claimed == 2);

        w->host.orders = FAKE_ACCEPT;
        fake_host_answer_all(&w->host);
        RUN_UNTIL(w, w->done == 64);
        assert_int_equal(w->host.n_orders, 64);
        assert_int_equal(w->n_lost, 0);
}

static void test_a_dead_peer_is_found(void **state) {
        World *w = *state;

        w->settings.ping_usec = 100000;
        world_claimed_host(state);
        run_for(w, 500);
        assert_int_equal(w->n_lost, 0);
        kill(w->bus.pid, SIGSTOP);
        RUN_UNTIL(w, w->n_lost > 0);
        assert_non_null(strstr(w->reason, "keepalive"));
        kill(w->bus.pid, SIGCONT);
        RUN_UNTIL(w, w->n_claimed == 2);
}

static void test_a_bus_that_accepts_and_says_nothing(void **state) {
        World *w = *state;

        w->settings.connect_usec = 100000;
        kill(w->bus.pid, SIGSTOP);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_lost == 2);
        assert_non_null(strstr(w->reason, "did not answer within 100 ms"));
        kill(w->bus.pid, SIGCONT);
}

static void test_the_owner_frees_the_link_when_it_is_claimed(void **state) {
        World *w = *state;

        w->free_on_claim = true;
        w->host.early_events[0] = 1;
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_claimed == 1);
        run_for(w, 50);
        assert_null(w->link);
        assert_int_equal(w->n_events, 0);
}

static void test_the_owner_frees_the_link_when_it_is_lost(void **state) {
        World *w = *state;

        world_claimed_host(state);
        w->free_on_loss = true;
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        private_bus_stop(&w->bus);
        RUN_UNTIL(w, w->n_lost == 1);
        run_for(w, 50);
        assert_null(w->link);
}

/* A database may hold an address that this policyd does not dial: its host is away, with the reason, and no other host is. */
static void test_an_address_that_cannot_be_dialled_is_a_reason(void **state) {
        World *w = *state;

        world_dial(w, "tcp:host=a,port=1");
        RUN_UNTIL(w, w->n_lost >= 2);
        assert_non_null(strstr(w->reason, "no encryption"));
        assert_false(link_is_claimed(w->link));
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), -ENOTCONN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_host_is_claimed),
                WORLD_TEST(test_an_address_that_cannot_be_dialled_is_a_reason),
                WORLD_TEST(test_old_events_are_dropped_and_new_ones_come_in_order),
                WORLD_TEST(test_a_stranger_cannot_send_events),
                WORLD_TEST(test_an_order_is_acknowledged_or_refused),
                WORLD_TEST(test_a_long_refusal_comes_whole),
                WORLD_TEST(test_stale_epoch_of_an_order_is_told),
                WORLD_TEST(test_a_host_that_another_master_claimed_is_told),
                WORLD_TEST(test_a_foreign_error_proves_nothing),
                WORLD_TEST(test_a_silent_hostd_leaves_the_order_unknown),
                WORLD_TEST(test_hostd_dies_on_an_order_and_comes_back),
                WORLD_TEST(test_an_order_to_a_hostd_that_has_left_was_not_delivered),
                WORLD_TEST(test_a_successor_never_gets_its_predecessors_orders),
                WORLD_TEST(test_the_bus_dies_and_comes_back),
                WORLD_TEST(test_a_hostd_that_comes_later_is_claimed_at_once),
                WORLD_TEST(test_a_host_is_dialled_now),
                WORLD_TEST(test_nobody_listens),
                WORLD_TEST(test_the_owner_decides_about_the_claim),
                WORLD_TEST(test_a_host_that_is_not_wanted),
                WORLD_TEST(test_a_stale_claim),
                WORLD_TEST(test_a_claim_that_the_bus_denies),
                WORLD_TEST(test_a_hostd_that_never_answers_the_claim),
                WORLD_TEST(test_records_that_do_not_decode_lose_the_link),
                WORLD_TEST(test_a_flood_of_orders_waits_in_order),
                WORLD_TEST(test_what_never_left_is_refused_when_the_link_is_lost),
                WORLD_TEST(test_what_waits_can_be_taken_back),
                WORLD_TEST(test_orders_that_wait_are_refused_by_a_new_claim),
                WORLD_TEST(test_a_dead_peer_is_found),
                WORLD_TEST(test_a_bus_that_accepts_and_says_nothing),
                WORLD_TEST(test_the_owner_frees_the_link_when_it_is_claimed),
                WORLD_TEST(test_the_owner_frees_the_link_when_it_is_lost),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
