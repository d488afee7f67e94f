/*
 * Which keys of a VM's config may reach libxl
 *
 * The table follows libxl's IDL (libxl_types.idl of Xen 4.17) from top to bottom. What is not in it names a
 * program, a file, a socket, a device or another domain of the host, or labels the domain for Xen's security
 * policy: bootloader, kernel, ramdisk, device_tree, firmware, *_firmware, extra*, stubdomain_*,
 * device_model_user, *ssid*, ioports, irqs, iomem, pvshim_path, sdl, gfx_passthru, driver_domain, script,
 * backend_dom*, colo*, permissive, dtdevs, vtpms, p9s, pvcallsifs, vdispls, vsnds, channels, usbdevs.
 */

#include <ctype.h>
#include <strings.h>

#include "common/base/strbuf.h"
#include "protocol/config-keys.h"

typedef enum ValueRule {
        ANY,     /* with all that is in it */
        WORD,    /* a name: qemu's options end at a comma, scripts' words at a blank, paths have slashes */
        TEXT,    /* no comma */
        ADDRESS, /* where a display listens: a host's address, no socket in the file system */
        NUMBERS, /* network addresses in a row */
        CHOICE,  /* one of the row's words */
        DISK,    /* a path below the setting storage */
} ValueRule;

typedef struct KeyRow {
        const char *prefix; /* up to the last dot, without it; "" at the top */
        ValueRule rule;
        const char *names; /* blank-separated */
        const char *words; /* CHOICE */
} KeyRow;

#define HVM "b_info.type.hvm"

static const KeyRow rows[] = {
        {"", ANY, "on_poweroff on_reboot on_watchdog on_crash on_soft_reset rdms", NULL},

        {"c_info", ANY,
                "type hap oos name domid uuid platformdata poolid pool_name run_hotplug_scripts passthrough "
                "xend_suspend_evtchn_compat",
                NULL},
        /* Other keys would stand where libxl keeps what it believes, such as the device model's pid. */
        {"c_info.xsdata", ANY, "vm-data vm-data/*", NULL},

        /* device_model is always our own. */
        {"b_info", ANY,
                "max_vcpus avail_vcpus cpumap nodemap vcpu_hard_affinity vcpu_soft_affinity numa_placement "
                "tsc_mode max_memkb target_memkb video_memkb shadow_memkb iommu_memkb rtc_timeoffset "
                "localtime disable_migrate cpuid vnuma_nodes max_grant_frames max_maptrack_frames "
                "max_grant_version stubdomain_memkb device_model sched_params claim_mode event_channels "
                "cmdline acpi timer_mode nested_hvm apic dm_restrict tee type altp2m vmtrace_buf_kb vpmu "
                "arch_arm arch_x86",
                NULL},
        {"b_info", WORD, "blkdev_start", NULL},
        {"b_info", CHOICE, "device_model_version", "qemu_xen none unknown"},

        {HVM, ANY,
                "bios pae apic acpi acpi_s3 acpi_s4 acpi_laptop_slate nx viridian viridian_enable "
                "viridian_disable hpet vpt_align mmio_hole_memkb timer_mode nested_hvm altp2m hdtype "
                "nographic vga usb usbversion vkb_device xen_platform_pci vendor_device ms_vm_genid rdm "
                "rdm_mem_boundary_memkb mca_caps gfx_passthru_kind",
                NULL},
        {HVM, WORD, "timeoffset keymap boot soundhw", NULL},
        {HVM, CHOICE, "serial serial_list", "pty null none vc"},
        {HVM, CHOICE, "usbdevice usbdevice_list", "tablet mouse keyboard"},
        {HVM ".vnc", ANY, "enable passwd display findunused", NULL},
        {HVM ".vnc", ADDRESS, "listen", NULL},
        {HVM ".spice", ANY,
                "enable port tls_port disable_ticketing agent_mouse vdagent clipboard_sharing "
                "usbredirection",
                NULL},
        {HVM ".spice", ADDRESS, "host", NULL},
        {HVM ".spice", TEXT, "passwd", NULL},
        {HVM ".spice", WORD, "image_compression streaming_video", NULL},
        {"b_info.type.pv", ANY, "slack_memkb cmdline features e820_host", NULL},
        {"b_info.type.pvh", ANY, "pvshim pvshim_cmdline pvshim_extra", NULL},

        {"disks", DISK, "pdev_path", NULL},
        {"disks", WORD, "vdev", NULL},
        {"disks", CHOICE, "backend", "phy tap qdisk unknown"},
        /* The other formats' images name further files, which qemu opens. */
        {"disks", CHOICE, "format", "raw empty unknown"},
        {"disks", ANY,
                "removable readwrite is_cdrom direct_io_safe discard_enable specification transport irq base "
                "trusted",
                NULL},

        {"nics", ANY, "devid mtu mac nictype rate_bytes_per_interval rate_interval_usecs trusted", NULL},
        {"nics", WORD, "model bridge ifname gatewaydev", NULL},
        {"nics", NUMBERS, "ip", NULL},

        /* Whether the function itself may be taken is asked before. */
        {"pcidevs", ANY, "func dev bus domain vdevfn vfunc_mask msitranslate power_mgmt seize rdm_policy",
                NULL},
        {"pcidevs", WORD, "name", NULL},

        {"vfbs", ANY, "devid", NULL},
        {"vfbs", WORD, "keymap", NULL},
        {"vfbs.vnc", ANY, "enable passwd display findunused", NULL},
        {"vfbs.vnc", ADDRESS, "listen", NULL},
        {"vkbs", ANY,
                "devid backend_type feature_disable_keyboard feature_disable_pointer feature_abs_pointer "
                "feature_raw_pointer feature_multi_touch width height multi_touch_width multi_touch_height "
                "multi_touch_num_contacts",
                NULL},
        {"vkbs", WORD, "unique_id", NULL},
        {"usbctrls", ANY, "type devid version ports", NULL},
};

