#pragma once

/*
 * Watching a folder
 *
 * By inotify; where the user's inotify instances are used up (fs.inotify.max_user_instances is 128 on many
 * machines) by looking five times a second. A VM's program takes one while its domain is made, and gives it back.
 */

#include <systemd/sd-event.h>

#include "common/base/macros.h"

typedef struct FolderWatch FolderWatch;

/* name is the file that changed, or NULL when any may have. */
typedef void (*FolderChanged)(const char *name_or_null, void *userdata);

/* mask: IN_*. -ENOENT when there is no such folder. */
int folder_watch_new(sd_event *event, const char *folder, uint32_t mask, FolderChanged changed,
        void *userdata, FolderWatch **ret);
FolderWatch *folder_watch_free(FolderWatch *w);
