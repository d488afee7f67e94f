/*
 * policyd's JSON answers for people
 */

#include <inttypes.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "policyd/ctl/ctl.h"
#include "policyd/ctl/explain.h"
#include "protocol/errors.h"

#define LINE_WIDTH 80
#define NAME_WIDTH_MAX 30 /* of a type: the numbers of its row stand beside it within a line */
#define TYPE_ROWS_MAX 6   /* a group with more types has those alike summed up */

static int parse_answer(const char *json, struct json_object **ret) {
        JsonReader reader = {};
        int r = json_parse_answer(&reader, json, strlen(json), ret);

        if (r < 0)
                return ctl_say_error(
                        "org.xenvgpu.Error.InternalError", r == -EINVAL ? reader.error : strerror(-r));
        return 0;
}

static struct json_object *member(struct json_object *o, const char *name) {
        struct json_object *value;

        return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, name, &value) ? value
                                                                                                      : NULL;
}

static const char *text(struct json_object *o, const char *name) {
        return strempty(json_object_get_string(member(o, name)));
}

static size_t length(struct json_object *array) {
        return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* "VGPUTypeNotEnabled" as XenServer spells it. */
static const char *word_xapi(const char *word) {
        _cleanup_free_ char *name = NULL;
        ErrorCode code;

        if (!*word || asprintf(&name, ERROR_PREFIX "%s", word) < 0)
                return word;
        code = error_code_from_name(name);
        return code >= 0 ? error_code_xapi(code) : word;
}

static const char *code_of(struct json_object *o) {
        return word_xapi(text(o, "code"));
}

static size_t columns_of(const char *word, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i < size; i++)
                n += ((unsigned char) word[i] & 0xc0) != 0x80;
        return n;
}

/* Words behind an indent, in lines that end before the edge; a word alone may be longer. */
static void print_wrapped(FILE *out, size_t indent, const char *words) {
        size_t at = 0;

        while (*(words += strspn(words, " "))) {
                size_t size = strcspn(words, " "), n = columns_of(words, size);

                if (at > indent && at + 1 + n > LINE_WIDTH) {
                        fputc('\n', out);
                        at = 0;
                }
                fprintf(out, "%*s", at == 0 ? (int) indent : 1, "");
                at = (at == 0 ? indent : at + 1) + n;
                (void) fwrite(words, 1, size, out);
                words += size;
        }
        fputc('\n', out);
}

static void print_reason(FILE *out, struct json_object *reason, const char *before) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "%s%s: %s %s%s", before, code_of(reason), text(reason, "message"),
                text(reason, "remedy"), *text(reason, "remedy") ? "." : "");
        print_wrapped(out, 8, strempty(b.text));
}

static void print_type_row(FILE *out, struct json_object *type, int width) {
        struct json_object *reason = member(type, "reason");

        fprintf(out, "    %-*s %6s %6s %9s %8s %6s %6s\n", width, text(type, "model_name"),
                text(type, "total"), text(type, "used"), text(type, "scheduled"), text(type, "reserved"),
                text(type, "free"), text(type, "packed"));
        if (json_object_get_uint64(member(type, "outside")) > 0)
                fprintf(out, "        %s of those in use %s not of this pool\n", text(type, "outside"),
                        streq(text(type, "outside"), "1") ? "is" : "are");
        if (reason)
                print_reason(out, reason, "");
}

/* Nothing of the type runs, is booked or held. */
static bool is_idle(struct json_object *type) {
        static const char *const members[] = {"used", "scheduled", "reserved", "outside"};

        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (json_object_get_uint64(member(type, members[i])) > 0)
                        return false;
        return true;
}

static bool is_alike(struct json_object *a, struct json_object *b) {
        static const char *const members[] = {"total", "free", "packed"};

        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (!streq(text(a, members[i]), text(b, members[i])))
                        return false;
        return streq(code_of(member(a, "reason")), code_of(member(b, "reason")));
}

