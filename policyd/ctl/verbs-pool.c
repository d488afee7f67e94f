/*
 * Verbs of hosts, jobs and the pool as a whole
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "policyd/ctl/explain.h"
#include "policyd/ctl/map.h"
#include "policyd/ctl/status-problems.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

int verb_host_add(Ctl *ctl) {
        _cleanup_json_ struct json_object *path = NULL;
        ClientOption options[2] = {};
        int r;

        ctl_add_option(options, ctl, "idempotency-key", "idempotency_key");
        r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "AddHost", &path, "ssV", ctl_arg(ctl, "name"),
                ctl_arg(ctl, "address"), options);
        return r != 0 ? r : ctl_print_created(ctl, path);
}

int verb_host_remove(Ctl *ctl) {
        return ctl_call_uuid(ctl, "host", "Remove");
}

int verb_host_enable(Ctl *ctl) {
        return ctl_call_uuid(ctl, "host", "Enable");
}

int verb_pgpu_clear_health(Ctl *ctl) {
        return ctl_call_uuid(ctl, "pgpu", "ClearHealth");
}

int verb_host_disable(Ctl *ctl) {
        return ctl_call_uuid(ctl, "host", "Disable");
}

int verb_host_reconnect(Ctl *ctl) {
        return ctl_call_uuid(ctl, "host", "Reconnect");
}

int verb_host_declare_dead(Ctl *ctl) {
        return ctl_call_uuid(ctl, "host", "DeclareDead");
}

int verb_job_wait(Ctl *ctl) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = job_subscribe(ctl);
        if (r == 0)
                r = ctl_find_key(ctl, "uuid", "job", &path);
        return r != 0 ? r : job_wait(ctl, path);
}

int verb_job_cancel(Ctl *ctl) {
        return ctl_call_uuid(ctl, "job", "Cancel");
}

int verb_pool_map(Ctl *ctl) {
        MapStyle style = {
                .width = ctl->width, .utf8 = ctl->utf8, .colour = ctl->out_is_terminal && !getenv("NO_COLOR")
        };
        _cleanup_free_ char *host = NULL;
        uint32_t width;
        int r = 0;

        if (ctl_arg(ctl, "width")) {
                if (parse_u32(ctl_arg(ctl, "width"), &width) < 0 || width < MAP_WIDTH_MIN ||
                        width > MAP_WIDTH_MAX)
                        return ctl_usage("width= is a number from %d to %d", MAP_WIDTH_MIN, MAP_WIDTH_MAX);
                style.width = width;
        }
        if (ctl_arg(ctl, "host-uuid"))
                r = ctl_find_key(ctl, "host-uuid", "host", &host);
        if (r == 0)
                r = ctl_load(ctl);
        if (r != 0)
                return r;
        r = ctl->args.json ? map_print_json(stdout, ctl->view, host)
                           : map_draw(stdout, ctl->view, host, &style);
        return r < 0 ? ctl_failed(r, &(ClientError){}) : EXIT_DONE;
}

int verb_capacity(Ctl *ctl) {
        _cleanup_json_ struct json_object *text = NULL;
        _cleanup_free_ char *group = NULL;
        char uuid[37] = "";
        int r = 0;

        if (ctl_arg(ctl, "gpu-group-uuid"))
                r = ctl_find_key(ctl, "gpu-group-uuid", "gpu-group", &group);
        if (r == 0)
                r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "Capacity", &text, "");
        if (r != 0)
                return r;
        return capacity_print(stdout, strempty(json_object_get_string(text)),
                group ? path_to_uuid(group, uuid) : NULL, ctl->args.json);
}

/* Objects of a class; where a property is named, those where it is this value. */
static int count(View *v, const char *class_name, const char *property, const char *value, ClientError *error,
        uint64_t *ret) {
        const ClientOption filters[2] = { { .name = property, .type = 's', .text = value } };

        return view_count(v, class_find(class_name), property ? filters : NULL, error, ret);
}

