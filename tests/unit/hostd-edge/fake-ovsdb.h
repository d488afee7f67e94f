#pragma once

/*
 * A small ovsdb-server on the loop of the test
 *
 * Takes one connection at a time, keeps what it was asked, and says what it is told to, cut into pieces as a stream may be.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include <cmocka.h>

#include "common/base/macros.h"

typedef struct FakeOvsdb {
        char path[108];
        sd_event *event;
        sd_event_source *listening, *reading;
        int listener, fd;
        unsigned n_connections;
        char asked[4096]; /* all of it */
} FakeOvsdb;

static int fake_ovsdb_read(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        FakeOvsdb *f = userdata;
        size_t used = strlen(f->asked);
        ssize_t n = recv(fd, f->asked + used, sizeof(f->asked) - used - 1, MSG_DONTWAIT);

        if (n <= 0) {
                f->reading = sd_event_source_disable_unref(f->reading);
                f->fd = safe_close(f->fd);
        } else
                f->asked[used + (size_t) n] = '\0';
        return 0;
}

static int fake_ovsdb_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        FakeOvsdb *f = userdata;

        f->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(f->fd >= 0);
        f->n_connections++;
        f->asked[0] = '\0';
        assert_true(sd_event_add_io(f->event, &f->reading, f->fd, EPOLLIN, fake_ovsdb_read, f) >= 0);
        return 0;
}

static void fake_ovsdb_listen(FakeOvsdb *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) unlink(f->path);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
        f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(f->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(f->listener, 4), 0);
        assert_true(sd_event_add_io(f->event, &f->listening, f->listener, EPOLLIN, fake_ovsdb_accept, f) >= 0);
}

static void fake_ovsdb_hang_up(FakeOvsdb *f) {
        f->reading = sd_event_source_disable_unref(f->reading);
        f->fd = safe_close(f->fd);
}

static void fake_ovsdb_stop(FakeOvsdb *f) {
        fake_ovsdb_hang_up(f);
        f->listening = sd_event_source_disable_unref(f->listening);
        f->listener = safe_close(f->listener);
        (void) unlink(f->path);
}

/* piece: so many bytes at once; the loop turns in between. */
static void fake_ovsdb_say(FakeOvsdb *f, const char *text, size_t piece) {
        while (*text) {
                size_t n = MIN_OF(strlen(text), piece);

                assert_int_equal(send(f->fd, text, n, MSG_NOSIGNAL), n);
                text += n;
                while (sd_event_run(f->event, 0) > 0)
                        ;
        }
}

#define run_until(f, condition)                                                                              \
        do {                                                                                                 \
                for (unsigned _i_ = 0; _i_ < 2000 && !(condition); _i_++)                                    \
                        assert_true(sd_event_run((f)->event, 10000) >= 0);                                   \
                assert_true(condition);                                                                      \
        } while (0)
