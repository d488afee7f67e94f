/*
 * The catalog: all that the type files say, and what of it a card can run
 *
 * A TypeBuild collects the types of one PGPU. Each source adds its own; a type whose identifier is there
 * already is a second entry for the same thing: the first stays.
 */

#include <inttypes.h>

#include "common/base/text.h"
#include "hostd/core/grow.h"
#include "hostd/core/type-catalog.h"

#define MIB (UINT64_C(1) << 20)

void type_catalog_done(TypeCatalog *c) {
        for (size_t i = 0; i < c->n_confs; i++)
                free(c->confs[i].path);
        free(c->confs);
        nvidia_xml_done(&c->xml);
        free(c->multi_vgpu_fault);
        type_list_free(c->gvtg, c->n_gvtg);
        type_list_free(c->mxgpu, c->n_mxgpu);
        sriov_types_free(c->sriov, c->n_sriov);
        *c = (TypeCatalog){};
}

typedef struct TypeBuild {
        /* in */
        const TypeCatalog *catalog;
        const Pgpu *pgpu;
        const NameSource *names;
        const ProblemSink *problems;
        /* out */
        HostType *types;
        size_t n;
} TypeBuild;

#define REPORT(b, path, line, ...) problem_report((ProblemSink[]){problems_in((b)->problems, path)}, line, __VA_ARGS__)

static HostType *find_built(TypeBuild *b, const char *identifier) {
        return (HostType *) host_type_find(b->types, b->n, identifier);
}

/* Takes the content of *t over, unless it fails. */
static int add_type(TypeBuild *b, HostType *t) {
        if (!t->identifier || !t->vendor_name || !t->model_name || GROW(b->types, b->n) < 0)
                return -ENOMEM;

        b->types[b->n++] = take_struct(*t);
        return 0;
}

static int add_passthrough(TypeBuild *b) {
        _cleanup_(host_type_done) HostType t = {};
        int r;

        r = host_type_make_passthrough(&t);
        return r < 0 ? r : add_type(b, &t);
}

/* What every type but passthrough has in common. */
static HostType begin_type(
        TypeBuild *b, VgpuImplementation implementation, char *identifier, const char *model_name, uint32_t instances) {
        return (HostType){
                .implementation = implementation,
                .identifier = identifier,
                .vendor_name = strdup(b->pgpu->vendor_name),
                .model_name = strdup(model_name),
                .instances = instances,
                .size = host_type_size(instances),
                .self_compatible_on_pgpu = true,
        };
}

/* pci.ids knows NVIDIA's types as boards of the virtual device. */
static const char *nvidia_model_name(TypeBuild *b, uint16_t vdev, uint16_t vsubdev, const char *own_name) {
        const char *name = NULL;

        if (b->names && b->names->subsystem_name)
                name = b->names->subsystem_name(
                        PCI_VENDOR_NVIDIA, vdev, PCI_VENDOR_NVIDIA, vsubdev, b->names->userdata);
        return isempty(name) ? own_name : name;
}

static int add_xml_type(TypeBuild *b, const NvidiaXmlMatch *m) {
        const NvidiaXmlType *x = m->type;
        const uint16_t *psubdev = m->pgpu->psubdev == 0 ? NULL : &m->pgpu->psubdev;
        _cleanup_free_ char *identifier =
                host_type_identifier_nvidia(m->pgpu->pdev, psubdev, x->vdev, x->vsubdev);
        _cleanup_(host_type_done) HostType t = {};

        if (!identifier)
                return -ENOMEM;
        if (find_built(b, identifier)) {
                REPORT(b, b->catalog->xml_path, x->line,
                        "vgpuType %s is left out: an earlier one has its device ids, %04x:%04x", x->id,
                        x->vdev, x->vsubdev);
                return 0;
        }

        t = begin_type(b, m->pgpu->sriov ? TYPE_NVIDIA_SRIOV : TYPE_NVIDIA, take_ptr(identifier),
                nvidia_model_name(b, x->vdev, x->vsubdev, x->name), m->max_vgpus);
        t.framebuffer_size = x->framebuffer;
        t.max_heads = x->heads;
        t.max_x = x->max_x;
        t.max_y = x->max_y;
        t.self_compatible_in_vm = x->multi_vgpu_supported && b->catalog->multi_vgpu;
        if (x->multi_vgpu_supported && b->catalog->multi_vgpu_fault && !m->pgpu->sriov)
                REPORT(b, b->catalog->xml_path, 0, NVIDIA_ONE_VGPU ": %s",
                        b->catalog->multi_vgpu_fault);
        t.type_id = strdup(x->id);
        t.vclass = strdup(x->vclass);
        return t.type_id && t.vclass ? add_type(b, &t) : -ENOMEM;
}

