/*
 * A database that cannot be used
 */

#include <signal.h>

#include "common/daemon/database.h"

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"

void database_broken(const char *dir, const char *reason) {
        log_event(LOG_ERR, MSG_DATABASE_UNUSABLE, NULL,
                "The database file %s/data.mdb is damaged (LMDB: %s). Stopping; guests run on. Put a backup "
                "in its place.",
                dir, reason);
        /* LMDB is in the middle of an operation, so no code of ours may run any more. */
        _exit(DAEMON_EXIT_DATABASE);
}

/* An answer would say either that the change is stored or that it is not. Whoever waits finds this process gone instead, and asks
 * again what is so. */
void database_undecided(const char *dir, const char *reason) {
        log_event(LOG_ERR, MSG_DATABASE_UNUSABLE, NULL,
                "A change of the database file %s/data.mdb failed half way (%s): only the next start can tell "
                "whether it is stored. Stopping, without an answer to those who wait; guests run on. If this "
                "comes again, look at the disk (dmesg).",
                dir, reason);
        _exit(EXIT_FAILURE);
}

/* Only system calls are allowed here, since the interrupted code may hold locks. */
static void on_bus_error(int number) {
        static const char text[] =
                "A page of the database file cannot be read: its disk fails, or the file was cut off. "
                "Stopping; guests run on. "
                "Look at the disk (dmesg), put a backup in the file's place, and start again.\n";

        if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
                _exit(DAEMON_EXIT_DATABASE);
        _exit(DAEMON_EXIT_DATABASE);
}

void database_catch_bus_error(void) {
        const struct sigaction action = {.sa_handler = on_bus_error};

        (void) sigaction(SIGBUS, &action, NULL);
}

static const char *describe(int r) {
        switch (r) {
        case -EROFS:
        case -EACCES:
        case -EPERM:
                return "cannot be written";
        case -ESTALE:
                return "was removed, replaced or cut off while it was in use";
        case -ENOSPC:
        case -EDQUOT:
                return "has no room: its disk is full";
        default:
                return "cannot be used";
        }
}

static bool restart_helps(int r) {
        switch (r) {
        case -EBADMSG:
        case -EPROTONOSUPPORT:
        case -EROFS:
        case -EACCES:
        case -EPERM:
        case -ESTALE:
                return false;
        default:
                return true;
        }
}

int database_log_failure(const char *dir, int r, const char *problem_or_null, const char *way_back) {
        size_t n = strlen(strempty(problem_or_null));

        if (n > 0)
                log_event(LOG_ERR, MSG_DATABASE_UNUSABLE, NULL,
                        "The database file %s/data.mdb cannot be used: %s%s %s", dir, problem_or_null,
                        problem_or_null[n - 1] == '.' ? "" : ".", way_back);
        else
                log_event(LOG_ERR, MSG_DATABASE_UNUSABLE, NULL, "The database file %s/data.mdb %s (%s). %s",
                        dir, describe(r), strerror(-r), way_back);
        return restart_helps(r) ? r : -EUCLEAN;
}

int database_exit_status(int r) {
        return r == -EUCLEAN ? DAEMON_EXIT_DATABASE : EXIT_FAILURE;
}
