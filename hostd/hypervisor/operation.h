#pragma once

/*
 * A long operation of a hypervisor: begun once, its end reported once, from the loop
 *
 * So done() is never called from inside the call that began it. Zero-initialised is ready for use.
 */

#include "hostd/hypervisor/hypervisor.h"

typedef struct Operation {
        bool running;
        HypervisorDone done;
        void *userdata;
        LoopTimer *soon;
        int result;
        char *error;
} Operation;

void operation_begin(Operation *o, HypervisorDone done, void *userdata);
/* result: 0 or a negative errno; takes the sentence over. */
void operation_end(Operation *o, Loop *loop, int result, char *error);
void operation_forget(Operation *o); /* done() is not called any more */
void operation_done(Operation *o);
