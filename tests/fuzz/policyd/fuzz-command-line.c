/*
 * The command line: one argument a line, taken apart and checked against the verb that it names
 */

#include "policyd/ctl/verbs.h"
#include "tests/fuzz/fuzz.h"

#define ARGUMENTS_MAX 200

static void check_verb(Args *args) {
        Columns columns;
        VerbName verb;

        if (!args->verb || !verb_find(args->verb, &verb)) {
                (void) verb_unknown(strempty(args->verb));
                return;
        }
        if (verb_check(args->verb, verb, args) == 0) {
                char *unknown = NULL;

                if (verb.class && columns_choose(verb.class, args_get(args, "params"), &columns, &unknown) >= 0)
                        columns_done(&columns);
                free(unknown);
        }
        if (args->help)
                (void) verb_help(args->verb);
}

static void parse_values(const Args *args) {
        for (size_t i = 0; i < args->n; i++)
                for (size_t c = 0; c < n_classes; c++) {
                        FieldName name;
                        uint64_t number;

                        if (field_find(&classes[c], args->args[i].key, &name) && !name.as_label)
                                (void) field_parse_number(name.field, args->args[i].value, &number);
                }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *copy = strndup((const char *) data, size), *error = NULL;
        char *argv[ARGUMENTS_MAX + 2] = {(char *) "xenvgpu"}, *rest = copy;
        Args args = {};
        int argc = 1;

        if (!copy)
                return 0;
        while (rest && argc <= ARGUMENTS_MAX)
                argv[argc++] = strsep(&rest, "\n");
        if (args_parse(argc, argv, &args, &error) < 0) {
                if (isempty(error))
                        abort();
                return 0;
        }
        parse_values(&args);
        check_verb(&args);
        args_done(&args);
        return 0;
}
