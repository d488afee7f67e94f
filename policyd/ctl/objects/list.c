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

/* A text of Host.OutsideVMs: uuid, blank, name. */
static void print_outside(FILE *out, const ViewObject *host, const char *text) {
        const char *name = strchr(text, ' ');
        _cleanup_free_ char *uuid = strndup(text, name ? (size_t) (name - text) : strlen(text));

        fprintf(out, "%-28s: %s\n", "uuid ( RO)", strempty(uuid));
        fprintf(out, "%28s: ", "name-label ( RO)");
        print_line(out, name ? name + 1 : "");
        fprintf(out, "\n%28s: running\n%28s: not of this pool, on host ", "power-state ( RO)", "outside ( RO)");
        print_line(out, object_text(host, "NameLabel"));
        fputs("; vm-adopt takes it in, vm-end-outside ends it\n\n\n", out);
}

/* People see behind the pool's VMs those that hosts run and the pool does not have; programs that ask for fields or uuids do not, since
 * no verb but vm-adopt and vm-end-outside takes them. */
static int print_outsiders(Ctl *ctl, size_t n_filters) {
        _cleanup_client_error_ ClientError error = {};
        _cleanup_free_ ViewObject **hosts = NULL;
        size_t n = 0;
        int r;

        if (!streq(ctl->class->name, "vm") || style_of(ctl) != PRINT_RECORDS || ctl_arg(ctl, "params") || n_filters > 0)
                return EXIT_DONE;
        r = view_need_class(ctl->view, class_find("host"), &error);
        r = r < 0 ? r : view_list(ctl->view, class_find("host"), &hosts, &n);
        if (r < 0)
                return ctl_failed(r, &error);
        for (size_t i = 0; i < n; i++) {
                struct json_object *vms = object_property(hosts[i], "OutsideVMs");

                for (size_t k = 0; k < answer_length(vms); k++)
                        print_outside(stdout, hosts[i], answer_nth_text(vms, k));
        }
        return EXIT_DONE;
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
        return r < 0 ? ctl_failed(r, &(ClientError){}) : print_outsiders(ctl, filters.n);
}
