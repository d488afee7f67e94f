#pragma once

/*
 * What happened to an object of the pool, for the journal
 *
 * Each line carries the uuids of the objects that it is about: "journalctl XENVGPU_VM=<uuid>" tells the story
 * of one VM, and the catalog's texts name it.
 */

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "policyd/pool/pool.h"

#define OBJECT_FIELD_MAX (sizeof(FIELD_RESERVATION) + UUID_TEXT_MAX)

/* "XENVGPU_VM=<uuid>"; NULL, which ends a list of fields, for NULL. */
const char *object_field(const Object *o, char buf[static OBJECT_FIELD_MAX]);

#define OBJECT_FIELD(o) object_field(o, (char[OBJECT_FIELD_MAX]){})

/* h: the host where it happened, or NULL. */
#define log_vm(level, id, vm, h, ...)                                                                        \
        log_full(level, id, FIELDS(OBJECT_FIELD(&(vm)->object), OBJECT_FIELD((h) ? &(h)->object : NULL)),    \
                __VA_ARGS__)
#define log_host(level, id, h, ...) log_full(level, id, FIELDS(OBJECT_FIELD(&(h)->object)), __VA_ARGS__)
/* It failed, with the word of the error. */
#define log_vm_failed(code, vm, h, ...)                                                                      \
        log_full(LOG_WARNING, MSG_VM_FAILED,                                                                 \
                FIELDS(OBJECT_FIELD(&(vm)->object), error_code_field(code),                                  \
                        OBJECT_FIELD((h) ? &(h)->object : NULL)),                                            \
                __VA_ARGS__)
/* What policyd does by itself to the objects that the pool has. */
#define log_own_change(o, ...) log_full(LOG_INFO, MSG_POOL_FOLLOWED, FIELDS(OBJECT_FIELD(&(o)->object)), __VA_ARGS__)
#define log_pgpu(level, id, pgpu, ...)                                                                       \
        log_full(level, id, FIELDS(OBJECT_FIELD(&(pgpu)->object), OBJECT_FIELD(&(pgpu)->host->object)),      \
                __VA_ARGS__)
