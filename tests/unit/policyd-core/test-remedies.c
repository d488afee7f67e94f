/*
 * Remedies that are followed
 *
 * A refusal's sentence is read as a person would read it, and what it says is done: in thousands of random
 * pools the VM then starts, or the sentence has said that it would not suffice, and then it does not.
 */

#include <ctype.h>
#include <stdio.h>

#include "policyd/pool/pool-internal.h"
#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX
#define N_POOLS 6000
#define NAME_MAX_SIZE 64

static const char alone[] = "That alone does not suffice";
static const char never[] = "Not even with nothing else on its PGPUs could ";

typedef struct Dice {
        uint64_t state;
} Dice;

static uint32_t roll(Dice *d, uint32_t sides) {
        d->state ^= d->state >> 12;
        d->state ^= d->state << 25;
        d->state ^= d->state >> 27;
        return (uint32_t) ((d->state * UINT64_C(2685821657736338717)) >> 33) % sides;
}

/* Reading */

typedef struct Reader {
        World *w;
        Vm *vm;
        Dice *dice;
        const char *text; /* the whole sentence, up to what would still be in the way */
        size_t n_done;
} Reader;

static void *find(World *w, ObjectClass c, const char *name) {
        Object *o = NULL;

        if (pool_find(w->pool, c, name, &o) != 0)
                fail_msg("Nothing is called '%s'", name);
        return o;
}

/* A host's name ends at a blank or a stop. */
static Host *read_host(Reader *r, const char *at) {
        char name[NAME_MAX_SIZE] = "";
        size_t n = 0;

        while (isalnum((unsigned char) at[n]) && n + 1 < sizeof(name)) {
                name[n] = at[n];
                n++;
        }
        return find(r->w, CLASS_HOST, name);
}

/* "0000:84:00.0 of beta" */
static Pgpu *read_pgpu(Reader *r, const char *at) {
        Host *h = read_host(r, strstr(at, " of ") + 4);
        char address[13] = "";

        memcpy(address, at, 12);
        for (size_t i = 0; i < h->pgpus.n; i++)
                if (streq(PCI_TEXT(&((Pgpu *) h->pgpus.items[i])->pci), address))
                        return h->pgpus.items[i];
        fail_msg("%s has no PGPU at %s", h->name_label, address);
        return NULL;
}

/* The PGPU that was spoken of last before: "there". */
static Pgpu *read_there(Reader *r, const char *before) {
        const char *last = NULL;

        for (const char *at = r->text; (at = strstr(at, "0000:")) && at < before; at++)
                last = at;
        assert_non_null(last);
        return read_pgpu(r, last);
}

/* Names in quotes, with no more between them than a comma or a word: how many, and a copy of each. */
static size_t read_names(const char *at, char names[][NAME_MAX_SIZE], size_t max) {
        size_t n = 0;

        while (*at == '\'' && n < max) {
                const char *end = strchr(at + 1, '\'');

                snprintf(names[n++], NAME_MAX_SIZE, "%.*s", (int) (end - at - 1), at + 1);
                at = end + 1;
                if (strncmp(at, ", '", 3) == 0)
                        at += 2;
                else if (strncmp(at, " and '", 6) == 0)
                        at += 5;
                else if (strncmp(at, " and reservation '", 18) == 0)
                        at += 17;
        }
        return n;
}

/* Doing */

static void stop_vm(Reader *r, Vm *vm) {
        Host *h = vm->resident_on;

        if (h && vm->memory_counted)
                pool_set_host_memory(r->w->pool, h, h->memory_total, h->memory_free + vm->memory);
        pool_remove(r->w->pool, &vm->object);
        r->n_done++;
}

