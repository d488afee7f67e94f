#pragma once

/*
 * Why a host is not reached, as a sentence with what helps
 *
 * One table has the known messages of ssh, of the shell behind it and of sshd, with the remedy for each. A
 * message that is not in the table is quoted if ssh itself failed with it (status 255). A banner, or what a
 * login prints, is never quoted.
 */

#include "policyd/link/address.h"

typedef struct LinkFailure {
        const LinkAddress *address;
        const char *fingerprint, *key_file; /* of the host's key, where one was given; NULL */
        bool key_is_stored; /* the file holds the key with this fingerprint */
        const char *words;  /* ssh's lines on stderr, oldest first, each ended by a newline; "" */
        const char *noise;  /* what came on stdout where the bus should have spoken; "" */
        int status, signal; /* how ssh ended; -1: it did not end that way */
        bool stood;         /* the bus had been reached before */
        bool dropped; /* the other side ended the connection: only then does ssh's status explain anything */
        const char *seen; /* what the link noticed, as a sentence; used if nothing here explains more */
} LinkFailure;

/* NULL without memory; the caller frees it. */
char *link_failure_sentence(const LinkFailure *f);

/* The host has a key, but not the one with this fingerprint. */
char *link_other_key_sentence(const LinkAddress *address, const char *fingerprint, const char *found);

/* The host showed no key in time. */
char *link_no_key_sentence(const LinkAddress *address);

/* "The host's bus lets nobody but …": the bus's policy refused a call to hostd. */
char *link_denied_sentence(const LinkAddress *address);
