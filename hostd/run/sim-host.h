#pragma once

/*
 * A simulated host, read from its folder (hostd/sim/sim-folder.h describes all of it)
 *
 * Its memory is what host.json says, less dom0's, less that of each domain whose config stands in the folder: as on a real
 * host, what is free follows from what runs.
 */

#include "common/json/json-get.h"

/* host.json */
typedef struct SimHost {
        uint64_t memory_total, dom0_memory;
        uint32_t cpus;
        bool iommu, hvm;
        char **networks, **storage;
        char *hostname, *boot_id_file; /* NULL: the machine's own */
} SimHost;

int sim_host_read(const char *dir, SimHost *ret); /* -EBADMSG */
void sim_host_done(SimHost *h);

/* The domids, as text, NULL-terminated. */
int sim_host_domains(const char *dir, char ***ret);

/* The libxl config that the domain was made from. Negative also for one that is just being made or removed. */
int sim_host_config(const char *dir, const char *domid, struct json_object **ret);

/* Bytes that a domain of this config takes. */
int sim_host_needs(struct json_object *config, uint64_t *ret);
int sim_host_free_memory(const char *dir, const SimHost *host, uint64_t *ret);