static size_t count_where(View *v, const char *class_name, const char *property, const char *value) {
        _cleanup_free_ ViewObject **list = NULL;
        size_t n, total = 0;

        if (view_collect(v, class_find(class_name), &list, &n) < 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                total += streq(object_text(list[i], property), value);
        return total;
}

static size_t count_objects(View *v, const char *class_name) {
        _cleanup_free_ ViewObject **list = NULL;
        size_t n;

        return view_collect(v, class_find(class_name), &list, &n) < 0 ? 0 : n;
}

static size_t count_refs(View *v, const char *class_name, const char *property) {
        _cleanup_free_ ViewObject **list = NULL;
        size_t n, total = 0;

        if (view_collect(v, class_find(class_name), &list, &n) < 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                total += object_n_refs(list[i], property);
        return total;
}

typedef struct StatusLine {
        const char *name;
        uint64_t value;
} StatusLine;

static int add_unheard(View *v, struct json_object *o) {
        _cleanup_free_ ViewObject **hosts = NULL;
        struct json_object *names = json_object_new_array();
        size_t n;
        int r;

        r = names ? json_add(o, "hosts-unheard", names) : -ENOMEM;
        r = r ?: view_list(v, class_find("host"), &hosts, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                struct json_object *name = NULL;

                if (!object_flag(hosts[i], "Unheard"))
                        continue;
                name = json_object_new_string(object_text(hosts[i], "NameLabel"));
                if (!name || json_object_array_add(names, name) < 0) {
                        json_object_put(name);
                        return -ENOMEM;
                }
        }
        return r;
}

/* A member of the Manager's properties as it is. */
static int add_rows(
        struct json_object *o, const char *name, struct json_object *manager, const char *property) {
        struct json_object *rows = NULL;

        return json_object_object_get_ex(manager, property, &rows)
                       ? json_add(o, name, json_object_get(rows))
                       : 0;
}

static int print_status(const Ctl *ctl, struct json_object *manager, const char *version, const char *old,
        const StatusLine *lines, size_t n) {
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_add_string(o, "version", version) < 0 || json_add_string(o, "old-database", old) < 0 ||
                add_unheard(ctl->view, o) < 0)
                return ctl_failed(-ENOMEM, &(ClientError){});
        for (size_t i = 0; i < n; i++)
                if (json_add_u64(o, lines[i].name, lines[i].value) < 0)
                        return ctl_failed(-ENOMEM, &(ClientError){});
        if (add_rows(o, "unreadable-rows", manager, "UnreadableRows") < 0 ||
                add_rows(o, "rows-set-aside", manager, "RowsSetAside") < 0 ||
                status_add_problems(o, ctl->view) < 0)
                return ctl_failed(-ENOMEM, &(ClientError){});
        return print_json(stdout, o) < 0 ? EXIT_REFUSED : EXIT_DONE;
}

static void print_host_status(const ViewObject *h) {
        const char *name = object_text(h, "NameLabel"), *reason = object_text(h, "StateReason");

        if (!streq(object_text(h, "State"), "online") || !object_flag(h, "Enabled"))
                printf("host %s is %s%s%s%s\n", name, object_text(h, "State"),
                        object_flag(h, "Enabled") ? "" : ", disabled", *reason ? ": " : "", reason);
        if (object_flag(h, "Unheard"))
                printf("host %s was not heard since the database was copied: bring it back, or, when the machine "
                       "does not run, xenvgpu host-declare-dead uuid=%s\n",
                        name, name);
}

int verb_row_remove(Ctl *ctl) {
        const ClientOption options[1] = {};

        return ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "RemoveRow", NULL, "sV", ctl_arg(ctl, "row"),
                options);
}

/* Rows of the database: those that make the pool read only, and those that are only kept. */
static void print_rows(struct json_object *manager, const char *property, const char *what) {
        struct json_object *rows;
        size_t n;

        if (!json_object_object_get_ex(manager, property, &rows))
                return;
        n = json_object_array_length(rows);
        for (size_t i = 0; i < n; i++)
                printf("%s %s\n", what, strempty(json_object_get_string(json_object_array_get_idx(rows, i))));
}

