#pragma once

/*
 * What hostd stands on in a machine
 */

#include "hostd/service/host.h"
#include "tests/proof/machine.h"
#include "tests/sim/sim-db.h"

typedef struct Guest Guest;

struct MachineInside {
        Machine *machine;
        SimDb *db;
        Uuid first_id; /* of the host */
        pid_t last_pid;
        uint32_t last_domid;
        Guest *guests;
        HostParts parts;
        HostFactsSource facts;
        HardwareSource hardware;
        Hostd *hostd; /* NULL: it does not run */
};

/* guests.c */
extern const ProgramsOps guest_programs;
extern const UnitsOps guest_units;
uint64_t guests_memory(const Machine *m); /* of all domains */
int guests_each_domain(const Machine *m, HostDomainVisitor visitor, void *userdata);
void guests_cut_power(Machine *m);

/* The types of the cards (cards.c). */
typedef struct CardType {
        const char *name, *config_file;
        uint32_t instances;
        uint16_t vdev, vsubdev;
} CardType;
#define CARD_TYPES 3
extern const CardType card_types[CARD_TYPES];
const CardType *card_type_of_file(const char *config_file);
int cards_scan(Hardware *ret, void *machine);
