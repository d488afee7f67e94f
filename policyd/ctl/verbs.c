/*
 * The verbs: their table, their help, and what is wrong with a command line
 */

#include <stdio.h>

#include "common/base/strbuf.h"
#include "policyd/ctl/verbs.h"

#define VERB(verb_name, required_keys, optional_keys, text, function)                                        \
        {                                                                                                    \
                .name = verb_name, .required = required_keys, .optional = optional_keys, .summary = text,    \
                .run = function                                                                              \
        }

static const Verb verbs[] = {
        VERB("vgpu-create", "vm-uuid gpu-group-uuid", "vgpu-type-uuid device idempotency-key",
                "Gives a halted VM a VGPU; without a type, a whole GPU (passthrough). Prints its uuid.",
                verb_vgpu_create),
        VERB("vgpu-destroy", "uuid", "", "Takes a VGPU from its halted VM.", verb_vgpu_destroy),
        VERB("pgpu-get-remaining-capacity", "uuid vgpu-type-uuid", "",
                "How many more VGPUs of a type fit on a PGPU now.", verb_pgpu_capacity),
        VERB("gpu-group-create", "name-label", "name-description idempotency-key",
                "Makes an empty GPU group. Prints its uuid.", verb_gpu_group_create),
        VERB("gpu-group-destroy", "uuid", "", "Ends a GPU group that holds neither PGPUs nor VGPUs.",
                verb_gpu_group_destroy),
        VERB("gpu-group-get-remaining-capacity", "uuid vgpu-type-uuid", "",
                "How many more VGPUs of a type fit in a group now.", verb_gpu_group_capacity),
        VERB("gpu-group-plan", "uuid", "vgpu-type-uuid",
                "The fewest VM restarts that free a whole PGPU for a type, or for passthrough.",
                verb_gpu_group_plan),
        VERB("gpu-group-failures-to-tolerate", "uuid", "",
                "How many hosts may fail with every VM of the group starting elsewhere.",
                verb_gpu_group_failures),
        VERB("host-failure-check", "uuid", "", "Which running VMs could start elsewhere if a host failed.",
                verb_host_failure_check),
        VERB("vm-create", "name-label", "memory vcpus config owner affinity platform: idempotency-key",
                "Makes a halted VM: memory=2GiB vcpus=2, or config=@FILE with libxl's JSON. Prints its uuid.",
                verb_vm_create),
        VERB("vm-destroy", "uuid", "", "Ends a halted VM and its VGPUs.", verb_vm_destroy),
        VERB("vm-start", "uuid", "on dry-run reservation idempotency-key",
                "Starts a VM and waits for it; on=HOST names the host, dry-run=true only decides, and "
                "explains.",
                verb_vm_start),
        VERB("vm-shutdown", "uuid", "force idempotency-key",
                "Shuts a VM down and waits for it; force=true destroys it.", verb_vm_shutdown),
        VERB("vm-explain", "uuid", "on reservation", "What a start would say, host by host and PGPU by PGPU.",
                verb_vm_explain),
        VERB("vm-group-create", "name-label", "placement name-description idempotency-key",
                "Makes a VM group; placement=anti_affinity spreads its VMs over hosts. Prints its uuid.",
                verb_vm_group_create),
        VERB("vm-group-destroy", "uuid", "", "Ends a VM group; its VMs stay.", verb_vm_group_destroy),
        VERB("vm-import", "filename", "idempotency-key",
                "Makes a VM from an export; filename=- reads standard input. Prints its uuid.",
                verb_vm_import),
        VERB("vm-export", "uuid", "filename", "Writes a VM with its VGPUs to a file, or to standard output.",
                verb_vm_export),
        VERB("vm-get-config", "uuid", "", "Prints a VM's libxl config as JSON.", verb_vm_get_config),
        VERB("vm-set-config", "uuid config", "", "Replaces a halted VM's libxl config by config=@FILE.",
                verb_vm_set_config),
        VERB("host-add", "name address", "idempotency-key",
                "Adds a host: address=system for the master itself, address=ssh:xenvgpu@HOST[:PORT] "
                "elsewhere. "
                "Prints its uuid. By ssh the host must know policyd's key (authorized_keys: restrict,command="
                "\"systemd-stdio-bridge\") and policyd the host's (known_hosts), both in "
                "/var/lib/xenvgpu-policyd/.ssh; man xenvgpu-policyd, HOSTS BY SSH, has each step.",
                verb_host_add),
        VERB("host-remove", "uuid", "", "Takes a host that runs no VM out of the pool.", verb_host_remove),
        VERB("host-enable", "uuid", "",
                "Lets VMs be placed on a host again; what starts that failed say against it is forgotten.",
                verb_host_enable),
        VERB("pgpu-clear-health", "uuid", "",
                "Says that a PGPU was looked after: starts that failed there, or on its host, count no more.",
                verb_pgpu_clear_health),
        VERB("host-disable", "uuid", "", "No more VMs are placed on a host; what runs there goes on.",
                verb_host_disable),
        VERB("host-reconnect", "uuid", "",
                "Dials a host that is not online now, not after the pause; host-list says what came of it.",
                verb_host_reconnect),
        VERB("host-declare-dead", "uuid", "",
                "Says that an offline host runs nothing any more: what was booked there is released. Only "
                "when it is sure.",
                verb_host_declare_dead),
        VERB("reservation-create", "name gpu-group-uuid vgpu-type-uuid count seconds",
                "owner idempotency-key",
                "Holds room for VGPUs for some time, to be used by vm-start reservation=. Prints its uuid.",
                verb_reservation_create),
        VERB("reservation-destroy", "uuid", "", "Lets a reservation go.", verb_reservation_destroy),
        VERB("quota-create", "owner", "gpu-group-uuid vgpus-max pgpus-max size-max idempotency-key",
                "Limits what an owner's VMs may use: VGPUs, whole PGPUs (or size units), in one group or in "
                "all; owner=\"*\" is every owner without a quota. Prints its uuid.",
                verb_quota_create),
        VERB("quota-use", "", "owner", "What owners use, each with the quotas that hold for it.",
                verb_quota_use),
        VERB("quota-destroy", "uuid", "", "Ends a quota; uuid= takes the owner's name too.",
                verb_quota_destroy),
        VERB("job-wait", "uuid", "", "Waits until a job has ended; its outcome is the exit status.",
                verb_job_wait),
        VERB("job-cancel", "uuid", "", "Asks a job to stop.", verb_job_cancel),
        VERB("pool-backup", "filename", "",
                "Writes a backup of the pool's database to a file: pool-backup FILE, or - for standard output.",
                verb_pool_backup),
        VERB("pool-map", "", "host-uuid width", "A picture of every card, PGPU and slot.", verb_pool_map),
        VERB("capacity", "", "gpu-group-uuid", "What each group can still take, by type, and why not more.",
                verb_capacity),
        VERB("status", "", "", "The pool in a few lines.", verb_status),
        VERB("row-remove", "row", "",
                "Gives up a row of the database that cannot be read (status names them), so that the pool goes on without it.",
                verb_row_remove),
        VERB("watch", "", "", "Prints changes of the pool as they come, until interrupted.", verb_watch),
};

