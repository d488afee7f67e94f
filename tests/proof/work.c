/*
 * A workload: what clients ask
 *
 * Each call has a number. The history says what was asked, then whether it was refused, or acknowledged after its commit, or
 * failed with it; of a call that a crash leaves without an answer it says no more. Texts stand there as their hashes.
 */

#include <inttypes.h>

#include "common/base/strbuf.h"
#include "common/base/text.h"
#include "policyd/pool/property.h"
#include "protocol/names.h"
#include "protocol/xml.h"
#include "tests/proof/promises.h"
#include "tests/proof/texts.h"

#define KEPT_MAX 12

/* An idempotency key that was used. */
struct Kept {
        const Method *method;
        uint32_t uid;
        char *key;
        Arguments arguments;
};

typedef struct Asked {
        World *world;
        MethodCount *count;
        uint64_t id;
} Asked;

/* The table */

size_t work_n_methods(void) {
        size_t n = 0;

        while (work_methods[n].interface)
                n++;
        return n;
}

/* "VM", "Host1.Manager" */
static const char *short_name(const char *interface) {
        return startswith(interface, POLICY_BUS_NAME ".") ?: startswith(interface, "org.xenvgpu.");
}

const char *work_method_name(size_t i, const char **ret_elsewhere) {
        static char name[96];

        *ret_elsewhere = work_methods[i].elsewhere;
        (void) snprintf(name, sizeof(name), "%s.%s", short_name(work_methods[i].interface), work_methods[i].name);
        return name;
}

static bool is_in_table(const char *interface, const char *name, size_t n) {
        for (const Method *m = work_methods; m->interface; m++)
                if (streq(m->interface, interface) && strlen(m->name) == n && memcmp(m->name, name, n) == 0)
                        return true;
        return false;
}

size_t work_check_methods(FILE *file) {
        size_t n_missing = 0, n_documented = 0;

        for (const InterfaceXml *x = interface_xml; x->interface; x++)
                for (const char *at = strstr(x->xml, "<method name=\""); at; at = strstr(at, "<method name=\"")) {
                        at += strlen("<method name=\"");
                        n_documented++;
                        if (is_in_table(x->interface, at, strcspn(at, "\"")))
                                continue;
                        n_missing++;
                        fprintf(file, "%s.%.*s is called by nobody: add it to tests/proof/work-methods.c\n", x->interface,
                                (int) strcspn(at, "\""), at);
                }
        if (n_missing == 0 && n_documented != work_n_methods()) {
                fprintf(file, "Of %zu methods that are called only %zu are documented.\n", work_n_methods(), n_documented);
                n_missing++;
        }
        return n_missing + promises_check(file);
}

ObjectClass class_of_letter(char letter) {
        static const char letters[] = "hpgtvurqmj", optional[] = "HPGTVURQMJ";
        static const ObjectClass classes[] = {CLASS_HOST, CLASS_PGPU, CLASS_GPU_GROUP, CLASS_VGPU_TYPE, CLASS_VM, CLASS_VGPU,
                CLASS_RESERVATION, CLASS_QUOTA, CLASS_VM_GROUP, CLASS_JOB};
        const char *at = strchr(letters, letter);

        at = at ? at : strchr(optional, letter) ? letters + (strchr(optional, letter) - optional) : NULL;
        return at && *at ? classes[at - letters] : _CLASS_INVALID;
}

/* Answers */

void call_answered(ErrorCode code, const char *message, void *userdata) {
        Asked *a = userdata;
        World *w = a->world;

        if (!w->crashing && code == ERROR_NONE) {
                history_add(&w->history, "client call=%" PRIu64 " acked", a->id);
                if (a->count)
                        a->count->acked++;
        } else if (!w->crashing)
                history_add(&w->history, "client call=%" PRIu64 " failed code=%s", a->id, error_code_word(code));
        free(a);
}

static MethodCount *count_of(const Call *c) {
        return &c->work->counts[c->method - work_methods];
}

