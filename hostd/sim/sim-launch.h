#pragma once

/*
 * Starting the device model of a simulated domain, with the arguments that libxl gives a qemu
 */

#include <json-c/json.h>

#include "common/io/pidfd.h"

/* NULL-terminated, argv[0] is dm; free with strv_free(). */
int sim_build_dm_arguments(const char *dm, uint32_t domid, struct json_object *config, char ***ret);

/*
 * Forks the device model as the leader of a new process group. It executes only after sim_release_dm(); if we
 * die before that, or close the gate, it ends. So it never runs unrecorded.
 */
int sim_fork_dm(char *const *arguments, uint32_t domid, ProcessId *ret, int *ret_gate);
int sim_release_dm(int *gate);
