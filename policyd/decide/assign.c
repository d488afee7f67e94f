/*
 * Assigning VGPUs to the PGPUs of one host
 *
 * A search that takes the VGPUs in the order of their devices and for each the PGPUs in the order that the
 * group's algorithm prefers, so that its first leaf is what choosing greedily would give, and with one VGPU
 * exactly XenServer's choice. Three things keep it short:
 *
 *   - a bound before each step: every kind has capacity enough in sum, and, where no PGPU can take two kinds
 * (K1 and K2: always), there is a matching of kinds to PGPUs. In that case the bound is exact: a step that
 * passes it never fails later;
 *   - PGPUs that cannot be told apart (same kinds possible, same use, same placements) are tried once;
 *   - where kinds do mix, states that failed are remembered.
 *
 * For several VGPUs it is repeated on the PGPUs of one switch or node at a time (nearness.h): the choice is theirs if the algorithm likes
 * it as much.
 */

#include "policyd/decide/assign.h"
#include "policyd/decide/nearness.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/decide/verdict.h"

#define FAILURES_KEPT 65536 /* states that failed; a later one takes the place of an earlier one */

typedef struct Slot {
        Pgpu *pgpu;
        uint32_t may;   /* kinds, before some slots were left out */
        size_t place;   /* of places */
        uint32_t kinds; /* bit k: kind k could go there before this decision */
        uint32_t used;  /* without the start's own holds */
        uint32_t own_holds;
        uint32_t placed_units;
        uint32_t placed_kinds;
        uint8_t placed[DEMAND_VGPUS_MAX];
} Slot;

/* What tells slots apart: all but the PGPU. */
#define SLOT_STATE (offsetof(Slot, placed) + DEMAND_VGPUS_MAX - offsetof(Slot, kinds))

typedef uint64_t FailedState[2];

struct Assigner {
        const Demand *demand;
        Slot *slots;
        size_t n_slots, size;
        uint32_t need[DEMAND_VGPUS_MAX]; /* per kind, not yet placed */
        size_t chosen[DEMAND_VGPUS_MAX]; /* slot of each VGPU */
        uint64_t ranks[DEMAND_VGPUS_MAX]; /* of the slots that were chosen, as they were then */
        PciPlaces places;                 /* of the slots */
        size_t *order;                   /* working memory of each depth: candidates */
        FailedState *failed;             /* states from which there is no way on */
        uint64_t round;                  /* of all hosts that were tried: the states of others count no more */
};

bool demand_kind_matches(const DemandKind *k, const Pgpu *p) {
        return p->group == k->group && (!k->pinned || pci_address_compare(&p->pci, &k->pinned_pci) == 0);
}

static size_t demand_find_kind(Demand *d, const Vgpu *v) {
        size_t i;

        for (i = 0; i < d->n_kinds; i++) {
                const DemandKind *k = &d->kinds[i];

                if (k->group == v->group && k->type == v->type && k->pinned == v->pinned &&
                        (!v->pinned || pci_address_compare(&k->pinned_pci, &v->pinned_pci) == 0))
                        return i;
        }

        d->kinds[d->n_kinds++] = (DemandKind){
                .group = v->group,
                .type = v->type,
                .pinned = v->pinned,
                .pinned_pci = v->pinned_pci,
                .passthrough = v->type->implementation == TYPE_PASSTHROUGH,
                .reserved = d->reservation && d->reservation->type == v->type &&
                            d->reservation->group == v->group,
        };
        return i;
}

int demand_init(Demand *d, const Vm *vm, const Reservation *reservation) {
        if (vm->vgpus.n > DEMAND_VGPUS_MAX)
                return -EINVAL;

        d->vm = vm;
        d->reservation = reservation;
        d->n_vgpus = vm->vgpus.n;
        d->n_kinds = 0;
        d->exclusive = true;

        for (size_t i = 0; i < vm->vgpus.n; i++) {
                d->kind_of[i] = (uint8_t) demand_find_kind(d, vm->vgpus.items[i]);
                d->kinds[d->kind_of[i]].count++;
        }

        for (size_t i = 0; i < d->n_kinds; i++)
                for (size_t j = 0; j < d->n_kinds; j++) {
                        DemandKind *k = &d->kinds[i];

                        if (!type_may_join(k->type, d->kinds[j].type))
                                continue;
                        k->joins |= 1u << j;
                        if (i != j && k->group == d->kinds[j].group)
                                d->exclusive = false;
                }

        return 0;
}

Assigner *assigner_new(const Demand *d) {
        Assigner *a = calloc(1, sizeof(Assigner));

        if (a)
                a->demand = d;
        return a;
}

Assigner *assigner_free(Assigner *a) {
        if (!a)
                return NULL;

        free(a->failed);
        free(a->slots);
        free(a->order);
        free(a);
        return NULL;
}

