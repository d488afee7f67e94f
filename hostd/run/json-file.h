#pragma once

/*
 * A JSON object in a file
 */

#include "common/json/json-get.h"

/* -EBADMSG where it is none, with a sentence in the reader. */
int json_file_read(JsonReader *r, const char *path, size_t max, struct json_object **ret);

/* By rename. o may be NULL, which is -ENOMEM as of whoever could not make it. */
int json_file_write(const char *path, struct json_object *o, unsigned mode);