void *call_later(Call *c) {
        Asked *a = calloc(1, sizeof(*a));

        if (!a)
                abort();
        *a = (Asked){.world = c->world, .id = c->id, .count = count_of(c)};
        return a;
}

/* As hostd's bus answers; policyd's use cases have no such results. */
static void set_outcome_of_hostd(Call *c, int *r) {
        if (*r == 0)
                return;
        (void) refusal_set(&c->refusal, *r == -ENOTCONN ? ERROR_HOST_OFFLINE : *r == -ENOSPC || *r == -EIO ?
                ERROR_STORAGE_FAILED : ERROR_INTERNAL_ERROR, "hostd could not do this: %s.", strerror(-*r));
        *r = 0;
}

/* False: it waits for its commit, or has its answer. */
static bool is_refused(World *w, uint64_t id, int r, const Refusal *refusal) {
        if (r < 0)
                history_add(&w->history, "client call=%" PRIu64 " error=%s", id, strerror(-r));
        else if (refusal->code != ERROR_NONE)
                history_add(&w->history, "client call=%" PRIu64 " refused code=%s", id, error_code_word(refusal->code));
        return r < 0 || refusal->code != ERROR_NONE;
}

static void wait_for_commit(World *w, Asked *a) {
        if (policy_when_committed(w->policy, call_answered, a) < 0)
                free(a);
}

static void finish(Call *c, int r) {
        if (is_refused(c->world, c->id, r, &c->refusal))
                count_of(c)->refused += r >= 0;
        else if (c->method->flags & METHOD_READS || startswith(c->method->interface, HOST_BUS_NAME))
                call_answered(ERROR_NONE, NULL, call_later(c));
        else if (!c->answers_itself)
                wait_for_commit(c->world, call_later(c));
        refusal_done(&c->refusal);
        strbuf_done(&c->says);
}

void came_of(World *w, int r, Refusal *refusal) {
        Asked *a = calloc(1, sizeof(*a));

        if (!a)
                abort();
        *a = (Asked){.world = w, .id = w->calls};
        if (is_refused(w, w->calls, r, refusal))
                free(a);
        else
                wait_for_commit(w, a);
        refusal_done(refusal);
}

/* Arguments */

void *call_any(World *w, ObjectClass c) {
        const PtrArray *a = &policy_pool(w->policy)->objects[c];

        return a->n > 0 ? a->items[chance_between(&w->dice, 0, a->n - 1)] : NULL;
}

/* Of jobs rather one that goes on, of VMs rather one with a VGPU. */
static bool may_do_better(char letter, const Object *o) {
        if (!o)
                return false;
        return letter == 'j' ? job_state_is_final(((const Job *) o)->state) : letter == 'v' && ((const Vm *) o)->vgpus.n == 0;
}

static void choose_object(Work *work, char letter, Uuid *ret) {
        Dice *d = &work->world->dice;
        const Object *o = NULL;

        if (letter < 'a' && chance(d, 500))
                return;
        o = call_any(work->world, class_of_letter(letter));
        for (int i = 0; i < 3 && may_do_better(letter, o); i++)
                o = call_any(work->world, class_of_letter(letter));
        if (o && !chance(d, 8))
                *ret = o->id;
        else
                for (size_t i = 0; i < sizeof(ret->bytes); i++)
                        ret->bytes[i] = (uint8_t) dice_next(d);
}

static char *choose_text(Work *work, char letter) {
        Dice *d = &work->world->dice;
        char *text;

        if (letter == 'x')
                return NULL;
        if (letter != 'o')
                return chance(d, 300) ? text_strange(d, letter == 'd' ? 4096 : NAME_BYTES_MAX) : text_good(d, 64);
        if (chance(d, 100))
                return text_strange(d, NAME_BYTES_MAX);
        text = strdup(chance(d, 100) ? OWNER_ANY : chance(d, 500) ? "anna" : "bob");
        if (!text)
                abort();
        return text;
}

static void arguments_done(Arguments *a) {
        for (size_t i = 0; i < TEXTS_MAX; i++)
                free(a->texts[i]);
        *a = (Arguments){};
}

