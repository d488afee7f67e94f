#pragma once

/*
 * Orders: from the pool's objects to the records that hostd takes
 */

#include "policyd/service/hosts/peers.h"

int order_build_start(const Peer *peer, const Vm *vm, char **ret);
int order_build_stop(const Peer *peer, const Vm *vm, bool force, char **ret);
