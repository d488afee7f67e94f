/*
 * The checker, in a test: its first finding
 */

#include "tests/unit/policyd-core/pool-check.h"

#include "common/base/text.h"
#include "policyd/check/check.h"

const char *pool_check(const Pool *pool, char *buf, size_t size) {
        _cleanup_findings_ Findings f = {};

        if (check_pool(&(CheckInput){.pool = pool, .what = CHECK_MODEL}, &f) < 0)
                return "out of memory";
        return f.n > 0 ? text_format(buf, size, "%s: %s", f.items[0].invariant, f.items[0].sentence) : NULL;
}
