/*
 * The keys of xl.cfg, and where libxl's JSON has them
 *
 * In the order in which they are written.
 */

#include "policyd/ctl/xl/xl-private.h"

#define ACTIONS "destroy restart rename-restart=restart_rename preserve coredump-destroy coredump-restart soft-reset"

const XlKey xl_keys[] = {
        {"name", XL_TEXT, "c_info/name", NULL},
        {"uuid", XL_TEXT, "c_info/uuid", NULL},
        {"type", XL_OWN, NULL, NULL},
        {"builder", XL_OWN, NULL, NULL},
        {"pool", XL_TEXT, "c_info/pool_name", NULL},
        {"hap", XL_FLAG, "c_info/hap", NULL},
        {"oos", XL_FLAG, "c_info/oos", NULL},
        {"passthrough", XL_WORD, "c_info/passthrough", "disabled sync_pt share_pt"},

        {"memory", XL_OWN, NULL, NULL},
        {"maxmem", XL_OWN, NULL, NULL},
        {"videoram", XL_MIB, "b_info/video_memkb", NULL},
        {"shadow_memory", XL_MIB, "b_info/shadow_memkb", NULL},
        {"cpus", XL_OWN, NULL, NULL}, /* before the number of vcpus is taken out */
        {"vcpus", XL_OWN, NULL, NULL},
        {"maxvcpus", XL_OWN, NULL, NULL},
        {"cpu_weight", XL_NUMBER, "b_info/sched_params/weight", NULL},
        {"cap", XL_NUMBER, "b_info/sched_params/cap", NULL},
        {"nomigrate", XL_FLAG, "b_info/disable_migrate", NULL},
        {"tsc_mode", XL_WORD_OR_NUMBER, "b_info/tsc_mode", "default always_emulate native native_paravirt"},
        {"localtime", XL_FLAG, "b_info/localtime", NULL},
        {"rtc_timeoffset", XL_NUMBER, "b_info/rtc_timeoffset", NULL},
        {"max_event_channels", XL_NUMBER, "b_info/event_channels", NULL},
        {"event_channels", XL_NUMBER, "b_info/event_channels", NULL}, /* as xl.cfg(5) has it; xl does not know it */
        {"max_grant_frames", XL_NUMBER, "b_info/max_grant_frames", NULL},
        {"max_maptrack_frames", XL_NUMBER, "b_info/max_maptrack_frames", NULL},
        {"nestedhvm", XL_FLAG, "b_info/nested_hvm", NULL},
        {"acpi", XL_FLAG, "b_info/acpi", NULL},
        {"apic", XL_FLAG, "b_info/apic", NULL},
        {"altp2m", XL_WORD_OR_NUMBER, "b_info/altp2m", "disabled mixed external limited"},
        {"vpmu", XL_FLAG, "b_info/vpmu", NULL},
        {"device_model_version", XL_WORD, "b_info/device_model_version", "qemu-xen qemu-xen-traditional"},
        {"device_model_args", XL_TEXTS, "b_info/extra", NULL},
        {"device_model_args_hvm", XL_TEXTS, "b_info/extra_hvm", NULL},

        {"kernel", XL_TEXT, "b_info/kernel", NULL},
        {"ramdisk", XL_TEXT, "b_info/ramdisk", NULL},
        {"cmdline", XL_TEXT, "b_info/cmdline", NULL},
        {"root", XL_OWN, NULL, NULL},
        {"extra", XL_OWN, NULL, NULL},
        {"bootloader", XL_TEXT, "b_info/bootloader", NULL},
        {"bootloader_args", XL_TEXTS, "b_info/bootloader_args", NULL},

        {"bios", XL_WORD, XL_HVM "bios", "rombios seabios ovmf"},
        {"firmware", XL_OWN, XL_HVM "bios", "bios uefi=ovmf rombios seabios ovmf"},
        {"firmware_override", XL_TEXT, XL_HVM "firmware", NULL},
        {"boot", XL_TEXT, XL_HVM "boot", NULL},
        {"pae", XL_FLAG, XL_HVM "pae", NULL},
        {"nx", XL_FLAG, XL_HVM "nx", NULL},
        {"acpi_s3", XL_FLAG, XL_HVM "acpi_s3", NULL},
        {"acpi_s4", XL_FLAG, XL_HVM "acpi_s4", NULL},
        {"acpi_laptop_slate", XL_FLAG, XL_HVM "acpi_laptop_slate", NULL},
        {"viridian", XL_FLAG, XL_HVM "viridian", NULL},
        {"hpet", XL_FLAG, XL_HVM "hpet", NULL},
        {"vpt_align", XL_FLAG, XL_HVM "vpt_align", NULL},
        {"mmio_hole", XL_MIB, XL_HVM "mmio_hole_memkb", NULL},
        {"timer_mode", XL_WORD_OR_NUMBER, "b_info/timer_mode",
                "delay_for_missed_ticks no_delay_for_missed_ticks no_missed_ticks_pending one_missed_tick_pending"},
        {"hdtype", XL_WORD, XL_HVM "hdtype", "ide ahci"},
        {"xen_platform_pci", XL_FLAG, XL_HVM "xen_platform_pci", NULL},
        {"vga", XL_WORD, XL_HVM "vga/kind", "stdvga=std cirrus qxl none"},
        {"stdvga", XL_OWN, NULL, NULL},
        {"vnc", XL_FLAG, XL_HVM "vnc/enable", NULL},
        {"vnclisten", XL_TEXT, XL_HVM "vnc/listen", NULL},
        {"vncpasswd", XL_TEXT, XL_HVM "vnc/passwd", NULL},
        {"vncdisplay", XL_NUMBER, XL_HVM "vnc/display", NULL},
        {"vncunused", XL_FLAG, XL_HVM "vnc/findunused", NULL},
        {"keymap", XL_TEXT, XL_HVM "keymap", NULL},
        {"sdl", XL_FLAG, XL_HVM "sdl/enable", NULL},
        {"opengl", XL_FLAG, XL_HVM "sdl/opengl", NULL},
        {"display", XL_TEXT, XL_HVM "sdl/display", NULL},
        {"xauthority", XL_TEXT, XL_HVM "sdl/xauthority", NULL},
        {"nographic", XL_FLAG, XL_HVM "nographic", NULL},
        {"spice", XL_FLAG, XL_HVM "spice/enable", NULL},
        {"spiceport", XL_NUMBER, XL_HVM "spice/port", NULL},
        {"spicetls_port", XL_NUMBER, XL_HVM "spice/tls_port", NULL},
        {"spicehost", XL_TEXT, XL_HVM "spice/host", NULL},
        {"spicepasswd", XL_TEXT, XL_HVM "spice/passwd", NULL},
        {"spicedisable_ticketing", XL_FLAG, XL_HVM "spice/disable_ticketing", NULL},
        {"spiceagent_mouse", XL_FLAG, XL_HVM "spice/agent_mouse", NULL},
        {"spicevdagent", XL_FLAG, XL_HVM "spice/vdagent", NULL},
        {"spice_clipboard_sharing", XL_FLAG, XL_HVM "spice/clipboard_sharing", NULL},
        {"spiceusbredirection", XL_NUMBER, XL_HVM "spice/usbredirection", NULL},
        {"spice_image_compression", XL_TEXT, XL_HVM "spice/image_compression", NULL},
        {"spice_streaming_video", XL_TEXT, XL_HVM "spice/streaming_video", NULL},
        {"serial", XL_TEXT_OR_LIST, XL_HVM "serial", NULL},
        {"usb", XL_FLAG, XL_HVM "usb", NULL},
        {"usbversion", XL_NUMBER, XL_HVM "usbversion", NULL},
        {"usbdevice", XL_TEXT_OR_LIST, XL_HVM "usbdevice", NULL},
        {"soundhw", XL_TEXT, XL_HVM "soundhw", NULL},
        {"vkb_device", XL_FLAG, XL_HVM "vkb_device", NULL},
        {"gfx_passthru", XL_FLAG, XL_HVM "gfx_passthru", NULL},

        {"disk", XL_OWN, NULL, NULL},
        {"vif", XL_OWN, NULL, NULL},
        {"pci", XL_OWN, NULL, NULL},
        {"pci_msitranslate", XL_OWN, NULL, NULL},
        {"pci_power_mgmt", XL_OWN, NULL, NULL},
        {"pci_permissive", XL_OWN, NULL, NULL},
        {"pci_seize", XL_OWN, NULL, NULL},

        {"on_poweroff", XL_WORD, "on_poweroff", ACTIONS},
        {"on_reboot", XL_WORD, "on_reboot", ACTIONS},
        {"on_watchdog", XL_WORD, "on_watchdog", ACTIONS},
        {"on_crash", XL_WORD, "on_crash", ACTIONS},
        {"on_soft_reset", XL_WORD, "on_soft_reset", ACTIONS},
        {},
};

