#pragma once

/*
 * The kinds of operations on a VM; their words are those of Job.Operation
 */

#include "common/base/words.h"

#define OPERATION_KINDS(W)                                                                                    \
        W(OPERATION_START, "start") W(OPERATION_SHUTDOWN, "shutdown")                                        \
        W(OPERATION_HARD_SHUTDOWN, "hard-shutdown") W(OPERATION_REBOOT, "reboot")
DEFINE_ENUM(OperationKind, OPERATION_KIND, OPERATION_KINDS);

const char *operation_kind_to_string(OperationKind kind);
OperationKind operation_kind_from_string(const char *text);
