/*
 * What a script can say
 *
 * Hosts are h0, h1, …; VMs have the names that the script gave them.
 */

#include "policyd/pool/each.h"
#include "tests/proof/net-private.h"
#include "tests/proof/script-private.h"

#define UNTIL_MAX (600 * SECOND)
#define ANSWER_MAX (30 * SECOND)

Machine *script_machine(Script *s, const char *name) {
        for (unsigned i = 0; i < s->world->n_machines; i++)
                if (streq(s->world->machines[i].name, name))
                        return &s->world->machines[i];
        script_broken(s, "there is no host %s", name);
        return &s->world->machines[0];
}

Pool *script_pool(Script *s) {
        return policy_pool(s->world->policy);
}

Host *script_host(Script *s, const char *name) {
        for_each(Host, h, &script_pool(s)->objects[CLASS_HOST])
                if (streq(h->name_label, name))
                        return h;
        return NULL;
}

ScriptVm *script_named(const Script *s, const char *name) {
        for (size_t i = 0; i < s->n_vms; i++)
                if (streq(s->vms[i].name, name))
                        return (ScriptVm *) &s->vms[i];
        return NULL;
}

Vm *script_vm(Script *s, const char *name) {
        const ScriptVm *v = script_named(s, name);

        return v && s->world->policy ? pool_get(script_pool(s), CLASS_VM, &v->id) : NULL;
}

/* Time */

static void play_wait(Script *s, char *const *words, unsigned n) {
        world_run(s->world, (uint64_t) (strtod(words[0], NULL) * (double) SECOND));
}

static bool came(Script *s, char *const *words) {
        return s->came;
}

/* The words as one text; "vm=NAME" becomes "vm=UUID". */
static void join_words(const Script *s, char *const *words, unsigned n, char *text, size_t size) {
        text[0] = '\0';
        for (unsigned i = 0; i < n; i++) {
                const ScriptVm *v = startswith(words[i], "vm=") ? script_named(s, words[i] + 3) : NULL;
                size_t used = strlen(text);

                (void) snprintf(text + used, size - used, "%s%s%s", i > 0 ? " " : "", v ? "vm=" : words[i],
                        v ? UUID_TEXT(&v->id) : "");
        }
}

/* From here on no line of the history has these words. */
static void play_never(Script *s, char *const *words, unsigned n) {
        join_words(s, words, n, s->kept_words, sizeof(s->kept_words));
        s->never = s->kept_words;
}

/* A line with these words. */
static void play_until(Script *s, char *const *words, unsigned n) {
        char text[256];

        join_words(s, words, n, text, sizeof(text));
        s->awaited = text;
        s->came = false;
        if (!script_run_until(s, UNTIL_MAX, came, NULL))
                script_broken(s, "it never came: %s", text);
        s->awaited = NULL;
}

Message *script_message(Script *s, const char *what, const char *name) {
        static const char *const words[_CALL_KIND_MAX] = {
                [CALL_START] = "start", [CALL_STOP] = "stop", [CALL_TYPES] = "types", [CALL_RELEASE] = "release"};
        const Machine *m = script_machine(s, name);

        for (Message *a = s->world->net.messages; a; a = a->next)
                if (a->machine == m && ((a->kind == MESSAGE_CALL && streq_ptr(what, words[a->what])) ||
                                               (a->kind == MESSAGE_CLAIM && streq(what, "claim"))))
                        return a;
        return NULL;
}

static bool is_sent(Script *s, char *const *words) {
        return script_message(s, words[0], words[1]);
}

/* The order is on its way to the host. */
static void play_until_sent(Script *s, char *const *words, unsigned n) {
        if (!script_run_until(s, UNTIL_MAX, is_sent, words))
                script_broken(s, "it was never sent");
}

static void play_quiet(Script *s, char *const *words, unsigned n) {
        script_quiet(s);
}

/* Expectations */

static bool is_answered(Script *s, char *const *words) {
        return *s->answer;
}

/* expect-answer acked, or the code of the refusal */
static void play_expect_answer(Script *s, char *const *words, unsigned n) {
        const char *code;

        (void) script_run_until(s, ANSWER_MAX, is_answered, NULL);
        code = strstr(s->answer, "code=");
        if (!streq(code ? code + strlen("code=") : s->answer, words[0]))
                script_broken(s, "the answer is '%s', not %s", s->answer, words[0]);
}

/* expect-vm NAME none|reserved|sent|resident [HOST] */
static void play_expect_vm(Script *s, char *const *words, unsigned n) {
        const Vm *v = script_vm(s, words[0]);
        const Host *h = v ? v->resident_on ?: v->scheduled_on : NULL;
        const char *booking = v ? booking_state_to_string(v->booking) : "not there";

        if (!streq(booking, words[1]) || (n > 2 && !streq(h ? h->name_label : "none", words[2])))
                script_broken(s, "VM %s is %s on %s", words[0], booking, h ? h->name_label : "none");
}

/* expect-job NAME done|failed|cancelled|running…: of the last call for the VM */
static void play_expect_job(Script *s, char *const *words, unsigned n) {
        const ScriptVm *v = script_named(s, words[0]);
        const Job *j = v && s->world->policy ? pool_get(script_pool(s), CLASS_JOB, &v->job) : NULL;
        const char *state = j ? job_state_to_string(j->state) : "not there";

        if (!streq(state, words[1]))
                script_broken(s, "the job of VM %s is %s", words[0], state);
}

static void play_expect_host(Script *s, char *const *words, unsigned n) {
        const Host *h = s->world->policy ? script_host(s, words[0]) : NULL;
        const char *state = h ? host_state_to_string(h->state) : "not there";

        if (!streq(state, words[1]))
                script_broken(s, "host %s is %s", words[0], state);
}

static void play_expect_domains(Script *s, char *const *words, unsigned n) {
        size_t found = guests_count(script_machine(s, words[0]));

        if (found != strtoul(words[1], NULL, 10))
                script_broken(s, "%s has %zu domains", words[0], found);
}

static const Verb own_verbs[] = {
        {"wait", 1, 1, play_wait},
        {"until", 1, 8, play_until},
        {"never", 1, 8, play_never},
        {"until-sent", 2, 2, play_until_sent},
        {"quiet", 0, 0, play_quiet},
        {"expect-answer", 1, 1, play_expect_answer},
        {"expect-vm", 2, 3, play_expect_vm},
        {"expect-job", 2, 2, play_expect_job},
        {"expect-host", 2, 2, play_expect_host},
        {"expect-domains", 2, 2, play_expect_domains},
        {},
};

const Verb *script_verb(const char *name) {
        static const Verb *const tables[] = {own_verbs, script_faults, script_calls};

        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                for (const Verb *v = tables[i]; v->name; v++)
                        if (streq(v->name, name))
                                return v;
        return NULL;
}