/* Of many types: those that are used each in a row, the others once for all that are alike. */
static void print_types_summed(FILE *out, struct json_object *types, int width) {
        for (size_t i = 0; i < length(types); i++) {
                struct json_object *t = json_object_array_get_idx(types, i), *other;
                _cleanup_strbuf_ StrBuf names = {};
                size_t n = 0;
                bool told = false;

                for (size_t k = 0; is_idle(t) && k < length(types); k++) {
                        other = json_object_array_get_idx(types, k);
                        if (!is_idle(other) || !is_alike(t, other))
                                continue;
                        told |= k < i;
                        strbuf_addf(&names, "%s%s", n++ > 0 ? ", " : "", text(other, "model_name"));
                }
                if (told)
                        continue;
                if (n < 2) {
                        print_type_row(out, t, width);
                        continue;
                }
                fprintf(out, "    %zu types, of each %s in all, %s free, %s packed:\n", n, text(t, "total"),
                        text(t, "free"), text(t, "packed"));
                print_wrapped(out, 8, strempty(names.text));
                if (member(t, "reason"))
                        print_reason(out, member(t, "reason"), "of the first, ");
        }
}

static const char *type_name(struct json_object *types, const char *identifier) {
        for (size_t i = 0; i < length(types); i++) {
                struct json_object *t = json_object_array_get_idx(types, i);

                if (streq(text(t, "identifier"), identifier))
                        return text(t, "model_name");
        }
        return identifier;
}

/* For each type that an empty PGPU could run: what is free of each type once it does. */
static void print_changes(FILE *out, struct json_object *group) {
        struct json_object *types = member(group, "types"), *changes = member(group, "changes");

        if (length(changes) == 0)
                return;
        if (length(types) > TYPE_ROWS_MAX) {
                fputs("    --json has what would be free if an empty PGPU ran a type (changes)\n", out);
                return;
        }
        fprintf(out, "    if an empty PGPU ran a type, this would be free:\n");
        for (size_t i = 0; i < length(changes); i++) {
                struct json_object *change = json_object_array_get_idx(changes, i),
                                   *list = member(change, "free");
                _cleanup_strbuf_ StrBuf b = {};

                fprintf(out, "    %s:\n", type_name(types, text(change, "identifier")));
                for (size_t j = 0; j < length(list); j++) {
                        struct json_object *of = json_object_array_get_idx(list, j);

                        strbuf_addf(&b, "%s%s %s", j == 0 ? "" : ", ", text(of, "free"),
                                type_name(types, text(of, "identifier")));
                }
                strbuf_addf(&b, " (%s%s)", text(change, "pgpu"),
                        json_object_get_boolean(member(change, "enable")) ? ", once enabled there" : "");
                print_wrapped(out, 8, strempty(b.text));
        }
}

static bool is_fragmented(struct json_object *types) {
        for (size_t i = 0; i < length(types); i++) {
                struct json_object *t = json_object_array_get_idx(types, i);

                if (json_object_get_uint64(member(t, "packed")) > json_object_get_uint64(member(t, "free")))
                        return true;
        }
        return false;
}

static void print_group(FILE *out, struct json_object *group) {
        struct json_object *types = member(group, "types");
        int width = (int) strlen("TYPE");

        for (size_t i = 0; i < length(types); i++)
                width = MAX_OF(width, (int) strlen(text(json_object_array_get_idx(types, i), "model_name")));
        width = MIN_OF(width, NAME_WIDTH_MAX);

        fprintf(out, "%s (%s)\n", text(group, "name_label"), text(group, "algorithm"));
        if (length(types) == 0) {
                fputs("    no types: no PGPU of the group supports any\n\n", out);
                return;
        }
        fprintf(out, "    %-*s %6s %6s %9s %8s %6s %6s\n", width, "TYPE", "TOTAL", "USED", "SCHEDULED",
                "RESERVED", "FREE", "PACKED");
        if (length(types) > TYPE_ROWS_MAX)
                print_types_summed(out, types, width);
        else
                for (size_t i = 0; i < length(types); i++)
                        print_type_row(out, json_object_array_get_idx(types, i), width);
        print_changes(out, group);
        if (is_fragmented(types))
                fputs("    packed: free if VMs moved together; gpu-group-plan says which to restart\n",
                        out);
        fputc('\n', out);
}

static void keep_group(struct json_object *groups, const char *uuid) {
        for (size_t i = length(groups); i-- > 0;)
                if (!streq(text(json_object_array_get_idx(groups, i), "uuid"), uuid))
                        json_object_array_del_idx(groups, i, 1);
}

