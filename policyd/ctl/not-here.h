#pragma once

/*
 * What xe has and xenvgpu has not: why, and what to use
 */

#include "policyd/ctl/view/classes.h"

/* A sentence, or NULL: xe does not have it either. */
const char *verb_not_here(const char *name);
const char *field_not_here(const ClassInfo *class, const char *name);
