/*
 * Who changed what
 */

#include <inttypes.h>
#include <stdio.h>
#include <sys/queue.h>
#include <time.h>

#include "common/base/text.h"
#include "policyd/bus/change-log.h"
#include "policyd/bus/change-words.h"
#include "policyd/service/base/object-log.h"
#include "protocol/names.h"

#define FIELDS_MAX 12
#define MESSAGE_MAX 3000
#define DENIED_USEC UINT64_C(10000000)
#define DENIED_MAX 20 /* lines in that time, so that nobody fills the journal who may do nothing */

struct ChangeNote {
        RequestNote note;
        ChangeLog *log;
        char caller[sizeof(((Caller *) NULL)->name)];
        char *method; /* "VM.SetNameLabel" */
        ObjectClass class; /* of the target; _CLASS_INVALID: there is none */
        Uuid id;
        uint64_t properties; /* that are compared */
        Values *before;
        char *what; /* "of VM web: NameLabel 'a' → 'b'" */
        char *said; /* of what is no property; NULL: nothing */
        char *fields[FIELDS_MAX];
        size_t n_fields;
        char *error; /* the word of a refusal; NULL: it was done */
        char *sentence;
        bool decided, silent;
        Uuid job; /* that it began; null: none */
        LIST_ENTRY(ChangeNote) waiting;
};

static ChangeNote *note_free(ChangeNote *n) {
        if (!n)
                return NULL;
        values_free(n->before);
        for (size_t i = 0; i < n->n_fields; i++)
                free(n->fields[i]);
        free(n->method);
        free(n->what);
        free(n->said);
        free(n->error);
        free(n->sentence);
        free(n);
        return NULL;
}
DEFINE_CLEANUP(ChangeNote *, note_free)

static void free_note(RequestNote *note) {
        note_free(CONTAINER_OF(note, ChangeNote, note));
}

/* Fields */

static void add_field(ChangeNote *n, const char *field, const char *value) {
        char *text = n->n_fields < FIELDS_MAX ? text_printf("%s%s", field, value) : NULL;

        if (text)
                n->fields[n->n_fields++] = text;
}

static void add_object(ChangeNote *n, const Object *o_or_null) {
        const char *field = OBJECT_FIELD(o_or_null);

        for (size_t i = 0; field && i < n->n_fields; i++)
                if (streq(n->fields[i], field))
                        return;
        if (field)
                add_field(n, field, "");
}

/* With what it belongs to, whose story this is too. */
static void add_objects(ChangeNote *n, const Object *o) {
        add_object(n, o);
        if (o->class == CLASS_VGPU)
                add_object(n, &CONTAINER_OF(o, Vgpu, object)->vm->object);
        else if (o->class == CLASS_PGPU)
                add_object(n, &CONTAINER_OF(o, Pgpu, object)->host->object);
        else if (o->class == CLASS_JOB && CONTAINER_OF(o, Job, object)->n_objects > 0) {
                const JobObject *of = CONTAINER_OF(o, Job, object)->objects;

                add_object(n, &(Object){.class = of->class, .id = of->id});
        }
}

/* The line */

static const char *id_of(const ChangeNote *n) {
        if (!n->error)
                return MSG_POOL_CHANGED;
        return startswith(n->method, "VM.Start") ? MSG_VM_REFUSED : MSG_CALL_REFUSED;
}

/* What is known of the caller. */
static void add_caller(ChangeNote *n, const Who *w) {
        char pid[16];

        add_field(n, FIELD_CALLER, *w->user ? w->user : "unknown");
        if (w->pid > 0) {
                text_format(pid, sizeof(pid), "%" PRIu32, w->pid);
                add_field(n, FIELD_CALLER_PID, pid);
        }
        if (who_unit(w))
                add_field(n, FIELD_CALLER_UNIT, who_unit(w));
}