int capacity_print(FILE *out, const char *json, const char *group, bool as_json) {
        _cleanup_json_ struct json_object *answer = NULL;
        struct json_object *groups;
        int r;

        r = parse_answer(json, &answer);
        if (r != 0)
                return r;
        groups = member(answer, "groups");
        if (group)
                keep_group(groups, group);
        if (as_json)
                return print_json(out, answer) < 0 ? EXIT_REFUSED : EXIT_DONE;

        for (size_t i = 0; i < length(groups); i++)
                print_group(out, json_object_array_get_idx(groups, i));
        if (length(groups) == 0)
                fputs("The pool has no GPU groups.\n", out);
        return EXIT_DONE;
}

int plan_print(FILE *out, const char *json, bool as_json) {
        _cleanup_json_ struct json_object *answer = NULL;
        struct json_object *steps;
        int r;

        r = parse_answer(json, &answer);
        if (r != 0)
                return r;
        if (as_json)
                return print_json(out, answer) < 0 || !json_object_get_boolean(member(answer, "possible"))
                               ? EXIT_REFUSED
                               : EXIT_DONE;

        fprintf(out, "%s\n", text(answer, "message"));
        steps = member(answer, "steps");
        for (size_t i = 0; i < length(steps); i++)
                fprintf(out, "%3zu. %s\n", i + 1,
                        json_object_get_string(json_object_array_get_idx(steps, i)));
        return json_object_get_boolean(member(answer, "possible")) ? EXIT_DONE : EXIT_REFUSED;
}

int failure_print(FILE *out, const char *json, bool as_json) {
        _cleanup_json_ struct json_object *answer = NULL;
        struct json_object *moves;
        bool survives;
        int r;

        r = parse_answer(json, &answer);
        if (r != 0)
                return r;
        survives = json_object_get_boolean(member(answer, "survives"));
        if (as_json)
                return print_json(out, answer) < 0 || !survives ? EXIT_REFUSED : EXIT_DONE;

        fprintf(out, "%s\n", text(answer, "message"));
        moves = member(answer, "moves");
        for (size_t i = 0; i < length(moves); i++) {
                struct json_object *m = json_object_array_get_idx(moves, i);

                if (*text(m, "to"))
                        fprintf(out, "    %s: to %s%s%s\n", text(m, "name_label"), text(m, "to"),
                                *text(m, "pci_id") ? ", " : "", text(m, "pci_id"));
                else
                        fprintf(out, "    %s: nowhere: %s\n", text(m, "name_label"), text(m, "reason"));
        }
        return survives ? EXIT_DONE : EXIT_REFUSED;
}

