#pragma once

/*
 * What a VM holds, and how a report of its host changes that
 */

#include "policyd/service/hosts/peers.h"

void booking_running(Hosts *hs, Vm *vm, Host *h, PowerState power);
void booking_adopt(Hosts *hs, Vm *vm, Host *h, const Uuid *token);
void booking_vgpu_resident(Hosts *hs, Vgpu *v, Pgpu *pgpu, bool attached);
void booking_release(Hosts *hs, Vm *vm);
bool booking_token_is(const Vm *vm, const Uuid *token); /* of the start or of the stop */
