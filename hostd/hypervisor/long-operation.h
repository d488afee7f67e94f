#pragma once

/*
 * A long operation of a hypervisor: begun once, its end reported once, from the loop
 *
 * So done() is never called from inside the call that began it. Zero-initialised is ready for use.
 */

#include "hostd/hypervisor/hypervisor.h"

typedef struct LongOperation {
        bool running;
        HypervisorDone done;
        void *userdata;
        LoopTimer *soon;
        int result;
        char *error;
} LongOperation;

void long_operation_begin(LongOperation *o, HypervisorDone done, void *userdata);
/* result: 0 or a negative errno; takes the sentence over. */
void long_operation_end(LongOperation *o, Loop *loop, int result, char *error);
void long_operation_forget(LongOperation *o); /* done() is not called any more */
void long_operation_done(LongOperation *o);
