/*
 * PCI functions that go to a guest, and come back
 *
 * In the order of events: noted, handed to the helper (hostd/helper/helper-process.h), its end awaited.
 */

#include <stdio.h>

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "common/json/json-get.h"
#include "hostd/helper/assign.h"
#include "hostd/helper/helper-process.h"
#include "hostd/helper/passthrough.h"

#define NOTE "functions.json"
#define NOTE_SIZE_MAX 16384
#define TIMEOUT (60 * UINT64_C(1000000))

struct Passthrough {
        char *note; /* path; removed when what it says was given back */
        bool giving_back;
        HelperProcess *helper;
        PassthroughDone done;
        void *userdata;
};

Passthrough *passthrough_free(Passthrough *p) {
        if (!p)
                return NULL;
        (void) helper_process_free(p->helper);
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
                r = json_parse_cleaned(&reader, text, size, &o);
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

static void on_helper_done(int result, const char *words, void *userdata) {
        Passthrough *p = userdata;

        if (result >= 0 && p->giving_back && unlink(p->note) < 0)
                (void) log_errno(-errno, "Cannot remove %s, ignoring", p->note);
        p->done(result, words, p->userdata);
}

static int start_helper(
        Passthrough *p, sd_event *event, const char *verb, const char *folder, char *const *functions) {
        const char **arguments;
        size_t n = 0;
        int r;

        while (functions[n])
                n++;
        arguments = calloc(n + 3, sizeof(*arguments));
        if (!arguments)
                return -ENOMEM;
        arguments[0] = verb;
        arguments[1] = folder;
        (void) memcpy(&arguments[2], functions, n * sizeof(*arguments));
        r = helper_process_start(event, arguments, TIMEOUT,
                p->giving_back
                        ? "A PCI function could not be given back to dom0 within 60 seconds."
                        : "A PCI function could not be taken from its driver within 60 seconds: something in "
                          "dom0 still uses it.",
                on_helper_done, p, &p->helper);
        free(arguments);
        return r;
}

static int begin(sd_event *event, const char *folder, char *note, const char *verb, char *const *functions,
        PassthroughDone done, void *userdata, Passthrough **ret) {
        _cleanup_(passthrough_freep) Passthrough *p = NULL;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p) {
                free(note);
                return -ENOMEM;
        }
        p->note = note;
        p->done = done;
        p->userdata = userdata;
        p->giving_back = streq(verb, ASSIGN_GIVE_BACK);
        r = start_helper(p, event, verb, folder, functions);
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
        return begin(event, folder, take_ptr(note), ASSIGN_TAKE, list, done, userdata, ret);
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
        return begin(event, folder, take_ptr(note), ASSIGN_GIVE_BACK, list, done, userdata, ret);
}