static uint32_t slot_capacity(const Demand *d, const Slot *s, size_t kind) {
        const DemandKind *k = &d->kinds[kind];
        uint32_t taken = s->used + s->placed_units;

        if (!(s->kinds & (1u << kind)))
                return 0;
        for (size_t j = 0; s->placed_kinds >> j; j++)
                if ((s->placed_kinds & (1u << j)) && !(d->kinds[j].joins & (1u << kind)))
                        return 0;

        if (k->passthrough)
                return s->placed_kinds == 0;

        /* What the reservation holds here and this decision has not used stays taken for other types. */
        if (s->own_holds > 0 && !k->reserved) {
                uint32_t placed_reserved = 0;

                for (size_t j = 0; j < d->n_kinds; j++)
                        if (d->kinds[j].reserved)
                                placed_reserved += s->placed[j];
                if (s->own_holds > placed_reserved)
                        taken += (s->own_holds - placed_reserved) *
                                 pgpu_type_size(s->pgpu, d->reservation->type);
        }

        return taken < PGPU_SIZE ? (PGPU_SIZE - taken) / pgpu_type_size(s->pgpu, k->type) : 0;
}

/* How many VGPUs of the kind the slot takes; a type that does not admit itself stays alone. */
static uint32_t slot_room(const Demand *d, const Slot *s, size_t kind) {
        uint32_t capacity = slot_capacity(d, s, kind);

        return d->kinds[kind].joins & (1u << kind) ? capacity : MIN_OF(capacity, 1u);
}

/* good: without PGPUs where starts failed, but for what is held for this start. */
static int assigner_prepare(Assigner *a, const Host *h, bool good) {
        const Demand *d = a->demand;

        if (a->size < h->pgpus.n) {
                Slot *slots = realloc(a->slots, h->pgpus.n * sizeof(Slot));
                size_t *order;

                if (!slots)
                        return -ENOMEM;
                a->slots = slots;
                order = realloc(a->order, h->pgpus.n * d->n_vgpus * sizeof(size_t));
                if (!order)
                        return -ENOMEM;
                a->order = order;
                a->size = h->pgpus.n;
        }

        a->n_slots = 0;
        a->places.n = 0;

        for_each(Pgpu, p, &h->pgpus) {
                Slot s = {.pgpu = p};

                for (size_t k = 0; k < d->n_kinds; k++) {
                        PgpuVerdict v;

                        if (!demand_kind_matches(&d->kinds[k], p))
                                continue;
                        pgpu_verdict(p, d->kinds[k].type, d->reservation, &v);
                        if (v.capacity > 0)
                                s.kinds |= 1u << k;
                }

                s.own_holds = pgpu_own_holds(p, d->reservation);
                if (!s.kinds || (good && p->standing != PLACE_GOOD && s.own_holds == 0))
                        continue;
                s.used = p->used -
                         s.own_holds * (d->reservation ? pgpu_type_size(p, d->reservation->type) : 0);
                s.may = s.kinds;
                s.place = places_find(&a->places, p);
                a->slots[a->n_slots++] = s;
        }

        return 0;
}

/*
 * The matching part of the bound: kind_of_slot says which kind has each slot; a kind wants another slot, and
 * takes a free one, or one whose kind can move on.
 */
typedef struct Matching {
        uint32_t wants[64]; /* bit k: slot could serve kind k */
        uint8_t kind[64];
        uint64_t seen;
        size_t n;
} Matching;

#define KIND_NONE UINT8_MAX

static bool matching_augment(Matching *m, size_t kind) {
        for (size_t i = 0; i < m->n; i++) {
                if (!(m->wants[i] & (1u << kind)) || (m->seen & (UINT64_C(1) << i)) || m->kind[i] == kind)
                        continue;
                m->seen |= UINT64_C(1) << i;
                if (m->kind[i] == KIND_NONE || matching_augment(m, m->kind[i])) {
                        m->kind[i] = (uint8_t) kind;
                        return true;
                }
        }

        return false;
}

static bool bound_by_matching(const Assigner *a) {
        uint32_t need[DEMAND_VGPUS_MAX], most[DEMAND_VGPUS_MAX] = {};
        const Demand *d = a->demand;
        Matching m = {};

        memcpy(need, a->need, sizeof(need));

        for (size_t i = 0; i < a->n_slots; i++) {
                uint32_t room[DEMAND_VGPUS_MAX], wants = 0;
                size_t last = 0;

                for (size_t k = 0; k < d->n_kinds; k++) {
                        room[k] = a->need[k] > 0 ? slot_room(d, &a->slots[i], k) : 0;
                        if (room[k] == 0)
                                continue;
                        wants |= 1u << k;
                        last = k;
                }

                /* If only one kind can use the slot, that kind gets it. */
                if ((wants & (wants - 1)) == 0) {
                        if (wants)
                                need[last] -= MIN_OF(need[last], room[last]);
                        continue;
                }

                if (m.n == ARRAY_SIZE(m.wants))
                        return true; /* too many to match here: the search decides */
                for (size_t k = 0; k < d->n_kinds; k++)
                        most[k] = MAX_OF(most[k], room[k]);
                m.wants[m.n] = wants;
                m.kind[m.n++] = KIND_NONE;
        }

        for (size_t k = 0; k < d->n_kinds; k++)
                for (; need[k] > 0; need[k] -= MIN_OF(need[k], most[k])) {
                        m.seen = 0;
                        if (most[k] == 0 || !matching_augment(&m, k))
                                return false;
                }

        return true;
}

