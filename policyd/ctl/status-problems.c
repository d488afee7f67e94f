/*
 * The problems of VMs and hosts, for `status`
 */

#include <stdio.h>

#include "common/json/json-write.h"
#include "policyd/ctl/status-problems.h"

typedef void (*ProblemFn)(const ViewObject *o, const char *problem, void *userdata);

static int each_problem(View *v, ProblemFn told, void *userdata) {
        static const char *const names[] = {"vm", "host"};
        int r = 0;

        for (size_t c = 0; c < ARRAY_SIZE(names) && r == 0; c++) {
                _cleanup_free_ ViewObject **list = NULL;
                size_t n = 0;

                r = view_list(v, class_find(names[c]), &list, &n);
                for (size_t i = 0; i < n; i++) {
                        struct json_object *problems = object_property(list[i], "Problems");

                        for (size_t k = 0; k < answer_length(problems); k++)
                                told(list[i], answer_nth_text(problems, k), userdata);
                }
        }
        return r;
}

static void print_one(const ViewObject *o, const char *problem, void *out) {
        fprintf(out, "%s %s: %s\n", streq(o->class->name, "vm") ? "VM" : "host", object_text(o, "NameLabel"),
                problem);
}

int status_print_problems(FILE *out, View *v) {
        return each_problem(v, print_one, out);
}

static void write_one(const ViewObject *o, const char *problem, void *b) {
        json_write_open(b, NULL, '{');
        json_write_string(b, "class", o->class->name);
        json_write_string(b, "uuid", o->uuid);
        json_write_string(b, "name-label", object_text(o, "NameLabel"));
        json_write_string(b, "problem", problem);
        json_write_close(b, '}');
}

void status_write_problems(StrBuf *b, View *v) {
        json_write_open(b, "problems", '[');
        if (each_problem(v, write_one, b) < 0)
                b->error = -ENOMEM;
        json_write_close(b, ']');
}
