#pragma once

/*
 * Reporting the host's changes to its listener
 *
 * Code that changes something calls notifier_touch(); at the end of the loop's turn the service is called, once,
 * however much changed. So a method's reply is sent before the events that it causes.
 *
 * Each event takes the next number from the store before it is sent, so that no number is used twice, even after
 * a crash. A failure to number or to build one is logged; the inventory that follows says the same.
 */

#include "hostd/service/host.h"
#include "hostd/vm/vm.h"

typedef struct Notifier {
        HostStore *store;
        LoopTimer *turn;              /* runs at the end of the loop's turn */
        const HostListener *listener; /* NULL: nobody listens yet, or any more */
        void *userdata;
        bool inventory_changed;
} Notifier;

/* on_turn is called at the end of each turn in which notifier_wake() was called. */
int notifier_open(Notifier *n, Loop *loop, HostStore *store, LoopFunction on_turn, void *userdata);
void notifier_close(Notifier *n);

void notifier_wake(Notifier *n);
void notifier_touch(Notifier *n); /* the inventory is sent then, too */

void notifier_send(Notifier *n, HostSignal signal, const char *json);
void notifier_property(Notifier *n, HostProperty property);

/* The VM's record as it stands, and its GPUs. */
void notifier_vm(Notifier *n, const HostVm *vm);
void notifier_gpus(Notifier *n, const HostVm *vm);
void notifier_event(Notifier *n, const VmEvent *event);
