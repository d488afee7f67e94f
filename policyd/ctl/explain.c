/*
 * policyd's JSON answers for people
 */

#include <inttypes.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "policyd/ctl/view/answer.h"
#include "policyd/ctl/ctl.h"
#include "policyd/ctl/explain.h"
#include "protocol/errors.h"

#define LINE_WIDTH 80
#define NAME_WIDTH_MAX 30 /* of a type: the numbers of its row stand beside it within a line */
#define SUMMED_NAMES_MAX 120 /* bytes of the names of types that are summed up: about two lines */
#define TYPE_ROWS_MAX 6   /* a group with more types has those alike summed up */

static int parse_answer(const char *json, struct json_object **ret) {
        JsonReader reader = {};
        int r = json_parse_answer(&reader, json, strlen(json), ret);

        if (r < 0)
                return ctl_say_error(
                        "org.xenvgpu.Error.InternalError", r == -EINVAL ? reader.error : strerror(-r));
        return 0;
}

/* "VGPUTypeNotEnabled" as XenServer spells it. */
static ErrorCode code_of_word(const char *word) {
        _cleanup_free_ char *name = NULL;

        if (!*word || asprintf(&name, ERROR_PREFIX "%s", word) < 0)
                return _ERROR_INVALID;
        return error_code_from_name(name);
}

static const char *word_xapi(const char *word) {
        ErrorCode code = code_of_word(word);

        return code >= 0 ? error_code_xapi(code) : word;
}

static const char *code_of(struct json_object *o) {
        return word_xapi(answer_text(o, "code"));
}

static size_t columns_of(const char *word, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i < size; i++)
                n += ((unsigned char) word[i] & 0xc0) != 0x80;
        return n;
}

/* Breaks lines at LINE_WIDTH and indents each; a single word may be longer than a line. */
void print_wrapped(FILE *out, size_t indent, const char *words) {
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

        strbuf_addf(&b, "%s%s: %s %s%s", before, code_of(reason), answer_text(reason, "message"),
                answer_text(reason, "remedy"), *answer_text(reason, "remedy") ? "." : "");
        print_wrapped(out, 8, strempty(b.text));
}

/* Another type has its name. */
static bool is_twin(struct json_object *types, struct json_object *type) {
        size_t n = 0;

        for_each_answer(t, types)
                n += streq(answer_text(t, "model_name"), answer_text(type, "model_name"));
        return n > 1;
}

/* Its name, or the identifier where the name does not say which. */
static const char *type_name(struct json_object *types, const char *identifier) {
        for_each_answer(t, types)
                if (streq(answer_text(t, "identifier"), identifier) && !is_twin(types, t))
                        return answer_text(t, "model_name");
        return identifier;
}

static void print_type_row(FILE *out, struct json_object *types, struct json_object *type, int width) {
        struct json_object *reason = answer_member(type, "reason");

        fprintf(out, "    %-*s %6s %6s %9s %8s %6s %6s\n", width, answer_text(type, "model_name"),
                answer_text(type, "total"), answer_text(type, "used"), answer_text(type, "scheduled"), answer_text(type, "reserved"),
                answer_text(type, "free"), answer_text(type, "packed"));
        if (is_twin(types, type))
                fprintf(out, "        %s\n", answer_text(type, "identifier"));
        if (answer_number(type, "outside") > 0)
                fprintf(out, "        %s of those in use %s not of this pool\n", answer_text(type, "outside"),
                        streq(answer_text(type, "outside"), "1") ? "is" : "are");
        if (reason)
                print_reason(out, reason, "");
}

/* Nothing of the type runs, is booked or held. */
static bool is_idle(struct json_object *type) {
        static const char *const members[] = {"used", "scheduled", "reserved", "outside"};

        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (answer_number(type, members[i]) > 0)
                        return false;
        return true;
}

/* Of types without room the reason counts, and not how many there could be. */
static bool is_alike(struct json_object *a, struct json_object *b) {
        static const char *const members[] = {"total", "free", "packed"};

        if (answer_member(a, "reason") && answer_member(b, "reason") && answer_number(a, "packed") == answer_number(b, "packed"))
                return streq(code_of(answer_member(a, "reason")), code_of(answer_member(b, "reason")));
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (!streq(answer_text(a, members[i]), answer_text(b, members[i])))
                        return false;
        return streq(code_of(answer_member(a, "reason")), code_of(answer_member(b, "reason")));
}

