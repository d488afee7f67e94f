/*
 * The problems of VMs and hosts, for `status`
 */

#include <stdio.h>

#include "common/json/json-write.h"
#include "policyd/ctl/status-problems.h"

static void write_problem(StrBuf *b, const ViewObject *o, const char *problem) {
        json_write_open(b, NULL, '{');
        json_write_string(b, "class", o->class->name);
        json_write_string(b, "uuid", o->uuid);
        json_write_string(b, "name-label", object_text(o, "NameLabel"));
        json_write_string(b, "problem", problem);
        json_write_close(b, '}');
}

void status_write_problems(StrBuf *b, View *v) {
        static const char *const names[] = {"vm", "host"};

        json_write_open(b, "problems", '[');
        for (size_t c = 0; c < ARRAY_SIZE(names); c++) {
                _cleanup_free_ ViewObject **list = NULL;
                size_t n = 0;

                if (view_list(v, class_find(names[c]), &list, &n) < 0)
                        b->error = -ENOMEM;
                for (size_t i = 0; i < n; i++) {
                        struct json_object *problems = object_property(list[i], "Problems");

                        for (size_t k = 0; k < answer_length(problems); k++)
                                write_problem(b, list[i], answer_nth_text(problems, k));
                }
        }
        json_write_close(b, ']');
}

void status_print_problems(FILE *out, struct json_object *problems) {
        for_each_answer(p, problems)
                fprintf(out, "%s %s: %s\n", streq(answer_text(p, "class"), "vm") ? "VM" : "host",
                        answer_text(p, "name-label"), answer_text(p, "problem"));
}
