#pragma once

/*
 * How hosts and PGPUs stand after starts that failed there
 */

#include "policyd/service/hosts/peers.h"

/* Where the VM is booked: its host, and its PGPUs, each once. ret_pgpus: as many as it has VGPUs. */
StartPlaces places_of(const Vm *vm, Uuid *ret_pgpus);
void places_refresh(Hosts *hs);
void places_failed(Hosts *hs, const Vm *vm, const StartPlaces *where, const char *words);
void places_started(Hosts *hs, const Vm *vm); /* where it is booked */
void places_failed_everywhere(Hosts *hs, const Vm *vm);
void places_clear_host(Hosts *hs, Host *h);    /* and its PGPUs */
void places_clear_pgpu(Hosts *hs, Pgpu *pgpu); /* and its host */
