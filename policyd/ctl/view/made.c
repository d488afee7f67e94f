/*
 * Fields that xe has and policyd does not tell
 */

#include "policyd/ctl/view/made.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/strlist.h"
#include "common/json/json-get.h"

#define WHOLE_PGPU UINT64_C(1048576)

static struct json_object *texts_to_json(StrList *list) {
        _cleanup_(strv_freep) char **texts = NULL;
        struct json_object *array = json_object_new_array();

        if (strlist_take(list, &texts) < 0)
                return array;
        for (size_t i = 0; array && texts[i]; i++)
                json_object_array_add(array, json_object_new_string(texts[i]));
        return array;
}

/* What a list refers to: all of the class in one answer, not one by one. */
static void need_references(View *v, const ViewObject *o, const Field *f) {
        const ClassInfo *c = class_of_path(answer_nth_text(object_property(o, f->property), 0));
        _cleanup_client_error_ ClientError error = {};

        if (c)
                (void) view_need_class(v, c, &error);
}

static struct json_object *make_via(View *v, const ViewObject *o, const Field *f) {
        _cleanup_strlist_ StrList found = {};
        char uuid[37];

        need_references(v, o, f);
        for (size_t i = 0; i < object_n_refs(o, f->property); i++) {
                path_to_uuid(object_text(object_nth_ref(v, o, f->property, i), f->of), uuid);
                if (*uuid && !strlist_contains(&found, uuid))
                        strlist_add(&found, uuid);
        }
        return texts_to_json(&found);
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static struct json_object *make_reverse(View *v, const ViewObject *o, const Field *f) {
        _cleanup_client_error_ ClientError error = {};
        _cleanup_strlist_ StrList found = {};
        ViewObject *const *list;
        size_t n = 0;

        if (view_need_class(v, class_find(f->set_class), &error) < 0 || view_class(v, class_find(f->set_class), &list, &n) < 0)
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (streq(object_text(list[i], f->of), o->path))
                        strlist_add(&found, list[i]->uuid);
        if (found.n > 1)
                qsort(found.items, found.n, sizeof(*found.items), compare_texts);
        return texts_to_json(&found);
}

static struct json_object *make_capacities(View *v, const ViewObject *o, const Field *f) {
        struct json_object *map = json_object_new_object();

        need_references(v, o, f);
        for (size_t i = 0; map && i < object_n_refs(o, f->property); i++) {
                const ViewObject *type = object_nth_ref(v, o, f->property, i);
                uint64_t size = object_number(type, "Size");
                char number[24];

                if (!type)
                        continue;
                snprintf(number, sizeof(number), "%" PRIu64, size > 0 ? WHOLE_PGPU / size : 1); /* passthrough has none */
                json_object_object_add(map, type->uuid, json_object_new_string(number));
        }
        return map;
}

/* XenServer's words, where there is such an operation here. */
static struct json_object *make_allowed(const ViewObject *o, const Field *f) {
        static const struct {
                const char *class, *state, *words;
        } table[] = {
                { "vm", "halted", "start start_on export copy destroy" },
                { "vm", "running", "clean_shutdown hard_shutdown clean_reboot hard_reboot export" },
                { "vm", "paused", "hard_shutdown hard_reboot export" },
                { "host", "true", "provision vm_start" },
                { "host", "false", "enable" },
        };
        struct json_object *value = object_property(o, f->property);
        const char *state = strempty(json_object_get_string(value));
        _cleanup_strlist_ StrList words = {};

        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (streq(table[i].class, o->class->name) && streq(table[i].state, state))
                        strlist_add_split(&words, table[i].words, " ");
        return texts_to_json(&words);
}

static bool goes_on(const ViewObject *job) {
        const char *state = object_text(job, "State");

        return !streq(state, "done") && !streq(state, "failed") && !streq(state, "cancelled");
}

static struct json_object *make_current(View *v, const ViewObject *o) {
        struct json_object *map = json_object_new_object();
        _cleanup_client_error_ ClientError error = {};
        ViewObject *const *jobs;
        size_t n = 0;

        if (!map || view_need_class(v, class_find("job"), &error) < 0 || view_class(v, class_find("job"), &jobs, &n) < 0)
                return map;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; goes_on(jobs[i]) && k < object_n_refs(jobs[i], "Objects"); k++)
                        if (streq(answer_nth_text(object_property(jobs[i], "Objects"), k), o->path))
                                json_object_object_add(
                                        map, jobs[i]->uuid, json_object_new_string(object_text(jobs[i], "Operation")));
        return map;
}

static struct json_object *make_possible(View *v, const ViewObject *o) {
        _cleanup_json_ struct json_object *explanation = NULL;
        _cleanup_strlist_ StrList found = {};

        if (view_explain(v, o, &explanation) < 0)
                return NULL;
        for_each_answer(host, answer_member(explanation, "hosts"))
                if (!*answer_text(host, "code"))
                        strlist_add(&found, answer_text(host, "host"));
        return texts_to_json(&found);
}

struct json_object *field_make(View *v, const ViewObject *o, const Field *f) {
        switch (f->kind) {
        case FIELD_FIXED:
                return json_object_new_boolean(streq(f->of, "true"));
        case FIELD_IS:
                return json_object_new_boolean(streq(object_text(o, f->property), f->of));
        case FIELD_VIA:
                return make_via(v, o, f);
        case FIELD_REVERSE:
                return make_reverse(v, o, f);
        case FIELD_CAPACITIES:
                return make_capacities(v, o, f);
        case FIELD_ALLOWED:
                return make_allowed(o, f);
        case FIELD_CURRENT:
                return make_current(v, o);
        case FIELD_POSSIBLE:
                return make_possible(v, o);
        default:
                return NULL;
        }
}
