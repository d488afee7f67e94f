#pragma once

/*
 * NVIDIA type files of the K1/K2 era: one .conf file, one type
 *
 * Lines "key value", split at the first blank, values trimmed, lines that start with # and empty ones
 * skipped, unknown keys ignored. plugin0.pdev_id "0xDDDD" or "0xDDDD:0xSSSS"; plugin0.vdev_id
 * "0xDDDD:0xSSSS"; plugin0.max_resolution WxH; plugin0.framebufferlength; plugin0.num_heads;
 * plugin0.max_instance. The last of several equal keys counts.
 */

#include "hostd/core/problem.h"
#include "common/base/macros.h"

typedef struct NvidiaConf {
        uint16_t pdev, psubdev, vdev, vsubdev;
        bool any_psubdev;
        uint64_t framebuffer; /* bytes */
        uint32_t heads, instances, max_x, max_y;
} NvidiaConf;

/* -EINVAL: this file gives no type; the sink was told why. */
int nvidia_conf_parse(const char *data, size_t size, const ProblemSink *problems, NvidiaConf *ret);
