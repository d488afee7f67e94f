#pragma once

/*
 * What both daemons log about a database that they cannot use, and how they exit then
 *
 * A restart does not repair a damaged file, so the daemon ends with DAEMON_EXIT_DATABASE, which its unit does
 * not restart. Guests need neither daemon: they run on.
 */

#include "common/base/macros.h"

#define DAEMON_EXIT_DATABASE 66

/* For DbOptions.broken: LMDB found damage. This is logged, and the process ends here. */
void database_broken(const char *dir, const char *reason) __attribute__((__noreturn__));
/* For DbOptions.undecided: a write failed half way. Logged too; the next start reads what the disk has. */
void database_undecided(const char *dir, const char *reason) __attribute__((__noreturn__));

/*
 * The kernel sends SIGBUS when a page of the mapped file cannot be read: the disk fails, or the file was cut
 * off a moment ago. After this call SIGBUS ends the process with DAEMON_EXIT_DATABASE and a sentence on
 * stderr.
 */
void database_catch_bus_error(void);

/*
 * Logs why the database in dir could not be opened or used: the problem, a sentence or part of one, or the
 * error. way_back: what a person can do, in sentences. Returns r, or -EUCLEAN where a restart cannot help.
 */
int database_log_failure(const char *dir, int r, const char *problem_or_null, const char *way_back);

/* EXIT_FAILURE; DAEMON_EXIT_DATABASE for -EUCLEAN. */
int database_exit_status(int r);
