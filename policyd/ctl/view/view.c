/*
 * The pool as the command line sees it
 */

#include "common/json/json-get.h"
#include "policyd/ctl/view/view-private.h"

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
        v->missing = hashmap_new_string();
        if (!v->objects || !v->missing) {
                view_free(v);
                return -ENOMEM;
        }
        *ret = v;
        return 0;
}

View *view_free(View *v) {
        ViewObject *o;
        char *path;

        if (!v)
                return NULL;
        for (size_t i = 0; v->objects && (o = hashmap_next(v->objects, &i));)
                view_object_free(o);
        for (size_t i = 0; v->missing && (path = hashmap_next(v->missing, &i));)
                free(path);
        hashmap_free(v->objects);
        hashmap_free(v->missing);
        free(v->of_class);
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
        if (!json_object_is_type(objects, json_type_object))
                return -EBADMSG;
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

void view_forget(View *v, const char *path) {
        v->listed = NULL;
        view_object_free(hashmap_remove(v->objects, path));
        free(hashmap_remove(v->missing, path));
}

/* Without memory it is asked for again. */
void view_note_missing(View *v, const char *path) {
        char *copy = hashmap_get(v->missing, path) ? NULL : strdup(path);

        if (copy && hashmap_put(v->missing, copy, copy) < 0)
                free(copy);
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

int view_fetch(View *v, const char *path, ClientError *ret_error, ViewObject **ret) {
        _cleanup_json_ struct json_object *properties = NULL;
        const ClassInfo *class = class_of_path(path);
        int r;

        if (!class || !v->client)
                return -EREMOTEIO;
        r = client_get_all(v->client, path, class->interface, ret_error, &properties);
        if (r >= 0)
                r = view_add(v, path, properties);
        if (r < 0)
                return r;
        *ret = hashmap_get(v->objects, path);
        return *ret ? 0 : -EREMOTEIO;
}

ViewObject *view_get(View *v, const char *path) {
        _cleanup_client_error_ ClientError error = {};
        ViewObject *o = hashmap_get(v->objects, path);
        int r;

        if (o || hashmap_get(v->missing, path))
                return o;
        r = view_fetch(v, path, &error, &o);
        if (r == -EREMOTEIO)
                view_note_missing(v, path);
        return r < 0 ? NULL : o;
}

struct json_object *object_property(const ViewObject *o, const char *property) {
        return o ? answer_member(o->properties, property) : NULL;
}

const char *object_text(const ViewObject *o, const char *property) {
        return o ? answer_text(o->properties, property) : "";
}

uint64_t object_number(const ViewObject *o, const char *property) {
        return o ? answer_number(o->properties, property) : 0;
}

bool object_flag(const ViewObject *o, const char *property) {
        return o && answer_flag(o->properties, property);
}

ViewObject *object_ref(View *v, const ViewObject *o, const char *property) {
        return view_get(v, object_text(o, property));
}

size_t object_n_refs(const ViewObject *o, const char *property) {
        return answer_length(object_property(o, property));
}

ViewObject *object_nth_ref(View *v, const ViewObject *o, const char *property, size_t n) {
        return view_get(v, answer_nth_text(object_property(o, property), n));
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

int view_class(View *v, const ClassInfo *c, ViewObject *const **ret, size_t *ret_n) {
        int r = 0;

        if (v->listed != c) {
                v->listed = NULL;
                free(take_ptr(v->of_class));
                r = view_collect(v, c, &v->of_class, &v->n_of_class);
        }
        if (r < 0)
                return r;
        v->listed = c;
        *ret = v->of_class;
        *ret_n = v->n_of_class;
        return 0;
}
