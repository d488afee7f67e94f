/*
 * The lab's xenstore server, through libxenstore as real programs use it, and through garbage
 */

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <xenstore.h>

#include "tests/lab/xenstored/hub.h"
#include "tests/unit/common/child.h"

typedef struct Server {
        char folder[32], socket[64];
        pid_t pid;
        struct xs_handle *xs, *other;
} Server;

static int set_up(void **state) {
        Server *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        strcpy(s->folder, "/tmp/xenvgpu-xs-XXXXXX");
        assert_non_null(mkdtemp(s->folder));
        (void) snprintf(s->socket, sizeof(s->socket), "%s/xs", s->folder);
        s->pid = child_start((const char *const[]){LAB_XENSTORED, s->socket, NULL});
        for (int i = 0; access(s->socket, F_OK) < 0; i++) {
                assert_true(i < 500);
                (void) nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        }
        assert_int_equal(setenv("XENSTORED_PATH", s->socket, 1), 0);
        s->xs = xs_open(0);
        s->other = xs_open(0);
        assert_non_null(s->xs);
        assert_non_null(s->other);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        Server *s = *state;
        int status;

        xs_close(s->xs);
        xs_close(s->other);
        assert_int_equal(kill(s->pid, SIGTERM), 0);
        assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
        assert_int_equal(status, 0);
        assert_int_equal(rmdir(s->folder), 0);
        free(s);
        return 0;
}

static void put(struct xs_handle *xs, xs_transaction_t t, const char *path, const char *value) {
        assert_true(xs_write(xs, t, path, value, (unsigned) strlen(value)));
}

static void assert_value(struct xs_handle *xs, xs_transaction_t t, const char *path, const char *want) {
        unsigned size;
        char *value = xs_read(xs, t, path, &size);

        if (!want)
                assert_null(value);
        else {
                assert_non_null(value);
                assert_string_equal(value, want);
                assert_int_equal(size, strlen(want));
        }
        free(value);
}

static void values_and_children_are_kept(void **state) {
        Server *s = *state;
        unsigned n;
        char **names;

        put(s->xs, XBT_NULL, "/local/domain/3/name", "guest");
        put(s->xs, XBT_NULL, "/local/domain/3/name", "");
        put(s->xs, XBT_NULL, "relative", "r");
        assert_true(xs_mkdir(s->xs, XBT_NULL, "/local/domain/3/device"));
        assert_true(xs_mkdir(s->xs, XBT_NULL, "/local/domain/3/device"));
        assert_value(s->other, XBT_NULL, "/local/domain/3/name", "");
        assert_value(s->other, XBT_NULL, "/local/domain/3", "");
        assert_value(s->other, XBT_NULL, "/local/domain/0/relative", "r");
        assert_value(s->other, XBT_NULL, "/local/domain/4", NULL);
        assert_int_equal(errno, ENOENT);

        names = xs_directory(s->xs, XBT_NULL, "/local/domain/3", &n);
        assert_non_null(names);
        assert_int_equal(n, 2);
        assert_string_equal(names[0], "device");
        assert_string_equal(names[1], "name");
        free(names);

        assert_true(xs_rm(s->xs, XBT_NULL, "/local/domain/3"));
        assert_true(xs_rm(s->xs, XBT_NULL, "/local/domain/3"));
        assert_false(xs_rm(s->xs, XBT_NULL, "/nowhere/at/all"));
        assert_false(xs_rm(s->xs, XBT_NULL, "/"));
        assert_value(s->xs, XBT_NULL, "/local/domain/3/name", NULL);
}

static void long_lists_come_in_parts(void **state) {
        Server *s = *state;
        unsigned n;
        char **names;

        for (int i = 0; i < 700; i++) {
                char path[64];

                (void) snprintf(path, sizeof(path), "/many/child-number-%d", i);
                put(s->xs, XBT_NULL, path, "");
        }
        names = xs_directory(s->xs, XBT_NULL, "/many", &n);
        assert_non_null(names);
        assert_int_equal(n, 700);
        free(names);
}

static void bad_requests_are_refused(void **state) {
        static const char *const paths[] = { "", "/a//b", "/a/", "/a b", "/\xff" };
        char big[4097] = "";
        Server *s = *state;

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                assert_false(xs_write(s->xs, XBT_NULL, paths[i], "x", 1));
                assert_value(s->xs, XBT_NULL, paths[i], NULL);
        }
        memset(big, 'x', sizeof(big) - 1);
        assert_false(xs_write(s->xs, XBT_NULL, "/big", big, sizeof(big) - 1));
        assert_false(xs_write(s->xs, 77, "/x", "x", 1));
        assert_false(xs_transaction_end(s->xs, 77, false));
        assert_value(s->xs, XBT_NULL, "/big", NULL);
}

