/*
 * How domains are made: named one at a time, and what is told where libxl makes none
 *
 * The calls below stand in front of libxl's and libxenstore's own: a test has no Xen to ask.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <libxl_utils.h>
#include <xenstore.h>

#include "common/daemon/event-loop.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "common/json/json-get.h"
#include "hostd/libxl/libxl-hypervisor.h"

#define ROOM_SIZE 65536

static _Alignas(16) char room[ROOM_SIZE]; /* what libxl's reader of JSON books to it */
static char root[32], *names_lock;
static unsigned n_creates;
static bool name_is_taken;
static int create_error;
static uint64_t free_kib;
static char created[128]; /* name of the last domain */
static xentoollog_logger *logger;
static const char *says; /* why the next creation fails; NULL: it does not */

int libxl_ctx_alloc(libxl_ctx **ret, int version, unsigned flags, xentoollog_logger *log) {
        logger = log;
        *ret = (libxl_ctx *) room;
        return 0;
}

int libxl_ctx_free(libxl_ctx *ctx) {
        return 0;
}

void libxl_childproc_setmode(libxl_ctx *ctx, const libxl_childproc_hooks *hooks, void *user) {
}

void libxl_osevent_register_hooks(libxl_ctx *ctx, const libxl_osevent_hooks *hooks, void *user) {
}

void libxl_event_register_callbacks(libxl_ctx *ctx, const libxl_event_hooks *hooks, void *user) {
}

struct xs_handle *xs_open(unsigned long flags) {
        return (struct xs_handle *) room;
}

void xs_close(struct xs_handle *h) {
}

static bool others_may_name(void) {
        int fd, r;

        r = file_lock_try(names_lock, &fd);
        if (r < 0)
                return false;
        (void) file_unlock(fd);
        return true;
}

int libxl_name_to_domid(libxl_ctx *ctx, const char *name, uint32_t *domid) {
        assert_false(others_may_name());
        return name_is_taken && streq(name, "guest") ? 0 : ERROR_INVAL;
}

static void log_error(const char *format, ...) _printf_(1, 2);

static void log_error(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        logger->vmessage(logger, XTL_ERROR, -1, "libxl", format, ap);
        va_end(ap);
}

int libxl_domain_create_new(libxl_ctx *ctx, libxl_domain_config *config, uint32_t *domid,
        const libxl_asyncop_how *how, const libxl_asyncprogress_how *progress) {
        assert_false(others_may_name());
        n_creates++;
        (void) snprintf(created, sizeof(created), "%s", config->c_info.name);
        *domid = 7;
        if (says)
                log_error("%s", says);
        how->callback(ctx, create_error, how->u.for_callback);
        return 0;
}

int libxl_domain_need_memory(libxl_ctx *ctx, libxl_domain_config *config, uint32_t domid, uint64_t *ret) {
        *ret = config->b_info.max_memkb;
        return 0;
}

int libxl_get_free_memory(libxl_ctx *ctx, uint64_t *ret) {
        *ret = free_kib;
        return 0;
}

typedef struct Start {
        sd_event *event;
        Loop *loop;
        Hypervisor *hypervisor;
        struct json_object *config;
        int result; /* 1: not told yet */
} Start;

static int set_up(void **state) {
        _cleanup_free_ char *folder = NULL;
        Start *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        (void) strcpy(root, "/tmp/xenvgpu-names-XXXXXX");
        assert_non_null(mkdtemp(root));
        folder = path_join(root, "vm/one");
        names_lock = path_join(root, "names.lock");
        assert_int_equal(mkdir_parents(folder, 0700), 0);
        assert_true(sd_event_new(&s->event) >= 0);
        assert_int_equal(event_loop_new(s->event, &s->loop), 0);
        assert_int_equal(libxl_hypervisor_new(s->event, s->loop, folder, &s->hypervisor), 0);
        s->config = json_tokener_parse(
                "{\"c_info\":{\"type\":\"hvm\",\"name\":\"guest\",\"uuid\":\"f9d68e9f-2222-4333-8444-555555555555\"},"
                "\"b_info\":{\"max_vcpus\":1,\"max_memkb\":65536,\"target_memkb\":65536,\"type.hvm\":{}}}");
        s->result = 1;
        n_creates = 0;
        name_is_taken = false;
        create_error = 0;
        free_kib = 1 << 20;
        says = NULL;
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        Start *s = *state;

        hypervisor_free(s->hypervisor);
        (void) event_loop_free(s->loop);
        sd_event_unref(s->event);
        json_object_put(s->config);
        free(s);
        free(names_lock);
        return remove_tree(root);
}

