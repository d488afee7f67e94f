/*
 * Pools of unequal hosts, against trying everything
 *
 * Random pools in which no two boards are alike: their hosts have other types and other numbers of the same type, boards are divided, by
 * us or by others, some of their virtual functions are suspect, cards vanished with VMs on them, strangers hold one, hosts are away or
 * disabled. VMs want several whole GPUs, and shares of others beside them. The rules are written again without the decider, and every way
 * to place a VM is looked at.
 *
 * The same search that is blind to one of these things must give another answer in some pools: a decider that was would be noticed.
 */

#include <stdio.h>

#include "tests/unit/policyd-core/dice.h"

#define END _WORLD_TYPE_MAX
#define N_POOLS 4000
#define BOARDS_MAX 24
#define WANTED_MAX 6

typedef enum Blind {
        SEES_ALL,
        BLIND_TO_SUSPECTS,
        BLIND_TO_VANISHED,
        BLIND_TO_STRANGERS,
        BLIND_TO_TYPES,
        BLIND_TO_SIZES,
        BLIND_TO_HOSTS,
        BLIND_TO_DIVISIONS,
        _BLIND_MAX,
} Blind;

/* What the test gave a board, which it never asks of the pool. */
typedef struct Board {
        Pgpu *pgpu;
        const Host *host;
        Card card;
        uint32_t instances[_WORLD_TYPE_MAX]; /* of each type; 0: it has not that type */
        uint32_t everywhere[_WORLD_TYPE_MAX]; /* as other hosts have it */
        uint32_t functions, suspect; /* 0: not divided */
        bool by_others, vanished, held, host_is_away;
        WorldType runs; /* END: nothing */
        uint32_t n_runs;
} Board;

typedef struct Boards {
        Board items[BOARDS_MAX];
        size_t n;
} Boards;

static const uint32_t usual[_WORLD_TYPE_MAX] = {[K100] = 8, [K140Q] = 4, [K200] = 8, [K240Q] = 4, [K260Q] = 2, [PASSTHROUGH] = 1};

static bool is_of_card(Card card, WorldType t) {
        return t == PASSTHROUGH || (card == K1) == (t <= K140Q);
}

/* A host's files and driver: which types it has, and how many of each. */
typedef struct Files {
        uint32_t instances[_WORLD_TYPE_MAX];
} Files;

static Files random_files(World *w, Dice *d, Host *h) {
        bool other = roll(d, 3) == 0;
        Files f = {};

        for (WorldType t = K100; t <= PASSTHROUGH; t++) {
                TypeFacts facts = {.internal_config = "{}"};
                uint32_t n = other && roll(d, 3) == 0 && t != PASSTHROUGH ? UINT32_C(1) << roll(d, 4) : usual[t];

                if (t == PASSTHROUGH) {
                        f.instances[t] = 1;
                        continue;
                }
                facts.size = PGPU_SIZE / n;
                assert_true(pool_set_host_type(w->pool, h, w->types[t], &facts) >= 0);
                f.instances[t] = roll(d, 6) == 0 ? 0 : n;
        }
        return f;
}

static void set_types(World *w, Board *b) {
        VgpuType *types[_WORLD_TYPE_MAX];
        size_t n = 0;

        for (WorldType t = K100; t <= PASSTHROUGH; t++)
                if (b->instances[t] > 0)
                        types[n++] = w->types[t];
        assert_int_equal(pool_set_pgpu_supported(w->pool, b->pgpu, types, n), 0);
        assert_int_equal(pool_set_pgpu_enabled(w->pool, b->pgpu, types, n), 0);
}

/* A board that others have divided offers the types of that number alone, and is not given whole. */
static void divide(World *w, Dice *d, Board *b) {
        char text[16];

        b->functions = UINT32_C(2) << roll(d, 3);
        b->by_others = roll(d, 2);
        for (WorldType t = K100; t <= PASSTHROUGH && b->by_others; t++)
                if (t == PASSTHROUGH || b->instances[t] != b->functions)
                        b->instances[t] = 0;
        snprintf(text, sizeof(text), "%s %u", b->by_others ? "fixed" : "ours", b->functions);
        assert_int_equal(pool_set_pgpu_division(w->pool, b->pgpu, text), 0);
}

static void add_vms(World *w, Dice *d, Board *b) {
        WorldType t = (WorldType) roll(d, PASSTHROUGH + 1);
        uint32_t most = b->instances[t];

        if (roll(d, 2) || most == 0 || (b->functions > 0 && most != b->functions && t != PASSTHROUGH) || (b->functions > 0 && t == PASSTHROUGH))
                return;
        b->runs = t;
        for (b->n_runs = 0; b->n_runs == 0 || (b->n_runs < most && roll(d, 2)); b->n_runs++)
                world_resident(w, b->pgpu, t);
}

