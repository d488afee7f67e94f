#pragma once

/*
 * The pool map: every host, card, PGPU and slot in a picture
 *
 * A PGPU is a bar as wide as its capacity; each VGPU takes the share of its type's size and bears its VM's
 * name, and what a reservation holds bears the reservation's. PGPUs of one board stand in one frame. Works on a loaded view; draws nothing that the view does not
 * say.
 */

#include <stdio.h>

#include "policyd/ctl/view/view.h"

#define MAP_WIDTH_MIN 40
#define MAP_WIDTH_MAX 400

typedef struct MapStyle {
        unsigned width;
        bool utf8, colour;
} MapStyle;

typedef struct MapSlot {
        const ViewObject *vgpu, *vm, *type; /* vm, type: NULL when they are gone */
        const ViewObject *reservation;      /* holds it without a VM; vgpu and vm are NULL */
        struct json_object *outsider;       /* (uuid, name, type) of a VM that is not of the pool; the same */
        uint64_t size;                      /* of the PGPU's */
        bool scheduled;                     /* booked, not yet running */
} MapSlot;

typedef struct MapPgpu {
        const ViewObject *pgpu;
        MapSlot *slots;
        size_t n_slots;
        uint64_t size, used;
        bool offline; /* its host is */
        const ViewObject *type; /* of the VGPUs there; NULL: none, or several */
} MapPgpu;

typedef struct MapCard {
        char *name; /* "GRID K1" */
        MapPgpu *pgpus;
        size_t n_pgpus;
} MapCard;

typedef struct MapHost {
        const ViewObject *host;
        MapCard *cards;
        size_t n_cards;
} MapHost;

typedef struct Map {
        MapHost *hosts;
        size_t n_hosts;
} Map;

/* host_path NULL: every host. The objects belong to the view. */
int map_build(View *v, const char *host_path, Map *ret);
void map_done(Map *map);

/* The name of its VM, of its reservation, or of the VM outside the pool. */
const char *map_slot_name(const MapSlot *slot);

/* How many VGPUs of a type an empty PGPU of this size takes; 0 for no type. */
uint64_t map_instances(uint64_t pgpu_size, const ViewObject *type);

int map_draw(FILE *out, View *v, const char *host_path, const MapStyle *style);
int map_print_json(FILE *out, View *v, const char *host_path);
