#pragma once

/*
 * A backup of the database in dir, written to fd. For a process of its own that has not opened the database:
 * it blocks. progress() is called before each piece is written.
 */

#include <stdint.h>

int store_backup(const char *dir, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes);