static void add_board(World *w, Dice *d, Boards *boards, Host *h, const Files *files, Card card) {
        Board *b = &boards->items[boards->n++];

        *b = (Board){.pgpu = world_pgpu(w, h, card), .host = h, .card = card, .runs = END};
        for (WorldType t = K100; t <= PASSTHROUGH; t++) {
                b->instances[t] = is_of_card(card, t) && roll(d, 10) ? files->instances[t] : 0;
                b->everywhere[t] = is_of_card(card, t) ? usual[t] : 0;
        }
        if (roll(d, 3) == 0)
                divide(w, d, b);
        set_types(w, b);
        add_vms(w, d, b);
        if (b->functions > 0 && roll(d, 2))
                b->suspect = roll(d, b->functions - (b->runs == END ? 0 : b->n_runs) + 1);
        pool_set_pgpu_suspects(w->pool, b->pgpu, b->suspect);
        if (roll(d, 12) == 0) {
                b->vanished = true;
                assert_int_equal(pool_set_pgpu_health(w->pool, b->pgpu, PGPU_HEALTH_LOST, "It does not answer."), 0);
        } else if (roll(d, 12) == 0) {
                b->held = true;
                assert_int_equal(pool_set_pgpu_held_by(w->pool, b->pgpu, "domain 'x' (id 7)"), 0);
        }
}

static World *random_world(Dice *d, Boards *boards) {
        static const char *const names[] = {"a", "b", "c", "d"};
        World *w = world_new();

        for (size_t i = 0; i < 2; i++)
                pool_set_group_algorithm(w->pool, w->groups[i], roll(d, 2));
        for (size_t i = 0, n = 1 + roll(d, 4); i < n; i++) {
                Host *h = world_host(w, names[i]);
                Files files = random_files(w, d, h);
                size_t first = boards->n;
                uint32_t away = roll(d, 12);

                for (size_t j = roll(d, 4); j > 0; j--)
                        add_board(w, d, boards, h, &files, K2);
                for (size_t j = roll(d, 3); j > 0; j--)
                        add_board(w, d, boards, h, &files, K1);
                if (away == 0)
                        pool_set_host_state(w->pool, h, HOST_OFFLINE, "Away.");
                else if (away == 1)
                        pool_set_host_enabled(w->pool, h, false);
                for (size_t j = first; j < boards->n; j++)
                        boards->items[j].host_is_away = away <= 1;
        }
        return w;
}

/* The rules, once more. */

/* n_more: of the type, placed there in thought; other: one of another type was. */
static uint32_t room(const Board *b, WorldType t, uint32_t n_more, bool other, Blind blind) {
        uint32_t instances = blind == BLIND_TO_SIZES && b->instances[t] > 0 ? b->everywhere[t] : b->instances[t], lost = 0, taken;

        if (blind == BLIND_TO_TYPES)
                instances = b->instances[t] > 0 ? b->instances[t] : b->everywhere[t];
        if (blind == BLIND_TO_DIVISIONS && b->by_others)
                instances = b->everywhere[t];
        if (instances == 0 || other || (b->host_is_away && blind != BLIND_TO_HOSTS) ||
                (b->vanished && blind != BLIND_TO_VANISHED) || (b->held && blind != BLIND_TO_STRANGERS))
                return 0;
        if (b->suspect > 0 && blind != BLIND_TO_SUSPECTS) {
                if (b->suspect == b->functions)
                        return 0;
                lost = b->suspect * (PGPU_SIZE / b->functions);
        }
        if (b->runs != END && (b->runs != t || t == PASSTHROUGH))
                return 0;
        if (t == PASSTHROUGH)
                return n_more == 0;
        taken = (b->runs == t ? b->n_runs : 0) + n_more;
        if ((uint64_t) taken * (PGPU_SIZE / instances) + lost > PGPU_SIZE)
                return 0;
        return (PGPU_SIZE - lost - taken * (PGPU_SIZE / instances)) / (PGPU_SIZE / instances);
}

/* What a VM wants, and where each is in thought. */
typedef struct Wanted {
        WorldType types[WANTED_MAX];
        Card cards[WANTED_MAX];
        size_t at[WANTED_MAX]; /* board */
        size_t n;
} Wanted;

static uint32_t room_beside(const Boards *boards, size_t board, const Wanted *v, size_t n_placed, Blind blind) {
        uint32_t n_more = 0;
        bool other = false;

        for (size_t i = 0; i < n_placed; i++)
                if (v->at[i] == board) {
                        n_more += v->types[i] == v->types[n_placed];
                        other |= v->types[i] != v->types[n_placed];
                }
        return room(&boards->items[board], v->types[n_placed], n_more, other, blind);
}

static bool fits(const Boards *boards, const Host *h, Wanted *v, size_t n_placed, Blind blind) {
        if (n_placed == v->n)
                return true;
        for (size_t i = 0; i < boards->n; i++) {
                if (boards->items[i].host != h || boards->items[i].card != v->cards[n_placed] ||
                        room_beside(boards, i, v, n_placed, blind) == 0)
                        continue;
                v->at[n_placed] = i;
                if (fits(boards, h, v, n_placed + 1, blind))
                        return true;
        }
        return false;
}

static uint64_t sum_on(const Boards *boards, const Host *h, Card card, WorldType t, Blind blind) {
        uint64_t sum = 0;

        for (size_t i = 0; i < boards->n; i++)
                if (boards->items[i].card == card && (!h || boards->items[i].host == h))
                        sum += room(&boards->items[i], t, 0, false, blind);
        return sum;
}

