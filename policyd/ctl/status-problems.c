/*
 * The problems of VMs and hosts, for `status`
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "policyd/ctl/status-problems.h"

typedef int (*ProblemFn)(const ViewObject *o, const char *problem, void *userdata);

static int each_of(const ViewObject *o, ProblemFn told, void *userdata) {
        struct json_object *problems = object_property(o, "Problems");
        size_t n = json_object_is_type(problems, json_type_array) ? json_object_array_length(problems) : 0;
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++)
                r = told(o, answer_nth_text(problems, i), userdata);
        return r;
}

static int each_problem(View *v, ProblemFn told, void *userdata) {
        static const char *const names[] = {"vm", "host"};
        int r = 0;

        for (size_t c = 0; c < ARRAY_SIZE(names) && r == 0; c++) {
                _cleanup_free_ ViewObject **list = NULL;
                size_t n;

                r = view_list(v, class_find(names[c]), &list, &n);
                for (size_t i = 0; r == 0 && i < n; i++)
                        r = each_of(list[i], told, userdata);
        }
        return r;
}

static int print_one(const ViewObject *o, const char *problem, void *out) {
        fprintf(out, "%s %s: %s\n", streq(o->class->name, "vm") ? "VM" : "host", object_text(o, "NameLabel"),
                problem);
        return 0;
}

int status_print_problems(FILE *out, View *v) {
        return each_problem(v, print_one, out);
}

static int add_one(const ViewObject *o, const char *problem, void *array) {
        struct json_object *one = json_object_new_object();
        int r;

        if (!one || json_object_array_add(array, one) < 0) {
                json_object_put(one);
                return -ENOMEM;
        }
        r = json_add_string(one, "class", o->class->name);
        r = r ?: json_add_string(one, "uuid", o->uuid);
        r = r ?: json_add_string(one, "name-label", object_text(o, "NameLabel"));
        return r ?: json_add_string(one, "problem", problem);
}

int status_add_problems(struct json_object *status, View *v) {
        struct json_object *array = json_object_new_array();
        int r;

        r = array ? json_add(status, "problems", array) : -ENOMEM;
        return r ?: each_problem(v, add_one, array);
}
