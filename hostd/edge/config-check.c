/*
 * A VM's config against what the host's administrator allows
 *
 * Two texts grow and shrink together on the way down: the path of the element and its key.
 */

#include <json-c/json.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/strbuf.h"
#include "common/text.h"
#include "hostd/edge/config-check.h"
#include "hostd/edge/own-disks.h"

#define KEY_SHOWN_MAX 256

typedef struct ConfigWalk {
        /* in */
        const StartOrder *order;
        const ConfigRules *rules;
        ConfigObjection objection;
        void *userdata;
        /* private */
        StrBuf path, key;
} ConfigWalk;

static int walk(ConfigWalk *w, struct json_object *o);

static void cut(StrBuf *b, size_t len) {
        b->len = len;
        if (b->text)
                b->text[len] = '\0';
}

static int object_to(ConfigWalk *w, const char *fault) {
        _cleanup_free_ char *path = text_clean(w->path.text, w->path.len, TEXT_LINE, KEY_SHOWN_MAX),
                            *key = text_clean(w->key.text, w->key.len, TEXT_LINE, KEY_SHOWN_MAX);

        return path && key ? w->objection(path, key, fault, w->userdata) : -ENOMEM;
}

/* libxl writes a default that is not chosen as "<default>". */
static bool says_nothing(struct json_object *o) {
        const char *text;

        switch (json_object_get_type(o)) {
        case json_type_null:
                return true;
        case json_type_boolean:
                return !json_object_get_boolean(o);
        case json_type_double:
        case json_type_int:
                return json_object_get_double(o) == 0;
        case json_type_object: {
                json_object_object_foreach(o, name, value) {
                        (void) name;
                        if (!says_nothing(value))
                                return false;
                }
                return true;
        }
        case json_type_array:
                return json_object_array_length(o) == 0;
        case json_type_string:
                text = json_object_get_string(o);
                return !*text || strcasecmp(text, "false") == 0 || streq(text, "<default>");
        }
        return false;
}

static const char *text_of(struct json_object *o) {
        /* A NUL inside would show us another text than libxl. */
        if (!json_object_is_type(o, json_type_string) ||
                strlen(json_object_get_string(o)) != (size_t) json_object_get_string_len(o))
                return NULL;
        return json_object_get_string(o);
}

/* These links go where a disk's content says, which a guest can change between our look and the next start. */
static bool is_named_by_content(const char *path) {
        static const char *const folders[] = {"/dev/disk/by-uuid/", "/dev/disk/by-label/", "/dev/disk/by-partuuid/",
                "/dev/disk/by-partlabel/", "/dev/disk/by-id/lvm-pv-uuid-", "/dev/disk/by-id/md-"};

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                if (startswith(path, folders[i]))
                        return true;
        return false;
}

/* Below /dev there are disks, and what is none: memory, Xen's own devices; and the disks of the host itself.
 * devtmpfs answers at once. */
static const char *device_fault(const char *key, const char *text) {
        static const OwnDiskPaths real = {};
        struct stat st;
        int r;

        if (!streq(key, "disks.pdev_path") || !text || !startswith(text, "/dev/"))
                return NULL;
        if (is_named_by_content(text))
                return "is a link that a guest can turn to another disk (take one of /dev/disk/by-path)";
        if (stat(text, &st) < 0)
                return NULL;
        if (!S_ISBLK(st.st_mode))
                return "is no block device";
        r = own_disk_find(&real, st.st_rdev);
        return r == 0 ? NULL
                : r < 0 ? "cannot be told from a disk that the host itself uses"
                        : "is a disk that the host itself uses";
}

static int judge_value(ConfigWalk *w, struct json_object *o) {
        _cleanup_free_ char *fault = NULL;
        const char *device;
        int r;

        if (says_nothing(o) || config_key_is_allowed(w->rules, w->key.text, text_of(o)))
                return 0;
        r = config_value_fault(w->rules, w->key.text, text_of(o), &fault);
        if (r < 0)
                return r;
        if (fault)
                return object_to(w, fault);
        device = device_fault(w->key.text, text_of(o));
        return device ? object_to(w, device) : 0;
}

