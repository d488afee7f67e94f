#pragma once

/*
 * The type files of a host
 *
 * Reads the folders and files that the settings name into a TypeCatalog; a file that is missing gives nothing
 * and no problem.
 */

#include "hostd/core/type-catalog.h"

typedef struct TypeFileSettings {
        const char *nvidia_conf_dir; /* /usr/share/nvidia/vgx */
        const char *nvidia_xml;      /* /usr/share/nvidia/vgpu/vgpuConfig.xml */
        const char *nvidia_driver;   /* where libnvidia-vgpu.so may be, a link that leads to the driver's version; blank-separated */
        const char *const *nvidia_multi_vgpu_versions; /* NULL: XenServer's default list */
        const char *gvtg_list;                         /* /etc/gvt-g-whitelist */
        const char *mxgpu_list;                        /* /etc/mxgpu-whitelist */
        const char *sriov_list;                        /* /etc/xenvgpu/sriov-types */
        bool keeps_divisions;                          /* see TypeCatalog */
} TypeFileSettings;

int type_files_read(const TypeFileSettings *settings, const ProblemSink *problems, TypeCatalog *ret);
