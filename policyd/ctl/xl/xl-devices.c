/*
 * Disks, network devices and PCI functions, from xl.cfg
 *
 * libxlutil reads a disk, a PCI function and a rate; the words of a vif are xl's own, so they are here.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/text.h"
#include "policyd/ctl/xl/xl-private.h"

const XlPair xl_nic_words[] = {
        {"type", "nictype", 't'},      {"mac", "mac", 's'},           {"bridge", "bridge", 's'},
        {"model", "model", 's'},       {"ip", "ip", 's'},             {"script", "script", 's'},
        {"vifname", "ifname", 's'},    {"gatewaydev", "gatewaydev", 's'}, {"backend", "backend_domname", 's'},
        {"devid", "devid", 'n'},       {"mtu", "mtu", 'n'},           {"rate", NULL, 't'},
        {"netdev", "gatewaydev", 's'}, /* its old name */
        {},
};

static void add(XlRead *r, struct json_object *o, const char *member, struct json_object *value) {
        if (!value || json_object_object_add(o, member, value) < 0) {
                json_object_put(value);
                r->no_memory = true;
        }
}

static void add_text(XlRead *r, struct json_object *o, const char *member, const char *text) {
        if (text)
                add(r, o, member, json_object_new_string(text));
}

/* libxl leaves out what is 0. */
static void add_number(XlRead *r, struct json_object *o, const char *member, int64_t number) {
        if (number != 0)
                add(r, o, member, json_object_new_int64(number));
}

static void add_flag(XlRead *r, struct json_object *o, const char *member, bool flag) {
        if (flag)
                add(r, o, member, json_object_new_boolean(true));
}

static struct json_object *add_element(XlRead *r, const char *list) {
        struct json_object *array = xl_get(r->config, list), *o = json_object_new_object();

        if (!array) {
                array = json_object_new_array();
                xl_put(r, list, array);
        }
        if (r->no_memory || !o || json_object_array_add(array, o) < 0) {
                json_object_put(o);
                r->no_memory = true;
                return NULL;
        }
        return o;
}

/* Disks */

static void put_disk(XlRead *r, const libxl_device_disk *disk) {
        struct json_object *o = add_element(r, "disks");

        if (!o)
                return;
        add_text(r, o, "backend_domname", disk->backend_domname);
        add_text(r, o, "pdev_path", disk->pdev_path);
        add_text(r, o, "vdev", disk->vdev);
        if (disk->backend != LIBXL_DISK_BACKEND_UNKNOWN)
                add_text(r, o, "backend", libxl_disk_backend_to_string(disk->backend));
        if (disk->format != LIBXL_DISK_FORMAT_UNKNOWN)
                add_text(r, o, "format", libxl_disk_format_to_string(disk->format));
        add_text(r, o, "script", disk->script);
        add_number(r, o, "removable", disk->removable);
        add_number(r, o, "readwrite", disk->readwrite);
        add_number(r, o, "is_cdrom", disk->is_cdrom);
        add_flag(r, o, "direct_io_safe", disk->direct_io_safe);
        if (!libxl_defbool_is_default(disk->discard_enable))
                add_text(r, o, "discard_enable", libxl_defbool_val(disk->discard_enable) ? "True" : "False");
}

static bool check_disk(XlRead *r, const libxl_device_disk *disk, int i) {
        if (disk->colo_host || disk->active_disk || disk->hidden_disk || !libxl_defbool_is_default(disk->colo_enable))
                return xl_refuse(r, "disk[%d] is for COLO, which cannot be carried over.", i);
        if (disk->specification != LIBXL_DISK_SPECIFICATION_UNKNOWN && disk->specification != LIBXL_DISK_SPECIFICATION_XEN)
                return xl_refuse(r, "disk[%d] is of virtio, which cannot be carried over.", i);
        return true;
}

bool xl_read_disks(XlRead *r, const XLU_ConfigList *list, int n) {
        for (int i = 0; i < n; i++) {
                const char *spec = xlu_cfg_get_listitem(list, i);
                libxl_device_disk disk;
                bool good;

                libxl_device_disk_init(&disk);
                good = spec && xlu_disk_parse(r->cfg, 1, &spec, &disk) == 0;
                if (good && check_disk(r, &disk, i))
                        put_disk(r, &disk);
                libxl_device_disk_dispose(&disk);
                if (!good)
                        return xl_refuse(r, "disk[%d] cannot be read: %s", i, spec ? TEXT_SHORT(spec, 200) : "it is no text.");
        }
        return r->why.len == 0;
}

/* Network devices */

static bool read_rate(XlRead *r, struct json_object *o, const char *text) {
        libxl_device_nic nic;
        bool good;

        libxl_device_nic_init(&nic);
        good = xlu_vif_parse_rate(r->cfg, text, &nic) == 0;
        if (good) {
                add(r, o, "rate_bytes_per_interval", json_object_new_uint64(nic.rate_bytes_per_interval));
                add_number(r, o, "rate_interval_usecs", nic.rate_interval_usecs);
        }
        libxl_device_nic_dispose(&nic);
        return good;
}

