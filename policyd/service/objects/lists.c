/*
 * Lists: one class, filtered, in pages
 *
 * Order is that of creation. A filter compares with the text of a property, or of an element of a list; objects
 * are built for it only when there is one.
 */

#include <math.h>

#include "policyd/service/internal.h"

#include "common/json/json-get.h"
#include "common/base/parse.h"

/* Of one answer, so that who reads it with a limit of 4 MiB can; what is escaped is at most as much again. */
#define PAGE_BYTES (2 << 20)

typedef struct FilterKind {
        const char *types; /* of a filter: D-Bus's letters */
        const char *wanted;
} FilterKind;

/* What a property's value can be compared to. */
static const FilterKind *kind_of(struct json_object *value) {
        static const FilterKind text = { "so", "text, of type 's' (or 'o')" },
                                boolean = { "b", "true or false, of type 'b'" },
                                number = { "utixd", "a number, of type 't'" },
                                list = { "so", "a list, of which a filter takes one element, of type 's' or 'o'" };

        if (json_object_is_type(value, json_type_array))
                return &list;
        if (json_object_is_type(value, json_type_string))
                return &text;
        return json_object_is_type(value, json_type_boolean) ? &boolean : &number;
}

/* Text will do for anything, if it reads as that. */
static bool reads_as(const FilterKind *kind, const char *text) {
        double number;
        char *end;

        if (strchr(kind->types, 's'))
                return true;
        if (streq(kind->types, "b"))
                return streq(text, "true") || streq(text, "false");
        number = strtod(text, &end);
        return end > text && *end == '\0' && isfinite(number);
}

static bool number_is(struct json_object *value, const char *text) {
        uint64_t whole;

        if (json_object_is_type(value, json_type_int) && parse_u64(text, &whole) >= 0)
                return json_object_get_uint64(value) == whole;
        return json_object_get_double(value) == strtod(text, NULL);
}

static bool value_is(struct json_object *value, const char *text) {
        switch (json_object_get_type(value)) {
        case json_type_array:
                for (size_t i = 0; i < json_object_array_length(value); i++)
                        if (value_is(json_object_array_get_idx(value, i), text))
                                return true;
                return false;
        case json_type_int:
        case json_type_double:
                return number_is(value, text);
        default:
                return streq(json_object_get_string(value), text);
        }
}

/* An unknown property, or a value that cannot be one of its, is the caller's mistake: it would find nothing, ever. */
static int check_filter(struct json_object *value, ObjectClass c, const ListFilter *f, Refusal *refusal) {
        const FilterKind *kind;

        if (!value)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "Objects of class %s have no property '%s' to filter by.", object_class_to_string(c),
                        f->property);
        kind = kind_of(value);
        if (strchr(kind->types, f->type) || (f->type == 's' && reads_as(kind, f->value)))
                return 0;
        return refusal_set(refusal, ERROR_INVALID_RECORD,
                "The filter %s is given as type '%c' (%s), but %s of a %s is %s.", f->property, f->type, TEXT_SHORT(f->value, 64),
                f->property, object_class_to_string(c), kind->wanted);
}

/* 1 it matches, 0 it does not. Each filter is checked, whichever of them fails first. */
static int matches(
        struct json_object *object, ObjectClass c, const ListFilter *filters, size_t n, Refusal *refusal) {
        int result = 1, r;

        for (size_t i = 0; i < n; i++) {
                struct json_object *value = NULL;

                (void) json_object_object_get_ex(object, filters[i].property, &value);
                r = check_filter(value, c, &filters[i], refusal);
                if (r < 0 || refusal->code != ERROR_NONE)
                        return r;
                if (!value_is(value, filters[i].value))
                        result = 0;
        }
        return result;
}

/* As text, less what is escaped in it. */
static size_t json_bytes(struct json_object *value) {
        size_t n = 0;

        switch (json_object_get_type(value)) {
        case json_type_object: {
                json_object_object_foreach(value, key, member) n += strlen(key) + 4 + json_bytes(member);
                return n + 2;
        }
        case json_type_array:
                for (size_t i = 0; i < json_object_array_length(value); i++)
                        n += json_bytes(json_object_array_get_idx(value, i)) + 1;
                return n + 2;
        case json_type_string:
                return (size_t) json_object_get_string_len(value) + 2;
        default:
                return 20;
        }
}

typedef struct Page {
        struct json_object *objects;
        uint32_t offset, limit;
        size_t total, bytes;
} Page;

/* A page ends early where its objects are long; what does not fit by itself is alone on it. */
static bool is_on_page(const Page *page) {
        return page->total >= page->offset && (page->limit == 0 || page->total - page->offset < page->limit) &&
               page->bytes < PAGE_BYTES;
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
                size_t bytes = json_bytes(object);

                if (json_object_array_length(page->objects) > 0 && page->bytes + bytes > PAGE_BYTES)
                        page->bytes = PAGE_BYTES; /* and so for all that follow */
                else if (json_object_array_add(page->objects, object) < 0)
                        return -ENOMEM;
                else
                        take_ptr(object);
                page->bytes += bytes;
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
