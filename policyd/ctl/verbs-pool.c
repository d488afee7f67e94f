/*
 * Verbs of jobs and of the pool as a whole
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "common/json/json-write.h"
#include "common/base/parse.h"
#include "policyd/ctl/explain.h"
#include "policyd/ctl/map.h"
#include "policyd/ctl/status-problems.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

static int wait_for_job(Ctl *ctl) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = job_subscribe(ctl);
        if (r == 0)
                r = ctl_find_key(ctl, "uuid", "job", &path);
        return r != 0 ? r : job_wait(ctl, path);
}

static int print_map(Ctl *ctl, const char *host) {
        _cleanup_json_ struct json_object *map = NULL;
        int r = map_build(ctl->view, host, &map);

        return r < 0 ? r : print_spelled(stdout, map);
}

static int pool_map(Ctl *ctl) {
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
        r = ctl->args.json ? print_map(ctl, host) : map_draw(stdout, ctl->view, host, &style);
        return r < 0 ? ctl_failed(r, &(ClientError){}) : EXIT_DONE;
}

static int capacity(Ctl *ctl) {
        _cleanup_json_ struct json_object *text = NULL;
        _cleanup_free_ char *group = NULL;
        bool every_type = false;
        char uuid[37] = "";
        int r;

        r = ctl_flag(ctl, "all-types", &every_type);
        if (r == 0 && ctl_arg(ctl, "gpu-group-uuid"))
                r = ctl_find_key(ctl, "gpu-group-uuid", "gpu-group", &group);
        if (r == 0)
                r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "Capacity", &text, "");
        if (r != 0)
                return r;
        return capacity_print(stdout, strempty(json_object_get_string(text)),
                group ? path_to_uuid(group, uuid) : NULL, every_type, ctl->args.json);
}

/* Objects of a class; where a property is named, those where it is this value. */
static int count(View *v, const char *class_name, const char *property, const char *value, ClientError *error,
        uint64_t *ret) {
        const ClientOption filters[2] = { { .name = property, .type = 's', .text = value } };

        return view_count(v, class_find(class_name), property ? filters : NULL, error, ret);
}

/* Of the objects of a class that were fetched: how many there are; where a property is named, those where it is this value, or with
 * NULL what it refers to in all. */
