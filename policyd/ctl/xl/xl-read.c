/*
 * From xl.cfg to libxl's JSON
 *
 * libxlutil reads the text, and cannot list what it read; so the names before each = are found here, outside of strings,
 * lists and comments. Each is then asked for by its row.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/text.h"
#include "policyd/ctl/xl/xl-private.h"

#define KEYS_MAX 256
#define VCPUS_MAX 4096

/* The names before each = */

typedef struct Name {
        const char *at;
        size_t n;
} Name;

static const char *skip_string(const char *at) {
        char quote = *at++;

        for (; *at && *at != quote; at++)
                if (*at == '\\' && at[1])
                        at++;
        return *at ? at + 1 : at;
}

static size_t find_names(const char *text, Name *ret, size_t max) {
        size_t depth = 0, n = 0;

        for (const char *at = text; *at;) {
                if (*at == '"' || *at == '\'')
                        at = skip_string(at);
                else if (*at == '#')
                        at += strcspn(at, "\n");
                else if (depth == 0 && (isalpha((unsigned char) *at) || *at == '_')) {
                        size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
                        const char *rest = at + size + strspn(at + size, " \t");

                        if ((*rest == '=' || (*rest == '+' && rest[1] == '=')) && n < max)
                                ret[n++] = (Name){at, size};
                        at += size;
                } else {
                        depth += *at == '[';
                        depth -= *at == ']' && depth > 0;
                        at++;
                }
        }
        return n;
}

/* By rows */

static bool read_text(XlRead *r, const XlKey *k) {
        const char *text;

        if (xlu_cfg_get_string(r->cfg, k->key, &text, 1) != 0)
                return xl_refuse(r, "The key %s is not one text.", k->key);
        xl_put_text(r, k->path, text);
        return true;
}

static bool get_number(XlRead *r, const char *key, long min, long max, long *ret) {
        if (xlu_cfg_get_long(r->cfg, key, ret, 1) != 0 || *ret < min || *ret > max)
                return xl_refuse(r, "The key %s is no number from %ld to %ld.", key, min, max);
        return true;
}

static bool read_number(XlRead *r, const XlKey *k) {
        long factor = k->kind == XL_MIB ? 1024 : 1, n;

        if (!get_number(r, k->key, k->kind == XL_MIB ? 0 : INT32_MIN, UINT32_MAX, &n))
                return false;
        xl_put_number(r, k->path, n * factor);
        return true;
}

static bool read_flag(XlRead *r, const XlKey *k) {
        libxl_defbool flag;

        libxl_defbool_unset(&flag);
        if (xlu_cfg_get_defbool(r->cfg, k->key, &flag, 1) != 0)
                return xl_refuse(r, "The key %s is neither 0 nor 1; no other value of it can be carried over.", k->key);
        xl_put_text(r, k->path, libxl_defbool_val(flag) ? "True" : "False");
        return true;
}

static bool read_word(XlRead *r, const XlKey *k) {
        _cleanup_free_ char *word = NULL;
        const char *text;
        uint32_t number;

        if (xlu_cfg_get_string(r->cfg, k->key, &text, 1) != 0)
                return xl_refuse(r, "The key %s is not one text.", k->key);
        if (k->kind == XL_WORD_OR_NUMBER && parse_u32(text, &number) >= 0)
                word = xl_nth_word(k, number);
        else
                word = xl_word(k, text, /* to_libxl= */ true);
        if (!word)
                return xl_refuse(r, "The key %s cannot be '%s'; it takes: %s.", k->key, TEXT_SHORT(text, 64), k->words);
        xl_put_text(r, k->path, word);
        return true;
}

/* As xl parts the one text that the list once was. */
static bool add_parts(XlRead *r, struct json_object *array, const char *text) {
        for (size_t n; *(text += strspn(text, " \t\n")); text += n) {
                n = strcspn(text, " \t\n");
                r->no_memory |= json_object_array_add(array, json_object_new_string_len(text, (int) n)) < 0;
        }
        return true;
}

