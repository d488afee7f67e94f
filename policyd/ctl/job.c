/*
 * Waiting for a job
 *
 * The client subscribes before the call that makes the job, so that it cannot miss the end. On a terminal stderr shows a bar.
 * If policyd is lost meanwhile, the job continues when policyd is back, so its uuid is printed.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/json/json-get.h"
#include "policyd/ctl/objects/outcome.h"
#include "protocol/names.h"

#define BAR_CELLS 24
#define RULE "type='signal',sender='" POLICY_BUS_NAME "',"

int job_subscribe(Ctl *ctl) {
        static const char *const rules[] = {
                RULE "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',arg0="
                     "'" POLICY_IFACE_JOB "'",
                RULE "interface='" POLICY_IFACE_MANAGER "',member='JobRemoved'",
                "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" POLICY_BUS_NAME
                "'",
        };
        int r = 0;

        if (ctl->is_subscribed)
                return 0;
        ctl->is_subscribed = true;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rules); i++) {
                _cleanup_client_error_ ClientError error = {};

                r = client_subscribe(ctl->client, rules[i], &error);
                if (r < 0)
                        return ctl_failed(r, &error);
        }
        return 0;
}

/* By what earlier jobs took: nothing once that time is over. */
static void print_rest_of(const ViewObject *job) {
        struct json_object *end = object_property(job, "ExpectedEndTime");
        int64_t now = (int64_t) time(NULL), expected = end ? json_object_get_int64(end) / 1000000 : 0;

        if (expected > now)
                fprintf(stderr, ", about %" PRId64 " s more", expected - now);
}

static void draw_bar(const Ctl *ctl, const ViewObject *job) {
        struct json_object *progress = object_property(job, "Progress");
        double done = progress ? json_object_get_double(progress) : 0;
        int cells = (int) (done * BAR_CELLS);

        if (!ctl->err_is_terminal)
                return;
        fputs("\r\033[K[", stderr);
        for (int i = 0; i < BAR_CELLS; i++)
                fputs(i < cells ? (ctl->utf8 ? "█" : "#") : (ctl->utf8 ? "░" : "."), stderr);
        fprintf(stderr, "] %3.0f%%  %s", done * 100, object_text(job, "Stage"));
        print_rest_of(job);
        fflush(stderr);
}

static void clear_bar(const Ctl *ctl) {
        if (ctl->err_is_terminal) {
                fputs("\r\033[K", stderr);
                fflush(stderr);
        }
}

static bool is_final(const ViewObject *job) {
        const char *state = object_text(job, "State");

        return streq(state, "done") || streq(state, "failed") || streq(state, "cancelled");
}

static int outcome(const ViewObject *job) {
        struct json_object *error = object_property(job, "Error");
        const char *state = object_text(job, "State"), *name = answer_nth_text(error, 0),
                   *message = answer_nth_text(error, 1);

        if (streq(state, "done"))
                return EXIT_DONE;
        if (!*name)
                return streq(state, "cancelled") ? ctl_say_error("org.xenvgpu.Error.OperationCancelled",
                                                           "The job was cancelled.")
                                                 : ctl_say_error("org.xenvgpu.Error.InternalError",
                                                           "The job failed without a reason.");
        return ctl_say_error(name, message);
}

static int policyd_went(const char *path) {
        char uuid[37];

        return ctl_unreachable(NULL, "policyd went away; the job goes on when it is back: xenvgpu job-wait uuid=%s", path_to_uuid(path, uuid));
}

/*
 * Ctrl-C ends the waiting and not the job, so that is said. libdbus waits on after a signal; so the handler writes what was made
 * before, and ends the process.
 */
static char *interrupted;

static void on_interrupt(int signal) {
        if (write(STDERR_FILENO, interrupted, strlen(interrupted)) < 0)
                _exit(EXIT_INTERRUPTED);
        _exit(EXIT_INTERRUPTED);
}

static void prepare_for_interrupt(const Ctl *ctl, const char *path) {
        struct sigaction action = {.sa_handler = on_interrupt}, old;
        char uuid[37], *text, *before;

        /* A shell lets what runs behind it ignore Ctrl-C. */
        if (sigaction(SIGINT, NULL, &old) < 0 || old.sa_handler == SIG_IGN)
                return;

        path_to_uuid(path, uuid);
        text = text_printf("%sThe job goes on. To see it: xenvgpu job-wait uuid=%s; to cancel it: xenvgpu job-cancel uuid=%s\n",
                ctl->err_is_terminal ? "\r\033[K" : "", uuid, uuid);
        if (!text)
                return;
        before = interrupted;
        interrupted = text;
        free(before);
        (void) sigaction(SIGINT, &action, NULL);
}

/* What a signal says of a job that goes on. False: it may be over, and is looked at anew. */
static bool note_progress(Ctl *ctl, const char *path, const ClientSignal *s) {
        struct json_object *changed = json_object_array_get_idx(s->args, 1);

        if (!streq(s->member, "PropertiesChanged") || !json_object_is_type(changed, json_type_object))
                return false;
        json_object_object_foreach(changed, property, value)
                view_set(ctl->view, path, property, json_object_get(value));
        return !is_final(view_get(ctl->view, path));
}