static void choose(Work *work, const Method *m, Arguments *ret) {
        size_t n_objects = 0, n_texts = 0;
        Arguments a = {};

        for (const char *c = m->takes; *c; c++)
                if (class_of_letter(*c) >= 0)
                        choose_object(work, *c, &a.objects[n_objects++]);
                else
                        a.texts[n_texts++] = choose_text(work, *c);
        if (m->choose)
                m->choose(work, &a);
        for (size_t i = 0; i < TEXTS_MAX; i++)
                if (!a.texts[i] && !(a.texts[i] = strdup("")))
                        abort();
        *ret = a;
}

static void copy_arguments(const Arguments *a, Arguments *ret) {
        *ret = *a;
        for (size_t i = 0; i < TEXTS_MAX; i++)
                if (!(ret->texts[i] = strdup(a->texts[i])))
                        abort();
}

/* What an idempotency key stands for. */
static char *arguments_text(const Arguments *a) {
        _cleanup_strbuf_ StrBuf b = {};
        char *text;

        for (size_t i = 0; i < OBJECTS_MAX; i++)
                strbuf_addf(&b, "%s\n", UUID_TEXT(&a->objects[i]));
        for (size_t i = 0; i < TEXTS_MAX; i++)
                strbuf_addf(&b, "%s\n", a->texts[i]);
        strbuf_addf(&b, "%" PRIu64, a->number);
        text = strbuf_take(&b);
        if (!text)
                abort();
        return text;
}

/* What the bus checks */

static int check_texts(Call *c) {
        size_t n_texts = 0;

        for (const char *at = c->method->takes; *at; at++) {
                const char *text, *fault;
                char buf[TEXT_FAULT_MAX];

                if (class_of_letter(*at) >= 0)
                        continue;
                text = c->arguments->texts[n_texts++];
                fault = *at == 'x' ? NULL : text_fault(text, strlen(text), *at == 'd' ? TEXT_LINES : TEXT_LINE, buf);
                if (fault)
                        return refusal_set(&c->refusal, ERROR_INVALID_RECORD, "The argument %s.", fault);
        }
        return 0;
}

static int find_objects(Call *c) {
        size_t n = 0;

        for (const char *at = c->method->takes; *at; at++) {
                ObjectClass class = class_of_letter(*at);

                if (class < 0)
                        continue;
                c->objects[n] = pool_get(policy_pool(c->policy), class, &c->arguments->objects[n]);
                if (!c->objects[n] && (*at >= 'a' || !uuid_is_null(&c->arguments->objects[n])))
                        return refusal_set(&c->refusal, ERROR_NO_SUCH_OBJECT, "There is no such object.");
                n++;
        }
        return 0;
}

static int check_changeable(Call *c) {
        if (c->method->flags & METHOD_READS || !policy_is_read_only(c->policy))
                return 0;
        return refusal_set(&c->refusal, ERROR_STORAGE_FAILED, "The pool is read only.");
}

/* The line of the history */

static void describe(Call *c, const char *rest) {
        _cleanup_strbuf_ StrBuf b = {};
        size_t n = 0;

        for (const char *at = c->method->takes; *at; at++) {
                if (class_of_letter(*at) < 0)
                        continue;
                if (!uuid_is_null(&c->arguments->objects[n]))
                        strbuf_addf(&b, " %s=%s", object_class_to_string(class_of_letter(*at)), UUID_TEXT(&c->arguments->objects[n]));
                n++;
        }
        if (c->made)
                strbuf_addf(&b, " %s=%s", object_class_to_string(c->made->class), UUID_TEXT(&c->made->id));
        promises_describe(c, &b);
        history_add(&c->world->history, "client call=%" PRIu64 " %s.%s%s%s", c->id, short_name(c->method->interface),
                c->method->name, strempty(b.text), rest);
}

/* Idempotency keys, as policyd/bus/answer.c has them */

typedef struct Key {
        uint32_t uid;
        const char *text;
        char *arguments;
} Key;

