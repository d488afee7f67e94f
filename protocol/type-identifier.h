#pragma once

/*
 * What the identifier of a VGPU type says of the board
 *
 * Identifiers are made in hostd/core/host-type.c. Those of NVIDIA and of SR-IOV have a field for the board (the
 * subsystem device), which is empty where the type file means any board: 0001:nvidia,13f2,115e,13f2,114e and
 * 0001:nvidia,13f2,,13f2,114e. A driver update may change that field for one and the same type. libc only.
 */

#include <stdbool.h>

/* They differ in the board alone, and one of them has any board. */
bool type_identifiers_related(const char *a, const char *b);

/* "10de/13f2", as a GPU group has it. False: the identifier names none. */
#define GPU_TYPE_SIZE 10
bool type_identifier_gpu_type(const char *identifier, char ret[static GPU_TYPE_SIZE]);
/* The card is one that the identifier means. Ids are four hex digits; the card's board may be "". */
bool type_identifier_fits(const char *identifier, const char *vendor, const char *device, const char *board);
