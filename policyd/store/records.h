#pragma once

/*
 * The records of the objects: each class in one file, both ways
 *
 * build() writes everything that survives a restart; references as uuids. Loading has two passes, because
 * objects refer to each other in circles: create() makes the object with its plain fields (owners that an
 * object cannot exist without are looked up here; classes load in an order that makes this work), resolve()
 * follows the other references once all objects exist. Both check every member: -EINVAL with the sentence in
 * the reader.
 */

#include "common/json/json-get.h"
#include "common/json/json-write.h"
#include "policyd/pool/pool.h"

typedef struct RecordCodec {
        void (*build)(const Object *o, StrBuf *b);
        int (*create)(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key);
        int (*resolve)(Pool *pool, JsonReader *r, struct json_object *record, Object *o); /* or NULL */
} RecordCodec;

extern const RecordCodec host_codec, pgpu_codec, group_codec, vgpu_type_codec, vm_codec, vgpu_codec,
        reservation_codec, quota_codec, vm_group_codec, job_codec;

const RecordCodec *record_codec(ObjectClass c);

/* A whole record as text, with "version" and "uuid". */
int stored_to_text(const Object *o, char **ret);

/* Helpers of the codecs. An absent reference is an absent member: *ret is then NULL. */
void stored_write_reference(StrBuf *b, const char *member, const Object *o_or_null);
void stored_write_references(StrBuf *b, const char *member, const PtrArray *objects);
int stored_get_reference(
        Pool *pool, JsonReader *r, struct json_object *record, const char *member, ObjectClass c, void *ret);
int stored_opt_reference(
        Pool *pool, JsonReader *r, struct json_object *record, const char *member, ObjectClass c, void *ret);
int stored_get_references(Pool *pool, JsonReader *r, struct json_object *record, const char *member,
        ObjectClass c, void ***ret, size_t *ret_n);
int stored_get_text(
        JsonReader *r, struct json_object *record, const char *member, char **field); /* replaces *field */
int stored_get_lines(JsonReader *r, struct json_object *record, const char *member, char **field);
int stored_opt_text(JsonReader *r, struct json_object *record, const char *member, char **field);
int stored_get_word(JsonReader *r, struct json_object *record, const char *member,
        int (*from_string)(const char *), int *ret);

/*
 * Reads out of vm->config what placement needs. Depends on the VM's VGPUs (video memory), so it is called
 * again when they change. -EINVAL with the sentence in the reader.
 */
int vm_refresh_needs(Pool *pool, JsonReader *r, Vm *vm);