static void do_enable(Reader *r, const char *at) {
        const char *on = strstr(at, " on 0000:");
        char name[NAME_MAX_SIZE];
        VgpuType *types[_WORLD_TYPE_MAX], *t;
        size_t n = 0;
        Pgpu *p;

        if (strncmp(at, "host ", 5) == 0) {
                pool_set_host_enabled(r->w->pool, read_host(r, at + 5), true);
                r->n_done++;
                return;
        }

        snprintf(name, sizeof(name), "%.*s", (int) (on - at), at);
        p = read_pgpu(r, on + 4);
        t = streq(name, "passthrough") ? r->w->types[PASSTHROUGH] : find(r->w, CLASS_VGPU_TYPE, name);
        while (n < p->enabled.n) {
                types[n] = p->enabled.items[n];
                n++;
        }
        if (!ptr_array_contains(&p->enabled, t))
                types[n++] = t;
        assert_int_equal(pool_set_pgpu_disabling(r->w->pool, p, NULL, 0), 0);
        assert_int_equal(pool_set_pgpu_enabled(r->w->pool, p, types, n), 0);
        r->n_done++;
}

static void do_stop(Reader *r, const char *at) {
        bool one = strncmp(at, "one of ", 7) == 0;
        char names[40][NAME_MAX_SIZE];
        size_t n;

        if (one)
                at += 7;
        if (strncmp(at, "all the VMs there", 17) == 0 || strncmp(at, "the VMs there", 13) == 0) {
                Pgpu *p = read_there(r, at);

                assert_true(p->vgpus.n > 1);
                if (one)
                        stop_vm(r, ((Vgpu *) p->vgpus.items[roll(r->dice, (uint32_t) p->vgpus.n)])->vm);
                while (!one && p->vgpus.n > 0)
                        stop_vm(r, ((Vgpu *) p->vgpus.items[0])->vm);
                return;
        }

        at = strchr(at, '\'');
        n = read_names(at, names, ARRAY_SIZE(names));
        assert_true(n > 0);
        if (one)
                stop_vm(r, find(r->w, CLASS_VM, names[roll(r->dice, (uint32_t) n)]));
        for (size_t i = 0; !one && i < n; i++)
                stop_vm(r, find(r->w, CLASS_VM, names[i]));
}

static void do_destroy(Reader *r, const char *at) {
        char names[40][NAME_MAX_SIZE];
        size_t n = read_names(strchr(at, '\''), names, ARRAY_SIZE(names));

        for (size_t i = 0; i < n; i++, r->n_done++)
                pool_remove(r->w->pool, find(r->w, CLASS_RESERVATION, names[i]));
}

static void do_online(Reader *r, const char *at) {
        pool_set_host_state(r->w->pool, read_host(r, at), HOST_ONLINE, "");
        r->n_done++;
}

static void do_look(Reader *r, const char *at) {
        Host *h = read_host(r, at);

        for (size_t i = 0; i < h->pgpus.n; i++)
                pool_set_pgpu_present(r->w->pool, h->pgpus.items[i], true);
        r->n_done++;
}

static void do_network(Reader *r, const char *at) {
        Host *h = read_host(r, at);

        assert_int_equal(strv_set(&h->networks, (const char *const[]){"xenbr0", "vlan7", "vlan8", NULL}), 1);
        host_note(r->w->pool, h, PGPU_BITS_ALL);
        r->n_done++;
}

static void do_storage(Reader *r, const char *at) {
        Host *h = read_host(r, at);

        assert_int_equal(strv_set(&h->storage, (const char *const[]){"/images", "/tank", NULL}), 1);
        host_note(r->w->pool, h, PGPU_BITS_ALL);
        r->n_done++;
}

static void do_firmware(Reader *r, const char *at) {
        Host *h = read_host(r, at);

        h->iommu = h->hvm = true;
        host_note(r->w->pool, h, PGPU_BITS_ALL);
        r->n_done++;
}

/* "12.5 GiB less memory"; half the time, when stopping VMs would do as well. */
static void do_less_memory(Reader *r, const char *at) {
        double n = 0;
        char unit[4];

        assert_int_equal(sscanf(at, "%lf %3s", &n, unit), 2);
        n *= streq(unit, "KiB") ? 1024 : streq(unit, "MiB") ? (double) MIB : (double) GIB;
        assert_true((uint64_t) n <= r->vm->memory);
        r->vm->memory -= (uint64_t) n;
        r->n_done++;
}

