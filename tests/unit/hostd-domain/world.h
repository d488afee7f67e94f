#pragma once

/*
 * A host for one VM: real programs in a folder of their own
 *
 * Starts the lab's xenstore server; runs xenvgpu-domain with xenvgpu-dm and the stand-ins on an order; plays
 * the guest; and at the end finds whatever was left behind: processes, folders, keys in xenstore.
 */

#include "hostd/run/program.h"
#include "hostd/run/run-record.h"

typedef struct World {
        char *root, *run, *sim, *config_file, *socket, *dumps;
        pid_t xenstored, program;
        DomainProgram settings;
        int exit_status; /* of the program, once it ended */
} World;

World *world_new(void);
void world_free(World *w);

/* VGPUs at guest slots 11, 12, … on one card; more is libxl config to merge ({"on_crash":"preserve"}), or
 * NULL. */
void world_order(World *w, size_t n_vgpus, const char *more);
void world_fault(World *w, const char *json); /* faults.json; NULL: none */

void world_launch(World *w, bool adopt);
void world_kill(World *w); /* SIGKILL for the program alone */

/* Polls domain.json until it is so; the test fails after a while. The record is returned. */
RunRecord world_await(World *w, const char *stage);
RunRecord world_await_domid(World *w, uint32_t above); /* running, with a domid above */
RunRecord world_record(World *w);
void world_await_exit(World *w, int status);

bool world_has_core(const World *w); /* of the VM */

void world_guest(World *w, const char *state); /* of the newest domain: "shutdown reboot" */
void world_hang(World *w);
void world_stop(World *w, bool force);
void world_signal(const ProcessId *id, int signo);

/* Nothing of the VM is left but its run folder. */
void world_assert_clean(World *w);

char *world_qemu_argv(World *w, uint32_t domid); /* one a line; caller frees */