static void write_line(ChangeNote *n, const Who *who_or_null) {
        const Who nobody = {}, *who = who_or_null ?: &nobody;
        const char *fields[FIELDS_MAX + 1] = {}, *id = id_of(n);
        _cleanup_strbuf_ StrBuf b = {};

        who_describe(who, &b);
        strbuf_addf(&b, " %s %s%s%s", n->error ? "was refused" : "called", n->method, *strempty(n->what) ? " " : "",
                strempty(n->what));
        strbuf_add(&b, n->sentence ? ": " : ".");
        strbuf_add(&b, strempty(n->sentence));
        if (strbuf_error(&b) < 0)
                return;
        add_caller(n, who);
        for (size_t i = 0; i < n->n_fields; i++)
                fields[i] = n->fields[i];
        log_full(LOG_INFO, id, fields, "%s", TEXT_SHORT(b.text, MESSAGE_MAX));
}

/* Writes the line, or has it wait for the unit. Takes the note. */
static void finish(ChangeNote *n) {
        const Caller *c = callers_find(n->log->callers, n->caller);

        if (n->silent)
                note_free(n);
        else if (c && !c->who.has_unit)
                LIST_INSERT_HEAD(&n->log->waiting, n, waiting);
        else {
                write_line(n, c ? &c->who : NULL);
                note_free(n);
        }
}

/* The oldest of the caller's; they are few, since a caller waits for its replies. */
static ChangeNote *next_waiting(const ChangeLog *log, const char *caller_or_null) {
        ChangeNote *n, *last = NULL;

        LIST_FOREACH(n, &log->waiting, waiting)
                if (!caller_or_null || streq(n->caller, caller_or_null))
                        last = n;
        return last;
}

static void tell_job(ChangeLog *log, const Uuid *job, const Who *who) {
        _cleanup_strbuf_ StrBuf b = {};

        who_describe(who, &b);
        if (strbuf_error(&b) == 0)
                log->began(job, b.text, log->userdata);
}

static void on_known(Caller *c, void *userdata) {
        ChangeLog *log = userdata;
        ChangeNote *n;

        while ((n = next_waiting(log, c->name))) {
                LIST_REMOVE(n, waiting);
                write_line(n, &c->who);
                if (c->who.unit && !uuid_is_null(&n->job))
                        tell_job(log, &n->job, &c->who);
                note_free(n);
        }
}

static void tell_left_out(ChangeLog *log) {
        if (log->n_denied > DENIED_MAX)
                log_full(LOG_INFO, NULL, NULL, "%u more calls were refused whose callers may not do them, or had left; %u in %u seconds have a line.",
                        log->n_denied - DENIED_MAX, DENIED_MAX, (unsigned) (DENIED_USEC / 1000000));
        log->n_denied = 0;
}

void change_log_init(ChangeLog *log, Callers *callers) {
        log->callers = callers;
        LIST_INIT(&log->waiting);
        callers->known = on_known;
        callers->known_userdata = log;
}

void change_log_done(ChangeLog *log) {
        ChangeNote *n;

        tell_left_out(log);
        while ((n = next_waiting(log, NULL))) {
                const Caller *c = callers_find(log->callers, n->caller);

                LIST_REMOVE(n, waiting);
                write_line(n, c ? &c->who : NULL);
                note_free(n);
        }
}

/* What happens to a note, in this order */

static void on_answered(RequestNote *note, ErrorCode code, const char *message);

/* "VM.SetNameLabel" */
static char *method_of(sd_bus_message *m) {
        const char *interface = strempty(sd_bus_message_get_interface(m));

        return text_printf("%s.%s", startswith(interface, POLICY_BUS_NAME ".") ?: interface, sd_bus_message_get_member(m));
}

static int note_new(ChangeLog *log, sd_bus_message *m, const Object *target, ChangeNote **ret) {
        _cleanup_(note_freep) ChangeNote *n = calloc(1, sizeof(*n));
        _cleanup_strbuf_ StrBuf of = {};

        if (!n)
                return -ENOMEM;
        n->note = (RequestNote){.answered = on_answered, .free = free_note};
        n->log = log;
        n->class = target ? target->class : _CLASS_INVALID;
        n->properties = UINT64_MAX;
        text_short(strempty(sd_bus_message_get_sender(m)), n->caller, sizeof(n->caller));
        n->method = method_of(m);
        if (!n->method)
                return -ENOMEM;
        add_field(n, FIELD_METHOD, n->method);
        if (target) {
                n->id = target->id;
                n->before = values_read(target);
                strbuf_add(&of, "of ");
                words_of_object(target, &of);
                n->what = strbuf_take(&of);
                if (!n->before || !n->what)
                        return -ENOMEM;
                add_objects(n, target);
        }
        *ret = take_ptr(n);
        return 0;
}

