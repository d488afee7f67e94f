#pragma once

/*
 * Older copies of policyd's database, and beginning with one
 *
 * A copy that Manager.Backup makes has a mark. One that cp makes has none, and only a host that took an order or a claim since can
 * tell that it is old (docs/architecture.md): such a copy is put back only while one that knows better can answer.
 */

#include "tests/proof/world.h"

#define COPY_TELLING (5 * SECOND) /* policyd waits three for the hosts' word */

typedef struct Copy {
        SimDb *db; /* NULL: there is none */
        bool marked;
} Copy;

/* Where all hosts are in the pool; it takes the place of the copy before. */
void copy_take(Copy *c, World *w);
bool copy_can_be_told(const Copy *c, World *w); /* to be old, by a host */
/* False: no host could tell. policyd runs then. */
bool copy_restore(const Copy *c, World *w);
/* The row of an object: policyd begins without it. */
bool copy_spoil(World *w, const Object *o);
bool copy_spoil_one(World *w); /* of those on which no guest depends; false: there is none */
Uuid copy_pool(const World *w); /* of policyd's database */
void copy_done(Copy *c);
