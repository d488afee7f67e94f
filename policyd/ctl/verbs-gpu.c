/*
 * Verbs of VGPUs, PGPUs and GPU groups, and those that ask for advice, which change nothing
 */

#include "policyd/ctl/explain.h"
#include "policyd/ctl/verbs.h"

static const Verb verbs[] = {
        VERB_CALL("vgpu-create", NULL, "CreateVGPU", CREATED,
                "Gives a halted VM a VGPU; without a type, a whole GPU (passthrough). Prints its uuid.",
                ARG_OBJECT("vm-uuid", "vm"), ARG_OBJECT("gpu-group-uuid", "gpu-group"),
                ARG_OBJECT_OR_NONE("vgpu-type-uuid", "vgpu-type"), ARG_OPTION("device", "device"), ARG_OPTION("extra-args", "extra_args"),
                ARG_IDEMPOTENCY_KEY),
        VERB_CALL("vgpu-destroy", "vgpu", "Destroy", NONE, "Takes a VGPU from its halted VM."),
        VERB_CALL("pgpu-get-remaining-capacity", "pgpu", "GetRemainingCapacity", NUMBER,
                "How many more VGPUs of a type fit on a PGPU now.", ARG_OBJECT("vgpu-type-uuid", "vgpu-type")),
        VERB_CALL("gpu-group-create", NULL, "CreateGPUGroup", CREATED, "Makes an empty GPU group. Prints its uuid.",
                ARG_TEXT("name-label"), ARG_OPTION("name-description", "name_description"), ARG_IDEMPOTENCY_KEY),
        VERB_CALL("gpu-group-destroy", "gpu-group", "Destroy", NONE,
                "Ends a GPU group that holds neither PGPUs nor VGPUs."),
        VERB_CALL("gpu-group-get-remaining-capacity", "gpu-group", "GetRemainingCapacity", NUMBER,
                "How many more VGPUs of a type fit in a group now.", ARG_OBJECT("vgpu-type-uuid", "vgpu-type")),
        VERB_SHOW("gpu-group-plan", "gpu-group", "Plan", plan_print,
                "The fewest VM restarts that free a whole PGPU for a type, or for passthrough.",
                ARG_OBJECT_OR_NONE("vgpu-type-uuid", "vgpu-type")),
        VERB_CALL("gpu-group-failures-to-tolerate", "gpu-group", "GetFailuresToTolerate", NUMBER,
                "How many hosts may fail with every VM of the group starting elsewhere."),
        VERB_SHOW("host-failure-check", NULL, "CheckHostFailure", failure_print,
                "Which running VMs could start elsewhere if a host failed.", ARG_OBJECT("uuid", "host")),
};

const VerbTable verbs_of_gpus = VERB_TABLE(verbs);