static bool read_texts(XlRead *r, const XlKey *k, const char *path) {
        struct json_object *array = json_object_new_array();
        XLU_ConfigList *list;
        const char *text;
        int n;

        xl_put(r, path, array);
        if (r->no_memory)
                return true;
        if (xlu_cfg_get_list(r->cfg, k->key, &list, &n, 1) != 0) {
                if (xlu_cfg_get_string(r->cfg, k->key, &text, 1) != 0)
                        return xl_refuse(r, "The key %s is neither a text nor a list of texts.", k->key);
                return streq(k->key, "bootloader_args") ? add_parts(r, array, text)
                                                        : json_object_array_add(array, json_object_new_string(text)) == 0;
        }
        for (int i = 0; i < n; i++) {
                text = xlu_cfg_get_listitem(list, i);
                if (!text)
                        return xl_refuse(r, "An element of the list %s is no text.", k->key);
                r->no_memory |= json_object_array_add(array, json_object_new_string(text)) < 0;
        }
        return true;
}

static bool read_text_or_list(XlRead *r, const XlKey *k) {
        _cleanup_free_ char *path = NULL;

        if (xlu_cfg_get_list(r->cfg, k->key, NULL, NULL, 1) != 0)
                return read_text(r, k);
        if (asprintf(&path, "%s_list", k->path) < 0) {
                path = NULL;
                r->no_memory = true;
                return true;
        }
        return read_texts(r, k, path);
}

static bool read_row(XlRead *r, const XlKey *k) {
        switch (k->kind) {
        case XL_TEXT:
                return read_text(r, k);
        case XL_NUMBER:
        case XL_MIB:
                return read_number(r, k);
        case XL_FLAG:
                return read_flag(r, k);
        case XL_WORD:
        case XL_WORD_OR_NUMBER:
                return read_word(r, k);
        case XL_TEXTS:
                return read_texts(r, k, k->path);
        case XL_TEXT_OR_LIST:
                return read_text_or_list(r, k);
        case XL_OWN:
                break;
        }
        return true;
}

/* Those of several keys */

static const char *text_of(const XlRead *r, const char *key) {
        const char *text;

        return xlu_cfg_get_string(r->cfg, key, &text, 1) == 0 ? text : NULL;
}

static bool is_given(const XlRead *r, const char *key) {
        return text_of(r, key) || xlu_cfg_get_list(r->cfg, key, NULL, NULL, 1) == 0;
}

static bool read_type(XlRead *r) {
        const char *type = text_of(r, "type"), *builder = text_of(r, "builder");

        if (!type)
                type = !builder || streq(builder, "generic") ? "pv" : builder;
        if (!streq(type, "hvm") && !streq(type, "pv") && !streq(type, "pvh"))
                return xl_refuse(r, "The type is '%s'; it can be hvm, pv or pvh.", TEXT_SHORT(type, 64));
        xl_put_text(r, "c_info/type", type);
        xl_put(r, streq(type, "hvm") ? "b_info/type.hvm" : streq(type, "pv") ? "b_info/type.pv" : "b_info/type.pvh",
                json_object_new_object());
        return true;
}

static bool read_memory(XlRead *r) {
        long memory, most;

        if (!is_given(r, "memory"))
                return xl_refuse(r, "The key memory is missing.");
        if (!get_number(r, "memory", 1, INT32_MAX, &memory))
                return false;
        most = memory;
        if (is_given(r, "maxmem") && !get_number(r, "maxmem", memory, INT32_MAX, &most))
                return false;
        xl_put_number(r, "b_info/max_memkb", (int64_t) most * 1024);
        xl_put_number(r, "b_info/target_memkb", (int64_t) memory * 1024);
        return true;
}

static bool read_vcpus(XlRead *r, long *ret) {
        struct json_object *online = json_object_new_array();
        long n = 1, most;

        xl_put(r, "b_info/avail_vcpus", online);
        if (is_given(r, "vcpus") && !get_number(r, "vcpus", 1, VCPUS_MAX, &n))
                return false;
        most = n;
        if (is_given(r, "maxvcpus") && !get_number(r, "maxvcpus", n, VCPUS_MAX, &most))
                return false;
        for (long i = 0; i < n && !r->no_memory; i++)
                r->no_memory |= json_object_array_add(online, json_object_new_int64(i)) < 0;
        xl_put_number(r, "b_info/max_vcpus", most);
        *ret = most;
        return true;
}

