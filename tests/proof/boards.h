#pragma once

/*
 * Boards with virtual functions: the kernel's side of them, and the helpers that hostd and the programs of VMs start
 *
 * pci_function_…() of hostd/run/pci-function.h stand here in memory. The helpers are the production code (hostd/helper), each a fiber.
 */

#include "hostd/core/pgpu.h"
#include "tests/proof/machine-private.h"

void boards_init(Machine *m, uint64_t seed);
void boards_done(Machine *m);
void boards_power_on(Machine *m);
void boards_list(Machine *m);

/* The types of boards (cards.c). */
#define BOARD_TYPES 4
typedef struct BoardType {
        const char *name;
        uint32_t functions; /* 0: as many as the board can have */
        const char *priority;
} BoardType;
extern const BoardType board_types[BOARD_TYPES];

char *board_type_identifier(const MachineBoard *b, const BoardType *t);
const BoardType *board_type_find(const MachineBoard *b, const char *identifier); /* or NULL */
uint32_t board_type_functions(const MachineBoard *b, const BoardType *t);

/* The machine of a runtime folder, or of a path below it; NULL: it is none. */
Machine *boards_machine_of(const char *path);
/* The board of a physical or virtual function, and its number, 0 for the physical one; NULL: it is none. */
MachineBoard *boards_find(Machine *m, const PciAddress *function, unsigned *ret_card, unsigned *ret_number);
/* To a domain of other people, while nobody chooses one; it is held from now on, so that nobody else gives it away. */
bool boards_lend(Machine *m, PciAddress *ret);
void boards_take_back(Machine *m, const PciAddress *function); /* any function */

/* Helpers. */
typedef struct Helper Helper;
typedef void (*HelperEnded)(int status, const char *words, void *userdata);
bool helper_is_of_functions(const char *verb);
/* argv: the program, the verb, its arguments; ended is called once, unless it is left. */
Helper *helper_start(Machine *m, const Uuid *vm, const Uuid *token, char *const *argv, HelperEnded ended, void *userdata);
void helper_has_divided(const Machine *m, unsigned n); /* the one that runs now, into so many; 0: it has undone that */
void helper_leave(Helper *h, bool kill);
Process *look_execute(Machine *m, const char *const *argv); /* --look-at-functions */
void helpers_cut_power(Machine *m);