/* Each step, where it stands; with "or" between two, either. */
static void follow(Reader *r) {
        static const struct {
                const char *words;
                void (*act)(Reader *r, const char *at);
        } steps[] = {
                {"nable ", do_enable},
                {"hut down ", do_stop},
                {"estroy reservation", do_destroy},
                {"ring host ", do_online},
                {"ook for the card in ", do_look},
                {"reate the network on ", do_network},
                {"ttach the storage to ", do_storage},
                {"witch it on in the firmware of ", do_firmware},
                {"ive this VM ", do_less_memory},
        };
        bool either = strstr(r->text, "or give this VM "), less = either && roll(r->dice, 2);

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
                for (const char *at = r->text; (at = strstr(at, steps[i].words)); at++) {
                        bool is_less = steps[i].act == do_less_memory;

                        if (is_less ? (either && !less) : (steps[i].act == do_stop && less))
                                continue;
                        steps[i].act(r, at + strlen(steps[i].words));
                }
}

/* Random pools */

static void some_types_mix(World *w, Dice *d) {
        for (WorldType t = K100; t < PASSTHROUGH; t++) {
                const char *on_pgpu[_WORLD_TYPE_MAX + 1] = {};
                size_t n = 0;

                for (WorldType other = K100; other < PASSTHROUGH; other++)
                        if (other == t || roll(d, 3) == 0)
                                on_pgpu[n++] = w->types[other]->identifier;
                assert_int_equal(pool_set_type_compatible(w->pool, w->types[t], on_pgpu, NULL), 0);
        }
}

static void some_use(World *w, Dice *d, Pgpu *p) {
        uint32_t fill = roll(d, 10), kinds = roll(d, 3);
        WorldType type = END;

        for (size_t i = 0; i < fill; i++) {
                if (type == END || roll(d, 3) < kinds)
                        type = roll(d, 12) == 0 ? PASSTHROUGH : roll(d, PASSTHROUGH);
                if (pgpu_capacity(p, w->types[type]) > 0) {
                        Vgpu *v = world_resident(w, p, type);

                        v->vm->memory_counted = roll(d, 2);
                        v->vm->memory = (1 + roll(d, 8)) * GIB / 2;
                }
        }
        for (WorldType t = K100; t <= PASSTHROUGH; t++)
                if (roll(d, 4) == 0)
                        world_disable_type(w, p, t);
        if (roll(d, 20) == 0)
                pool_set_pgpu_present(w->pool, p, false);
}

static void some_holds(World *w, Dice *d) {
        char name[16];

        for (size_t i = roll(d, 4); i > 0; i--) {
                WorldType type = roll(d, END);
                GpuGroup *g = w->groups[type <= K140Q ? K1 : K2];
                Uuid id = world_id(w);
                Pgpu **pgpus = NULL;
                _cleanup_refusal_ Refusal refusal = {};
                uint32_t n = 1 + roll(d, 4);
                Reservation *r;

                assert_int_equal(holds_in_words(w->pool, g, w->types[type], n, &pgpus, &refusal), 0);
                if (refusal.code != ERROR_NONE)
                        continue;
                snprintf(name, sizeof(name), "res-%zu", i);
                assert_int_equal(pool_add_reservation(w->pool, &id, 0, name, g, w->types[type], n, &r), 0);
                for (uint32_t j = 0; j < n; j++)
                        assert_int_equal(pool_hold(w->pool, r, pgpus[j]), 0);
                free(pgpus);
        }
}

static void some_trouble(World *w, Dice *d, Host *h) {
        if (roll(d, 8) == 0)
                pool_set_host_enabled(w->pool, h, false);
        if (roll(d, 12) == 0)
                pool_set_host_state(w->pool, h, HOST_OFFLINE, "connection refused");
        if (roll(d, 4) == 0)
                pool_set_host_memory(w->pool, h, 64 * GIB, (3 + roll(d, 40)) * 700 * MIB);
        h->iommu = roll(d, 8) > 0;
        h->hvm = roll(d, 10) > 0;
}

