/*
 * Readers
 */

#include <inttypes.h>

#include "common/json/json-get.h"
#include "policyd/pool/each.h"
#include "policyd/pool/property.h"
#include "protocol/import.h"
#include "tests/proof/promises.h"
#include "tests/proof/readers.h"
#include "tests/proof/stranger.h"
#include "tests/proof/texts.h"

static void cannot_read(World *w, const char *what, const char *why) {
        history_add(&w->history, "reader cannot-read what=%s why=%s", what, why);
}

/* Refuses what is not good, as a client does. */
static struct json_object *parse(World *w, const char *what, const char *text) {
        JsonReader reader = {.refuses = true};
        struct json_object *o = NULL;

        if (!text_can_be_sent(text))
                cannot_read(w, what, "no bus sends it");
        if (json_parse(&reader, text, strlen(text), &o) < 0)
                cannot_read(w, what, reader.error);
        return o;
}

/* Reasons that an answer gives, each once. */
static void say_codes(World *w, const char *text) {
        uint64_t said = 0;

        for (const char *at = strstr(text, "\"code\":\""); at; at = strstr(at, "\"code\":\"")) {
                char word[64];
                size_t n;

                at += strlen("\"code\":\"");
                n = MIN_OF(strcspn(at, "\""), sizeof(word) - 1);
                memcpy(word, at, n);
                word[n] = '\0';
                for (ErrorCode code = ERROR_NONE + 1; code < _ERROR_MAX; code++)
                        if (streq(word, error_code_word(code)) && !(said >> code & 1)) {
                                said |= UINT64_C(1) << code;
                                history_add(&w->history, "reader is-told code=%s", word);
                        }
        }
}

int read_answer(World *w, const char *what, int r, char *answer) {
        _cleanup_free_ char *text = answer;
        _cleanup_json_ _unused_ struct json_object *o = text ? parse(w, what, text) : NULL;

        if (text)
                say_codes(w, text);
        return r;
}

int read_export(World *w, Vm *vm) {
        _cleanup_(import_record_done) ImportRecord record = {};
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {.refuses = true};
        _cleanup_free_ char *text = NULL;
        int r;

        r = vms_export(w->policy, vm, &text);
        if (r < 0)
                return r;
        o = parse(w, "Export", text);
        if (o && import_record_parse(&reader, o, &record) < 0)
                cannot_read(w, "Export", reader.error);
        return 0;
}

int read_config(World *w, const Vm *vm) {
        _cleanup_json_ _unused_ struct json_object *o = parse(w, "GetConfig", strempty(vm->config));

        return 0;
}

/* List and GetManagedObjects */

static void differs(World *w, const Object *o, const char *property) {
        history_add(&w->history, "reader differs %s=%s in=%s", object_class_to_string(o->class), UUID_TEXT(&o->id), property);
}

static size_t count_paths(const Object *o, const Property *p) {
        char path[OBJECT_PATH_MAX];
        size_t n = 0;

        for (size_t i = 0; property_next_path(o, p, &i, path);)
                n++;
        return n;
}

static bool is_text_of(struct json_object *value, const char *text) {
        return json_object_is_type(value, json_type_string) && streq(json_object_get_string(value), text);
}

/* Whether List says what the bus's property has. */
static bool is_same(const Object *o, const Property *p, struct json_object *value) {
        char buf[PROPERTY_TEXT_MAX];

        switch (*p->signature) {
        case 's':
                return is_text_of(value, property_text(o, p, buf));
        case 'o':
                return is_text_of(value, property_next_path(o, p, &(size_t){0}, buf) ?: "/");
        case 'b':
                return json_object_get_boolean(value) == (json_bool) property_number(o, p);
        case 'u':
        case 't':
                return json_object_get_uint64(value) == property_number(o, p);
        case 'a':
                if (p->signature[1] == '{')
                        return json_object_is_type(value, json_type_object) &&
                               streq(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                                       property_map(o, p));
                return json_object_is_type(value, json_type_array) &&
                       (p->signature[1] != 'o' || json_object_array_length(value) == count_paths(o, p));
        default:
                return true;
        }
}

