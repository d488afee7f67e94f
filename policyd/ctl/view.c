/*
 * The pool as the command line sees it
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "policyd/ctl/view-private.h"
#include "protocol/errors.h"
#include "protocol/names.h"

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

static ViewObject *view_object_free(ViewObject *o) {
        if (!o)
                return NULL;
        free(o->path);
        json_object_put(o->properties);
        free(o);
        return NULL;
}

int view_new(Client *client, View **ret) {
        View *v = calloc(1, sizeof(*v));

        if (!v)
                return -ENOMEM;
        v->client = client;
        v->objects = hashmap_new_string();
        if (!v->objects) {
                free(v);
                return -ENOMEM;
        }
        *ret = v;
        return 0;
}

View *view_free(View *v) {
        ViewObject *o;

        if (!v)
                return NULL;
        for (size_t i = 0; (o = hashmap_next(v->objects, &i));)
                view_object_free(o);
        hashmap_free(v->objects);
        free(v);
        return NULL;
}

const char *path_to_uuid(const char *path, char buf[static 37]) {
        const char *last = path ? strrchr(path, '/') : NULL;
        Uuid id;

        buf[0] = 0;
        if (last && uuid_from_path_element(last + 1, &id) >= 0)
                uuid_to_string(&id, buf);
        return buf;
}

int view_add(View *v, const char *path, struct json_object *properties) {
        const ClassInfo *class = class_of_path(path);
        ViewObject *o;

        if (!class)
                return 0;
        view_forget(v, path);
        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;
        o->class = class;
        o->path = strdup(path);
        if (!o->path || hashmap_put(v->objects, o->path, o) < 0) {
                view_object_free(o);
                return -ENOMEM;
        }
        path_to_uuid(path, o->uuid);
        o->properties = json_object_get(properties);
        return 0;
}

int view_add_all(View *v, struct json_object *objects) {
        json_object_object_foreach(objects, path, interfaces) {
                const ClassInfo *class = class_of_path(path);
                struct json_object *properties;
                int r;

                if (!class || !json_object_object_get_ex(interfaces, class->interface, &properties))
                        continue;
                r = view_add(v, path, properties);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_too_large(const ClientError *e) {
        return streq_ptr(e->name, error_code_name(ERROR_LIMIT_REACHED));
}

/* At once, so that all of it is of one moment; a pool that no message carries, or whose moment others wait for, class by class. */
int view_load(View *v, ClientError *ret_error) {
        _cleanup_json_ struct json_object *objects = NULL;
        int r;

        r = client_call(v->client, POLICY_PATH, OBJECT_MANAGER, "GetManagedObjects", ret_error, &objects, "");
        if (r >= 0)
                return view_add_all(v, objects);
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

void view_forget(View *v, const char *path) {
        view_object_free(hashmap_remove(v->objects, path));
}

void view_set(View *v, const char *path, const char *property, struct json_object *value) {
        ViewObject *o = hashmap_get(v->objects, path);

        if (!o || !o->properties) {
                json_object_put(value);
                return;
        }
        if (value)
                json_object_object_add(o->properties, property, value);
        else
                json_object_object_del(o->properties, property);
}

ViewObject *view_get(View *v, const char *path) {
        _cleanup_json_ struct json_object *properties = NULL;
        _cleanup_client_error_ ClientError error = {};
        const ClassInfo *class = class_of_path(path);
        ViewObject *o = hashmap_get(v->objects, path);

        if (o || !class || !v->client)
                return o;
        if (client_get_all(v->client, path, class->interface, &error, &properties) < 0 ||
                view_add(v, path, properties) < 0)
                return NULL;
        return hashmap_get(v->objects, path);
}

struct json_object *object_property(const ViewObject *o, const char *property) {
        struct json_object *value;

        return o && o->properties && json_object_object_get_ex(o->properties, property, &value) ? value
                                                                                                : NULL;
}

const char *object_text(const ViewObject *o, const char *property) {
        struct json_object *value = object_property(o, property);

        return value ? strempty(json_object_get_string(value)) : "";
}

uint64_t object_number(const ViewObject *o, const char *property) {
        struct json_object *value = object_property(o, property);

        return value ? json_object_get_uint64(value) : 0;
}

bool object_flag(const ViewObject *o, const char *property) {
        struct json_object *value = object_property(o, property);

        return value && json_object_get_boolean(value);
}

const char *json_nth_text(struct json_object *array, size_t n) {
        if (!json_object_is_type(array, json_type_array) || n >= json_object_array_length(array))
                return "";
        return strempty(json_object_get_string(json_object_array_get_idx(array, n)));
}

ViewObject *object_ref(View *v, const ViewObject *o, const char *property) {
        return view_get(v, object_text(o, property));
}

size_t object_n_refs(const ViewObject *o, const char *property) {
        struct json_object *value = object_property(o, property);

        return json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
}

ViewObject *object_nth_ref(View *v, const ViewObject *o, const char *property, size_t n) {
        return view_get(v, json_nth_text(object_property(o, property), n));
}

typedef struct SortEntry {
        ViewObject *object;
        char *keys[2];
} SortEntry;

/* Numbers inside names sort as numbers, vm-2 before vm-10; the hex digits of an address do not. */
static int compare_entries(const void *a, const void *b) {
        const SortEntry *x = a, *y = b;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(x->keys); i++) {
                const char *key = x->object->class->sort[i];
                int (*compare)(const char *, const char *) =
                        key && streq(key, "pci-id") ? strcmp : strverscmp;

                r = compare(strempty(x->keys[i]), strempty(y->keys[i]));
        }
        return r ? r : strcmp(x->object->uuid, y->object->uuid);
}

static void fill_keys(View *v, SortEntry *e) {
        const ClassInfo *c = e->object->class;
        FieldName name;

        for (size_t i = 0; i < ARRAY_SIZE(e->keys) && c->sort[i]; i++)
                if (field_find(c, c->sort[i], &name))
                        e->keys[i] = field_text(v, e->object, name);
}

int view_collect(View *v, const ClassInfo *c, ViewObject ***ret, size_t *ret_n) {
        _cleanup_free_ ViewObject **list = calloc(hashmap_size(v->objects) + 1, sizeof(*list));
        ViewObject *o;
        size_t n = 0;

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; (o = hashmap_next(v->objects, &i));)
                if (o->class == c)
                        list[n++] = o;
        *ret = take_ptr(list);
        *ret_n = n;
        return 0;
}

int view_list(View *v, const ClassInfo *c, ViewObject ***ret, size_t *ret_n) {
        _cleanup_free_ SortEntry *entries = NULL;
        _cleanup_free_ ViewObject **list = NULL;
        size_t n;
        int r;

        r = view_collect(v, c, &list, &n);
        if (r < 0)
                return r;
        entries = calloc(n + 1, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                entries[i].object = list[i];

        /* The labels that order a list may fetch what they refer to. */
        for (size_t i = 0; i < n; i++)
                fill_keys(v, &entries[i]);
        qsort(entries, n, sizeof(*entries), compare_entries);
        for (size_t i = 0; i < n; i++) {
                list[i] = entries[i].object;
                free(entries[i].keys[0]);
                free(entries[i].keys[1]);
        }
        *ret = take_ptr(list);
        *ret_n = n;
        return 0;
}
