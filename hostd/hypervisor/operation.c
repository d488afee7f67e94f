/*
 * A long operation of a hypervisor: begun once, its end reported once, from the loop
 */

#include "hostd/hypervisor/operation.h"

static void notify(void *userdata) {
        Operation *o = userdata;
        _cleanup_free_ char *error = take_ptr(o->error);

        o->running = false;
        if (o->done)
                o->done(o->result, strempty(error), o->userdata);
}

void operation_begin(Operation *o, HypervisorDone done, void *userdata) {
        o->running = true;
        o->done = done;
        o->userdata = userdata;
}

void operation_end(Operation *o, Loop *loop, int result, char *error) {
        int r;

        free(o->error);
        o->error = error;
        o->result = result;
        r = loop_call_soon(loop, &o->soon, notify, o);
        if (r < 0)
                loop_exit(loop, r);
}

void operation_forget(Operation *o) {
        loop_timer_stop(o->soon);
        o->error = (free(o->error), NULL);
        o->done = NULL; /* also if its end is not reported yet */
        o->running = false;
}

void operation_done(Operation *o) {
        operation_forget(o);
        o->soon = loop_timer_free(o->soon);
}
