#pragma once

/*
 * A VM's config, key by key
 *
 * config-keys.h says which keys pass; this walks through the config, libxl's own JSON, and names each key
 * that does not. What is there and says nothing (null, false, 0, empty) is passed over. hostd asks it at each
 * start order, policyd before it chooses a host.
 */

#include "common/json/json-get.h"
#include "protocol/config-keys.h"

typedef struct ConfigAsks {
        /* path names the element ("disks[0].pdev_path"), key is that without indices, text the value where it
         * is a string, fault NULL or why the value does not pass. Anything but 0 ends the walk and is
         * returned. */
        int (*objection)(
                const char *path, const char *key, const char *text, const char *fault, void *userdata);
        /* What only the host can tell of a disk's path; NULL: it is not asked. */
        const char *(*device_fault)(const char *path);
        /* Whether the element of pcidevs was booked for the VM; NULL: none was. */
        bool (*is_ordered)(struct json_object *function, void *userdata);
        void *userdata;
} ConfigAsks;

/* 0 when it went through all, -ENOMEM, or what the handler returned. */
int config_walk(struct json_object *config, const ConfigRules *rules, const ConfigAsks *asks);

/*
 * What a host must allow for this config, as far as its text tells: the first CONFIG_OBJECTIONS_MAX, in the
 * shape that config_objection_is_allowed() takes; a longer text is left out of it. Neither pcidevs nor the
 * folders of disks. The caller frees *ret (strv_free). -ENOMEM.
 */
#define CONFIG_OBJECTIONS_MAX 16u
#define CONFIG_OBJECTION_TEXT_MAX 4096u
int config_objections(struct json_object *config, char ***ret);
