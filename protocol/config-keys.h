#pragma once

/*
 * Which keys of a VM's config may reach libxl
 *
 * Whoever may create VMs writes their configs, and libxl, as root, runs programs and opens files that they
 * name. So a key passes only if it is in the table here: those of libxl 4.17 that name nothing of the host, and
 * those whose value can be checked. Everything else, also what a later libxl may add, is refused by name,
 * unless the host's administrator allows it in the setting allowed_config_keys, which hostd tells policyd.
 *
 * A key is written as a path without indices: b_info.type.hvm.serial, disks.pdev_path.
 */

#include "common/base/macros.h"

/* What the administrator of the host allows, from its settings. Borrowed. */
typedef struct ConfigRules {
        const char *storage;        /* folders, blank-separated: disks below them pass */
        const char *const *allowed; /* "key", "key=value", or "key=/folder/" for what is below; NULL: nothing */
} ConfigRules;

typedef enum ConfigKey {
        CONFIG_KEY_REFUSED,
        CONFIG_KEY_INNER, /* an object or an array of objects: its members are asked for one by one */
        CONFIG_KEY_LEAF,  /* the value decides: config_value_fault() */
        CONFIG_KEY_FREE,  /* passes with all that is in it */
} ConfigKey;

ConfigKey config_key_kind(const char *key);

/*
 * Why a leaf's value does not pass, as a clause ("is no file or device below /dev or /srv"), or NULL
 * when it does. The caller frees *ret. text NULL: the value is no string. -ENOMEM.
 */
int config_value_fault(const ConfigRules *rules, const char *key, const char *text, char **ret);

/*
 * Whether what a config says (config-walk.h) passes where these are allowed: "key" or "key=text". What is allowed bare
 * allows what is in it.
 */
bool config_objection_is_allowed(const char *const *allowed, const char *objection);

/* Whether the administrator allows it. text NULL: an object, an array, a number; only a bare key allows that. */
bool config_key_is_allowed(const ConfigRules *rules, const char *key, const char *text);
