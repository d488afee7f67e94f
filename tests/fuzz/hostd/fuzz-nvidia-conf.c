/*
 * NVIDIA .conf files: a file gives a type with instances, or a problem
 */

#include "hostd/core/nvidia-conf.h"
#include "tests/fuzz/fuzz.h"

static void count(const char *path, unsigned line, const char *reason, void *userdata) {
        (*(unsigned *) userdata)++;
        if (isempty(reason))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        unsigned problems = 0;
        ProblemSink sink = { .handler = count, .userdata = &problems };
        NvidiaConf conf;
        int r;

        r = nvidia_conf_parse((const char *) data, size, &sink, &conf);
        if (r < 0 ? problems != 1 : problems != 0 || conf.instances == 0)
                abort();
        return 0;
}
