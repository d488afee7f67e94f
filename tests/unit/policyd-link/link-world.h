#pragma once

/*
 * A world for the link's tests: a bus, a fake hostd, a link, and an owner that writes down what it is told
 */

#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "common/daemon/event-loop.h"
#include "policyd/link/link.h"
#include "tests/unit/policyd-link/fake-host.h"

typedef struct World {
        sd_event *event;
        Loop *loop;
        PrivateBus bus;
        FakeHost host;
        HostLink *link;
        LinkSettings settings;
        int greeting; /* what greeted() returns */
        bool free_on_claim, free_on_loss;
        unsigned n_greeted, n_claimed, n_lost, n_stale, n_inventories;
        uint64_t events[64]; /* numbers of the events, in order */
        size_t n_events;
        char reason[1024]; /* of the last loss */
        unsigned done, refused, unknown;
        ErrorCode code; /* of the last refusal */
        char message[8192]; /* the same */
} World;

static inline int world_greeted(
        HostLink *link, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason, void *userdata) {
        World *w = userdata;

        w->n_greeted++;
        *ret = (LinkClaim){.epoch = greeting->epoch + 1, .pool.bytes = {1}, .instance.bytes = {2}};
        if (w->greeting < 0)
                *ret_reason = strdup("The test does not want this host.");
        return w->greeting;
}

static inline int world_claimed(
        HostLink *link, uint64_t held, Inventory *inventory, char **ret_reason, void *userdata) {
        World *w = userdata;

        w->n_claimed++;
        if (w->free_on_claim)
                w->link = link_free(w->link);
        return 0;
}

static inline void world_inventory(HostLink *link, Inventory *inventory, void *userdata) {
        ((World *) userdata)->n_inventories++;
}

static inline void world_vm_event(HostLink *link, VmEvent *event, void *userdata) {
        World *w = userdata;

        if (w->n_events < 64)
                w->events[w->n_events++] = event->head.seq;
}

static inline void world_stale(HostLink *link, const char *message, void *userdata) {
        ((World *) userdata)->n_stale++;
}

static inline void world_lost(HostLink *link, const char *reason, void *userdata) {
        World *w = userdata;

        w->n_lost++;
        snprintf(w->reason, sizeof(w->reason), "%s", reason);
        if (w->free_on_loss)
                w->link = link_free(w->link);
}

static inline void world_reply(
        HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata) {
        World *w = userdata;

        switch (outcome) {
        case LINK_DONE:
                w->done++;
                break;
        case LINK_REFUSED:
                w->refused++;
                w->code = code;
                snprintf(w->message, sizeof(w->message), "%s", message);
                break;
        case LINK_UNKNOWN:
                w->unknown++;
                break;
        }
}

static inline uint64_t world_now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* Turns the loop until the condition holds. Only a test that fails waits for a minute. */
#define RUN_UNTIL(w, condition)                                                                              \
        do {                                                                                                 \
                for (uint64_t _end = world_now() + 60000; !(condition) && world_now() < _end;)               \
                        assert_true(sd_event_run((w)->event, 10000) >= 0);                                   \
                assert_true(condition);                                                                      \
        } while (0)

static inline void run_for(World *w, unsigned ms) {
        for (uint64_t end = world_now() + ms; world_now() < end;)
                assert_true(sd_event_run(w->event, 5000) >= 0);
}

static inline void world_dial(World *w, const char *address) {
        static const LinkOwner owner = {
                .greeted = world_greeted,
                .claimed = world_claimed,
                .inventory = world_inventory,
                .vm_event = world_vm_event,
                .stale = world_stale,
                .lost = world_lost,
        };

        assert_int_equal(link_new(w->loop, w->event, address, &w->settings, &owner, w, &w->link), 0);
        assert_int_equal(link_start(w->link), 0);
}

static inline int world_setup(void **state) {
        World *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        assert_true(sd_event_new(&w->event) >= 0);
        assert_int_equal(event_loop_new(w->event, &w->loop), 0);
        private_bus_make(&w->bus);
        link_settings_default(&w->settings);
        w->settings.retry_min_usec = 20000;
        w->settings.retry_max_usec = 100000;
        w->greeting = 1;
        *state = w;
        return 0;
}

static inline int world_teardown(void **state) {
        World *w = *state;

        link_free(w->link);
        fake_host_stop(&w->host);
        private_bus_done(&w->bus);
        event_loop_free(w->loop);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

static inline World *world_claimed_host(void **state) {
        World *w = *state;

        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, w->bus.address);
        RUN_UNTIL(w, w->n_claimed == 1);
        assert_true(link_is_claimed(w->link));
        return w;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