/* Of many types: a row for each that is used, and one row for all unused ones that are alike. */
static void print_types_summed(FILE *out, struct json_object *types, int width) {
        for (size_t i = 0; i < answer_length(types); i++) {
                struct json_object *t = answer_nth(types, i), *other;
                _cleanup_strbuf_ StrBuf names = {};
                size_t n = 0, n_named = 0;
                bool told = false;

                for (size_t k = 0; is_idle(t) && k < answer_length(types); k++) {
                        other = answer_nth(types, k);
                        if (!is_idle(other) || !is_alike(t, other))
                                continue;
                        told |= k < i;
                        if (names.len < SUMMED_NAMES_MAX)
                                strbuf_addf(&names, "%s%s", n_named++ > 0 ? ", " : "",
                                        type_name(types, answer_text(other, "identifier")));
                        n++;
                }
                if (n > n_named)
                        strbuf_addf(&names, " and %zu more", n - n_named);
                if (told)
                        continue;
                if (n < 2) {
                        print_type_row(out, types, t, width);
                        continue;
                }
                if (answer_member(t, "reason"))
                        fprintf(out, "    %zu types, of each none free, %s packed:\n", n, answer_text(t, "packed"));
                else
                        fprintf(out, "    %zu types, of each %s in all, %s free, %s packed:\n", n, answer_text(t, "total"),
                                answer_text(t, "free"), answer_text(t, "packed"));
                print_wrapped(out, 8, strempty(names.text));
                if (answer_member(t, "reason"))
                        print_reason(out, answer_member(t, "reason"), "of the first, ");
        }
}

/* For each type that an empty PGPU could run: what is free of each type once it does. */
static void print_changes(FILE *out, struct json_object *group) {
        struct json_object *types = answer_member(group, "types"), *changes = answer_member(group, "changes");

        if (answer_length(changes) == 0)
                return;
        if (answer_length(types) > TYPE_ROWS_MAX) {
                fputs("    --json has what would be free if an empty PGPU ran a type (changes)\n", out);
                return;
        }
        fprintf(out, "    if an empty PGPU ran a type, this would be free:\n");
        for_each_answer(change, changes) {
                struct json_object *list = answer_member(change, "free");
                _cleanup_strbuf_ StrBuf b = {};

                fprintf(out, "    %s:\n", type_name(types, answer_text(change, "identifier")));
                for (size_t j = 0; j < answer_length(list); j++) {
                        struct json_object *of = answer_nth(list, j);

                        strbuf_addf(&b, "%s%s %s", j == 0 ? "" : ", ", answer_text(of, "free"),
                                type_name(types, answer_text(of, "identifier")));
                }
                strbuf_addf(&b, " (%s%s)", answer_text(change, "pgpu"),
                        answer_flag(change, "enable") ? ", once enabled there" : "");
                print_wrapped(out, 8, strempty(b.text));
        }
}

static bool is_fragmented(struct json_object *types) {
        for_each_answer(t, types)
                if (answer_number(t, "packed") > answer_number(t, "free"))
                        return true;
        return false;
}

/* Of what they offer no more, or less, nothing is in the rows. */
static void print_ill(FILE *out, struct json_object *pgpus) {
        for_each_answer(p, pgpus) {
                _cleanup_strbuf_ StrBuf b = {};

                if (isempty(answer_text(p, "health")))
                        continue;
                strbuf_addf(&b, "%s/%s is %s: %s", answer_text(p, "host"), answer_text(p, "pci_id"), answer_text(p, "health"),
                        answer_text(p, "health_reason"));
                print_wrapped(out, 4, strempty(b.text));
        }
}

static void print_group(FILE *out, struct json_object *group, bool every_type) {
        struct json_object *types = answer_member(group, "types");
        int width = (int) strlen("TYPE");

        for_each_answer(t, types)
                width = MAX_OF(width, (int) strlen(answer_text(t, "model_name")));
        width = MIN_OF(width, NAME_WIDTH_MAX);

        fprintf(out, "%s (%s)\n", answer_text(group, "name_label"), answer_text(group, "algorithm"));
        if (answer_length(types) == 0) {
                fputs("    no types: no PGPU of the group supports any\n\n", out);
                return;
        }
        fprintf(out, "    %-*s %6s %6s %9s %8s %6s %6s\n", width, "TYPE", "TOTAL", "USED", "SCHEDULED",
                "RESERVED", "FREE", "PACKED");
        if (answer_length(types) > TYPE_ROWS_MAX && !every_type)
                print_types_summed(out, types, width);
        else
                for_each_answer(t, types)
                        print_type_row(out, types, t, width);
        print_ill(out, answer_member(group, "pgpus"));
        print_changes(out, group);
        if (is_fragmented(types))
                fputs("    packed: free if VMs moved together; gpu-group-plan says which to restart\n",
                        out);
        fputc('\n', out);
}

