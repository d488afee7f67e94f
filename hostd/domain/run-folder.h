#pragma once

/*
 * The run folder of a VM and its socket, as the VM's machine uses them
 *
 * The files are those of hostd/run/run-record.h. On the socket each client gets the run record on connecting and after each
 * change, and may send stop orders. A client that does not read, or sends what is no order, is dropped; the others and the
 * VM do not notice. All of it is behind ops, so that a test can take the place of the folder and of the clients.
 */

#include <systemd/sd-event.h>

#include "hostd/run/run-record.h"

typedef struct RunFolder RunFolder;
typedef void (*DmChanged)(void *userdata);
typedef void (*StopOrdered)(const Uuid *token, bool force, void *userdata);

typedef struct RunFolderOps {
        int (*read_order)(RunFolder *f, JsonReader *r, StartOrder *ret); /* as run_order_read() */
        int (*read_record)(RunFolder *f, RunRecord *ret);
        int (*write_record)(RunFolder *f, const RunRecord *record);
        int (*read_dm)(RunFolder *f, DmRecord *ret);

        /* Removes what an earlier device model left, and reports each change of the next one's file, until stopped. */
        int (*watch_dm)(RunFolder *f, DmChanged changed, void *userdata);
        void (*unwatch_dm)(RunFolder *f);

        /* From now on stop orders are received and records sent. */
        int (*listen)(RunFolder *f, StopOrdered stop, void *userdata);
        void (*notify)(RunFolder *f, const RunRecord *record);
} RunFolderOps;

struct RunFolder {
        const RunFolderOps *ops;
};

/* The real one. path is borrowed. */
int event_folder_new(sd_event *event, const char *path, RunFolder **ret);
RunFolder *event_folder_free(RunFolder *f);
DEFINE_CLEANUP(RunFolder *, event_folder_free)
