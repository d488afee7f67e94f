#pragma once

/*
 * A host in a folder of its own, for tests
 *
 * One K1 with two PGPUs (0000:83:00.0, 0000:84:00.0) as a recorded sysfs tree, the project's type files, a
 * simulated host of 64 GiB. What the host tells is kept.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/json/json-get.h"
#include "hostd/service/claim.h"
#include "hostd/service/host.h"
#include "hostd/service/vm-orders.h"
#include "hostd/service/parts.h"
#include "hostd/vm/units.h"

#define K100 "0001:nvidia,0ff2,,0fe7,101e"
#define K140Q "0001:nvidia,0ff2,,0ff7,1037"
#define POOL "pool"
#define CLAIMER ":1.7"

typedef struct World {
        char *folder;
        char *state_dir, *runtime_dir;
        HostSettings settings;
        sd_event *event;
        HostParts parts;
        const UnitsOps *units; /* instead of the settings'; or NULL */
        Hostd *host;
        struct json_object *told[_HOST_SIGNAL_MAX]; /* arrays of what was told */
        unsigned n_pgpu_changes;
        Uuid waiting_for;
        bool halted; /* the VM that is waited for */
        void (*at_halt)(struct World *w); /* called while its end is told, or NULL */
} World;

int world_setup(void **state);
int world_teardown(void **state);

/* A temporary folder; the caller removes it and frees the path. */
char *temporary_folder(void);
void write_file(const char *folder, const char *name, const char *text);

void world_open(World *w);
void world_close(World *w);
void world_reopen(World *w);
void world_boot(World *w); /* another boot id */

void world_claim(World *w, uint64_t epoch);
struct json_object *world_inventory(World *w); /* the caller puts it */

/* Orders as text; the caller frees them. vgpu: the type file's name on PGPU 0000:<bus>:00.0, or NULL. */
char *start_order(uint64_t epoch, const Uuid *token, const Uuid *vm, const char *type_file, unsigned bus);
char *stop_order(uint64_t epoch, const Uuid *vm, bool force);
Uuid new_uuid(void);

ErrorCode give_start(World *w, const char *order);
ErrorCode give_stop(World *w, const char *order);

/* Turns the loop until it has nothing to do, or until the VM has halted (at most 20 s). */
void world_settle(World *w);
void world_run_until_halted(World *w, const Uuid *vm);

size_t count_told(const World *w, HostSignal signal, const char *member, const char *value);
struct json_object *last_told(const World *w, HostSignal signal);
const char *text_of(struct json_object *o, const char *member);
size_t length_of(struct json_object *o, const char *member);
