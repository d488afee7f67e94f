/*
 * A verb as a call of a method
 *
 * Numbers are read before an object is looked for, so that a command line that makes no sense asks nothing of
 * policyd.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "common/json/json-get.h"
#include "common/base/strlist.h"
#include "policyd/ctl/objects/outcome.h"
#include "policyd/ctl/objects/select.h"
#include "protocol/names.h"

typedef struct Call {
        ClientArg args[VERB_ARGS_MAX];
        size_t n;
        char *paths[VERB_ARGS_MAX]; /* of args; the call owns them */
        ClientOption options[VERB_ARGS_MAX];
        bool has_options;
} Call;

static void call_done(Call *call) {
        for (size_t i = 0; i < ARRAY_SIZE(call->paths); i++)
                free(call->paths[i]);
}

static int read_number(ClientArg *arg, const VerbArg *a, const char *text) {
        uint32_t number;
        int r;

        if (a->kind == VERB_ARG_U64)
                r = parse_u64(text, &arg->number);
        else {
                r = parse_u32(text, &number);
                arg->number = r < 0 ? 0 : number;
        }
        return r < 0 ? ctl_usage("%s=%s is no %s", a->key, text, a->of) : 0;
}

static int read_limit(Call *call, const VerbArg *a, const char *text) {
        uint64_t number = 0;
        FieldName field;

        if (!field_find(class_find("quota"), a->key, &field) ||
                field_parse_number(field.field, text, &number) < 0)
                return ctl_usage_number(field.field, text);
        options_add(call->options, (ClientOption){.name = a->of, .type = 't', .number = number});
        return 0;
}

static int read_flag(const Ctl *ctl, Call *call, const VerbArg *a) {
        bool flag;
        int r = ctl_flag(ctl, a->key, &flag);

        if (r == 0 && flag)
                options_add(call->options, (ClientOption){.name = a->of, .type = 'b', .flag = true});
        return r;
}

static int read_arg(const Ctl *ctl, Call *call, const VerbArg *a) {
        const char *text = ctl_arg(ctl, a->key);

        switch (a->kind) {
        case VERB_ARG_TEXT:
                call->args[call->n++] = (ClientArg){.type = 's', .text = text};
                return 0;
        case VERB_ARG_OBJECT:
                call->args[call->n++] = (ClientArg){.type = 'o', .text = "/"};
                return 0;
        case VERB_ARG_U32:
        case VERB_ARG_U64:
                call->args[call->n] = (ClientArg){.type = a->kind == VERB_ARG_U32 ? 'u' : 't'};
                return read_number(&call->args[call->n++], a, text);
        case VERB_ARG_OPTION:
                call->has_options = true;
                ctl_add_option(call->options, ctl, a->key, a->of);
                return 0;
        case VERB_ARG_FLAG:
                call->has_options = true;
                return read_flag(ctl, call, a);
        case VERB_ARG_LIMIT:
                call->has_options = true;
                return text ? read_limit(call, a, text) : 0;
        case VERB_ARG_KEY:
                break;
        }
        return 0;
}

/* Fills in the objects' paths; read_arg() has counted their places. */
static int find_objects(Ctl *ctl, Call *call, const Verb *v) {
        size_t at = 0;
        int r = 0;

        for (const VerbArg *a = v->args; r == 0 && a->key; a++) {
                if (a->kind == VERB_ARG_KEY || a->kind >= VERB_ARG_OPTION)
                        continue;
                if (a->kind == VERB_ARG_OBJECT && ctl_arg(ctl, a->key)) {
                        r = ctl_find_key(ctl, a->key, a->of, &call->paths[at]);
                        call->args[at].text = call->paths[at];
                }
                at++;
        }
        return r;
}

static int print_number(Ctl *ctl, struct json_object *number) {
        char text[24];

        if (ctl->args.json)
                return print_json(stdout, number) < 0 ? EXIT_REFUSED : EXIT_DONE;
        snprintf(text, sizeof(text), "%" PRIu64, json_object_get_uint64(number));
        return ctl_print_text(ctl, text);
}

static int print_answer(Ctl *ctl, struct json_object *answer) {
        const Verb *v = ctl->verb;

        switch (v->answer) {
        case VERB_ANSWER_NONE:
                return EXIT_DONE;
        case VERB_ANSWER_CREATED:
                return ctl_print_created(ctl, answer);
        case VERB_ANSWER_NUMBER:
                return print_number(ctl, answer);
        case VERB_ANSWER_JOB:
                return job_follow(ctl, answer);
        case VERB_ANSWER_SHOW:
                return v->show(stdout, strempty(json_object_get_string(answer)), ctl->args.json);
        }
        return EXIT_DONE;
}

int verb_call_method(Ctl *ctl, const char *method) {
        _cleanup_json_ struct json_object *answer = NULL;
        _cleanup_client_error_ ClientError error = {};
        _cleanup_(call_done) Call call = {};
        _cleanup_free_ char *path = NULL;
        const Verb *v = ctl->verb;
        const VerbArg *a;
        int r = 0;

        for (a = v->args; r == 0 && a->key; a++)
                r = read_arg(ctl, &call, a);
        if (r == 0 && v->on)
                r = ctl_find_key(ctl, "uuid", v->on, &path);
        if (r == 0)
                r = find_objects(ctl, &call, v);
        if (r == 0 && v->answer == VERB_ANSWER_JOB && !ctl->args.async)
                r = job_subscribe(ctl);
        if (r != 0)
                return r;

        if (call.has_options || a->kind == VERB_ARG_OPTION)
                call.args[call.n++] = (ClientArg){.type = 'V', .options = call.options};
        r = client_call_args(ctl->client, path ? path : POLICY_PATH,
                v->on ? class_find(v->on)->interface : POLICY_IFACE_MANAGER, method, &error, &answer,
                call.args, call.n);
        return r < 0 ? ctl_failed(r, &error) : print_answer(ctl, answer);
}

static int run_once(Ctl *ctl) {
        return ctl->verb->run ? ctl->verb->run(ctl) : verb_call_method(ctl, ctl->verb->method);
}

/* On the pool, or one of the verbs that every class has. */
static int run_apart(Ctl *ctl) {
        int r = run_once(ctl);

        if (r != EXIT_DONE || (!ctl->class && !ctl->verb->method))
                return r;
        return outcome_print(ctl, outcome_note(ctl, r));
}

/* On each object that is meant; one that refuses does not spare the others. Jobs run side by side. */
static int run_on_each(Ctl *ctl) {
        _cleanup_(strv_freep) char **uuids = NULL;
        int worst = select_objects(ctl, class_find(ctl->verb->on), &uuids), r;
        size_t n;

        ctl->collects = worst == 0 && uuids[0] && uuids[1];
        for (size_t i = 0; worst <= EXIT_REFUSED && uuids && uuids[i]; i++) {
                if (args_set(&ctl->args, "uuid", uuids[i]) < 0)
                        return ctl_no_memory();
                n = ctl->n_jobs;
                r = run_once(ctl);
                if (ctl->n_jobs == n)
                        r = outcome_note(ctl, r);
                worst = MAX_OF(worst, r);
        }
        r = job_wait_collected(ctl);
        return outcome_print(ctl, MAX_OF(worst, r));
}

int verb_run(Ctl *ctl, VerbName v) {
        int r;

        ctl->verb = v.verb;
        ctl->class = v.class;
        if (!v.verb->on)
                return run_apart(ctl);
        r = run_on_each(ctl);
        /* It pointed to what is freed now. */
        (void) args_set(&ctl->args, "uuid", "");
        return r;
}
