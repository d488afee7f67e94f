#pragma once

/*
 * The settings of hostd
 *
 * Section [hostd] of the settings file, and --set KEY=VALUE. The defaults are those of a real host; the lab
 * and the tests point the paths at recorded hardware and choose the simulated hypervisor. Texts are never
 * NULL.
 */

#include "common/daemon/settings.h"
#include "hostd/edge/hardware.h"
#include "protocol/config-keys.h"
#include "protocol/names.h"

/* One row for each setting: its name, its default, and what it is for. Seconds are kept as µs. */
#define HOST_SETTINGS(TEXT, WORDS, NUMBER, SECONDS) \
        TEXT(bus, SYSTEM_BUS_ADDRESS, "D-Bus address of the bus to serve on") \
        TEXT(sysfs_path, "/sys/bus/pci", "sysfs folder of the PCI bus, or a recorded one") \
        TEXT(pci_dump, "", "a listing by lspci -D -nn -xxx to read instead of sysfs") \
        TEXT(pci_ids, "", "the pci.ids file; empty: libpci's own") \
        TEXT(vga_arbiter, "/dev/vga_arbiter", \
                "names the system's display device; empty: boot_vga of sysfs does") \
        WORDS(accelerators, "1002", \
                "PCI vendors (VVVV) and devices (VVVV:DDDD) of class 1200 that are GPUs; others of it are NPUs and the like") \
        TEXT(nvidia_gpus, "/proc/driver/nvidia/gpus", "where NVIDIA's driver tells the uuids of its GPUs, by which cards are known; empty: not asked") \
        TEXT(nvidia_conf_dir, "/usr/share/nvidia/vgx", "folder of NVIDIA's .conf type files") \
        TEXT(nvidia_xml, "/usr/share/nvidia/vgpu/vgpuConfig.xml", "NVIDIA's XML type file") \
        TEXT(nvidia_driver_link, \
                "/usr/lib64/libnvidia-vgpu.so /usr/lib/x86_64-linux-gnu/libnvidia-vgpu.so " \
                "/usr/lib/x86_64-linux-gnu/nvidia/current/libnvidia-vgpu.so", \
                "link that leads to the library of NVIDIA's host driver, which ends in its version; blank-separated, the first that is there") \
        TEXT(gvtg_list, "/etc/gvt-g-whitelist", "list of Intel GVT-g types") \
        TEXT(mxgpu_list, "/etc/mxgpu-whitelist", "list of AMD MxGPU types") \
        TEXT(sriov_list, "/etc/xenvgpu/sriov-types", "list of SR-IOV types: how boards may be cut") \
        TEXT(sriov_division, "ours", \
                "who divides GPUs into virtual functions: ours (hostd, as a VM's type asks), or fixed (nobody; those that are there are used)") \
        TEXT(hypervisor, "libxl", "libxl, or simulated") \
        TEXT(sim_dir, "", "folder of the simulated hypervisor") \
        TEXT(boot_id_file, "", "file that names this boot; empty: the hypervisor's own") \
        TEXT(hostname, "", "name of this host; empty: the machine's") \
        TEXT(storage, "/dev /srv /var/lib/xen/images /var/lib/libvirt/images", \
                "folders below which the disks of VMs may stand, blank-separated") \
        WORDS(allowed_config_keys, "", \
                "keys of VMs' configs that may run or open something on this host: KEY, KEY=VALUE or " \
                "KEY=/FOLDER/") \
        TEXT(ovsdb, "/run/openvswitch/db.sock", "socket of Open vSwitch's database, which names its bridges; empty: none") \
        TEXT(units, "systemd", "how the programs of VMs are started: systemd, or process") \
        TEXT(domain_program, "/usr/libexec/xenvgpu/xenvgpu-domain", "the program that holds one VM") \
        TEXT(dm_program, "/usr/libexec/xenvgpu/xenvgpu-dm", \
                "the program that starts the emulator and becomes qemu") \
        TEXT(emulator, "vgpu", "the display emulator; without a slash it is looked up") \
        TEXT(emulator_arguments, "today", "which arguments the emulator takes: today, or 6.x") \
        SECONDS(emulator_timeout, "50", "how long the emulator may take to come up, before qemu") \
        SECONDS(running_timeout, "3600", "how long the emulator may take to say running, after qemu") \
        TEXT(on_emulator_death, "report", \
                "when an emulator dies under a running VM: report, or crash the VM") \
        TEXT(qemu, "qemu-system-i386", "the device model; without a slash it is looked up") \
        TEXT(qemu_vgpu_args, "-vgpu", "display arguments for qemu with an NVIDIA vGPU, blank-separated") \
        TEXT(gimtool, "gimtool", "AMD's tool that divides an MxGPU; without a slash it is looked up") \
        SECONDS(gimtool_timeout, "60", "how long one run of gimtool may take before the start fails") \
        TEXT(core_dump_folder, "/var/lib/xen/dump", \
                "where the memory of guests that crash is written, if their config says coredump-destroy or coredump-restart") \
        NUMBER(core_dumps, "4", "how many such dumps this host keeps, one for each VM; 0: none is made") \
        WORDS(monitoring_units, "xcp-rrdd-gpumon.service nvidia-dcgm.service", \
                "units that keep NVIDIA's driver busy: stopped while a VM takes a GPU") \
        SECONDS(monitoring_stop_timeout, "10", "how long such a unit may take to stop before the start fails") \
        NUMBER(concurrent_starts, "4", "how many VMs are built at once; others wait their turn") \
        NUMBER(program_restarts, "5", "how often in a minute a VM's dead program is started again")

#define SETTING_TEXT(member, fallback, help) char *member;
#define SETTING_WORDS(member, fallback, help) char **member;
#define SETTING_NUMBER(member, fallback, help) uint64_t member;

typedef struct HostSettings {
        HOST_SETTINGS(SETTING_TEXT, SETTING_WORDS, SETTING_NUMBER, SETTING_NUMBER)
} HostSettings;

/*
 * Defaults, then the file, then the arguments, then whether they make sense together. Logs the offender;
 * -EINVAL.
 */
int host_settings_load(const char *path, const char *const *args, HostSettings *ret);
/* The same again for a daemon that runs: what is read when it is used changes, the rest with a restart. If there is a mistake, all
 * stays as it is. Logs what it did. */
int host_settings_reload(const char *path, const char *const *args, HostSettings *running);
void host_settings_done(HostSettings *s);

/* For --help and the manual. */
extern const Setting host_setting_table[];
extern const size_t host_n_settings;

/* Where the hardware and its types are read; borrows. */
HardwareSettings host_settings_hardware(const HostSettings *s);

/* What configs of VMs may name on this host; borrows. */
ConfigRules host_settings_config_rules(const HostSettings *s);
