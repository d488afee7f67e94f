/*
 * Cards known again: which PGPU each card of a report is, and those that left the pool
 */

#include "policyd/service/hosts/known-again.h"

#include <stdio.h>

#include "common/base/strbuf.h"
#include "common/base/strlist.h"
#include "common/base/text.h"
#include "policyd/decide/known-cards.h"
#include "policyd/pool/former-card.h"
#include "policyd/service/base/additions.h"
#include "policyd/service/base/limits.h"
#include "policyd/service/base/object-log.h"
#include "policyd/words/rules.h"

void card_match_done(CardMatch *m) {
        free(m->pgpus);
        free(m->formers);
}

#define MODEL_MAX 32

typedef struct Cards {
        KnownCard *items;
        char (*models)[MODEL_MAX];
        size_t n;
        FormerCard **formers; /* of the known ones behind the host's PGPUs */
        size_t n_formers;
} Cards;

static void cards_done(Cards *c) {
        free(c->items);
        free(c->models);
        free(c->formers);
}

static int cards_init(Cards *c, size_t n_pgpus, size_t n_formers, size_t n_found) {
        size_t n = n_pgpus + n_formers + n_found + 1;

        *c = (Cards){.items = calloc(n, sizeof(*c->items)), .models = calloc(n, sizeof(*c->models)),
                .formers = calloc(n_formers + 1, sizeof(*c->formers))};
        return c->items && c->models && c->formers ? 0 : -ENOMEM;
}

/* p: a Pgpu, a FormerCard or an InventoryPgpu. */
#define ADD_CARD(c, address, p, is_former)                                                                                  \
        do {                                                                                                               \
                const char *model = text_format((c)->models[(c)->n], MODEL_MAX, "%s:%s:%s:%s", (p)->vendor_id,             \
                        (p)->device_id, strempty((p)->subsystem_vendor_id), strempty((p)->subsystem_device_id));           \
                (c)->items[(c)->n++] = (KnownCard){(address), model, (p)->serial_number, is_former};                       \
        } while (0)

static void add_known(Cards *c, const Pool *pool, const Host *h) {
        for_each(const Pgpu, p, &h->pgpus)
                ADD_CARD(c, p->pci, p, /* is_former= */ false);
        for_each_while(!uuid_is_null(&h->host_uuid), FormerCard, f, &pool->former) {
                if (!uuid_equal(&f->machine, &h->host_uuid))
                        continue;
                c->formers[c->n_formers++] = f;
                ADD_CARD(c, f->pci, f, /* is_former= */ true);
        }
}

int cards_find(const Pool *pool, const Host *h, const Inventory *inventory, CardMatch *ret) {
        size_t n_pgpus = h->pgpus.n, n_found = inventory->n_pgpus, n_known;
        _cleanup_free_ size_t *of = calloc(n_found + 1, sizeof(*of));
        _cleanup_free_ bool *asks = calloc(n_found + 1, sizeof(*asks));
        _cleanup_(card_match_done) CardMatch m = {
                .pgpus = calloc(n_found + 1, sizeof(*m.pgpus)), .formers = calloc(n_found + 1, sizeof(*m.formers))};
        _cleanup_(cards_done) Cards cards = {};

        if (cards_init(&cards, n_pgpus, pool->former.n, n_found) < 0 || !of || !asks || !m.pgpus || !m.formers)
                return -ENOMEM;
        add_known(&cards, pool, h);
        n_known = cards.n;
        for (size_t i = 0; i < n_found; i++)
                ADD_CARD(&cards, inventory->pgpus[i].pci_id, &inventory->pgpus[i], /* is_former= */ false);
        cards_match(cards.items, n_known, cards.items + n_known, n_found, of, asks);
        for (size_t i = 0; i < n_found; i++) {
                if (of[i] == CARD_NEW)
                        continue;
                if (of[i] < n_pgpus)
                        m.pgpus[i] = h->pgpus.items[of[i]];
                else
                        m.formers[i] = cards.formers[of[i] - n_pgpus];
        }
        *ret = m;
        m = (CardMatch){};
        return 0;
}

