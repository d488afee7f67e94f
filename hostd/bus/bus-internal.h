#pragma once

/*
 * What the files of hostd/bus share
 */

#include <systemd/sd-bus.h>

#include "common/daemon/bus-text.h"
#include "hostd/bus/bus-host.h"

struct BusHost {
        sd_bus *bus;
        Hostd *host;
        const BusHostHandlers *handlers;
        void *userdata;
};

/* Shows the host on the connection that is in bus. */
int bus_host_publish(BusHost *b);

/* The manager's interface on HOST_PATH; userdata is the BusHost. */
extern const sd_bus_vtable bus_manager_vtable[];
/* That of each PGPU; userdata is the Pgpu. */
extern const sd_bus_vtable bus_pgpu_vtable[];

/* PGPUs below HOST_PATH_PGPU. */
int bus_pgpu_add(BusHost *b);
/* What the host's listener hears; userdata is the BusHost. */
void bus_pgpu_send_added(const PciAddress *address, void *userdata);
void bus_pgpu_send_removed(const PciAddress *address, void *userdata);
void bus_pgpu_send_changed(const PciAddress *address, PgpuProperty property, void *userdata);

/* Turns what a service call gave into the D-Bus error to return from a handler; 0 when it went well. */
int bus_check(int result, const Refusal *refusal, sd_bus_error *error);

/* The next argument, a text or a JSON record of a client; what names it in the error. See common/daemon/bus-text.h. */
#define bus_text(m, what, ret, error) \
        bus_read_text(m, what, TEXT_LINE, error_code_name(ERROR_INVALID_RECORD), ret, error)
#define bus_record(m, what, ret, error) bus_read_record(m, what, error_code_name(ERROR_INVALID_RECORD), ret, error)
