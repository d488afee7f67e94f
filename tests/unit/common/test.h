#pragma once

/*
 * What every unit test includes: cmocka with its own includes in order, a folder that goes with the test, and stderr as text
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/macros.h"

#define assert_ok(expression) assert_int_equal(expression, 0)
