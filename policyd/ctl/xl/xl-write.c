/*
 * From libxl's JSON to xl.cfg
 *
 * Each key takes what it stands for out of a copy of the config. What is left then stands at the end, as a comment.
 */

#include <inttypes.h>

#include "policyd/ctl/xl/xl-private.h"

/* Takes it out, with the objects around it that are then empty. */
static void drop(struct json_object *config, const char *path) {
        const char *slash = strchr(path, '/');
        struct json_object *inner;

        if (!slash) {
                json_object_object_del(config, path);
                return;
        }
        _cleanup_free_ char *member = strndup(path, (size_t) (slash - path));
        if (member && json_object_object_get_ex(config, member, &inner)) {
                drop(inner, slash + 1);
                if (json_object_is_type(inner, json_type_object) && json_object_object_length(inner) == 0)
                        json_object_object_del(config, member);
        }
}

static void write_string(StrBuf *b, struct json_object *config, const char *key, const char *path) {
        const char *text = json_object_get_string(xl_get(config, path));

        strbuf_addf(b, "%s = ", key);
        xl_write_text(b, strempty(text));
        strbuf_add(b, "\n");
        drop(config, path);
}

static void write_list(StrBuf *b, struct json_object *config, const char *key, const char *path) {
        struct json_object *list = xl_get(config, path);

        strbuf_addf(b, "%s = [ ", key);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                strbuf_add(b, i > 0 ? ", " : "");
                xl_write_text(b, strempty(json_object_get_string(json_object_array_get_idx(list, i))));
        }
        strbuf_add(b, " ]\n");
        drop(config, path);
}

static void write_number(StrBuf *b, struct json_object *config, const XlKey *k) {
        int64_t n = json_object_get_int64(xl_get(config, k->path));

        if (k->kind == XL_MIB && n % 1024 != 0)
                return;
        strbuf_addf(b, "%s = %" PRId64 "\n", k->key, k->kind == XL_MIB ? n / 1024 : n);
        drop(config, k->path);
}

static void write_word(StrBuf *b, struct json_object *config, const XlKey *k) {
        const char *text = strempty(json_object_get_string(xl_get(config, k->path)));
        _cleanup_free_ char *word = NULL;

        if (k->kind == XL_FLAG) {
                if (!streq(text, "True") && !streq(text, "False"))
                        return;
                strbuf_addf(b, "%s = %d\n", k->key, streq(text, "True"));
        } else {
                word = xl_word(k, text, /* to_libxl= */ false);
                if (!word)
                        return;
                strbuf_addf(b, "%s = \"%s\"\n", k->key, word);
        }
        drop(config, k->path);
}

static void write_row(StrBuf *b, struct json_object *config, const XlKey *k) {
        struct json_object *value = xl_get(config, k->path);
        _cleanup_strbuf_ StrBuf list = {};

        if (k->kind == XL_TEXT_OR_LIST) {
                strbuf_addf(&list, "%s_list", k->path);
                if (strbuf_error(&list) == 0 && json_object_is_type(xl_get(config, list.text), json_type_array))
                        write_list(b, config, k->key, list.text);
        }
        if (!value)
                return;
        if ((k->kind == XL_TEXT || k->kind == XL_TEXT_OR_LIST) && json_object_is_type(value, json_type_string))
                write_string(b, config, k->key, k->path);
        else if (k->kind == XL_NUMBER || k->kind == XL_MIB)
                write_number(b, config, k);
        else if (k->kind == XL_FLAG || k->kind == XL_WORD || k->kind == XL_WORD_OR_NUMBER)
                write_word(b, config, k);
        else if (k->kind == XL_TEXTS && json_object_is_type(value, json_type_array))
                write_list(b, config, k->key, k->path);
}

/* Those of several keys */

static void write_type(StrBuf *b, struct json_object *config) {
        const char *type = strempty(json_object_get_string(xl_get(config, "c_info/type")));

        strbuf_addf(b, "type = \"%s\"\n", *type ? type : "pv");
        drop(config, "c_info/type");
}

static void write_memory(StrBuf *b, struct json_object *config) {
        int64_t most = json_object_get_int64(xl_get(config, "b_info/max_memkb")),
                memory = json_object_get_int64(xl_get(config, "b_info/target_memkb"));

        if (memory == 0)
                memory = most;
        strbuf_addf(b, "memory = %" PRId64 "\n", (memory + 1023) / 1024);
        if (most > memory)
                strbuf_addf(b, "maxmem = %" PRId64 "\n", (most + 1023) / 1024);
        if (memory % 1024 == 0)
                drop(config, "b_info/target_memkb");
        if (most % 1024 == 0)
                drop(config, "b_info/max_memkb");
}

