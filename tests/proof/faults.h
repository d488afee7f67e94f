#pragma once

/*
 * Faults, by chance; each is mended after a while
 */

#include "common/base/words.h"
#include "tests/proof/other.h"
#include "tests/proof/person.h"
#include "tests/proof/world.h"

#define FAULTS(W)                                                                                             \
        W(FAULT_CUT, "link cut") W(FAULT_SILENCE, "link silent") W(FAULT_SLOW, "link slow")                   \
        W(FAULT_CLOSED, "link closed") W(FAULT_POLICYD, "policyd crashes") W(FAULT_HOSTD, "hostd crashes")    \
        W(FAULT_PROGRAM, "program killed") W(FAULT_POWER, "host loses power") W(FAULT_COMMIT, "commit fails") \
        W(FAULT_HOST_COMMIT, "commit of a host fails") W(FAULT_DEATH, "policyd dies in a commit")     \
        W(FAULT_HOST_DEATH, "hostd dies in a commit") W(FAULT_CLOCK, "clock jumps") W(FAULT_FREEZE, "host frozen")                 \
        W(FAULT_SLOW_ONE_WAY, "link slow in one direction")                                                   \
        W(FAULT_CUT_BEFORE, "link cut before a message") W(FAULT_CUT_AFTER, "link cut after a message")       \
        W(FAULT_CUT_GREETING, "link cut as its hello is read") W(FAULT_NO_ANSWER, "answer lost")              \
        W(FAULT_FULL, "link takes no message")         \
        W(FAULT_RESTORE, "policyd's database restored") W(FAULT_FOREIGN, "domain of other people")            \
        W(FAULT_SPOIL, "run record spoilt") W(FAULT_CARD, "card gone, lost or exchanged")                       \
        W(FAULT_MOVE, "card moved to another slot")                                                           \
        W(FAULT_TYPES, "type file gone") W(FAULT_SIZES, "type file says another size") W(FAULT_HOST_CLOCK, "clock of a host jumps")                         \
        W(FAULT_OTHER, "another master, of another pool or of a backup")                                          \
        W(FAULT_OTHER_COPY, "another master, of a copy of the database that runs")                            \
        W(FAULT_POLICYD_WITHIN, "policyd crashes between two events of an instant")                           \
        W(FAULT_HOSTD_WITHIN, "hostd crashes between two events of an instant")                               \
        W(FAULT_PROGRAM_WITHIN, "program killed between two events of an instant")                            \
        W(FAULT_EMULATOR, "emulator killed") W(FAULT_QEMU, "qemu killed") W(FAULT_GUEST, "guest ends by itself") \
        W(FAULT_ROW, "row of policyd's database spoilt")                                                      \
        W(FAULT_DECLARED, "host declared dead while guests run on it")                                        \
        W(FAULT_FUNCTION, "virtual function reads all ones")                                                  \
        W(FAULT_FUNCTIONS_GONE, "functions of a board taken back by others")                                  \
        W(FAULT_DIVIDED, "board divided by others")                                                           \
        W(FAULT_BEHIND, "board reset behind its functions")                                                   \
        W(FAULT_RESET, "reset of a function fails, takes 72 s or does not end")                               \
        W(FAULT_DIVIDE, "division refused, or with too few or dead functions")                                \
        W(FAULT_UNDIVIDE, "functions not taken back")                                                         \
        W(FAULT_HELPER, "helper of a function killed")                                                        \
        W(FAULT_HOST_RESTORE, "database of a host restored")
DEFINE_ENUM(Fault, FAULT, FAULTS);

typedef struct Faults {
        World *world;
        uint64_t n[_FAULT_MAX];
        Copy copy;
        /* When it is mended; 0: it is not broken. */
        uint64_t policyd, storage, other;
        struct {
                uint64_t hostd, power, freeze, slow, closed, storage, cards, types, declared;
        } machines[MACHINES_MAX];
} Faults;

const char *fault_to_string(Fault f);
void faults_make(Faults *f);     /* one */
void faults_mend(Faults *f);     /* those whose time has come */
void faults_mend_all(Faults *f);
void faults_done(Faults *f);
