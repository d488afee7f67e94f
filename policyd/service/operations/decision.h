#pragma once

/*
 * A decision, written down: the record that a placed VM keeps, and the parts of an explanation that say the
 * same
 */

#include "common/json/json-write.h"
#include "policyd/decide/allocate.h"

/* As a start decides, a refusal with its sentence. */
int decide_start(
        Pool *pool, const AllocRequest *request, const AllocVisitor *visitor_or_null, Allocation *ret);

/* Where it puts the VM; how many hosts have which verdict. */
void decision_write_place(StrBuf *b, const Vm *vm, const Allocation *a);
void decision_write_counts(StrBuf *b, const char *member_or_null, const Allocation *a);
/* The text that is stored for an accepted decision. */
int decision_to_text(uint64_t now, const Vm *vm, const Allocation *a, char **ret);
