/*
 * Changes of the pool as they come: one line each, until interrupted
 *
 *   14:08:24  vm desk-1: power-state halted -> running
 *   14:08:24  job 5c8e…: done
 *
 * The view holds the last value of each property; a signal brings the new one, and both are printed.
 */

#include <stdio.h>
#include <time.h>

#include "common/json/json-get.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

#define POLICY_RULE "type='signal',sender='" POLICY_BUS_NAME "'"
#define OWNER_RULE                                                                                           \
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" POLICY_BUS_NAME "'"

static void print_time(void) {
        time_t now = time(NULL);
        char text[16];
        struct tm tm;

        localtime_r(&now, &tm);
        strftime(text, sizeof(text), "%H:%M:%S", &tm);
        printf("%s  ", text);
}

static void print_object(View *v, const ViewObject *o) {
        _cleanup_free_ char *label = object_label(v, o->path);

        printf("%s %s", o->class->name, isempty(label) ? o->uuid : label);
        if (streq(o->class->name, "job"))
                printf(" %s", o->uuid);
}

static void print_removed(Ctl *ctl, const char *path) {
        const ViewObject *o = view_get(ctl->view, path);
        const ClassInfo *class = class_of_path(path);
        char uuid[37];

        print_time();
        if (o)
                print_object(ctl->view, o);
        else
                printf("%s %s", class ? class->name : "object", path_to_uuid(path, uuid));
        puts(": removed");
        view_forget(ctl->view, path);
}

/* References are shown by name, since people read this. */
static void print_change(Ctl *ctl, const ViewObject *o, const Field *field, const char *before) {
        const FieldName name = { .field = field, .as_label = true };
        _cleanup_free_ char *now = field_text(ctl->view, o, name);

        if (!now || streq(before, now))
                return;
        print_time();
        print_object(ctl->view, o);
        printf(": %s ", field->name);
        print_line(stdout, *before ? before : "-");
        fputs(ctl->utf8 ? " → " : " -> ", stdout);
        print_line(stdout, *now ? now : "-");
        putchar('\n');
}

static void apply_property(Ctl *ctl, const char *path, const char *property, struct json_object *value) {
        ViewObject *o = view_get(ctl->view, path);
        const Field *field;

        for (size_t i = 0; o && (field = class_field(o->class, i)); i++) {
                _cleanup_free_ char *before = NULL;

                if (!streq(field->property, property))
                        continue;
                before = field_text(ctl->view, o, (FieldName){ .field = field, .as_label = true });
                view_set(ctl->view, path, property, json_object_get(value));
                print_change(ctl, o, field, strempty(before));
                return;
        }
}

static void properties_changed(Ctl *ctl, const ClientSignal *s) {
        struct json_object *changed = json_object_array_get_idx(s->args, 1);

        if (!class_of_path(s->path) || !json_object_is_type(changed, json_type_object))
                return;
        json_object_object_foreach(changed, property, value) apply_property(ctl, s->path, property, value);
}

static void interfaces_added(Ctl *ctl, const ClientSignal *s) {
        const char *path = answer_nth_text(s->args, 0);
        _cleanup_json_ struct json_object *objects = json_object_new_object();
        const ViewObject *o;

        if (!objects || !class_of_path(path))
                return;
        json_object_object_add(objects, path, json_object_get(json_object_array_get_idx(s->args, 1)));
        view_add_all(ctl->view, objects);
        o = view_get(ctl->view, path);
        if (!o)
                return;
        print_time();
        print_object(ctl->view, o);
        puts(": added");
}

static int owner_changed(Ctl *ctl, const ClientSignal *s) {
        print_time();
        if (isempty(answer_nth_text(s->args, 2))) {
                puts("policyd went away");
                return 0;
        }
        puts("policyd is back");
        return ctl_load(ctl);
}

static int show(Ctl *ctl, const ClientSignal *s) {
        if (streq(s->member, "PropertiesChanged"))
                properties_changed(ctl, s);
        else if (streq(s->member, "InterfacesAdded"))
                interfaces_added(ctl, s);
        else if (streq(s->member, "InterfacesRemoved"))
                print_removed(ctl, answer_nth_text(s->args, 0));
        else if (streq(s->member, "NameOwnerChanged"))
                return owner_changed(ctl, s);
        return 0;
}

int verb_watch(Ctl *ctl) {
        _cleanup_client_error_ ClientError error = {};
        int r;

        r = client_subscribe(ctl->client, POLICY_RULE, &error);
        if (r >= 0)
                r = client_subscribe(ctl->client, OWNER_RULE, &error);
        if (r < 0)
                return ctl_failed(r, &error);
        r = ctl_load(ctl);
        while (r == 0) {
                _cleanup_client_signal_ ClientSignal signal = {};

                fflush(stdout);
                r = client_wait_signal(ctl->client, -1, &signal);
                r = r < 0 ? ctl_failed(r, &error) : show(ctl, &signal);
        }
        return r;
}
