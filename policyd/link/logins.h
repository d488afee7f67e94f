#pragma once

/*
 * Logins take turns
 *
 * A login by ssh costs the master about 0.1 s of processor time. If all hosts log in at once, no login comes
 * to its end within its deadline, and the work of all of them is lost. So at most a number of them runs at a
 * time; the others wait in the order in which they asked, and a login's deadline begins with its start. One
 * that waits for the network and not for a processor (a host that does not answer) gives its place away after
 * a second, without being ended, so that silent hosts do not hold up the others.
 */

#include <systemd/sd-event.h>

#include "common/base/macros.h"

typedef struct Logins Logins;

/* One login; zeroed before its first use. */
typedef struct Login {
        Logins *logins; /* in which it waits or runs; NULL: neither */
        struct Login *previous, *next;
        bool runs;
        pid_t pid;                /* 0: not known yet */
        uint64_t looked_at, used; /* ns of processor time that it had used when it was looked at */
        void (*start)(void *userdata);
        void *userdata;
} Login;

/* max 0: eight for each processor that this process may use. */
int logins_new(sd_event *event, size_t max, Logins **ret);
Logins *logins_free(Logins *logins); /* after all that wait or run have left */
DEFINE_CLEANUP(Logins *, logins_free)

/* start() is called from the loop, once it is its turn; from then on it holds a place until it leaves. */
void login_wait(Login *login, Logins *logins, void (*start)(void *userdata), void *userdata);
void login_started(Login *login, pid_t pid);
/* As login_leave(). One that used its processor and did not come to its end in time shows that there are too
 * many at a time: the places are halved; each that succeeds brings one back. */
void login_succeeded(Login *login);
void login_starved(Login *login);
void login_leave(Login *login); /* from waiting or running; nothing otherwise */
