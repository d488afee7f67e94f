#pragma once

/*
 * The inside of a Domain: domain.c has its life, domain-begin.c what comes from outside
 */

#include "hostd/domain/domain.h"
#include "hostd/domain/emulator.h"
#include "hostd/domain/guest-watch.h"
#include "hostd/domain/takedown.h"
#include "hostd/domain/vgpu-setup.h"
#include "protocol/errors.h"

struct Domain {
        DomainWorld world;

        /* what is to be done */
        StartOrder order;
        struct json_object *config; /* laid out */
        DomainRules rules;
        bool needs_emulator;

        /* where it is */
        DomainMachine machine;
        RunRecord record;
        bool listens;           /* clients that connect get the record */
        bool creating;          /* the hypervisor's create has not called back yet */
        uint64_t running_since; /* µs; 0: an earlier instance unpaused the guest */

        /* its steps */
        HelperProcess *setup; /* the VGPUs' functions are made ready */
        SetupStep setup_step;
        EmulatorStep emulator;
        GuestWatch guest;
        HelperProcess *dump; /* the guest's memory is being written to a file */
        Takedown takedown;
        LoopTimer *wait;     /* before a guest that reboots in a loop gets its next domain */
        LoopTimer *patience; /* ends the wait for a guest to power off when the host goes down */
};

/* Feeds the machine: the record is written first, then the action done. */
void domain_feed(Domain *d, DomainInput input);
void domain_do(Domain *d, DomainAction action);
int domain_publish(Domain *d); /* writes the record and sends it to clients */

/* domid: 0: there is none, or none that others should know. True: it has come to another stage. */
bool domain_update_record(Domain *d, uint32_t domid);

/* The virtual function that the VM has, into the record; -ENOMEM. */
int domain_note_function(Domain *d);

/* Keeps the first error of this life. */
void domain_set_error(Domain *d, ErrorCode code, const char *format, ...) _printf_(3, 4);
/* The same, and tells the machine that the present step has failed. */
#define domain_fail(d, ...) (domain_set_error((d), __VA_ARGS__), domain_feed((d), DOMAIN_INPUT_FAILED))

/* Takes in what xenvgpu-dm left: emulator, qemu, stage. */
void domain_read_dm(void *userdata);

/* Whether its first step can be made. */
void domain_prepare(Domain *d);
