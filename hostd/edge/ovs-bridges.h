#pragma once

/*
 * Bridges of Open vSwitch
 *
 * They are no bridges of the kernel: there all of them are ports of one datapath, beside other ports of the
 * same kind. Which of them are bridges stands in Open vSwitch's database alone. Its server speaks JSON-RPC on
 * a unix socket (RFC 7047); one request there, "monitor", gives the names and every change of them, so
 * nothing is asked again, and hostd waits for no answer.
 *
 * After a lost connection the server is tried again after a while, and its bridges are kept meanwhile, as the
 * kernel keeps them. A server that was never there is tried by ovs_bridges_try() only.
 */

#include <systemd/sd-event.h>

#include "common/base/loop.h"

typedef struct OvsBridges OvsBridges;
typedef void (*OvsBridgesChanged)(void *userdata);

/* socket: "/run/openvswitch/db.sock"; tries at once. */
int ovs_bridges_new(
        Loop *loop, sd_event *event, const char *socket, OvsBridgesChanged changed, void *userdata, OvsBridges **ret);
OvsBridges *ovs_bridges_free(OvsBridges *o);
DEFINE_CLEANUP(OvsBridges *, ovs_bridges_free)

/* Tries to connect, if it is not connected. */
void ovs_bridges_try(OvsBridges *o);

/* Adds the names to a sorted list of texts (hostd/core/idset.h). -ENOMEM. */
int ovs_bridges_add_to(const OvsBridges *o, char ***list);
