/*
 * Disks, network devices and PCI functions, to xl.cfg
 *
 * A member that has no word there stays in its array, which is then a comment.
 */

#include <inttypes.h>

#include "policyd/ctl/xl/xl-private.h"

static const char *text_of(struct json_object *o, const char *member) {
        struct json_object *value;

        return json_object_object_get_ex(o, member, &value) ? strempty(json_object_get_string(value)) : NULL;
}

static int64_t number_of(struct json_object *o, const char *member) {
        struct json_object *value;

        return json_object_object_get_ex(o, member, &value) ? json_object_get_int64(value) : 0;
}

static void write_word(StrBuf *b, const char *word, const char *value) {
        strbuf_addf(b, "%s%s=%s", b->len > 0 ? "," : "", word, value);
}

static void take_word(StrBuf *b, struct json_object *o, const char *word, const char *member) {
        const char *text = text_of(o, member);

        if (text)
                write_word(b, word, text);
        json_object_object_del(o, member);
}

static void take_flag(StrBuf *b, struct json_object *o, const char *word, const char *member) {
        if (number_of(o, member) != 0)
                strbuf_addf(b, "%s%s", b->len > 0 ? "," : "", word);
        json_object_object_del(o, member);
}

/* "disk = [ '…', '…' ]"; the elements of which nothing is left go. */
static void write_all(StrBuf *b, struct json_object *config, const char *key, const char *list,
        void (*write)(StrBuf *b, struct json_object *o, size_t i)) {
        struct json_object *array = xl_get(config, list);
        bool is_empty = true;

        if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) == 0)
                return;
        strbuf_addf(b, "%s = [\n", key);
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                struct json_object *o = json_object_array_get_idx(array, i);
                _cleanup_strbuf_ StrBuf one = {};

                write(&one, o, i);
                strbuf_add(b, "        ");
                xl_write_text(b, strempty(one.text));
                strbuf_add(b, ",\n");
                is_empty &= json_object_object_length(o) == 0;
        }
        strbuf_add(b, "]\n");
        if (is_empty)
                json_object_object_del(config, list);
}

/* The target is the last: it may have commas. */
static void write_disk(StrBuf *b, struct json_object *o, size_t i) {
        const char *discard = text_of(o, "discard_enable");

        take_word(b, o, "format", "format");
        take_word(b, o, "vdev", "vdev");
        write_word(b, "access", number_of(o, "readwrite") ? "rw" : "ro");
        json_object_object_del(o, "readwrite");
        if (number_of(o, "is_cdrom")) {
                write_word(b, "devtype", "cdrom");
                json_object_object_del(o, "is_cdrom");
                json_object_object_del(o, "removable"); /* every CD-ROM is */
        }
        take_flag(b, o, "removable", "removable");
        take_word(b, o, "backendtype", "backend");
        take_word(b, o, "backend", "backend_domname");
        take_word(b, o, "script", "script");
        take_flag(b, o, "direct-io-safe", "direct_io_safe");
        if (discard)
                strbuf_add(b, streq(discard, "True") ? ",discard" : ",no-discard");
        json_object_object_del(o, "discard_enable");
        take_word(b, o, "target", "pdev_path");
}

void xl_write_disks(StrBuf *b, struct json_object *config) {
        write_all(b, config, "disk", "disks", write_disk);
}

static void write_nic(StrBuf *b, struct json_object *o, size_t i) {
        int64_t bytes = number_of(o, "rate_bytes_per_interval"), usec = number_of(o, "rate_interval_usecs");
        const char *type = text_of(o, "nictype");

        if (type)
                write_word(b, "type", streq(type, "vif_ioemu") ? "ioemu" : "vif");
        json_object_object_del(o, "nictype");
        if (number_of(o, "devid") == (int64_t) i)
                json_object_object_del(o, "devid");
        for (const XlPair *p = xl_nic_words; p->word; p++)
                if (p->kind != 't')
                        take_word(b, o, p->word, p->member);
        if (bytes > 0 && usec > 0 && bytes * 1000000 % usec == 0) {
                strbuf_addf(b, "%srate=%" PRId64 "B/s@%" PRId64 "us", b->len > 0 ? "," : "", bytes * 1000000 / usec, usec);
                json_object_object_del(o, "rate_bytes_per_interval");
                json_object_object_del(o, "rate_interval_usecs");
        }
}

void xl_write_nics(StrBuf *b, struct json_object *config) {
        write_all(b, config, "vif", "nics", write_nic);
}

static void take_option(StrBuf *b, struct json_object *o, const char *member) {
        if (number_of(o, member) != 0)
                strbuf_addf(b, ",%s=1", member);
        json_object_object_del(o, member);
}

static void write_function(StrBuf *b, struct json_object *o, size_t i) {
        bool all = (uint32_t) number_of(o, "vfunc_mask") == LIBXL_PCI_FUNC_ALL;

        strbuf_addf(b, "%04x:%02x:%02x.", (unsigned) number_of(o, "domain"), (unsigned) number_of(o, "bus"),
                (unsigned) number_of(o, "dev"));
        if (all)
                strbuf_add(b, "*");
        else
                strbuf_addf(b, "%x", (unsigned) number_of(o, "func"));
        if (number_of(o, "vdevfn") != 0)
                strbuf_addf(b, "@%02x", (unsigned) number_of(o, "vdevfn") >> 3);
        if (all || number_of(o, "vfunc_mask") == 1)
                json_object_object_del(o, "vfunc_mask");
        take_option(b, o, "msitranslate");
        take_option(b, o, "power_mgmt");
        take_option(b, o, "permissive");
        take_option(b, o, "seize");
        take_word(b, o, "rdm_policy", "rdm_policy");
        take_word(b, o, "name", "name");
        for (const char *const *m = (const char *const[]){"domain", "bus", "dev", "func", "vdevfn", NULL}; *m; m++)
                json_object_object_del(o, *m);
}

void xl_write_functions(StrBuf *b, struct json_object *config) {
        write_all(b, config, "pci", "pcidevs", write_function);
}