static void write_vcpus(StrBuf *b, struct json_object *config) {
        struct json_object *online = xl_get(config, "b_info/avail_vcpus");
        int64_t most = json_object_get_int64(xl_get(config, "b_info/max_vcpus")), n = most;
        bool in_order = true;

        if (online) {
                n = (int64_t) json_object_array_length(online);
                for (int64_t i = 0; i < n; i++)
                        in_order &= json_object_get_int64(json_object_array_get_idx(online, (size_t) i)) == i;
        }
        strbuf_addf(b, "vcpus = %" PRId64 "\n", n);
        if (most > n)
                strbuf_addf(b, "maxvcpus = %" PRId64 "\n", most);
        drop(config, "b_info/max_vcpus");
        if (in_order)
                drop(config, "b_info/avail_vcpus");
}

static void write_set(StrBuf *b, struct json_object *set) {
        strbuf_add(b, "\"");
        for (size_t i = 0; i < json_object_array_length(set); i++)
                strbuf_addf(b, "%s%" PRId64, i > 0 ? "," : "", json_object_get_int64(json_object_array_get_idx(set, i)));
        strbuf_add(b, "\"");
}

/* One set for all vcpus is written once. */
static size_t n_sets(struct json_object *config, struct json_object *sets) {
        size_t n = json_object_is_type(sets, json_type_array) ? json_object_array_length(sets) : 0;

        if (n == 0 || json_object_get_int64(xl_get(config, "b_info/max_vcpus")) != (int64_t) n)
                return n;
        for (size_t i = 1; i < n; i++)
                if (!json_object_equal(json_object_array_get_idx(sets, 0), json_object_array_get_idx(sets, i)))
                        return n;
        return 1;
}

static void write_cpus(StrBuf *b, struct json_object *config) {
        struct json_object *sets = xl_get(config, "b_info/vcpu_hard_affinity");
        const char *placed = strempty(json_object_get_string(xl_get(config, "b_info/numa_placement")));
        size_t n = n_sets(config, sets), n_all = n == 0 ? 0 : json_object_array_length(sets);

        if (!streq(placed, "False"))
                return;
        strbuf_add(b, n == 0 ? "cpus = \"all\"" : n < n_all ? "cpus = " : "cpus = [ ");
        for (size_t i = 0; i < n; i++) {
                strbuf_add(b, i > 0 ? ", " : "");
                write_set(b, json_object_array_get_idx(sets, i));
        }
        strbuf_add(b, n > 0 && n == n_all ? " ]\n" : "\n");
        drop(config, "b_info/vcpu_hard_affinity");
        drop(config, "b_info/numa_placement");
}

static void write_own(StrBuf *b, struct json_object *config, const char *key) {
        static const struct {
                const char *key;
                void (*write)(StrBuf *b, struct json_object *config);
        } writers[] = {{"type", write_type}, {"memory", write_memory}, {"vcpus", write_vcpus}, {"cpus", write_cpus},
                {"disk", xl_write_disks}, {"vif", xl_write_nics}, {"pci", xl_write_functions}};

        for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
                if (streq(writers[i].key, key))
                        writers[i].write(b, config);
}

/* Every member that is left, with its path; nothing of what is empty. */
static void write_rest(StrBuf *b, struct json_object *o, const char *path) {
        json_object_object_foreach(o, member, value) {
                _cleanup_strbuf_ StrBuf inner = {};
                bool is_object = json_object_is_type(value, json_type_object);

                strbuf_addf(&inner, "%s%s%s", path, *path ? "." : "", member);
                if (is_object && strbuf_error(&inner) == 0)
                        write_rest(b, value, strempty(inner.text));
                else if (!json_object_is_type(value, json_type_array) || json_object_array_length(value) > 0)
                        strbuf_addf(b, "# no key of xl.cfg: %s = %s\n", strempty(inner.text),
                                json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
        }
}

int xl_config_write(struct json_object *given, StrBuf *b) {
        struct json_object *config = json_tokener_parse(json_object_to_json_string(given));

        if (!config)
                return -ENOMEM;
        for (const XlKey *k = xl_keys; k->key; k++)
                if (k->kind == XL_OWN)
                        write_own(b, config, k->key);
                else
                        write_row(b, config, k);
        write_rest(b, config, "");
        json_object_put(config);
        return strbuf_error(b);
}
