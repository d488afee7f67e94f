#pragma once

/*
 * A JSON object, or a record, in a file
 *
 * The file is <folder>/<name>; without a name the folder is the file's path. What cannot be read as what it should be is
 * -EBADMSG.
 */

#include "protocol/record.h"

int json_file_read(const char *folder, const char *name_or_null, size_t max, struct json_object **ret);

/* By the record's table; *ret is left cleared where it fails. */
int json_file_read_record(
        const char *folder, const char *name_or_null, size_t max, const RecordTable *table, void *ret);
/* By rename. */
int json_file_write_record(const char *folder, const char *name_or_null, const RecordTable *table,
        const void *record, unsigned mode);
