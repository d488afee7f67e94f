/*
 * Faults
 */

#include "tests/proof/faults.h"

#define WITHIN_MAX 12 /* events */

static const char *const fault_words[] = {FAULTS(WORD_NAME)};

const char *fault_to_string(Fault f) {
        return fault_words[f];
}

static uint64_t later(const Faults *f, uint64_t most) {
        return loop_now(f->world->loop, LOOP_MONOTONIC) + chance_between(&f->world->dice, 1000, most);
}

static bool change_card(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        Machine *m = &w->machines[i];
        unsigned card = (unsigned) chance_between(&w->dice, 0, m->n_pgpus - 1);

        if (!m->is_on)
                m->cards[card].is_other = true;
        else if (chance(&w->dice, 500))
                m->cards[card].is_gone = true;
        else
                m->cards[card].is_lost = true;
        history_add(&w->history, "%s card=%u is=%s", m->name, card, !m->is_on ? "exchanged" : m->cards[card].is_gone ? "gone" : "lost");
        m->count_cards = &f->n[fault];
        machine_rescan(m);
        f->machines[i].cards = later(f, 60 * SECOND);
        return false;
}

/* One of another model stays, until somebody exchanges it again while the machine is off. */
static void mend_cards(Machine *m) {
        for (size_t k = 0; k < PGPUS_MAX; k++) {
                m->cards[k].is_gone = m->cards[k].is_lost = false;
                m->cards[k].is_other &= m->is_on;
        }
        machine_rescan(m);
}

/* Another driver, whose files say other numbers. They stay until the end. */
static bool change_sizes(Faults *f, Fault fault, unsigned i) {
        Machine *m = &f->world->machines[i];
        unsigned k = (unsigned) chance_between(&f->world->dice, 0, 2);

        m->is_resized[k] = !m->is_resized[k];
        history_add(&f->world->history, "%s types resized", m->name);
        m->count_sizes = &f->n[fault];
        machine_rescan(m);
        return false;
}

static bool change_types(Faults *f, Fault fault, unsigned i) {
        Machine *m = &f->world->machines[i];

        m->lacks_type[chance_between(&f->world->dice, 0, 2)] = true;
        m->count_types = &f->n[fault];
        machine_rescan(m);
        f->machines[i].types = later(f, 60 * SECOND);
        return false;
}

/* Those that come back with false count later, when they strike. */

/* policyd and its database */

static bool crash_policyd(Faults *f, Fault fault, unsigned i) {
        if (!f->world->policy)
                return false;
        world_crash_policyd(f->world);
        return true;
}

static bool crash_policyd_within(Faults *f, Fault fault, unsigned i) {
        f->world->dies_within = (unsigned) chance_between(&f->world->dice, 1, WITHIN_MAX);
        f->world->dies_count = &f->n[fault];
        return false;
}

static bool fail_commit(Faults *f, Fault fault, unsigned i) {
        sim_db_fail(f->world->db, SIM_DB_NOT_WRITTEN, -ENOSPC, 0);
        sim_db_count_fault(f->world->db, &f->n[fault]);
        f->storage = later(f, 3 * SECOND);
        return false;
}

static bool die_in_commit(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;

        sim_db_fail(w->db, chance(&w->dice, 500) ? SIM_DB_WRITTEN : SIM_DB_LOST, -EIO, 0);
        sim_db_count_fault(w->db, &f->n[fault]);
        f->storage = later(f, 20 * SECOND);
        return false;
}

static bool set_clock(Faults *f, Fault fault, unsigned i) {
        history_add(&f->world->history, "clock was=%" PRIu64, loop_now(f->world->loop, LOOP_REALTIME));
        sim_loop_set_realtime(f->world->sim, UINT64_C(1767225600000000) + chance_between(&f->world->dice, 0, 86400 * SECOND));
        return true;
}

static bool restore(Faults *f, Fault fault, unsigned i) {
        return copy_restore(&f->copy, f->world);
}

static bool spoil_row(Faults *f, Fault fault, unsigned i) {
        return copy_spoil_one(f->world);
}

static bool begin_other(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;

        if (!other_begin(w, &f->copy, fault == FAULT_OTHER_COPY))
                return false;
        w->net.count_other = &f->n[fault];
        f->other = later(f, 60 * SECOND);
        return false;
}

/* A machine */

static bool crash_hostd(Faults *f, Fault fault, unsigned i) {
        Machine *m = &f->world->machines[i];

        if (m->incarnation == 0)
                return false;
        machine_crash_hostd(m);
        return true;
}

static bool crash_hostd_within(Faults *f, Fault fault, unsigned i) {
        (void) machine_kill_within(&f->world->machines[i], (unsigned) chance_between(&f->world->dice, 1, WITHIN_MAX), &f->n[fault]);
        return false;
}