const XlKey *xl_key_find(const char *key, size_t n) {
        for (const XlKey *k = xl_keys; k->key; k++)
                if (strlen(k->key) == n && memcmp(k->key, key, n) == 0)
                        return k;
        return NULL;
}

/* libxl's names have no dashes. */
static char *libxl_word(const char *word, size_t n) {
        char *text = strndup(word, n);

        for (char *c = text; c && *c; c++)
                if (*c == '-')
                        *c = '_';
        return text;
}

char *xl_word(const XlKey *k, const char *word, bool to_libxl) {
        for (const char *at = k->words; *at; at += strspn(at, " ")) {
                size_t n = strcspn(at, " "), n_xl = strcspn(at, "= ");
                _cleanup_free_ char *xl = strndup(at, n_xl),
                                    *libxl = n_xl < n ? strndup(at + n_xl + 1, n - n_xl - 1) : libxl_word(at, n);

                if (xl && libxl && streq(to_libxl ? xl : libxl, word))
                        return to_libxl ? take_ptr(libxl) : take_ptr(xl);
                at += n;
        }
        return NULL;
}

char *xl_nth_word(const XlKey *k, unsigned n) {
        const char *at = k->words;

        for (; n > 0 && *at; n--) {
                at += strcspn(at, " ");
                at += strspn(at, " ");
        }
        return *at ? libxl_word(at, strcspn(at, " ")) : NULL;
}
