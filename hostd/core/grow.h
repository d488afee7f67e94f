#pragma once

/*
 * Arrays that grow by one
 *
 * The size is not stored: it is 4, or the power of two above the number of elements in use.
 */

#include "common/base/macros.h"

/* Room for element number n; 0 or -ENOMEM. */
static inline _unused_ int grow_array(void *array_pointer, size_t n, size_t element) {
        void **array = array_pointer;
        void *bigger;

        if (n != 0 && (n < 4 || (n & (n - 1)) != 0))
                return 0;

        bigger = realloc(*array, (n < 4 ? 4 : 2 * n) * element);
        if (!bigger)
                return -ENOMEM;
        *array = bigger;
        return 0;
}

#define GROW(array, n) grow_array(&(array), (n), sizeof(*(array)))
