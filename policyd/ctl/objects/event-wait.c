/*
 * event-wait: until an object of a class has the fields that are named, as xe has it
 *
 *   xenvgpu event-wait class=vm uuid=UUID power-state=halted
 *   xenvgpu event-wait class=host enabled=/=true
 *
 * Signals are subscribed to before the first look, so that no change is missed. A signal brings the object that it concerns up to
 * date; what hosts and labels it refers to is asked again only when policyd comes back.
 */

#include <stdio.h>

#include "policyd/ctl/objects/given.h"
#include "protocol/names.h"

static int subscribe(Ctl *ctl, const ClassInfo *class) {
        static const char gone[] = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" POLICY_BUS_NAME "'";
        static const char added[] = "type='signal',sender='" POLICY_BUS_NAME "',member='InterfacesAdded'";
        _cleanup_client_error_ ClientError error = {};
        char changed[256];
        int r;

        snprintf(changed, sizeof(changed),
                "type='signal',sender='" POLICY_BUS_NAME "',member='PropertiesChanged',arg0='%s'", class->interface);
        r = client_subscribe(ctl->client, changed, &error);
        if (r >= 0)
                r = client_subscribe(ctl->client, added, &error);
        if (r >= 0)
                r = client_subscribe(ctl->client, gone, &error);
        return r < 0 ? ctl_failed(r, &error) : 0;
}

/* 1: an object of the class has all that is asked for. */
static int look_at_all(Ctl *ctl, const ClassInfo *class, const Given *given) {
        _cleanup_free_ ViewObject **objects = NULL;
        size_t n = 0;
        int r;

        r = given_load(ctl, class, given);
        if (r == 0)
                r = given_select(ctl, class, given, &objects, &n);
        return r != 0 ? -r : n > 0;
}

static bool has_come(Ctl *ctl, const ClassInfo *class, const Given *given, const ClientSignal *s) {
        const char *path = streq(s->member, "InterfacesAdded") ? answer_nth_text(s->args, 0) : s->path;
        const ViewObject *o;

        if (class_of_path(path) != class)
                return false;
        view_forget(ctl->view, path);
        o = view_get(ctl->view, path);
        return o && given_passes(ctl->view, o, given);
}

/* Negative: the exit status, as above. */
static int wait_for_one(Ctl *ctl, const ClassInfo *class, const Given *given) {
        _cleanup_client_signal_ ClientSignal signal = {};
        int r = client_wait_signal(ctl->client, -1, &signal);

        if (r < 0)
                return -ctl_failed(r, &(ClientError){});
        if (!streq(signal.member, "NameOwnerChanged"))
                return has_come(ctl, class, given, &signal);
        return isempty(answer_nth_text(signal.args, 2)) ? 0 : look_at_all(ctl, class, given);
}

/* People wait for the prompt; a program gets what it waited for, as CLASS-list --json has it. */
static int show(Ctl *ctl, const ClassInfo *class, const Given *given) {
        _cleanup_free_ ViewObject **objects = NULL;
        _cleanup_free_ char *unknown = NULL;
        Columns columns = {};
        size_t n = 0;
        int r;

        if (!ctl->args.json)
                return EXIT_DONE;
        r = given_select(ctl, class, given, &objects, &n);
        if (r != 0)
                return r;
        r = columns_choose(class, NULL, &columns, &unknown);
        r = r < 0 ? r : print_objects(stdout, ctl->view, objects, n, &columns, PRINT_JSON);
        columns_done(&columns);
        return r < 0 ? ctl_failed(r, &(ClientError){}) : EXIT_DONE;
}

int verb_event_wait(Ctl *ctl) {
        const ClassInfo *class = class_find(ctl_arg(ctl, "class"));
        Given given;
        int r;

        if (!class)
                return ctl_usage("class=%s is none; take one of those that `xenvgpu help` names", ctl_arg(ctl, "class"));
        if (streq(class->name, "pool"))
                return ctl_usage("event-wait waits for no pool; give the class of what changes, such as host");
        given = given_fields(ctl, class);
        if (given.n == 0)
                return ctl_usage("nothing to wait for: give FIELD=value, or FIELD=/=value for any other");
        r = given_check_words(class, &given);
        if (r == 0)
                r = subscribe(ctl, class);
        if (r != 0)
                return r;
        r = look_at_all(ctl, class, &given);
        while (r == 0)
                r = wait_for_one(ctl, class, &given);
        return r < 0 ? -r : show(ctl, class, &given);
}
