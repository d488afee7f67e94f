/*
 * The faults that a script can make
 */

#include "tests/proof/copies.h"
#include "tests/proof/net-private.h"
#include "tests/proof/person.h"
#include "tests/proof/script-private.h"

static void play_lose(Script *s, char *const *words, unsigned n) {
        Message *m = script_message(s, words[0], words[1]);

        if (m)
                message_free(m);
        else
                script_broken(s, "nothing is on its way");
}

/* It stays under way, whatever becomes of the connection and of who sent it. */
static void play_hold(Script *s, char *const *words, unsigned n) {
        Message *m = script_message(s, words[0], words[1]);

        if (!m || s->held) {
                script_broken(s, "nothing is on its way, or it is one too many");
                return;
        }
        s->held = message_new(m->net, m->machine, m->kind, m->connection);
        s->held->incarnation = m->incarnation;
        s->held->call = m->call;
        s->held->what = m->what;
        s->held->claim = m->claim;
        s->held->text = m->text ? strdup(m->text) : NULL;
        message_free(m);
}

static void play_send_held(Script *s, char *const *words, unsigned n) {
        if (s->held)
                message_send(take_ptr(s->held));
        else
                script_broken(s, "nothing is held");
}

static void play_cut(Script *s, char *const *words, unsigned n) {
        if (!net_cut(&s->world->net, script_machine(s, words[0]), /* silent= */ false))
                script_broken(s, "there is no connection");
}

static void play_silence(Script *s, char *const *words, unsigned n) {
        (void) net_cut(&s->world->net, script_machine(s, words[0]), /* silent= */ true);
}

static void play_close(Script *s, char *const *words, unsigned n) {
        s->world->net.ways[script_machine(s, words[0])->number].closed = true;
        (void) net_cut(&s->world->net, script_machine(s, words[0]), /* silent= */ false);
}

static void play_open(Script *s, char *const *words, unsigned n) {
        s->world->net.ways[script_machine(s, words[0])->number].closed = false;
}

static void play_slow(Script *s, char *const *words, unsigned n) {
        net_slow(&s->world->net, script_machine(s, words[0]), (uint64_t) (strtod(words[1], NULL) * (double) SECOND));
}

static void play_full(Script *s, char *const *words, unsigned n) {
        s->world->net.ways[script_machine(s, words[0])->number].full = true;
}

static void play_crash(Script *s, char *const *words, unsigned n) {
        if (streq(words[0], "policyd"))
                world_crash_policyd(s->world);
        else
                machine_crash_hostd(script_machine(s, words[0]));
}

static void play_run(Script *s, char *const *words, unsigned n) {
        if (streq(words[0], "policyd"))
                world_start_policyd(s->world);
        else
                machine_start_hostd(script_machine(s, words[0]));
}

static void play_power_off(Script *s, char *const *words, unsigned n) {
        machine_power_off(script_machine(s, words[0]));
        (void) net_cut(&s->world->net, script_machine(s, words[0]), /* silent= */ false);
}

static void play_power_on(Script *s, char *const *words, unsigned n) {
        machine_power_on(script_machine(s, words[0]));
}

static void play_kill_program(Script *s, char *const *words, unsigned n) {
        if (!guests_kill_one(script_machine(s, words[0])))
                script_broken(s, "no program runs on %s", words[0]);
}

static void play_commits(Script *s, char *const *words, unsigned n) {
        static const char *const faults[] = {"work", "fail", "fail-written"};
        SimDbFault fault = SIM_DB_WORKS;

        while (fault < ARRAY_SIZE(faults) && !streq(words[1], faults[fault]))
                fault++;
        if (fault == ARRAY_SIZE(faults))
                script_broken(s, "no fault: %s", words[1]);
        else if (streq(words[0], "policyd")) {
                /* A script decides itself whether such a commit ends policyd. */
                sim_db_on_undecided(s->world->db, NULL, NULL);
                sim_db_fail(s->world->db, fault, -ENOSPC, n > 2 ? (unsigned) strtoul(words[2], NULL, 10) : 0);
        } else
                machine_fail_commits(script_machine(s, words[0]), fault != SIM_DB_WORKS);
}