/* Hosts, PGPUs and VMs are looked at one by one, the others only counted. */
typedef struct Numbers {
        uint64_t groups, vgpus, jobs_running, jobs_pending;
} Numbers;

static int load_numbers(View *v, Numbers *n, ClientError *error) {
        int r;

        r = view_load_class(v, class_find("host"), NULL, error);
        if (r >= 0)
                r = view_load_class(v, class_find("pgpu"), NULL, error);
        if (r >= 0)
                r = count(v, "gpu-group", NULL, NULL, error, &n->groups);
        if (r >= 0)
                r = view_load_class(v, class_find("vm"), NULL, error);
        if (r >= 0)
                r = count(v, "vgpu", NULL, NULL, error, &n->vgpus);
        if (r >= 0)
                r = count(v, "job", "State", "running", error, &n->jobs_running);
        return r < 0 ? r : count(v, "job", "State", "pending", error, &n->jobs_pending);
}

int verb_status(Ctl *ctl) {
        _cleanup_json_ struct json_object *manager = NULL;
        _cleanup_client_error_ ClientError error = {};
        _cleanup_free_ ViewObject **hosts = NULL;
        struct json_object *version = NULL, *epoch = NULL, *old_database = NULL;
        View *v = ctl->view;
        const char *old;
        Numbers numbers = {};
        size_t n_hosts;
        int r;

        r = client_get_all(ctl->client, POLICY_PATH, POLICY_IFACE_MANAGER, &error, &manager);
        if (r >= 0)
                r = load_numbers(v, &numbers, &error);
        if (r < 0)
                return ctl_failed(r, &error);
        json_object_object_get_ex(manager, "Version", &version);
        json_object_object_get_ex(manager, "Epoch", &epoch);
        json_object_object_get_ex(manager, "OldDatabase", &old_database);
        old = strempty(json_object_get_string(old_database));

        const StatusLine lines[] = {
                { "epoch", json_object_get_uint64(epoch) },
                { "hosts", count_objects(v, "host") },
                { "hosts-online", count_where(v, "host", "State", "online") },
                { "pgpus", count_objects(v, "pgpu") },
                { "gpu-groups", numbers.groups },
                { "vms", count_objects(v, "vm") },
                { "vms-running", count_where(v, "vm", "PowerState", "running") },
                { "vgpus", numbers.vgpus },
                { "vgpus-resident", count_refs(v, "pgpu", "ResidentVGPUs") },
                { "vgpus-scheduled", count_refs(v, "pgpu", "ScheduledVGPUs") },
                { "jobs-running", numbers.jobs_running + numbers.jobs_pending },
        };
        if (ctl->args.json)
                return print_status(ctl, manager, strempty(json_object_get_string(version)), old, lines,
                        ARRAY_SIZE(lines));

        printf("policyd %s, epoch %" PRIu64 "\n", strempty(json_object_get_string(version)), lines[0].value);
        printf("hosts   %" PRIu64 ", %" PRIu64 " online\n", lines[1].value, lines[2].value);
        printf("PGPUs   %" PRIu64 " in %" PRIu64 " groups\n", lines[3].value, lines[4].value);
        printf("VMs     %" PRIu64 ", %" PRIu64 " running\n", lines[5].value, lines[6].value);
        printf("VGPUs   %" PRIu64 ", %" PRIu64 " resident, %" PRIu64 " scheduled\n", lines[7].value,
                lines[8].value, lines[9].value);
        printf("jobs    %" PRIu64 " running\n", lines[10].value);
        if (*old)
                printf("%s\n", old);
        print_rows(manager, "UnreadableRows", "read only, since a row of the database cannot be read:");
        print_rows(manager, "RowsSetAside", "set aside, since it cannot be read:");
        if (view_list(v, class_find("host"), &hosts, &n_hosts) < 0)
                return EXIT_DONE;
        for (size_t i = 0; i < n_hosts; i++)
                print_host_status(hosts[i]);
        (void) status_print_problems(stdout, v);
        return EXIT_DONE;
}