static void read_object(World *w, const Object *o, struct json_object *listed) {
        struct json_object *value;

        if (!json_object_object_get_ex(listed, "uuid", &value) || !is_text_of(value, UUID_TEXT(&o->id)))
                differs(w, o, "uuid");
        for (const Property *p = class_properties(o->class); p->name; p++) {
                char buf[PROPERTY_TEXT_MAX];

                if (!json_object_object_get_ex(listed, p->name, &value) || !is_same(o, p, value))
                        differs(w, o, p->name);
                if (*p->signature == 's' && !text_can_be_sent(property_text(o, p, buf)))
                        cannot_read(w, p->name, "no bus sends it");
                for (const char *const *text = streq(p->signature, "as") ? property_texts(o, p) : NULL; text && *text; text++)
                        if (!text_can_be_sent(*text))
                                cannot_read(w, p->name, "no bus sends it");
        }
}

static int list_page(World *w, ObjectClass c, uint32_t offset, struct json_object **ret, Refusal *refusal) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = policy_list(w->policy, c, NULL, 0, offset, 1000, &text, refusal);
        *ret = r >= 0 && text ? parse(w, "List", text) : NULL;
        return r;
}

static int list_class(World *w, ObjectClass c, Refusal *refusal) {
        const PtrArray *all = &policy_pool(w->policy)->objects[c];
        struct json_object *objects = NULL;
        size_t n = 1;
        int r = 0;

        for (size_t at = 0; r >= 0 && n > 0 && at < all->n; at += n) {
                _cleanup_json_ struct json_object *page = NULL;

                r = list_page(w, c, (uint32_t) at, &page, refusal);
                n = page && json_object_object_get_ex(page, "objects", &objects) ? json_object_array_length(objects) : 0;
                for (size_t i = 0; i < n && at + i < all->n; i++)
                        read_object(w, all->items[at + i], json_object_array_get_idx(objects, i));
                if (n == 0)
                        history_add(&w->history, "reader differs class=%s in=total", object_class_to_string(c));
        }
        return r;
}

/* Filtered by the class's first property, which is a text. */
static int list_filtered(World *w, const Object *o, Refusal *refusal) {
        const Property *p = class_properties(o->class);
        char buf[PROPERTY_TEXT_MAX];
        _cleanup_free_ char *text = NULL;
        ListFilter filter = {.property = "nothing", .value = "", .type = 's'};
        int r;

        for (; p->name; p++)
                if (streq(p->signature, "s"))
                        break;
        if (p->name) {
                filter.property = p->name;
                filter.value = property_text(o, p, buf);
        }
        r = policy_list(w->policy, o->class, &filter, 1, 0, 10, &text, refusal);
        return read_answer(w, "List", r, take_ptr(text));
}

int read_list(World *w, Mirror *mirror, ObjectClass c, uint64_t dice, Refusal *refusal) {
        const PtrArray *all = &policy_pool(w->policy)->objects[c];

        mirror_compare(mirror, c);
        if (dice % 2 == 0 && all->n > 0)
                return list_filtered(w, all->items[dice / 2 % all->n], refusal);
        return list_class(w, c, refusal);
}

/* What clients gave: whatever some call promises (promises.h) */

static const char *text_value(const Object *o, const Property *p, ModelValue ret) {
        char buf[PROPERTY_TEXT_MAX], number[24];

        if (*p->signature == 's')
                return promise_text(property_text(o, p, buf), ret);
        if (*p->signature == 'b')
                return promise_text(property_number(o, p) ? "true" : "false", ret);
        (void) snprintf(number, sizeof(number), "%" PRIu64, property_number(o, p));
        return promise_text(number, ret);
}

