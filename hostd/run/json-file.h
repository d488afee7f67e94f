#pragma once

/*
 * A JSON object, or a record, in a file
 */

#include "protocol/record.h"

/* -EBADMSG where it is none, with a sentence in the reader. */
int json_file_read(JsonReader *r, const char *path, size_t max, struct json_object **ret);

/* By rename. */
int json_file_write(const char *path, struct json_object *o, unsigned mode);

/* By the record's table. What cannot be read is -EBADMSG too, and leaves *ret cleared. */
int json_file_read_record(JsonReader *r, const char *path, size_t max, const RecordTable *table, void *ret);
int json_file_write_record(const char *path, const RecordTable *table, const void *record, unsigned mode);