/* Necessary for the VGPUs not yet placed to find room; see the top for when it is sufficient too. */
static bool bound_holds(const Assigner *a) {
        const Demand *d = a->demand;

        for (size_t k = 0; k < d->n_kinds; k++) {
                uint64_t room = 0;

                for (size_t i = 0; i < a->n_slots && room < a->need[k]; i++)
                        room += slot_room(d, &a->slots[i], k);
                if (room < a->need[k])
                        return false;
        }

        return !d->exclusive || d->n_kinds == 1 || bound_by_matching(a);
}

static bool slots_alike(const Slot *a, const Slot *b) {
        return a->pgpu->standing == b->pgpu->standing && a->kinds == b->kinds && a->used == b->used &&
               a->own_holds == b->own_holds && memcmp(a->placed, b->placed, sizeof(a->placed)) == 0;
}

/* The algorithm's preference: a smaller number comes first. */
static uint64_t slot_rank(const Demand *d, const Slot *s, size_t kind) {
        const DemandKind *k = &d->kinds[kind];
        uint32_t capacity = slot_capacity(d, s, kind);
        uint64_t rank = 0;

        switch (k->group->algorithm) {
        case ALGORITHM_DEPTH_FIRST:
        case _GROUP_ALGORITHM_MAX:
        case _GROUP_ALGORITHM_INVALID:
                rank = capacity;
                break;
        case ALGORITHM_BREADTH_FIRST:
                rank = PGPU_SIZE - capacity;
                break;
        case ALGORITHM_BEST_FIT:
                /* A PGPU that this decision has opened strands nothing more. */
                rank = (s->placed_kinds ? 0 : pgpu_stranding(s->pgpu, k->type, d->reservation)) *
                               (PGPU_SIZE + 1) +
                       capacity;
                break;
        }

        /* PGPUs with holds for this start come first, PGPUs where starts failed last. */
        if (s->pgpu->standing != PLACE_GOOD)
                rank |= UINT64_C(1) << 62;
        if (k->reserved && s->own_holds > s->placed[kind])
                return rank;
        return rank + (UINT64_C(1) << 63);
}

/* The candidates for a VGPU, best first; ties keep the order of PCI addresses. Of PGPUs that are alike only
 * one is listed. */
static size_t assigner_candidates(const Assigner *a, size_t kind, size_t *ret_order) {
        uint64_t ranks[a->n_slots + 1];
        size_t n = 0;

        for (size_t i = 0; i < a->n_slots; i++) {
                bool seen = false;
                size_t at = n;

                if (slot_capacity(a->demand, &a->slots[i], kind) == 0)
                        continue;
                for (size_t j = 0; j < n && !seen; j++)
                        seen = slots_alike(&a->slots[ret_order[j]], &a->slots[i]) &&
                               (a->demand->kinds[kind].group->algorithm != ALGORITHM_BEST_FIT ||
                                       pgpus_are_empty_alike(a->slots[ret_order[j]].pgpu, a->slots[i].pgpu));
                if (seen)
                        continue;

                ranks[n] = slot_rank(a->demand, &a->slots[i], kind);
                for (uint64_t rank = ranks[n]; at > 0 && ranks[at - 1] > rank; at--) {
                        ranks[at] = ranks[at - 1];
                        ret_order[at] = ret_order[at - 1];
                        ranks[at - 1] = rank;
                }
                ret_order[at] = i;
                n++;
        }

        return n;
}

static void slot_place(const Demand *d, Slot *s, size_t kind, int sign) {
        const DemandKind *k = &d->kinds[kind];

        s->placed[kind] = (uint8_t) (s->placed[kind] + sign);
        s->placed_units += (uint32_t) sign * pgpu_type_size(s->pgpu, k->type);
        if (s->placed[kind] > 0)
                s->placed_kinds |= 1u << kind;
        else
                s->placed_kinds &= ~(1u << kind);
}

static uint64_t mixed(uint64_t hash, uint64_t value) {
        hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
        return hash ^ hash >> 29;
}

