#pragma once

/*
 * Objects of the pool, and how they change, in words
 */

#include "common/base/strbuf.h"
#include "policyd/pool/property.h"

/* What is stored of an object, as it was once. */
typedef struct Values Values;
Values *values_read(const Object *o); /* NULL without memory */
Values *values_free(Values *v);

const char *words_of_class(ObjectClass c);        /* as before a name: "VM group", "quota of" */
void words_of_object(const Object *o, StrBuf *b); /* "VM web", "VGPU 0 of VM web" */
/* ": NameLabel 'a' → 'b', …", of those properties; false, and nothing, when none changed. job: it was begun, and changes the VM. */
bool words_of_changes(const Values *before, const Object *now, uint64_t properties, const Job *job_or_null, StrBuf *b);
void words_of_end(const Values *before, StrBuf *b);    /* ", which is gone: …" */
void words_of_beginning(const Object *o, StrBuf *b);   /* ": NameLabel 'a', …" */