/* Whether the VM goes to a rather than to b, of which both fit. Names come in the order of the pool. */
static bool is_before(const World *w, const Boards *boards, const Wanted *v, const Host *a, const Host *b, Blind blind) {
        for (size_t i = 0; i < v->n; i++) {
                uint64_t of_a = sum_on(boards, a, v->cards[i], v->types[i], blind), of_b = sum_on(boards, b, v->cards[i], v->types[i], blind);

                if (of_a != of_b)
                        return w->groups[v->cards[i]]->algorithm == ALGORITHM_BREADTH_FIRST ? of_a > of_b : of_a < of_b;
        }
        return host_memory_available(a) > host_memory_available(b);
}

static const Host *find_host(const World *w, const Boards *boards, const Wanted *v, Blind blind) {
        const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
        const Host *best = NULL;

        for (size_t i = 0; i < hosts->n; i++) {
                const Host *h = hosts->items[i];
                Wanted thought = *v;

                if ((h->state == HOST_ONLINE && h->enabled) || blind == BLIND_TO_HOSTS)
                        if (fits(boards, h, &thought, 0, blind) && (!best || is_before(w, boards, v, h, best, blind)))
                                best = h;
        }
        return best;
}

/* The answers */

static void want(World *w, Wanted *v, Vm *vm, Card card, WorldType t) {
        v->types[v->n] = t;
        v->cards[v->n++] = card;
        world_vgpu(w, vm, w->groups[card], w->types[t]);
}

static Wanted random_wish(World *w, Dice *d, Vm *vm) {
        uint32_t n_whole = roll(d, 3) ? roll(d, 4) : 0, n_shared = n_whole == 0 ? 1 + roll(d, 3) : roll(d, 2), n_others = roll(d, 4) == 0;
        WorldType share = (WorldType) roll(d, 2), other = (WorldType) (K200 + roll(d, 3));
        Wanted v = {};

        for (uint32_t i = 0; i < n_shared; i++)
                want(w, &v, vm, K1, share);
        for (uint32_t i = 0; i < n_others; i++)
                want(w, &v, vm, K2, other);
        for (uint32_t i = 0; i < n_whole && v.n < WANTED_MAX; i++)
                want(w, &v, vm, K2, PASSTHROUGH);
        return v;
}

static size_t board_of(const Boards *boards, const Pgpu *p) {
        for (size_t i = 0; i < boards->n; i++)
                if (boards->items[i].pgpu == p)
                        return i;
        fail_msg("%s is no board of the test", p->name);
        return 0;
}

static void check_places(const Boards *boards, const Wanted *wanted, const Allocation *a) {
        Wanted v = *wanted;

        assert_int_equal(a->n_pgpus, v.n);
        for (size_t i = 0; i < v.n; i++) {
                v.at[i] = board_of(boards, a->pgpus[i]);
                assert_ptr_equal(boards->items[v.at[i]].host, a->host);
                assert_int_equal(boards->items[v.at[i]].card, v.cards[i]);
                assert_true(room_beside(boards, v.at[i], &v, i, SEES_ALL) > 0);
        }
}

static void check_capacities(const World *w, const Boards *boards) {
        for (WorldType t = K100; t <= PASSTHROUGH; t++)
                for (Card card = K1; card <= K2; card++) {
                        PgpuVerdict nearest;

                        assert_int_equal(group_capacity(w->groups[card], w->types[t], &nearest), sum_on(boards, NULL, card, t, SEES_ALL));
                }
}

static void unequal_pools_equal_trying_everything(void **state) {
        size_t n_placed = 0, n_noticed[_BLIND_MAX] = {};
        Dice d = {.state = 0x0ddba11};

        for (size_t i = 0; i < N_POOLS; i++) {
                Boards boards = {};
                _cleanup_world_ World *w = random_world(&d, &boards);
                Vm *vm = world_vm(w, "new", END);
                Wanted v = random_wish(w, &d, vm);
                const Host *best = find_host(w, &boards, &v, SEES_ALL);
                Allocation a = world_start(w, vm);

                assert_int_equal(a.refusal.code == ERROR_NONE, best != NULL);
                assert_ptr_equal(a.host, best);
                if (best)
                        check_places(&boards, &v, &a);
                check_capacities(w, &boards);
                assert_decided_alike(w, &(AllocRequest){.vm = vm});
                for (Blind blind = SEES_ALL + 1; blind < _BLIND_MAX; blind++)
                        n_noticed[blind] += find_host(w, &boards, &v, blind) != best;
                n_placed += best != NULL;
                allocation_done(&a);
        }

        /* The dice must ask every kind of question. */
        assert_true(n_placed > N_POOLS / 4 && n_placed < N_POOLS * 9 / 10);
        for (Blind blind = SEES_ALL + 1; blind < _BLIND_MAX; blind++)
                if (n_noticed[blind] < N_POOLS / 100)
                        fail_msg("A decider with the blindness %d would be noticed in %zu of %d pools", blind, n_noticed[blind], N_POOLS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unequal_pools_equal_trying_everything),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