static void keep_group(struct json_object *groups, const char *uuid) {
        for (size_t i = answer_length(groups); i-- > 0;)
                if (!streq(answer_text(answer_nth(groups, i), "uuid"), uuid))
                        json_object_array_del_idx(groups, i, 1);
}

int capacity_print(FILE *out, const char *json, const char *group, bool every_type, bool as_json) {
        _cleanup_json_ struct json_object *answer = NULL;
        struct json_object *groups;
        int r;

        r = parse_answer(json, &answer);
        if (r != 0)
                return r;
        groups = answer_member(answer, "groups");
        if (group)
                keep_group(groups, group);
        if (as_json)
                return print_spelled(out, answer) < 0 ? EXIT_REFUSED : EXIT_DONE;

        for_each_answer(g, groups)
                print_group(out, g, every_type);
        if (answer_length(groups) == 0)
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
                return print_spelled(out, answer) < 0 || !answer_flag(answer, "possible")
                               ? EXIT_REFUSED
                               : EXIT_DONE;

        fprintf(out, "%s\n", answer_text(answer, "message"));
        steps = answer_member(answer, "steps");
        for (size_t i = 0; i < answer_length(steps); i++)
                fprintf(out, "%3zu. %s\n", i + 1,
                        answer_nth_text(steps, i));
        return answer_flag(answer, "possible") ? EXIT_DONE : EXIT_REFUSED;
}

int failure_print(FILE *out, const char *json, bool as_json) {
        _cleanup_json_ struct json_object *answer = NULL;
        struct json_object *moves;
        bool survives;
        int r;

        r = parse_answer(json, &answer);
        if (r != 0)
                return r;
        survives = answer_flag(answer, "survives");
        if (as_json)
                return print_spelled(out, answer) < 0 || !survives ? EXIT_REFUSED : EXIT_DONE;

        fprintf(out, "%s\n", answer_text(answer, "message"));
        moves = answer_member(answer, "moves");
        for_each_answer(m, moves) {
                if (*answer_text(m, "to"))
                        fprintf(out, "    %s: to %s%s%s\n", answer_text(m, "name_label"), answer_text(m, "to"),
                                *answer_text(m, "pci_id") ? ", " : "", answer_text(m, "pci_id"));
                else
                        fprintf(out, "    %s: nowhere: %s\n", answer_text(m, "name_label"), answer_text(m, "reason"));
        }
        return survives ? EXIT_DONE : EXIT_REFUSED;
}

int check_print(FILE *out, const char *json, bool as_json) {
        _cleanup_json_ struct json_object *answer = NULL;
        struct json_object *findings;
        uint64_t n;
        int r;

        r = parse_answer(json, &answer);
        if (r != 0)
                return r;
        findings = answer_member(answer, "findings");
        n = answer_length(findings) + answer_number(answer, "more");
        if (as_json)
                return print_spelled(out, answer) < 0 || n > 0 ? EXIT_REFUSED : EXIT_DONE;

        for_each_answer(f, findings)
                fprintf(out, "%s: %s\n", answer_text(f, "invariant"), answer_text(f, "sentence"));
        if (n == 0)
                fputs("nothing found: ", out);
        else
                fprintf(out, "%" PRIu64 " finding%s: ", n, PLURAL(n));
        fprintf(out, "%" PRIu64 " objects, %" PRIu64 " invariants\n", answer_number(answer, "objects"),
                answer_number(answer, "invariants"));
        return n > 0 ? EXIT_REFUSED : EXIT_DONE;
}

/* Why the PGPU does or does not take the VGPU, in few words: it is a column of a table. */
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

        if (*answer_text(p, "running")) {
                fprintf(out, "%s %s", answer_flag(p, "held") ? "kept for" : "runs",
                        answer_text(p, "running"));
                return;
        }
        if (streq(answer_text(p, "health"), "lost")) {
                const char *reason = answer_text(p, "health_reason");
                size_t n = strlen(reason);

                /* What would help follows behind a full stop. */
                fputs("lost: ", out);
                (void) fwrite(reason, 1, n > 0 && reason[n - 1] == '.' ? n - 1 : n, out);
                return;
        }
        if (*answer_text(p, "held_by")) {
                fprintf(out, "held by %s, which is not of this pool", answer_text(p, "held_by"));
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (streq(table[i].code, answer_text(p, "code"))) {
                        fputs(table[i].words, out);
                        if (!*answer_text(p, "code") && *answer_text(p, "standing"))
                                fputs(", but starts failed there: it comes last", out);
                        return;
                }
        fputs(code_of(p), out);
}

