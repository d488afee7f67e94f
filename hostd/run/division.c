/*
 * How hostd has divided a PGPU into virtual functions
 */

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "common/io/file.h"
#include "hostd/run/division.h"
#include "hostd/run/json-file.h"

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

static int forget(const char *path) {
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int division_read(const char *runtime, const PciAddress *physical, Division *ret) {
        return json_file_read_record(
                path_of(runtime, physical, "", (char[PATH_MAX]){}), NULL, NOTE_SIZE_MAX, &table, ret);
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
