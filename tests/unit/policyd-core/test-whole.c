/*
 * Several whole GPUs in one VM, against trying everything
 *
 * Random pools of unequal hosts whose PGPUs hang on switches and nodes; VMs that want up to six whole K2, and perhaps a K100 beside them.
 * The answer is written again without the decider: every way to choose the PGPUs is looked at.
 */

#include <stdio.h>

#include "tests/unit/policyd-core/dice.h"

#define END _WORLD_TYPE_MAX
#define N_POOLS 3000
#define WHOLE_MAX 6

typedef struct Best {
        const Host *host;
        uint64_t scores[2]; /* lower is better */
        uint32_t spread;    /* nodes, then places */
} Best;

/* One way to choose on one host. */
typedef struct Way {
        const Pgpu *pgpus[WHOLE_MAX + 1];
        size_t n;
} Way;

static void add_pgpu(World *w, Dice *d, Host *h, Card card) {
        static const char *const switches[] = {"", "0000:10:00.0", "0000:20:00.0", "0000:30:00.0"};
        Pgpu *p = world_pgpu(w, h, card);
        uint32_t at = roll(d, 4);

        /* A switch is of one node. */
        assert_int_equal(pool_set_pgpu_place(w->pool, p, at == 0 ? (int32_t) roll(d, 2) : (int32_t) at % 2, switches[at]), 0);
        if (roll(d, 8) == 0)
                world_disable_type(w, p, PASSTHROUGH);
        for (size_t n = roll(d, 3) ? 0 : 1 + roll(d, 2); n > 0; n--)
                world_resident(w, p, card == K1 ? K100 : K200);
}

static World *random_world(Dice *d) {
        static const char *const names[] = {"a", "b", "c", "d"};
        World *w = world_new();

        for (size_t i = 0; i < 2; i++)
                pool_set_group_algorithm(w->pool, w->groups[i], roll(d, 2));
        for (size_t i = 0, n = 1 + roll(d, 4); i < n; i++) {
                Host *h = world_host(w, names[i]);

                for (size_t j = roll(d, 9); j > 0; j--)
                        add_pgpu(w, d, h, K2);
                for (size_t j = roll(d, 4); j > 0; j--)
                        add_pgpu(w, d, h, K1);
        }
        return w;
}

static uint32_t spread_of(const Way *way) {
        uint32_t nodes = 0, places = 0;

        for (size_t i = 0; i < way->n; i++) {
                bool node = true, place = true;

                for (size_t j = 0; j < i; j++) {
                        bool same_node = way->pgpus[j]->numa_node == way->pgpus[i]->numa_node;

                        node &= !same_node;
                        place &= !(same_node && streq_ptr(way->pgpus[j]->pci_switch, way->pgpus[i]->pci_switch));
                }
                nodes += node;
                places += place;
        }
        return way->n > 1 ? nodes << 16 | places : 0;
}

/* The nearest of all ways to take n more of the PGPUs from there on; UINT32_MAX: there is none. */
static uint32_t nearest_way(const World *w, const Host *h, Way *way, size_t n, size_t from) {
        uint32_t best = UINT32_MAX;

        if (n == 0)
                return spread_of(way);
        for (size_t i = from; i < h->pgpus.n; i++) {
                const Pgpu *p = h->pgpus.items[i];

                if (p->group != w->groups[K2] || p->vgpus.n > 0 || !ptr_array_contains(&p->enabled, w->types[PASSTHROUGH]))
                        continue;
                way->pgpus[way->n++] = p;
                best = MIN_OF(best, nearest_way(w, h, way, n - 1, i + 1));
                way->n--;
        }
        return best;
}

static uint32_t room(const World *w, const Pgpu *p) {
        return p->group == w->groups[K1] ? 8 - (uint32_t) p->vgpus.n : 0;
}

/* The K1 that the algorithm likes best; 0: none has room. */
static uint32_t best_room(const World *w, const Host *h) {
        bool most = w->groups[K1]->algorithm == ALGORITHM_BREADTH_FIRST;
        uint32_t best = 0;

        for (size_t i = 0; i < h->pgpus.n; i++) {
                uint32_t n = room(w, h->pgpus.items[i]);

                if (n > 0 && (best == 0 || (most ? n > best : n < best)))
                        best = n;
        }
        return best;
}

static uint32_t nearest_on(const World *w, const Host *h, size_t n_whole, bool shared) {
        uint32_t best = UINT32_MAX, wanted = best_room(w, h);

        if (!shared)
                return nearest_way(w, h, &(Way){}, n_whole, 0);
        for (size_t i = 0; i < h->pgpus.n; i++) {
                Way way = {.pgpus = {h->pgpus.items[i]}, .n = 1};

                if (wanted > 0 && room(w, h->pgpus.items[i]) == wanted)
                        best = MIN_OF(best, nearest_way(w, h, &way, n_whole, 0));
        }
        return best;
}

/* What is left on a host, for the group's algorithm: lower is better. */
static uint64_t score_of(const World *w, const Host *h, Card card) {
        WorldType type = card == K1 ? K100 : PASSTHROUGH;
        uint64_t sum = 0;

        for (size_t i = 0; i < h->pgpus.n; i++)
                if (((const Pgpu *) h->pgpus.items[i])->group == w->groups[card])
                        sum += pgpu_capacity(h->pgpus.items[i], w->types[type]);
        return w->groups[card]->algorithm == ALGORITHM_BREADTH_FIRST ? UINT64_MAX - sum : sum;
}