/* Groups */

int pgpu_join_group(Hosts *hs, Pgpu *pgpu) {
        _cleanup_strbuf_ StrBuf name = {};
        char gpu_type[32];
        GpuGroup *g;
        int r;

        snprintf(gpu_type, sizeof(gpu_type), "%s/%s", pgpu->vendor_id, pgpu->device_id);
        g = rule_group_for(hs->batch->pool, gpu_type);
        if (!g) {
                strbuf_addf(&name, "Group of %s %s GPUs",
                        isempty(pgpu->vendor_name) ? pgpu->vendor_id : pgpu->vendor_name,
                        isempty(pgpu->device_name) ? pgpu->device_id : pgpu->device_name);
                if (strbuf_error(&name) < 0)
                        return -ENOMEM;
                r = group_add(hs->batch, name.text, "", (const char *const[]){gpu_type, NULL}, &g);
                if (r < 0)
                        return r;
                log_own_change(g, "GPU group %s was made for the PGPUs of its kind.", g->name_label);
        }
        return pool_set_pgpu_group(hs->batch->pool, pgpu, g);
}

static GpuGroup *group_of_kind(const Pool *pool, const char *vendor_id, const char *device_id) {
        char gpu_type[32];

        return rule_group_for(pool, text_format(gpu_type, sizeof(gpu_type), "%s/%s", vendor_id, device_id));
}

bool pgpu_is_set_up(const Pool *pool, const Pgpu *pgpu) {
        return !isempty(pgpu->other_config) ||
               (pgpu->group && pgpu->group != group_of_kind(pool, pgpu->vendor_id, pgpu->device_id));
}

static bool former_is_set_up(const Pool *pool, const FormerCard *f) {
        const GpuGroup *g = pool_get(pool, CLASS_GPU_GROUP, &f->group);

        return !isempty(f->other_config) || (g && g != group_of_kind(pool, f->vendor_id, f->device_id));
}

int types_identifiers(const Host *h, const PtrArray *types, char ***ret) {
        _cleanup_strlist_ StrList list = {};

        for_each(const VgpuType, t, types)
                strlist_add(&list, type_identifier_on(t, h));
        return strlist_take(&list, ret);
}

/* Cards that left the pool */

static int forget(Batch *b, FormerCard *f) {
        int r;

        r = store_ops_del_former(&b->now.extra, f);
        if (r < 0)
                return r;
        batch_open(b);
        pool_remove_former(b->pool, f);
        return 0;
}

int former_keep(Batch *b, const Pgpu *pgpu) {
        _cleanup_(former_card_freep) FormerCard *f = NULL;
        int r;

        if (uuid_is_null(&pgpu->host->host_uuid))
                return 0;
        while (b->pool->former.n >= FORMER_CARDS_MAX) {
                r = forget(b, b->pool->former.items[0]);
                if (r < 0)
                        return r;
        }
        r = former_card_new(b->pool, pgpu, &f);
        r = r ?: store_ops_put_former(&b->now.extra, f);
        if (r == -EMSGSIZE)
                return 0;
        r = r ?: pool_add_former(b->pool, f);
        if (r < 0)
                return r;
        batch_open(b);
        f = NULL;
        return 0;
}

static int restore_types(
        Pool *pool, Pgpu *pgpu, char *const *identifiers, int (*set)(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n)) {
        size_t n = 0, n_identifiers = strv_count(identifiers);
        _cleanup_free_ VgpuType **types = calloc(n_identifiers + 1, sizeof(*types));

        if (!types)
                return -ENOMEM;
        for (size_t i = 0; i < n_identifiers; i++) {
                VgpuType *t = host_type_by_identifier(pool, pgpu->host, identifiers[i]);
                size_t k = 0;

                while (k < n && types[k] != t)
                        k++;
                if (t && k == n)
                        types[n++] = t;
        }
        return set(pool, pgpu, types, n);
}

