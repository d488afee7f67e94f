/*
 * Set… and Change… of maps and sets: the method's name says which property is meant
 *
 *   SetOtherConfig(a{ss} entries)                 as it is then
 *   ChangeOtherConfig(a{ss} set, as remove)       these entries alone, so that two clients do not undo each other
 *   SetTags(as), ChangeTags(as add, as remove)    the same for sets
 */

#include "policyd/bus/bus-private.h"

#define WORDS_MAX 4096 /* of one call */

typedef struct Words {
        const char *items[WORDS_MAX + 2]; /* NULL-terminated; they belong to the message */
        size_t n;
} Words;

static int read_word(sd_bus_message *m, const char *what, TextForm form, Words *words, sd_bus_error *error) {
        if (words->n >= WORDS_MAX)
                return bus_error_set(error, ERROR_INVALID_RECORD, "One call takes at most %d texts.", WORDS_MAX);
        return bus_text(m, what, form, &words->items[words->n++], error);
}

static int read_list(sd_bus_message *m, Words *ret, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_at_end(m, /* complete= */ false)) == 0)
                r = read_word(m, "name of an entry", TEXT_LINE, ret, error);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A key, its value, a key, … */
static int read_map(sd_bus_message *m, Words *ret, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{ss}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "ss")) > 0) {
                r = read_word(m, "name of an entry", TEXT_LINE, ret, error);
                if (r >= 0)
                        r = read_word(m, "value of an entry", TEXT_LINES, ret, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int change(sd_bus_message *m, Object *o, const char *property, bool replace, sd_bus_error *error) {
        bool is_map = property_find(o->class, property)->signature[1] == '{';
        _cleanup_refusal_ Refusal refusal = {};
        Words set = {}, gone = {};
        Bus *bus = o->userdata;
        int r;

        r = is_map ? read_map(m, &set, error) : read_list(m, &set, error);
        if (r >= 0 && !replace)
                r = read_list(m, &gone, error);
        if (r < 0)
                return r;
        r = objects_change_entries(bus->policy, o, property,
                &(EntriesChange){.replace = replace, .set = set.items, .remove = gone.items}, &refusal);
        return bus_finish(bus, m, r, &refusal, error);
}

int method_set_entries(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change(m, userdata, startswith(sd_bus_message_get_member(m), "Set"), /* replace= */ true, error);
}

int method_change_entries(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change(m, userdata, startswith(sd_bus_message_get_member(m), "Change"), /* replace= */ false, error);
}
