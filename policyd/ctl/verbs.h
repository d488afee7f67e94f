#pragma once

/*
 * The verbs
 *
 * One table of what is special, and one of what every class has (-list, -param-get, …). Keys are
 * blank-separated words; a key that ends in ':' stands for all that start so ("platform:").
 */

#include "policyd/ctl/ctl.h"

typedef enum VerbKeys {
        VERB_KEYS_CLOSED,  /* the keys listed, and no other */
        VERB_KEYS_FIELDS,  /* and every field of the class */
        VERB_KEYS_SETTERS, /* and every field of the class that can be set */
        VERB_KEYS_LISTS,   /* and every field of the class that can be added to */
} VerbKeys;

typedef struct Verb {
        const char *name; /* of a generic verb: the ending, "-list" */
        const char *required, *optional;
        const char *summary;
        int (*run)(Ctl *ctl);
        VerbKeys keys;
} Verb;

typedef struct VerbName {
        const Verb *verb;
        const ClassInfo *class; /* of a generic verb, else NULL */
} VerbName;

bool verb_find(const char *name, VerbName *ret);
/* Writes the full name of the n-th verb, in the order of the help; false after the last. */
bool verb_nth(size_t n, char buf[static 64], VerbName *ret);

/* Whether the keys given suit the verb: 0, or EXIT_USAGE with a sentence printed. Where the verb wants name, name-label
 * is taken for it, and the other way round. */
int verb_check(const char *name, VerbName verb, Args *args);
/* "xenvgpu: there is no verb …" with the nearest. EXIT_USAGE. */
int verb_unknown(const char *name);
int verb_help(const char *name_or_null);

/* verbs-objects.c */
int verb_list(Ctl *ctl);
int verb_param_list(Ctl *ctl);
int verb_param_get(Ctl *ctl);
int verb_param_set(Ctl *ctl);
int verb_param_add(Ctl *ctl);
int verb_param_remove(Ctl *ctl);

/* verbs-gpu.c */
int verb_vgpu_create(Ctl *ctl);
int verb_vgpu_destroy(Ctl *ctl);
int verb_gpu_group_create(Ctl *ctl);
int verb_gpu_group_destroy(Ctl *ctl);
int verb_gpu_group_capacity(Ctl *ctl);
int verb_pgpu_capacity(Ctl *ctl);
int verb_reservation_create(Ctl *ctl);
int verb_reservation_destroy(Ctl *ctl);

/* verbs-quota.c */
int verb_quota_create(Ctl *ctl);
int verb_quota_destroy(Ctl *ctl);
int verb_quota_use(Ctl *ctl);
int ctl_usage_number(const Field *f, const char *text); /* it is none */

/* verbs-vm-group.c */
int verb_vm_group_create(Ctl *ctl);
int verb_vm_group_destroy(Ctl *ctl);

/* verbs-advice.c */
int verb_gpu_group_plan(Ctl *ctl);
int verb_gpu_group_failures(Ctl *ctl);
int verb_host_failure_check(Ctl *ctl);

/* verbs-vm.c */
int verb_vm_create(Ctl *ctl);
int verb_vm_import(Ctl *ctl);
int verb_vm_export(Ctl *ctl);
int verb_vm_destroy(Ctl *ctl);
int verb_vm_start(Ctl *ctl);
int verb_vm_shutdown(Ctl *ctl);
int verb_vm_explain(Ctl *ctl);
int verb_vm_get_config(Ctl *ctl);
int verb_vm_set_config(Ctl *ctl);

/* verbs-backup.c */
int verb_pool_backup(Ctl *ctl);

/* verbs-pool.c */
int verb_host_add(Ctl *ctl);
int verb_host_remove(Ctl *ctl);
int verb_host_enable(Ctl *ctl);
int verb_pgpu_clear_health(Ctl *ctl);
int verb_host_disable(Ctl *ctl);
int verb_host_reconnect(Ctl *ctl);
int verb_host_declare_dead(Ctl *ctl);
int verb_job_wait(Ctl *ctl);
int verb_job_cancel(Ctl *ctl);
int verb_pool_map(Ctl *ctl);
int verb_capacity(Ctl *ctl);
int verb_status(Ctl *ctl);
int verb_row_remove(Ctl *ctl);
int verb_watch(Ctl *ctl);
