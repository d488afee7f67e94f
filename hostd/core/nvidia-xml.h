#pragma once

/*
 * What vgpuConfig.xml says, as plain values
 *
 * The reader needs expat and stands in hostd/edge/nvidia-xml-read.h; what the values mean for one card is
 * decided here.
 */

#include "hostd/core/problem.h"
#include "common/base/macros.h"

typedef struct NvidiaXmlType {
        char *id, *name, *vclass;
        uint16_t vdev, vsubdev;
        uint64_t framebuffer; /* bytes */
        uint32_t heads, max_x, max_y;
        bool multi_vgpu_supported;
        unsigned line;
} NvidiaXmlType;

typedef struct NvidiaXmlSupported {
        char *vgpu_id;
        uint32_t max_vgpus;
} NvidiaXmlSupported;

typedef struct NvidiaXmlPgpu {
        uint16_t pdev, psubdev; /* psubdev 0: any card */
        bool sriov;
        NvidiaXmlSupported *supported;
        size_t n_supported;
        unsigned line;
} NvidiaXmlPgpu;

typedef struct NvidiaXml {
        NvidiaXmlType *types; /* in the file's order */
        size_t n_types;
        NvidiaXmlPgpu *pgpus;
        size_t n_pgpus;
} NvidiaXml;

void nvidia_xml_type_done(NvidiaXmlType *t);
void nvidia_xml_pgpu_done(NvidiaXmlPgpu *p);
void nvidia_xml_done(NvidiaXml *x);

/* One type that a card may run, and the pgpu element that says so: the first one that matches. */
typedef struct NvidiaXmlMatch {
        const NvidiaXmlType *type;
        const NvidiaXmlPgpu *pgpu;
        uint32_t max_vgpus;
} NvidiaXmlMatch;

/* In the order of the <vgpuType> elements. The caller frees *ret. */
int nvidia_xml_match(
        const NvidiaXml *x, uint16_t device, uint16_t subsystem, NvidiaXmlMatch **ret, size_t *ret_n);
