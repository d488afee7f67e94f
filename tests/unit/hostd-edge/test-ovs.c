/*
 * Bridges of Open vSwitch: known as its database tells them, and while it is away
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/strbuf.h"
#include "common/daemon/event-loop.h"
#include "hostd/core/idset.h"
#include "hostd/edge/ovs-bridges.h"
#include "tests/unit/hostd-edge/fake-ovsdb.h"

typedef struct World {
        FakeOvsdb server;
        Loop *loop;
        OvsBridges *bridges;
        unsigned n_changes;
} World;

static void on_changed(void *userdata) {
        World *w = userdata;

        w->n_changes++;
}

static int set_up(void **state) {
        World *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        (void) snprintf(w->server.path, sizeof(w->server.path), "/tmp/xenvgpu-ovsdb-%d", (int) getpid());
        w->server.fd = w->server.listener = -1;
        assert_true(sd_event_new(&w->server.event) >= 0);
        assert_int_equal(event_loop_new(w->server.event, &w->loop), 0);
        *state = w;
        return 0;
}

static int tear_down(void **state) {
        World *w = *state;

        (void) ovs_bridges_free(w->bridges);
        fake_ovsdb_stop(&w->server);
        event_loop_free(w->loop);
        sd_event_unref(w->server.event);
        free(w);
        return 0;
}

static void connect_bridges(World *w) {
        assert_int_equal(ovs_bridges_new(w->loop, w->server.event, w->server.path, on_changed, w, &w->bridges), 0);
}

static void assert_names(World *w, const char *names) {
        char **list = NULL;
        _cleanup_strbuf_ StrBuf b = {};

        assert_int_equal(ovs_bridges_add_to(w->bridges, &list), 0);
        idset_sort(list);
        for (char **name = list; name && *name; name++)
                strbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", *name);
        assert_string_equal(strempty(b.text), names);
        strv_free(list);
}

#define ROW(row, name) "\"" row "\":{\"new\":{\"name\":\"" name "\"}}"
#define ANSWER(rows) "{\"id\":\"bridges\",\"error\":null,\"result\":{\"Bridge\":{" rows "}}}"
#define UPDATE(rows) "{\"method\":\"update\",\"id\":null,\"params\":[null,{\"Bridge\":{" rows "}}]}"

static void names_come_and_go(void **state) {
        World *w = *state;

        fake_ovsdb_listen(&w->server);
        connect_bridges(w);
        run_until(&w->server, strstr(w->server.asked, "Open_vSwitch"));
        assert_non_null(strstr(w->server.asked, "\"monitor\""));
        assert_names(w, "");

        /* Messages stand one behind the other, and come in any pieces. */
        fake_ovsdb_say(
                &w->server, ANSWER(ROW("a", "xenbr0") "," ROW("b", "xenbr1")) UPDATE(ROW("c", "xapi1")), 7);
        assert_int_equal(w->n_changes, 2);
        assert_names(w, "xapi1 xenbr0 xenbr1");
        fake_ovsdb_say(
                &w->server, UPDATE("\"b\":{\"old\":{\"name\":\"xenbr1\"}}," ROW("a", "renamed")), 4000);
        assert_names(w, "renamed xapi1");
        /* Of a column that we did not ask for. */
        fake_ovsdb_say(&w->server, UPDATE("\"a\":{\"new\":{}}"), 4000);
        assert_names(w, "renamed xapi1");
}

static void a_living_client_answers(void **state) {
        World *w = *state;

        fake_ovsdb_listen(&w->server);
        connect_bridges(w);
        run_until(&w->server, w->server.n_connections == 1 && *w->server.asked);
        w->server.asked[0] = '\0';
        fake_ovsdb_say(&w->server, "{\"id\":\"echo\",\"method\":\"echo\",\"params\":[]}", 4000);
        run_until(&w->server, *w->server.asked);
        assert_string_equal(w->server.asked, "{\"result\":[],\"error\":null,\"id\":\"echo\"}");
}

static void a_host_without_it_has_none(void **state) {
        World *w = *state;

        connect_bridges(w);
        assert_names(w, "");
        /* It is installed later. */
        fake_ovsdb_listen(&w->server);
        ovs_bridges_try(w->bridges);
        run_until(&w->server, w->server.n_connections == 1);
        run_until(&w->server, *w->server.asked);
        fake_ovsdb_say(&w->server, ANSWER(ROW("a", "xenbr0")), 4000);
        assert_names(w, "xenbr0");
}

/* The bridges of a server that is being upgraded still carry packets. */
static void a_lost_server_is_found_again(void **state) {
        World *w = *state;

        fake_ovsdb_listen(&w->server);
        connect_bridges(w);
        run_until(&w->server, *w->server.asked);
        fake_ovsdb_say(&w->server, ANSWER(ROW("a", "xenbr0") "," ROW("b", "xenbr1")), 4000);
        fake_ovsdb_hang_up(&w->server);
        run_until(&w->server, w->server.n_connections == 2 && *w->server.asked);
        assert_names(w, "xenbr0 xenbr1");
        fake_ovsdb_say(&w->server, ANSWER(ROW("x", "xenbr1")), 4000);
        assert_names(w, "xenbr1");
}

static void nonsense_ends_the_connection(void **state) {
        static const char *const words[] = {
                "HTTP/1.1 400 Bad Request\r\n",
                "{\"id\":\"bridges\",\"error\":\"unknown database\",\"result\":null}",
                "{\"id\":\"bridges\",\"error\":null,\"result\":[]}",
                "{\"id\":\"bridges\",\"error\":null,\"result\":{\"Bridge\":7}}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                World *w;

                (void) set_up(state);
                w = *state;
                fake_ovsdb_listen(&w->server);
                connect_bridges(w);
                run_until(&w->server, *w->server.asked);
                fake_ovsdb_say(&w->server, words[i], 4000);
                run_until(&w->server, w->server.n_connections == 2);
                assert_names(w, "");
                (void) tear_down(state);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(names_come_and_go, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_living_client_answers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_host_without_it_has_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_lost_server_is_found_again, set_up, tear_down),
                cmocka_unit_test(nonsense_ends_the_connection),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