static World *random_world(Dice *d) {
        static const char *const names[] = {"alpha", "beta", "gamma"};
        World *w = world_new();

        if (roll(d, 3) == 0)
                some_types_mix(w, d);
        for (size_t i = 0; i < 2; i++)
                pool_set_group_algorithm(w->pool, w->groups[i], roll(d, _GROUP_ALGORITHM_MAX));
        for (size_t i = 0, n = 1 + roll(d, 3); i < n; i++) {
                Host *h = world_host(w, names[i]);

                for (size_t j = 1 + roll(d, 4); j > 0; j--)
                        some_use(w, d, world_pgpu(w, h, roll(d, 3) == 0 ? K1 : K2));
                some_trouble(w, d, h);
        }
        some_holds(w, d);
        return w;
}

static Vm *random_vm(World *w, Dice *d) {
        static const char *const networks[] = {"xenbr0", "vlan7", "vlan8", NULL};
        static const char *const disks[] = {"/images/a", "/tank/b", NULL};
        Vm *vm = world_vm(w, "new", END);

        for (size_t i = roll(d, 3) == 0 ? 2 + roll(d, 3) : 1; i > 0; i--) {
                WorldType type = roll(d, END);
                bool k1 = type <= K140Q || (type == PASSTHROUGH && roll(d, 2));
                Vgpu *v = world_vgpu(w, vm, w->groups[k1 == (roll(d, 20) > 0) ? K1 : K2], w->types[type]);

                if (roll(d, 12) == 0) {
                        v->pinned = true;
                        v->pinned_pci = (PciAddress){.bus = (uint8_t) (0x80 + roll(d, 4))};
                }
        }
        vm->memory = (1 + roll(d, 20)) * GIB;
        if (roll(d, 10) == 0)
                assert_int_equal(strv_set(&vm->networks, networks), 1);
        if (roll(d, 10) == 0)
                assert_int_equal(strv_set(&vm->storage, disks), 1);
        return vm;
}

/* Checking */

typedef struct Tally {
        size_t placed, mended, not_enough, never, elsewhere, without_steps;
} Tally;

static void check_could_run(World *w, Vm *vm, const char *text) {
        const char *at = strstr(text, " could run it now.");
        Allocation a;

        if (!at)
                return;
        while (at[-1] != ' ')
                at--;
        a = world_start_on(w, vm, read_host(&(Reader){.w = w}, at));
        assert_int_equal(a.refusal.code, ERROR_NONE);
        allocation_done(&a);
}

static void check_start_with(World *w, Vm *vm, const Host *only, const char *text) {
        const char *at = strstr(text,
                strstr(text, " or start with it") ? "estroy reservation '" : "or start with reservation '");
        AllocRequest request = {.vm = vm, .only = only};
        char name[1][NAME_MAX_SIZE];
        Allocation a;

        /* With an enabling before it, it is for after that. */
        if (!at || strstr(text, "nable ") || strstr(text, "ring host"))
                return;
        read_names(strchr(at, '\''), name, 1);
        request.reservation = find(w, CLASS_RESERVATION, name[0]);
        assert_int_equal(allocate_in_words(w->pool, &request, NULL, &a), 0);
        if (!strstr(text, alone) && a.refusal.code != ERROR_NONE)
                fail_msg("%s\n%s", text, a.refusal.message);
        allocation_done(&a);
}

