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
        } cards[PGPUS_MAX];
        bool lacks_type[8];   /* type files that are gone */
        bool is_resized[8];   /* half as many of a type fit on a card as usually */
        uint64_t *count_moves, *count_cards, *count_types, *count_sizes; /* once hostd looks and finds it so */
        uint64_t clock_ahead; /* µs, wraps around */
        unsigned boots;
        TroubleCount troubles;
        bool is_frozen;       /* the process of hostd is stopped; guests run on */
        uint64_t incarnation; /* of hostd; 0: it does not run */
        uint64_t incarnations;
        MachineInside *inside;
};

/* Its place in memory must not change. It is off. */
void machine_init(Machine *m, unsigned number);
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
size_t guests_count(const Machine *m); /* domains */
void machine_list(Machine *m); /* what runs, to the history */

uint64_t chance_between(Dice *d, uint64_t from, uint64_t to); /* both included */
bool chance(Dice *d, unsigned per_thousand);
