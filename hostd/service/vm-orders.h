#pragma once

/*
 * Orders: starting and stopping VMs
 *
 * When a call returns 0 without a refusal the order is stored and will be carried out, over restarts of
 * hostd; the rest is events. A token that is known already is acknowledged and not carried out again.
 */

#include "hostd/service/host.h"

#define ORDER_SIZE_MAX (1u << 20)
#define HOST_VMS_MAX 512

int host_start_vm(Hostd *h, const char *caller, const char *order, Refusal *ret);
/* A stop order of a VM that the caller's pool does not have, or of a domain that has a GPU here and that hostd did not start: ends it at
 * once. *ret_note: what else ends with it, or "". */
int host_end_vm(Hostd *h, const char *caller, const char *order, char **ret_note, Refusal *ret);
int host_stop_vm(Hostd *h, const char *caller, const char *order, Refusal *ret);