/* VGPUs of one type get the same verdict on a PGPU, so it is printed once. */
static bool is_told(struct json_object *pgpus, size_t at) {
        struct json_object *p = answer_nth(pgpus, at);

        for (size_t i = 0; i < at; i++) {
                struct json_object *other = answer_nth(pgpus, i);

                if (streq(answer_text(other, "pci_id"), answer_text(p, "pci_id")) &&
                        streq(answer_text(other, "type"), answer_text(p, "type")) &&
                        streq(answer_text(other, "code"), answer_text(p, "code")))
                        return true;
        }
        return false;
}

static void print_pgpu_verdict(FILE *out, struct json_object *p, int width) {
        uint64_t size = answer_number(p, "size");
        uint64_t percent = size > 0 ? answer_number(p, "used") * 100 / size : 0;
        char used[24];

        snprintf(used, sizeof(used), "%" PRIu64 " %%", percent);
        fprintf(out, "    %-12s  %-*s  %4s  %5s  ", answer_text(p, "pci_id"), width, answer_text(p, "type"),
                answer_text(p, "capacity"), used);
        print_why(out, p);
        fprintf(out, "%s%s\n", *answer_text(p, "remedy") ? ". " : "", answer_text(p, "remedy"));
}

static void print_pgpu_verdicts(FILE *out, struct json_object *pgpus) {
        int width = (int) strlen("TYPE");

        for_each_answer(p, pgpus)
                width = MAX_OF(width, (int) strlen(answer_text(p, "type")));
        width = MIN_OF(width, NAME_WIDTH_MAX);
        if (answer_length(pgpus) > 0)
                fprintf(out, "    %-12s  %-*s  %4s  %5s  %s\n", "PGPU", width, "TYPE", "ROOM", "USED",
                        "WHY, AND WHAT WOULD HELP");
        for (size_t i = 0; i < answer_length(pgpus); i++)
                if (!is_told(pgpus, i))
                        print_pgpu_verdict(out, answer_nth(pgpus, i), width);
}

static void print_host_verdict(FILE *out, struct json_object *host) {
        uint64_t n_members = answer_number(host, "vm_group_members");

        if (*answer_text(host, "code"))
                fprintf(out, "%s: no, %s\n", answer_text(host, "name_label"), code_of(host));
        else
                fprintf(out, "%s: yes, in tier %s with score %s%s%s%s; needs %s, has %s free\n",
                        answer_text(host, "name_label"), answer_text(host, "tier"), answer_text(host, "score"),
                        n_members > 0 ? ", behind hosts with fewer than the " : "",
                        n_members > 0 ? answer_text(host, "vm_group_members") : "",
                        n_members > 0 ? " of its VM group" : "",
                        SIZE_TEXT(answer_number(host, "memory_need")),
                        SIZE_TEXT(answer_number(host, "memory_available")));
        if (*answer_text(host, "message"))
                fprintf(out, "    %s\n", answer_text(host, "message"));
        print_pgpu_verdicts(out, answer_member(host, "pgpus"));
        fputc('\n', out);
}

static void print_amount(
        FILE *out, struct json_object *quota, const char *prefix, double unit, const char *noun) {
        _cleanup_free_ char *max = NULL, *used = NULL, *need = NULL;

        if (asprintf(&max, "%s_max", prefix) < 0 || asprintf(&used, "%s_used", prefix) < 0 ||
                asprintf(&need, "%s_need", prefix) < 0 || !answer_member(quota, max))
                return;
        fprintf(out, "    %.6g of %.6g %s used, %.6g more asked for\n",
                json_object_get_double(answer_member(quota, used)) / unit,
                json_object_get_double(answer_member(quota, max)) / unit, noun,
                json_object_get_double(answer_member(quota, need)) / unit);
}

