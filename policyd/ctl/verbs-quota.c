/*
 * Verbs of quotas
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "policyd/ctl/view/answer.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

static int quota_create(Ctl *ctl) {
        if (ctl_arg(ctl, "size-max") && ctl_arg(ctl, "pgpus-max"))
                return ctl_usage("size-max= and pgpus-max= are the same limit; give one of them");
        return verb_call_method(ctl, "CreateQuota");
}

/* quota-use: one line for each quota that holds for an owner, or for the owner alone. Its cells are owner, GPU group, VGPUs and
 * PGPUs. */

#define CELLS 4

typedef struct UseTable {
        StrList cells; /* of all lines */
        int widths[CELLS];
} UseTable;

static void use_table_done(UseTable *t) {
        strlist_done(&t->cells);
}

static void add_line(UseTable *t, const char *owner, const char *group, const char *vgpus, const char *pgpus) {
        const char *const cells[CELLS] = {owner, group, vgpus, pgpus};

        for (size_t i = 0; i < CELLS; i++) {
                strlist_add(&t->cells, cells[i]);
                t->widths[i] = MAX_OF(t->widths[i], (int) strlen(cells[i]));
        }
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

static void add_owner(UseTable *t, struct json_object *o) {
        struct json_object *quotas = answer_member(o, "quotas");
        const char *name = answer_text(o, "owner");
        size_t n = answer_length(quotas);
        char vgpus[64], pgpus[64];

        if (n == 0)
                add_line(t, name, "all, without a quota", amount(o, "vgpus_used", "", 1, vgpus),
                        amount(o, "size_used", "", 1048576, pgpus));
        for (size_t i = 0; i < n; i++) {
                struct json_object *q = answer_nth(quotas, i);
                const char *label = answer_text(q, "gpu_group");
                _cleanup_strbuf_ StrBuf group = {};

                strbuf_addf(&group, "%s%s", *label ? label : "all",
                        streq(answer_text(q, "owner"), "*") ? ", every owner's quota" : "");
                if (strbuf_error(&group) < 0)
                        t->cells.error = -ENOMEM;
                add_line(t, name, strempty(group.text), amount(q, "vgpus_used", "vgpus_max", 1, vgpus),
                        amount(q, "size_used", "size_max", 1048576, pgpus));
        }
}

static int print_owners(struct json_object *owners) {
        _cleanup_(use_table_done) UseTable t = {};

        add_line(&t, "OWNER", "GPU GROUP", "VGPUS", "PGPUS");
        for_each_answer(one, owners)
                add_owner(&t, one);
        if (t.cells.error < 0)
                return ctl_no_memory();
        for (char **c = t.cells.items; *c; c += CELLS)
                printf("%-*s  %-*s  %-*s  %s\n", t.widths[0], c[0], t.widths[1], c[1], t.widths[2], c[2], c[3]);
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
                return print_spelled(stdout, owners) < 0 ? EXIT_REFUSED : EXIT_DONE;
        return print_owners(owners);
}

static const Verb verbs[] = {
        { "quota-create",
                "Limits what an owner's VMs may use: VGPUs, whole PGPUs (or size units), in one group or in "
                "all; owner=\"*\" is every owner without a quota. Prints its uuid.",
                .run = quota_create,
                .answer = VERB_ANSWER_CREATED,
                .args = { ARG_TEXT("owner"), ARG_OBJECT_OR_NONE("gpu-group-uuid", "gpu-group"),
                        ARG_LIMIT("vgpus-max", "vgpus_max"), ARG_LIMIT("pgpus-max", "size_max"),
                        ARG_LIMIT("size-max", "size_max"), ARG_IDEMPOTENCY_KEY } },
        VERB_OWN("quota-use", quota_use, "What owners use, each with the quotas that hold for it.", ARG_MAY("owner")),
        VERB_CALL("quota-destroy", "quota", "Destroy", NONE, "Ends a quota; uuid= takes the owner's name too."),
};

const VerbTable verbs_of_quotas = VERB_TABLE(verbs);
