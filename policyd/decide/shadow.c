/*
 * Shadows of hosts
 *
 * Lists are copied into one block that has room for every supported type in the list of the enabled ones,
 * and never grow otherwise.
 */

#include "policyd/pool/pool-internal.h"
#include "policyd/decide/shadow.h"

static void list_copy(PtrArray *to, const PtrArray *from) {
        if (from->n > 0)
                memcpy(to->items, from->items, from->n * sizeof(void *));
        to->n = from->n;
}

static void list_place(PtrArray *list, void ***next, size_t size) {
        *list = (PtrArray){.items = *next};
        *next += size;
}

void shadow_reset(Shadow *s, size_t i) {
        const Pgpu *from = s->of->pgpus.items[i];
        Pgpu *p = &s->pgpus[i];

        list_copy(&p->enabled, &from->enabled);
        list_copy(&p->disabling, &from->disabling);
        list_copy(&p->vgpus, &from->vgpus);
        list_copy(&p->holds, &from->holds);
        p->used = from->used; /* with what is suspect, which stays as it is */
        p->n_uses = from->n_uses;
        if (from->n_uses > 0)
                memcpy(p->uses, from->uses, from->n_uses * sizeof(struct PgpuUse));
}

int shadow_init(Shadow *s, const Host *h) {
        size_t n = h->pgpus.n, n_items = n, n_uses = 0;
        struct PgpuUse *uses;
        void **next;

        for (size_t i = 0; i < n; i++) {
                const Pgpu *p = h->pgpus.items[i];

                n_items += p->enabled.n + p->supported.n + p->disabling.n + p->vgpus.n + p->holds.n;
                n_uses += p->n_uses;
        }

        *s = (Shadow){.of = h, .host = *h, .pgpus = calloc(n + 1, sizeof(Pgpu))};
        s->items = next = calloc(n_items + 1, sizeof(void *));
        s->uses = uses = calloc(n_uses + 1, sizeof(struct PgpuUse));
        if (!s->pgpus || !s->items || !s->uses) {
                shadow_done(s);
                return -ENOMEM;
        }

        s->host.state = HOST_ONLINE;
        s->host.enabled = true;
        list_place(&s->host.pgpus, &next, n);
        s->host.pgpus.n = n;
        for (size_t i = 0; i < n; i++) {
                const Pgpu *from = h->pgpus.items[i];
                Pgpu *p = &s->pgpus[i];

                *p = *from;
                p->host = &s->host;
                /* A card counts as missing only if its host has reported. */
                p->present = from->present || !h->heard;
                s->host.pgpus.items[i] = p;
                list_place(&p->enabled, &next, from->enabled.n + from->supported.n);
                list_place(&p->disabling, &next, from->disabling.n);
                list_place(&p->vgpus, &next, from->vgpus.n);
                list_place(&p->holds, &next, from->holds.n);
                p->uses = uses;
                uses += from->n_uses;
                shadow_reset(s, i);
        }
        return 0;
}

void shadow_done(Shadow *s) {
        free(s->pgpus);
        free(s->items);
        free(s->uses);
        *s = (Shadow){};
}

void shadow_enable(Shadow *s, size_t i, VgpuType *t) {
        Pgpu *p = &s->pgpus[i];

        if (!ptr_array_contains(&p->enabled, t))
                p->enabled.items[p->enabled.n++] = t;
        ptr_array_remove(&p->disabling, t);
}