/* A group of somebody's that was destroyed meanwhile, or takes other GPUs now, is not made again. */
static int restore_group(Hosts *hs, Pgpu *pgpu, const FormerCard *f) {
        GpuGroup *g = pool_get(hs->batch->pool, CLASS_GPU_GROUP, &f->group);
        char gpu_type[32];

        text_format(gpu_type, sizeof(gpu_type), "%s/%s", f->vendor_id, f->device_id);
        if (uuid_is_null(&f->group))
                return 0;
        return g && strv_contains(g->gpu_types, gpu_type) ? pool_set_pgpu_group(hs->batch->pool, pgpu, g) : pgpu_join_group(hs, pgpu);
}

static int restore_texts(Pgpu *pgpu, const FormerCard *f) {
        return text_set(&pgpu->subsystem_vendor_id, f->subsystem_vendor_id) < 0 ||
                               text_set(&pgpu->subsystem_device_id, f->subsystem_device_id) < 0 ||
                               text_set(&pgpu->serial_number, f->serial_number) < 0 ||
                               text_set(&pgpu->other_config, f->other_config) < 0
                       ? -ENOMEM
                       : 0;
}

int former_revive(Hosts *hs, Host *h, FormerCard *f, Pgpu **ret) {
        Pool *pool = hs->batch->pool;
        char host[UUID_TEXT_MAX];
        Pgpu *pgpu;
        int r;

        uuid_to_string(&f->host, host);
        r = pool_add_pgpu(pool, &f->id, 0, h, &f->pci, f->vendor_id, f->device_id, &pgpu);
        if (r < 0)
                return r;
        batch_open(hs->batch);
        r = restore_texts(pgpu, f);
        r = r ?: restore_group(hs, pgpu, f);
        r = r ?: restore_types(pool, pgpu, f->supported, pool_set_pgpu_supported);
        r = r ?: restore_types(pool, pgpu, f->enabled, pool_set_pgpu_enabled);
        r = r ?: affinities_follow(hs->batch, host, UUID_TEXT(&h->object.id));
        r = r ?: forget(hs->batch, f);
        if (r < 0)
                return r;
        log_full(LOG_INFO, MSG_POOL_FOLLOWED, FIELDS(OBJECT_FIELD(&pgpu->object), OBJECT_FIELD(&h->object)),
                "PGPU %s is that of a card which host %s had before; it keeps its uuid%s%s.", pgpu->name, h->name_label,
                pgpu->group ? " and is in group " : "", pgpu->group ? pgpu->group->name_label : "");
        *ret = pgpu;
        return 0;
}

static int has_room(Hosts *hs) {
        _cleanup_refusal_ Refusal refusal = {};
        int r;

        r = check_limit(hs->batch, CLASS_PGPU, 1, &refusal);
        return r < 0 ? r : refusal.code == ERROR_NONE;
}

int former_revive_set_up(Hosts *hs, Host *h) {
        Pool *pool = hs->batch->pool;
        size_t i = 0;
        Pgpu *pgpu;
        int r = 0;

        while (r >= 0 && i < pool->former.n) {
                FormerCard *f = pool->former.items[i];

                if (!uuid_equal(&f->machine, &h->host_uuid) || !former_is_set_up(pool, f)) {
                        i++;
                        continue;
                }
                r = has_room(hs);
                if (r <= 0)
                        break;
                r = former_revive(hs, h, f, &pgpu);
        }
        return MIN_OF(r, 0);
}

int affinities_follow(Batch *b, const char *from, const char *to) {
        int r = 0;

        if (streq(from, to))
                return 0;
        for_each(Vm, vm, &b->pool->objects[CLASS_VM]) {
                const TextChange change = {&vm->affinity, to, VM_AFFINITY};

                if (r >= 0 && streq(vm->affinity, from))
                        r = object_set_texts(b, &vm->object, &change, 1);
        }
        return MIN_OF(r, 0);
}
