/*
 * Lists of SR-IOV types: names that come out may travel, numbers divide
 */

#include "common/base/text.h"
#include "hostd/core/sriov-types.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        SriovType *types = NULL;
        size_t n = 0;

        if (sriov_types_parse((const char *) data, size, NULL, &types, &n) < 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                if (!text_is_name(types[i].name, strlen(types[i].name)) || types[i].vfs_per_pgpu == 0 ||
                        types[i].vfs_per_pgpu > SRIOV_FUNCTIONS_MAX || !sriov_priority_to_string(types[i].priority))
                        abort();
        sriov_types_free(types, n);
        return 0;
}