/* xl takes 0:16:3e:0:0:1 too, which libxl's JSON does not. */
static bool read_mac(XlRead *r, struct json_object *o, const char *text) {
        unsigned p[6];
        char mac[18];
        int n = 0;

        if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &p[0], &p[1], &p[2], &p[3], &p[4], &p[5], &n) != 6 || text[n])
                return false;
        (void) snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], p[5]);
        add_text(r, o, "mac", mac);
        return true;
}

static bool read_nic_word(XlRead *r, struct json_object *o, const XlPair *p, const char *value) {
        uint32_t number;

        if (streq(p->word, "rate"))
                return read_rate(r, o, value);
        if (streq(p->word, "mac"))
                return read_mac(r, o, value);
        if (streq(p->word, "type")) {
                if (!streq(value, "ioemu") && !streq(value, "vif"))
                        return false;
                add_text(r, o, p->member, streq(value, "ioemu") ? "vif_ioemu" : "vif");
        } else if (p->kind == 'n') {
                if (parse_u32(value, &number) < 0 || number > INT32_MAX)
                        return false;
                add(r, o, p->member, json_object_new_int64(number));
        } else
                add_text(r, o, p->member, value);
        return true;
}

static bool read_nic(XlRead *r, struct json_object *o, int i, char *spec) {
        char *rest = spec, *one;

        while ((one = strsep(&rest, ","))) {
                const XlPair *p = xl_nic_words;
                char *equals, *end;

                one += strspn(one, " \t");
                for (end = one + strlen(one); end > one && isspace((unsigned char) end[-1]);)
                        *--end = '\0';
                if (!*one)
                        continue;
                equals = strchr(one, '=');
                if (equals)
                        *equals = '\0';
                while (p->word && !streq(p->word, one))
                        p++;
                if (!p->word)
                        return xl_refuse(r, "vif[%d] has '%s', which cannot be carried over. Take it out.", i,
                                TEXT_SHORT(one, 64));
                if (!equals || !read_nic_word(r, o, p, equals + 1))
                        return xl_refuse(r, "vif[%d]: '%s' is no %s.", i, equals ? TEXT_SHORT(equals + 1, 64) : "", p->word);
        }
        return true;
}

bool xl_read_nics(XlRead *r, const XLU_ConfigList *list, int n) {
        for (int i = 0; i < n; i++) {
                const char *spec = xlu_cfg_get_listitem(list, i);
                _cleanup_free_ char *copy = strdup(strempty(spec));
                struct json_object *o = add_element(r, "nics");

                if (!copy || !o)
                        return r->no_memory = true;
                add(r, o, "devid", json_object_new_int64(i));
                if (!spec || !read_nic(r, o, i, copy))
                        return xl_refuse(r, "vif[%d] is no text.", i);
        }
        return true;
}

/* PCI functions */

static bool get_pci_default(XlRead *r, const char *key, bool *ret) {
        long flag = 0;
        const char *text;

        if (xlu_cfg_get_string(r->cfg, key, &text, 1) == 0 &&
                (xlu_cfg_get_bounded_long(r->cfg, key, 0, 1, &flag, 1) != 0))
                return xl_refuse(r, "The key %s is neither 0 nor 1.", key);
        *ret = flag;
        return true;
}

static void put_function(XlRead *r, const libxl_device_pci *pci) {
        struct json_object *o = add_element(r, "pcidevs");

        if (!o)
                return;
        add_number(r, o, "func", pci->func);
        add_number(r, o, "dev", pci->dev);
        add_number(r, o, "bus", pci->bus);
        add_number(r, o, "domain", pci->domain);
        add_number(r, o, "vdevfn", pci->vdevfn);
        add_number(r, o, "vfunc_mask", pci->vfunc_mask);
        add_flag(r, o, "msitranslate", pci->msitranslate);
        add_flag(r, o, "power_mgmt", pci->power_mgmt);
        add_flag(r, o, "permissive", pci->permissive);
        add_flag(r, o, "seize", pci->seize);
        if (pci->rdm_policy != LIBXL_RDM_RESERVE_POLICY_INVALID)
                add_text(r, o, "rdm_policy", libxl_rdm_reserve_policy_to_string(pci->rdm_policy));
        add_text(r, o, "name", pci->name);
}

bool xl_read_functions(XlRead *r, const XLU_ConfigList *list, int n) {
        bool msitranslate, power_mgmt, permissive, seize;

        if (!get_pci_default(r, "pci_msitranslate", &msitranslate) || !get_pci_default(r, "pci_power_mgmt", &power_mgmt) ||
                !get_pci_default(r, "pci_permissive", &permissive) || !get_pci_default(r, "pci_seize", &seize))
                return false;
        for (int i = 0; i < n; i++) {
                const char *spec = xlu_cfg_get_listitem(list, i);
                libxl_device_pci pci;
                bool good;

                libxl_device_pci_init(&pci);
                pci.msitranslate = msitranslate;
                pci.power_mgmt = power_mgmt;
                pci.permissive = permissive;
                pci.seize = seize;
                good = spec && xlu_pci_parse_spec_string(r->cfg, &pci, spec) == 0;
                if (good)
                        put_function(r, &pci);
                libxl_device_pci_dispose(&pci);
                if (!good)
                        return xl_refuse(r, "pci[%d] is no PCI function: %s", i, TEXT_SHORT(strempty(spec), 64));
        }
        return true;
}