static int check_key(Call *c, const char *key) {
        char buf[TEXT_FAULT_MAX];
        size_t n = strlen(key);

        if (n == 0 || n > KEY_BYTES_MAX || text_fault(key, n, TEXT_LINE, buf))
                return refusal_set(&c->refusal, ERROR_INVALID_RECORD, "This is no idempotency key.");
        return 0;
}

static uint64_t key_hash(const Call *c, const Key *key) {
        char text[KEY_BYTES_MAX + 64];

        (void) snprintf(text, sizeof(text), "%" PRIu32 " %s %s", key->uid, c->method->name, key->text);
        return text_hash(text);
}

static void perform(Call *c, const Key *key) {
        char said[160] = "";
        int r;

        r = c->method->perform(c);
        if (key && r >= 0 && c->refusal.code == ERROR_NONE && c->made) {
                r = policy_idempotency_record(
                        c->policy, key->uid, c->method->name, key->text, key->arguments, OBJECT_PATH(c->made), c->made);
                (void) snprintf(said, sizeof(said), " key=%016" PRIx64 " arguments=%016" PRIx64 " answer=%s again=no",
                        key_hash(c, key), text_hash(key->arguments), UUID_TEXT(&c->made->id));
        }
        describe(c, said);
        finish(c, r);
}

static void perform_with_key(Call *c, const Key *key) {
        _cleanup_free_ char *path = NULL;
        char said[160];
        Uuid id = {};
        int r;

        r = policy_idempotency_find(c->policy, key->uid, c->method->name, key->text, key->arguments, &path, &c->refusal);
        if (r == 0 && c->refusal.code == ERROR_NONE) {
                perform(c, key);
                return;
        }
        if (r > 0 && uuid_from_path_element(strrchr(path, '/') + 1, &id) < 0)
                r = -EBADMSG;
        (void) snprintf(said, sizeof(said), " key=%016" PRIx64 " arguments=%016" PRIx64 " answer=%s again=yes", key_hash(c, key),
                text_hash(key->arguments), r > 0 ? UUID_TEXT(&id) : "none");
        describe(c, said);
        finish(c, r);
}

static void ask(Work *work, const Method *m, const Arguments *a, const char *key_or_null, uint32_t uid) {
        World *w = work->world;
        Key key = {.uid = uid, .text = key_or_null};
        Call c = {.work = work, .world = w, .method = m, .arguments = a, .id = ++w->calls, .policy = w->policy};
        int r;

        count_of(&c)->called++;
        if (m->flags & METHOD_READS)
                (void) policy_flush(w->policy);
        if (w->undecided)
                return;
        r = check_changeable(&c);
        if (r == 0 && c.refusal.code == ERROR_NONE)
                r = check_texts(&c);
        if (r == 0 && c.refusal.code == ERROR_NONE && key_or_null)
                r = check_key(&c, key_or_null);
        if (r == 0 && c.refusal.code == ERROR_NONE)
                r = find_objects(&c);
        if (r < 0 || c.refusal.code != ERROR_NONE) {
                describe(&c, "");
                finish(&c, r);
        } else if (key_or_null) {
                key.arguments = arguments_text(a);
                perform_with_key(&c, &key);
                free(key.arguments);
        } else
                perform(&c, NULL);
}

/* A method of hostd says what it is about itself. */
static void ask_hostd(Work *work, const Method *m, const Arguments *a) {
        World *w = work->world;
        Call c = {.work = work, .world = w, .method = m, .arguments = a, .id = ++w->calls};
        Machine *machine = &w->machines[chance_between(&w->dice, 0, w->n_machines - 1)];
        char prefix[128];
        int r;

        count_of(&c)->called++;
        (void) snprintf(prefix, sizeof(prefix), "client call=%" PRIu64 " %s.%s", c.id, short_name(m->interface), m->name);
        r = stranger_call(machine, m->stranger, a->number, prefix, &c.refusal);
        set_outcome_of_hostd(&c, &r);
        finish(&c, r);
}

/* Calls */

