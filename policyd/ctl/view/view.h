#pragma once

/*
 * The pool as the command line sees it
 *
 * Objects by path, each with its properties as JSON. They come from List when a class is wanted, from
 * GetManagedObjects when all are, one by one when a single reference is followed, or from a JSON text in tests.
 * What was fetched once is not fetched again.
 */

#include <json-c/json.h>

#include "policyd/ctl/view/answer.h"
#include "policyd/ctl/view/classes.h"
#include "policyd/ctl/client/client.h"

typedef struct View View;

typedef struct ViewObject {
        const ClassInfo *class;
        char *path;
        char uuid[37];
        struct json_object *properties; /* by D-Bus name */
} ViewObject;

/* client may be NULL: then there is only what view_add_all() gives. */
int view_new(Client *client, View **ret);
View *view_free(View *v);
DEFINE_CLEANUP(View *, view_free)

/* Everything there is; -EREMOTEIO and the like as client_call(). */
int view_load(View *v, ClientError *ret_error);
/* The objects of a class that pass the filters, in pages; NULL: all. */
int view_load_class(View *v, const ClassInfo *c, const ClientOption *filters_or_null, ClientError *ret_error);
/* All of a class, unless they were fetched before; nothing without a client. */
int view_need_class(View *v, const ClassInfo *c, ClientError *ret_error);
/* What a start of a VM would say, as VM.ExplainStart has it; an empty object without a client. */
int view_explain(View *v, const ViewObject *vm, struct json_object **ret);
/* How many there are, without fetching them. */
int view_count(View *v, const ClassInfo *c, const ClientOption *filters_or_null, ClientError *ret_error,
        uint64_t *ret);
/* What a field of these objects refers to by its label: class by class, where it is more than a few. */
int view_load_labels(
        View *v, ViewObject *const *objects, size_t n, FieldName name, ClientError *ret_error);
/* {"<path>":{"<interface>":{"<property>":…}}}, as GetManagedObjects answers; -EBADMSG: it is no such thing. */
int view_add_all(View *v, struct json_object *objects);

/* One object as it is now, of one that was forgotten. -EREMOTEIO: there is none. The view owns it. */
int view_fetch(View *v, const char *path, ClientError *ret_error, ViewObject **ret);
/* Fetched when it is not known yet; NULL when there is none. */
ViewObject *view_get(View *v, const char *path);
/* Forgets what is known of an object, so that the next look is fresh. */
void view_forget(View *v, const char *path);
/* Replaces single properties of a known object; NULL value: forgets it. */
void view_set(View *v, const char *path, const char *property, struct json_object *value);

/* The objects of a class, in no order, and in that of ClassInfo.sort. The caller frees the array, not what is in it. */
int view_collect(View *v, const ClassInfo *c, ViewObject ***ret, size_t *ret_n);
int view_list(View *v, const ClassInfo *c, ViewObject ***ret, size_t *ret_n);
/* The same in no order, for who asks again for each object of a list; the view owns the array. */
int view_class(View *v, const ClassInfo *c, ViewObject *const **ret, size_t *ret_n);

/* Properties, "" or 0 when absent. */
const char *object_text(const ViewObject *o, const char *property);
uint64_t object_number(const ViewObject *o, const char *property);
bool object_flag(const ViewObject *o, const char *property);
struct json_object *object_property(const ViewObject *o, const char *property); /* NULL when absent */
/* Follows a reference; NULL for "/" and for what is gone. */
ViewObject *object_ref(View *v, const ViewObject *o, const char *property);
size_t object_n_refs(const ViewObject *o, const char *property);
ViewObject *object_nth_ref(View *v, const ViewObject *o, const char *property, size_t n);

/* The last element of a path as a uuid; "" for "/". buf holds 37 bytes. */
const char *path_to_uuid(const char *path, char buf[static 37]);

/* What people call an object, "" when it has no name; its uuid when it is gone. The caller frees it, NULL without
 * memory. */
char *object_label(View *v, const char *path);
/* Whether a PGPU of this label is meant: "alpha/0000:83:00.0", "alpha/83:00.0", or the address alone, which several hosts may have. */
bool pgpu_label_is(const char *label, const char *text);
/* A field as people and scripts read it; the caller frees it, NULL without memory. */
char *field_text(View *v, const ViewObject *o, FieldName name);
/* What a number is set to: a limit, or whole PGPUs in units of size; "unlimited" is UINT64_MAX. -EINVAL. */
int field_parse_number(const Field *f, const char *text, uint64_t *ret);
/* The same for --json: numbers and booleans as such, lists as arrays. */
struct json_object *field_json(View *v, const ViewObject *o, FieldName name);
/* Whether a filter's text means this value: equal to it, to one element of it, or to the label of what it
 * refers to. */
bool field_matches(View *v, const ViewObject *o, FieldName name, const char *text);
