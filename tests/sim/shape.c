/*
 * Reading the shape of a pool
 *
 * The fixed pools are JSON too, so that `xenvgpu-sim pool` prints what one starts from to make another.
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "tests/sim/shape.h"

#define GRID_CARDS                                                                                           \
        "{\"types\": {\"K100\": 8, \"K140Q\": 4, \"K200\": 8, \"K240Q\": 4, \"K260Q\": 2},\n"                \
        " \"cards\": {\"K1\": {\"pgpus\": 4, \"types\": [\"K100\", \"K140Q\"]},\n"                           \
        "           \"K2\": {\"pgpus\": 2, \"types\": [\"K200\", \"K240Q\", \"K260Q\"]}},\n"

static const char even[] = GRID_CARDS
        " \"hosts\": [{\"name\": \"host\", \"count\": 16, \"cards\": [\"K1\", \"K1\", \"K2\"]}]}\n";

static const char unequal[] = GRID_CARDS
        " \"hosts\": [{\"name\": \"desk\", \"count\": 3, \"cards\": [\"K1\", \"K1\", \"K1\", \"K1\"]},\n"
        "           {\"name\": \"design\", \"count\": 3, \"cards\": [\"K2\", \"K2\", \"K2\", \"K2\"]},\n"
        "           {\"name\": \"mixed\", \"count\": 4, \"cards\": [\"K1\", \"K1\", \"K2\"]},\n"
        "           {\"name\": \"small\", \"count\": 3, \"cards\": [\"K1\"]},\n"
        "           {\"name\": \"large\", \"count\": 3, \"cards\": [\"K1\", \"K2\", \"K2\"]}]}\n";

const char *shape_text(const char *name) {
        if (streq(name, "even"))
                return even;
        return streq(name, "unequal") ? unequal : NULL;
}

void shape_done(Shape *s) {
        free(s->hosts);
        *s = (Shape){};
}

size_t shape_find_type(const Shape *s, const char *name) {
        for (size_t i = 0; i < s->n_types; i++)
                if (streq(s->types[i].name, name))
                        return i;

        return SIZE_MAX;
}

size_t shape_find_group(const Shape *s, const char *name) {
        for (size_t i = 0; i < s->n_cards; i++)
                if (streq(s->cards[i].group_name, name))
                        return s->cards[i].group;

        return SIZE_MAX;
}

size_t shape_group_of_type(const Shape *s, size_t type) {
        for (size_t i = 0; i < s->n_cards; i++)
                for (size_t j = 0; j < s->cards[i].n_types; j++)
                        if (s->cards[i].types[j] == type)
                                return s->cards[i].group;

        return SIZE_MAX;
}

bool shape_group_has_type(const Shape *s, size_t group, size_t type) {
        for (size_t i = 0; i < s->n_cards; i++)
                for (size_t j = 0; s->cards[i].group == group && j < s->cards[i].n_types; j++)
                        if (s->cards[i].types[j] == type)
                                return true;

        return false;
}

uint32_t shape_group_pgpus(const Shape *s, size_t group) {
        uint32_t n = 0;

        for (size_t i = 0; i < s->n_hosts; i++)
                for (size_t j = 0; j < s->hosts[i].n_cards; j++)
                        if (s->cards[s->hosts[i].cards[j]].group == group)
                                n += s->cards[s->hosts[i].cards[j]].pgpus;

        return n;
}

static int name_copy(JsonReader *r, const char *name, char ret[static SHAPE_NAME_MAX]) {
        if (strchr(name, ':')) /* a trace writes GROUP:TYPE */
                return json_fail(r, name, "has a colon in its name");
        if (isempty(name) || strlen(name) >= SHAPE_NAME_MAX - 8) /* room for a number behind a host's */
                return json_fail(r, name, "is not a name of 1 to %d characters", SHAPE_NAME_MAX - 9);

        strcpy(ret, name);
        return 0;
}

static int parse_types(JsonReader *r, struct json_object *types, Shape *s) {
        json_object_object_foreach(types, name, value) {
                ShapeType *t = &s->types[s->n_types];
                int error;

                if (s->n_types == SHAPE_TYPES_MAX)
                        return json_fail(r, NULL, "has more than %d types", SHAPE_TYPES_MAX);
                error = name_copy(r, name, t->name);
                if (error >= 0 && streq(name, "passthrough"))
                        error = json_fail(r, name, "is there on every PGPU, and not to be named as a type");
                if (error < 0)
                        return error;
                t->instances =
                        json_object_is_type(value, json_type_int) ? (uint32_t) json_object_get_int(value) : 0;
                if (t->instances < 1 || t->instances > 1024)
                        return json_fail(r, name, "is not a number of instances from 1 to 1024");
                s->n_types++;
        }

        return 0;
}

static int parse_card_types(JsonReader *r, struct json_object *o, const Shape *s, ShapeCard *c) {
        _cleanup_(strv_freep) char **names = NULL;
        int error;

        error = json_get_strv(r, o, "types", &names);
        if (error < 0)
                return error;

        for (size_t i = 0; names[i]; i++) {
                size_t type = shape_find_type(s, names[i]);

                if (type == SIZE_MAX || c->n_types == SHAPE_TYPES_MAX)
                        return json_fail(r, "types", "names '%s', which is none of the types", names[i]);
                c->types[c->n_types++] = type;
        }

        return 0;
}

