#pragma once

/*
 * The inside of a Domain, shared by domain.c (its life), cleanup.c (its end), domain-guest.c (the guest's) and adopt.c (its
 * second life)
 */

#include "hostd/helper/folder-watch.h"
#include "hostd/domain/control.h"
#include "hostd/domain/domain-state.h"
#include "hostd/domain/domain.h"
#include "hostd/domain/emulator-state.h"
#include "hostd/helper/helper-process.h"
#include "hostd/helper/process-watch.h"
#include "hostd/run/run-record.h"
#include "protocol/errors.h"

struct Domain {
        /* in */
        sd_event *event;
        const DomainProgram *program;
        Hypervisor *hypervisor;
        StartOrder order;
        struct json_object *config; /* laid out */
        DomainRules rules;
        bool needs_emulator;

        /* where it is */
        DomainMachine machine;
        RunRecord record;
        HelperProcess *function; /* an MxGPU's virtual function is being chosen, or a driver bound */
        bool creating; /* the hypervisor's create has not called back yet */
        bool owned;    /* a domain of this VM in the hypervisor is ours to destroy */

        /* what it hears */
        Control *control;
        FolderWatch *folder_watch; /* dm.json */
        ProcessWatch *emulator, *device_model;
        bool emulator_dead;
        EmulatorState *emulator_state;

        int device_model_status;
        sd_event_source *doubt; /* whether the device model died of itself or someone destroys the domain */

        uint64_t running_since; /* CLOCK_MONOTONIC, µs; 0: an earlier instance let the guest go */
        HelperProcess *dump;    /* the guest's memory is being written to a file */
        sd_event_source *wait;  /* before a guest that reboots in a loop gets its next domain */

        sd_event_source *patience; /* with a guest that was asked to power off since the host goes down */

        /* cleanup */
        ProcessWatch *ending;
        sd_event_source *retry;
};

/* Feeds the machine: the record is written first, then the action done. */
void domain_feed(Domain *d, DomainInput input);
void domain_do(Domain *d, DomainAction action);
int domain_publish(Domain *d); /* writes domain.json and tells the clients */

/* Keeps the first error of this life. */
void domain_set_error(Domain *d, ErrorCode code, const char *format, ...) _printf_(3, 4);
/* The same, and feeds DOMAIN_INPUT_FAILED. */
void domain_fail(Domain *d, ErrorCode code, const char *format, ...) _printf_(3, 4);

/* Takes in what xenvgpu-dm left: emulator, qemu, stage. */
void domain_read_dm_record(Domain *d);

/* Watches the guest and its device model; feeds how they end. */
void domain_watch_guest(Domain *d);
/* Before a guest that reboots in a loop gets its next domain. */
void domain_wait(Domain *d);
/* Writes the memory of a guest that has ended; DOMAIN_INPUT_DUMPED follows, also where that fails. */
void domain_dump(Domain *d);
void domain_give_up_dump(Domain *d);
void domain_log_death(const Domain *d, const char *what, int status);

/* Before the domain is built: an MxGPU VGPU gets its virtual function, any other one's function its driver.
 * domain_build() or domain_fail() follow, at once where nothing is needed. */
void domain_choose_function(Domain *d);
void domain_bind_drivers(Domain *d); /* what domain_choose_function() does for those others */
void domain_build(Domain *d);

void domain_cleanup(Domain *d);
void domain_cleanup_after_create(Domain *d); /* the create that the cleanup waited for has called back */

/* 1: taken over, the record and the machine are set and what comes next was done; 0: nothing was begun yet, so
 * begin. */
int domain_adopt(Domain *d);
int domain_listen(Domain *d);
