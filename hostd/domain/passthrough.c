/*
 * PCI functions that go to a guest, and come back
 *
 * In the order of events: noted, handed to the helper, its end awaited. The helper is this very program under
 * another first argument; what it prints is the sentence of a failure.
 */

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "common/json/json-get.h"
#include "hostd/domain/assign.h"
#include "hostd/domain/passthrough.h"

#define NOTE "functions.json"
#define NOTE_SIZE_MAX 16384
#define TIMEOUT (60 * UINT64_C(1000000))
#define SENTENCE_SIZE 512

struct Passthrough {
        sd_event *event;
        char *note; /* path; removed when what it says was given back */
        bool giving_back;
        sd_event_source *helper; /* as a child: its end, and a handle that no other process can take over */
        sd_event_source *timer;
        int words; /* read end of its stdout */
        PassthroughDone done;
        void *userdata;
};

static void end_helper(Passthrough *p) {
        if (p->helper)
                (void) sd_event_source_send_child_signal(p->helper, SIGKILL, NULL, 0);
        p->helper = sd_event_source_disable_unref(p->helper);
}

Passthrough *passthrough_free(Passthrough *p) {
        if (!p)
                return NULL;
        end_helper(p);
        sd_event_source_disable_unref(p->timer);
        safe_close(p->words);
        sd_event_unref(p->event);
        free(p->note);
        free(p);
        return NULL;
}

/* The note: {"taken":["0000:84:00.0"]} */

static int read_note(const char *path, char ***ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        JsonReader reader = {};
        size_t size;
        int r;

        r = file_read(path, NOTE_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = json_parse(&reader, text, size, &o);
        if (r >= 0)
                r = json_get_strv(&reader, o, "taken", ret);
        return r == -EINVAL ? -EBADMSG : r;
}

static int write_note(const char *path, char *const *taken) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *text = NULL;
        int r;

        if (!o)
                return -ENOMEM;
        r = json_add_strv(o, "taken", (const char *const *) taken);
        if (r < 0)
                return r;
        text = json_to_text(o);
        return text ? file_write_atomic(path, text, strlen(text), 0600) : -ENOMEM;
}

static bool contains(char *const *list, const char *text) {
        for (; *list; list++)
                if (streq(*list, text))
                        return true;
        return false;
}

/* 1. What is to be taken: not what is assignable already, unless an earlier try of ours made it so. */

static int list_to_take(const char *note, const PciAddress *functions, size_t n, char ***ret) {
        _cleanup_(strv_freep) char **noted = NULL, **list = NULL;
        size_t k = 0;
        int r;

        r = read_note(note, &noted);
        if (r < 0 && r != -ENOENT)
                return r;
        list = calloc(n + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char *address = PCI_TEXT(&functions[i]);

                if (assign_is_assignable(&functions[i]) && !(noted && contains(noted, address)))
                        continue;
                if (contains(list, address))
                        continue;
                list[k] = strdup(address);
                if (!list[k++])
                        return -ENOMEM;
        }
        *ret = take_ptr(list);
        return 0;
}

/* 2. The helper. */

static int spawn(const char *verb, char *const *functions, int words, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        size_t n = 0;
        char **argv;
        int r;

        while (functions[n])
                n++;
        argv = calloc(n + 3, sizeof(*argv));
        if (!argv)
                return -ENOMEM;
        argv[0] = (char *) "xenvgpu-domain";
        argv[1] = (char *) verb;
        (void) memcpy(&argv[2], functions, n * sizeof(*argv));

        sigemptyset(&none);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        r = posix_spawn_file_actions_adddup2(&actions, words, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn(ret, "/proc/self/exe", &actions, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        free(argv);
        return -r;
}

static void finish(Passthrough *p, int result, const char *error) {
        p->helper = sd_event_source_disable_unref(p->helper);
        p->timer = sd_event_source_disable_unref(p->timer);
        if (result >= 0 && p->giving_back && unlink(p->note) < 0)
                (void) log_errno(-errno, "Cannot remove %s, ignoring", p->note);
        p->done(result, error, p->userdata);
}

static int on_helper_ended(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Passthrough *p = userdata;
        char sentence[SENTENCE_SIZE];
        ssize_t n;

        n = read(p->words, sentence, sizeof(sentence) - 1);
        sentence[MAX_OF(n, 0)] = '\0';
        sentence[strcspn(sentence, "\n")] = '\0';
        if (info->si_code == CLD_EXITED && info->si_status == 0)
                finish(p, 0, "");
        else
                finish(p, -EIO,
                        *sentence ? sentence : "The helper that moves PCI functions died: see the log.");
        return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        Passthrough *p = userdata;

        end_helper(p);
        finish(p, -ETIMEDOUT,
                "A PCI function could not be taken from its driver within 60 seconds: something in dom0 still "
                "uses it.");
        return 0;
}

static int begin(sd_event *event, char *note, const char *verb, char *const *functions, PassthroughDone done,
        void *userdata, Passthrough **ret) {
        _cleanup_(passthrough_freep) Passthrough *p = NULL;
        _cleanup_close_ int theirs = -1;
        int pipe_fds[2], r;
        pid_t pid;

        p = calloc(1, sizeof(*p));
        if (!p) {
                free(note);
                return -ENOMEM;
        }
        p->note = note;
        p->words = -1;
        p->event = sd_event_ref(event);
        p->done = done;
        p->userdata = userdata;
        p->giving_back = streq(verb, ASSIGN_GIVE_BACK);

        if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        p->words = pipe_fds[0];
        theirs = pipe_fds[1];
        r = spawn(verb, functions, theirs, &pid);
        if (r >= 0)
                r = sd_event_add_child(event, &p->helper, pid, WEXITED, on_helper_ended, p);
        /* Before the reaper of strangers. */
        if (r >= 0)
                r = sd_event_source_set_priority(p->helper, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &p->timer, CLOCK_MONOTONIC, TIMEOUT, 0, on_late, p);
        if (r < 0)
                return r;
        *ret = take_ptr(p);
        return 0;
}

int passthrough_take(sd_event *event, const char *folder, const PciAddress *functions, size_t n,
        PassthroughDone done, void *userdata, Passthrough **ret) {
        _cleanup_(strv_freep) char **list = NULL;
        _cleanup_free_ char *note = path_join(folder, NOTE);
        int r;

        if (!note)
                return -ENOMEM;
        r = list_to_take(note, functions, n, &list);
        if (r >= 0 && *list)
                r = write_note(note, list);
        if (r < 0)
                return r;
        return begin(event, take_ptr(note), ASSIGN_TAKE, list, done, userdata, ret);
}

int passthrough_give_back(
        sd_event *event, const char *folder, PassthroughDone done, void *userdata, Passthrough **ret) {
        _cleanup_(strv_freep) char **list = NULL;
        _cleanup_free_ char *note = path_join(folder, NOTE);
        int r;

        if (!note)
                return -ENOMEM;
        r = read_note(note, &list);
        if (r < 0)
                return r;
        return begin(event, take_ptr(note), ASSIGN_GIVE_BACK, list, done, userdata, ret);
}