static bool kill_program(Faults *f, Fault fault, unsigned i) {
        return guests_kill_one(&f->world->machines[i]);
}

static bool kill_program_within(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        unsigned n = (unsigned) chance_between(&w->dice, 1, 3);

        for (unsigned k = 0; k < w->n_machines; k++)
                if (guests_kill_within(&w->machines[(i + k) % w->n_machines], n, &f->n[fault]))
                        break;
        return false;
}

static bool kill_guest_process(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;

        for (unsigned k = 0; k < w->n_machines; k++)
                if (guests_kill_process(&w->machines[(i + k) % w->n_machines], fault == FAULT_EMULATOR))
                        return true;
        return false;
}

static bool end_guest(Faults *f, Fault fault, unsigned i) {
        return guests_end_one(&f->world->machines[i]);
}

static bool make_foreign(Faults *f, Fault fault, unsigned i) {
        return guests_make_foreign(&f->world->machines[i]);
}

static bool spoil_record(Faults *f, Fault fault, unsigned i) {
        return folders_spoil_one(&f->world->machines[i]);
}

static bool power_off(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        Machine *m = &w->machines[i];

        if (!m->is_on)
                return false;
        machine_power_off(m);
        (void) net_cut(&w->net, m, /* silent= */ chance(&w->dice, 500));
        f->machines[i].power = later(f, 120 * SECOND);
        return true;
}

/* While the machine is off, which it is then. */
static bool move_card(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        Machine *m = &w->machines[i];
        unsigned card = (unsigned) chance_between(&w->dice, 0, m->n_pgpus - 1);

        if (m->is_on)
                f->n[FAULT_POWER] += power_off(f, FAULT_POWER, i);
        if (m->is_on || m->cards[card].moves >= 31)
                return false;
        m->cards[card].moves++;
        m->cards[card].is_moved = true;
        m->count_moves = &f->n[fault];
        history_add(&w->history, "%s card=%u is=moved", m->name, card);
        return false;
}

static bool freeze(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        Machine *m = &w->machines[i];

        if (!machine_freeze(m))
                return false;
        net_frozen(&w->net, m);
        f->machines[i].freeze = later(f, chance(&w->dice, 500) ? 10 * SECOND : 180 * SECOND);
        return true;
}

static bool fail_host_commit(Faults *f, Fault fault, unsigned i) {
        machine_fail_commits(&f->world->machines[i], true);
        machine_count_commit(&f->world->machines[i], &f->n[fault]);
        f->machines[i].storage = later(f, 3 * SECOND);
        return false;
}

static bool die_in_host_commit(Faults *f, Fault fault, unsigned i) {
        machine_die_in_commit(&f->world->machines[i]);
        machine_count_commit(&f->world->machines[i], &f->n[fault]);
        f->machines[i].storage = later(f, 20 * SECOND);
        return false;
}

static bool set_host_clock(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;

        machine_set_clock(&w->machines[i], chance_between(&w->dice, 0, 2 * 86400 * SECOND) - 86400 * SECOND);
        return true;
}

static bool restore_host(Faults *f, Fault fault, unsigned i) {
        Machine *m = &f->world->machines[i];

        if (chance(&f->world->dice, 500) || !machine_restore_store(m)) {
                machine_copy_store(m);
                return false;
        }
        f->machines[i].hostd = later(f, SECOND);
        return true;
}

/* A board of it, or of the next machine that has one */

static Machine *board_from(Faults *f, unsigned i) {
        World *w = f->world;

        for (unsigned k = 0; k < w->n_machines; k++)
                if (boards_has_one(&w->machines[(i + k) % w->n_machines]))
                        return &w->machines[(i + k) % w->n_machines];
        return NULL;
}

static bool harm_board(Faults *f, Fault fault, unsigned i) {
        static bool (*const harms[_FAULT_MAX])(Machine *m) = {
                [FAULT_FUNCTION] = boards_kill_function,
                [FAULT_FUNCTIONS_GONE] = boards_take_functions,
                [FAULT_DIVIDED] = boards_divide,
                [FAULT_BEHIND] = boards_reset_behind,
                [FAULT_HELPER] = boards_kill_helper,
        };

        for (unsigned k = 0; k < f->world->n_machines; k++)
                if (harms[fault](&f->world->machines[(i + k) % f->world->n_machines]))
                        return true;
        return false;
}

static bool arm_board(Faults *f, Fault fault, unsigned i) {
        Machine *m = board_from(f, i);

        if (!m)
                return false;
        *(fault == FAULT_RESET ? &m->count_reset : fault == FAULT_DIVIDE ? &m->count_divide : &m->count_undivide) = &f->n[fault];
        return false;
}

/* The link to it */

static bool cut(Faults *f, Fault fault, unsigned i) {
        return net_cut(&f->world->net, &f->world->machines[i], /* silent= */ fault == FAULT_SILENCE);
}

