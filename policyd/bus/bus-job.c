/*
 * org.xenvgpu.Policy1.Job
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_cancel, Job, jobs_cancel(p, o, &refusal))

DEFINE_BUS_CLASS(job, JOB, NULL,
        METHOD("Cancel", NOTHING, NOTHING, method_cancel))
