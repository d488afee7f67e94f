/*
 * A VM that waits until what monitors the GPUs has let go
 */

#include "tests/unit/hostd-service/world.h"
#include "tests/unit/hostd-lease/fake-systemd.h"

static const char *last_stage(const World *w) {
        if (json_object_array_length(w->told[HOST_SIGNAL_VM_EVENT]) == 0)
                return "";
        return text_of(last_told(w, HOST_SIGNAL_VM_EVENT), "stage");
}

#define run_both_until(w, f, condition)                                                                      \
        do {                                                                                                 \
                for (unsigned _i_ = 0; _i_ < 5000 && !(condition); _i_++) {                                  \
                        assert_true(sd_event_run((w)->event, 1000) >= 0);                                    \
                        assert_true(sd_event_run((f)->event, 1000) >= 0);                                    \
                }                                                                                            \
                assert_true(condition);                                                                      \
        } while (0)

static void open_with_monitor(World *w, FakeSystemd *f) {
        fake_systemd_make(f);
        f->active = true;
        free(w->settings.units);
        free(w->settings.bus);
        w->settings.units = strdup("systemd");
        w->settings.bus = strdup(f->bus.address);
        strv_free(w->settings.monitoring_units);
        w->settings.monitoring_units = calloc(2, sizeof(char *));
        w->settings.monitoring_units[0] = strdup("gpumon.service");
        w->settings.monitoring_stop_timeout = 10000000;
        world_reopen(w);
        world_claim(w, 1);
}

static void who_waits_hears_what_for(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);
        World *w = *state;
        FakeSystemd f;

        open_with_monitor(w, &f);
        f.dies_after = 1500000;
        assert_int_equal(give_start(w, order), ERROR_NONE);
        run_both_until(w, &f, streq(last_stage(w), "lease"));
        assert_int_equal(f.n_stops, 1);
        assert_null(f.unit);
        /* It let go: now the program is started. */
        run_both_until(w, &f, f.unit);
        assert_string_equal(text_of(last_told(w, HOST_SIGNAL_VM_EVENT), "state"), "starting");
        world_close(w);
        fake_systemd_done(&f);
        free(w->settings.units);
        w->settings.units = strdup("process");
        world_open(w);
}

static void a_stop_meanwhile_ends_it(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83), *stop = stop_order(1, &vm, true);
        World *w = *state;
        FakeSystemd f;

        open_with_monitor(w, &f);
        f.never_dies = true;
        w->waiting_for = vm;
        assert_int_equal(give_start(w, order), ERROR_NONE);
        run_both_until(w, &f, streq(last_stage(w), "lease"));
        assert_int_equal(give_stop(w, stop), ERROR_NONE);
        run_both_until(w, &f, w->halted);
        assert_null(f.unit);
        world_close(w);
        fake_systemd_done(&f);
        free(w->settings.units);
        w->settings.units = strdup("process");
        world_open(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(who_waits_hears_what_for, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(a_stop_meanwhile_ends_it, world_setup, world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
