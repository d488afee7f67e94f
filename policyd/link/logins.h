#pragma once

/*
 * Logins take turns
 *
 * A login by ssh costs the master about 0.1 s of processor time. If all hosts logged in at once, no login
 * would end within its time limit, and all their work would be lost. So only a limited number runs at a time;
 * the others wait in the order in which they asked, and a login's time limit begins with its start. A login
 * that waits for the network and not for a processor, because its host does not answer, stops counting after
 * a second, but goes on. So silent hosts do not delay the others.
 */

#include <sys/queue.h>
#include <sys/types.h>

#include "common/base/loop.h"

typedef struct Logins Logins;

/* One login; zeroed before its first use. */
typedef struct Login {
        Logins *logins; /* in which it waits or runs; NULL: neither */
        TAILQ_ENTRY(Login) others;
        bool runs;
        pid_t pid;                /* 0: not known yet */
        uint64_t looked_at, used; /* ns of processor time that it had used when it was looked at */
        void (*start)(void *userdata);
        void *userdata;
} Login;

/* max 0: eight for each processor that this process may use. */
int logins_new(Loop *loop, size_t max, Logins **ret);
Logins *logins_free(Logins *logins); /* after all that wait or run have left */
DEFINE_CLEANUP(Logins *, logins_free)

/* start() is called from the loop, once it is its turn; from then on it holds a place until it leaves. */
void login_wait(Login *login, Logins *logins, void (*start)(void *userdata), void *userdata);
void login_started(Login *login, pid_t pid);
/* As login_leave(). If a login used processor time and did not end in time, too many run together: the number
 * of places is halved. Each login that succeeds adds one place again. */
void login_succeeded(Login *login);
void login_starved(Login *login);
void login_leave(Login *login); /* from waiting or running; nothing otherwise */
