#pragma once

/*
 * A hostd that does what a test says
 *
 * Speaks org.xenvgpu.Host1 in the test's own loop: it answers, refuses, keeps silent or dies, and counts what
 * reached it.
 */

#include <stdbool.h>

#include "tests/unit/policyd-link/private-bus.h"

typedef enum FakeAnswer {
        FAKE_ACCEPT,
        FAKE_REFUSE, /* with refusal */
        FAKE_SILENT,
        FAKE_DIE, /* leaves the bus when an order arrives */
} FakeAnswer;

typedef struct FakeHost {
        PrivateBus *where;
        sd_event *event;
        sd_bus *bus;
        FakeAnswer orders, claims;
        const char *refusal;      /* error name */
        const char *sentence;     /* NULL: one of its own */
        const char *inventory;    /* NULL: a good one with seq */
        uint64_t seq;             /* of the inventory */
        uint64_t early_events[4]; /* numbers of VM events sent before the claim's reply */
        const char *boot_id;
        uint64_t epoch;
        unsigned n_claims, n_orders, n_waiting, n_waiting_max;
        sd_bus_message *waiting[128]; /* silent calls, oldest first */
        char token[64];               /* of the last order to start a VM */
        char types[256];              /* the last method that changed them, and its arguments */
} FakeHost;

void fake_host_start(FakeHost *h, PrivateBus *where, sd_event *event);
void fake_host_stop(FakeHost *h);
void fake_host_answer_all(FakeHost *h); /* what was kept waiting */
void fake_host_vm_event(FakeHost *h, uint64_t seq);
void fake_host_tell_state(FakeHost *h, const char *vm, const char *state); /* of the VM that it was last ordered to start */
/* As after a claim with this epoch. */
void fake_host_tell_inventory(FakeHost *h, uint64_t epoch);
void fake_host_emit(FakeHost *h, const char *member, const char *text);
