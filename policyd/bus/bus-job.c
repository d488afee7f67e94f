/*
 * org.xenvgpu.Policy1.Job
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_cancel, Job, jobs_cancel(p, o, &refusal))

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Cancel", NOTHING, NOTHING, method_cancel),
        BUS_PROPERTIES(JOB_SCHEMA)
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_job = {
        .interface = POLICY_IFACE_JOB,
        .vtable = job_vtable,
};
