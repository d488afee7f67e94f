/*
 * What stops one host, and what would help there
 *
 * Every remedy is followed to its end: what one PGPU, a plan for several or a usable host would leave undone
 * is said with it. A host that cannot be used is asked as if it could.
 */

#include <inttypes.h>

#include "policyd/pool/pool-internal.h"
#include "policyd/words/remedy.h"
#include "policyd/decide/shadow.h"

/* What each kind wants, when every VGPU alone would fit: "2 x GRID K260Q and 1 x GRID K240Q". */
static void sentence_all(StrBuf *b, const Demand *d) {
        for (size_t k = 0; k < d->n_kinds; k++)
                strbuf_addf(b, "%s%u x %s", list_separator(k, d->n_kinds), d->kinds[k].count,
                        type_label(d->kinds[k].type));
}

/* What there is of each kind, if it were alone. */
static void sentence_room(StrBuf *b, const Host *h, const Demand *d) {
        for (size_t k = 0; k < d->n_kinds; k++) {
                const DemandKind *kind = &d->kinds[k];
                uint64_t room = 0;

                for (size_t i = 0; i < h->pgpus.n; i++) {
                        PgpuVerdict v;

                        if (!demand_kind_matches(kind, h->pgpus.items[i]))
                                continue;
                        pgpu_verdict(h->pgpus.items[i], kind->type, d->reservation, &v);
                        room += v.capacity;
                }
                strbuf_addf(b, "%s%" PRIu64 " x %s", k > 0 ? " or " : "", room, type_label(kind->type));
        }
}

/* The GPUs of one host: what was needed, what is in the way. */
void sentence_gpu_miss(StrBuf *b, const Candidate *c, const Demand *d) {
        const DemandKind *k = c->kind;

        if (c->together) {
                strbuf_addf(b, "%s cannot take ", c->host->name_label);
                sentence_all(b, d);
                strbuf_add(b, " at once: it has room for ");
                sentence_room(b, c->host, d);
                return;
        }

        if (!c->nearest.pgpu && k->pinned) {
                strbuf_addf(b, "%s has no PGPU at %s in group '%s'", c->host->name_label,
                        PCI_TEXT(&k->pinned_pci), k->group->name_label);
                return;
        }

        if (!c->nearest.pgpu) {
                strbuf_addf(b, "%s has no PGPU of group '%s'", c->host->name_label, k->group->name_label);
                return;
        }

        sentence_verdict(b, &c->nearest, k->type);
}

/* Adds a remedy's steps as a sentence; nothing when there are none. */
void sentence_add_steps(StrBuf *b, StrBuf *steps) {
        b->error = b->error ?: steps->error;
        if (steps->len > 0)
                strbuf_addf(b, " %s.", steps->text);
}

/* What the steps so far leave undone on that host, when they free so much memory. */
static void sentence_rest(StrBuf *b, const Demand *d, const Candidate *c, uint64_t freed) {
        _cleanup_strbuf_ StrBuf lacks = {};
        size_t n = c->other == ERROR_NONE ? 0 : sentence_lacks(&lacks, d, c->host, freed);

        b->error = b->error ?: lacks.error;
        if (n > 0)
                strbuf_addf(b, " That alone does not suffice: %s also %s.", c->host->name_label, lacks.text);
}

/* A host without a PGPU that the VGPU may go to. */
static void sentence_no_pgpu_remedy(StrBuf *b, const DemandKind *k) {
        _cleanup_strbuf_ StrBuf steps = {};

        if (k->group->pgpus.n == 0)
                return;
        if (k->pinned)
                sentence_step(&steps, "replace the VGPU by one that may go anywhere (vgpu-destroy, "
                                      "vgpu-create): the group has ");
        else
                sentence_step(&steps, "the group has ");
        sentence_pgpu(&steps, k->group->pgpus.items[0]);
        if (k->group->pgpus.n > 1)
                strbuf_addf(&steps, " and %zu more", k->group->pgpus.n - 1);
        sentence_add_steps(b, &steps);
}

static int sentence_single_remedy(StrBuf *b, const Candidate *c, const Demand *d) {
        const Reservation *own = d->reservation;
        _cleanup_strbuf_ StrBuf steps = {};
        PgpuFix fix;

        if (!c->nearest.pgpu) {
                sentence_no_pgpu_remedy(b, c->kind);
                return 0;
        }

        if (!pgpu_fix(c->nearest.pgpu, c->kind->type, own, &fix)) {
                sentence_elsewhere(&steps, c->kind->type, d);
                sentence_add_steps(b, &steps);
                return 0;
        }

        if (c->other != ERROR_NONE)
                pgpu_fix_prefer_memory(&fix, memory_to_free(d, c->host));
        sentence_fix(&steps, &fix);
        sentence_add_steps(b, &steps);
        sentence_rest(b, d, c, pgpu_fix_memory(&fix));
        return 0;
}

