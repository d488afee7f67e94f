/*
 * What xe has and xenvgpu has not
 */

#include "policyd/ctl/not-here.h"

#define NO_DISKS "Disks are yours, and stand in the VM's config. Use vm-get-config, and vm-set-config of a halted VM."
#define NO_NICS "Network cards stand in the VM's config. Use vm-get-config, and vm-set-config of a halted VM."
#define NO_STORAGE "Storage is the hosts'. Use host-param-get param-name=storage, and its setting in /etc/xenvgpu/hostd.conf."
#define NO_NETWORKS "Networks are the hosts'. Use host-param-get param-name=networks."
#define NO_MASTERS "Your cluster manager chooses the master. man xenvgpu-policyd, BACKUPS AND OLD COPIES, has how its database moves."
#define NO_PATCHES "Packages are the machine's. Use apt on each host; docs/upkeep.md has the order."
#define NO_USERS "Users are the machine's. Use its group xenvgpu, and rules of polkit (docs/journal.md, Access)."

/* A name that ends in '-' stands for every verb that begins so; what is more special comes first. */
static const struct {
        const char *name, *why;
} verbs[] = {
        { "pgpu-disable-dom0-access", "A PGPU is the guests' as long as hostd has it; the host's own driver is chosen on the host, at boot "
                                      "(xen-pciback.hide=)." },
        { "pgpu-enable-dom0-access", "A PGPU is the guests' as long as hostd has it; the host's own driver is chosen on the host, at boot "
                                     "(xen-pciback.hide=)." },
        { "vm-uninstall", "It would delete the VM's disks, and xenvgpu leaves disks to you. Use vm-shutdown and vm-destroy, then delete "
                          "the files." },
        { "vm-cpu-list", "CPUs are not handed out one by one. Use vm-param-get param-name=VCPUs-max, and xl vcpu-list on the host." },
        { "vm-unpause", "The pool does not pause guests, so there is none to go on. Use vm-start." },
        { "vm-resume", "No VM is suspended. Use vm-start." },
        { "vm-clone", "Disks are yours, so nothing is cloned. Use vm-copy for the VM's record, and your storage's copies for its disks." },
        { "vm-snapshot", "Disks are yours, and a VGPU's memory cannot be kept. Use vm-export for the VM's record, and your storage's "
                         "snapshots for its disks." },
        { "vm-install", "There are no templates. Use vm-create with config=@FILE, or vm-import." },
        { "vm-vcpu-hotplug", "CPUs are not plugged while a guest runs. Use vm-param-set VCPUs-max= of a halted VM." },
        { "host-evacuate", "VMs with VGPUs cannot move while they run. Use host-disable, then vm-shutdown and vm-start of its VMs, one by "
                           "one; host-failure-check says which find room elsewhere." },
        { "host-get-vms-which-prevent-evacuation", "No VM moves while it runs, so each prevents it. Use vm-list resident-on=HOST." },
        { "host-reboot", "Machines are rebooted by who runs them. Use host-disable, shut its VMs down, and reboot it over ssh." },
        { "host-shutdown", "Machines are ended by who runs them. Use host-disable, shut its VMs down, and power it off over ssh." },
        { "host-differences", "Where hosts describe a VGPU type differently stands with the type. Use vgpu-type-list "
                              "params=model-name,host-differences." },
        { "host-data-source-list", "Measurements are Prometheus's. Use metrics, and xenvgpu-gpu-use on the host." },
        { "host-data-source-query", "Measurements are Prometheus's. Use metrics, and xenvgpu-gpu-use on the host." },
        { "host-get-system-status", "Use status and check here, and /usr/libexec/xenvgpu/xenvgpu-hostd --self-test on the host." },
        { "vm-reset-powerstate", "A VM is halted when its host says so. Use vm-shutdown force=true; if its host is gone for good and switched "
                                 "off, host-declare-dead, which halts its VMs." },
        { "vm-console", "The VM's config names its display. Use vm-get-config (vnc, spice, serial), and xl console on its host." },
        { "vm-disk-", NO_DISKS },
        { "vm-vif-list", NO_NICS },
        { "vm-cd-", NO_DISKS },
        { "pool-join", "Hosts are added on the master. Use host-add there." },
        { "pool-eject", "Hosts are taken out on the master. Use host-remove there." },
        { "pool-sync-database", "There is one copy of the database, the master's. Use pool-dump-database." },
        { "pool-emergency-", NO_MASTERS },
        { "pool-recover-slaves", NO_MASTERS },
        { "pool-ha-", "VMs are not started again by themselves. Use host-failure-check to see what would find room, and a unit or a timer on the "
                      "master." },
        { "pool-designate-new-master", NO_MASTERS },
        { "message-", "Events are in the journal. Use journalctl -u xenvgpu-policyd, and alerts by metrics." },
        { "log-", "Logs are in the journal. Use journalctl -u xenvgpu-policyd here, and -u 'xenvgpu-*' on a host." },
        { "sr-", NO_STORAGE },
        { "pbd-", NO_STORAGE },
        { "vdi-", NO_DISKS },
        { "vbd-", NO_DISKS },
        { "cd-", NO_DISKS },
        { "snapshot-", "Disks are yours, and a VGPU's memory cannot be kept, so there are no snapshots. Use vm-export for the VM's record, and "
                       "your storage's snapshots for its disks." },
        { "network-", NO_NETWORKS },
        { "pif-", NO_NETWORKS },
        { "bond-", NO_NETWORKS },
        { "vlan-", NO_NETWORKS },
        { "tunnel-", NO_NETWORKS },
        { "vif-", NO_NICS },
        { "pci-", "Only PGPUs are objects. Use pgpu-list, and lspci on the host." },
        { "template-", "There are no templates. Use vm-export and vm-import, or vm-copy." },
        { "patch-", NO_PATCHES },
        { "update-", NO_PATCHES },
        { "user-", NO_USERS },
        { "role-", NO_USERS },
        { "subject-", NO_USERS },
};