static int add_xml_types(TypeBuild *b) {
        _cleanup_free_ NvidiaXmlMatch *matches = NULL;
        size_t n = 0;
        int r;

        r = nvidia_xml_match(
                &b->catalog->xml, b->pgpu->device_id, b->pgpu->subsystem_device_id, &matches, &n);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_xml_type(b, &matches[i]);
        return r;
}

static bool conf_matches(const NvidiaConf *conf, const Pgpu *p) {
        if (conf->pdev != p->device_id)
                return false;
        return conf->any_psubdev || (p->subsystem_known && conf->psubdev == p->subsystem_device_id);
}

/* "/usr/share/nvidia/vgx/grid_k100.conf" is "grid_k100". */
static char *conf_own_name(const char *path) {
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;
        size_t n = strlen(name);

        if (n > strlen(".conf") && streq(name + n - strlen(".conf"), ".conf"))
                n -= strlen(".conf");
        return strndup(name, n);
}

/*
 * If both sources have a type, the XML's is used. But an old emulator needs the .conf file too; the emulator
 * is old if the host driver cannot give several VGPUs to one VM (XenServer's Nvidia_compat).
 */
static int merge_conf(TypeBuild *b, HostType *known, const CatalogConf *c) {
        if (known->config_file) {
                REPORT(b, c->path, 0,
                        "this type is left out: %s describes the same one", known->config_file);
                return 0;
        }
        if (b->catalog->multi_vgpu)
                return 0;

        known->config_file = strdup(c->path);
        return known->config_file ? 0 : -ENOMEM;
}

static int add_conf_type(TypeBuild *b, const CatalogConf *c) {
        const NvidiaConf *conf = &c->conf;
        _cleanup_free_ char *identifier = NULL, *own_name = NULL;
        _cleanup_(host_type_done) HostType t = {};
        HostType *known;

        identifier = host_type_identifier_nvidia(
                conf->pdev, conf->any_psubdev ? NULL : &conf->psubdev, conf->vdev, conf->vsubdev);
        own_name = conf_own_name(c->path);
        if (!identifier || !own_name)
                return -ENOMEM;

        known = find_built(b, identifier);
        if (known)
                return merge_conf(b, known, c);

        t = begin_type(b, TYPE_NVIDIA, take_ptr(identifier),
                nvidia_model_name(b, conf->vdev, conf->vsubdev, own_name), conf->instances);
        t.framebuffer_size = conf->framebuffer;
        t.max_heads = conf->heads;
        t.max_x = conf->max_x;
        t.max_y = conf->max_y;
        t.config_file = strdup(c->path);
        return t.config_file ? add_type(b, &t) : -ENOMEM;
}

