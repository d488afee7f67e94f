/*
 * What vgpuConfig.xml says, as plain values
 */

#include "hostd/core/nvidia-xml.h"

void nvidia_xml_pgpu_done(NvidiaXmlPgpu *p) {
        for (size_t i = 0; i < p->n_supported; i++)
                free(p->supported[i].vgpu_id);
        free(p->supported);
        *p = (NvidiaXmlPgpu){};
}

void nvidia_xml_type_done(NvidiaXmlType *t) {
        free(t->id);
        free(t->name);
        free(t->vclass);
        *t = (NvidiaXmlType){};
}

void nvidia_xml_done(NvidiaXml *x) {
        for (size_t i = 0; i < x->n_types; i++)
                nvidia_xml_type_done(&x->types[i]);
        for (size_t i = 0; i < x->n_pgpus; i++)
                nvidia_xml_pgpu_done(&x->pgpus[i]);
        free(x->types);
        free(x->pgpus);
        *x = (NvidiaXml){};
}

static bool pgpu_matches(const NvidiaXmlPgpu *p, uint16_t device, uint16_t subsystem) {
        return p->pdev == device && (p->psubdev == 0 || p->psubdev == subsystem);
}

/* The first pgpu element that matches the card and offers the type decides. */
static bool find_offer(const NvidiaXml *x, const NvidiaXmlType *type, uint16_t device, uint16_t subsystem,
        NvidiaXmlMatch *ret) {
        for (size_t i = 0; i < x->n_pgpus; i++) {
                const NvidiaXmlPgpu *p = &x->pgpus[i];

                if (!pgpu_matches(p, device, subsystem))
                        continue;
                for (size_t j = 0; j < p->n_supported; j++)
                        if (streq(p->supported[j].vgpu_id, type->id)) {
                                *ret = (NvidiaXmlMatch){ type, p, p->supported[j].max_vgpus };
                                return true;
                        }
        }
        return false;
}

int nvidia_xml_match(
        const NvidiaXml *x, uint16_t device, uint16_t subsystem, NvidiaXmlMatch **ret, size_t *ret_n) {
        NvidiaXmlMatch *matches;
        size_t n = 0;

        matches = calloc(MAX_OF(x->n_types, (size_t) 1), sizeof(*matches));
        if (!matches)
                return -ENOMEM;

        for (size_t i = 0; i < x->n_types; i++)
                if (find_offer(x, &x->types[i], device, subsystem, &matches[n]))
                        n++;

        *ret = matches;
        *ret_n = n;
        return 0;
}
