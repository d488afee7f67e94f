/*
 * The line to a VM's program, with this test as the program
 */

#include <stdio.h>
#include <sys/socket.h>

#include "common/io/file.h"
#include "hostd/run/run-socket.h"
#include "hostd/vm/run-link.h"
#include "tests/unit/hostd-service/world.h"

typedef struct Peer {
        char *folder;
        sd_event *event;
        int listener, fd;
        RunLink *link;
        bool close_at_once;

        unsigned n_records, n_lost;
        VmState state;
        int lost;
} Peer;

static void on_record(RunRecord *record, void *userdata) {
        Peer *p = userdata;

        p->n_records++;
        p->state = record->state;
        if (p->close_at_once)
                p->link = run_link_close(p->link);
}

static void on_lost(int result, void *userdata) {
        Peer *p = userdata;

        p->n_lost++;
        p->lost = result;
        p->link = run_link_close(p->link);
}

static const RunLinkHandlers handlers = {.record = on_record, .lost = on_lost};

static int peer_setup(void **state) {
        Peer *p = calloc(1, sizeof(*p));

        assert_non_null(p);
        p->folder = temporary_folder();
        assert_true(sd_event_new(&p->event) >= 0);
        assert_int_equal(run_link_open(p->event, p->folder, &handlers, p, &p->link), -ENOENT);
        assert_int_equal(run_socket_listen(p->folder, &p->listener), 0);
        assert_int_equal(run_link_open(p->event, p->folder, &handlers, p, &p->link), 0);
        p->fd = accept(p->listener, NULL, NULL);
        assert_true(p->fd >= 0);
        *state = p;
        return 0;
}

static int peer_teardown(void **state) {
        Peer *p = *state;

        run_link_close(p->link);
        safe_close(p->fd);
        safe_close(p->listener);
        sd_event_unref(p->event);
        remove_tree(p->folder);
        free(p->folder);
        free(p);
        return 0;
}

static void say(Peer *p, const char *text) {
        assert_int_equal(send(p->fd, text, strlen(text), 0), strlen(text));
        while (sd_event_run(p->event, 0) > 0)
                ;
}

static char *record_line(VmState state) {
        RunRecord record = {.state = state, .stage = (char *) "x", .reason = (char *) ""};
        _cleanup_free_ char *text = NULL;
        char *line;

        record.uuid = record.token = new_uuid();
        text = run_record_to_text(&record);
        assert_non_null(text);
        assert_true(asprintf(&line, "%s\n", text) > 0);
        return line;
}

static void records_arrive_however_they_are_cut(void **state) {
        _cleanup_free_ char *a = record_line(VM_STATE_STARTING), *b = record_line(VM_STATE_RUNNING),
                            *both = NULL;
        Peer *p = *state;

        for (const char *c = a; *c; c++)
                say(p, (char[]){*c, '\0'});
        assert_int_equal(p->n_records, 1);
        assert_int_equal(p->state, VM_STATE_STARTING);

        assert_true(asprintf(&both, "%s%s%s", a, a, b) > 0);
        say(p, both);
        assert_int_equal(p->n_records, 4);
        assert_int_equal(p->state, VM_STATE_RUNNING);
        assert_int_equal(p->n_lost, 0);
}

static void the_last_words_are_heard(void **state) {
        _cleanup_free_ char *a = record_line(VM_STATE_HALTED);
        Peer *p = *state;

        assert_int_equal(send(p->fd, a, strlen(a), 0), strlen(a));
        p->fd = safe_close(p->fd);
        while (sd_event_run(p->event, 0) > 0)
                ;
        assert_int_equal(p->n_records, 1);
        assert_int_equal(p->state, VM_STATE_HALTED);
        assert_int_equal(p->n_lost, 1);
        assert_int_equal(p->lost, 0);
}

static void nonsense_ends_the_link(void **state) {
        Peer *p = *state;

        say(p, "{\"uuid\":\n");
        assert_int_equal(p->n_records, 0);
        assert_int_equal(p->n_lost, 1);
        assert_true(p->lost < 0);
}

static void a_line_without_end_ends_the_link(void **state) {
        char block[4097];
        Peer *p = *state;

        memset(block, 'x', sizeof(block) - 1);
        block[sizeof(block) - 1] = '\0';
        for (size_t i = 0; i < 64 && p->n_lost == 0; i++)
                say(p, block);
        assert_int_equal(p->n_lost, 1);
        assert_true(p->lost < 0);
}

static void a_handler_may_close_the_link(void **state) {
        _cleanup_free_ char *a = record_line(VM_STATE_HALTED), *both = NULL;
        Peer *p = *state;

        p->close_at_once = true;
        assert_true(asprintf(&both, "%s%s", a, a) > 0);
        say(p, both);
        assert_int_equal(p->n_records, 1);
        assert_null(p->link);
}

static void a_stop_is_one_line(void **state) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        Uuid token = new_uuid();
        char line[512];
        Peer *p = *state;
        ssize_t n;

        assert_int_equal(run_link_send_stop(p->link, &token, true), 0);
        n = recv(p->fd, line, sizeof(line), MSG_DONTWAIT);
        assert_true(n > 0 && line[n - 1] == '\n');
        assert_int_equal(json_parse(&reader, line, (size_t) n - 1, &o), 0);
        assert_string_equal(text_of(o, "command"), "stop");
        assert_string_equal(text_of(o, "token"), UUID_TEXT(&token));
        assert_string_equal(text_of(o, "force"), "true");
}

#define PEER_TEST(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                PEER_TEST(records_arrive_however_they_are_cut),
                PEER_TEST(the_last_words_are_heard),
                PEER_TEST(nonsense_ends_the_link),
                PEER_TEST(a_line_without_end_ends_the_link),
                PEER_TEST(a_handler_may_close_the_link),
                PEER_TEST(a_stop_is_one_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