/* "0-3,5,^1" */
static bool read_set(XlRead *r, const char *text, struct json_object **ret) {
        bool has[VCPUS_MAX] = {};
        struct json_object *set;

        for (const char *at = text; *at; at += *at == ',') {
                bool without = *at == '^';
                unsigned first, last;
                int n = 0;

                at += without;
                if (sscanf(at, "%u%n", &first, &n) != 1)
                        return xl_refuse(r, "cpus has '%s'; only numbers and ranges can be carried over, such as 0-3,^1.",
                                TEXT_SHORT(at, 64));
                at += n;
                last = first;
                if (*at == '-' && sscanf(at, "-%u%n", &last, &n) == 1)
                        at += n;
                if ((*at && *at != ',') || last < first || last >= VCPUS_MAX)
                        return xl_refuse(r, "cpus has '%s'; only numbers and ranges can be carried over, such as 0-3,^1.",
                                TEXT_SHORT(text, 64));
                for (unsigned i = first; i <= last; i++)
                        has[i] = !without;
        }
        if (!memchr(has, true, sizeof(has)))
                return xl_refuse(r, "cpus has '%s', which leaves no processor.", TEXT_SHORT(text, 64));
        set = *ret = json_object_new_array();
        for (int64_t i = 0; set && i < VCPUS_MAX; i++)
                r->no_memory |= has[i] && json_object_array_add(set, json_object_new_int64(i)) < 0;
        r->no_memory |= !set;
        return true;
}

static bool read_cpus(XlRead *r, long n_vcpus) {
        struct json_object *sets = json_object_new_array(), *set;
        const char *text = text_of(r, "cpus");
        XLU_ConfigList *list = NULL;
        int n = 0;

        if (!is_given(r, "cpus")) {
                json_object_put(sets);
                return true;
        }
        xl_put_text(r, "b_info/numa_placement", "False");
        if (text && streq(text, "all")) {
                json_object_put(sets);
                return true;
        }
        xl_put(r, "b_info/vcpu_hard_affinity", sets);
        if (!text && (xlu_cfg_get_list(r->cfg, "cpus", &list, &n, 1) != 0 || n > n_vcpus))
                return xl_refuse(r, "cpus has more elements than the VM has vcpus.");
        for (long i = 0; i < (text ? n_vcpus : n) && !r->no_memory; i++) {
                const char *one = text ?: xlu_cfg_get_listitem(list, (int) i);

                if (!one || !read_set(r, one, &set))
                        return xl_refuse(r, "An element of the list cpus is no text.");
                r->no_memory |= json_object_array_add(sets, set) < 0;
        }
        return true;
}

static bool read_extra(XlRead *r) {
        const char *root = text_of(r, "root"), *extra = text_of(r, "extra");
        _cleanup_strbuf_ StrBuf b = {};

        if ((!root && !extra) || is_given(r, "cmdline"))
                return true;
        strbuf_addf(&b, "%s%s%s%s", root ? "root=" : "", strempty(root), root && extra ? " " : "", strempty(extra));
        r->no_memory |= strbuf_error(&b) < 0;
        if (!r->no_memory)
                xl_put_text(r, "b_info/cmdline", strempty(b.text));
        return true;
}

/* uefi wins over bios=, wherever that stands; bios says nothing beside the default of the device model. */
static bool read_firmware(XlRead *r) {
        const XlKey *k = xl_key_find("firmware", strlen("firmware"));
        const char *text = text_of(r, "firmware");
        _cleanup_free_ char *word = NULL;

        if (!is_given(r, "firmware") || (text && streq(text, "bios")))
                return true;
        word = text ? xl_word(k, text, /* to_libxl= */ true) : NULL;
        if (!word)
                return xl_refuse(r, "The key firmware cannot be '%s'; it takes: %s.", TEXT_SHORT(strempty(text), 64), k->words);
        xl_put_text(r, k->path, word);
        return true;
}

/* Old files name the loader that every HVM guest has; xl ignores it too. */
static void leave_hvmloader(XlRead *r) {
        const char *kernel = strempty(json_object_get_string(xl_get(r->config, "b_info/kernel"))), *slash = strrchr(kernel, '/');

        if (xl_get(r->config, "b_info/type.hvm") && streq(slash ? slash + 1 : kernel, "hvmloader"))
                json_object_object_del(xl_get(r->config, "b_info"), "kernel");
}

static bool read_stdvga(XlRead *r) {
        long flag = 0;

        if (!is_given(r, "stdvga") || is_given(r, "vga"))
                return true;
        if (!get_number(r, "stdvga", 0, 1, &flag))
                return false;
        xl_put_text(r, XL_HVM "vga/kind", flag ? "std" : "cirrus");
        return true;
}

