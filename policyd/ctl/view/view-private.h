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
        bool loaded[CLASSES_MAX]; /* by place in classes[]: all of them were fetched */
};

/* Takes a reference to the properties. An object of a class that we do not know is left out. */
int view_add(View *v, const char *path, struct json_object *properties);
