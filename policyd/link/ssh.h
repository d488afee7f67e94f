#pragma once

/*
 * ssh as a transport
 *
 * Spawns ssh, which logs in to the host and runs systemd-stdio-bridge there: what is written to *ret_fd
 * reaches the host's system bus. ssh's words on stderr are kept, the last line of them, as the reason of a
 * failure. Nothing waits for ssh: it ends with its socket, and is killed and reaped by ssh_close().
 */

#include <systemd/sd-event.h>

#include "policyd/link/address.h"

typedef struct Ssh Ssh;

/* The caller owns *ret_fd. Negative errno when ssh cannot be started (-ENOENT: no such program). */
int ssh_open(sd_event *event, const char *program, const LinkAddress *address, Ssh **ret, int *ret_fd);
Ssh *ssh_close(Ssh *ssh);
DEFINE_CLEANUP(Ssh *, ssh_close)

/* What ssh said last, or how it ended; NULL when it said nothing and still runs. Valid until ssh_close(). */
const char *ssh_reason(Ssh *ssh);