static const Verb generic_verbs[] = {
        {"-list", "", "params",
                "Lists the objects; FIELD=value filters, params=all or params=a,b chooses fields.", verb_list,
                VERB_KEYS_FIELDS},
        {"-param-list", "uuid", "", "All fields of one object.", verb_param_list, VERB_KEYS_CLOSED},
        {"-param-get", "uuid param-name", "param-key", "One field of one object.", verb_param_get,
                VERB_KEYS_CLOSED},
        {"-param-set", "uuid", "", "Sets fields: FIELD=value.", verb_param_set, VERB_KEYS_SETTERS},
        {"-param-add", "uuid", "param-name param-key",
                "Adds to a list: param-name=FIELD param-key=value, or FIELD=value.", verb_param_add,
                VERB_KEYS_LISTS},
        {"-param-remove", "uuid", "param-name param-key",
                "Removes from a list: param-name=FIELD param-key=value, or FIELD=value.", verb_param_remove,
                VERB_KEYS_LISTS},
};

bool verb_nth(size_t n, char buf[static 64], VerbName *ret) {
        if (n < ARRAY_SIZE(verbs)) {
                *ret = (VerbName){.verb = &verbs[n]};
                snprintf(buf, 64, "%s", verbs[n].name);
                return true;
        }
        n -= ARRAY_SIZE(verbs);
        if (n >= n_classes * ARRAY_SIZE(generic_verbs))
                return false;
        *ret = (VerbName){.verb = &generic_verbs[n % ARRAY_SIZE(generic_verbs)],
                .class = &classes[n / ARRAY_SIZE(generic_verbs)]};
        snprintf(buf, 64, "%s%s", ret->class->name, ret->verb->name);
        return true;
}

bool verb_find(const char *name, VerbName *ret) {
        char text[64];
        VerbName v;

        for (size_t i = 0; verb_nth(i, text, &v); i++)
                if (streq(text, name)) {
                        *ret = v;
                        return true;
                }
        return false;
}

/* The three nearest, as long as they are near at all. */
int verb_unknown(const char *name) {
        char best[3][64] = {}, text[64];
        size_t distance[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}, limit = MAX_OF(strlen(name) / 2, (size_t) 2);
        VerbName v;

        for (size_t i = 0; verb_nth(i, text, &v); i++) {
                size_t d = strstr(text, name) && strlen(name) > 2 ? 1 : edit_distance(name, text), at = 3;

                while (at > 0 && d < distance[at - 1])
                        at--;
                if (at == 3 || d > limit)
                        continue;
                memmove(&distance[at + 1], &distance[at], (2 - at) * sizeof(distance[0]));
                memmove(best[at + 1], best[at], (2 - at) * sizeof(best[0]));
                distance[at] = d;
                memcpy(best[at], text, sizeof(text));
        }

        fprintf(stderr, "xenvgpu: there is no verb '%s'", name);
        for (size_t i = 0; i < 3 && *best[i]; i++)
                fprintf(stderr, "%s%s",
                        i == 0                    ? "; did you mean "
                        : i == 2 || !*best[i + 1] ? " or "
                                                  : ", ",
                        best[i]);
        fputs(*best[0] ? "?\n" : "; `xenvgpu help` lists them\n", stderr);
        return EXIT_USAGE;
}