/* False: nothing that is not of the pool stands on its PGPUs. */
static bool sentence_add_outsiders(StrBuf *b, const Host *h) {
        for (size_t i = 0; i < h->pgpus.n; i++) {
                const Pgpu *p = h->pgpus.items[i];

                if (p->n_outsiders == 0)
                        continue;
                strbuf_add(b, " End ");
                (void) sentence_outsiders(b, p, NULL);
                strbuf_addf(b, ", on %s itself, and ask again.", h->name_label);
                return true;
        }
        return false;
}

/* For several VGPUs: on that host, or where its GPUs could never take them, on another that could. */
static int sentence_plan_remedy(StrBuf *b, const Ranking *r, const Candidate *c) {
        size_t n_tried = 0;

        for (size_t i = 0; i <= r->n && n_tried < HOSTS_TRIED_MAX; i++) {
                const Candidate *other = i == 0 ? c : &r->candidates[i - 1];
                _cleanup_strbuf_ StrBuf steps = {};
                uint64_t memory = 0;
                int error;

                if (other->usable != ERROR_NONE || other->gpu == ERROR_NONE || (i > 0 && other == c))
                        continue;
                n_tried++;
                error = sentence_host_plan(&steps, &r->demand, r->assigner, other->host, &memory);
                if (error < 0)
                        return error;
                if (error == 0)
                        continue;
                if (other != c)
                        strbuf_addf(&steps, ": then %s can take them", other->host->name_label);
                sentence_add_steps(b, &steps);
                sentence_rest(b, &r->demand, other, memory);
                return 0;
        }

        if (sentence_add_outsiders(b, c->host))
                return 0;
        strbuf_addf(b,
                " Not even with nothing else on its PGPUs could %s take them all: give the VM fewer VGPUs, "
                "or spread them over several VMs.",
                c->host->name_label);
        return 0;
}

int sentence_gpu_remedy(StrBuf *b, const Ranking *r, const Candidate *c) {
        return r->demand.n_vgpus > 1 && (c->nearest.pgpu || c->together)
                       ? sentence_plan_remedy(b, r, c)
                       : sentence_single_remedy(b, c, &r->demand);
}

/* What stops the VM on a host whose GPUs, or else whose other facts, are in the way. */
void sentence_miss(StrBuf *b, const Candidate *c, const Demand *d) {
        if (c->gpu != ERROR_NONE) {
                sentence_gpu_miss(b, c, d);
                return;
        }
        strbuf_addf(b, "%s ", c->host->name_label);
        (void) sentence_lacks(b, d, c->host, /* freed= */ 0);
}

/*
 * A host that cannot be used, as if it could: 1 when it would take the VM then, else 0 and what would still
 * be in the way.
 */
static int try_if_usable(const Ranking *r, const Host *h, StrBuf *ret_miss) {
        _cleanup_shadow_ Shadow s = {};
        uint64_t scores[DEMAND_VGPUS_MAX];
        Candidate c = {.host = &s.host, .scores = scores};
        int error;

        error = shadow_init(&s, h);
        if (error >= 0)
                error = candidate_evaluate(&c, &r->demand, r->assigner, r->request);
        if (error < 0)
                return error;
        if (candidate_code(&c) == ERROR_NONE)
                return 1;

        sentence_miss(ret_miss, &c, &r->demand);
        return 0;
}

/* "Enable host beta", and whether that suffices. */
int sentence_usable_remedy(StrBuf *b, const Ranking *r, const Host *h) {
        _cleanup_strbuf_ StrBuf steps = {}, miss = {};
        int suffices;

        sentence_make_usable(&steps, h);
        sentence_add_steps(b, &steps);
        suffices = try_if_usable(r, h, &miss);
        if (suffices == 0)
                strbuf_addf(b, " That alone does not suffice: %s.", strempty(miss.text));
        return suffices < 0 ? suffices : 0;
}

static bool group_is_on(const GpuGroup *g, const Host *h) {
        for (size_t i = 0; i < h->pgpus.n; i++)
                if (((const Pgpu *) h->pgpus.items[i])->group == g)
                        return true;

        return false;
}

/* The easier it becomes usable, the lower. */
static int effort(const Host *h) {
        return h->state == HOST_ONLINE ? 0 : h->state == HOST_CONNECTING ? 1 : 2;
}

/* Of the hosts that cannot be used, the first that would take the VM if it could, those before others that
 * are only disabled, or not heard from yet; of a group, or of all. NULL: there is none that is not usable. */
int find_unusable(const Ranking *r, const GpuGroup *group_or_null, const Host **ret) {
        const PtrArray *hosts = &r->pool->objects[CLASS_HOST];
        const Host *best = NULL;
        size_t n_tried = 0;

        for (int e = 0; e <= 2; e++)
                for (size_t i = 0; i < hosts->n && n_tried < HOSTS_TRIED_MAX; i++) {
                        const Host *h = hosts->items[i];
                        _cleanup_strbuf_ StrBuf miss = {};
                        int fits;

                        if (host_is_usable(h) || effort(h) != e ||
                                (group_or_null && !group_is_on(group_or_null, h)))
                                continue;
                        n_tried++;
                        best = best ?: h;
                        fits = try_if_usable(r, h, &miss);
                        if (fits < 0)
                                return fits;
                        if (fits > 0) {
                                *ret = h;
                                return 0;
                        }
                }

        *ret = best;
        return 0;
}