static bool is_better(const Best *a, const Best *b) {
        if (!b->host)
                return true;
        for (size_t i = 0; i < 2; i++)
                if (a->scores[i] != b->scores[i])
                        return a->scores[i] < b->scores[i];
        if (a->spread != b->spread)
                return a->spread < b->spread;
        return host_memory_available(a->host) > host_memory_available(b->host); /* then the name: hosts come in its order */
}

static Best find_best(const World *w, size_t n_whole, bool shared) {
        const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
        Best best = {};

        for (size_t i = 0; i < hosts->n; i++) {
                const Host *h = hosts->items[i];
                Best b = {.host = h, .spread = nearest_on(w, h, n_whole, shared)};

                b.scores[0] = score_of(w, h, shared ? K1 : K2);
                b.scores[1] = shared ? score_of(w, h, K2) : 0;
                if (b.spread != UINT32_MAX && is_better(&b, &best))
                        best = b;
        }
        return best;
}

static void check_choice(const Best *best, const Allocation *a) {
        Way way = {};

        assert_ptr_equal(a->host, best->host);
        for (size_t i = 0; i < a->n_pgpus; i++) {
                assert_ptr_equal(a->pgpus[i]->host, best->host);
                way.pgpus[way.n++] = a->pgpus[i];
        }
        assert_int_equal(spread_of(&way), best->spread);
}

/* Of the host that it names: how many are free, and how many were wanted. */
static void check_refusal(const World *w, const Allocation *a, size_t n_whole) {
        const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
        bool said = false;

        assert_null(a->pgpus);
        for (size_t i = 0; i < hosts->n && n_whole > 1; i++) {
                const Host *h = hosts->items[i];
                size_t n = 0, n_free = 0;
                char text[128];

                for (size_t j = 0; j < h->pgpus.n; j++)
                        if (((const Pgpu *) h->pgpus.items[j])->group == w->groups[K2]) {
                                n++;
                                n_free += pgpu_capacity(h->pgpus.items[j], w->types[PASSTHROUGH]);
                        }
                snprintf(text, sizeof(text), "%s has %zu of %zu whole GPU%s free, and %zu are wanted", h->name_label, n_free, n,
                        n == 1 ? "" : "s", n_whole);
                said |= n > 0 && strstr(a->refusal.message, text);
        }
        if (n_whole > 1 && !strstr(a->refusal.message, "contains no PGPUs") && !strstr(a->refusal.message, "has no PGPU of group"))
                assert_true(said);
}

static void whole_gpus_equal_trying_everything(void **state) {
        Dice d = {.state = 0x5eed};
        size_t n_placed = 0, n_near = 0;

        for (size_t i = 0; i < N_POOLS; i++) {
                _cleanup_world_ World *w = random_world(&d);
                size_t n_whole = 1 + roll(&d, WHOLE_MAX);
                bool shared = roll(&d, 3) == 0;
                Vm *vm = world_vm(w, "new", END);
                Allocation a;
                Best best;

                if (shared)
                        world_vgpu(w, vm, w->groups[K1], w->types[K100]);
                for (size_t k = 0; k < n_whole; k++)
                        world_vgpu(w, vm, w->groups[K2], w->types[PASSTHROUGH]);
                best = find_best(w, n_whole, shared);
                a = world_start(w, vm);
                assert_int_equal(a.refusal.code == ERROR_NONE, best.host != NULL);
                if (best.host)
                        check_choice(&best, &a);
                else if (!shared)
                        check_refusal(w, &a, n_whole);
                assert_decided_alike(w, &(AllocRequest){.vm = vm});
                n_placed += best.host != NULL;
                n_near += best.host && best.spread == (1 << 16 | 1);
                allocation_done(&a);
        }

        /* The dice must ask every kind of question. */
        assert_true(n_placed > N_POOLS / 4 && n_placed < N_POOLS * 9 / 10 && n_near > N_POOLS / 50);
}

/* Six free, of which the first two by address are apart. */
static void gpus_of_one_switch_go_together(void **state) {
        static const struct {
                int32_t node;
                const char *pci_switch;
        } places[] = {{0, "0000:10:00.0"}, {0, "0000:20:00.0"}, {0, "0000:20:00.0"}, {1, "0000:30:00.0"}, {1, "0000:30:00.0"}, {1, "0000:40:00.0"}};
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "alpha");
        Pgpu *p[ARRAY_SIZE(places)];
        Vm *two = world_vm(w, "two", END), *three = world_vm(w, "three", END);

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                p[i] = world_pgpu(w, h, K2);
                assert_int_equal(pool_set_pgpu_place(w->pool, p[i], places[i].node, places[i].pci_switch), 0);
        }
        for (size_t i = 0; i < 2; i++)
                world_vgpu(w, two, w->groups[K2], w->types[PASSTHROUGH]);
        for (size_t i = 0; i < 3; i++)
                world_vgpu(w, three, w->groups[K2], w->types[PASSTHROUGH]);
        world_run(w, two);
        assert_ptr_equal(((Vgpu *) two->vgpus.items[0])->scheduled_on, p[1]);
        assert_ptr_equal(((Vgpu *) two->vgpus.items[1])->scheduled_on, p[2]);
        /* No switch has three; the second node has. */
        world_run(w, three);
        for (size_t i = 0; i < 3; i++)
                assert_ptr_equal(((Vgpu *) three->vgpus.items[i])->scheduled_on, p[3 + i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole_gpus_equal_trying_everything),
                cmocka_unit_test(gpus_of_one_switch_go_together),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
