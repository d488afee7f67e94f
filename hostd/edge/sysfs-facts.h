#pragma once

/*
 * Facts of a PCI function that libpci does not tell, from its folder in sysfs
 *
 * A recorded tree has no links: there `driver.link`, `physfn.link` and `realpath` are files that hold what
 * the links said.
 */

#include "common/base/pci-address.h"

typedef struct SysfsFacts {
        char *driver; /* "" for none */
        char *bridge; /* address of the parent, "" for a root bus */
        char *pci_switch; /* address of the upstream port of the switch that the parent is of, "" for none */
        char *unique_id; /* that the driver amdgpu has for the card; "" for none */
        uint32_t numa_node;
        bool node_known;
        bool is_virtual_function;
        PciAddress physical;       /* of a virtual function */
        uint32_t total_functions;  /* virtual ones that it can have */
        bool boot_vga, boot_vga_known;
        uint64_t bar2_size; /* bytes */
        bool bars_known;
} SysfsFacts;

/* folder is <sysfs>/devices/<address>. What is missing there is not known; -ENOMEM only. */
int sysfs_facts_read(const char *folder, SysfsFacts *ret);
void sysfs_facts_done(SysfsFacts *f);

/* The size of one region in the text of a `resource` file: lines "start end flags". -EBADMSG. */
int sysfs_resource_size(const char *text, unsigned region, uint64_t *ret);
