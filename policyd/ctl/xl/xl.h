#pragma once

/*
 * xl.cfg: the configs of xl(1), read as libxl's JSON and written from it
 *
 * The syntax, disks, PCI functions and rates are read by Xen's own libxlutil; what a key means in libxl's JSON is the table of
 * xl-keys.c, which is used in both directions. A key that has no row is refused by its name, never dropped.
 */

#include <json-c/json.h>

#include "common/base/strbuf.h"

/* 0; -ENOMEM; -EINVAL: *ret_why is a sentence. The config is libxl_domain_config; its uuid, if it has one, is in c_info. */
int xl_config_read(const char *text, struct json_object **ret, char **ret_why);
/* What no key stands for is a comment. */
int xl_config_write(struct json_object *config, StrBuf *b);

/* This folder as a module: xenvgpu loads it for the verbs that need it, as to load Xen's libraries takes longer than most verbs do. */
typedef struct XlModule {
        int (*read)(const char *text, struct json_object **ret, char **ret_why);
        int (*write)(struct json_object *config, StrBuf *b);
} XlModule;
#define XL_MODULE "xenvgpu-xl.so"
#define XL_MODULE_SYMBOL "xenvgpu_xl"
