/*
 * How hostd has divided a PGPU into virtual functions
 */

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "hostd/run/division.h"
#include "hostd/run/json-file.h"
#include "hostd/run/pci-function.h"

#define NOTE_SIZE_MAX 4096

static const RecordField fields[] = {
        FIELD(Division, num_vfs, REQUIRED, U32),
        FIELD(Division, vf_fb_mib, REQUIRED, U32),
        FIELD(Division, type, OPTIONAL, TEXT),
        FIELD(Division, made, OPTIONAL, BOOL),
        FIELD(Division, autoprobe, OPTIONAL, BOOL),
};

/* Notes of older versions say nothing of these, and were written at the end. */
static const Division defaults = { .made = true, .autoprobe = true };

static const RecordTable table = RECORD_TABLE(Division, fields, .defaults = &defaults);

void division_done(Division *d) {
        record_done(&table, d);
}

static char *path_of(const char *runtime, const PciAddress *function, const char *ending, char ret[static PATH_MAX]) {
        (void) snprintf(ret, PATH_MAX, "%s/divisions/%s%s", runtime, PCI_TEXT(function), ending);
        return ret;
}

static char *path_of_lock(const char *runtime, char ret[static PATH_MAX]) {
        (void) snprintf(ret, PATH_MAX, "%s/divisions/lock", runtime);
        return ret;
}

static int forget(const char *path) {
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int division_read(const char *runtime, const PciAddress *physical, Division *ret) {
        return json_file_read_record(
                path_of(runtime, physical, "", (char[PATH_MAX]){}), NULL, NOTE_SIZE_MAX, &table, ret);
}

/* The kernel makes as many as it is told. A helper that was cut off may have left too few; gimtool's number is its own. */
static bool is_of_others(const Division *d, size_t n_functions) {
        return !isempty(d->type) && (d->made ? n_functions != d->num_vfs : n_functions > d->num_vfs);
}

int division_read_of(const char *runtime, const PciAddress *physical, size_t n_functions, Division *ret) {
        _cleanup_(division_done) Division d = {};
        int r;

        r = division_read(runtime, physical, &d);
        if (r < 0 || (n_functions > 0 && is_of_others(&d, n_functions)))
                return r < 0 ? r : -ENOENT;
        *ret = take_struct(d);
        return 0;
}

/* The driver's setting is not yet as it was before. */
static bool owes_autoprobe(const char *sysfs, const PciAddress *physical, const Division *d) {
        _cleanup_free_ char *now = NULL;

        return !d->made && d->autoprobe && pci_function_read(sysfs, physical, DIVISION_AUTOPROBE, &now) >= 0 && streq(now, "0");
}

int division_forget_stale(const char *runtime, const char *sysfs, const PciAddress *physical) {
        _cleanup_(division_done) Division d = {};
        PciAddress function;
        size_t n = 0;
        int lock, r;

        r = file_lock_try(path_of_lock(runtime, (char[PATH_MAX]){}), &lock);
        if (r < 0)
                return r == -EBUSY || r == -ENOENT ? 0 : r;
        r = division_read(runtime, physical, &d);
        if (r >= 0)
                r = pci_function_list_virtual(sysfs, physical, &function, 1, &n);
        if (r >= 0 && n == 0 && !owes_autoprobe(sysfs, physical, &d))
                r = division_forget(runtime, physical);
        (void) file_unlock(lock);
        return r == -ENOENT ? 0 : r;
}

int division_write(const char *runtime, const PciAddress *physical, const Division *d) {
        return json_file_write_record(path_of(runtime, physical, "", (char[PATH_MAX]){}), NULL, &table, d, 0600);
}

int division_forget(const char *runtime, const PciAddress *physical) {
        return forget(path_of(runtime, physical, "", (char[PATH_MAX]){}));
}

int division_read_suspicion(const char *runtime, const PciAddress *function, char **ret) {
        return file_read_line(path_of(runtime, function, ".suspect", (char[PATH_MAX]){}), ret);
}

int division_suspect(const char *runtime, const PciAddress *function, const char *why) {
        return file_write_atomic(path_of(runtime, function, ".suspect", (char[PATH_MAX]){}), why, strlen(why), 0644);
}

int division_trust(const char *runtime, const PciAddress *function) {
        return forget(path_of(runtime, function, ".suspect", (char[PATH_MAX]){}));
}

/* What a VM has. */

#define NOTE "function.json"

static const RecordField note_fields[] = {
        FIELD(FunctionNote, physical, REQUIRED, PCI_TEXT),
        FIELD(FunctionNote, virtual, REQUIRED, PCI_TEXT),
};

static const RecordTable note_table = RECORD_TABLE(FunctionNote, note_fields);

int function_note_read(const char *folder, FunctionNote *ret) {
        return json_file_read_record(folder, NOTE, NOTE_SIZE_MAX, &note_table, ret);
}

int function_note_write(const char *folder, const FunctionNote *note) {
        return json_file_write_record(folder, NOTE, &note_table, note, 0600);
}

int function_note_forget(const char *folder) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/" NOTE, folder);
        return forget(path);
}
