#pragma once

/*
 * ssh as a transport
 *
 * Starts ssh, which logs in to the host and runs systemd-stdio-bridge there, so that what is written to
 * *ret_fd reaches the host's system bus. What ssh writes to stderr is kept to explain a failure; of a long
 * text the end is kept. No function waits for ssh: it ends when its socket is closed, and ssh_close() kills
 * and reaps it.
 */

#include <systemd/sd-event.h>

#include "policyd/link/address.h"

typedef struct Ssh Ssh;

typedef struct SshSettings {
        const char *program;
        const char *known_hosts; /* the only file whose keys count; NULL: ssh's own */
        const char *identity;    /* the key to log in with; NULL: ssh's own */
        uint64_t answer_usec; /* how long the host may take to answer at all; whole seconds of it count */
        void (*ended)(void *userdata); /* from the loop, once; ssh_close() ends it */
        void *userdata;
} SshSettings;

/* The caller owns *ret_fd. Negative errno when ssh cannot be started (-ENOENT: no such program). */
int ssh_open(
        sd_event *event, const SshSettings *settings, const LinkAddress *address, Ssh **ret, int *ret_fd);
Ssh *ssh_close(Ssh *ssh);
DEFINE_CLEANUP(Ssh *, ssh_close)

/* Lines, oldest first, each with its newline; "" when it has said nothing. Valid until the loop runs. */
const char *ssh_words(Ssh *ssh);
/* True when it has ended: its status, or else the signal; the other one is -1. */
bool ssh_has_ended(const Ssh *ssh, int *ret_status, int *ret_signal);
pid_t ssh_pid(const Ssh *ssh);
