#pragma once

/*
 * The settings of hostd
 *
 * Section [hostd] of the settings file, and --set KEY=VALUE. The defaults are those of a real host; the lab
 * and the tests point the paths at recorded hardware and choose the simulated hypervisor. Texts are never
 * NULL.
 */

#include "common/daemon/settings.h"
#include "protocol/config-keys.h"
#include "hostd/edge/hardware.h"

typedef struct HostSettings {
        char *bus;
        /* hardware */
        char *sysfs_path, *pci_dump, *pci_ids, *vga_arbiter;
        char *nvidia_conf_dir, *nvidia_xml, *nvidia_driver_link, *gvtg_list, *mxgpu_list;
        /* the host */
        char *hypervisor, *sim_dir, *boot_id_file, *hostname, *storage, *ovsdb;
        char **allowed_config_keys;
        /* programs of a VM */
        char *units, *domain_program, *dm_program;
        char *emulator, *emulator_arguments, *qemu, *qemu_vgpu_args, *on_emulator_death;
        uint64_t emulator_timeout, running_timeout; /* µs */
        char *gimtool;
        uint64_t gimtool_timeout; /* µs */
        char *core_dump_folder;
        uint64_t core_dumps;
        char **monitoring_units;
        uint64_t monitoring_stop_timeout; /* µs */
        uint64_t concurrent_starts;
        uint64_t program_restarts;
} HostSettings;

/*
 * Defaults, then the file, then the arguments, then whether they make sense together. Logs the offender;
 * -EINVAL.
 */
int host_settings_load(const char *path, const char *const *args, HostSettings *ret);
void host_settings_done(HostSettings *s);

/* For --help and the manual. */
extern const Setting host_setting_table[];
extern const size_t host_n_settings;

/* Where the hardware and its types are read; borrows. */
HardwareSettings host_settings_hardware(const HostSettings *s);

/* What configs of VMs may name on this host; borrows. */
ConfigRules host_settings_config_rules(const HostSettings *s);
