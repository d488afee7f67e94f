#pragma once

/*
 * Host addresses
 *
 * Parses an address into what the link connects to: the system bus, a local unix socket, or a login by ssh.
 * All other addresses of D-Bus are refused here with the reason: tcp has neither authentication nor
 * encryption, unixexec runs any command as policyd.
 */

#include "common/base/macros.h"

#define LINK_ADDRESS_MAX 1024

typedef enum LinkTransport {
        TRANSPORT_BUS, /* bus: an address for sd_bus_set_address() */
        TRANSPORT_SSH, /* login and port */
} LinkTransport;

typedef struct LinkAddress {
        LinkTransport transport;
        char *bus;
        char *login; /* USER@HOST */
        char *port;  /* NULL: ssh's own default */
} LinkAddress;

/* 0; -EINVAL with a sentence in *ret_message (the caller frees it); -ENOMEM. */
int link_address_parse(const char *text, LinkAddress *ret, char **ret_message);
void link_address_done(LinkAddress *a);
const char *link_address_host(const LinkAddress *a); /* the part of login after the '@' */
#define _cleanup_link_address_ _cleanup_(link_address_done)