/* Until a signal says that our job may be over. 0, or the exit status. */
static int wait_for_end(Ctl *ctl, const char *path) {
        for (;;) {
                _cleanup_client_signal_ ClientSignal signal = {};
                int r = client_wait_signal(ctl->client, -1, &signal);

                if (r < 0)
                        return r == -ECONNREFUSED ? policyd_went(path) : ctl_failed(r, &(ClientError){});
                if (streq(signal.member, "NameOwnerChanged")) {
                        if (isempty(answer_nth_text(signal.args, 2)))
                                return policyd_went(path);
                        return 0;
                }
                if (streq(signal.path, path)) {
                        if (!note_progress(ctl, path, &signal))
                                return 0;
                        draw_bar(ctl, view_get(ctl->view, path));
                }
                if (streq(signal.member, "JobRemoved") && streq(answer_nth_text(signal.args, 0), path))
                        return 0;
        }
}

/* The job as it is now. policyd that ends meanwhile has not lost it. 0, or the exit status. */
static int look_again(Ctl *ctl, const char *path, ViewObject **ret) {
        _cleanup_client_error_ ClientError error = {};
        int r;

        view_forget(ctl->view, path);
        r = view_fetch(ctl->view, path, &error, ret);
        switch (r) {
        case -ECONNREFUSED:
        case -ETIMEDOUT:
                return policyd_went(path);
        case -EREMOTEIO:
                return ctl_say_error("org.xenvgpu.Error.NoSuchObject", "The job is gone.");
        default:
                return r < 0 ? ctl_failed(r, &error) : 0;
        }
}

int job_wait(Ctl *ctl, const char *path) {
        int r;

        prepare_for_interrupt(ctl, path);

        for (;;) {
                ViewObject *job = NULL;

                r = look_again(ctl, path, &job);
                if (r != 0) {
                        clear_bar(ctl);
                        return r;
                }
                if (is_final(job)) {
                        clear_bar(ctl);
                        return outcome(job);
                }
                draw_bar(ctl, job);
                r = wait_for_end(ctl, path);
                if (r != 0) {
                        clear_bar(ctl);
                        return r;
                }
        }
}

/* A key that was used before gives the job of then, and the VM may have gone on since. */
static void note_what_changed(Ctl *ctl, const ViewObject *job) {
        const ViewObject *vm = object_nth_ref(ctl->view, job, "Objects", 0);
        const char *operation = object_text(job, "Operation"), *state = object_text(vm, "PowerState");
        bool started = streq(operation, "start") || streq(operation, "reboot");
        _cleanup_free_ char *when = NULL;
        FieldName field;

        if (!vm || !field_find(job->class, "end-time", &field) || started != streq(state, "halted"))
                return;
        when = field_text(ctl->view, job, field);
        free(ctl->note);
        ctl->note = text_printf("this idempotency-key stands for the %s of VM '%s' that was done at %s. Since then the VM changed: it is %s "
                                "now. Give a new key to ask anew.",
                operation, object_text(vm, "NameLabel"), strempty(when), state);
        fprintf(stderr, "note: %s\n", strempty(ctl->note));
}

static int collect(Ctl *ctl, const char *path) {
        struct CollectedJob *jobs = realloc(ctl->jobs, (ctl->n_jobs + 1) * sizeof(*jobs));

        if (!jobs)
                return ctl_no_memory();
        ctl->jobs = jobs;
        jobs[ctl->n_jobs].path = strdup(path);
        memcpy(jobs[ctl->n_jobs].subject, ctl->subject, sizeof(ctl->subject));
        return jobs[ctl->n_jobs++].path ? 0 : ctl_no_memory();
}

int job_wait_collected(Ctl *ctl) {
        int worst = 0;

        for (size_t i = 0; i < ctl->n_jobs; i++) {
                const char *path = strempty(ctl->jobs[i].path);
                int r = job_wait(ctl, path);

                memcpy(ctl->subject, ctl->jobs[i].subject, sizeof(ctl->subject));
                (void) path_to_uuid(path, ctl->job);
                r = outcome_note(ctl, r);
                worst = MAX_OF(worst, r);
                free(ctl->jobs[i].path);
        }
        free(ctl->jobs);
        ctl->jobs = NULL;
        ctl->n_jobs = 0;
        return worst;
}

int job_follow(Ctl *ctl, struct json_object *job) {
        const char *path = strempty(json_object_get_string(job));
        int r;

        if (streq(path, "/"))
                return EXIT_DONE; /* nothing had to be done */
        if (ctl->args.async)
                return ctl_print_created(ctl, job);
        if (ctl->collects)
                return collect(ctl, path);
        (void) path_to_uuid(path, ctl->job);
        r = job_wait(ctl, path);
        if (r == EXIT_DONE && ctl_arg(ctl, "idempotency-key"))
                note_what_changed(ctl, view_get(ctl->view, path));
        return r;
}
