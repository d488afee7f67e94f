/*
 * A long operation of a hypervisor: begun once, its end reported once, from the loop
 */

#include "hostd/hypervisor/long-operation.h"

static void notify(void *userdata) {
        LongOperation *o = userdata;
        _cleanup_free_ char *error = take_ptr(o->error);

        o->running = false;
        if (o->done)
                o->done(o->result, strempty(error), o->userdata);
}

void long_operation_begin(LongOperation *o, HypervisorDone done, void *userdata) {
        o->running = true;
        o->done = done;
        o->userdata = userdata;
}

void long_operation_end(LongOperation *o, Loop *loop, int result, char *error) {
        int r;

        free(o->error);
        o->error = error;
        o->result = result;
        r = loop_call_soon(loop, &o->soon, notify, o);
        if (r < 0)
                loop_exit(loop, r);
}

void long_operation_forget(LongOperation *o) {
        loop_timer_stop(o->soon);
        o->error = (free(o->error), NULL);
        o->done = NULL; /* also if its end is not reported yet */
        o->running = false;
}

void long_operation_done(LongOperation *o) {
        long_operation_forget(o);
        o->soon = loop_timer_free(o->soon);
}