/* The next blank-separated word at *text, which moves behind it; NULL at the end. */
static const char *next_word(const char **text, size_t *ret_size) {
        const char *word = *text + strspn(*text, " \t");

        *ret_size = strcspn(word, " \t");
        *text = word + *ret_size;
        return *ret_size > 0 ? word : NULL;
}

static bool lists(const char *words, const char *name, bool any_case) {
        const char *word;
        size_t n;

        while ((word = next_word(&words, &n))) {
                size_t stem = word[n - 1] == '*' ? n - 1 : n;

                if ((any_case ? strncasecmp(word, name, stem) : strncmp(word, name, stem)) == 0 &&
                        (stem < n || name[n] == '\0'))
                        return true;
        }
        return false;
}

static const KeyRow *find_row(const char *key) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                size_t n = strlen(rows[i].prefix);

                if (strncmp(key, rows[i].prefix, n) == 0 && (n == 0 || key[n] == '.') &&
                        lists(rows[i].names, key + n + (n > 0), /* any_case= */ false))
                        return &rows[i];
        }
        return NULL;
}

ConfigKey config_key_kind(const char *key) {
        const KeyRow *row = find_row(key);
        size_t n = strlen(key);

        if (row)
                return row->rule == ANY ? CONFIG_KEY_FREE : CONFIG_KEY_LEAF;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strncmp(rows[i].prefix, key, n) == 0 && strchr(".", rows[i].prefix[n]))
                        return CONFIG_KEY_INNER;
        return CONFIG_KEY_REFUSED;
}

static bool is_made_of(const char *text, const char *marks) {
        for (; *text; text++)
                if (!isalnum((unsigned char) *text) && !strchr(marks, *text))
                        return false;
        return true;
}

/* "127.0.0.1", "::1", "[::1]:5", "localhost:5": qemu takes "unix:PATH" and "fd:NUMBER" for sockets. */
static bool is_host_address(const char *text) {
        return is_made_of(text, ".:-[]") && strncasecmp(text, "unix:", 5) != 0 &&
               strncasecmp(text, "fd:", 3) != 0;
}

/* Written in one way only, so that a folder of it is found by its text. */
static bool is_plain_path(const char *path) {
        static const char *const detours[] = {"//", "/./", "/../"};
        size_t n = strlen(path);

        if (path[0] != '/' || strchr(path, ','))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(detours); i++)
                if (strstr(path, detours[i]))
                        return false;
        return !(n >= 2 && streq(path + n - 2, "/.")) && !(n >= 3 && streq(path + n - 3, "/.."));
}

