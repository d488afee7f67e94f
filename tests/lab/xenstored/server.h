#pragma once

/*
 * The lab's xenstore server: sockets around a hub
 */

#include "tests/lab/xenstored/hub.h"

#define SERVER_CLIENTS_MAX 1000

/* Listens on a unix socket; an old one of that name is replaced. */
int server_listen(const char *path, int *ret);

/* Serves until stop_fd is readable. */
int server_run(int listen_fd, int stop_fd);
