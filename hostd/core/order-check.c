/*
 * The last guard against double booking: may this order start here?
 *
 * Each check is a function that returns 0 and leaves the refusal alone, or fills it and returns 1. They stand
 * in a row, which ends at the first refusal. The GPUs are placed one after the other; each check counts the
 * GPUs placed before it.
 */

#include <inttypes.h>

#include "common/base/parse.h"
#include "common/base/strlist.h"
#include "hostd/core/order-check.h"
#include "protocol/type-identifier.h"

#define GUEST_DEVICE_MAX 20

typedef struct OrderCheck {
        /* in */
        const HostView *view;
        const OrderRequest *request;
        /* private */
        const HostType **types; /* of the GPUs placed so far */
        Refusal *refusal;
} OrderCheck;

/* What stands on a PGPU, from before or from this order. */
typedef struct PgpuLoad {
        uint64_t used;      /* sum of sizes */
        size_t n;           /* VGPUs and passthrough */
        const char *unlike; /* identifier of the first one that does not take the new type beside it */
} PgpuLoad;

static const char *type_label(const HostView *view, const char *identifier) {
        const HostType *t = host_type_find(view->types, view->n_types, identifier);

        return t ? t->model_name : identifier;
}

/* Up to the first comma: the 6.x form appends extra arguments to the file. */
static size_t config_path_size(const char *config_file) {
        return strcspn(config_file, ",");
}

static bool config_file_is(const char *config_file, const char *path, bool whole_path) {
        size_t n = config_path_size(config_file);

        if (!whole_path) {
                const char *slash = memrchr(config_file, '/', n);
                const char *own_slash = strrchr(path, '/');

                if (slash) {
                        n -= (size_t) (slash + 1 - config_file);
                        config_file = slash + 1;
                }
                if (own_slash)
                        path = own_slash + 1;
        }
        return n > 0 && strlen(path) == n && memcmp(path, config_file, n) == 0;
}

/* An MxGPU or SR-IOV VGPU is a virtual function, which is passed through. */
static bool gives_function(VgpuImplementation kind) {
        return kind == TYPE_PASSTHROUGH || kind == TYPE_MXGPU || kind == TYPE_SRIOV;
}

static bool is_nvidia(const HostType *t) {
        return t->implementation == TYPE_NVIDIA || t->implementation == TYPE_NVIDIA_SRIOV;
}

static bool type_is_meant(const HostType *t, const OrderGpu *gpu, bool whole_path) {
        switch (gpu->kind) {
        case TYPE_NVIDIA:
                if (!is_nvidia(t))
                        return false;
                if (gpu->config_file)
                        return t->config_file && config_file_is(gpu->config_file, t->config_file, whole_path);
                return gpu->type_id && t->type_id && streq(gpu->type_id, t->type_id);
        case TYPE_GVT_G:
                return t->implementation == TYPE_GVT_G && t->low_gm_sz == gpu->low_gm_sz &&
                       t->high_gm_sz == gpu->high_gm_sz && t->fence_sz == gpu->fence_sz;
        case TYPE_MXGPU:
                return t->implementation == TYPE_MXGPU && t->framebuffer_size == gpu->framebufferbytes &&
                       t->vgpus_per_pgpu == gpu->vgpus_per_pgpu;
        case TYPE_SRIOV:
                return t->implementation == TYPE_SRIOV && streq(t->identifier, strempty(gpu->identifier)) &&
                       t->vgpus_per_pgpu == gpu->vgpus_per_pgpu;
        case TYPE_PASSTHROUGH:
                return t->implementation == TYPE_PASSTHROUGH;
        case TYPE_NVIDIA_SRIOV:
        case _VGPU_IMPLEMENTATION_MAX:
        case _VGPU_IMPLEMENTATION_INVALID:
                break;
        }
        return false;
}

const HostType *order_gpu_find_type(const HostView *view, const Pgpu *p, const OrderGpu *gpu) {
        const HostType *elsewhere = NULL;

        /* If no type has this very path, a type with the same file name in another folder is taken, since the
         * host's own files count and not the path in the order. */
        for (int whole_path = 1; whole_path >= 0; whole_path--)
                for (size_t i = 0; i < view->n_types; i++) {
                        if (!type_is_meant(&view->types[i], gpu, whole_path))
                                continue;
                        if (pgpu_supports(p, view->types[i].identifier))
                                return &view->types[i];
                        if (!elsewhere)
                                elsewhere = &view->types[i];
                }

        /* Of another card: found, so that the refusal can name it. */
        return elsewhere;
}

