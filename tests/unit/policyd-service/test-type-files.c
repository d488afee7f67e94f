/*
 * Type files before and after driver updates, at random
 *
 * A type file has an entry of a kind for any board, for each board, or both; the files of three hosts change one after the
 * other. Whatever they become, no VM loses its type while its host has an entry that gives a guest the same; no type
 * gets an entry that gives something else; and a start that is refused says the truth.
 */

#include <stdio.h>

#include "common/base/strbuf.h"
#include "policyd/pool/each.h"
#include "protocol/type-identifier.h"
#include "tests/sim/dice.h"
#include "tests/unit/policyd-core/pool-check.h"
#include "tests/unit/policyd-service/world.h"

#define N_HOSTS 3
#define N_KINDS 3
#define N_SEEDS 120
#define N_STEPS 12
#define N_TYPES_MAX 64

static unsigned roll(Dice *d, unsigned sides) {
        return (unsigned) (dice_next(d) % sides);
}

enum { ANY, BOARD_115E, BOARD_1180, N_BOARDS };
static const char *const boards[N_BOARDS] = {"", "115e", "1180"};

typedef struct Entry {
        bool there;
        unsigned framebuffer, size;
} Entry;

typedef struct HostFile {
        Entry entries[N_KINDS][N_BOARDS];
        char *records, *identifiers[FAKE_CARDS_MAX];
} HostFile;

/* What was ever seen of a type. */
typedef struct Seen {
        Uuid type;
        unsigned identifiers, framebuffers; /* bits */
} Seen;

typedef struct Story {
        World *w;
        Dice dice;
        FakeHost *hosts[N_HOSTS];
        HostFile files[N_HOSTS];
        Seen seen[N_TYPES_MAX];
        size_t n_seen;
        Uuid vms[N_KINDS * N_BOARDS];
        size_t n_vms;
} Story;

#define IDENTIFIER_SIZE 64
static const char *identifier_of(unsigned kind, unsigned board, char buf[static IDENTIFIER_SIZE]) {
        snprintf(buf, IDENTIFIER_SIZE, "0001:nvidia,13f2,%s,13f2,100%u", boards[board], kind);
        return buf;
}

static unsigned kind_of(const char *identifier) {
        return (unsigned) (identifier[strlen(identifier) - 1] - '0');
}

static unsigned board_of(const char *identifier) {
        return strstr(identifier, ",115e,") ? BOARD_115E : strstr(identifier, ",1180,") ? BOARD_1180 : ANY;
}

/* For any board, for each, or both; now and then nothing. */
static void roll_file(Dice *d, HostFile *f) {
        for (unsigned k = 0; k < N_KINDS; k++) {
                unsigned form = roll(d, 8), framebuffer = f->entries[k][0].framebuffer;

                if (roll(d, 6) == 0)
                        framebuffer = 1 - framebuffer;
                for (unsigned board = 0; board < N_BOARDS; board++)
                        f->entries[k][board] = (Entry){
                                .there = form > 0 && (board == ANY ? form < 4 || form == 7 : form >= 4 && (form < 7 || board == BOARD_115E)),
                                .framebuffer = framebuffer,
                                .size = PGPU_SIZE >> (1 + roll(d, 2)),
                        };
        }
}

static unsigned entry_for(const HostFile *f, unsigned kind, unsigned board) {
        return f->entries[kind][board].there ? board : ANY;
}

static void write_record(StrBuf *b, const HostFile *f, unsigned kind, unsigned board) {
        char identifier[IDENTIFIER_SIZE];
        const Entry *e = &f->entries[kind][board];

        identifier_of(kind, board, identifier);
        strbuf_addf(b,
                "%s{\"identifier\":\"%s\",\"implementation\":\"nvidia\",\"vendor_name\":\"NVIDIA Corporation\",\"model_name\":"
                "\"GRID M60-%u\",\"framebuffer_size\":%u,\"max_heads\":2,\"max_resolution_x\":1920,\"max_resolution_y\":1200,"
                "\"size\":%u,\"internal_config\":{\"type_id\":\"%u%u%u\"},\"compatible_types_on_pgpu\":[\"%s\"]}",
                b->len > 0 ? "," : "", identifier, kind, (e->framebuffer + 1) << 28, e->size, kind, board, e->framebuffer,
                identifier);
}

