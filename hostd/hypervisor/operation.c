/*
 * A long operation of a hypervisor: begun once, its end told once, from the loop
 */

#include "hostd/hypervisor/operation.h"

static int on_deferred(sd_event_source *source, void *userdata) {
        Operation *o = userdata;
        _cleanup_free_ char *error = take_ptr(o->error);
        HypervisorDone done = o->done;

        o->deferred = sd_event_source_disable_unref(o->deferred);
        o->running = false;
        if (done)
                done(o->result, strempty(error), o->userdata);
        return 0;
}

void operation_begin(Operation *o, HypervisorDone done, void *userdata) {
        o->running = true;
        o->done = done;
        o->userdata = userdata;
}

void operation_end(Operation *o, int result, char *error) {
        int r;

        free(o->error);
        o->error = error;
        o->result = result;
        o->deferred = sd_event_source_disable_unref(o->deferred);
        r = sd_event_add_defer(o->event, &o->deferred, on_deferred, o);
        if (r < 0)
                (void) sd_event_exit(o->event, r);
}

void operation_forget(Operation *o) {
        o->deferred = sd_event_source_disable_unref(o->deferred);
        o->error = (free(o->error), NULL);
        o->done = NULL;
        o->running = false;
}
