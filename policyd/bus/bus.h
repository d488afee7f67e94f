#pragma once

/*
 * policyd on the master's bus: org.xenvgpu.Policy1
 *
 * Translates calls into the use cases of policyd/service and their outcome into replies and signals. It
 * decides nothing and holds no state of the pool: each object is found by its path when it is asked for.
 *
 * Order of assembly: bus_new(), policy_new() with bus_listener() and the bus as its userdata,
 * bus_set_policy(), bus_start().
 */

#include <systemd/sd-event.h>

#include "policyd/service/policy.h"

typedef struct Bus Bus;

typedef struct BusOptions {
        const char *address;   /* of the master's bus; "" or "system": the system bus */
        uint64_t requests_max; /* of one caller, waiting for their reply */
        const char *group;     /* whose members may call everything; "": there is none */
        void (*status)(void *userdata); /* passed on from the policy */
        void *userdata;
} BusOptions;

int bus_new(sd_event *event, const BusOptions *options, Bus **ret);
Bus *bus_free(Bus *bus); /* after policy_free(), which still answers and announces through it */
DEFINE_CLEANUP(Bus *, bus_free)

const PolicyListener *bus_listener(void);
void bus_set_policy(Bus *bus, Policy *policy);

/*
 * Connects, shows the objects, and takes the name; blocking, at start only. -EEXIST when another process has
 * the name. From then on a lost connection ends the loop with EXIT_FAILURE, so that the unit starts policyd
 * again.
 */
int bus_start(Bus *bus);
