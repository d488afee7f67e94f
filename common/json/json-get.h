#pragma once

/*
 * Reading JSON records with the path in the error
 *
 * A JsonReader walks one document; each getter names its member, and the first failure is kept with its
 * full path ("vgpus[0].implementation[1].type_id") and reason. Getters return 0, -EINVAL (missing or of
 * the wrong type; see reader->error) or -ENOMEM. Strings returned belong to the document.
 */

#include <json-c/json.h>

#include "common/base/macros.h"
#include "common/base/pci-address.h"
#include "common/base/strlist.h"
#include "common/base/uuid.h"

typedef struct JsonReader {
        char path[256];
        char error[512]; /* a sentence: "vgpus[0].id is missing" */
        bool any_case;   /* member names match in any case; the exact one goes first */
        bool refuses;    /* json_parse(): a text that is not good is an error; without, it is cleaned */
} JsonReader;

#define JSON_DEPTH_MAX 32
#define JSON_SIZE_MAX (4u << 20)
#define JSON_TEXT_MAX 4096 /* bytes of a string that a getter returns */
#define JSON_ANSWER_MAX (128u << 20) /* D-Bus carries no more */

/*
 * Parses bytes; -EINVAL with the offset in reader->error. The caller puts *ret. Strings and names of members are good texts
 * (common/base/text.h) afterwards, in which newline and tab may stand. The getters of strings are stricter: they return one line of
 * at most JSON_TEXT_MAX bytes; those of lines are not.
 *
 * json_parse() is for what clients send: it refuses what is not so and names the member, and so do the getters.
 * json_parse_cleaned() is for what hosts, files, the database and other programs say: U+FFFD stands in the place of each bad
 * character, and "…" at the end of what is too long.
 */
int json_parse(JsonReader *r, const char *text, size_t size, struct json_object **ret);
int json_parse_cleaned(JsonReader *r, const char *text, size_t size, struct json_object **ret);
/* The same of what a daemon of ours answers, as long as a message may be. */
int json_parse_answer(JsonReader *r, const char *text, size_t size, struct json_object **ret);

/* Enter a member (name) or an element (index) for the paths of later errors; leave restores. */
size_t json_enter(JsonReader *r, const char *member);
size_t json_enter_index(JsonReader *r, size_t index);
void json_leave(JsonReader *r, size_t mark);

/* Records the sentence "<path>.<member> <reason>" and returns -EINVAL. */
int json_fail(JsonReader *r, const char *member, const char *format, ...) _printf_(3, 4);

/* Required members. */
int json_get_object(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret);
int json_get_array(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret);
int json_get_string(JsonReader *r, struct json_object *o, const char *member, const char **ret);
int json_get_lines(JsonReader *r, struct json_object *o, const char *member, const char **ret); /* newline and tab too */
int json_get_u32(JsonReader *r, struct json_object *o, const char *member, uint32_t *ret);
int json_get_u64(JsonReader *r, struct json_object *o, const char *member, uint64_t *ret);
int json_get_double(JsonReader *r, struct json_object *o, const char *member, double *ret);
int json_get_bool(JsonReader *r, struct json_object *o, const char *member, bool *ret);
int json_get_uuid(JsonReader *r, struct json_object *o, const char *member, Uuid *ret);
int json_get_pci(
        JsonReader *r, struct json_object *o, const char *member, PciAddress *ret); /* {domain,bus,dev,fn} */
int json_get_pci_text(
        JsonReader *r, struct json_object *o, const char *member, PciAddress *ret); /* "0000:84:00.0" */

/* Optional members: absent or null leaves *ret as it is and returns 0; present and wrong is an error. */
int json_opt_object(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret);
int json_opt_array(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret);
int json_opt_string(JsonReader *r, struct json_object *o, const char *member, const char **ret);
int json_opt_lines(JsonReader *r, struct json_object *o, const char *member, const char **ret);
int json_opt_u32(JsonReader *r, struct json_object *o, const char *member, uint32_t *ret);
int json_opt_u64(JsonReader *r, struct json_object *o, const char *member, uint64_t *ret);
int json_opt_double(JsonReader *r, struct json_object *o, const char *member, double *ret);
int json_opt_bool(JsonReader *r, struct json_object *o, const char *member, bool *ret);
int json_opt_uuid(JsonReader *r, struct json_object *o, const char *member, Uuid *ret);
int json_opt_pci(JsonReader *r, struct json_object *o, const char *member, PciAddress *ret);
int json_opt_pci_text(JsonReader *r, struct json_object *o, const char *member, PciAddress *ret);

/* An array of strings, copied into a NULL-terminated vector that the caller frees with strv_free(). */
int json_get_strv(JsonReader *r, struct json_object *o, const char *member, char ***ret);
int json_opt_strv(JsonReader *r, struct json_object *o, const char *member, char ***ret);

/* What others wrote, of which nothing is sure: the value at the end of a path of members; NULL where there is none. */
struct json_object *json_at(struct json_object *o, const char *const *path);
#define JSON_AT(o, ...) json_at((o), (const char *const[]){ __VA_ARGS__, NULL })

/* Building: each returns 0 or -ENOMEM; the value is consumed either way. */
int json_add(struct json_object *o, const char *member, struct json_object *value);
int json_add_string(struct json_object *o, const char *member, const char *value);
int json_add_u64(struct json_object *o, const char *member, uint64_t value);
int json_add_double(struct json_object *o, const char *member, double value);
int json_add_bool(struct json_object *o, const char *member, bool value);
int json_add_uuid(struct json_object *o, const char *member, const Uuid *value);
int json_add_strv(
        struct json_object *o, const char *member, const char *const *v); /* NULL is an empty array */

/* Compact text without spaces; the caller frees it. NULL without memory. */
char *json_to_text(struct json_object *o);

static inline _unused_ void json_putp(struct json_object **o) {
        if (*o)
                json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_putp)