static void assert_event(struct xs_handle *xs, const char *path, const char *token) {
        unsigned n;
        char **event = xs_read_watch(xs, &n);

        assert_non_null(event);
        assert_string_equal(event[XS_WATCH_PATH], path);
        assert_string_equal(event[XS_WATCH_TOKEN], token);
        free(event);
}

static void watches_fire_for_what_is_below(void **state) {
        Server *s = *state;

        assert_true(xs_watch(s->xs, "/a/b", "one"));
        assert_event(s->xs, "/a/b", "one");
        put(s->other, XBT_NULL, "/a/bc", "not below");
        put(s->other, XBT_NULL, "/a/b", "itself");
        assert_event(s->xs, "/a/b", "one");
        put(s->other, XBT_NULL, "/a/b/c/d", "below");
        assert_event(s->xs, "/a/b/c/d", "one");
        assert_true(xs_rm(s->other, XBT_NULL, "/a"));
        assert_event(s->xs, "/a/b", "one");

        assert_false(xs_watch(s->xs, "/a/b", "one"));
        assert_int_equal(errno, EEXIST);
        assert_true(xs_unwatch(s->xs, "/a/b", "one"));
        assert_false(xs_unwatch(s->xs, "/a/b", "one"));

        assert_true(xs_watch(s->xs, "rel", "two"));
        assert_event(s->xs, "rel", "two");
        put(s->other, XBT_NULL, "/local/domain/0/rel/x", "");
        assert_event(s->xs, "rel/x", "two");

        assert_true(xs_watch(s->xs, "@releaseDomain", "three"));
        assert_event(s->xs, "@releaseDomain", "three");
        assert_true(xs_introduce_domain(s->other, 5, 1, 1));
        assert_true(xs_is_domain_introduced(s->other, 5));
        assert_true(xs_release_domain(s->other, 5));
        assert_event(s->xs, "@releaseDomain", "three");
        assert_false(xs_is_domain_introduced(s->other, 5));
}

static void transactions_see_their_own_world(void **state) {
        Server *s = *state;
        xs_transaction_t t;

        put(s->xs, XBT_NULL, "/x", "1");
        t = xs_transaction_start(s->xs);
        assert_true(t != XBT_NULL);
        put(s->xs, t, "/x", "2");
        put(s->xs, t, "/new/node", "n");
        assert_value(s->xs, t, "/x", "2");
        assert_value(s->other, XBT_NULL, "/x", "1");
        assert_value(s->other, XBT_NULL, "/new", NULL);
        assert_true(xs_transaction_end(s->xs, t, /* abort= */ false));
        assert_value(s->other, XBT_NULL, "/x", "2");
        assert_value(s->other, XBT_NULL, "/new/node", "n");

        t = xs_transaction_start(s->xs);
        assert_true(xs_rm(s->xs, t, "/new"));
        assert_true(xs_transaction_end(s->xs, t, /* abort= */ true));
        assert_value(s->other, XBT_NULL, "/new/node", "n");
}

static bool commit_against(Server *s, const char *seen, const char *mine, const char *others) {
        xs_transaction_t t = xs_transaction_start(s->xs);
        unsigned size;

        assert_true(t != XBT_NULL);
        free(xs_read(s->xs, t, seen, &size));
        put(s->xs, t, mine, "mine");
        put(s->other, XBT_NULL, others, "theirs");
        if (xs_transaction_end(s->xs, t, /* abort= */ false))
                return true;
        assert_int_equal(errno, EAGAIN);
        return false;
}

static void transactions_conflict_only_over_what_they_saw(void **state) {
        Server *s = *state;

        put(s->xs, XBT_NULL, "/c/seen", "1");
        assert_true(commit_against(s, "/c/seen", "/c/mine", "/c/elsewhere"));
        assert_false(commit_against(s, "/c/seen", "/c/mine2", "/c/seen"));
        assert_value(s->xs, XBT_NULL, "/c/mine2", NULL);
        assert_false(commit_against(s, "/c/absent", "/c/mine3", "/c/absent"));
        assert_false(commit_against(s, "/c", "/c/mine4", "/c/new-child"));
        assert_false(commit_against(s, "/c/seen", "/c/both", "/c/both"));
}

static void permissions_are_kept(void **state) {
        struct xs_permissions perms[] = { { 0, XS_PERM_NONE }, { 3, XS_PERM_READ | XS_PERM_WRITE } }, *got;
        Server *s = *state;
        unsigned n;

        put(s->xs, XBT_NULL, "/p", "");
        assert_true(xs_set_permissions(s->xs, XBT_NULL, "/p", perms, 2));
        got = xs_get_permissions(s->other, XBT_NULL, "/p", &n);
        assert_non_null(got);
        assert_int_equal(n, 2);
        assert_int_equal(got[1].id, 3);
        assert_int_equal(got[1].perms, XS_PERM_READ | XS_PERM_WRITE);
        free(got);
        assert_false(xs_set_permissions(s->xs, XBT_NULL, "/absent", perms, 2));
}

