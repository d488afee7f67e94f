#pragma once

/*
 * What a helper has to do for a VM's VGPUs before their domain can be built
 *
 * A PGPU that is to be passed through as a whole is undivided first. An MxGPU or SR-IOV VGPU gets its virtual function. It
 * is chosen when the program builds its first domain, unless the order names one: a guest that reboots keeps it, and a
 * program that is started again gets the same. The PGPU of any other VGPU gets its driver, where a guest to which it was
 * passed through has left it without.
 */

#include "hostd/helper/helper-process.h"
#include "hostd/run/program.h"
#include "protocol/order.h"

typedef enum SetupStep {
        SETUP_NOTHING,
        SETUP_LAST,  /* the work is all that is to be done */
        SETUP_AGAIN, /* then there may be more: ask again */
} SetupStep;

SetupStep vgpu_setup_work(const DomainProgram *program, const StartOrder *order, HelperWork *ret);

/* What is to be done with its function once the domain is gone; false: nothing. */
bool vgpu_release_work(const DomainProgram *program, const StartOrder *order, HelperWork *ret);

/* Applies the answer of a SETUP_LAST: 1 when the order has changed by it, 0 when not. */
int vgpu_setup_apply(StartOrder *order, const char *words);