/* A copy of policyd's database is made, and put in its place while policyd does not run. */
static void play_copy(Script *s, char *const *words, unsigned n) {
        sim_db_free(s->kept);
        s->kept = sim_db_copy(s->world->db);
}

static void play_restore(Script *s, char *const *words, unsigned n) {
        if (s->kept && !s->world->policy) {
                sim_db_restore(s->world->db, s->kept);
                history_add(&s->world->history, "policyd restored marked=0");
        } else
                script_broken(s, "there is no copy, or policyd runs");
}

/* The same of a host's. */
static void play_copy_store(Script *s, char *const *words, unsigned n) {
        machine_copy_store(script_machine(s, words[0]));
}

static void play_restore_store(Script *s, char *const *words, unsigned n) {
        if (!machine_restore_store(script_machine(s, words[0])))
                script_broken(s, "there is no copy of the store of %s", words[0]);
}

/* spoil CLASS: the row of its first object */
static void play_spoil(Script *s, char *const *words, unsigned n) {
        ObjectClass class = object_class_from_string(words[0]);
        const PtrArray *list = s->world->policy && class >= 0 ? &script_pool(s)->objects[class] : NULL;

        if (!list || list->n == 0 || !copy_spoil(s->world, list->items[0]))
                script_broken(s, "there is no row of a %s", words[0]);
}

/* What the program of one of its VMs wrote; somebody ends the domain later. */
static void play_spoil_record(Script *s, char *const *words, unsigned n) {
        if (!folders_spoil_one(script_machine(s, words[0])))
                script_broken(s, "there is no run record on %s", words[0]);
}

static void play_remove_rows(Script *s, char *const *words, unsigned n) {
        while (s->world->policy && s->world->rows_spoilt)
                person_removes_rows(s->world);
}

static void play_clock(Script *s, char *const *words, unsigned n) {
        sim_loop_set_realtime(s->world->sim, strtoull(words[0], NULL, 10) * SECOND);
}

static void play_gpus(Script *s, char *const *words, unsigned n) {
        Machine *m = script_machine(s, words[0]);

        machine_crash_hostd(m);
        m->n_pgpus = (unsigned) strtoul(words[1], NULL, 10);
        machine_start_hostd(m);
}

static void play_trouble(Script *s, char *const *words, unsigned n) {
        script_machine(s, words[0])->trouble = n == 1 || !streq(words[1], "off");
}

const Verb script_faults[] = {
        {"lose", 2, 2, play_lose},
        {"hold", 2, 2, play_hold},
        {"send-held", 0, 0, play_send_held},
        {"cut", 1, 1, play_cut},
        {"silence", 1, 1, play_silence},
        {"close", 1, 1, play_close},
        {"open", 1, 1, play_open},
        {"slow", 2, 2, play_slow},
        {"full", 1, 1, play_full},
        {"crash", 1, 1, play_crash},
        {"run", 1, 1, play_run},
        {"power-off", 1, 1, play_power_off},
        {"power-on", 1, 1, play_power_on},
        {"kill-program", 1, 1, play_kill_program},
        {"commits", 2, 3, play_commits},
        {"copy", 0, 0, play_copy},
        {"restore", 0, 0, play_restore},
        {"copy-store", 1, 1, play_copy_store},
        {"restore-store", 1, 1, play_restore_store},
        {"spoil", 1, 1, play_spoil},
        {"spoil-record", 1, 1, play_spoil_record},
        {"remove-rows", 0, 0, play_remove_rows},
        {"clock", 1, 1, play_clock},
        {"gpus", 2, 2, play_gpus},
        {"trouble", 1, 2, play_trouble},
        {},
};