/* In as few words as the column has. */
static void print_why(FILE *out, struct json_object *p) {
        static const struct {
                const char *code, *words;
        } table[] = {
                {"", "room"},
                {"PGPUUnhealthy", "suspect"},
                {"PGPUInsufficientCapacity", "full"},
                {"VGPUTypeNotEnabled", "not enabled"},
                {"VGPUTypeNotSupported", "not supported"},
                {"HostOffline", "cannot be used"},
                {"HostDisabled", "host disabled"},
                {"VMRequiresVGPU", "not the PGPU asked for"},
        };

        if (*text(p, "running")) {
                fprintf(out, "%s %s", json_object_get_boolean(member(p, "held")) ? "kept for" : "runs",
                        text(p, "running"));
                return;
        }
        if (streq(text(p, "health"), "lost")) {
                const char *reason = text(p, "health_reason");
                size_t n = strlen(reason);

                /* What would help follows behind a full stop. */
                fputs("lost: ", out);
                (void) fwrite(reason, 1, n > 0 && reason[n - 1] == '.' ? n - 1 : n, out);
                return;
        }
        if (*text(p, "held_by")) {
                fprintf(out, "held by %s, which is not of this pool", text(p, "held_by"));
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (streq(table[i].code, text(p, "code"))) {
                        fputs(table[i].words, out);
                        if (!*text(p, "code") && *text(p, "standing"))
                                fputs(", but starts failed there: it comes last", out);
                        return;
                }
        fputs(code_of(p), out);
}

/* VGPUs of one type see a PGPU alike. */
static bool is_told(struct json_object *pgpus, size_t at) {
        struct json_object *p = json_object_array_get_idx(pgpus, at);

        for (size_t i = 0; i < at; i++) {
                struct json_object *other = json_object_array_get_idx(pgpus, i);

                if (streq(text(other, "pci_id"), text(p, "pci_id")) &&
                        streq(text(other, "type"), text(p, "type")) &&
                        streq(text(other, "code"), text(p, "code")))
                        return true;
        }
        return false;
}

static void print_pgpu_verdict(FILE *out, struct json_object *p, int width) {
        uint64_t size = json_object_get_uint64(member(p, "size"));
        uint64_t percent = size > 0 ? json_object_get_uint64(member(p, "used")) * 100 / size : 0;
        char used[24];

        snprintf(used, sizeof(used), "%" PRIu64 " %%", percent);
        fprintf(out, "    %-12s  %-*s  %4s  %5s  ", text(p, "pci_id"), width, text(p, "type"),
                text(p, "capacity"), used);
        print_why(out, p);
        fprintf(out, "%s%s\n", *text(p, "remedy") ? ". " : "", text(p, "remedy"));
}

static void print_pgpu_verdicts(FILE *out, struct json_object *pgpus) {
        int width = (int) strlen("TYPE");

        for (size_t i = 0; i < length(pgpus); i++)
                width = MAX_OF(width, (int) strlen(text(json_object_array_get_idx(pgpus, i), "type")));
        width = MIN_OF(width, NAME_WIDTH_MAX);
        if (length(pgpus) > 0)
                fprintf(out, "    %-12s  %-*s  %4s  %5s  %s\n", "PGPU", width, "TYPE", "ROOM", "USED",
                        "WHY, AND WHAT WOULD HELP");
        for (size_t i = 0; i < length(pgpus); i++)
                if (!is_told(pgpus, i))
                        print_pgpu_verdict(out, json_object_array_get_idx(pgpus, i), width);
}

static void print_host_verdict(FILE *out, struct json_object *host) {
        uint64_t n_members = json_object_get_uint64(member(host, "vm_group_members"));

        if (*text(host, "code"))
                fprintf(out, "%s: no, %s\n", text(host, "name_label"), code_of(host));
        else
                fprintf(out, "%s: yes, in tier %s with score %s%s%s%s; needs %s, has %s free\n",
                        text(host, "name_label"), text(host, "tier"), text(host, "score"),
                        n_members > 0 ? ", behind hosts with fewer than the " : "",
                        n_members > 0 ? text(host, "vm_group_members") : "",
                        n_members > 0 ? " of its VM group" : "",
                        SIZE_TEXT(json_object_get_uint64(member(host, "memory_need"))),
                        SIZE_TEXT(json_object_get_uint64(member(host, "memory_available"))));
        if (*text(host, "message"))
                fprintf(out, "    %s\n", text(host, "message"));
        print_pgpu_verdicts(out, member(host, "pgpus"));
        fputc('\n', out);
}

static void print_amount(
        FILE *out, struct json_object *quota, const char *prefix, double unit, const char *noun) {
        _cleanup_free_ char *max = NULL, *used = NULL, *need = NULL;

        if (asprintf(&max, "%s_max", prefix) < 0 || asprintf(&used, "%s_used", prefix) < 0 ||
                asprintf(&need, "%s_need", prefix) < 0 || !member(quota, max))
                return;
        fprintf(out, "    %.6g of %.6g %s used, %.6g more asked for\n",
                json_object_get_double(member(quota, used)) / unit,
                json_object_get_double(member(quota, max)) / unit, noun,
                json_object_get_double(member(quota, need)) / unit);
}

static void print_quotas(FILE *out, struct json_object *quotas) {
        for (size_t i = 0; i < length(quotas); i++) {
                struct json_object *q = json_object_array_get_idx(quotas, i);
                const char *group = text(q, "gpu_group");
                bool is_default = streq(text(q, "owner"), "*");

                fprintf(out, "Quota of %s%s%s in %s%s%s: %s\n", is_default ? "every owner" : "owner '",
                        is_default ? "" : text(q, "owner"), is_default ? "" : "'",
                        *group ? "GPU group '" : "all GPU groups together", group, *group ? "'" : "",
                        json_object_get_boolean(member(q, "exceeded")) ? "exceeded" : "kept");
                print_amount(out, q, "vgpus", 1, "VGPUs");
                print_amount(out, q, "size", 1048576, "PGPUs");
        }
        if (length(quotas) > 0)
                fputc('\n', out);
}

/* "Of the hosts then 2 fitted, 1 VM_REQUIRES_VGPU." */
static void print_counts(FILE *out, struct json_object *counts) {
        size_t n = 0;

        if (!json_object_is_type(counts, json_type_object))
                return;
        json_object_object_foreach(counts, word, count) {
                fprintf(out, "%s%s %s", n++ == 0 ? "Hosts by verdict then: " : ", ",
                        json_object_get_string(count),
                        streq(word, "fits")         ? "could run it"
                        : streq(word, "connecting") ? "not heard from yet"
                                                    : word_xapi(word));
        }
        fputs(n > 0 ? ".\n" : "", out);
}

/* The PGPUs of several VGPUs: "0000:83:00.0, 0000:84:00.0 (3 VGPUs)". */
static void print_places(FILE *out, const char *before, struct json_object *pgpus) {
        for (size_t i = 0, n; i < length(pgpus); i += n) {
                const char *pci = text(json_object_array_get_idx(pgpus, i), "pci_id");

                n = 1;
                while (i + n < length(pgpus) &&
                        streq(pci, text(json_object_array_get_idx(pgpus, i + n), "pci_id")))
                        n++;
                fprintf(out, "%s%s", i == 0 ? before : ", ", pci);
                if (n > 1)
                        fprintf(out, " (%zu VGPUs)", n);
        }
}

/* What was decided when the VM was placed. */
static void print_decision(FILE *out, struct json_object *decision) {
        struct json_object *pgpus = member(decision, "pgpus"), *others = member(decision, "runners_up");

        fprintf(out, "Last placed on %s with score %s", text(decision, "name_label"),
                text(decision, "score"));
        print_places(out, ", on ", pgpus);
        fputs(".\n", out);
        for (size_t i = 0; i < length(others); i++)
                fprintf(out, "%s%s (%s)", i == 0 ? "Next would have been " : ", ",
                        text(json_object_array_get_idx(others, i), "name_label"),
                        text(json_object_array_get_idx(others, i), "score"));
        fputs(length(others) > 0 ? ".\n" : "", out);
        print_counts(out, member(decision, "counts"));
        fputc('\n', out);
}

static void print_placement(FILE *out, struct json_object *placement) {
        struct json_object *pgpus = member(placement, "pgpus");

        fprintf(out, "A start would succeed, on %s", text(placement, "name_label"));
        print_places(out, ": ", pgpus);
        fputs(".\n\n", out);
}

/* Nobody starts a VM twice: what is explained of one that is not halted is another like it. */
static void print_stand(FILE *out, struct json_object *answer) {
        struct json_object *resident = member(answer, "resident_on"),
                           *scheduled = member(answer, "scheduled_to_be_resident_on");
        const char *state = text(answer, "power_state");

        if (isempty(state) || (streq(state, "halted") && !scheduled))
                return;
        fprintf(out, "The VM is %s", streq(state, "halted") ? "starting" : state);
        if (resident || scheduled)
                fprintf(out, " on %s", text(resident ? resident : scheduled, "name_label"));
        fputs(". One more like it:\n", out);
}

/* What a start would say, after what the last one said. */
static void print_verdict(FILE *out, struct json_object *answer) {
        if (member(answer, "decision"))
                print_decision(out, member(answer, "decision"));
        print_stand(out, answer);
        if (streq(text(answer, "verdict"), "refused"))
                fprintf(out, "A start would be refused: %s\n%s\n\n", code_of(answer),
                        text(answer, "message"));
        else
                print_placement(out, member(answer, "placement"));
}

int explain_print(FILE *out, const char *json, bool refused_already, bool as_json) {
        _cleanup_json_ struct json_object *answer = NULL;
        struct json_object *hosts;
        int r = parse_answer(json, &answer);

        if (r != 0)
                return r;
        if (as_json)
                return print_json(out, answer) < 0 ? EXIT_REFUSED : EXIT_DONE;
        if (refused_already && !streq(text(answer, "verdict"), "refused"))
                return EXIT_DONE;

        if (!refused_already)
                print_verdict(out, answer);
        print_quotas(out, member(answer, "quotas"));
        hosts = member(answer, "hosts");
        for (size_t i = 0; i < length(hosts); i++)
                print_host_verdict(out, json_object_array_get_idx(hosts, i));
        return EXIT_DONE;
}
