/*
 * A domain's life under libxl, with libxl's few calls answered here
 *
 * The calls below stand in front of the library's own: a test has no Xen to ask.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <xenstore.h>

#include "common/daemon/event-loop.h"
#include "hostd/libxl/libxl-private.h"

static libxl_dominfo domain; /* the one that there is */
static int info_error;
static unsigned n_unpauses;

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *ret, uint32_t domid) {
        if (info_error)
                return info_error;
        ret->paused = domain.paused;
        ret->shutdown = domain.shutdown;
        ret->shutdown_reason = domain.shutdown_reason;
        ret->dying = domain.dying;
        return 0;
}

/* As Xen: what is not paused cannot be unpaused. */
int libxl_domain_unpause(libxl_ctx *ctx, uint32_t domid, const libxl_asyncop_how *how) {
        int rc = domain.paused ? 0 : ERROR_FAIL;

        n_unpauses++;
        domain.paused = false;
        how->callback(ctx, rc, how->u.for_callback);
        return 0;
}

int libxl_evenable_domain_death(
        libxl_ctx *ctx, uint32_t domid, libxl_ev_user user, libxl_evgen_domain_death **ret) {
        *ret = NULL;
        return 0;
}

/* xenstore: keys, of which those below a path are removed with it. */
static const char *keys[8];

struct xs_handle *xs_open(unsigned long flags) {
        return (struct xs_handle *) keys;
}

void xs_close(struct xs_handle *xs) {
}

bool xs_rm(struct xs_handle *xs, xs_transaction_t t, const char *path) {
        size_t size = strlen(path);
        bool any = false;

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (keys[i] && strncmp(keys[i], path, size) == 0 && (keys[i][size] == '/' || !keys[i][size])) {
                        keys[i] = NULL;
                        any = true;
                }
        errno = any ? 0 : ENOENT;
        return any;
}

static int set_up(void **state) {
        LibxlHypervisor *h = calloc(1, sizeof(*h));

        assert_non_null(h);
        assert_true(sd_event_new(&h->loop.event) >= 0);
        h->loop.xl = calloc(1, sizeof(*h->loop.xl));
        assert_non_null(h->loop.xl);
        assert_int_equal(event_loop_new(h->loop.event, &h->hypervisor.loop), 0);
        h->domid = 7;
        domain = (libxl_dominfo){ .paused = true };
        info_error = 0;
        n_unpauses = 0;
        *state = h;
        return 0;
}

static int tear_down(void **state) {
        LibxlHypervisor *h = *state;

        libxl_op_unwatch(&h->hypervisor);
        long_operation_done(&h->unpausing);
        (void) loop_timer_free(h->look);
        (void) event_loop_free(h->hypervisor.loop);
        free(h->loop.xl);
        sd_event_unref(h->loop.event);
        free(h);
        return 0;
}

static void on_unpaused(int result, const char *error, void *userdata) {
        *(int *) userdata = result;
}

static int unpause(LibxlHypervisor *h) {
        int result = 1;

        assert_int_equal(libxl_op_unpause(&h->hypervisor, on_unpaused, &result), 0);
        assert_int_equal(result, 1); /* never from inside */
        assert_true(sd_event_run(h->loop.event, 1000000) >= 0);
        return result;
}

static void a_paused_domain_is_let_go(void **state) {
        assert_int_equal(unpause(*state), 0);
        assert_int_equal(n_unpauses, 1);
}

/* An instance was killed between letting it go and saying so; the next one comes to the same step. */
static void a_domain_that_was_let_go_already_runs(void **state) {
        domain.paused = false;
        assert_int_equal(unpause(*state), 0);
        assert_int_equal(n_unpauses, 0);

        domain.shutdown = true;
        assert_int_equal(unpause(*state), 0);
        assert_int_equal(n_unpauses, 0);
}

static void on_changed(GuestState state, void *userdata) {
        *(GuestState *) userdata = state;
}

/* An event comes once: the program leaves, so that the next instance asks again. */
static void a_state_that_cannot_be_read_is_not_passed_over(void **state) {
        LibxlHypervisor *h = *state;
        GuestState told = _GUEST_STATE_INVALID;
        int code = 0;

        assert_int_equal(libxl_op_watch(&h->hypervisor, on_changed, &told), 0);
        info_error = ERROR_FAIL;
        assert_true(sd_event_run(h->loop.event, 1000000) >= 0);
        assert_int_equal(told, _GUEST_STATE_INVALID);
        assert_true(sd_event_get_exit_code(h->loop.event, &code) >= 0);
        assert_int_equal(code, -EIO);
}

/* qemu left after libxl had removed the backend of its disk, and wrote its last word there. */
static void keys_that_a_late_qemu_made_are_swept(void **state) {
        LibxlHypervisor *h = *state;

        keys[0] = "/local/domain/0/backend/qdisk/7";
        keys[1] = "/local/domain/0/backend/qdisk/7/768/state";
        keys[2] = "/local/domain/0/backend/qdisk/77/768/state";
        keys[3] = "/local/domain/0/backend/pci/8/0";
        keys[4] = "/local/domain/0/device-model/7"; /* it was not up in time, too */
        assert_int_equal(xenstore_open(&h->xs), 0);

        libxl_sweep(h);
        assert_non_null(keys[0]); /* of a domain that is still there */

        h->gone_domid = 7;
        libxl_sweep(h);
        assert_null(keys[0]);
        assert_null(keys[1]);
        assert_null(keys[4]);
        assert_non_null(keys[2]);
        assert_non_null(keys[3]);
        h->xs = xenstore_close(h->xs);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_paused_domain_is_let_go, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_domain_that_was_let_go_already_runs, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_state_that_cannot_be_read_is_not_passed_over, set_up, tear_down),
                cmocka_unit_test_setup_teardown(keys_that_a_late_qemu_made_are_swept, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