static bool slow_link(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        struct NetWay *way = &w->net.ways[i];

        if (fault == FAULT_SLOW_ONE_WAY)
                way->delay[chance(&w->dice, 500)] = chance_between(&w->dice, SECOND, 15 * SECOND);
        for (unsigned k = 0; k < 2 && fault == FAULT_SLOW; k++)
                way->delay[k] = chance_between(&w->dice, 1000, 3 * SECOND);
        way->count_slow = &f->n[fault];
        f->machines[i].slow = later(f, 20 * SECOND);
        return false;
}

static bool close_link(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;

        w->net.ways[i].closed = true;
        w->net.ways[i].count_closed = &f->n[fault];
        (void) net_cut(&w->net, &w->machines[i], /* silent= */ chance(&w->dice, 500));
        f->machines[i].closed = later(f, 90 * SECOND);
        return false;
}

/* A person takes a host that is only cut off for a dead one. */
static bool declare_dead(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;

        if (w->other || guests_count(&w->machines[i]) == 0)
                return false;
        w->net.ways[i].closed = true;
        (void) net_cut(&w->net, &w->machines[i], /* silent= */ false);
        f->machines[i].closed = later(f, 90 * SECOND);
        f->machines[i].declared = later(f, 30 * SECOND);
        return false;
}

static bool arm_link(Faults *f, Fault fault, unsigned i) {
        static const NetStrike strikes[_FAULT_MAX] = {
                [FAULT_CUT_BEFORE] = NET_CUT_BEFORE,
                [FAULT_CUT_AFTER] = NET_CUT_AFTER,
                [FAULT_CUT_GREETING] = NET_CUT_GREETING,
                [FAULT_NO_ANSWER] = NET_LOSE_ANSWER,
                [FAULT_FULL] = NET_STRIKE_NONE,
        };
        struct NetWay *way = &f->world->net.ways[i];

        way->strike = strikes[fault];
        way->full = fault == FAULT_FULL;
        way->count = &f->n[fault];
        return false;
}

typedef struct Kind {
        unsigned weight;
        bool (*make)(Faults *f, Fault fault, unsigned i);
} Kind;

static const Kind kinds[_FAULT_MAX] = {
        [FAULT_CUT] = {20, cut},
        [FAULT_SILENCE] = {8, cut},
        [FAULT_SLOW] = {10, slow_link},
        [FAULT_SLOW_ONE_WAY] = {6, slow_link},
        [FAULT_CLOSED] = {8, close_link},
        [FAULT_CUT_BEFORE] = {10, arm_link},
        [FAULT_CUT_AFTER] = {10, arm_link},
        [FAULT_CUT_GREETING] = {6, arm_link},
        [FAULT_NO_ANSWER] = {8, arm_link},
        [FAULT_FULL] = {6, arm_link},
        [FAULT_POLICYD] = {10, crash_policyd},
        [FAULT_POLICYD_WITHIN] = {8, crash_policyd_within},
        [FAULT_COMMIT] = {5, fail_commit},
        [FAULT_DEATH] = {8, die_in_commit},
        [FAULT_CLOCK] = {3, set_clock},
        [FAULT_RESTORE] = {12, restore},
        [FAULT_ROW] = {10, spoil_row},
        [FAULT_OTHER] = {6, begin_other},
        [FAULT_OTHER_COPY] = {20, begin_other},
        [FAULT_HOSTD] = {14, crash_hostd},
        [FAULT_HOSTD_WITHIN] = {10, crash_hostd_within},
        [FAULT_PROGRAM] = {20, kill_program},
        [FAULT_PROGRAM_WITHIN] = {10, kill_program_within},
        [FAULT_EMULATOR] = {12, kill_guest_process},
        [FAULT_QEMU] = {12, kill_guest_process},
        [FAULT_GUEST] = {8, end_guest},
        [FAULT_FOREIGN] = {6, make_foreign},
        [FAULT_SPOIL] = {3, spoil_record},
        [FAULT_POWER] = {5, power_off},
        [FAULT_FREEZE] = {8, freeze},
        [FAULT_HOST_COMMIT] = {12, fail_host_commit},
        [FAULT_HOST_DEATH] = {12, die_in_host_commit},
        [FAULT_CARD] = {10, change_card},
        [FAULT_MOVE] = {4, move_card},
        [FAULT_TYPES] = {6, change_types},
        [FAULT_SIZES] = {5, change_sizes},
        [FAULT_HOST_CLOCK] = {4, set_host_clock},
        [FAULT_HOST_RESTORE] = {12, restore_host},
        [FAULT_DECLARED] = {8, declare_dead},
        [FAULT_FUNCTION] = {8, harm_board},
        [FAULT_FUNCTIONS_GONE] = {4, harm_board},
        [FAULT_DIVIDED] = {4, harm_board},
        [FAULT_BEHIND] = {5, harm_board},
        [FAULT_RESET] = {10, arm_board},
        [FAULT_DIVIDE] = {8, arm_board},
        [FAULT_UNDIVIDE] = {4, arm_board},
        [FAULT_HELPER] = {8, harm_board},
};

