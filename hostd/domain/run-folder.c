/*
 * The run folder of a VM and its socket: the real ones
 */

#include <sys/inotify.h>

#include "common/io/file.h"
#include "hostd/domain/run-folder.h"
#include "hostd/helper/folder-watch.h"

#define DM_RECORD "dm.json"

typedef struct EventFolder {
        RunFolder folder;
        sd_event *event;
        const char *path;
        Control *control;
        FolderWatch *watch;
        DmChanged changed;
        void *userdata;
} EventFolder;

static EventFolder *of(RunFolder *f) {
        return CONTAINER_OF(f, EventFolder, folder);
}

static int read_order(RunFolder *f, JsonReader *r, StartOrder *ret) {
        return run_order_read(r, of(f)->path, ret);
}

static int read_record(RunFolder *f, RunRecord *ret) {
        return run_record_read(of(f)->path, ret);
}

static int write_record(RunFolder *f, const RunRecord *record) {
        return run_record_write(of(f)->path, record);
}

static int read_dm(RunFolder *f, DmRecord *ret) {
        return dm_record_read(of(f)->path, ret);
}

static void on_folder(const char *name_or_null, void *userdata) {
        EventFolder *e = userdata;

        if (!name_or_null || streq(name_or_null, DM_RECORD))
                e->changed(e->userdata);
}

static void unwatch_dm(RunFolder *f) {
        of(f)->watch = folder_watch_free(of(f)->watch);
}

static int watch_dm(RunFolder *f, DmChanged changed, void *userdata) {
        EventFolder *e = of(f);
        _cleanup_free_ char *old = path_join(e->path, DM_RECORD);

        unwatch_dm(f);
        if (!old || (unlink(old) < 0 && errno != ENOENT))
                return old ? -errno : -ENOMEM;
        e->changed = changed;
        e->userdata = userdata;
        return folder_watch_new(e->event, e->path, IN_MOVED_TO, on_folder, e, &e->watch);
}

static int listen_in(RunFolder *f, ControlStop stop, void *userdata) {
        return control_new(of(f)->event, of(f)->path, stop, userdata, &of(f)->control);
}

static void tell(RunFolder *f, const RunRecord *record) {
        if (of(f)->control)
                (void) control_publish(of(f)->control, record);
}

static const RunFolderOps ops = {
        .read_order = read_order,
        .read_record = read_record,
        .write_record = write_record,
        .read_dm = read_dm,
        .watch_dm = watch_dm,
        .unwatch_dm = unwatch_dm,
        .listen = listen_in,
        .tell = tell,
};

int event_folder_new(sd_event *event, const char *path, RunFolder **ret) {
        EventFolder *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        e->folder.ops = &ops;
        e->event = sd_event_ref(event);
        e->path = path;
        *ret = &e->folder;
        return 0;
}

RunFolder *event_folder_free(RunFolder *f) {
        EventFolder *e;

        if (!f)
                return NULL;
        e = of(f);
        unwatch_dm(f);
        (void) control_free(e->control);
        sd_event_unref(e->event);
        free(e);
        return NULL;
}
