#pragma once

/*
 * The programs of VMs, as hostd reaches them
 *
 * Each has a run folder (hostd/run/run-record.h) for files from hostd to it and back, a process, and a
 * connection for its record and our stop orders. A daemon uses those of its machine (programs_open()); a test
 * or a simulator brings its own implementation, which writes no files and runs no processes.
 *
 * folder is that of a VM, below Programs.folder.
 */

#include "common/daemon/process-watch.h"
#include "hostd/run/run-record.h"
#include "hostd/vm/run-link.h"

typedef struct Programs Programs;

typedef void (*ProgramFolderVisitor)(const Uuid *vm, const char *folder, void *userdata);

typedef struct ProgramsOps {
        /* Run folders. Made empty when the VM is begun, else as it is. */
        bool (*has_folder)(Programs *p, const char *folder);
        int (*make_folder)(Programs *p, const char *folder, bool empty, const char *order);
        /* Notes before that the order with this token is over, until the host is booted anew; its folder may never have been made.
         * If a virtual function stands in it whose reset was not proved, that is suspect from now on; where it cannot be noted, the
         * folder stays, and so the function is lent to nobody. */
        int (*remove_folder)(Programs *p, const char *folder, const Uuid *token);
        bool (*is_over)(Programs *p, const Uuid *token);
        int (*each_folder)(Programs *p, ProgramFolderVisitor visitor, void *userdata);
        int (*read_record)(Programs *p, const char *folder, RunRecord *ret); /* -ENOENT, -EBADMSG */
        int (*write_record)(Programs *p, const char *folder, const RunRecord *record);
        /* The VM's virtual function, if it has one, was not reset: it is suspect from now on. recorded: the one of its record,
         * which counts where the folder's note cannot be read; or NULL. May be NULL: VMs have none. */
        int (*suspect_function)(Programs *p, const char *folder, const char *recorded, const char *why);
        int (*read_order)(Programs *p, const char *folder, char **ret);

        /* Processes. */
        int (*find_holder)(Programs *p, const char *folder, ProcessId *ret); /* of the folder's lock; -ENOENT: none */
        bool (*is_alive)(Programs *p, const ProcessId *process);
        void (*kill)(Programs *p, const ProcessId *process);
        /* Of the VM, as its folder tells, beside its program; how many were still there. */
        size_t (*kill_rest)(Programs *p, const char *folder);
        /* As process_watch_new() and process_watch_free(). */
        int (*watch)(Programs *p, const ProcessId *process, ProcessEnded ended, void *userdata, ProcessWatch **ret);
        ProcessWatch *(*unwatch)(ProcessWatch *watch);

        /* The connection to the program. */
        int (*connect)(Programs *p, const char *folder, const RunLinkHandlers *handlers, void *userdata,
                RunLink **ret);
        int (*send_stop)(RunLink *link, const Uuid *token, bool force);
        RunLink *(*disconnect)(RunLink *link); /* NULL is fine */
} ProgramsOps;

struct Programs {
        const ProgramsOps *ops;
        char *folder; /* of all */
        char *over;   /* file: which orders are */
        void *context; /* the implementation's: here the sd_event, borrowed */
};

/* Of this machine. The folder is made. Logs why it cannot. */
int programs_open(Programs *p, sd_event *event, const char *runtime_dir);
void programs_close(Programs *p);