static bool is_passthrough(const char *identifier) {
        return streq(identifier, PASSTHROUGH_IDENTIFIER);
}

/* Passthrough takes all functions of a slot. So if one of the two is passthrough, the slots are compared,
 * else the functions. */
static bool touches(const PciAddress *a, bool a_passthrough, const PciAddress *b, bool b_passthrough) {
        if (a_passthrough || b_passthrough)
                return pci_same_slot(a, b);
        return pci_address_compare(a, b) == 0;
}

/* If the type of a running VGPU is no longer in the files, it is treated as homogeneous: only VGPUs of the
 * same type may run there too, which may name the board otherwise since then; and nothing beside passthrough. */
static bool allows_beside(const HostView *view, const char *identifier, const HostType *type) {
        const HostType *t = host_type_find(view->types, view->n_types, identifier);

        if (t)
                return host_type_allows_beside(t, type);
        return !is_passthrough(identifier) &&
               (streq(identifier, type->identifier) || type_identifiers_related(identifier, type->identifier));
}

static void add_load(
        const OrderCheck *c, PgpuLoad *load, const char *identifier, uint32_t size, const HostType *type) {
        load->used += size;
        load->n++;
        if (!load->unlike && !allows_beside(c->view, identifier, type))
                load->unlike = identifier;
}

static PgpuLoad measure_load(const OrderCheck *c, const Pgpu *p, const HostType *type, size_t n_placed) {
        bool passthrough = is_passthrough(type->identifier);
        PgpuLoad load = {};

        for (size_t i = 0; i < c->view->n_occupants; i++) {
                const Occupant *o = &c->view->occupants[i];

                if (touches(&p->address, passthrough, &o->pgpu, is_passthrough(o->identifier)))
                        add_load(c, &load, o->identifier, o->size, type);
        }
        for (size_t i = 0; i < n_placed; i++) {
                const HostType *t = c->types[i];

                if (t && touches(&p->address, passthrough, &c->request->gpus[i].address,
                                 is_passthrough(t->identifier)))
                        add_load(c, &load, t->identifier, t->size, type);
        }
        return load;
}

/* Two things of one order with the same number, or the same function twice. */
static int check_numbers(OrderCheck *c, size_t i) {
        const OrderGpu *gpu = &c->request->gpus[i];
        uint32_t number;

        if (gpu->kind != TYPE_PASSTHROUGH &&
                (parse_u32(strempty(gpu->device), &number) < 0 || number > GUEST_DEVICE_MAX))
                return refusal_made(c->refusal, ERROR_INVALID_DEVICE,
                        "VGPU device '%s' is not a number from 0 to %d.", strempty(gpu->device),
                        GUEST_DEVICE_MAX);

        for (size_t j = 0; j < i; j++) {
                const OrderGpu *other = &c->request->gpus[j];

                if ((gpu->kind == TYPE_PASSTHROUGH) != (other->kind == TYPE_PASSTHROUGH))
                        continue;
                if (gpu->kind == TYPE_PASSTHROUGH && pci_address_compare(&gpu->address, &other->address) == 0)
                        return refusal_made(c->refusal, ERROR_DEVICE_ALREADY_EXISTS,
                                "The order names PCI function %s twice.", PCI_TEXT(&gpu->address));
                if (gpu->kind != TYPE_PASSTHROUGH && streq(gpu->device, other->device))
                        return refusal_made(c->refusal, ERROR_DEVICE_ALREADY_EXISTS,
                                "The order has two VGPUs with device %s; each needs its own number.",
                                gpu->device);
        }
        return 0;
}

/* A companion function of a PGPU may be passed through only together with it; otherwise a VM on that PGPU
 * would lose a part of its card. */
static int check_companion(OrderCheck *c, const Pgpu *p, const OrderGpu *gpu) {
        for (size_t i = 0; i < c->request->n_gpus; i++) {
                const OrderGpu *other = &c->request->gpus[i];

                if (other->kind == TYPE_PASSTHROUGH && pci_address_compare(&other->address, &p->address) == 0)
                        return 0;
        }
        return refusal_made(c->refusal, ERROR_VM_REQUIRES_GPU,
                "PCI function %s belongs to PGPU %s and is passed through only together with it; the order "
                "must name both.",
                PCI_TEXT(&gpu->address), PCI_TEXT(&p->address));
}