static void install_file(FakeHost *h, HostFile *f) {
        bool has[N_KINDS][N_BOARDS] = {};
        StrBuf records = {};

        for (size_t i = 0; i < h->n_cards; i++) {
                unsigned board = streq(h->cards[i].board, "115e") ? BOARD_115E : BOARD_1180;
                char identifier[IDENTIFIER_SIZE];
                StrBuf list = {};

                for (unsigned k = 0; k < N_KINDS; k++) {
                        unsigned entry = entry_for(f, k, board);

                        if (!f->entries[k][entry].there)
                                continue;
                        has[k][entry] = true;
                        strbuf_addf(&list, "%s\"%s\"", list.len > 0 ? "," : "", identifier_of(k, entry, identifier));
                }
                free(f->identifiers[i]);
                f->identifiers[i] = list.text ?: strdup("");
                h->cards[i].identifiers = f->identifiers[i];
        }
        for (unsigned k = 0; k < N_KINDS; k++)
                for (unsigned board = 0; board < N_BOARDS; board++)
                        if (has[k][board])
                                write_record(&records, f, k, board);
        free(f->records);
        f->records = records.text ?: strdup("");
        h->files = f->records;
        fake_inventory_changed(h);
}

static Seen *seen_of(Story *s, const VgpuType *t, bool *ret_new) {
        *ret_new = false;
        for (size_t i = 0; i < s->n_seen; i++)
                if (uuid_equal(&s->seen[i].type, &t->object.id))
                        return &s->seen[i];
        *ret_new = true;
        assert_true(s->n_seen < N_TYPES_MAX);
        s->seen[s->n_seen] = (Seen){.type = t->object.id};
        return &s->seen[s->n_seen++];
}

/* An entry that is new to a type gives a guest what the type gave; under an identifier of the type it is its own. */
static void check_merged(Story *s, const VgpuType *t) {
        for_each(const HostType, f, &t->of_hosts) {
                const char *identifier = host_type_identifier(f);
                unsigned board = 1u << board_of(identifier), framebuffer = 1u << (f->framebuffer_size >> 29);
                bool is_new;
                Seen *seen = seen_of(s, t, &is_new);

                assert_int_equal(kind_of(identifier), kind_of(t->identifier));
                if (!is_new)
                        assert_true(seen->identifiers & board || seen->framebuffers & framebuffer);
                seen->identifiers |= board;
                seen->framebuffers |= framebuffer;
        }
}

static bool card_fits(const Story *s, const VgpuType *t) {
        for (size_t i = 0; i < N_HOSTS; i++)
                for (size_t k = 0; k < s->hosts[i]->n_cards; k++)
                        if (type_identifier_fits(t->identifier, "10de", "13f2", s->hosts[i]->cards[k].board))
                                return true;
        return false;
}

static void check_start(Story *s, const Uuid *id) {
        const VgpuType *t = ((const Vgpu *) world_vm(s->w, id)->vgpus.items[0])->type;
        ErrorCode code = world_start_vm(s->w, id, NULL);
        const char *type_id;
        char wanted[48];

        if (t->n_supported_on == 0) {
                assert_int_not_equal(code, ERROR_NONE);
                if (card_fits(s, t))
                        assert_null(strstr(s->w->refusal.message, "o host of the pool has the hardware"));
                return;
        }
        assert_int_equal(code, ERROR_NONE);
        world_run(s->w);
        assert_string_equal(world_vm_state(s->w, id), "running");
        type_id = strstr(host_find_type(world_vm(s->w, id)->resident_on, t)->internal_config, "\"type_id\"");
        snprintf(wanted, sizeof(wanted), "%.15s", type_id);
        for (size_t i = 0; i < N_HOSTS; i++)
                if (streq(s->hosts[i]->name, world_vm(s->w, id)->resident_on->name_label))
                        assert_non_null(strstr(s->hosts[i]->last_order, wanted));
        assert_int_equal(world_shutdown(s->w, id, /* force= */ true, NULL), ERROR_NONE);
        world_run(s->w);
}

static void check_pool(Story *s) {
        const Pool *pool = policy_pool(s->w->policy);
        char buf[256];

        assert_null(pool_check(pool, buf, sizeof(buf)));
        for_each(const VgpuType, t, &pool->objects[CLASS_VGPU_TYPE])
                check_merged(s, t);
        for (size_t i = 0; i < s->n_vms; i++)
                check_start(s, &s->vms[i]);
}

/* What a host had of the VMs' types before its file changed. */
typedef struct Had {
        bool has, wanted; /* by a VM; the pool forgets others with the report */
        char identifier[IDENTIFIER_SIZE];
        uint64_t framebuffer;
} Had;

static void note_had(Story *s, const Host *h, const VgpuType *t, Had *ret) {
        const HostType *f = host_find_type(h, t);

        *ret = (Had){.has = f != NULL, .wanted = f && t->vgpus.n > 0};
        if (!f)
                return;
        snprintf(ret->identifier, sizeof(ret->identifier), "%s", host_type_identifier(f));
        ret->framebuffer = f->framebuffer_size;
}

