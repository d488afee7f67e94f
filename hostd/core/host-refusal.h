#pragma once

/*
 * A refusal of hostd. It has no details for programs to read.
 */

#include "protocol/refusal.h"

typedef Refusal HostRefusal;

#define host_refusal_set refusal_set
#define host_refusal_done refusal_done
#define _cleanup_host_refusal_ _cleanup_refusal_
/* 1 instead of 0, for checks that stand in a row: a() ?: b() ?: c() ends at the first that does not return 0. */
#define host_refuse(...) (refusal_set(__VA_ARGS__) ?: 1)