/* A digest of depth and of what the slots hold, which does not depend on which slot it is. With 128 bits no two states have one. */
static void digest_state(const Assigner *a, size_t depth, FailedState ret) {
        uint64_t words[SLOT_STATE / sizeof(uint64_t) + 1] = {};

        ret[0] = ret[1] = mixed(a->round, depth);
        for (size_t i = 0; i < a->n_slots; i++) {
                uint64_t first = 1, second = 2;

                memcpy(words, &a->slots[i].kinds, SLOT_STATE);
                for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
                        first = mixed(first, words[k]);
                        second = mixed(second, words[k] + first);
                }
                ret[0] += mixed(0, first);
                ret[1] += mixed(0, second);
        }
}

/* Where a state that failed is noted; NULL: nowhere, which costs time only. */
static FailedState *find_failure(Assigner *a, const FailedState state) {
        if (!a->failed)
                a->failed = calloc(FAILURES_KEPT, sizeof(FailedState));
        return a->failed ? &a->failed[state[0] % FAILURES_KEPT] : NULL;
}

static bool assigner_place(Assigner *a, size_t depth) {
        const Demand *d = a->demand;
        FailedState state, *failure = NULL;
        size_t *order, n, kind;

        if (depth == d->n_vgpus)
                return true;
        if (!bound_holds(a))
                return false;

        /* Where kinds exclude each other the bound is nearly always exact: remembering would cost more than
         * it saves. */
        if (!d->exclusive) {
                digest_state(a, depth, state);
                failure = find_failure(a, state);
                if (failure && memcmp(*failure, state, sizeof(state)) == 0)
                        return false;
        }

        kind = d->kind_of[depth];
        order = a->order + depth * a->size;
        n = assigner_candidates(a, kind, order);
        for (size_t i = 0; i < n; i++) {
                a->ranks[depth] = slot_rank(d, &a->slots[order[i]], kind);
                slot_place(d, &a->slots[order[i]], kind, +1);
                a->need[kind]--;
                a->chosen[depth] = order[i];
                if (assigner_place(a, depth + 1))
                        return true;
                slot_place(d, &a->slots[order[i]], kind, -1);
                a->need[kind]++;
        }

        if (failure)
                memcpy(*failure, state, sizeof(state));
        return false;
}

/* From the beginning, on the slots of some places. */
static bool assigner_search(Assigner *a, uint32_t places) {
        a->round++;
        for (size_t k = 0; k < a->demand->n_kinds; k++)
                a->need[k] = a->demand->kinds[k].count;
        for (size_t i = 0; i < a->n_slots; i++) {
                Slot *s = &a->slots[i];

                s->kinds = places >> s->place & 1 ? s->may : 0;
                s->placed_units = s->placed_kinds = 0;
                memset(s->placed, 0, sizeof(s->placed));
        }
        return assigner_place(a, 0);
}

/* The group's algorithm likes a no less than b. */
static bool ranks_are_as_good(const uint64_t *a, const uint64_t *b, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (a[i] != b[i])
                        return a[i] < b[i];
        return true;
}

/* Looks for PGPUs that are nearer to each other than those that were chosen, and that the algorithm likes as much. */
static void assigner_gather(Assigner *a) {
        uint64_t ranks[DEMAND_VGPUS_MAX];
        size_t chosen[DEMAND_VGPUS_MAX];
        uint32_t set = 0, nearest, at = 0;

        for (size_t i = 0; i < a->demand->n_vgpus; i++)
                set |= UINT32_C(1) << a->slots[a->chosen[i]].place;
        nearest = places_spread(&a->places, set);
        memcpy(ranks, a->ranks, sizeof(ranks));
        memcpy(chosen, a->chosen, sizeof(chosen));
        while ((set = places_next_set(&a->places, &at))) {
                uint32_t spread = places_spread(&a->places, set);

                if (spread >= nearest || !assigner_search(a, set) || !ranks_are_as_good(a->ranks, ranks, a->demand->n_vgpus))
                        continue;
                nearest = spread;
                memcpy(ranks, a->ranks, sizeof(ranks));
                memcpy(chosen, a->chosen, sizeof(chosen));
        }
        memcpy(a->chosen, chosen, sizeof(chosen));
}

int assigner_try(Assigner *a, const Host *h, Pgpu **ret_pgpus) {
        int r = 0;

        for (int good = h->uneven; good >= 0 && r == 0; good--) {
                r = assigner_prepare(a, h, good);
                r = r < 0 ? r : assigner_search(a, /* places= */ UINT32_MAX);
                if (r > 0 && a->places.n > 1 && a->demand->n_vgpus > 1)
                        assigner_gather(a);
        }
        for (size_t i = 0; r > 0 && i < a->demand->n_vgpus; i++)
                ret_pgpus[i] = a->slots[a->chosen[i]].pgpu;

        return r;
}