/* No entry that would have served the VM was given to a type that the host did not have before. */
static void check_kept(Story *s, size_t at, Had had[static N_TYPES_MAX], const VgpuType *const *before, size_t n_before) {
        const Host *h = world_host(s->w, s->hosts[at]->name);

        for (size_t i = 0; i < n_before; i++) {
                if (!had[i].wanted || host_find_type(h, before[i]))
                        continue;
                for_each(const HostType, f, &h->types) {
                        const char *identifier = host_type_identifier(f);
                        bool was_there = false;

                        if (f->framebuffer_size != had[i].framebuffer ||
                                (!streq(identifier, had[i].identifier) && !type_identifiers_related(identifier, had[i].identifier)))
                                continue;
                        for (size_t k = 0; k < n_before; k++)
                                was_there |= had[k].has && before[k] == f->type;
                        assert_true(was_there);
                }
        }
}

static void report_again(Story *s) {
        for (size_t i = 0; i < N_HOSTS; i++)
                fake_inventory_changed(s->hosts[i]);
        world_run(s->w);
}

static void take_step(Story *s) {
        const VgpuType *before[N_TYPES_MAX];
        size_t at = roll(&s->dice, N_HOSTS), n = 0, n_changed;
        const Host *h = world_host(s->w, s->hosts[at]->name);
        Had had[N_TYPES_MAX];

        for_each(const VgpuType, t, &policy_pool(s->w->policy)->objects[CLASS_VGPU_TYPE]) {
                note_had(s, h, t, &had[n]);
                before[n++] = t;
        }

        roll_file(&s->dice, &s->files[at]);
        install_file(s->hosts[at], &s->files[at]);
        world_run(s->w);
        check_kept(s, at, had, before, n);
        check_pool(s);

        if (roll(&s->dice, 4) == 0)
                world_restart(s->w);
        /* An identifier that one type gives up is taken by another with the next report. */
        for (size_t i = 0; i <= N_HOSTS; i++)
                report_again(s);
        n_changed = s->w->n_changed;
        report_again(s);
        assert_int_equal(s->w->n_changed, n_changed);
        check_pool(s);
}

static void add_vms(Story *s) {
        const Pool *pool = policy_pool(s->w->policy);

        for_each(VgpuType, t, &pool->objects[CLASS_VGPU_TYPE]) {
                Uuid id;
                Vgpu *v;
                char name[16];

                if (t->n_supported_on == 0 || s->n_vms == ARRAY_SIZE(s->vms))
                        continue;
                snprintf(name, sizeof(name), "vm-%zu", s->n_vms);
                id = world_create_vm(s->w, name);
                assert_int_equal(world_request(s->w, vgpus_create(s->w->policy, world_vm(s->w, &id),
                                                             type_next_pgpu(t, /* supported= */ true, &(size_t){0})->group, t, NULL, "", &v,
                                                             fresh(s->w))),
                        ERROR_NONE);
                s->vms[s->n_vms++] = id;
        }
}

static void tell_story(uint64_t seed) {
        static const char *const names[N_HOSTS] = {"alpha", "beta", "gamma"};
        Story s = {.dice = {seed}};
        SimDb *memory;

        s.w = world_new();
        assert_int_equal(sim_db_new(&memory), 0);
        s.w->memory = memory;
        for (size_t i = 0; i < N_HOSTS; i++) {
                s.hosts[i] = fake_host_add(names[i]);
                for (unsigned k = 0; k < 1 + roll(&s.dice, 2); k++) {
                        char pci[32];

                        snprintf(pci, sizeof(pci), "0000:%02u:00.0", k + 1);
                        fake_card_add(s.hosts[i], pci, "10de", "13f2", NULL);
                        s.hosts[i]->cards[k].board = boards[1 + roll(&s.dice, 2)];
                }
                roll_file(&s.dice, &s.files[i]);
                install_file(s.hosts[i], &s.files[i]);
        }
        world_start(s.w);
        for (size_t i = 0; i < N_HOSTS; i++)
                assert_int_equal(world_add_host(s.w, s.hosts[i]), ERROR_NONE);
        world_run(s.w);
        check_pool(&s);
        add_vms(&s);
        for (unsigned i = 0; i < N_STEPS; i++)
                take_step(&s);
        s.w = world_free(s.w);
        sim_db_free(memory);
        for (size_t i = 0; i < N_HOSTS; i++) {
                free(s.files[i].records);
                for (size_t k = 0; k < FAKE_CARDS_MAX; k++)
                        free(s.files[i].identifiers[k]);
        }
}

static void updates_at_random(void **state) {
        for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
                print_message("seed %u\n", (unsigned) seed);
                tell_story(seed);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(updates_at_random),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