static void print_quotas(FILE *out, struct json_object *quotas) {
        for (size_t i = 0; i < answer_length(quotas); i++) {
                struct json_object *q = answer_nth(quotas, i);
                const char *group = answer_text(q, "gpu_group");
                bool is_default = streq(answer_text(q, "owner"), "*");

                fprintf(out, "Quota of %s%s%s in %s%s%s: %s\n", is_default ? "every owner" : "owner '",
                        is_default ? "" : answer_text(q, "owner"), is_default ? "" : "'",
                        *group ? "GPU group '" : "all GPU groups together", group, *group ? "'" : "",
                        answer_flag(q, "exceeded") ? "exceeded" : "kept");
                print_amount(out, q, "vgpus", 1, "VGPUs");
                print_amount(out, q, "size", 1048576, "PGPUs");
        }
        if (answer_length(quotas) > 0)
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
        for (size_t i = 0, n; i < answer_length(pgpus); i += n) {
                const char *pci = answer_text(answer_nth(pgpus, i), "pci_id");

                n = 1;
                while (i + n < answer_length(pgpus) &&
                        streq(pci, answer_text(answer_nth(pgpus, i + n), "pci_id")))
                        n++;
                fprintf(out, "%s%s", i == 0 ? before : ", ", pci);
                if (n > 1)
                        fprintf(out, " (%zu VGPUs)", n);
        }
}

/* What was decided when the VM was placed. */
static void print_decision(FILE *out, struct json_object *decision) {
        struct json_object *pgpus = answer_member(decision, "pgpus"), *others = answer_member(decision, "runners_up");

        fprintf(out, "Last placed on %s with score %s", answer_text(decision, "name_label"),
                answer_text(decision, "score"));
        print_places(out, ", on ", pgpus);
        fputs(".\n", out);
        for (size_t i = 0; i < answer_length(others); i++)
                fprintf(out, "%s%s (%s)", i == 0 ? "Next would have been " : ", ",
                        answer_text(answer_nth(others, i), "name_label"),
                        answer_text(answer_nth(others, i), "score"));
        fputs(answer_length(others) > 0 ? ".\n" : "", out);
        print_counts(out, answer_member(decision, "counts"));
        fputc('\n', out);
}

static void print_placement(FILE *out, struct json_object *placement) {
        struct json_object *pgpus = answer_member(placement, "pgpus");

        fprintf(out, "A start would succeed, on %s", answer_text(placement, "name_label"));
        print_places(out, ": ", pgpus);
        fputs(".\n\n", out);
}

/* A VM that runs cannot start again, so the explanation is of a second VM like it. */
static void print_stand(FILE *out, struct json_object *answer) {
        struct json_object *resident = answer_member(answer, "resident_on"),
                           *scheduled = answer_member(answer, "scheduled_to_be_resident_on");
        const char *state = answer_text(answer, "power_state");

        if (isempty(state) || (streq(state, "halted") && !scheduled))
                return;
        fprintf(out, "The VM is %s", streq(state, "halted") ? "starting" : state);
        if (resident || scheduled)
                fprintf(out, " on %s", answer_text(resident ? resident : scheduled, "name_label"));
        fputs(". One more like it:\n", out);
}

/* The decision of the last start, then what a start would say now. */
static void print_verdict(FILE *out, struct json_object *answer) {
        if (answer_member(answer, "decision"))
                print_decision(out, answer_member(answer, "decision"));
        print_stand(out, answer);
        if (streq(answer_text(answer, "verdict"), "refused"))
                fprintf(out, "A start would be refused: %s: %s\n\n", code_of(answer),
                        answer_text(answer, "message"));
        else
                print_placement(out, answer_member(answer, "placement"));
}

/* Beside the older members that of a start's refusal. */
static int add_error(struct json_object *answer) {
        ErrorCode code = code_of_word(answer_text(answer, "code"));
        struct json_object *error;

        if (code < 0 || !streq(answer_text(answer, "verdict"), "refused"))
                return 0;
        error = json_object_new_object();
        return json_add(answer, "error", error) ?: json_add_string(error, "code", error_code_xapi(code)) ?:
               json_add_string(error, "name", error_code_name(code)) ?:
               json_add_string(error, "message", answer_text(answer, "message"));
}

int explain_print(FILE *out, const char *json, bool refused_already, bool as_json) {
        _cleanup_json_ struct json_object *answer = NULL;
        struct json_object *hosts;
        int r = parse_answer(json, &answer);

        if (r != 0)
                return r;
        if (as_json)
                return add_error(answer) < 0 || print_spelled(out, answer) < 0 ? EXIT_REFUSED : EXIT_DONE;
        if (refused_already && !streq(answer_text(answer, "verdict"), "refused"))
                return EXIT_DONE;

        if (!refused_already)
                print_verdict(out, answer);
        print_quotas(out, answer_member(answer, "quotas"));
        hosts = answer_member(answer, "hosts");
        for_each_answer(h, hosts)
                print_host_verdict(out, h);
        return EXIT_DONE;
}