static int refuse_unsupported(OrderCheck *c, const Pgpu *p, const char *identifier, const char *model_name) {
        if (is_passthrough(identifier) && pgpu_division_is_fixed(p))
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "PGPU %s has %" PRIu32 " virtual functions that xenvgpu did not make, so it cannot be passed "
                        "through; whoever made them must take them back first (sriov_numvfs), and then the host is to be "
                        "rescanned.",
                        PCI_TEXT(&p->address), p->n_functions);
        if (is_passthrough(identifier) && !pgpu_offers_passthrough(p))
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "PGPU %s is the system display device and dom0 uses it, so it cannot be passed "
                        "through; hide it from dom0 first.",
                        PCI_TEXT(&p->address));
        return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                "PGPU %s (%s) does not support VGPU type %s.", PCI_TEXT(&p->address), p->device_name,
                model_name);
}

static int refuse_unknown_type(OrderCheck *c, const Pgpu *p, const OrderGpu *gpu) {
        switch (gpu->kind) {
        case TYPE_NVIDIA:
                if (!gpu->config_file && !gpu->type_id)
                        return refusal_made(c->refusal, ERROR_INVALID_RECORD,
                                "The Nvidia VGPU for PGPU %s has neither config_file nor type_id.",
                                PCI_TEXT(&p->address));
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "No VGPU type of this host has %s '%s', which the order wants on PGPU %s; its type "
                        "file must be installed and the host rescanned.",
                        gpu->config_file ? "the config file" : "type_id",
                        gpu->config_file ? gpu->config_file : gpu->type_id, PCI_TEXT(&p->address));
        case TYPE_GVT_G:
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "No GVT-g type of this host has low_gm_sz %" PRIu64 ", high_gm_sz %" PRIu64
                        " and fence_sz %" PRIu64
                        ", which the order wants on PGPU %s; the list of GVT-g types must have it.",
                        gpu->low_gm_sz, gpu->high_gm_sz, gpu->fence_sz, PCI_TEXT(&p->address));
        case TYPE_MXGPU:
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "No MxGPU type of this host has %" PRIu64 " bytes of frame buffer and %" PRIu64
                        " VGPUs for each PGPU, which the order wants on PGPU %s; the list of MxGPU types "
                        "must have it.",
                        gpu->framebufferbytes, gpu->vgpus_per_pgpu, PCI_TEXT(&p->address));
        case TYPE_SRIOV:
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "This host has no SR-IOV type %s of %" PRIu64 " VGPUs for each PGPU, which the order wants on PGPU %s; its list of SR-IOV types "
                        "(/etc/xenvgpu/sriov-types) must have it.",
                        strempty(gpu->identifier), gpu->vgpus_per_pgpu, PCI_TEXT(&p->address));
        case TYPE_PASSTHROUGH:
        case TYPE_NVIDIA_SRIOV:
        case _VGPU_IMPLEMENTATION_MAX:
        case _VGPU_IMPLEMENTATION_INVALID:
                break;
        }
        return refuse_unsupported(c, p, PASSTHROUGH_IDENTIFIER, PASSTHROUGH_NAME);
}

/* What its suspect functions would give VMs of a type that it is divided for; for another one it is divided anew. */
static uint64_t suspect_size(const Pgpu *p, const HostType *t) {
        return p->n_functions > 0 && t->instances == p->n_functions ? (uint64_t) p->n_suspect * t->size : 0;
}

/* The steps of ALLOCATION's remaining capacity, first failure wins. */
static int check_room(OrderCheck *c, const Pgpu *p, const HostType *t, size_t n_placed) {
        PgpuLoad load;

        if (!host_type_is_usable(t))
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "VGPU type %s cannot run on PGPU %s: " NVIDIA_SRIOV_REASON
                        ". Use a passthrough VGPU, or another type.",
                        t->model_name, PCI_TEXT(&p->address));
        if (!pgpu_supports(p, t->identifier))
                return refuse_unsupported(c, p, t->identifier, t->model_name);
        if (!pgpu_enables(p, t->identifier))
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_ENABLED,
                        "VGPU type %s is not enabled on PGPU %s; enable it there, or use another PGPU.",
                        t->model_name, PCI_TEXT(&p->address));

        load = measure_load(c, p, t, n_placed);
        if (load.unlike)
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE,
                        "PGPU %s runs %s, and %s cannot run beside it; use another PGPU, or wait until it is "
                        "free.",
                        PCI_TEXT(&p->address), type_label(c->view, load.unlike), t->model_name);

        /* Nothing is compatible with passthrough, so all VGPUs counted here have a size. An idle PGPU has
         * room for one passthrough. */
        if (is_passthrough(t->identifier) || (t->size > 0 && load.used + t->size + suspect_size(p, t) <= PGPU_SIZE))
                return 0;
        if (suspect_size(p, t) > 0)
                return refusal_made(c->refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY,
                        "PGPU %s has no room for another %s: %zu of its %" PRIu32 " virtual functions are taken, and %" PRIu32
                        " suspect; use another PGPU, or wait until one ends.",
                        PCI_TEXT(&p->address), t->model_name, load.n, p->n_functions, p->n_suspect);
        return refusal_made(c->refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY,
                "PGPU %s has no room for another %s: %zu of %" PRIu32
                " are taken; use another PGPU, or wait until one ends.",
                PCI_TEXT(&p->address), t->model_name, load.n, t->instances);
}

