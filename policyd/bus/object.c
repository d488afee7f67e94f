/*
 * Paths and objects
 *
 * /org/xenvgpu/Policy1/<class>/_<uuid>. sd-bus asks for an object by path each time; nothing of it is cached
 * here.
 */

#include "common/base/strlist.h"
#include "policyd/bus/bus-private.h"

/* Of one node in an introspection's XML. */
#define NODE_BYTES 72

/* The class of a path below a class's node, whether or not that object exists, and the rest of the path. */
static ObjectClass class_of_path(const Bus *bus, const char *path, const char **ret_element) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                const char *rest = startswith(path, bus->shown[c].path);

                if (rest && *rest == '/') {
                        *ret_element = rest + 1;
                        return c;
                }
        }
        return _CLASS_INVALID;
}

Object *object_at(Bus *bus, const char *path) {
        const char *element;
        ObjectClass c = class_of_path(bus, path, &element);
        Object *o;
        Uuid id;

        if (c < 0 || uuid_from_path_element(element, &id) < 0)
                return NULL;
        o = pool_get(policy_pool(bus->policy), c, &id);
        if (o)
                o->userdata = bus;
        return o;
}

int object_argument(Bus *bus, const char *path, ObjectClass c, Object **ret, sd_bus_error *error) {
        const char *word = object_class_to_string(c);
        Object *o = object_at(bus, path);

        if (!o)
                return bus_error_set(error, ERROR_NO_SUCH_OBJECT,
                        "There is no %s %s in the pool; List(\"%s\", …) shows those that are.", word, path,
                        word);
        if (o->class != c)
                return bus_error_set(error, ERROR_NO_SUCH_OBJECT, "%s is a %s; a %s is needed here.", path,
                        object_class_to_string(o->class), word);
        *ret = o;
        return 0;
}

int object_argument_or_none(Bus *bus, const char *path, ObjectClass c, Object **ret, sd_bus_error *error) {
        if (!streq(path, "/"))
                return object_argument(bus, path, c, ret, error);
        *ret = NULL;
        return 0;
}

int object_read(Bus *bus, sd_bus_message *m, ObjectClass c, Object **ret, sd_bus_error *error) {
        const char *path;
        int r;

        r = sd_bus_message_read(m, "o", &path);
        return r < 0 ? r : object_argument(bus, path, c, ret, error);
}

int object_read_or_none(Bus *bus, sd_bus_message *m, ObjectClass c, Object **ret, sd_bus_error *error) {
        const char *path;
        int r;

        r = sd_bus_message_read(m, "o", &path);
        return r < 0 ? r : object_argument_or_none(bus, path, c, ret, error);
}

/*
 * sd-bus looks for the object only among those that have the method's interface. For another it would take the
 * error that its path leads to for one of the system's.
 */
int object_check_path(Bus *bus, const char *path, const char *interface, sd_bus_error *error) {
        const char *element;
        ObjectClass c = class_of_path(bus, path, &element);

        if (c < 0 || streq_ptr(interface, bus->classes[c]->interface) || object_at(bus, path) ||
                startswith(strempty(interface), "org.freedesktop.DBus."))
                return 0;
        return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_OBJECT, "There is no object %s in the pool.", path);
}

/* The same where sd-bus asks for no object, or takes its error likewise: it has no such method, or property. */
int object_check_there(Bus *bus, const char *path, sd_bus_error *error) {
        const char *element;

        if (class_of_path(bus, path, &element) < 0 || object_at(bus, path))
                return 0;
        return bus_error_set(error, ERROR_NO_SUCH_OBJECT, "There is no object %s in the pool.", path);
}

int bus_find_object(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
        sd_bus_error *error) {
        Bus *bus = userdata;
        Object *o = object_at(bus, path);

        /* A class's own node is one of the tree without an object. */
        if (!o)
                return object_check_there(bus, path, error);
        if (!streq(interface, bus->classes[o->class]->interface))
                return 0;
        *ret_found = o;
        return 1;
}

int bus_enumerate(sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
        ShownClass *shown = userdata;
        _cleanup_strlist_ StrList nodes = {};
        const PtrArray *objects;

        /*
         * Asked with the class's own path, and with the root's by introspection. Also with each leaf's,
         * whose Introspect would otherwise walk the whole class.
         */
        if (!startswith(shown->path, prefix))
                return 0;

        objects = &policy_pool(shown->bus->policy)->objects[shown->class];
        if (objects->n > BUS_MESSAGE_MAX / NODE_BYTES)
                return bus_refuse_size(error, "What introspection shows of this class");
        for (size_t i = 0; i < objects->n; i++)
                strlist_add(&nodes, OBJECT_PATH(objects->items[i]));
        return strlist_take(&nodes, ret_nodes);
}

/* Handlers */

static const sd_bus_vtable *find_method(const sd_bus_vtable *v, sd_bus_message *m) {
        for (; v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_METHOD && streq(v->x.method.member, sd_bus_message_get_member(m)))
                        return sd_bus_message_has_signature(m, v->x.method.signature) ? v : NULL;
        return NULL;
}

sd_bus_message_handler_t bus_find_handler(Bus *bus, sd_bus_message *m, void **ret_object) {
        const char *path = sd_bus_message_get_path(m), *interface = sd_bus_message_get_interface(m);
        bool is_manager = streq(path, POLICY_PATH);
        Object *o = is_manager ? NULL : object_at(bus, path);
        const BusClass *class = is_manager ? bus->manager : o ? bus->classes[o->class] : NULL;
        const sd_bus_vtable *v;

        *ret_object = is_manager ? (void *) bus : (void *) o;
        if (is_manager && sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"))
                return method_get_managed_objects;
        v = class && streq_ptr(interface, class->interface) ? find_method(class->vtable, m) : NULL;
        return v ? v->x.method.handler : NULL;
}