int change_note_take(ChangeLog *log, Requests *requests, sd_bus_message *m, const Object *target) {
        ChangeNote *n;
        int r;

        r = note_new(log, m, target, &n);
        if (r >= 0)
                request_set_note(requests, &n->note);
        return r;
}

void change_note_nothing(RequestNote *note) {
        if (note)
                CONTAINER_OF(note, ChangeNote, note)->silent = true;
}

void change_note_only(RequestNote *note, uint64_t properties) {
        if (note)
                CONTAINER_OF(note, ChangeNote, note)->properties = properties;
}

void change_note_say(RequestNote *note, const char *what) {
        ChangeNote *n = note ? CONTAINER_OF(note, ChangeNote, note) : NULL;

        if (!n)
                return;
        free(n->said);
        n->said = strdup(what);
}

static void describe(ChangeNote *n, const Object *target, const Object *made, StrBuf *b) {
        const Job *job = made && made->class == CLASS_JOB ? CONTAINER_OF(made, Job, object) : NULL;
        bool told = made;

        strbuf_add(b, strempty(n->what));
        if (n->before && target)
                told = words_of_changes(n->before, target, n->properties, job, b) || told;
        else if (n->before)
                words_of_end(n->before, b);
        if (n->said)
                strbuf_addf(b, ": %s", n->said);
        else if (target && !told)
                strbuf_add(b, ": nothing changed");
        if (!made || job)
                return;
        strbuf_add(b, b->len > 0 ? ", and made " : "for ");
        words_of_object(made, b);
        words_of_beginning(made, b);
}

void change_note_decided(RequestNote *note, const Object *made) {
        ChangeNote *n = note ? CONTAINER_OF(note, ChangeNote, note) : NULL;
        _cleanup_strbuf_ StrBuf b = {};
        char *what;

        if (!n || n->decided || n->silent)
                return;
        n->decided = true;
        if (made)
                add_objects(n, made);
        if (made && made->class == CLASS_JOB)
                n->job = made->id;
        describe(n, n->class >= 0 ? pool_get(n->log->pool(n->log->userdata), n->class, &n->id) : NULL, made, &b);
        what = strbuf_take(&b);
        if (what) {
                free(n->what);
                n->what = what;
        }
}

/* A note of its own: the request frees the one that it has. */
static void hand_over(ChangeNote *n) {
        ChangeNote *copy = malloc(sizeof(*copy));

        if (!copy)
                return;
        *copy = *n;
        copy->note = (RequestNote){};
        *n = (ChangeNote){.note = n->note, .log = n->log, .silent = true};
        finish(copy);
}

static void set_error(ChangeNote *n, const char *word, const char *sentence) {
        n->error = strdup(word);
        n->sentence = strdup(sentence);
        add_field(n, FIELD_ERROR, word);
}

static void on_answered(RequestNote *note, ErrorCode code, const char *message) {
        ChangeNote *n = CONTAINER_OF(note, ChangeNote, note);

        if (code == ERROR_NONE)
                change_note_decided(note, NULL);
        else
                set_error(n, error_code_word(code), message ?: error_code_meaning(code));
        hand_over(n);
}

static bool may_say_more(ChangeLog *log) {
        struct timespec t = {};
        uint64_t now;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        now = (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
        if (log->denied_since == 0 || now - log->denied_since > DENIED_USEC) {
                log->denied_since = now;
                tell_left_out(log);
        }
        return log->n_denied++ < DENIED_MAX;
}

void change_log_denied(ChangeLog *log, sd_bus_message *m, const Object *target, const char *sentence) {
        ChangeNote *n;

        if (!may_say_more(log) || note_new(log, m, target, &n) < 0)
                return;
        set_error(n, error_code_word(ERROR_ACCESS_DENIED), sentence);
        finish(n);
}

void change_note_refused(RequestNote *note, const sd_bus_error *error) {
        ChangeNote *n = note ? CONTAINER_OF(note, ChangeNote, note) : NULL;
        const char *dot;

        if (!n)
                return;
        n->silent = false;
        dot = strrchr(strempty(error->name), '.');
        set_error(n, dot ? dot + 1 : "Failed", strempty(error->message));
        hand_over(n);
}
