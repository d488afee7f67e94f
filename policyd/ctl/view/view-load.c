/*
 * Fetching classes
 *
 * List gives pages, and the pool may change between two of them: when its number of objects did, the pages
 * are fetched again, up to ROUNDS_MAX times. After that an object that came or went meanwhile may be missing.
 */

#include <stdio.h>

#include "common/base/hashmap.h"
#include "common/base/uuid.h"
#include "common/json/json-get.h"
#include "policyd/ctl/view/view-private.h"
#include "protocol/errors.h"
#include "protocol/names.h"

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define PAGE_OBJECTS 1000
#define ROUNDS_MAX 3
#define FEW 8 /* references that are followed one by one */

static int fetch_page(View *v, const ClassInfo *c, const ClientOption *filters, uint32_t offset,
        uint32_t limit, ClientError *ret_error, struct json_object **ret) {
        _cleanup_json_ struct json_object *text = NULL;
        const ClientOption none[1] = {};
        JsonReader reader = {};
        const char *json;
        int r;

        r = client_call(v->client, POLICY_PATH, POLICY_IFACE_MANAGER, "List", ret_error, &text, "sVuu",
                c->word, filters ?: none, offset, limit);
        if (r < 0)
                return r;
        json = strempty(json_object_get_string(text));
        return json_parse_answer(&reader, json, strlen(json), ret) < 0 ? -EBADMSG : 0;
}

/* How many objects it had; a negative errno. */
static int add_page(View *v, struct json_object *page) {
        struct json_object *objects = answer_member(page, "objects");
        size_t n = answer_length(objects);

        if (!json_object_is_type(objects, json_type_array))
                return -EBADMSG;
        for (size_t i = 0; i < n; i++) {
                struct json_object *o = answer_nth(objects, i);

                if (!answer_member(o, "path"))
                        return -EBADMSG;
                if (view_add(v, answer_text(o, "path"), o) < 0)
                        return -ENOMEM;
        }
        return (int) n;
}

/* 1: the pool changed meanwhile. */
static int load_pages(View *v, const ClassInfo *c, const ClientOption *filters, ClientError *ret_error) {
        uint64_t total = 1, first = 0;
        int r;

        for (uint32_t offset = 0; offset < total; offset += (uint32_t) r) {
                _cleanup_json_ struct json_object *page = NULL;

                r = fetch_page(v, c, filters, offset, PAGE_OBJECTS, ret_error, &page);
                if (r < 0)
                        return r;
                total = answer_number(page, "total");
                if (offset == 0)
                        first = total;
                r = add_page(v, page);
                if (r <= 0)
                        return r;
        }
        return total != first;
}

/* The host that is dialled without a network; NULL: the master is no host of the pool. */
static int find_master(View *v, ClientError *ret_error, const ViewObject **ret) {
        ViewObject *const *hosts;
        size_t n = 0;
        int r;

        r = view_need_class(v, class_find("host"), ret_error);
        if (r >= 0)
                r = view_class(v, class_find("host"), &hosts, &n);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (streq(object_text(hosts[i], "Address"), "system"))
                        *ret = hosts[i];
        return r;
}

/* A pool is no object on the bus; its Manager has what there is to know. */
static int load_pool(View *v, ClientError *ret_error) {
        _cleanup_json_ struct json_object *pool = NULL;
        char element[UUID_TEXT_MAX + 1], path[256];
        const ViewObject *master = NULL;
        Uuid id = UUID_NULL;
        int r;

        r = find_master(v, ret_error, &master);
        if (r >= 0)
                r = client_get_all(v->client, POLICY_PATH, POLICY_IFACE_MANAGER, ret_error, &pool);
        if (r < 0)
                return r;
        (void) uuid_from_string(answer_text(pool, "PoolUUID"), &id);
        snprintf(path, sizeof(path), POLICY_PATH "/pool/%s", uuid_to_path_element(&id, element));
        r = json_add_string(pool, "UUID", answer_text(pool, "PoolUUID")) ?: json_add_string(pool, "NameLabel", "") ?:
            json_add_string(pool, "NameDescription", "") ?: json_add_string(pool, "Master", master ? master->path : "/");
        return r < 0 ? r : view_add(v, path, pool);
}

int view_load_class(View *v, const ClassInfo *c, const ClientOption *filters, ClientError *ret_error) {
        int r = 1;

        if (streq(c->name, "pool"))
                return load_pool(v, ret_error);
        for (unsigned round = 0; round < ROUNDS_MAX && r > 0; round++)
                r = load_pages(v, c, filters, ret_error);
        if (r >= 0 && !filters)
                v->loaded[c - classes] = true;
        return r < 0 ? r : 0;
}

