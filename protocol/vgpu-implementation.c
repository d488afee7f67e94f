/*
 * The words for how a VGPU type is made
 */

#include "protocol/vgpu-implementation.h"

DEFINE_WORD_TABLE(vgpu_implementation_words, VGPU_IMPLEMENTATIONS, .any_case = true)
