#pragma once

/*
 * Units: how the program of a VM is started so that it outlives us
 *
 * Each VM's xenvgpu-domain runs beside hostd, never below it: a restart, an upgrade or a crash of hostd must
 * not touch a guest. Machines differ in how this is done, so there is an interface with two implementations.
 * `process` starts plain processes: a session of their own, handed over to init, no
 * descriptor of ours open but stderr, so that their messages are in hostd's own log. `systemd` starts a unit
 * for each, which systemd starts again also when hostd does not run.
 *
 * A start is asynchronous: done() is called once, from the event loop, with 0 and the process, or with a
 * negative errno when the program could not be executed. The caller must watch whether it lives on.
 */

#include "common/io/pidfd.h"
#include "hostd/vm/systemd.h"

typedef struct Units Units;
typedef struct UnitCall UnitCall;
typedef void (*UnitStarted)(int result, const ProcessId *process, void *userdata);
typedef void (*UnitStopped)(void *userdata);

/* Each kind has a template of its own, with its sandbox; none is that of VMs, which others count. */
typedef struct UnitTool {
        const char *template;    /* "xenvgpu-functions" */
        const char *instance;    /* "0000:84:00.0" */
        const char *description; /* what it does, for people */
} UnitTool;

typedef struct UnitsOps {
        const char *name; /* of the setting `units` */
        /* vm: the text of its uuid; name_label: what people call it, for the unit's description. argv ends with NULL and is not kept. -ENOMEM, -EMFILE, … when it cannot
         * even be tried. */
        int (*start)(Units *units, const char *vm, const char *name_label, const char *const *argv,
                UnitStarted done, void *userdata, UnitCall **ret);
        /* A program that is of no VM (hostd/service/tool.h). May be NULL where there are none. The result is 1 where one of the same
         * name is there already: that has the arguments of its own start. */
        int (*start_tool)(Units *units, const UnitTool *tool, const char *const *argv, UnitStarted done, void *userdata,
                UnitCall **ret);
        /* Forgets what is under way: done() is not called any more; the program itself goes on. */
        UnitCall *(*forget)(UnitCall *call);
        /* When done() is called, the VM's program does not run, and only hostd starts it again. This holds
         * also if it could not be stopped properly, which is logged. NULL if nothing but hostd would start
         * it. */
        int (*stop)(Units *units, const char *vm, UnitStopped done, void *userdata, UnitCall **ret);
} UnitsOps;

struct Units {
        const UnitsOps *ops;
        sd_event *event;  /* borrowed */
        void *userdata;   /* of an implementation that is not of this folder */
        Systemd *systemd; /* borrowed; NULL where there is none */
};

extern const UnitsOps units_process, units_systemd;
