#pragma once

/*
 * A stage for one VM's machine: all that it asks of the world, played in this process
 *
 * No bus, no disk, no process, no sd-event, and time that passes when the test says so. The hypervisor says what was asked of it, and
 * each of its operations ends at once; the test plays guest, device model, emulator and whoever gives orders.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostd/domain/domain.h"
#include "tests/sim/sim-loop.h"

#define STAGE_ERROR(word) "org.xenvgpu.Error." word
#define STAGE_SECOND UINT64_C(1000000)
#define STAGE_PROCESSES 32

/* pid is 1000 and its place among the processes. */
typedef struct StageProcess {
        ProcessId id; /* pid 0: there was none yet */
        bool alive, deaf; /* deaf: it ends by SIGKILL alone */
} StageProcess;

typedef struct Stage {
        SimLoop *loop;
        DomainProgram program;
        Domain *domain;

        /* the hypervisor; what its next calls answer, and how often they were made */
        Hypervisor hypervisor;
        int found, created, memory, destroyed; /* errors */
        GuestState state;
        bool slow_create; /* until stage_finish_create() */
        unsigned n_creates, n_unpauses, n_asks, n_crashes, n_destroys, n_give_backs, n_cancels;
        ProcessId qemu;
        GuestChanged changed;
        EmulatorChanged emulator_changed;
        void *changed_userdata, *emulator_userdata;
        HypervisorDone done;
        void *done_userdata;
        int result;
        const char *error;
        LoopTimer *soon;

        /* processes, and a helper */
        Processes processes;
        StageProcess all[STAGE_PROCESSES];
        unsigned n;
        ProcessWatch *watches;
        HelperDone helper_done;
        void *helper_userdata;
        char *helper_verb;
        unsigned n_helpers_ended;

        /* the run folder */
        RunFolder folder;
        char *order, *record; /* their texts; no record: NULL */
        int write_error;
        DmRecord dm;
        bool dm_known;
        DmChanged dm_changed;
        void *dm_userdata;
        StopOrdered stop;
        void *stop_userdata;
        unsigned n_told;
} Stage;

int stage_set_up(void **state);
int stage_tear_down(void **state);

/* more: libxl config to merge ("\"on_crash\":\"preserve\""), or "". */
void stage_order(Stage *s, size_t n_vgpus, const char *more);
/* What an earlier instance left: a record at that stage, with more members ("\"cut_offs\":3") or "". */
void stage_left(Stage *s, const char *stage, const char *more);

void stage_begin(Stage *s); /* the program starts, and does what it can do at once */
void stage_die(Stage *s);   /* … and is killed */
void stage_run(Stage *s, uint64_t seconds);

void stage_dm(Stage *s, const char *stage); /* the device model tells; "emulator" starts one */
void stage_finish_create(Stage *s, int result, const char *error);
void stage_emulator(Stage *s, const char *state);
void stage_guest(Stage *s, GuestState state);
void stage_stop(Stage *s, bool force);
void stage_wind_up(Stage *s); /* the host goes down */
void stage_helper(Stage *s, int result, const char *words);

ProcessId stage_process(Stage *s); /* a new one */
void stage_kill(Stage *s, const ProcessId *id);
bool stage_is_alive(const Stage *s, const ProcessId *id);

RunRecord stage_record(const Stage *s);
void stage_assert_at(Stage *s, const char *stage);
/* Halted, and the program has left with 0. error: "" for none. */
void stage_assert_end(Stage *s, const char *reason, const char *error);
