#pragma once

/*
 * The socket on which a VM's program is heard and spoken to
 *
 * Each client gets the run record on connecting and after each change, and may send stop commands. A client
 * that does not read, or sends what is no command, is dropped; the others and the VM do not notice.
 */

#include <systemd/sd-event.h>

#include "hostd/run/run-record.h"

#define CONTROL_CLIENTS_MAX 8

typedef struct Control Control;
typedef void (*ControlStop)(const Uuid *token, bool force, void *userdata);

int control_new(sd_event *event, const char *folder, ControlStop stop, void *userdata, Control **ret);
Control *control_free(Control *c);
DEFINE_CLEANUP(Control *, control_free)

int control_publish(Control *c, const RunRecord *record);
