#pragma once

/*
 * The verbs of xenvgpu-lab: each takes its arguments, NULL-terminated and counted by main, and returns the
 * exit status
 */

#include "common/base/macros.h"

typedef struct LabVerb LabVerb;

struct LabVerb {
        const char *name, *usage;
        size_t n_min, n_max;
        int (*run)(const LabVerb *verb, char *const *args);
};

int verb_up(const LabVerb *verb, char *const *args);
int verb_down(const LabVerb *verb, char *const *args);
int verb_env(const LabVerb *verb, char *const *args);
int verb_exec(const LabVerb *verb, char *const *args);
int verb_status(const LabVerb *verb, char *const *args);
int verb_host_add(const LabVerb *verb, char *const *args);
int verb_host_stop(const LabVerb *verb, char *const *args);
int verb_host_kill(const LabVerb *verb, char *const *args);
int verb_host_start(const LabVerb *verb, char *const *args);
int verb_policyd_stop(const LabVerb *verb, char *const *args);
int verb_policyd_kill(const LabVerb *verb, char *const *args);
int verb_policyd_start(const LabVerb *verb, char *const *args);
int verb_guest(const LabVerb *verb, char *const *args);
int verb_fault(const LabVerb *verb, char *const *args);