/* The only one, of a list. */
static const char *object_value(const Object *o, const Property *p, ModelValue ret) {
        char path[OBJECT_PATH_MAX];
        Uuid id;

        (void) snprintf(ret, sizeof(ModelValue), "none");
        if (property_next_path(o, p, &(size_t){0}, path) && uuid_from_path_element(strrchr(path, '/') + 1, &id) >= 0)
                (void) snprintf(ret, sizeof(ModelValue), "%s", UUID_TEXT(&id));
        return ret;
}

static void show(World *w, const Object *o, const char *property, const char *value) {
        history_add(&w->history, "model text of=%s property=%s value=%s", UUID_TEXT(&o->id), property, value);
}

static void show_entry(World *w, const Object *o, const Property *p, const char *key, const char *value) {
        _cleanup_strbuf_ StrBuf b = {};

        promise_add_entry(&b, p->name, key, UUID_TEXT(&o->id), value);
        history_add(&w->history, "model entry%s", b.text);
}

static void show_entries(World *w, const Object *o, const Property *p) {
        const char *const *texts = streq(p->signature, "as") ? property_texts(o, p) : NULL;
        _cleanup_json_ struct json_object *map = streq(p->signature, "as") ? NULL : parse(w, p->name, property_map(o, p));

        for (; texts && *texts; texts++)
                show_entry(w, o, p, *texts, "");
        if (!map)
                return;
        json_object_object_foreach(map, key, value) {
                show_entry(w, o, p, key, json_object_get_string(value));
        }
}

static bool has_entries(const Property *p) {
        return streq(p->name, "OtherConfig") || streq(p->name, "Platform") || streq(p->name, "Tags");
}

static void show_object(World *w, const Object *o) {
        ModelValue value;

        show(w, o, "is", "there");
        for (const Property *p = class_properties(o->class); p->name; p++) {
                if (has_entries(p))
                        show_entries(w, o, p);
                if (!promises_name(p->name) || streq(p->name, "Health"))
                        continue;
                if (strchr(p->signature, 'o'))
                        show(w, o, p->name, object_value(o, p, value));
                else
                        show(w, o, p->name, text_value(o, p, value));
        }
        if (o->class == CLASS_VM)
                show(w, o, "Config", promise_json(strempty(((const Vm *) o)->config), NULL, value));
        if (o->class == CLASS_RESERVATION)
                history_add(&w->history, "model reservation=%s remaining=%zu", UUID_TEXT(&o->id), ((const Reservation *) o)->holds.n);
}

/* What is enabled on a card, as policyd has it. */
static void show_types(World *w, const Pgpu *g) {
        for_each(const VgpuType, t, &g->supported) {
                _cleanup_strbuf_ StrBuf b = {};

                promise_add_type(&b, strrchr(g->host->address, '/') + 1, PCI_TEXT(&g->pci), g->device_id, t->identifier,
                        ptr_array_contains(&g->enabled, t));
                history_add(&w->history, "model type%s", b.text);
        }
}

void read_all(World *w, Mirror *mirror) {
        _cleanup_refusal_ Refusal refusal = {};
        char *text = NULL;
        int r;

        if (!w->policy || policy_flush(w->policy) < 0)
                return;
        if (pool_has_changes(policy_pool(w->policy)))
                history_add(&w->history, "mirror differs in=what-nobody-commits");
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                mirror_compare(mirror, c);
                if (list_class(w, c, &refusal) < 0 || refusal.code != ERROR_NONE)
                        cannot_read(w, "List", object_class_to_string(c));
                for_each(const Object, o, &policy_pool(w->policy)->objects[c])
                        show_object(w, o);
        }
        for_each(const Pgpu, g, &policy_pool(w->policy)->objects[CLASS_PGPU])
                show_types(w, g);
        for (unsigned i = 0; i < w->n_machines; i++)
                stranger_list(&w->machines[i]);
        history_add(&w->history, "model texts-end");
        for_each(Vm, vm, &policy_pool(w->policy)->objects[CLASS_VM]) {
                (void) read_export(w, vm);
                (void) read_config(w, vm);
        }
        r = policy_capacity(w->policy, &text);
        (void) read_answer(w, "Capacity", r, text);
}