static bool read_list(XlRead *r, const char *key, bool (*read)(XlRead *r, const XLU_ConfigList *list, int n)) {
        XLU_ConfigList *list;
        int n;

        if (!is_given(r, key))
                return true;
        if (xlu_cfg_get_list(r->cfg, key, &list, &n, 1) != 0)
                return xl_refuse(r, "The key %s is no list; write %s = [ '…' ].", key, key);
        return read(r, list, n);
}

/* Only what a guest of that type has. */
static bool check_hvm(XlRead *r, const XlKey *k) {
        const char *type = strempty(json_object_get_string(xl_get(r->config, "c_info/type")));

        if (k->path && startswith(k->path, XL_HVM) && !streq(type, "hvm"))
                return xl_refuse(r, "The key %s is of HVM guests, and the type is %s; write type = \"hvm\".", k->key, type);
        return true;
}

/* All of them, so that a file need not be tried once for each. */
static bool refuse_unknown(XlRead *r, const Name *names, size_t n) {
        _cleanup_strbuf_ StrBuf b = {};
        size_t n_unknown = 0;

        for (size_t i = 0; i < n; i++)
                if (!xl_key_find(names[i].at, names[i].n)) {
                        strbuf_add(&b, n_unknown++ > 0 ? ", " : "");
                        strbuf_add_n(&b, names[i].at, names[i].n);
                }
        if (n_unknown == 0)
                return true;
        r->no_memory |= strbuf_error(&b) < 0;
        return xl_refuse(r, "The key%s %s cannot be carried over. Take %s out.", n_unknown > 1 ? "s" : "",
                TEXT_SHORT(strempty(b.text), 256), n_unknown > 1 ? "them" : "it");
}

static bool read_names(XlRead *r, const char *text) {
        Name names[KEYS_MAX];
        size_t n = find_names(text, names, KEYS_MAX);

        if (n == KEYS_MAX)
                return xl_refuse(r, "It has more than %d keys.", KEYS_MAX - 1);
        if (!refuse_unknown(r, names, n))
                return false;
        for (size_t i = 0; i < n && !r->no_memory; i++) {
                const XlKey *k = xl_key_find(names[i].at, names[i].n);

                if (is_given(r, k->key) && (!check_hvm(r, k) || !read_row(r, k)))
                        return false;
        }
        return true;
}

static bool read_all(XlRead *r, const char *text) {
        long n_vcpus = 1;

        if (!read_type(r) || !read_names(r, text))
                return false;
        leave_hvmloader(r);
        return read_memory(r) && read_vcpus(r, &n_vcpus) && read_cpus(r, n_vcpus) &&
               read_extra(r) && read_firmware(r) && read_stdvga(r) && read_list(r, "disk", xl_read_disks) && read_list(r, "vif", xl_read_nics) &&
               read_list(r, "pci", xl_read_functions);
}

/* libxlutil wants an end of the last line where that is a comment. */
static int parse(XlRead *r, FILE *report, const char *text) {
        _cleanup_free_ char *lines = NULL;
        int size;

        r->cfg = xlu_cfg_init(report, "the file");
        r->config = json_object_new_object();
        if (!r->cfg || !r->config)
                return -ENOMEM;
        size = asprintf(&lines, "%s\n", text);
        if (size < 0) {
                lines = NULL;
                return -ENOMEM;
        }
        if (xlu_cfg_readdata(r->cfg, lines, size) != 0)
                return -EINVAL;
        return read_all(r, text) ? 0 : -EINVAL;
}

int xl_config_read(const char *text, struct json_object **ret, char **ret_why) {
        _cleanup_free_ char *said = NULL;
        XlRead r = {};
        size_t n_said = 0;
        FILE *report = open_memstream(&said, &n_said);
        int result = report ? parse(&r, report, text) : -ENOMEM;

        if (r.cfg)
                xlu_cfg_destroy(r.cfg);
        if (report)
                (void) fclose(report);
        if (r.no_memory)
                result = -ENOMEM;
        if (result == -EINVAL) {
                if (said)
                        said[strcspn(said, "\n")] = '\0';
                *ret_why = r.why.len > 0 ? strbuf_take(&r.why) : strdup(isempty(said) ? "It cannot be read." : said);
        }
        strbuf_done(&r.why);
        if (result == 0)
                *ret = take_ptr(r.config);
        json_object_put(r.config);
        return result;
}