static int parse_card(JsonReader *r, const char *name, struct json_object *o, Shape *s) {
        ShapeCard *c = &s->cards[s->n_cards];
        const char *group = name;
        size_t first;
        int error;

        if (s->n_cards == SHAPE_CARDS_MAX)
                return json_fail(r, NULL, "has more than %d cards", SHAPE_CARDS_MAX);

        error = name_copy(r, name, c->name);
        if (error >= 0)
                error = json_get_u32(r, o, "pgpus", &c->pgpus);
        if (error >= 0)
                error = json_opt_string(r, o, "group", &group);
        if (error >= 0)
                error = name_copy(r, group, c->group_name);
        if (error >= 0)
                error = parse_card_types(r, o, s, c);
        if (error < 0)
                return error;
        if (c->pgpus < 1 || c->pgpus > 16)
                return json_fail(r, "pgpus", "is not a number from 1 to 16");

        first = shape_find_group(s, group);
        c->group = first != SIZE_MAX ? first : s->n_cards;
        s->n_cards++;
        return 0;
}

static int parse_cards(JsonReader *r, struct json_object *cards, Shape *s) {
        json_object_object_foreach(cards, name, value) {
                size_t mark = json_enter(r, name);
                int error = parse_card(r, name, value, s);

                if (error < 0)
                        return error;
                json_leave(r, mark);
        }

        return 0;
}

static int parse_host_cards(JsonReader *r, struct json_object *o, const Shape *s, ShapeHost *h) {
        _cleanup_(strv_freep) char **names = NULL;
        int error;

        error = json_get_strv(r, o, "cards", &names);
        if (error < 0)
                return error;

        for (size_t i = 0; names[i]; i++) {
                size_t card = 0;

                while (card < s->n_cards && !streq(s->cards[card].name, names[i]))
                        card++;
                if (card == s->n_cards)
                        return json_fail(r, "cards", "names '%s', which is none of the cards", names[i]);
                if (h->n_cards == SHAPE_HOST_CARDS_MAX)
                        return json_fail(r, "cards", "has more than %d entries", SHAPE_HOST_CARDS_MAX);
                h->cards[h->n_cards++] = card;
        }

        return 0;
}

static int parse_host(JsonReader *r, struct json_object *o, Shape *s) {
        ShapeHost kind = {}, *hosts;
        uint32_t count = 1;
        const char *name;
        int error;

        error = json_get_string(r, o, "name", &name);
        if (error >= 0)
                error = name_copy(r, name, kind.name);
        if (error >= 0)
                error = json_opt_u32(r, o, "count", &count);
        if (error >= 0)
                error = parse_host_cards(r, o, s, &kind);
        if (error < 0)
                return error;
        if (count > SHAPE_HOSTS_MAX - s->n_hosts)
                return json_fail(r, "count", "makes more than %d hosts", SHAPE_HOSTS_MAX);

        hosts = realloc(s->hosts, (s->n_hosts + count + 1) * sizeof(ShapeHost));
        if (!hosts)
                return -ENOMEM;
        s->hosts = hosts;

        for (uint32_t i = 0; i < count; i++) {
                ShapeHost *h = &s->hosts[s->n_hosts++];

                *h = kind;
                if (count > 1)
                        snprintf(h->name, sizeof(h->name), "%.20s-%02u", kind.name, i + 1);
        }
        return 0;
}

static int parse_hosts(JsonReader *r, struct json_object *hosts, Shape *s) {
        for (size_t i = 0; i < json_object_array_length(hosts); i++) {
                size_t mark = json_enter_index(r, i);
                int error = parse_host(r, json_object_array_get_idx(hosts, i), s);

                if (error < 0)
                        return error;
                json_leave(r, mark);
        }

        return 0;
}

static int parse_shape(JsonReader *r, struct json_object *o, Shape *s) {
        struct json_object *types = NULL, *cards = NULL, *hosts = NULL;
        int error;

        error = json_get_object(r, o, "types", &types);
        if (error >= 0)
                error = parse_types(r, types, s);
        if (error >= 0)
                error = json_get_object(r, o, "cards", &cards);
        if (error >= 0)
                error = parse_cards(r, cards, s);
        if (error >= 0)
                error = json_get_array(r, o, "hosts", &hosts);
        return error < 0 ? error : parse_hosts(r, hosts, s);
}

int shape_parse(const char *text, size_t size, Shape *ret, char *error, size_t error_size) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_shape_ Shape s = {};
        JsonReader reader = {};
        int r;

        r = json_parse(&reader, text, size, &o);
        if (r >= 0)
                r = parse_shape(&reader, o, &s);
        if (r < 0) {
                snprintf(error, error_size, "%s", r == -ENOMEM ? "out of memory" : reader.error);
                return r;
        }

        *ret = s;
        s = (Shape){};
        return 0;
}