static bool is_below(const char *path, const char *folder, size_t n) {
        while (n > 0 && folder[n - 1] == '/')
                n--;
        return strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] != '\0';
}

/* Where the programs of this host keep what nobody else may read or write, and what the opener has open, whatever the setting says. */
static bool is_our_own(const char *path) {
        static const char *const folders[] = {"/var/lib/xenvgpu-", "/var/lib/xenstored/", "/dev/fd/"};

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                if (startswith(path, folders[i]))
                        return true;
        return false;
}

static bool is_on_storage(const char *path, const char *storage) {
        const char *folder;
        size_t n;

        if (!is_plain_path(path) || is_our_own(path))
                return false;
        while ((folder = next_word(&storage, &n)))
                if (is_below(path, folder, n))
                        return true;
        return false;
}

static bool passes(const ConfigRules *rules, const KeyRow *row, const char *text) {
        switch (row->rule) {
        case ANY:
                return true;
        case WORD:
                return is_made_of(text, "._:+@-");
        case TEXT:
                return !strchr(text, ',');
        case ADDRESS:
                return is_host_address(text);
        case NUMBERS:
                return is_made_of(text, ".:/ ");
        case CHOICE:
                return lists(row->words, text, /* any_case= */ true);
        case DISK:
                return is_on_storage(text, strempty(rules->storage));
        }
        return false;
}

static void say_fault(StrBuf *b, const ConfigRules *rules, const KeyRow *row) {
        const char *storage = strempty(rules->storage), *separator = "", *folder;
        size_t n;

        switch (row->rule) {
        case ANY:
                break;
        case WORD:
                strbuf_add(b, "is not a name of letters, digits and . _ : + @ -");
                break;
        case TEXT:
                strbuf_add(b, "has a comma, behind which qemu would read options");
                break;
        case ADDRESS:
                strbuf_add(b, "is not the address of a host");
                break;
        case NUMBERS:
                strbuf_add(b, "is not a network address");
                break;
        case CHOICE:
                strbuf_addf(b, "is not one of: %s", row->words);
                break;
        case DISK:
                strbuf_add(b, "is no plain path (no comma, no '.' or '..') below a folder of the setting storage (");
                while ((folder = next_word(&storage, &n))) {
                        strbuf_add(b, separator);
                        strbuf_add_n(b, folder, n);
                        separator = ", ";
                }
                strbuf_add(b, ")");
                break;
        }
}

int config_value_fault(const ConfigRules *rules, const char *key, const char *text, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};
        const KeyRow *row = find_row(key);

        *ret = NULL;
        if (!row || (text && (isempty(text) || passes(rules, row, text))))
                return 0;
        say_fault(&b, rules, row);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

bool config_key_is_allowed(const ConfigRules *rules, const char *key, const char *text) {
        size_t n = strlen(key), k;

        for (const char *const *word = rules->allowed; word && *word; word++) {
                if (strncmp(*word, key, n) != 0)
                        continue;
                if ((*word)[n] == '\0')
                        return true;
                if ((*word)[n] != '=' || !text)
                        continue;
                k = strlen(*word + n + 1);
                if (streq(*word + n + 1, text) ||
                        (k > 0 && (*word)[n + k] == '/' && !strstr(text, "/../") && !strchr(text, ',') &&
                                strlen(text) > k && strncmp(*word + n + 1, text, k) == 0))
                        return true;
        }
        return false;
}

bool config_objection_is_allowed(const char *const *allowed, const char *objection) {
        const ConfigRules rules = {.allowed = allowed};
        size_t n = strcspn(objection, "=");
        char key[n + 1];

        memcpy(key, objection, n);
        key[n] = '\0';
        if (config_key_is_allowed(&rules, key, objection[n] == '=' ? objection + n + 1 : NULL))
                return true;
        for (char *dot = strrchr(key, '.'); dot; dot = strrchr(key, '.')) {
                *dot = '\0';
                if (config_key_is_allowed(&rules, key, NULL))
                        return true;
        }
        return false;
}
