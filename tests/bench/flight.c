/*
 * Calls in flight, and the loop that they are made from
 *
 * The client should cost little, since it runs on the machine that is measured: one epoll over the
 * connections, and each is asked only when something came for it. (sd-event would look at all 65 before each
 * message.)
 */

#include <stdio.h>
#include <sys/epoll.h>

#include "tests/bench/stage.h"

#define TIMEOUT_NSEC UINT64_C(120000000000)

int stage_turn(Stage *s, int timeout_ms) {
        struct epoll_event events[CONNECTIONS_MAX + 1];
        int n;

        n = epoll_wait(s->epoll, events, ARRAY_SIZE(events), timeout_ms);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        for (int i = 0; i < n; i++) {
                int r;

                while ((r = sd_bus_process(events[i].data.ptr, NULL)) > 0)
                        ;
                if (r < 0)
                        return r;
        }
        return n;
}

int stage_wait_jobs(Stage *s, uint64_t n_ended) {
        uint64_t until = now_ns() + TIMEOUT_NSEC;

        while (s->n_jobs_ended < n_ended) {
                int r = stage_turn(s, 100);

                if (r < 0)
                        return r;
                if (now_ns() > until)
                        return stage_say("jobs did not end", -ETIMEDOUT);
        }
        return 0;
}

int stage_settle(Stage *s, int ms) {
        int r;

        while ((r = stage_turn(s, ms)) > 0)
                ;
        return r;
}

typedef struct FlightRun FlightRun;

typedef struct Airborne {
        FlightRun *run;
        sd_bus *bus;
        size_t i;
        uint64_t start;
} Airborne;

struct FlightRun {
        Flight *flight;
        Airborne airborne[CONNECTIONS_MAX];
        size_t n_begun, n_done;
        int error;
};

static int fly_next(Airborne *a);

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Airborne *a = userdata;
        Flight *f = a->run->flight;
        int r = 0;

        f->latency[a->i] = (double) (now_ns() - a->start) / 1000;
        a->run->n_done++;
        if (f->got)
                r = f->got(f->stage, a->i, reply, f->userdata);
        else if (sd_bus_message_is_method_error(reply, NULL)) {
                fprintf(stderr, "bench: %s\n", strempty(sd_bus_message_get_error(reply)->message));
                r = -EREMOTEIO;
        }
        if (r >= 0)
                r = fly_next(a);
        if (r < 0)
                a->run->error = r;
        return 1;
}

static int fly_next(Airborne *a) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Flight *f = a->run->flight;
        int r;

        if (a->run->n_begun == f->n_total)
                return 0;
        a->i = a->run->n_begun++;
        r = f->make(f->stage, a->bus, a->i, &m, f->userdata);
        if (r < 0)
                return r;
        a->start = now_ns();
        r = sd_bus_call_async(a->bus, NULL, m, on_answer, a, UINT64_MAX);
        return r < 0 ? r : sd_bus_flush(a->bus);
}

int flight_run(Flight *f) {
        FlightRun run = {.flight = f};
        uint64_t start = now_ns();
        int r = 0;

        for (size_t i = 0; i < f->n_connections && r >= 0; i++) {
                run.airborne[i] = (Airborne){.run = &run, .bus = f->stage->connections[i]};
                r = fly_next(&run.airborne[i]);
        }
        while (r >= 0 && run.error >= 0 && run.n_done < f->n_total) {
                r = stage_turn(f->stage, 1000);
                if (now_ns() - start > TIMEOUT_NSEC)
                        r = stage_say("calls were not answered", -ETIMEDOUT);
        }

        f->seconds = (double) (now_ns() - start) / 1e9;
        return r < 0 ? r : run.error;
}
