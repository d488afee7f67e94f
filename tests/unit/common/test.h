#pragma once

/*
 * What every unit test includes: cmocka, with what it needs before it
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/macros.h"

#define assert_ok(expression) assert_int_equal(expression, 0)
