#pragma once

/*
 * A lock between processes
 *
 * An flock() on a file that stays where it is. The lock belongs to the open file: it falls when the last process
 * that inherited the descriptor has closed it, or is gone. The descriptor is closed when a program is executed.
 */

/* Waits for as long as another one holds it. The file is made with mode 0600 where it is missing. */
int file_lock(const char *path, int *ret_fd);
int file_lock_try(const char *path, int *ret_fd); /* -EBUSY: another one holds it */

/* Also where a child of ours still has the descriptor; -1. */
int file_unlock(int fd);