static int check_gpu(OrderCheck *c, size_t i) {
        const OrderGpu *gpu = &c->request->gpus[i];
        const HostType *t;
        const Pgpu *p;
        int r;

        r = check_numbers(c, i);
        if (r != 0)
                return r;

        p = pgpu_find(c->view->pgpus, c->view->n_pgpus, &gpu->address);
        if (!p && gpu->kind == TYPE_PASSTHROUGH) {
                p = pgpu_find_by_function(c->view->pgpus, c->view->n_pgpus, &gpu->address);
                if (p)
                        return check_companion(c, p, gpu);
        }
        if (!p)
                return refusal_made(c->refusal,
                        gpu->kind == TYPE_PASSTHROUGH ? ERROR_VM_REQUIRES_GPU : ERROR_VM_REQUIRES_VGPU,
                        "This host has no PGPU at %s; has the card moved or gone?", PCI_TEXT(&gpu->address));
        if (p->is_lost)
                return refusal_made(c->refusal, ERROR_PGPU_UNHEALTHY,
                        "PGPU %s does not answer: it has fallen off the bus or has no power. Use another one; when the "
                        "card is well again, rescan the host.",
                        PCI_TEXT(&p->address));

        if (pgpu_offers_nothing(p))
                return refusal_made(c->refusal, ERROR_PGPU_UNHEALTHY,
                        "All %" PRIu32 " virtual functions of PGPU %s are suspect. Use another one; when no VM has any of them, "
                        "xenvgpu pgpu-clear-health has it divided anew.",
                        p->n_functions, PCI_TEXT(&p->address));

        if (gives_function(gpu->kind) && !pci_address_is_xens(&p->address))
                return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "Nothing of PGPU %s can be passed through: its PCI domain has more than the 16 bits that Xen "
                        "has for it. Take the card off the controller that hides it (Intel's VMD, in the firmware's "
                        "setup).",
                        PCI_TEXT(&p->address));

        t = order_gpu_find_type(c->view, p, gpu);
        if (!t)
                return refuse_unknown_type(c, p, gpu);

        r = check_room(c, p, t, /* n_placed= */ i);
        if (r == 0)
                c->types[i] = t;
        return r;
}

static const char *vgpu_label(VgpuImplementation kind) {
        return kind == TYPE_GVT_G ? "GVT-g" : kind == TYPE_MXGPU ? "MxGPU" : "SR-IOV";
}

/* qemu shows one GVT-g, MxGPU or SR-IOV VGPU and no other beside it; of NVIDIA's the emulator takes several. */
static int check_together(OrderCheck *c) {
        const OrderRequest *q = c->request;
        size_t n = 0, alone = SIZE_MAX;

        for (size_t i = 0; i < q->n_gpus; i++) {
                if (q->gpus[i].kind == TYPE_PASSTHROUGH)
                        continue;
                n++;
                if (q->gpus[i].kind != TYPE_NVIDIA)
                        alone = i;
        }
        if (n < 2 || alone == SIZE_MAX)
                return 0;
        return refusal_made(c->refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE,
                "VM '%s' has %zu VGPUs, and the %s one at device %s stands in a VM alone; give the others to "
                "another VM.",
                q->name_label, n, vgpu_label(q->gpus[alone].kind),
                q->gpus[alone].device);
}