static uint64_t add_up(View *v, const char *class_name, const char *property, const char *value) {
        _cleanup_free_ ViewObject **list = NULL;
        uint64_t total = 0;
        size_t n;

        if (view_collect(v, class_find(class_name), &list, &n) < 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                total += !property ? 1
                         : value   ? streq(object_text(list[i], property), value)
                                   : object_n_refs(list[i], property);
        return total;
}

static void write_unheard(StrBuf *b, View *v) {
        _cleanup_free_ ViewObject **hosts = NULL;
        size_t n = 0;

        json_write_open(b, "hosts-unheard", '[');
        if (view_list(v, class_find("host"), &hosts, &n) < 0)
                b->error = -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (object_flag(hosts[i], "Unheard"))
                        json_write_string(b, NULL, object_text(hosts[i], "NameLabel"));
        json_write_close(b, ']');
}

/* A member of the Manager's properties as it is. */
static void write_rows(StrBuf *b, const char *name, struct json_object *manager, const char *property) {
        if (answer_member(manager, property))
                json_write_value(b, name, answer_member(manager, property));
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

static int build_status(View *v, struct json_object *manager, const Numbers *n, struct json_object **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        json_write_open(&b, NULL, '{');
        json_write_string(&b, "version", answer_text(manager, "Version"));
        json_write_string(&b, "old-database", answer_text(manager, "OldDatabase"));
        write_unheard(&b, v);
        json_write_u64(&b, "epoch", answer_number(manager, "Epoch"));
        json_write_u64(&b, "hosts", add_up(v, "host", NULL, NULL));
        json_write_u64(&b, "hosts-online", add_up(v, "host", "State", "online"));
        json_write_u64(&b, "pgpus", add_up(v, "pgpu", NULL, NULL));
        json_write_u64(&b, "gpu-groups", n->groups);
        json_write_u64(&b, "vms", add_up(v, "vm", NULL, NULL));
        json_write_u64(&b, "vms-running", add_up(v, "vm", "PowerState", "running"));
        json_write_u64(&b, "vgpus", n->vgpus);
        json_write_u64(&b, "vgpus-resident", add_up(v, "pgpu", "ResidentVGPUs", NULL));
        json_write_u64(&b, "vgpus-scheduled", add_up(v, "pgpu", "ScheduledVGPUs", NULL));
        json_write_u64(&b, "jobs-running", n->jobs_running + n->jobs_pending);
        write_rows(&b, "unreadable-rows", manager, "UnreadableRows");
        write_rows(&b, "rows-set-aside", manager, "RowsSetAside");
        status_write_problems(&b, v);
        json_write_close(&b, '}');
        return ctl_parse_written(&b, ret);
}

/* Rows of the database: those that make the pool read only, and those that are only kept. */
static void print_rows(struct json_object *rows, const char *what) {
        for (size_t i = 0; i < answer_length(rows); i++)
                printf("%s %s\n", what, answer_nth_text(rows, i));
}

static void print_status(struct json_object *s, View *v) {
        _cleanup_free_ ViewObject **hosts = NULL;
        size_t n_hosts = 0;

        printf("policyd %s, epoch %s\n", answer_text(s, "version"), answer_text(s, "epoch"));
        printf("hosts   %s, %s online\n", answer_text(s, "hosts"), answer_text(s, "hosts-online"));
        printf("PGPUs   %s in %s group%s\n", answer_text(s, "pgpus"), answer_text(s, "gpu-groups"),
                streq(answer_text(s, "gpu-groups"), "1") ? "" : "s");
        printf("VMs     %s, %s running\n", answer_text(s, "vms"), answer_text(s, "vms-running"));
        printf("VGPUs   %s, %s resident, %s scheduled\n", answer_text(s, "vgpus"), answer_text(s, "vgpus-resident"),
                answer_text(s, "vgpus-scheduled"));
        printf("jobs    %s running\n", answer_text(s, "jobs-running"));
        if (*answer_text(s, "old-database"))
                printf("%s\n", answer_text(s, "old-database"));
        print_rows(answer_member(s, "unreadable-rows"), "read only, since a row of the database cannot be read:");
        print_rows(answer_member(s, "rows-set-aside"), "set aside, since it cannot be read:");
        (void) view_list(v, class_find("host"), &hosts, &n_hosts);
        for (size_t i = 0; i < n_hosts; i++)
                print_host_status(hosts[i]);
        status_print_problems(stdout, answer_member(s, "problems"));
}

static int status(Ctl *ctl) {
        _cleanup_json_ struct json_object *manager = NULL, *built = NULL;
        _cleanup_client_error_ ClientError error = {};
        Numbers numbers = {};
        int r;

        r = client_get_all(ctl->client, POLICY_PATH, POLICY_IFACE_MANAGER, &error, &manager);
        if (r >= 0)
                r = load_numbers(ctl->view, &numbers, &error);
        if (r < 0)
                return ctl_failed(r, &error);
        r = build_status(ctl->view, manager, &numbers, &built);
        if (r != 0)
                return r;
        if (ctl->args.json)
                return print_json(stdout, built) < 0 ? EXIT_REFUSED : EXIT_DONE;
        print_status(built, ctl->view);
        return EXIT_DONE;
}

static const Verb verbs[] = {
        VERB_ON("job-wait", "job", wait_for_job, NONE, "Waits until a job has ended; its outcome is the exit status."),
        { "event-wait", "Waits until an object of a class has these fields: class=vm name-label=a power-state=halted; FIELD=/=value: another.",
                .run = verb_event_wait, .keys = VERB_KEYS_OF_CLASS, .args = { ARG_KEY("class") } },
        VERB_CALL("job-cancel", "job", "Cancel", NONE, "Asks a job to stop."),
        VERB_OWN("pool-backup", verb_pool_backup,
                "Writes a backup of the pool's database to a file: pool-backup FILE, or - for standard output.",
                ARG_KEY("filename")),
        VERB_OWN("pool-dump-database", verb_pool_backup, "The same in xe's words: file-name=FILE.", ARG_KEY("file-name")),
        { "pool-restore-database", "Looks at a backup as policyd would, and prints the steps that restore it: file-name=FILE dry-run=true.",
                .run = verb_pool_restore, .needs_no_pool = true, .args = { ARG_KEY("file-name"), ARG_MAY("dry-run") } },
        VERB_OWN("pool-map", pool_map, "A picture of every card, PGPU and slot.", ARG_MAY("host-uuid"), ARG_MAY("width")),
        VERB_OWN("capacity", capacity, "What each group can still take, by type, and why not more; all-types=true has a row for each of many types.",
                ARG_MAY("gpu-group-uuid"), ARG_MAY("all-types")),
        VERB_OWN("status", status, "The pool in a few lines."),
        VERB_SHOW("check", NULL, "Check", check_print,
                "Looks at the whole pool for what must not be, and says what would help; exit status 1 where anything was found."),
        VERB_OWN("metrics", verb_metrics, "What Prometheus reads: format=text or openmetrics; http=true answers one request.",
                ARG_MAY("format"), ARG_MAY("http")),
        VERB_CALL("row-remove", NULL, "RemoveRow", NONE,
                "Gives up a row of the database that cannot be read (status names them), so that the pool goes on without it.",
                ARG_TEXT("row"), ARG_NO_OPTION),
        VERB_OWN("watch", verb_watch, "Shows the pool map and what changes, until interrupted; in a pipe, a line for each change."),
};

const VerbTable verbs_of_pool = VERB_TABLE(verbs);
