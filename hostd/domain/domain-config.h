#pragma once

/*
 * The config that a domain is made from
 *
 * The order's libxl config, with what GPUs need laid over it: the VM's own uuid, xenvgpu-dm as device model,
 * no emulated display and at least 16 MiB of video memory beside an NVIDIA VGPU, passed-through functions,
 * and memory in one piece for those. Where the config leaves them open, a VM without a VGPU has the card and the
 * video memory of its platform (vga, videoram), as under XenServer.
 */

#include "hostd/domain/domain-state.h"
#include "protocol/errors.h"
#include "protocol/order.h"

/* On -EINVAL, *ret_code and *ret_error (a sentence, caller frees) say why. */
int domain_config_lay_out(const StartOrder *order, const char *dm, struct json_object **ret,
        ErrorCode *ret_code, char **ret_error);

/*
 * What the config wants after the guest's end. libxl's JSON leaves out an action that is "destroy", its
 * first; so an absent action means that, if any other on_… member shows that libxl wrote the config. A config
 * with none of them was written by hand and gets xl's defaults: restart after a reboot, destroy else.
 */
void domain_config_rules(struct json_object *config, DomainRules *ret);