/* libxl populates the memory of such an HVM guest on demand where it has less than its maximum, and then gives no device. */
static int check_functions(OrderCheck *c) {
        const OrderRequest *q = c->request;

        for (const char *const *f = q->functions; f && *f; f++) {
                PciAddress address;

                if (pci_address_from_string(*f, &address) >= 0 && !pci_address_is_xens(&address))
                        return refusal_made(c->refusal, ERROR_VM_REQUIRES_PCI,
                                "PCI function %s, which the config of VM '%s' passes through, cannot be passed through: its "
                                "PCI domain has more than the 16 bits that Xen has for it. Take it out of the config.",
                                *f, q->name_label);
                if (strv_contains((char *const *) c->view->taken, *f))
                        return refusal_made(c->refusal, ERROR_VM_REQUIRES_PCI,
                                "PCI function %s, which the config of VM '%s' passes through, is given to another VM "
                                "of this host; shut that one down, or use another host.",
                                *f, q->name_label);
                if (q->hvm && !c->view->iommu)
                        return refusal_made(c->refusal, ERROR_VM_REQUIRES_IOMMU,
                                "PCI function %s is to be passed through and this host has no IOMMU in use; enable "
                                "VT-d or AMD-Vi in its BIOS and in Xen.",
                                *f);
                if (q->hvm && q->target_memory != q->max_memory)
                        return refusal_made(c->refusal, ERROR_INVALID_RECORD,
                                "VM '%s' has a target memory of %s and a maximum of %s, and its config passes PCI "
                                "function %s through; then both must be equal.",
                                q->name_label, SIZE_TEXT(q->target_memory), SIZE_TEXT(q->max_memory), *f);
        }
        return 0;
}

static int check_virtualization(OrderCheck *c) {
        const OrderRequest *q = c->request;

        if (q->n_gpus > 0 && !q->hvm)
                return refusal_made(c->refusal, ERROR_FEATURE_REQUIRES_HVM,
                        "VM '%s' has a GPU and is not HVM; its config must have c_info.type \"hvm\".",
                        q->name_label);
        if (q->hvm && !c->view->hvm)
                return refusal_made(c->refusal, ERROR_FEATURE_REQUIRES_HVM,
                        "VM '%s' is HVM and this host has no HVM; enable VT-x or AMD-V in its BIOS.",
                        q->name_label);

        for (size_t i = 0; i < q->n_gpus; i++) {
                if (!gives_function(q->gpus[i].kind))
                        continue;
                if (!c->view->iommu)
                        return refusal_made(c->refusal, ERROR_VM_REQUIRES_IOMMU,
                                "%s %s is to be passed through and this host has no IOMMU in use; enable "
                                "VT-d or AMD-Vi in its BIOS and in Xen.",
                                q->gpus[i].kind == TYPE_PASSTHROUGH ? "PGPU" : "A virtual function of PGPU",
                                PCI_TEXT(&q->gpus[i].address));
                /* For a virtual function the two are made equal when its domain is built. */
                if (q->gpus[i].kind == TYPE_PASSTHROUGH && q->target_memory != q->max_memory)
                        return refusal_made(c->refusal, ERROR_INVALID_RECORD,
                                "VM '%s' has a target memory of %s and a maximum of %s; with passthrough "
                                "both must be equal.",
                                q->name_label, SIZE_TEXT(q->target_memory), SIZE_TEXT(q->max_memory));
        }
        return 0;
}

static int check_memory(OrderCheck *c) {
        const OrderRequest *q = c->request;

        if (q->memory <= c->view->memory_free)
                return 0;
        return refusal_made(c->refusal, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY,
                "VM '%s' needs %s and this host has %s free, %s too little; use another host, or shut a VM "
                "down.",
                q->name_label, SIZE_TEXT(q->memory), SIZE_TEXT(c->view->memory_free),
                SIZE_TEXT(q->memory - c->view->memory_free));
}

static int check_gpus(OrderCheck *c) {
        int r = 0;

        for (size_t i = 0; i < c->request->n_gpus && r == 0; i++)
                r = check_gpu(c, i);
        return r;
}

int order_check(const HostView *view, const OrderRequest *request, const HostType **ret_types, Refusal *ret) {
        _cleanup_free_ const HostType **types = NULL;
        _cleanup_refusal_ Refusal refusal = {};
        OrderCheck c = {.view = view, .request = request, .refusal = &refusal};
        int r;

        types = calloc(MAX_OF(request->n_gpus, (size_t) 1), sizeof(*types));
        if (!types)
                return -ENOMEM;
        c.types = types;

        r = check_gpus(&c) ?: check_together(&c) ?: check_virtualization(&c) ?: check_functions(&c) ?: check_memory(&c);
        if (r < 0)
                return r;

        if (ret_types && r == 0)
                for (size_t i = 0; i < request->n_gpus; i++)
                        ret_types[i] = types[i];
        *ret = take_struct(refusal);
        return 0;
}