static bool key_is_known(VerbName v, const char *key) {
        const char *colon = strchr(key, ':');
        FieldName field;

        if (words_contain(v.verb->required, key) || words_contain(v.verb->optional, key))
                return true;
        if (colon && colon[1]) {
                _cleanup_free_ char *prefix = strndup(key, (size_t) (colon + 1 - key));

                return prefix && words_contain(v.verb->optional, prefix);
        }
        if (v.verb->keys == VERB_KEYS_CLOSED || !field_find(v.class, key, &field))
                return false;
        return true;
}

static void add_keys(StrBuf *b, const char *words, const char *before, const char *after) {
        for (const char *p = words; *p;) {
                size_t n = strcspn(p, " ");

                strbuf_addf(b, "%s%s", b->len > 0 ? " " : "", before);
                strbuf_add_n(b, p, n);
                strbuf_addf(b, "%s=%s", p[n - 1] == ':' ? "KEY" : "", after);
                p += n;
                p += strspn(p, " ");
        }
}

/* "uuid= [on=] [dry-run=]" */
static char *describe_keys(VerbName v) {
        StrBuf b = {};

        add_keys(&b, v.verb->required, "", "");
        add_keys(&b, v.verb->optional, "[", "]");
        if (v.verb->keys != VERB_KEYS_CLOSED)
                strbuf_addf(&b, "%s[FIELD=]...", b.len > 0 ? " " : "");
        return strbuf_take(&b);
}

static void print_fields(FILE *out, VerbName v) {
        const char *separator = "";

        for (size_t i = 0; i < v.class->n_fields; i++) {
                const Field *f = &v.class->fields[i];

                if ((v.verb->keys == VERB_KEYS_SETTERS && !f->set) ||
                        (v.verb->keys == VERB_KEYS_LISTS && !f->add))
                        continue;
                fprintf(out, "%s%s", separator, f->name);
                separator = ", ";
        }
        fputs(*separator ? "\n" : "none of this class\n", out);
}

/* D-Bus says name where xe says name-label: either is understood. */
static int adopt_name(VerbName v, Args *args) {
        static const char *const words[] = {"name", "name-label"};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (words_contain(v.verb->required, words[i]) && !args_get(args, words[i]))
                        return args_rename(args, words[1 - i], words[i]);
        return 0;
}

int verb_check(const char *name, VerbName v, Args *args) {
        _cleanup_free_ char *keys = describe_keys(v);

        if (adopt_name(v, args) < 0)
                return ctl_usage("out of memory");

        for (size_t i = 0; i < args->n; i++) {
                if (key_is_known(v, args->args[i].key))
                        continue;
                ctl_usage("%s has no key '%s'; it takes: %s", name, args->args[i].key,
                        *strempty(keys) ? keys : "no keys");
                if (v.verb->keys != VERB_KEYS_CLOSED) {
                        fputs("fields: ", stderr);
                        print_fields(stderr, v);
                }
                return EXIT_USAGE;
        }
        for (const char *p = v.verb->required; *p;) {
                size_t n = strcspn(p, " ");
                _cleanup_free_ char *key = strndup(p, n);

                if (key && isempty(args_get(args, key)))
                        return ctl_usage("%s needs %s=; it takes: %s", name, key, strempty(keys));
                p += n;
                p += strspn(p, " ");
        }
        return 0;
}

static int help_verb(const char *name) {
        _cleanup_free_ char *keys = NULL;
        VerbName v;

        if (!verb_find(name, &v))
                return verb_unknown(name);
        keys = describe_keys(v);
        printf("xenvgpu %s %s\n\n%s\n", name, strempty(keys), v.verb->summary);
        if (v.verb->keys != VERB_KEYS_CLOSED) {
                fputs("\nFields: ", stdout);
                print_fields(stdout, v);
        }
        return EXIT_DONE;
}

int verb_help(const char *name) {
        if (name)
                return help_verb(name);

        puts("xenvgpu VERB key=value... [--minimal|--json] [--async] [--host USER@MASTER]\n\n"
             "Objects are given by uuid or unique name. `xenvgpu help VERB` says more.\n");
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                printf("  %-33s %s\n", verbs[i].name, verbs[i].summary);
        fputs("\nFor each CLASS of ", stdout);
        for (size_t i = 0; i < n_classes; i++)
                printf("%s%s", classes[i].name, i + 1 < n_classes ? ", " : ":\n\n");
        for (size_t i = 0; i < ARRAY_SIZE(generic_verbs); i++)
                printf("  CLASS%-28s %s\n", generic_verbs[i].name, generic_verbs[i].summary);
        puts("\nExit status: 0 done; 1 refused or failed; 2 usage; 3 policyd cannot be reached.\n"
             "XENVGPU_ADDRESS names another bus than the system's (a lab: eval \"$(xenvgpu-lab env DIR)\").");
        return EXIT_DONE;
}