static const struct {
        const char *class, *name, *why;
} fields[] = {
        { NULL, "pci-uuid", "PCI functions are no objects here; pci-id of the PGPU is the address." },
        { "pgpu", "dependencies", "Each PGPU is passed through alone, so nothing depends on it." },
        { "pgpu", "dom0-access", "A PGPU is the guests' as long as hostd has it; is-system-display-device says which one the host shows "
                                 "itself on." },
        { NULL, "compatibility-metadata", "It serves live migration, and a VM with a VGPU does not move while it runs." },
        { "vgpu-type", "freeze-frame", "Frame-rate limits are the emulator's; give them in extra-args of the VGPU." },
        { "pool", "default-SR", "Storage is the hosts'; host-param-get param-name=storage has it." },
        { "pool", "ha-enabled", "VMs are not started again by themselves; host-failure-check says what would find room elsewhere." },
        { "vm", "hardware-platform-version", "Devices come from the VM's config alone; vm-get-config shows it." },
        { "vm", "memory-actual", "The host knows it: xl list there." },
        { "vm", "memory-static-min", "Memory is not ballooned by the pool; memory-static-max and memory-dynamic-max are what the config says." },
        { "vm", "VCPUs-at-startup", "All VCPUs start; VCPUs-max says how many." },
        { "vm", "VCPUs-number", "All VCPUs start; VCPUs-max says how many." },
        { "vm", "ha-restart-priority", "VMs are not started again by themselves; use a unit or a timer on the master." },
        { "vm", "guest-metrics-uuid", "Guests tell nothing here; ask the guest." },
        { "host", "host-differences", "It stands with the VGPU types; vgpu-type-list params=model-name,host-differences has it." },
        { "host", "software-version", "status says policyd's; the host's stands in its log and in `xenvgpu-hostd --version` there." },
        { "host", "capabilities", "What decides is in hvm and iommu; xl info on the host has the rest." },
        { "host", "uptime", "It is the host's: uptime there; boot-id changes at each boot." },
        { "host", "cpu-info", "CPUs are not counted; xl info on the host has them." },
};

static bool is_meant(const char *row, const char *name) {
        size_t n = strlen(row);

        return row[n - 1] == '-' ? strncmp(row, name, n) == 0 : streq(row, name);
}

const char *verb_not_here(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (is_meant(verbs[i].name, name))
                        return verbs[i].why;
        return NULL;
}

const char *field_not_here(const ClassInfo *class, const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                if ((!fields[i].class || streq(fields[i].class, class->name)) && strcasecmp(fields[i].name, name) == 0)
                        return fields[i].why;
        return NULL;
}