static void keep(Work *work, const Method *m, const Arguments *a, const char *key, uint32_t uid) {
        struct Kept *k = &work->kept[work->n_kept < KEPT_MAX ? work->n_kept++ : chance_between(&work->world->dice, 0, KEPT_MAX - 1)];

        arguments_done(&k->arguments);
        free(k->key);
        *k = (struct Kept){.method = m, .uid = uid, .key = strdup(key)};
        copy_arguments(a, &k->arguments);
}

/* The same call, another one with the same key, or the same from another user; when what it made has ended, or after a restart. */
static void repeat(Work *work) {
        Dice *d = &work->world->dice;
        const struct Kept *k = &work->kept[chance_between(d, 0, work->n_kept - 1)];
        Arguments other = {};

        if (chance(d, 750)) {
                ask(work, k->method, &k->arguments, k->key, chance(d, 900) ? k->uid : k->uid + 1);
                return;
        }
        choose(work, k->method, &other);
        ask(work, k->method, &other, k->key, k->uid);
        arguments_done(&other);
}

/* Rarely of an object of which there is none yet: then rather a VM is made. */
static const Method *instead(Work *work, const Method *m) {
        for (const char *at = m->takes; *at; at++)
                if (*at >= 'a' && class_of_letter(*at) >= 0 && policy_pool(work->world->policy)->objects[class_of_letter(*at)].n == 0 &&
                        !chance(&work->world->dice, 50))
                        for (const Method *vm = work_methods; vm->interface; vm++)
                                if (streq(vm->name, "CreateVM"))
                                        return vm;
        return m;
}

static void call_new(Work *work, const Method *m) {
        Dice *d = &work->world->dice;
        Arguments a = {};

        m = instead(work, m);
        choose(work, m, &a);
        if (m->flags & METHOD_KEYED && chance(d, 200)) {
                uint32_t uid = chance(d, 500) ? 1000 : 0;
                _cleanup_free_ char *key = text_strange(d, KEY_BYTES_MAX);

                ask(work, m, &a, key, uid);
                keep(work, m, &a, key, uid);
        } else if (startswith(m->interface, HOST_BUS_NAME))
                ask_hostd(work, m, &a);
        else
                ask(work, m, &a, NULL, 0);
        arguments_done(&a);
}

void work_call(Work *work) {
        Dice *d = &work->world->dice;
        uint64_t sum = 0, at;

        if (work->n_kept > 0 && chance(d, 40)) {
                repeat(work);
                return;
        }
        for (const Method *m = work_methods; m->interface; m++)
                sum += m->weight;
        at = chance_between(d, 0, sum - 1);
        for (const Method *m = work_methods; m->interface; m++) {
                if (at < m->weight) {
                        call_new(work, m);
                        return;
                }
                at -= m->weight;
        }
}

/* The whole */

Work *work_new(World *w, Mirror *mirror, MethodCount *counts) {
        Work *work = calloc(1, sizeof(*work));

        if (!work || !(work->kept = calloc(KEPT_MAX, sizeof(struct Kept))))
                abort();
        work->world = w;
        work->mirror = mirror;
        work->counts = counts;
        return work;
}

Work *work_free(Work *work) {
        if (!work)
                return NULL;
        for (size_t i = 0; i < work->n_kept; i++) {
                arguments_done(&work->kept[i].arguments);
                free(work->kept[i].key);
        }
        free(work->kept);
        free(work);
        return NULL;
}

void work_begin(World *w) {
        for (unsigned i = 0; i < w->n_machines; i++) {
                Refusal refusal = {};
                char address[32];
                Host *h;

                (void) snprintf(address, sizeof(address), "unix:path=/h%u", i);
                history_add(&w->history, "client call=%" PRIu64 " Manager.AddHost host=%s", ++w->calls, w->machines[i].name);
                came_of(w, hosts_add(w->policy, w->machines[i].name, address, "", &h, &refusal), &refusal);
        }
}

void work_end(Work *work) {
        for (unsigned i = 0; i < work->world->n_machines; i++)
                stranger_leave(&work->world->machines[i]);
}
