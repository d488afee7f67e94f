#pragma once

/*
 * A private dbus-daemon for a test
 *
 * In a folder of its own below /tmp; everyone on it may do everything. Ends with private_bus_done(), which
 * removes the folder too.
 */

#include <sys/types.h>

#include <systemd/sd-bus.h>

typedef struct PrivateBus {
        char dir[64];
        char address[160]; /* unix:path=… */
        pid_t pid;         /* 0: stopped */
} PrivateBus;

void private_bus_make(PrivateBus *b);
void private_bus_done(PrivateBus *b);
void private_bus_stop(PrivateBus *b);  /* kills it; the address stays */
void private_bus_start(PrivateBus *b); /* again, at the same address */
sd_bus *private_bus_connect(PrivateBus *b, sd_event *event);
