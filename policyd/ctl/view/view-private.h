#pragma once

/*
 * What view.c and view-load.c share
 */

#include "common/base/hashmap.h"
#include "policyd/ctl/view/view.h"

#define CLASSES_MAX 32

struct View {
        Client *client;
        HashMap *objects;         /* by path */
        HashMap *missing;         /* paths that policyd was asked for, and that it has not: those of jobs outlive their objects */
        bool loaded[CLASSES_MAX]; /* by place in classes[]: all of them were fetched */
        ViewObject **of_class;    /* what view_class() gave last, until an object comes or goes */
        size_t n_of_class;
        const ClassInfo *listed; /* NULL: nothing */
};

/* It is not asked for again, until view_add() or view_forget(). */
void view_note_missing(View *v, const char *path);
/* Takes a reference to the properties. An object of a class that we do not know is left out. */
int view_add(View *v, const char *path, struct json_object *properties);
