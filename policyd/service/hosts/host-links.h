#pragma once

/*
 * What comes over the links
 */

#include "policyd/service/hosts/peers.h"

int peers_sync(Hosts *hs); /* one peer for each host of the pool, no others */