static void on_created(int result, const char *error, void *userdata) {
        *(int *) userdata = result;
}

static void begin(Start *s) {
        assert_int_equal(s->hypervisor->ops->create(s->hypervisor, s->config, on_created, &s->result), 0);
        assert_int_equal(s->result, 1); /* never from inside */
}

static void turn(Start *s, uint64_t usec) {
        assert_true(sd_event_run(s->event, usec) >= 0);
}

static void a_name_is_chosen_and_given_in_one(void **state) {
        Start *s = *state;

        begin(s);
        turn(s, 1000000);
        assert_int_equal(s->result, 0);
        assert_int_equal(n_creates, 1);
        assert_string_equal(created, "guest");
        assert_true(others_may_name());
}

/* The other one is between its look and its domain: after that its name is seen. */
static void who_comes_meanwhile_waits(void **state) {
        Start *s = *state;
        int other;

        assert_int_equal(file_lock(names_lock, &other), 0);
        begin(s);
        turn(s, 100000);
        turn(s, 100000);
        assert_int_equal(n_creates, 0);

        name_is_taken = true;
        (void) file_unlock(other);
        for (int i = 0; i < 10 && s->result == 1; i++)
                turn(s, 1000000);
        assert_int_equal(s->result, 0);
        assert_string_equal(created, "guest-f9d68e9f");
}

static void who_waits_can_be_cancelled(void **state) {
        Start *s = *state;
        int other;

        assert_int_equal(file_lock(names_lock, &other), 0);
        begin(s);
        s->hypervisor->ops->cancel_create(s->hypervisor);
        for (int i = 0; i < 10 && s->result == 1; i++)
                turn(s, 1000000);
        assert_int_equal(s->result, -ECANCELED);
        assert_int_equal(n_creates, 0);
        (void) file_unlock(other);
}

/* Two starts found the same memory free. */
static void memory_that_another_start_took_is_named(void **state) {
        Start *s = *state;

        create_error = ERROR_FAIL;
        free_kib = 1024;
        begin(s);
        turn(s, 1000000);
        assert_int_equal(s->result, -ENOSPC);
}

static void other_failures_stay_what_they_are(void **state) {
        static const struct {
                int rc, result;
                uint64_t free_kib;
                const char *says;
        } cases[] = {
                { ERROR_FAIL, -EIO, 1 << 20, NULL },
                { ERROR_FAIL, -EIO, 1 << 20, "unable to add pci devices" },
                { ERROR_FAIL, -ECHILD, 1024, "domain 7 device model: spawn failed (rc=-3)" },
                { ERROR_ABORTED, -ECANCELED, 1024, NULL },
        };
        Start *s = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                create_error = cases[i].rc;
                free_kib = cases[i].free_kib;
                says = cases[i].says;
                s->result = 1;
                begin(s);
                turn(s, 1000000);
                assert_int_equal(s->result, cases[i].result);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_name_is_chosen_and_given_in_one, set_up, tear_down),
                cmocka_unit_test_setup_teardown(who_comes_meanwhile_waits, set_up, tear_down),
                cmocka_unit_test_setup_teardown(who_waits_can_be_cancelled, set_up, tear_down),
                cmocka_unit_test_setup_teardown(memory_that_another_start_took_is_named, set_up, tear_down),
                cmocka_unit_test_setup_teardown(other_failures_stay_what_they_are, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