/* A VGPU of the other group in place of the VM's only one. */
static void check_elsewhere(World *w, Vm *vm, const char *text) {
        VgpuType *t = ((Vgpu *) vm->vgpus.items[0])->type;
        char group[1][NAME_MAX_SIZE];
        Allocation a;

        assert_int_equal(vm->vgpus.n, 1);
        read_names(strchr(strstr(text, "VGPU of group "), '\''), group, 1);
        pool_remove(w->pool, vm->vgpus.items[0]);
        world_vgpu(w, vm, find(w, CLASS_GPU_GROUP, group[0]), t);
        a = world_start(w, vm);
        assert_int_equal(a.refusal.code, ERROR_NONE);
        allocation_done(&a);
}

static void check_never(World *w, Vm *vm, const char *text) {
        Host *h = read_host(&(Reader){.w = w}, strstr(text, never) + strlen(never));
        Allocation a;

        for (size_t i = 0; i < h->pgpus.n; i++) {
                Pgpu *p = h->pgpus.items[i];

                while (p->vgpus.n > 0)
                        pool_remove(w->pool, &((Vgpu *) p->vgpus.items[0])->vm->object);
                while (p->holds.n > 0)
                        pool_remove(w->pool, &((Reservation *) p->holds.items[0])->object);
                assert_int_equal(pool_set_pgpu_disabling(w->pool, p, NULL, 0), 0);
                assert_int_equal(
                        pool_set_pgpu_enabled(w->pool, p, (VgpuType **) p->supported.items, p->supported.n),
                        0);
        }
        a = world_start_on(w, vm, h);
        assert_int_not_equal(a.refusal.code, ERROR_NONE);
        allocation_done(&a);
}

static void check_refusal(World *w, Vm *vm, const Host *only, Dice *d, const char *message, Tally *tally) {
        _cleanup_free_ char *text = strdup(message);
        char *rest = strstr(text, alone);
        bool suffices = !rest;
        Reader r = {.w = w, .vm = vm, .dice = d, .text = text};
        Allocation a;

        check_could_run(w, vm, text);
        check_start_with(w, vm, only, text);
        if (strstr(text, never)) {
                check_never(w, vm, text);
                tally->never++;
                return;
        }
        if (vm->vgpus.n == 1 && strstr(text, ", where that one has room for ")) {
                check_elsewhere(w, vm, text);
                tally->elsewhere++;
                return;
        }
        if (strstr(text, "give the VM a VGPU of group") || strstr(text, "Replace the VGPU") ||
                strstr(text, "has the hardware") || strstr(text, "The group has") ||
                strstr(text, "contains no PGPUs")) {
                tally->without_steps++;
                return;
        }

        if (rest)
                *rest = '\0';
        follow(&r);
        if (r.n_done == 0)
                fail_msg("No step in: %s", message);

        a = world_start_on(w, vm, only);
        if (suffices != (a.refusal.code == ERROR_NONE))
                fail_msg("Followed: %s\nThen: %s", message, strempty(a.refusal.message));
        *(suffices ? &tally->mended : &tally->not_enough) += 1;
        allocation_done(&a);
}

static void a_remedy_that_is_followed_helps(void **state) {
        Dice d = {.state = UINT64_C(0x2545f4914f6cdd1d)};
        Tally tally = {};

        for (size_t i = 0; i < N_POOLS; i++) {
                _cleanup_world_ World *w = random_world(&d);
                const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
                const Host *only = roll(&d, 4) == 0 ? hosts->items[roll(&d, (uint32_t) hosts->n)] : NULL;
                Vm *vm = random_vm(w, &d);
                Allocation a = world_start_on(w, vm, only);

                if (a.refusal.code == ERROR_NONE)
                        tally.placed++;
                else
                        check_refusal(w, vm, only, &d, a.refusal.message, &tally);
                allocation_done(&a);
                world_drain(w);
        }

        print_message("%zu placed; %zu mended, %zu not by that alone, %zu never, %zu elsewhere, %zu "
                      "without a step\n",
                tally.placed, tally.mended, tally.not_enough, tally.never, tally.elsewhere,
                tally.without_steps);
        assert_true(tally.mended > N_POOLS / 5);
        assert_true(tally.not_enough > N_POOLS / 100);
        assert_true(tally.never > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_remedy_that_is_followed_helps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
