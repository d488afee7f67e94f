/*
 * Lists: one class, filtered, in pages
 *
 * Order is that of creation. A filter compares with the text of a property, or of an element of a list; of a map, with KEY or
 * KEY=VALUE.
 */

#include "policyd/service/objects/policy-private.h"

#include <math.h>

#include "common/base/parse.h"
#include "common/json/json-get.h"
#include "common/json/json-write.h"

/* Bytes of one answer, so that a reader with a limit of 4 MiB can take it. */
#define PAGE_BYTES (2 << 20)

typedef struct FilterKind {
        const char *types; /* of a filter: D-Bus's letters */
        const char *wanted;
} FilterKind;

/* What a property's value can be compared to. */
static const FilterKind *kind_of(const Property *p) {
        static const FilterKind text = { "so", "text, of type 's' (or 'o')" },
                                boolean = { "b", "true or false, of type 'b'" },
                                number = { "utixd", "a number, of type 't'" },
                                list = { "so", "a list, of which a filter takes one element, of type 's' or 'o'" },
                                map = { "s", "a map, of which a filter takes KEY or KEY=VALUE, of type 's'" };

        if (strchr(p->signature, '{'))
                return &map;
        if (strchr("a(", *p->signature))
                return &list;
        if (strchr("so", *p->signature))
                return &text;
        return *p->signature == 'b' ? &boolean : &number;
}

/* A text is accepted for any type, if it can be read as a value of it. */
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

static bool number_is(uint64_t number, const char *text) {
        uint64_t whole;

        return parse_u64(text, &whole) >= 0 ? number == whole : (double) number == strtod(text, NULL);
}

static bool has_path(const Object *o, const Property *p, const char *text) {
        char path[OBJECT_PATH_MAX];
        const char *next;
        size_t i = 0;

        while ((next = property_next_path(o, p, &i, path)))
                if (streq(next, text))
                        return true;
        return i == 0 && *p->signature == 'o' && streq(text, "/");
}

static bool has_text(const char *const *texts, size_t n_max, const char *text) {
        for (size_t i = 0; texts && i < n_max && texts[i]; i++)
                if (streq(texts[i], text))
                        return true;
        return false;
}

static bool has_in_tuple(const Object *o, const Property *p, const char *text) {
        PropertyTuple tuple;

        for (size_t i = 0; property_tuple(o, p, i, &tuple); i++)
                if (has_text(tuple.items, PROPERTY_TUPLE_MAX, text))
                        return true;
        return false;
}

/* "vga", "vga=std" */
static bool has_entry(const char *json, const char *text) {
        _cleanup_json_ struct json_object *map = json_tokener_parse(json);
        const char *equals = strchr(text, '=');
        _cleanup_free_ char *key = strndup(text, equals ? (size_t) (equals - text) : strlen(text));
        struct json_object *value;

        if (!map || !key || !json_object_object_get_ex(map, key, &value))
                return false;
        return !equals || streq(strempty(json_object_get_string(value)), equals + 1);
}

static bool value_is(const Object *o, const Property *p, const char *text) {
        const char *type = *p->signature == 'a' ? p->signature + 1 : p->signature;
        char buf[PROPERTY_TEXT_MAX];

        switch (*type) {
        case 's':
                return type == p->signature ? streq(property_text(o, p, buf), text)
                                            : has_text(property_texts(o, p), SIZE_MAX, text);
        case '{':
                return has_entry(property_map(o, p), text);
        case 'o':
                return has_path(o, p, text);
        case '(':
                return has_in_tuple(o, p, text);
        case 'b':
                return streq(property_number(o, p) ? "true" : "false", text);
        case 'd':
                return property_fraction(o, p) == strtod(text, NULL);
        case 'i':
                return (int32_t) property_number(o, p) == strtod(text, NULL);
        default:
                return number_is(property_number(o, p), text);
        }
}

static const char *text_path(const void *object, char *buf) {
        const Object *o = object;

        return object_path(o->class, &o->id, buf);
}

/* What each object has beside the properties of its class. */
static const Property *find_property(ObjectClass c, const char *name) {
        static const Property path = {.name = "path", .signature = "s", .text = text_path};

        if (streq(name, path.name))
                return &path;
        return streq(name, "uuid") || streq(name, property_uuid.name) ? &property_uuid : property_find(c, name);
}

/* An unknown property, or a value that cannot be one of its, is refused, because such a filter could never find
 * anything. */
static int check_filter(ObjectClass c, const ListFilter *f, Refusal *refusal) {
        const Property *p = find_property(c, f->property);
        const FilterKind *kind;

        if (!p)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "Objects of class %s have no property '%s' to filter by.", object_class_to_string(c),
                        f->property);
        kind = kind_of(p);
        if (strchr(kind->types, f->type) || (f->type == 's' && reads_as(kind, f->value)))
                return 0;
        return refusal_set(refusal, ERROR_INVALID_RECORD,
                "The filter %s is given as type '%c' (%s), but %s of a %s is %s.", f->property, f->type, TEXT_SHORT(f->value, 64),
                f->property, object_class_to_string(c), kind->wanted);
}

static bool matches(const Object *o, const ListFilter *filters, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!value_is(o, find_property(o->class, filters[i].property), filters[i].value))
                        return false;
        return true;
}

typedef struct Page {
        StrBuf text;
        uint32_t offset, limit;
        size_t total, n, start;
        bool full;
} Page;

static bool is_on_page(const Page *page) {
        return !page->full && page->total >= page->offset && (page->limit == 0 || page->total - page->offset < page->limit);
}

/* A page ends early where its objects are long; what does not fit by itself is alone on it. */
static void page_add(Page *page, const Object *o) {
        size_t before = page->text.len;

        if (is_on_page(page)) {
                object_write_json(&page->text, o);
                page->full = page->text.len - page->start >= PAGE_BYTES;
                if (page->full && page->n > 0 && page->text.len - page->start > PAGE_BYTES)
                        strbuf_fill(&page->text, page->text.text + before);
                page->n++;
        }
        page->total++;
}

int policy_list(Policy *p, ObjectClass c, const ListFilter *filters, size_t n_filters, uint32_t offset,
        uint32_t limit, char **ret_json, Refusal *refusal) {
        const PtrArray *all = &p->batch.pool->objects[c];
        Page page = {.offset = offset, .limit = limit};
        StrBuf *b = &page.text;
        int r;

        /* Of a class without objects anything may be asked. */
        for (size_t i = 0; i < n_filters && all->n > 0; i++) {
                r = check_filter(c, &filters[i], refusal);
                if (r < 0 || refusal->code != ERROR_NONE)
                        return r;
        }
        json_write_open(b, NULL, '{');
        json_write_open(b, "objects", '[');
        page.start = b->len;
        for (size_t i = 0; i < all->n; i++)
                if (matches(all->items[i], filters, n_filters))
                        page_add(&page, all->items[i]);
        json_write_close(b, ']');
        json_write_string(b, "class", object_class_to_string(c));
        json_write_u64(b, "total", page.total);
        json_write_u64(b, "offset", offset);
        json_write_close(b, '}');
        return strbuf_give(b, ret_json);
}
