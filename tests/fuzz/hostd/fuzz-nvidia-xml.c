/*
 * vgpuConfig.xml: what comes out can be matched, with instances, and is freed
 */

#include "hostd/edge/nvidia-xml-read.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ NvidiaXmlMatch *matches = NULL;
        NvidiaXml x;
        size_t n;

        if (nvidia_xml_read((const char *) data, size, NULL, &x) < 0)
                return 0;

        if (nvidia_xml_match(&x, 0x13f2, 0x115e, &matches, &n) >= 0)
                for (size_t i = 0; i < n; i++)
                        if (matches[i].max_vgpus == 0 || isempty(matches[i].type->id))
                                abort();
        nvidia_xml_done(&x);
        return 0;
}
