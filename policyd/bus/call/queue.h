#pragma once

/*
 * Long answers wait in line
 *
 * Each caller has a queue of its own, and the callers take turns, one call each. So a caller that sends a
 * thousand calls at once delays no other caller. When it is a call's turn, it goes to the end of sd-bus's own
 * queue and is received again, so that all calls that arrived before are read first. The next turn begins
 * when policyd has nothing else to do, or after QUEUE_WAIT_USEC, so that a steady stream of short calls
 * cannot keep long calls waiting for ever.
 */

#include <systemd/sd-event.h>

#include "policyd/bus/call/callers.h"

typedef struct Queue {
        sd_event *event;
        Callers *callers;
        TAILQ_HEAD(, Caller) turns; /* those with long answers to come */
        size_t n;             /* calls that wait for a turn */
        sd_bus_message *turn_call; /* has its turn; sd-bus is about to receive it again */
        bool busy;                 /* the answer whose turn it was is being made */
        sd_event_source *source;
        uint64_t last_turn; /* monotonic µs */
} Queue;

void queue_init(Queue *q, sd_event *event, Callers *callers);
void queue_done(Queue *q);

/* 1: it waits and is received again. */
int queue_receive(Queue *q, sd_bus_message *m, sd_bus_error *error);
/* Whether it is this call's turn now. queue_go_on() gives the turn to the next call. */
bool queue_has_turn(const Queue *q, sd_bus_message *m);
bool queue_take_turn(Queue *q, sd_bus_message *m);
void queue_go_on(Queue *q);
void queue_hurry(Queue *q); /* gives the turn to a call that has waited too long */
