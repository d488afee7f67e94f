/*
 * PCI functions that go to a guest, and come back
 */

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/helper/passthrough.h"
#include "hostd/run/pci-function.h"
#include "hostd/run/json-file.h"

#define NOTE "functions.json" /* {"taken":["0000:84:00.0"],"overrides":["0000:84:00.0=vfio-pci"]} */
#define NOTE_SIZE_MAX 16384
#define TAKE_PATIENCE (60 * UINT64_C(1000000))
/* A reset that fails takes 72 s in the kernel, and libxl asks for one each time that a function changes hands. Who stops it in between leaves
 * a function that libxl neither gives nor takes any more. */
#define GIVE_BACK_PATIENCE (300 * UINT64_C(1000000))

typedef struct Note {
        char **taken;
        char **overrides; /* what a function's driver_override was: ADDRESS=DRIVER */
} Note;

static const RecordField note_fields[] = {
        FIELD(Note, taken, REQUIRED, STRV),
        FIELD(Note, overrides, OPTIONAL, STRV),
};
static const RecordTable note_table = RECORD_TABLE(Note, note_fields);

static void note_done(Note *n) {
        record_done(&note_table, n);
}

/* The entry of this address, or NULL. */
static const char *override_of(char *const *overrides, const char *address) {
        for (; overrides && *overrides; overrides++) {
                const char *rest = startswith(*overrides, address);

                if (rest && *rest == '=')
                        return *overrides;
        }
        return NULL;
}

/* The kernel binds a function that has a driver_override to that driver alone, and "(null)" is none. What an earlier try noted counts: it may have
 * cleared it since. */
static void note_override(
        const char *sysfs, const PciAddress *function, const Note *earlier, StrList *overrides) {
        const char *entry = override_of(earlier->overrides, PCI_TEXT(function));
        _cleanup_free_ char *now = NULL;

        if (entry)
                strlist_add(overrides, entry);
        else if (pci_function_read(sysfs, function, PCI_DRIVER_OVERRIDE, &now) >= 0 && !isempty(now) &&
                 !streq(now, "(null)") && !streq(now, "pciback"))
                strlist_addf(overrides, "%s=%s", PCI_TEXT(function), now);
}

/* The helper's arguments: each address, with its driver_override if it had one. */
static void add_arguments(char *const *taken, char *const *overrides, StrList *arguments) {
        for (; taken && *taken; taken++) {
                const char *entry = override_of(overrides, *taken);

                strlist_add(arguments, entry ? entry : *taken);
        }
}

/* 1. What is to be taken: not what is assignable already, unless an earlier try of ours made it so. */

int passthrough_take(
        const char *sysfs, const char *folder, const PciAddress *functions, size_t n, HelperWork *ret) {
        _cleanup_(note_done) Note noted = {};
        _cleanup_strlist_ StrList taken = {}, overrides = {};
        int r;

        r = json_file_read_record(folder, NOTE, NOTE_SIZE_MAX, &note_table, &noted);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = (HelperWork){
                .timeout = TAKE_PATIENCE,
                .late = "A PCI function could not be taken from its driver within 60 seconds: something in dom0 still "
                        "uses it.",
        };
        for (size_t i = 0; i < n; i++) {
                const char *address = PCI_TEXT(&functions[i]);

                if ((strv_contains(noted.taken, address) || !pci_function_has_driver(sysfs, &functions[i], "pciback")) &&
                        !strlist_contains(&taken, address)) {
                        strlist_add(&taken, address);
                        note_override(sysfs, &functions[i], &noted, &overrides);
                }
        }
        strlist_add(&ret->arguments, PASSTHROUGH_TAKE);
        strlist_add(&ret->arguments, folder);
        add_arguments(taken.items, overrides.items, &ret->arguments);
        r = taken.error < 0 ? taken.error : overrides.error < 0 ? overrides.error : ret->arguments.error;
        if (r >= 0 && taken.n > 0)
                r = json_file_write_record(folder, NOTE, &note_table, &(Note){ taken.items, overrides.items }, 0600);
        if (r < 0)
                helper_work_done(ret);
        return r;
}

/* 2. All of it is given back. */

int passthrough_give_back(const char *folder, HelperWork *ret) {
        _cleanup_(note_done) Note noted = {};
        int r;

        r = json_file_read_record(folder, NOTE, NOTE_SIZE_MAX, &note_table, &noted);
        if (r < 0)
                return r;
        *ret = (HelperWork){
                .timeout = GIVE_BACK_PATIENCE,
                .late = "A PCI function could not be given back to dom0 within 300 seconds.",
        };
        strlist_add(&ret->arguments, PASSTHROUGH_GIVE_BACK);
        strlist_add(&ret->arguments, folder);
        add_arguments(noted.taken, noted.overrides, &ret->arguments);
        return 0;
}

void passthrough_forget(const char *folder) {
        _cleanup_free_ char *note = path_join(folder, NOTE);

        if (!note || unlink(note) < 0)
                (void) log_errno(note ? -errno : -ENOMEM, "Cannot remove " NOTE " in %s, ignoring", folder);
}
