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
#define MAP_HOSTS_DRAWN 16 /* of more, each card is one line */

typedef struct MapStyle {
        unsigned width;
        bool utf8, colour;
} MapStyle;

/*
 * The map as JSON, which is drawn as well as printed: hosts, their "cards", the "pgpus" of each, and their "slots". host_path NULL:
 * every host. The caller puts *ret, before the view goes.
 */
int map_build(View *v, const char *host_path, struct json_object **ret);
/* The object of a host or a PGPU of the map; of a slot its type, or NULL. */
const ViewObject *map_object(struct json_object *o);
/* The name of a slot's VM, of its reservation, or of the VM outside the pool. */
const char *map_slot_name(struct json_object *slot);

/* How many VGPUs of a type an empty PGPU of this size takes; 0 for no type. */
uint64_t map_instances(uint64_t pgpu_size, const ViewObject *type);

int map_draw(FILE *out, View *v, const char *host_path, const MapStyle *style);
