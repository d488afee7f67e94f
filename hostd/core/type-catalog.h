#pragma once

/*
 * The catalog: all that the type files say, and what of it a card can run
 *
 * By PCI vendor, as XenServer does: NVIDIA and Intel offer passthrough first, then their VGPU types; AMD
 * offers VGPU types alone if there are any, else passthrough; others passthrough only. SR-IOV types come last, of any
 * vendor: those whose number of virtual functions the card can have, or has where its division is fixed. The result of
 * catalog_types_for() is what the card supports.
 */

#include "hostd/core/nvidia-conf.h"
#include "hostd/core/nvidia-xml.h"
#include "hostd/core/pgpu.h"
#include "hostd/core/type-list.h"

typedef struct CatalogConf {
        char *path;
        NvidiaConf conf;
} CatalogConf;

typedef struct TypeCatalog {
        const char *xml_path, *gvtg_path, *mxgpu_path, *sriov_path; /* for problems; borrowed */
        CatalogConf *confs; /* in the order of the file names */
        size_t n_confs;
        NvidiaXml xml;
        bool multi_vgpu; /* the host driver can give several VGPUs to one VM */
        char *multi_vgpu_fault; /* why it cannot, a clause; NULL: it can, or nobody asked */
        TypeListEntry *gvtg;
        size_t n_gvtg;
        TypeListEntry *mxgpu;
        size_t n_mxgpu;
        SriovType *sriov;
        size_t n_sriov;
        bool keeps_divisions; /* every division is fixed: what is not divided offers no MxGPU or SR-IOV type */
} TypeCatalog;

void type_catalog_done(TypeCatalog *c);

/* Names from pci.ids: subsystem_name(0x10de, vdev, 0x10de, vsubdev), NULL where it has none. The text lives
 * until the next call. */
typedef struct NameSource {
        const char *(*subsystem_name)(
                uint16_t vendor, uint16_t device, uint16_t subvendor, uint16_t subdevice, void *userdata);
        void *userdata;
} NameSource;

/* The types that this PGPU supports, in the order in which people read them. The caller frees with
 * host_types_free(). 0 or -ENOMEM. */
int catalog_types_for(const TypeCatalog *c, const Pgpu *p, const NameSource *names, const ProblemSink *problems,
        HostType **ret, size_t *ret_n);
