#pragma once

/*
 * What nobody can do better than
 *
 * A lower bound on the refusals of a trace, from an offline packing that knows every arrival in advance, may
 * move VMs at any time and may cut a VM in pieces: at no moment may more be there than the PGPUs of the
 * group hold. The dual of that problem is a price for room at each moment: a VM is worth keeping as far as it
 * is cheaper than 1. Every price gives a valid bound; a subgradient ascent looks for a good one. VMs with
 * VGPUs in several groups count for the group of the first.
 */

#include "tests/sim/trace.h"

int refusal_bound(const Shape *s, const Trace *t, double *ret);
