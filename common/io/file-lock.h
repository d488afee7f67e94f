#pragma once

/*
 * A lock between processes
 *
 * An flock() on a file that stays where it is. The lock belongs to the open file: it is released when every
 * process that inherited the descriptor has closed it or ended. The descriptor is closed when a program is
 * executed.
 */

/* Waits while another process holds the lock. A missing file is made, with mode 0600. */
int file_lock(const char *path, int *ret_fd);
int file_lock_try(const char *path, int *ret_fd); /* -EBUSY: another process holds it */

/* Releases the lock even if a child of ours still has the descriptor. Returns -1. */
int file_unlock(int fd);
