/*
 * A VM's config against what the host's administrator allows
 */

#include <json-c/json.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/strbuf.h"
#include "hostd/edge/config-check.h"
#include "hostd/edge/own-disks.h"
#include "protocol/config-walk.h"

typedef struct ConfigCheck {
        const StartOrder *order;
        const ConfigRules *rules;
        ConfigObjection objection;
        void *userdata;
} ConfigCheck;

/* Below /dev there are disks for VMs, the disks of the host itself, and devices that are no disks (memory,
 * Xen's own). Looking at devtmpfs does not block. */
static const char *device_fault(const char *text) {
        static const OwnDiskPaths real = {};
        struct stat st;
        int r;

        if (!startswith(text, "/dev/") || stat(text, &st) < 0)
                return NULL;
        if (!S_ISBLK(st.st_mode))
                return "is no block device";
        r = own_disk_find(&real, st.st_rdev);
        return r == 0 ? NULL
                : r < 0 ? "cannot be told from a disk that the host itself uses"
                        : "is a disk that the host itself uses";
}

static bool is_ordered(struct json_object *function, void *userdata) {
        const StartOrder *order = ((const ConfigCheck *) userdata)->order;
        PciAddress address;

        if (!vm_config_function(function, &address))
                return false;
        for (size_t i = 0; i < order->n_pcis; i++)
                if (pci_address_compare(&order->pcis[i].address, &address) == 0)
                        return true;
        return false;
}

/* NVIDIA's emulator, which is root's, reads KEY=VALUE from it, as from a type's file, where plugin0.plugin is the
 * path of a library that it loads. Of the keys that VMs need none takes a path. */
static int judge_emulator_text(const ConfigCheck *w, size_t i, const char *name, const char *text) {
        char path[64];

        if (isempty(text) || !strpbrk(text, "/ \t") ||
                config_key_is_allowed(w->rules, "vgpu_extra_args", text))
                return 0;
        (void) snprintf(path, sizeof(path), "vgpus[%zu].%s", i, name);
        return w->objection(
                path, "vgpu_extra_args", "gives the emulator a path or a blank beside KEY=VALUE", w->userdata);
}

static int judge_vgpus(const ConfigCheck *w) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < w->order->n_vgpus; i++) {
                const VgpuRecord *v = &w->order->vgpus[i];

                if (v->kind != VGPU_KIND_NVIDIA)
                        continue;
                r = judge_emulator_text(w, i, "extra_args", v->nvidia.extra_args);
                if (r == 0 && v->nvidia.config_file)
                        r = judge_emulator_text(w, i, "config_file", strchr(v->nvidia.config_file, ','));
        }
        return r;
}

static int pass_on(const char *path, const char *key, const char *text, const char *fault, void *userdata) {
        const ConfigCheck *c = userdata;

        (void) text;
        return c->objection(path, key, fault, c->userdata);
}

int config_check(
        const StartOrder *order, const ConfigRules *rules, ConfigObjection objection, void *userdata) {
        ConfigCheck c = {.order = order, .rules = rules, .objection = objection, .userdata = userdata};
        const ConfigAsks asks = {
                .objection = pass_on,
                .device_fault = device_fault,
                .is_ordered = is_ordered,
                .userdata = &c,
        };

        return config_walk(order->vm.config, rules, &asks) ?: judge_vgpus(&c);
}
