/*
 * PCI functions that go to a guest, and come back
 */

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/helper/passthrough.h"
#include "hostd/helper/pci-function.h"
#include "hostd/run/json-file.h"

#define NOTE "functions.json" /* {"taken":["0000:84:00.0"]} */
#define NOTE_SIZE_MAX 16384
#define TIMEOUT (60 * UINT64_C(1000000))

static int read_note(const char *path, char ***ret) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = json_file_read(&reader, path, NOTE_SIZE_MAX, &o);
        if (r >= 0)
                r = json_get_strv(&reader, o, "taken", ret);
        return r == -EINVAL ? -EBADMSG : r;
}

static int write_note(const char *path, char *const *taken) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r;

        r = o ? json_add_strv(o, "taken", (const char *const *) taken) : -ENOMEM;
        return r < 0 ? r : json_file_write(path, o, 0600);
}

static bool contains(char *const *list, const char *text) {
        for (; list && *list; list++)
                if (streq(*list, text))
                        return true;
        return false;
}

/* 1. What is to be taken: not what is assignable already, unless an earlier try of ours made it so. */

int passthrough_take(
        const char *sysfs, const char *folder, const PciAddress *functions, size_t n, HelperWork *ret) {
        _cleanup_(strv_freep) char **noted = NULL;
        _cleanup_free_ char *note = path_join(folder, NOTE);
        StrList *list = &ret->arguments;
        size_t first;
        int r;

        r = note ? read_note(note, &noted) : -ENOMEM;
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = (HelperWork){
                .timeout = TIMEOUT,
                .late = "A PCI function could not be taken from its driver within 60 seconds: something in dom0 still "
                        "uses it.",
        };
        strlist_add(list, PASSTHROUGH_TAKE);
        strlist_add(list, folder);
        first = list->n;
        for (size_t i = 0; i < n; i++) {
                const char *address = PCI_TEXT(&functions[i]);

                if ((contains(noted, address) || !pci_function_has_driver(sysfs, &functions[i], "pciback")) &&
                        !strlist_contains(list, address))
                        strlist_add(list, address);
        }
        r = list->error;
        if (r >= 0 && list->n > first)
                r = write_note(note, list->items + first);
        if (r < 0)
                helper_work_done(ret);
        return r;
}

/* 2. All of it is given back. */

int passthrough_give_back(const char *folder, HelperWork *ret) {
        _cleanup_(strv_freep) char **noted = NULL;
        _cleanup_free_ char *note = path_join(folder, NOTE);
        int r;

        r = note ? read_note(note, &noted) : -ENOMEM;
        if (r < 0)
                return r;
        *ret = (HelperWork){
                .timeout = TIMEOUT,
                .late = "A PCI function could not be given back to dom0 within 60 seconds.",
        };
        strlist_add(&ret->arguments, PASSTHROUGH_GIVE_BACK);
        strlist_add(&ret->arguments, folder);
        for (char **address = noted; *address; address++)
                strlist_add(&ret->arguments, *address);
        return 0;
}

void passthrough_forget(const char *folder) {
        _cleanup_free_ char *note = path_join(folder, NOTE);

        if (!note || unlink(note) < 0)
                (void) log_errno(note ? -errno : -ENOMEM, "Cannot remove " NOTE " in %s, ignoring", folder);
}
