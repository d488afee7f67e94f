#pragma once

/*
 * The memory of a guest that crashed, as a file
 *
 * For the actions coredump-destroy and coredump-restart. Writing a guest's memory may take minutes, and libxl does
 * not return meanwhile: a helper process does it (hostd/helper/helper-process.h), one at a time for a host. A VM
 * keeps its newest dump, UUID.core; a host the newest few. No dump is begun for which the file system has no room,
 * and none takes its last twentieth.
 */

#include "common/base/uuid.h"
#include "hostd/helper/helper-process.h"
#include "hostd/run/program.h"

#define CORE_DUMP_VERB "--dump-core"

/* The work to dump the domain with that id, by the settings of the program. The answer is the dump's path. */
HelperWork core_dump_work(const DomainProgram *program, const Uuid *vm, uint32_t domid);
/* Removes what a helper that was given up has left. */
void core_dump_forget(const DomainProgram *program, const Uuid *vm);

typedef struct CoreDump {
        const char *folder, *sim_dir; /* sim_dir: "" where Xen is real */
        uint64_t most;
        Uuid vm;
        uint32_t domid;
} CoreDump;

/* A hypervisor's part: keeps the memory of the domain, by core_dump_keep(). *ret_why: on failure NULL, or what the
 * hypervisor says of it. */
typedef int (*CoreDumper)(const CoreDump *d, char **ret_path, int *ret_excess, char **ret_why);

/* The exit status; one line on stdout is the dump's path, or why there is none. */
int core_dump_main(int argc, char **argv, CoreDumper dump_xen, CoreDumper dump_simulated);

/* The part that knows no hypervisor. write() fills the file of that path, which is not there yet. 0, -ENOSPC
 * without room for so many bytes; *ret_path is the caller's. *ret_excess: 0, or why older dumps stay that should have
 * gone; the new one is in its place all the same. */
typedef int (*CoreDumpWriter)(const char *path, void *userdata);
int core_dump_keep(const char *folder, uint64_t most, const Uuid *vm, uint64_t bytes, CoreDumpWriter write,
        void *userdata, char **ret_path, int *ret_excess);