void faults_make(Faults *f) {
        World *w = f->world;
        unsigned sum = 0, at, i;
        Fault fault = 0;

        for (size_t k = 0; k < _FAULT_MAX; k++) {
                if (!kinds[k].make) {
                        fprintf(stderr, "Nothing makes this fault: %s\n", fault_to_string((Fault) k));
                        abort();
                }
                sum += kinds[k].weight;
        }
        at = (unsigned) chance_between(&w->dice, 0, sum - 1);
        while (at >= kinds[fault].weight)
                at -= kinds[fault++].weight;
        i = (unsigned) chance_between(&w->dice, 0, w->n_machines - 1);
        if (chance(&w->dice, 150))
                copy_take(&f->copy, w);
        history_add(&w->history, "fault %s", fault_to_string(fault));
        f->n[fault] += kinds[fault].make(f, fault, i);
}

static bool is_due(uint64_t *at, uint64_t now) {
        if (*at == 0 || *at > now)
                return false;
        *at = 0;
        return true;
}

/* What ended, however it did, is started again after a while. */
static void look_for_dead(Faults *f) {
        World *w = f->world;

        if (!w->policy && f->policyd == 0)
                f->policyd = later(f, chance(&w->dice, 800) ? SECOND : 60 * SECOND);
        for (unsigned i = 0; i < w->n_machines; i++)
                if (w->machines[i].is_on && w->machines[i].incarnation == 0 && f->machines[i].hostd == 0)
                        f->machines[i].hostd = later(f, chance(&w->dice, 800) ? SECOND : 60 * SECOND);
}

static void mend(Faults *f, uint64_t now) {
        World *w = f->world;

        look_for_dead(f);
        if (is_due(&f->other, now) || w->other_stale)
                other_end(w);
        if (w->other && chance(&w->dice, 200))
                other_act(w);
        if (is_due(&f->storage, now))
                sim_db_fail(w->db, SIM_DB_WORKS, 0, 0);
        for (unsigned i = 0; i < w->n_machines; i++) {
                if (is_due(&f->machines[i].storage, now))
                        machine_fail_commits(&w->machines[i], false);
                if (is_due(&f->machines[i].cards, now))
                        mend_cards(&w->machines[i]);
                if (is_due(&f->machines[i].types, now)) {
                        memset(w->machines[i].lacks_type, 0, sizeof(w->machines[i].lacks_type));
                        machine_rescan(&w->machines[i]);
                }
                if (is_due(&f->machines[i].slow, now))
                        net_slow(&w->net, &w->machines[i], 0);
                if (is_due(&f->machines[i].declared, now) && person_declares_dead(w, i))
                        f->n[FAULT_DECLARED]++;
                if (is_due(&f->machines[i].closed, now))
                        w->net.ways[i].closed = false;
                if (is_due(&f->machines[i].power, now))
                        machine_power_on(&w->machines[i]);
                if (is_due(&f->machines[i].freeze, now)) {
                        machine_thaw(&w->machines[i]);
                        net_frozen(&w->net, &w->machines[i]);
                }
                if (is_due(&f->machines[i].hostd, now))
                        machine_start_hostd(&w->machines[i]);
        }
        if (is_due(&f->policyd, now))
                world_start_policyd(w);
        person_heeds(w);
        if (chance(&w->dice, 40))
                person_removes_rows(w);
}

void faults_mend(Faults *f) {
        mend(f, loop_now(f->world->loop, LOOP_MONOTONIC));
}

/* What the other master had claimed for a pool of its own. */
static void release_hosts(World *w) {
        Uuid pool = copy_pool(w);

        for (unsigned i = 0; i < w->n_machines; i++)
                machine_release_from_others(&w->machines[i], UUID_TEXT(&pool));
}

void faults_mend_all(Faults *f) {
        World *w = f->world;

        f->storage = f->storage ?: 1;
        w->dies_within = 0;
        for (unsigned i = 0; i < w->n_machines; i++) {
                w->net.ways[i].strike = NET_STRIKE_NONE;
                w->net.ways[i].full = false;
                f->machines[i].declared = 0;
                w->machines[i].count_reset = w->machines[i].count_divide = w->machines[i].count_undivide = NULL;
        }
        world_run(w, 0); /* whoever is dying ends */
        mend(f, UINT64_MAX);
        release_hosts(w);
        world_start_policyd(f->world);
        while (w->rows_spoilt)
                person_removes_rows(w);
}

void faults_done(Faults *f) {
        other_end(f->world);
        copy_done(&f->copy);
}
