/*
 * Lists: one class, filtered, in pages
 *
 * Order is that of creation. A filter compares a property's text; objects are built for it only when there is
 * one.
 */

#include "policyd/service/internal.h"

#include "common/json/json-get.h"

static const char *value_text(struct json_object *value) {
        return json_object_is_type(value, json_type_string)
                       ? json_object_get_string(value)
                       : json_object_to_json_string_ext(
                                 value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* 1 it matches, 0 it does not; an unknown property is the caller's mistake. */
static int matches(
        struct json_object *object, ObjectClass c, const ListFilter *filters, size_t n, Refusal *refusal) {
        for (size_t i = 0; i < n; i++) {
                struct json_object *value;

                if (!json_object_object_get_ex(object, filters[i].property, &value))
                        return refusal_set(refusal, ERROR_INVALID_RECORD,
                                "Objects of class %s have no property '%s' to filter by.",
                                object_class_to_string(c), filters[i].property);
                if (!streq(value_text(value), filters[i].value))
                        return 0;
        }
        return 1;
}

typedef struct Page {
        struct json_object *objects;
        uint32_t offset, limit;
        size_t total;
} Page;

static bool is_on_page(const Page *page) {
        return page->total >= page->offset && (page->limit == 0 || page->total - page->offset < page->limit);
}

static int page_add(
        Page *page, const Object *o, const ListFilter *filters, size_t n_filters, Refusal *refusal) {
        _cleanup_json_ struct json_object *object = NULL;
        int r;

        if (n_filters == 0 && !is_on_page(page)) {
                page->total++;
                return 0;
        }
        object = object_to_json(o);
        if (!object)
                return -ENOMEM;
        r = matches(object, o->class, filters, n_filters, refusal);
        if (r <= 0)
                return r;
        if (is_on_page(page)) {
                if (json_object_array_add(page->objects, object) < 0)
                        return -ENOMEM;
                take_ptr(object);
        }
        page->total++;
        return 0;
}

int policy_list(Policy *p, ObjectClass c, const ListFilter *filters, size_t n_filters, uint32_t offset,
        uint32_t limit, char **ret_json, Refusal *refusal) {
        _cleanup_json_ struct json_object *list = json_object_new_object();
        Page page = {.objects = json_object_new_array(), .offset = offset, .limit = limit};
        const PtrArray *all = &p->pool->objects[c];
        int r;

        if (!list || !page.objects) {
                json_object_put(page.objects);
                return -ENOMEM;
        }
        r = json_add(list, "objects", page.objects);
        for (size_t i = 0; i < all->n && r == 0; i++) {
                r = page_add(&page, all->items[i], filters, n_filters, refusal);
                if (refusal->code != ERROR_NONE)
                        return r;
        }
        r = r ?: json_add_string(list, "class", object_class_to_string(c));
        r = r ?: json_add_u64(list, "total", page.total);
        r = r ?: json_add_u64(list, "offset", offset);
        if (r < 0)
                return r;
        *ret_json = json_to_text(list);
        return *ret_json ? 0 : -ENOMEM;
}
