#pragma once

/*
 * What a VM with a GPU cannot do while it runs
 */

#include "policyd/ctl/verbs.h"

/* The function of the verbs vm-suspend, vm-pause, vm-migrate and vm-checkpoint: the reason, and what to use. */
int vm_refuse_live(Ctl *ctl);