static int add_conf_types(TypeBuild *b) {
        for (size_t i = 0; i < b->catalog->n_confs; i++) {
                int r;

                if (!conf_matches(&b->catalog->confs[i].conf, b->pgpu))
                        continue;
                r = add_conf_type(b, &b->catalog->confs[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* How many VGPUs of the type fit; 0 when none does, which is reported. */
static uint32_t count_gvtg(TypeBuild *b, const TypeListEntry *e) {
        uint32_t instances = gvtg_instances(b->pgpu->bar2_size, e->low_gm_sz);

        if (b->pgpu->bars_known && host_type_size(instances) > 0)
                return instances;
        if (b->pgpu->bars_known)
                REPORT(b, b->catalog->gvtg_path, e->line,
                        "type '%s' is left out on PGPU %s: its BAR 2 of %" PRIu64
                        " MiB holds no VGPU with low_gm_sz=%" PRIu64
                        " beside dom0's own share; enlarge the aperture in the BIOS",
                        e->name, PCI_TEXT(&b->pgpu->address), b->pgpu->bar2_size / MIB, e->low_gm_sz);
        else
                REPORT(b, b->catalog->gvtg_path, e->line,
                        "type '%s' is left out on PGPU %s: the size of its BAR 2, which decides how many "
                        "fit, is not known here",
                        e->name, PCI_TEXT(&b->pgpu->address));
        return 0;
}

static uint32_t count_mxgpu(TypeBuild *b, const TypeListEntry *e) {
        if (e->vgpus_per_pgpu > 0 && e->vgpus_per_pgpu <= PGPU_SIZE)
                return (uint32_t) e->vgpus_per_pgpu;
        REPORT(b, b->catalog->mxgpu_path, e->line, "type '%s' is left out: vgpus_per_pgpu is %" PRIu64, e->name,
                e->vgpus_per_pgpu);
        return 0;
}

static bool stays_divided(const TypeBuild *b) {
        return pgpu_division_is_fixed(b->pgpu) || b->catalog->keeps_divisions;
}

static int add_list_type(TypeBuild *b, bool gvtg, const TypeListEntry *e) {
        uint32_t instances = gvtg ? count_gvtg(b, e) : count_mxgpu(b, e);
        _cleanup_(host_type_done) HostType t = {};
        _cleanup_free_ char *identifier = NULL;

        if (instances == 0 || (!gvtg && stays_divided(b) && instances != b->pgpu->n_functions))
                return 0;
        identifier = gvtg ? host_type_identifier_gvt_g(e->pdev, e->low_gm_sz, e->high_gm_sz, e->fence_sz)
                          : host_type_identifier_mxgpu(e->pdev, e->framebuffer);
        if (!identifier)
                return -ENOMEM;
        if (find_built(b, identifier)) {
                REPORT(b, gvtg ? b->catalog->gvtg_path : b->catalog->mxgpu_path, e->line, "type '%s' is left out: an earlier line has the same %s", e->name,
                        gvtg ? "sizes" : "framebuffer_sz");
                return 0;
        }

        t = begin_type(b, gvtg ? TYPE_GVT_G : TYPE_MXGPU, take_ptr(identifier), e->name, instances);
        t.experimental = e->experimental;
        t.framebuffer_size = e->framebuffer;
        t.max_heads = e->heads;
        t.max_x = e->max_x;
        t.max_y = e->max_y;
        t.low_gm_sz = e->low_gm_sz;
        t.high_gm_sz = e->high_gm_sz;
        t.fence_sz = e->fence_sz;
        t.vgpus_per_pgpu = e->vgpus_per_pgpu;
        return add_type(b, &t);
}

static int add_list_types(TypeBuild *b, bool gvtg, const TypeListEntry *entries, size_t n) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                if (entries[i].pdev == b->pgpu->device_id)
                        r = add_list_type(b, gvtg, &entries[i]);
        return r;
}

static bool sriov_fits(const SriovType *t, const TypeBuild *b) {
        const Pgpu *p = b->pgpu;

        return t->vendor == p->vendor_id && t->pdev == p->device_id &&
               (t->any_psubdev || (p->subsystem_known && t->psubdev == p->subsystem_device_id)) &&
               pci_address_is_xens(&p->address) &&
               (stays_divided(b) ? t->vfs_per_pgpu == p->n_functions : t->vfs_per_pgpu <= p->total_functions);
}

static int add_sriov_type(TypeBuild *b, const SriovType *e) {
        _cleanup_free_ char *identifier = host_type_identifier_sriov(e);
        _cleanup_(host_type_done) HostType t = {};

        if (!identifier)
                return -ENOMEM;
        if (find_built(b, identifier)) {
                REPORT(b, b->catalog->sriov_path, e->line, "type '%s' is left out: an earlier line is the same", e->name);
                return 0;
        }
        t = begin_type(b, TYPE_SRIOV, take_ptr(identifier), e->name, (uint32_t) e->vfs_per_pgpu);
        t.experimental = e->experimental;
        t.framebuffer_size = e->framebuffer;
        t.vgpus_per_pgpu = e->vfs_per_pgpu;
        t.exec_quantum_ms = e->exec_quantum_ms;
        t.preempt_timeout_us = e->preempt_timeout_us;
        t.priority = sriov_priority_to_string(e->priority);
        return add_type(b, &t);
}

static int add_sriov_types(TypeBuild *b) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < b->catalog->n_sriov; i++)
                if (sriov_fits(&b->catalog->sriov[i], b))
                        r = add_sriov_type(b, &b->catalog->sriov[i]);
        return r;
}

static int build_types(TypeBuild *b) {
        uint16_t vendor = b->pgpu->vendor_id;
        bool passthrough = pgpu_offers_passthrough(b->pgpu);
        int r = 0;

        if (vendor == PCI_VENDOR_AMD) {
                r = add_list_types(b, /* gvtg= */ false, b->catalog->mxgpu, b->catalog->n_mxgpu);
                passthrough = passthrough && b->n == 0;
        }
        if (r >= 0 && passthrough)
                r = add_passthrough(b);
        if (r >= 0 && vendor == PCI_VENDOR_NVIDIA)
                r = add_xml_types(b);
        if (r >= 0 && vendor == PCI_VENDOR_NVIDIA)
                r = add_conf_types(b);
        if (r >= 0 && vendor == PCI_VENDOR_INTEL)
                r = add_list_types(b, /* gvtg= */ true, b->catalog->gvtg, b->catalog->n_gvtg);
        return r < 0 ? r : add_sriov_types(b);
}

int catalog_types_for(const TypeCatalog *c, const Pgpu *p, const NameSource *names, const ProblemSink *problems,
        HostType **ret, size_t *ret_n) {
        TypeBuild b = { .catalog = c, .pgpu = p, .names = names, .problems = problems };
        int r;

        r = build_types(&b);
        if (r < 0) {
                host_types_free(b.types, b.n);
                return r;
        }

        *ret = b.types;
        *ret_n = b.n;
        return 0;
}
