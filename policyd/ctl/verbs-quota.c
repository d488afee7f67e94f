/*
 * Verbs of quotas
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "policyd/ctl/answer.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

static int quota_create(Ctl *ctl) {
        if (ctl_arg(ctl, "size-max") && ctl_arg(ctl, "pgpus-max"))
                return ctl_usage("size-max= and pgpus-max= are the same limit; give one of them");
        return verb_call(ctl);
}

/* quota-use: one line for each quota that holds for an owner, or for the owner alone */

typedef struct UseLine {
        char *cells[4]; /* owner, GPU group, VGPUs, PGPUs */
} UseLine;

typedef struct UseTable {
        UseLine *lines;
        size_t n, size;
        int widths[4];
} UseTable;

static void use_table_done(UseTable *t) {
        for (size_t i = 0; i < t->n; i++)
                for (size_t j = 0; j < ARRAY_SIZE(t->lines[i].cells); j++)
                        free(t->lines[i].cells[j]);
        free(t->lines);
}

static int table_add(
        UseTable *t, const char *owner, const char *group, const char *vgpus, const char *pgpus) {
        const char *const cells[] = {owner, group, vgpus, pgpus};
        UseLine *line;

        if (t->n == t->size) {
                size_t size = MAX_OF(2 * t->size, (size_t) 64);
                UseLine *lines = reallocarray(t->lines, size, sizeof(*lines));

                if (!lines)
                        return -ENOMEM;
                t->lines = lines;
                t->size = size;
        }
        line = &t->lines[t->n++];
        *line = (UseLine){};
        for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
                line->cells[i] = strdup(cells[i]);
                if (!line->cells[i])
                        return -ENOMEM;
                t->widths[i] = MAX_OF(t->widths[i], (int) strlen(line->cells[i]));
        }
        return 0;
}

/* "2 of 4", "2" where there is no limit. */
static const char *amount(
        struct json_object *o, const char *used, const char *max, double unit, char buf[static 64]) {
        double n = json_object_get_double(answer_member(o, used)) / unit;

        if (answer_member(o, max))
                snprintf(buf, 64, "%.6g of %.6g", n, json_object_get_double(answer_member(o, max)) / unit);
        else
                snprintf(buf, 64, "%.6g", n);
        return buf;
}

static int add_owner(UseTable *t, struct json_object *o) {
        const char *name = answer_text(o, "owner");
        struct json_object *quotas = answer_member(o, "quotas");
        char vgpus[64], pgpus[64];
        size_t n = answer_length(quotas);
        int r = 0;

        if (n == 0)
                return table_add(t, name, "all, without a quota", amount(o, "vgpus_used", "", 1, vgpus),
                        amount(o, "size_used", "", 1048576, pgpus));
        for (size_t i = 0; i < n && r == 0; i++) {
                struct json_object *q = answer_nth(quotas, i);
                const char *label = answer_text(q, "gpu_group");
                bool is_default = streq(answer_text(q, "owner"), "*");
                _cleanup_free_ char *group = NULL;

                if (asprintf(&group, "%s%s", *label ? label : "all",
                            is_default ? ", every owner's quota" : "") < 0)
                        return -ENOMEM;
                r = table_add(t, name, group, amount(q, "vgpus_used", "vgpus_max", 1, vgpus),
                        amount(q, "size_used", "size_max", 1048576, pgpus));
        }
        return r;
}

static int print_owners(struct json_object *owners) {
        _cleanup_(use_table_done) UseTable t = {};
        int r;

        r = table_add(&t, "OWNER", "GPU GROUP", "VGPUS", "PGPUS");
        for (size_t i = 0; i < answer_length(owners) && r == 0; i++)
                r = add_owner(&t, answer_nth(owners, i));
        if (r < 0)
                return ctl_failed(r, &(ClientError){});
        for (size_t i = 0; i < t.n; i++)
                printf("%-*s  %-*s  %-*s  %s\n", t.widths[0], t.lines[i].cells[0], t.widths[1],
                        t.lines[i].cells[1], t.widths[2], t.lines[i].cells[2], t.lines[i].cells[3]);
        return EXIT_DONE;
}

/* Page by page, those asked for. */
static int collect_owners(Ctl *ctl, const char *only, struct json_object *ret) {
        uint64_t total = 1;

        for (uint32_t offset = 0; offset < total;) {
                _cleanup_json_ struct json_object *text = NULL, *page = NULL;
                struct json_object *owners;
                const char *answer;
                JsonReader reader;
                size_t n;
                int r;

                r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "ListOwners", &text, "uu", offset, 0);
                if (r != 0)
                        return r;
                answer = strempty(json_object_get_string(text));
                if (json_parse_cleaned(&reader, answer, strlen(answer), &page) < 0)
                        page = NULL;
                owners = answer_member(page, "owners");
                n = answer_length(owners);
                if (n == 0)
                        break;
                total = answer_number(page, "total");
                offset += (uint32_t) n;
                for (size_t i = 0; i < n; i++) {
                        struct json_object *o = answer_nth(owners, i);

                        if (!only || streq(answer_text(o, "owner"), only))
                                json_object_array_add(ret, json_object_get(o));
                }
        }
        return 0;
}

static int quota_use(Ctl *ctl) {
        _cleanup_json_ struct json_object *owners = json_object_new_array();
        int r;

        if (!owners)
                return ctl_no_memory();
        r = collect_owners(ctl, ctl_arg(ctl, "owner"), owners);
        if (r != 0)
                return r;
        if (ctl->args.json)
                return print_json(stdout, owners) < 0 ? EXIT_REFUSED : EXIT_DONE;
        return print_owners(owners);
}

static const Verb verbs[] = {
        { "quota-create",
                "Limits what an owner's VMs may use: VGPUs, whole PGPUs (or size units), in one group or in "
                "all; owner=\"*\" is every owner without a quota. Prints its uuid.",
                .run = quota_create,
                .method = "CreateQuota",
                .answer = VERB_ANSWER_CREATED,
                .args = { ARG_TEXT("owner"), ARG_OBJECT_OR_NONE("gpu-group-uuid", "gpu-group"),
                        ARG_LIMIT("vgpus-max", "vgpus_max"), ARG_LIMIT("pgpus-max", "size_max"),
                        ARG_LIMIT("size-max", "size_max"), ARG_IDEMPOTENCY_KEY } },
        VERB_OWN("quota-use", quota_use, "What owners use, each with the quotas that hold for it.", ARG_MAY("owner")),
        VERB_CALL("quota-destroy", "quota", "Destroy", NONE, "Ends a quota; uuid= takes the owner's name too."),
};

const VerbTable verbs_of_quotas = VERB_TABLE(verbs);