static void a_domain_has_a_path(void **state) {
        Server *s = *state;
        char *path = xs_get_domain_path(s->xs, 12);

        assert_non_null(path);
        assert_string_equal(path, "/local/domain/12");
        free(path);
}

static void a_client_that_breaks_the_framing_is_dropped(void **state) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct xsd_sockmsg header = { .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1 };
        Server *s = *state;
        char byte;
        int fd;

        strcpy(address.sun_path, s->socket);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(write(fd, &header, sizeof(header)), sizeof(header));
        assert_int_equal(read(fd, &byte, 1), 0);
        (void) close(fd);
        put(s->xs, XBT_NULL, "/still", "alive");
}

/* A generator that is the same each time: failures can be repeated. */
static uint32_t next_number(uint32_t *seed) {
        *seed = *seed * 1664525 + 1013904223;
        return *seed >> 8;
}

static void feed_random_message(Session *session, uint32_t *seed) {
        static const char *const words[] = { "/", "/a", "/a/b", "/a/b/c", "x", "@releaseDomain", "T", "F",
                "n0", "r1", "7", "-1", "" };
        struct xsd_sockmsg header = { .type = next_number(seed) % (XS_TYPE_COUNT + 2),
                .tx_id = next_number(seed) % 4 };
        char payload[256];

        for (uint32_t i = next_number(seed) % 4; i > 0; i--) {
                const char *word = words[next_number(seed) % ARRAY_SIZE(words)];
                size_t size = strlen(word) + (next_number(seed) % 8 != 0);

                memcpy(payload + header.len, word, size);
                header.len += (uint32_t) size;
        }
        (void) session_feed(session, (const char *) &header, sizeof(header));
        (void) session_feed(session, payload, header.len);
}

static void garbage_does_no_harm(void **state) {
        uint32_t seed = 1;
        Hub *hub;

        assert_int_equal(hub_new(&hub), 0);
        for (int round = 0; round < 200; round++) {
                Session *a, *b;

                assert_int_equal(session_open(hub, &a), 0);
                assert_int_equal(session_open(hub, &b), 0);
                for (int i = 0; i < 200; i++) {
                        size_t size;

                        feed_random_message(next_number(&seed) % 2 ? a : b, &seed);
                        (void) session_output(a, &size);
                        session_sent(a, size);
                }
                for (int i = 0; i < 50; i++) {
                        char bytes[32];

                        for (size_t k = 0; k < sizeof(bytes); k++)
                                bytes[k] = (char) next_number(&seed);
                        if (session_feed(b, bytes, sizeof(bytes)) < 0)
                                break;
                }
                (void) session_close(a);
                (void) session_close(b);
        }
        (void) hub_free(hub);
}

static void what_a_client_makes_is_capped(void **state) {
        const struct xsd_sockmsg start = { .type = XS_TRANSACTION_START, .len = 1 };
        Session *session;
        size_t before, after;
        Hub *hub;

        assert_int_equal(hub_new(&hub), 0);
        assert_int_equal(session_open(hub, &session), 0);
        for (int i = 0; i < SESSION_TRANSACTIONS_MAX + 1; i++) {
                (void) session_output(session, &before);
                session_sent(session, before);
                assert_int_equal(session_feed(session, (const char *) &start, sizeof(start)), 0);
                assert_int_equal(session_feed(session, "", 1), 0);
        }
        assert_int_equal(((const struct xsd_sockmsg *) session_output(session, &after))->type, XS_ERROR);

        /* Nobody reads: the output ends before the memory does. */
        for (int i = 0; i < 1000000 && !session_overflowed(session); i++) {
                const struct xsd_sockmsg path = { .type = XS_GET_DOMAIN_PATH, .len = 2 };

                (void) session_feed(session, (const char *) &path, sizeof(path));
                (void) session_feed(session, "1", 2);
        }
        assert_true(session_overflowed(session));
        (void) session_output(session, &after);
        assert_true(after <= SESSION_OUTPUT_MAX);
        (void) session_close(session);
        (void) hub_free(hub);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(values_and_children_are_kept, set_up, tear_down),
                cmocka_unit_test_setup_teardown(long_lists_come_in_parts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(bad_requests_are_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(watches_fire_for_what_is_below, set_up, tear_down),
                cmocka_unit_test_setup_teardown(transactions_see_their_own_world, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        transactions_conflict_only_over_what_they_saw, set_up, tear_down),
                cmocka_unit_test_setup_teardown(permissions_are_kept, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_domain_has_a_path, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_client_that_breaks_the_framing_is_dropped, set_up, tear_down),
                cmocka_unit_test(garbage_does_no_harm),
                cmocka_unit_test(what_a_client_makes_is_capped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
