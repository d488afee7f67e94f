#pragma once

/*
 * A small systemd on a private bus
 *
 * Knows one unit at a time: whether it is active, how it takes a stop, and how often it was started and
 * stopped. Jobs end with JobRemoved, which goes only to those that subscribed, as with the real one; and it
 * checks that they did so before asking for a job. Transient units are kept as they were asked for.
 */

#include "tests/unit/policyd-link/private-bus.h"

typedef struct FakeSystemd {
        PrivateBus bus;
        sd_event *event;
        sd_bus *connection;
        bool subscribed, job_before_subscription;

        /* the unit */
        bool active;
        bool stop_fails;         /* the stop is refused, as `stop failed` */
        uint64_t dies_after;     /* µs after the stop was asked for; 0: at once */
        bool never_dies;
        bool start_is_lost;      /* as on a bus that ends */
        bool deactivating;       /* someone else stops it already */
        bool not_loaded;
        unsigned n_starts, n_stops, n_looks;
        sd_event_source *death;
        unsigned n_jobs;
        char *stopping_job;

        /* transient units */
        char *unit;              /* name of the last one */
        char *kill_mode, *restart, *slice, *description, *log_field;
        char **command;
        bool exists;             /* the next one is there already */
        uint32_t main_pid;
} FakeSystemd;

void fake_systemd_make(FakeSystemd *f);
void fake_systemd_done(FakeSystemd *f);

/* Runs the loop until the condition holds, or fails the test after 20 s. */
#define fake_systemd_run_until(f, condition)                                                                 \
        do {                                                                                                 \
                for (unsigned _i_ = 0; _i_ < 20000 && !(condition); _i_++)                                   \
                        assert_true(sd_event_run((f)->event, 1000) >= 0);                                    \
                assert_true(condition);                                                                      \
        } while (0)
