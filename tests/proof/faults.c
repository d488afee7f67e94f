/*
 * Faults
 */

#include "tests/proof/faults.h"

static const char *const fault_words[] = {FAULTS(WORD_NAME)};

const char *fault_to_string(Fault f) {
        return fault_words[f];
}

static uint64_t later(const Faults *f, uint64_t most) {
        return loop_now(f->world->loop, LOOP_MONOTONIC) + chance_between(&f->world->dice, 1000, most);
}

/* It counts when it strikes. */
static bool arm(Faults *f, Fault fault, unsigned i, NetStrike strike) {
        struct NetWay *way = &f->world->net.ways[i];

        way->strike = strike;
        way->full = strike == NET_STRIKE_NONE;
        way->count = &f->n[fault];
        return false;
}

static bool change_card(Faults *f, unsigned i) {
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
        machine_rescan(m);
        f->machines[i].cards = later(f, 60 * SECOND);
        return true;
}

/* One of another model stays, until somebody exchanges it again while the machine is off. */
static void mend_cards(Machine *m) {
        for (size_t k = 0; k < PGPUS_MAX; k++) {
                m->cards[k].is_gone = m->cards[k].is_lost = false;
                m->cards[k].is_other &= m->is_on;
        }
        machine_rescan(m);
}

static bool change_types(Faults *f, unsigned i) {
        Machine *m = &f->world->machines[i];

        m->lacks_type[chance_between(&f->world->dice, 0, 2)] = true;
        machine_rescan(m);
        f->machines[i].types = later(f, 60 * SECOND);
        return true;
}

/* Each of these knows its own kinds, and asks the next for the others. */

static bool make_of_store_or_clock(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        Machine *m = &w->machines[i];

        switch ((int) fault) {
        case FAULT_COMMIT:
                sim_db_fail(w->db, SIM_DB_NOT_WRITTEN, -ENOSPC, 0);
                f->storage = later(f, 3 * SECOND);
                return true;
        case FAULT_HOST_COMMIT:
                machine_fail_commits(m, true);
                f->machines[i].storage = later(f, 3 * SECOND);
                return true;
        case FAULT_DEATH:
                sim_db_fail(w->db, chance(&w->dice, 500) ? SIM_DB_WRITTEN : SIM_DB_LOST, -EIO, 0);
                f->storage = later(f, 20 * SECOND);
                return true;
        case FAULT_HOST_DEATH:
                machine_die_in_commit(m);
                f->machines[i].storage = later(f, 20 * SECOND);
                return true;
        case FAULT_CLOCK:
                sim_loop_set_realtime(w->sim, UINT64_C(1767225600000000) + chance_between(&w->dice, 0, 86400 * SECOND));
                return true;
        case FAULT_RESTORE:
                return copy_restore(&f->copy, w);
        case FAULT_HOST_CLOCK:
                machine_set_clock(m, chance_between(&w->dice, 0, 2 * 86400 * SECOND) - 86400 * SECOND);
                return true;
        case FAULT_OTHER:
                if (!other_begin(w, &f->copy))
                        return false;
                f->other = later(f, 60 * SECOND);
                return true;
        case FAULT_HOST_RESTORE:
                if (chance(&w->dice, 500) || !machine_restore_store(m)) {
                        machine_copy_store(m);
                        return false;
                }
                f->machines[i].hostd = later(f, SECOND);
                return true;
        }
        return false;
}