int view_need_class(View *v, const ClassInfo *c, ClientError *ret_error) {
        return !v->client || v->loaded[c - classes] ? 0 : view_load_class(v, c, NULL, ret_error);
}

static bool is_too_large(const ClientError *e) {
        return streq_ptr(e->name, error_code_name(ERROR_LIMIT_REACHED));
}

/* In one call, so that all objects are of one moment. A pool that is too large for one message is fetched class by class. */
int view_load(View *v, ClientError *ret_error) {
        _cleanup_json_ struct json_object *objects = NULL;
        int r;

        r = client_call(v->client, POLICY_PATH, OBJECT_MANAGER, "GetManagedObjects", ret_error, &objects, "");
        if (r >= 0) {
                for (size_t i = 0; i < n_classes; i++)
                        v->loaded[i] = true;
                return view_add_all(v, objects);
        }
        if (r != -EREMOTEIO || !is_too_large(ret_error))
                return r;
        client_error_done(ret_error);
        for (size_t i = 0; i < n_classes; i++) {
                r = view_load_class(v, &classes[i], NULL, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int view_count(
        View *v, const ClassInfo *c, const ClientOption *filters, ClientError *ret_error, uint64_t *ret) {
        _cleanup_json_ struct json_object *page = NULL;
        int r;

        r = fetch_page(v, c, filters, 0, 1, ret_error, &page);
        if (r < 0)
                return r;
        *ret = answer_number(page, "total");
        return 0;
}

int view_explain(View *v, const ViewObject *vm, struct json_object **ret) {
        _cleanup_json_ struct json_object *text = NULL;
        _cleanup_client_error_ ClientError error = {};
        const ClientOption none[1] = {};
        JsonReader reader = {};
        const char *json = "{}";
        int r = 0;

        if (v->client)
                r = client_call(v->client, vm->path, vm->class->interface, "ExplainStart", &error, &text, "oV", "/", none);
        if (r < 0)
                return r;
        if (text)
                json = strempty(json_object_get_string(text));
        return json_parse_answer(&reader, json, strlen(json), ret) < 0 ? -EBADMSG : 0;
}

/* Labels */

static void count_unknown(View *v, const char *path, size_t *counts) {
        const ClassInfo *c = class_of_path(path);

        if (c && !v->loaded[c - classes] && !hashmap_get(v->objects, path))
                counts[c - classes]++;
}

static void count_references(View *v, struct json_object *value, size_t *counts) {
        if (!json_object_is_type(value, json_type_array)) {
                count_unknown(v, strempty(json_object_get_string(value)), counts);
                return;
        }
        for (size_t i = 0; i < json_object_array_length(value); i++)
                count_unknown(v, answer_nth_text(value, i), counts);
}

static void note_missing(View *v, const char *path, const size_t *counts) {
        const ClassInfo *c = class_of_path(path);

        if (c && counts[c - classes] > FEW && !hashmap_get(v->objects, path))
                view_note_missing(v, path);
}

/* The classes that were fetched whole just now do not have it. */
static void note_what_is_missing(View *v, struct json_object *value, const size_t *counts) {
        if (!json_object_is_type(value, json_type_array))
                note_missing(v, strempty(json_object_get_string(value)), counts);
        for (size_t i = 0; i < answer_length(value); i++)
                note_missing(v, answer_nth_text(value, i), counts);
}

static bool is_reference(FieldKind kind) {
        return kind == FIELD_REF || kind == FIELD_REFS || kind == FIELD_LABEL;
}

int view_load_labels(View *v, ViewObject *const *objects, size_t n, FieldName name, ClientError *ret_error) {
        size_t counts[CLASSES_MAX] = {};
        int r = 0;

        if (!v->client || !is_reference(name.field->kind))
                return 0;
        for (size_t i = 0; i < n; i++)
                count_references(v, object_property(objects[i], name.field->property), counts);
        for (size_t i = 0; i < n_classes && r >= 0; i++) {
                if (counts[i] <= FEW)
                        continue;
                r = view_load_class(v, &classes[i], NULL, ret_error);
                /* A PGPU's label begins with its host's. */
                if (r >= 0 && streq(classes[i].name, "pgpu") && !v->loaded[class_find("host") - classes])
                        r = view_load_class(v, class_find("host"), NULL, ret_error);
        }
        for (size_t i = 0; i < n && r >= 0; i++)
                note_what_is_missing(v, object_property(objects[i], name.field->property), counts);
        return r;
}
