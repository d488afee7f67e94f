/*
 * Telling the visitor: each host, and for each VGPU each PGPU of its group there
 */

#include "policyd/pool/pool-internal.h"
#include "policyd/words/remedy.h"

/* "GRID M60-2Q at 0000:83:00.0, 3 x GRID M60-2Q at 0000:84:00.0" */
static void sentence_places(StrBuf *b, const Demand *d, Pgpu *const *pgpus) {
        for (size_t i = 0, n; i < d->n_vgpus; i += n) {
                const VgpuType *t = d->kinds[d->kind_of[i]].type;

                for (n = 1; i + n < d->n_vgpus && pgpus[i + n] == pgpus[i] &&
                            d->kinds[d->kind_of[i + n]].type == t;
                        n++)
                        ;
                strbuf_add(b, i == 0 ? ": " : ", ");
                if (n > 1)
                        strbuf_addf(b, "%zu x ", n);
                strbuf_addf(b, "%s at %s", type_label(t), PCI_TEXT(&pgpus[i]->pci));
        }
}

static void sentence_placement(
        StrBuf *b, const Ranking *r, const Candidate *c, bool chosen, Pgpu *const *pgpus) {
        const Demand *d = &r->demand;

        strbuf_addf(b, "%s %s", c->host->name_label, chosen ? "would be chosen" : "could run it");
        sentence_places(b, d, pgpus);
        if (c->n_members > 0)
                strbuf_addf(b, "; %zu VM%s of group '%s' %s there", c->n_members, PLURAL(c->n_members),
                        d->vm->group->name_label, c->n_members == 1 ? "is" : "are");
        if (c->last)
                strbuf_add(b, "; it comes last, since starts failed there");
        strbuf_add(b, ".");
}

/* What the visitor is told of one host. */
static int sentence_candidate(
        StrBuf *b, const Ranking *r, const Candidate *c, bool chosen, Pgpu *const *pgpus) {
        _cleanup_strbuf_ StrBuf steps = {};

        if (candidate_code(c) == ERROR_NONE) {
                sentence_placement(b, r, c, chosen, pgpus);
                return 0;
        }

        if (!host_is_usable(c->host)) {
                sentence_unusable_host(b, c->host);
                strbuf_add(b, ".");
                return sentence_usable_remedy(b, r, c->host);
        }

        if (c->usable != ERROR_NONE) {
                strbuf_addf(b, "%s has refused this start just now.", c->host->name_label);
                return 0;
        }

        sentence_miss(b, c, &r->demand);
        strbuf_add(b, ".");
        if (c->gpu != ERROR_NONE)
                return sentence_gpu_remedy(b, r, c);
        sentence_lacks_remedy(&steps, &r->demand, c->host);
        sentence_add_steps(b, &steps);
        return 0;
}

/* A PGPU of the group as one VGPU sees it. One that is pinned elsewhere sees nothing in it, whatever room
 * there is. */
static void vgpu_verdict(const Vgpu *v, const Pgpu *p, const Reservation *reservation, PgpuVerdict *ret,
        StrBuf *message, StrBuf *remedy) {
        pgpu_verdict(p, v->type, reservation, ret);
        if (!v->pinned || pci_address_compare(&p->pci, &v->pinned_pci) == 0) {
                sentence_verdict(message, ret, v->type);
                sentence_remedy(remedy, ret, v->type, reservation);
                return;
        }

        ret->code = ERROR_VM_REQUIRES_VGPU;
        ret->capacity = 0;
        ret->running = NULL;
        sentence_pgpu(message, p);
        strbuf_addf(message, " is not %s, which the VM's platform asks for", PCI_TEXT(&v->pinned_pci));
}

/* The two texts are used again for each: with a thousand PGPUs memory would cost as much as the words. */
static int visit_pgpus(const Ranking *r, const Candidate *c, const AllocVisitor *visitor) {
        _cleanup_strbuf_ StrBuf said = {}, helps = {};
        const Vm *vm = r->request->vm;

        for (size_t i = 0; visitor->pgpu && i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                for (size_t j = 0; j < c->host->pgpus.n; j++) {
                        const Pgpu *p = c->host->pgpus.items[j];
                        PgpuVerdict verdict;

                        if (p->group != v->group)
                                continue;
                        said.len = helps.len = 0;
                        vgpu_verdict(v, p, r->request->reservation, &verdict, &said, &helps);
                        if (strbuf_error(&said) < 0 || strbuf_error(&helps) < 0)
                                return -ENOMEM;
                        visitor->pgpu(c->host, v, &verdict, said.text, helps.len > 0 ? helps.text : "",
                                visitor->userdata);
                }
        }

        return 0;
}

int visit_candidate(Ranking *r, const Candidate *c, const AllocVisitor *visitor, bool chosen) {
        Pgpu *pgpus[DEMAND_VGPUS_MAX] = {};
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *message = NULL;
        HostVerdict v = {
                .host = c->host,
                .code = candidate_code(c),
                .score = r->demand.n_vgpus > 0 ? c->scores[0] : 0,
                .tier = c->tier,
                .last = c->last,
                .n_members = c->n_members,
                .memory_need = r->request->vm->memory,
                .memory_available = host_memory_available(c->host),
                .missing = c->missing,
        };
        int error;

        error = visit_pgpus(r, c, visitor);
        if (error >= 0 && v.code == ERROR_NONE) {
                v.pgpus = pgpus;
                if (r->demand.n_vgpus > 0)
                        error = ranking_assigner(r) ? assigner_try(r->assigner, c->host, pgpus) : -ENOMEM;
        }
        if (error < 0)
                return error;
        if (!visitor->host)
                return 0;

        error = sentence_candidate(&b, r, c, chosen, pgpus);
        message = strbuf_take(&b);
        if (error < 0 || !message)
                return error < 0 ? error : -ENOMEM;

        v.message = message;
        visitor->host(&v, visitor->userdata);
        return 0;
}
