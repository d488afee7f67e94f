#pragma once

/*
 * A host's key, found by its fingerprint
 *
 * An administrator gives the fingerprint that a host printed. policyd asks the host for its keys (ssh-keyscan),
 * takes the one that has this fingerprint (ssh-keygen), and stores it in a known_hosts file of this host
 * alone; ssh accepts no other key of the host from then on. Nothing here waits: each program is a child of
 * the loop.
 */

#include <systemd/sd-event.h>

#include "policyd/link/address.h"

typedef enum HostKeyResult {
        HOST_KEY_STORED, /* the file holds it */
        HOST_KEY_SILENT, /* the host showed no key; why, ssh says better */
        HOST_KEY_OTHER,  /* text: the fingerprint of a key that it has */
        HOST_KEY_FAILED, /* text: what went wrong on the master, as strerror() has it */
} HostKeyResult;

typedef struct HostKeySearch HostKeySearch;

typedef struct HostKeyTask {
        const LinkAddress *address;
        const char *fingerprint; /* "SHA256:…" */
        const char *file;        /* host_key_file() */
        uint64_t answer_usec;    /* for each connection to the host */
        /* From the loop, once. text is valid until it returns. */
        void (*ended)(HostKeyResult result, const char *text, void *userdata);
        void *userdata;
} HostKeyTask;

/* The path of the host's known_hosts file below this folder; the caller frees it. NULL without memory. */
char *host_key_file(const char *folder, const LinkAddress *address);
/* Whether the file holds the key with this fingerprint. */
bool host_key_is_stored(const char *file, const char *fingerprint);

/* The texts must outlive the search. Freeing it kills its program. */
int host_key_search(sd_event *event, const HostKeyTask *task, HostKeySearch **ret);
HostKeySearch *host_key_search_free(HostKeySearch *s);
DEFINE_CLEANUP(HostKeySearch *, host_key_search_free)
pid_t host_key_search_pid(const HostKeySearch *s);
