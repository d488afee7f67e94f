#pragma once

/*
 * What libFuzzer calls, and replay.c in its place
 */

#include "common/base/macros.h"

__attribute__((__visibility__("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