static bool make_of_machine(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        Machine *m = &w->machines[i];

        switch ((int) fault) {
        case FAULT_POLICYD:
                if (!w->policy)
                        return false;
                world_crash_policyd(w);
                return true;
        case FAULT_HOSTD:
                if (m->incarnation == 0)
                        return false;
                machine_crash_hostd(m);
                return true;
        case FAULT_PROGRAM:
                return guests_kill_one(m);
        case FAULT_FOREIGN:
                return guests_make_foreign(m);
        case FAULT_SPOIL:
                return folders_spoil_one(m);
        case FAULT_POWER:
                if (!m->is_on)
                        return false;
                machine_power_off(m);
                (void) net_cut(&w->net, m, /* silent= */ chance(&w->dice, 500));
                f->machines[i].power = later(f, 120 * SECOND);
                return true;
        case FAULT_FREEZE:
                if (!machine_freeze(m))
                        return false;
                net_frozen(&w->net, m);
                f->machines[i].freeze = later(f, chance(&w->dice, 500) ? 10 * SECOND : 180 * SECOND);
                return true;
        case FAULT_CARD:
                return change_card(f, i);
        case FAULT_TYPES:
                return change_types(f, i);
        }
        return make_of_store_or_clock(f, fault, i);
}

static bool make_of_link(Faults *f, Fault fault, unsigned i) {
        World *w = f->world;
        Machine *m = &w->machines[i];

        switch ((int) fault) {
        case FAULT_CUT:
                return net_cut(&w->net, m, /* silent= */ false);
        case FAULT_SILENCE:
                return net_cut(&w->net, m, /* silent= */ true);
        case FAULT_SLOW:
                for (unsigned k = 0; k < 2; k++)
                        w->net.ways[i].delay[k] = chance_between(&w->dice, 1000, 3 * SECOND);
                f->machines[i].slow = later(f, 20 * SECOND);
                return true;
        case FAULT_SLOW_ONE_WAY:
                w->net.ways[i].delay[chance(&w->dice, 500)] = chance_between(&w->dice, SECOND, 15 * SECOND);
                f->machines[i].slow = later(f, 20 * SECOND);
                return true;
        case FAULT_CLOSED:
                (void) net_cut(&w->net, m, /* silent= */ chance(&w->dice, 500));
                w->net.ways[i].closed = true;
                f->machines[i].closed = later(f, 90 * SECOND);
                return true;
        case FAULT_CUT_BEFORE:
                return arm(f, fault, i, NET_CUT_BEFORE);
        case FAULT_CUT_AFTER:
                return arm(f, fault, i, NET_CUT_AFTER);
        case FAULT_CUT_GREETING:
                return arm(f, fault, i, NET_CUT_GREETING);
        case FAULT_NO_ANSWER:
                return arm(f, fault, i, NET_LOSE_ANSWER);
        case FAULT_FULL:
                return arm(f, fault, i, NET_STRIKE_NONE);
        }
        return make_of_machine(f, fault, i);
}

void faults_make(Faults *f) {
        static const unsigned weights[_FAULT_MAX] = {20, 8, 10, 8, 10, 14, 20, 5, 5, 5, 8, 12, 3, 8, 6, 10, 10, 6, 8, 6, 12, 6, 3, 10, 6, 4, 6, 12};
        World *w = f->world;
        unsigned sum = 0, at, i;
        Fault fault = 0;

        for (size_t k = 0; k < _FAULT_MAX; k++)
                sum += weights[k];
        at = (unsigned) chance_between(&w->dice, 0, sum - 1);
        while (at >= weights[fault])
                at -= weights[fault++];
        i = (unsigned) chance_between(&w->dice, 0, w->n_machines - 1);
        if (chance(&w->dice, 150))
                copy_take(&f->copy, w);
        history_add(&w->history, "fault %s", fault_to_string(fault));
        if (make_of_link(f, fault, i)) {
                f->n[fault]++;
                w->faults++;
        }
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
        for (unsigned i = 0; i < w->n_machines; i++) {
                w->net.ways[i].strike = NET_STRIKE_NONE;
                w->net.ways[i].full = false;
        }
        world_run(w, 0); /* whoever is dying ends */
        mend(f, UINT64_MAX);
        release_hosts(w);
        world_start_policyd(f->world);
}

void faults_done(Faults *f) {
        other_end(f->world);
        copy_done(&f->copy);
}
