/*
 * Inventory: what a host is and what runs on it
 *
 * From the leaves up: PGPU, VM, host.
 */

#include "protocol/inventory.h"
#include "protocol/order.h"
#include "protocol/record.h"

/* Caps on what a host may say; far above any machine, and low enough that a broken hostd cannot fill policyd.
 */
#define INVENTORY_TYPES_MAX 4096
#define INVENTORY_PGPUS_MAX 256
#define INVENTORY_VMS_MAX 4096

static const RecordField pgpu_fields[] = {
        FIELD(InventoryPgpu, pci_id, REQUIRED, PCI_TEXT),
        FIELD(InventoryPgpu, vendor_id, REQUIRED, TEXT),
        FIELD(InventoryPgpu, device_id, REQUIRED, TEXT),
        FIELD(InventoryPgpu, subsystem_vendor_id, OPTIONAL, TEXT),
        FIELD(InventoryPgpu, subsystem_device_id, OPTIONAL, TEXT),
        FIELD(InventoryPgpu, vendor_name, OPTIONAL, TEXT),
        FIELD(InventoryPgpu, device_name, OPTIONAL, TEXT),
        FIELD(InventoryPgpu, driver, OPTIONAL, TEXT),
        FIELD(InventoryPgpu, bridge, OPTIONAL, TEXT),
        FIELD(InventoryPgpu, is_system_display_device, OPTIONAL, BOOL),
        FIELD(InventoryPgpu, supported, OPTIONAL, STRV),
        FIELD(InventoryPgpu, enabled, OPTIONAL, STRV),
        FIELD(InventoryPgpu, held_by, IF_ANY, TEXT),
        FIELD(InventoryPgpu, division, IF_ANY, TEXT),
        FIELD(InventoryPgpu, pci_switch, IF_ANY, TEXT),
        FIELD(InventoryPgpu, serial_number, IF_ANY, TEXT),
        FIELD(InventoryPgpu, numa_node, IF_ANY, TEXT),
        FIELD(InventoryPgpu, health, IF_ANY, TEXT),
        FIELD(InventoryPgpu, health_reason, IF_ANY, TEXT),
        FIELD(InventoryPgpu, suspect_functions, IF_ANY, U32),
};

static const RecordTable pgpu_table = RECORD_TABLE(InventoryPgpu, pgpu_fields);

static const RecordField vm_fields[] = {
        FIELD(InventoryVm, uuid, REQUIRED, UUID),
        FIELD(InventoryVm, token, REQUIRED, UUID),
        FIELD(InventoryVm, name_label, OPTIONAL, TEXT),
        FIELD(InventoryVm, stage, OPTIONAL, TEXT),
        FIELD(InventoryVm, progress, OPTIONAL, PROGRESS),
        FIELD(InventoryVm, domid, OPTIONAL, U32),
        FIELD(InventoryVm, memory, OPTIONAL, U64),
        FIELD(InventoryVm, state, REQUIRED, WORD, .words = &vm_states_here),
        FIELD_LIST(InventoryVm, vgpus, OPTIONAL, &vgpu_report_table, ORDER_GPUS_MAX),
        FIELD_LIST(InventoryVm, pcis, OPTIONAL, &pci_report_table, ORDER_GPUS_MAX),
        FIELD(InventoryVm, functions, IF_ANY, STRV),
};

static const RecordTable vm_table = RECORD_TABLE(InventoryVm, vm_fields);

static const RecordField domain_fields[] = {
        FIELD(InventoryDomain, uuid, REQUIRED, UUID),
        FIELD(InventoryDomain, domid, REQUIRED, U32),
        FIELD(InventoryDomain, name, OPTIONAL, TEXT),
};

static const RecordTable domain_table = RECORD_TABLE(InventoryDomain, domain_fields);

static const RecordField fields[] = {
        FIELD_VERSION,
        FIELD(Inventory, seq, REQUIRED, U64),
        FIELD(Inventory, host_uuid, REQUIRED, UUID),
        FIELD(Inventory, boot_id, REQUIRED, TEXT),
        FIELD(Inventory, hostname, OPTIONAL, TEXT),
        FIELD(Inventory, hypervisor, OPTIONAL, TEXT),
        FIELD(Inventory, epoch, OPTIONAL, U64),
        FIELD(Inventory, orders, OPTIONAL, U64),
        FIELD(Inventory, memory_total, REQUIRED, U64),
        FIELD(Inventory, memory_free, REQUIRED, U64),
        FIELD(Inventory, cpus, OPTIONAL, U32),
        FIELD(Inventory, iommu, OPTIONAL, BOOL),
        FIELD(Inventory, hvm, OPTIONAL, BOOL),
        FIELD(Inventory, networks, OPTIONAL, STRV),
        FIELD(Inventory, storage, OPTIONAL, STRV),
        FIELD(Inventory, problems, OPTIONAL, STRV),
        FIELD(Inventory, functions, IF_SET, STRV), /* told though it be empty */
        FIELD(Inventory, refuses_pcidevs, IF_ANY, BOOL),
        FIELD(Inventory, allowed_config_keys, IF_SET, STRV), /* told though it be empty */
        FIELD_LIST(Inventory, types, OPTIONAL, &type_record_table, INVENTORY_TYPES_MAX),
        FIELD_LIST(Inventory, pgpus, OPTIONAL, &pgpu_table, INVENTORY_PGPUS_MAX),
        FIELD_LIST(Inventory, vms, OPTIONAL, &vm_table, INVENTORY_VMS_MAX),
        FIELD_LIST(Inventory, domains, IF_ANY, &domain_table, INVENTORY_VMS_MAX),
        FIELD_LIST(Inventory, ended, OPTIONAL, &vm_event_table, INVENTORY_VMS_MAX),
};

static const RecordTable table = RECORD_TABLE(Inventory, fields);

DEFINE_RECORD(inventory, Inventory, table)
