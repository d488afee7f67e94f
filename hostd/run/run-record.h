#pragma once

/*
 * The run folder of a VM: what hostd, xenvgpu-domain and xenvgpu-dm tell each other
 *
 * $RUNTIME_DIRECTORY/vm/<vm uuid>/ holds, each file written by rename and by one writer only:
 *
 *   order.json   hostd: the text of the start order as it came, and its own type files (protocol/order.h), before the domain
 *                program is started
 *   domain.json  xenvgpu-domain: the RunRecord below; the last word on what runs
 *   dm.json      xenvgpu-dm: what became of the emulator (DmRecord); read by xenvgpu-domain
 *   lock         held (fcntl) by the one xenvgpu-domain of the folder
 *   functions.json  xenvgpu-domain: PCI functions taken from dom0 for the VM (hostd/helper/passthrough.h)
 *   functions.lock  held (flock) by the one helper that moves them
 *   socket       xenvgpu-domain listens: SOCK_STREAM, one JSON object a line (hostd/run/run-socket.h).
 *                it sends its RunRecord on connecting and after each change;
 *                it takes {"command":"stop","token":"<uuid>","force":false}
 *
 * The folder stays after the end, with state "halted", until hostd has stored the outcome and removes it. So the death of any of
 * the three loses nothing: hostd lists the folders at start, and a record that says "running" whose program is dead means that the program
 * must be started again with --adopt.
 */

#include "common/io/pidfd.h"
#include "hostd/run/start-times.h"
#include "protocol/event.h"
#include "protocol/order.h"

typedef struct RunRecord {
        Uuid uuid, token;
        ProcessId program;        /* xenvgpu-domain itself */
        VmState state;            /* halted is final */
        char *stage;              /* docs/states.md: "prepare", "create", "emulator", "qemu", "unpause", "running", "crashed", "stop", "dump", "cleanup", "wait", "halted" */
        double progress;          /* 0..1 */
        uint32_t domid;           /* 0: none yet */
        ProcessId qemu, emulator; /* pid 0: none */
        bool vgpus_active, vgpus_plugged; /* of every VGPU of the VM */
        bool pcis_plugged;
        char *function;           /* the virtual function of its VGPU; NULL: none */
        char *reason;             /* protocol/event.h; "" while it runs */
        char *error_name, *error_message; /* NULL: none */
        uint32_t reboots;         /* guest reboots survived with the same VGPUs */
        Uuid stop_token;          /* of the stop order under way or done; null: none came */
        bool stop_force;
        StartTimes start_times;   /* the program's part of the start */
        bool let_go;              /* the guest was unpaused, or may have been: true before it is done */
        uint32_t brief_lives;     /* so many guests in a row rebooted soon after their start */
        uint32_t cut_offs;        /* creates that the death of an earlier xenvgpu-domain cut off, and that were begun again */
} RunRecord;

int run_record_parse(JsonReader *r, struct json_object *o, RunRecord *ret);
char *run_record_to_text(const RunRecord *rec); /* the caller frees; NULL without memory */
void run_record_done(RunRecord *rec);
int run_record_read(const char *folder, RunRecord *ret);        /* -ENOENT, -EBADMSG */
int run_record_write(const char *folder, const RunRecord *rec);

/* What xenvgpu-dm leaves: stage "emulator" (starting), "ready" (about to exec qemu), or "failed" with the reason. */
typedef struct DmRecord {
        char *stage;
        ProcessId emulator, qemu;
        char *state;       /* the emulator's last state in xenstore, "" for none */
        char *error;       /* a sentence, "" for none */
} DmRecord;

int dm_record_read(const char *folder, DmRecord *ret);
int dm_record_write(const char *folder, const DmRecord *rec);
void dm_record_done(DmRecord *rec);

/* -ENOENT; -EBADMSG with a sentence in reader->error. */
int run_order_read(JsonReader *r, const char *folder, StartOrder *ret);
int run_order_read_text(const char *folder, char **ret);
int run_order_write(const char *folder, const char *text);