/* Of an array each element has the array's key. */
static int each_element(
        ConfigWalk *w, struct json_object *array, int (*visit)(ConfigWalk *, struct json_object *)) {
        size_t mark = w->path.len;
        int r = 0;

        for (size_t i = 0; r == 0 && i < json_object_array_length(array); i++) {
                strbuf_addf(&w->path, "[%zu]", i);
                r = strbuf_error(&w->path) ?: visit(w, json_object_array_get_idx(array, i));
                cut(&w->path, mark);
        }
        return r;
}

static int judge_refused(ConfigWalk *w, struct json_object *o) {
        if (says_nothing(o) || config_key_is_allowed(w->rules, w->key.text, text_of(o)))
                return 0;
        if (json_object_is_type(o, json_type_array) && text_of(json_object_array_get_idx(o, 0)))
                return each_element(w, o, judge_refused);
        return object_to(w, NULL);
}

/* libxl leaves out what is 0. */
static uint64_t function_member(struct json_object *function, const char *name) {
        struct json_object *value;

        return json_object_object_get_ex(function, name, &value) ? json_object_get_uint64(value) : 0;
}

static bool is_ordered(const StartOrder *order, struct json_object *function) {
        for (size_t i = 0; i < order->n_pcis; i++) {
                const PciAddress *a = &order->pcis[i].address;

                if (function_member(function, "domain") == a->domain &&
                        function_member(function, "bus") == a->bus &&
                        function_member(function, "dev") == a->dev &&
                        function_member(function, "func") == a->fn)
                        return true;
        }
        return false;
}

/* dom0's driver would be taken off a function that nobody gave to VMs. */
static int judge_function(ConfigWalk *w, struct json_object *o) {
        return is_ordered(w->order, o) ? walk(w, o) : judge_refused(w, o);
}

static int judge(ConfigWalk *w, struct json_object *o) {
        switch (config_key_kind(w->key.text)) {
        case CONFIG_KEY_FREE:
                return 0;
        case CONFIG_KEY_LEAF:
                return json_object_is_type(o, json_type_array) ? each_element(w, o, judge_value)
                                                               : judge_value(w, o);
        case CONFIG_KEY_INNER:
                if (config_key_is_allowed(w->rules, w->key.text, NULL))
                        return 0;
                if (json_object_is_type(o, json_type_array))
                        return each_element(w, o, streq(w->key.text, "pcidevs") ? judge_function : walk);
                return walk(w, o);
        case CONFIG_KEY_REFUSED:
                break;
        }
        return judge_refused(w, o);
}

/* What stands in place of an object is nothing that libxl reads, and so nothing that passes. */
static int walk(ConfigWalk *w, struct json_object *o) {
        size_t path = w->path.len, key = w->key.len;
        int r = 0;

        if (!json_object_is_type(o, json_type_object))
                return judge_refused(w, o);
        json_object_object_foreach(o, name, value) {
                const char *dot = key > 0 ? "." : "";

                strbuf_addf(&w->path, "%s%s", dot, name);
                strbuf_addf(&w->key, "%s%s", dot, name);
                r = strbuf_error(&w->path) ?: strbuf_error(&w->key) ?: judge(w, value);
                cut(&w->path, path);
                cut(&w->key, key);
                if (r != 0)
                        break;
        }
        return r;
}

/* NVIDIA's emulator, which is root's, reads KEY=VALUE from it, as from a type's file, where plugin0.plugin is the
 * path of a library that it loads. Of the keys that VMs need none takes a path. */
static int judge_emulator_text(ConfigWalk *w, size_t i, const char *name, const char *text) {
        char path[64];

        if (isempty(text) || !strpbrk(text, "/ \t") ||
                config_key_is_allowed(w->rules, "vgpu_extra_args", text))
                return 0;
        (void) snprintf(path, sizeof(path), "vgpus[%zu].%s", i, name);
        return w->objection(
                path, "vgpu_extra_args", "gives the emulator a path or a blank beside KEY=VALUE", w->userdata);
}

static int judge_vgpus(ConfigWalk *w) {
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

int config_check(
        const StartOrder *order, const ConfigRules *rules, ConfigObjection objection, void *userdata) {
        ConfigWalk w = {.order = order, .rules = rules, .objection = objection, .userdata = userdata};
        int r;

        r = walk(&w, order->vm.config) ?: judge_vgpus(&w);
        strbuf_done(&w.path);
        strbuf_done(&w.key);
        return r;
}
