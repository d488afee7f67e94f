#pragma once

/*
 * A machine of the pool: its cards, its domains, the programs that hold them, and the hostd that commands them
 *
 * hostd and the programs of VMs are the production code on parts that live in memory; the hypervisor, device models, emulators and
 * guests are played. A program that is killed leaves its domain standing, as on Xen. What is hostd's stands in machine-private.h:
 * policyd has other structs of the same names.
 */

#include <sys/types.h>

#include "tests/proof/history.h"
#include "tests/proof/troubles.h"
#include "tests/sim/dice.h"

#define PGPUS_MAX 3
#define FUNCTIONS_MAX 7 /* virtual ones, in the slot of their board */

typedef struct Machine Machine;
typedef struct MachineInside MachineInside;

/* What hostd tells, in JSON. */
typedef enum Told {
        TOLD_VM,
        TOLD_VGPU,
        TOLD_PCI,
        TOLD_INVENTORY,
        _TOLD_MAX,
} Told;

/* Who hears what hostd tells: the lines to policyd. */
typedef struct MachineListener {
        void (*tell)(Machine *m, Told told, const char *json, void *userdata);
        void (*came)(Machine *m, void *userdata); /* hostd is there */
        void (*went)(Machine *m, void *userdata);
} MachineListener;

/* A card that is a board with virtual functions, as its kernel has it (boards.c). */
typedef struct MachineBoard {
        bool is_one;
        uint8_t total;       /* functions that it can have; 0: it is no board */
        uint8_t at_boot;     /* that somebody else makes then */
        uint8_t n;           /* that it has */
        bool is_by_others;   /* who made them */
        bool no_autoprobe;
        bool is_reset;       /* behind its functions */
        bool is_busy[FUNCTIONS_MAX + 1]; /* being reset: others wait */
        bool is_dead[FUNCTIONS_MAX + 1], is_dead_for_good[FUNCTIONS_MAX + 1]; /* by number: it reads all ones */
} MachineBoard;

struct Machine {
        unsigned number;
        char name[16]; /* "h3" */
        Loop *loop;
        Dice *dice;
        History *history;
        const MachineListener *listener;
        void *userdata;

        bool is_on;
        bool dies_later; /* hostd, within its first commit */
        bool trouble; /* programs, emulators, guests and the hypervisor fail, die, hang */
        bool deaf;    /* programs cannot be reached */
        unsigned exits; /* of hostd, by itself */
        bool lacks_iommu, lacks_hvm;
        unsigned n_pgpus;
        struct {
                bool is_gone;  /* from the bus */
                bool is_lost;  /* reads all ones */
                bool is_other; /* of another model, which has no types */
                uint8_t moves; /* each to a slot where none was before */
                bool is_moved; /* since hostd looked last */
                MachineBoard board;
        } cards[PGPUS_MAX];
        bool lacks_type[8];   /* type files that are gone */
        bool is_resized[8];   /* half as many of a type fit on a card as usually */
        bool keeps_divisions; /* hostd neither divides nor undoes a division */
        uint64_t *count_reset, *count_divide, *count_undivide; /* the next such one of a board goes wrong */
        uint64_t *count_moves, *count_cards, *count_types, *count_sizes; /* once hostd looks and finds it so */
        uint64_t clock_ahead; /* µs, wraps around */
        unsigned boots;
        TroubleCount troubles;
        bool is_frozen;       /* the process of hostd is stopped; guests run on */
        uint64_t incarnation; /* of hostd; 0: it does not run */
        uint64_t incarnations;
        MachineInside *inside;
};

/* Its place in memory must not change. It is off. boards: dice for boards with virtual functions; 0: it has none. */
void machine_init(Machine *m, unsigned number, uint64_t boards);
void machine_done(Machine *m);
void machine_sweep(Machine *m); /* frees what is over; between turns of the loop */

void machine_power_on(Machine *m); /* and hostd with it */
void machine_power_off(Machine *m);
void machine_start_hostd(Machine *m);
void machine_crash_hostd(Machine *m);
bool machine_freeze(Machine *m); /* false: hostd does not run, or is frozen already */
void machine_thaw(Machine *m);
void machine_die_in_commit(Machine *m); /* hostd, in its next one, which is written or not */
/* Its hostd can answer, and was commanded by the pool after that. */
bool machine_knows_later(const Machine *m, const char *pool, uint64_t epoch, uint64_t orders);
void machine_release_from_others(Machine *m, const char *pool); /* as an administrator does */
void machine_copy_store(Machine *m);    /* of hostd; the copy that was made before is forgotten */
bool machine_restore_store(Machine *m); /* from that copy, if there is one; hostd ends, and does not run then */
void machine_rescan(Machine *m); /* hostd looks at cards and type files again */
void machine_set_clock(Machine *m, uint64_t ahead);
void machine_fail_commits(Machine *m, bool fail); /* of hostd: its disk is full */
void machine_count_commit(Machine *m, uint64_t *count); /* adds one with the next that fails */
bool machine_kill_within(Machine *m, unsigned n, uint64_t *count); /* hostd, before the n-th event that follows another in its instant */

bool guests_kill_process(Machine *m, bool emulator); /* an emulator or a qemu, by chance */
bool guests_end_one(Machine *m); /* a guest, however it does */
bool guests_make_foreign(Machine *m); /* a domain of other people takes a GPU */
bool folders_spoil_one(Machine *m);   /* what a program has written, by chance */
bool guests_kill_one(Machine *m); /* a program that runs, by chance */
bool guests_kill_within(Machine *m, unsigned n, uint64_t *count); /* the same, before the n-th event that follows another in its instant */
size_t guests_count(const Machine *m); /* domains */
void machine_list(Machine *m); /* what runs, to the history */

/* boards.c: by chance; false: there is no such board or function now. */
bool boards_kill_function(Machine *m);  /* it reads all ones from now on */
bool boards_take_functions(Machine *m); /* somebody takes back all functions of a board, though guests have them */
bool boards_reset_behind(Machine *m);   /* somebody resets a physical function that has virtual ones */
bool boards_divide(Machine *m);         /* somebody divides a board */
bool boards_kill_helper(Machine *m);    /* of virtual functions */
bool boards_has_one(const Machine *m);

uint64_t chance_between(Dice *d, uint64_t from, uint64_t to); /* both included */
bool chance(Dice *d, unsigned per_thousand);
