#pragma once

/*
 * D-Bus messages as JSON
 */

#include <dbus/dbus.h>
#include <json-c/json.h>

#include "common/base/macros.h"

/* No argument: NULL; one: its value; several: an array. */
int client_message_to_json(DBusMessage *m, struct json_object **ret);
/* Always an array. */
int client_message_args_to_json(DBusMessage *m, struct json_object **ret);
