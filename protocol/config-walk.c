/*
 * A VM's config, key by key
 *
 * Two texts grow and shrink together on the way down: the path of the element and its key.
 */

#include <strings.h>

#include "common/base/strbuf.h"
#include "common/base/text.h"
#include "protocol/config-walk.h"

#define KEY_SHOWN_MAX 256

typedef struct ConfigWalk {
        const ConfigRules *rules;
        const ConfigAsks *asks;
        StrBuf path, key;
} ConfigWalk;

static int walk(ConfigWalk *w, struct json_object *o);

static void cut(StrBuf *b, size_t len) {
        b->len = len;
        if (b->text)
                b->text[len] = '\0';
}

static const char *text_of(struct json_object *o) {
        /* A NUL inside would show us another text than libxl. */
        if (!json_object_is_type(o, json_type_string) ||
                strlen(json_object_get_string(o)) != (size_t) json_object_get_string_len(o))
                return NULL;
        return json_object_get_string(o);
}

static int object_to(ConfigWalk *w, struct json_object *o, const char *fault) {
        _cleanup_free_ char *path = text_clean(w->path.text, w->path.len, TEXT_LINE, KEY_SHOWN_MAX),
                            *key = text_clean(w->key.text, w->key.len, TEXT_LINE, KEY_SHOWN_MAX);

        return path && key ? w->asks->objection(path, key, text_of(o), fault, w->asks->userdata) : -ENOMEM;
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

/* These links go where a disk's content says, which a guest can change between our look and the next start.
 */
static bool is_named_by_content(const char *path) {
        static const char *const folders[] = {"/dev/disk/by-uuid/", "/dev/disk/by-label/",
                "/dev/disk/by-partuuid/", "/dev/disk/by-partlabel/", "/dev/disk/by-id/lvm-pv-uuid-",
                "/dev/disk/by-id/md-"};

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                if (startswith(path, folders[i]))
                        return true;
        return false;
}

static const char *value_fault_of_path(const ConfigWalk *w, const char *text) {
        if (!text || !streq(w->key.text, "disks.pdev_path"))
                return NULL;
        if (is_named_by_content(text))
                return "is a link that a guest can turn to another disk (take one of /dev/disk/by-path)";
        return w->asks->device_fault ? w->asks->device_fault(text) : NULL;
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
                return object_to(w, o, fault);
        device = value_fault_of_path(w, text_of(o));
        return device ? object_to(w, o, device) : 0;
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
        return object_to(w, o, NULL);
}

/* dom0's driver would be taken off a function that nobody gave to VMs. */
static int judge_function(ConfigWalk *w, struct json_object *o) {
        const ConfigAsks *a = w->asks;

        return a->is_ordered && a->is_ordered(o, a->userdata) ? walk(w, o) : judge_refused(w, o);
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

int config_walk(struct json_object *config, const ConfigRules *rules, const ConfigAsks *asks) {
        ConfigWalk w = {.rules = rules, .asks = asks};
        int r = walk(&w, config);

        strbuf_done(&w.path);
        strbuf_done(&w.key);
        return r;
}

typedef struct Collected {
        char **texts;
        size_t n;
} Collected;

static int collect(const char *path, const char *key, const char *text, const char *fault, void *userdata) {
        Collected *c = userdata;
        _cleanup_strbuf_ StrBuf b = {};

        (void) path;
        (void) fault;
        /* Which functions a VM gets is asked apart. */
        if (streq(key, "pcidevs"))
                return 0;
        strbuf_add(&b, key);
        if (text && strlen(text) <= CONFIG_OBJECTION_TEXT_MAX)
                strbuf_addf(&b, "=%s", text);
        c->texts[c->n] = strbuf_take(&b);
        if (!c->texts[c->n])
                return -ENOMEM;
        return ++c->n == CONFIG_OBJECTIONS_MAX;
}

int config_objections(struct json_object *config, char ***ret) {
        /* Which folders a host has for disks is asked apart. */
        const ConfigRules rules = {.storage = "/"};
        Collected c = {.texts = calloc(CONFIG_OBJECTIONS_MAX + 1, sizeof(char *))};
        const ConfigAsks asks = {.objection = collect, .userdata = &c};
        int r;

        if (!c.texts)
                return -ENOMEM;
        r = config_walk(config, &rules, &asks);
        if (r < 0) {
                strv_free(c.texts);
                return r;
        }
        *ret = c.texts;
        return 0;
}
