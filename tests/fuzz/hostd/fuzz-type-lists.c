/*
 * GVT-g and MxGPU lists: names that come out may travel, sizes divide
 */

#include "common/base/text.h"
#include "hostd/core/type-list.h"
#include "tests/fuzz/fuzz.h"

static void check_name(const char *name) {
        if (!text_is_name(name, strlen(name)))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        TypeListEntry *gvtg = NULL;
        TypeListEntry *mxgpu = NULL;
        size_t n = 0;

        if (type_list_parse(&type_list_gvtg, (const char *) data, size, NULL, &gvtg, &n) >= 0) {
                for (size_t i = 0; i < n; i++) {
                        check_name(gvtg[i].name);
                        if (gvtg[i].low_gm_sz == 0)
                                abort();
                        gvtg_instances(UINT64_C(1) << 30, gvtg[i].low_gm_sz);
                }
                type_list_free(gvtg, n);
        }

        if (type_list_parse(&type_list_mxgpu, (const char *) data, size, NULL, &mxgpu, &n) >= 0) {
                for (size_t i = 0; i < n; i++)
                        check_name(mxgpu[i].name);
                type_list_free(mxgpu, n);
        }
        return 0;
}
