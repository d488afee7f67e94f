#pragma once

/*
 * hostd on its bus
 *
 * Connects, shows the host as org.xenvgpu.Host1, and asks for that name last, when everything is in place.
 * All of it is asynchronous; a bus that goes away ends the loop with a failure, since VMs live on without us
 * and the next hostd takes them up.
 */

#include "hostd/service/host.h"

typedef struct BusHost BusHost;

typedef struct BusHostHandlers {
        void (*ready)(void *userdata);  /* the name is ours */
        void (*status)(void *userdata); /* host_describe() may say something else */
} BusHostHandlers;

/* Begins the host. Logs why it cannot. */
int bus_host_new(sd_event *event, const char *address, Hostd *host, const BusHostHandlers *handlers,
        void *userdata, BusHost **ret);
BusHost *bus_host_free(BusHost *b);
DEFINE_CLEANUP(BusHost *, bus_host_free)
