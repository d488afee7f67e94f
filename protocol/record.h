#pragma once

/*
 * What the record codecs share
 *
 * Parsers fill *ret from the document and copy what they keep. All parsers of this folder clear *ret first and
 * leave it cleared when they fail, so that a caller's cleanup may run in either case.
 */

#include "common/json/json-get.h"

/* A copied string; absent: fallback, or NULL when that is NULL. */
int record_get_text(JsonReader *r, struct json_object *o, const char *member, char **ret);
int record_opt_text(JsonReader *r, struct json_object *o, const char *member, const char *fallback, char **ret);

/* "progress", from 0 to 1. */
int record_opt_progress(JsonReader *r, struct json_object *o, double *ret);

/* A vector of strings, empty when absent; never NULL on success. */
int record_opt_strv(JsonReader *r, struct json_object *o, const char *member, char ***ret);

/* A reference to an object all of whose members are strings; a new empty object when absent. */
int record_opt_text_object(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret);

/* "version": absent or RECORD_VERSION. A later one is refused: it may mean something else by the same words. */
int record_check_version(JsonReader *r, struct json_object *o);

/* ["<vm uuid>","0"]: xenopsd's id of a VGPU or PCI device. */
int record_get_id(JsonReader *r, struct json_object *o, const char *member, Uuid *ret_vm, const char **ret_device);
int record_add_id(struct json_object *o, const char *member, const Uuid *vm, const char *device);

/* A member that is an array of records; an absent one is empty. Elements that were parsed are the caller's also on failure. */
typedef int (*RecordParser)(JsonReader *r, struct json_object *o, void *ret);
int record_opt_list(JsonReader *r, struct json_object *o, const char *member, size_t max, size_t item_size,
        RecordParser parse, void **ret, size_t *ret_n);

typedef int (*RecordBuilder)(const void *item, struct json_object **ret);
int record_add_list(struct json_object *o, const char *member, const void *items, size_t n, size_t item_size,
        RecordBuilder build);
