/*
 * -list: objects that pass filters, as records, bare values or JSON
 */

#include <stdio.h>

#include "policyd/ctl/objects/given.h"

static void columns_done_p(Columns *columns) {
        columns_done(columns);
}

/* With --minimal and no params=, the uuids. */
static int choose_columns(const Ctl *ctl, Columns *ret) {
        const char *params = ctl_arg(ctl, "params");
        _cleanup_free_ char *unknown = NULL;
        int r;

        if (!params && ctl->args.minimal)
                params = "uuid";
        r = columns_choose(ctl->class, params, ret, &unknown);
        if (r == -EINVAL)
                return field_unknown(ctl->class, strempty(unknown));
        return r < 0 ? ctl_usage("params= has more than %d fields", COLUMNS_MAX) : 0;
}

/* Loads the objects whose labels the order and the columns need. */
static int load_labels(Ctl *ctl, const Columns *columns, ClientError *error) {
        _cleanup_free_ ViewObject **objects = NULL;
        FieldName name;
        size_t n;
        int r;

        r = view_collect(ctl->view, ctl->class, &objects, &n);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ctl->class->sort) && ctl->class->sort[i]; i++)
                if (field_find(ctl->class, ctl->class->sort[i], &name))
                        r = view_load_labels(ctl->view, objects, n, name, error);
        for (size_t i = 0; r >= 0 && i < columns->n; i++)
                if (columns->fields[i].as_label || columns->fields[i].field->kind == FIELD_LABEL)
                        r = view_load_labels(ctl->view, objects, n, columns->fields[i], error);
        return r;
}

int verb_list(Ctl *ctl) {
        _cleanup_(columns_done_p) Columns columns = {};
        _cleanup_client_error_ ClientError error = {};
        _cleanup_free_ ViewObject **objects = NULL;
        const Given filters = given_fields(ctl, ctl->class);
        size_t n = 0;
        int r;

        r = choose_columns(ctl, &columns);
        if (r == 0)
                r = given_load(ctl, ctl->class, &filters);
        if (r != 0)
                return r;
        r = load_labels(ctl, &columns, &error);
        if (r < 0)
                return ctl_failed(r, &error);
        r = given_select(ctl, ctl->class, &filters, &objects, &n);
        if (r != 0)
                return r;
        if (!ctl_arg(ctl, "params") && style_of(ctl) == PRINT_RECORDS)
                r = columns_add_unusual(ctl->class, objects, n, &columns);
        r = r < 0 ? r : print_objects(stdout, ctl->view, objects, n, &columns, style_of(ctl));
        return r < 0 ? ctl_failed(r, &(ClientError){}) : EXIT_DONE;
}
