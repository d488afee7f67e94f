#pragma once

/*
 * A VM's config against what the host's administrator allows
 *
 * protocol/config-walk.h goes through the config; here the host adds what only it knows: its disks, and what an
 * order books. The text that an order passes to NVIDIA's emulator is checked as well: key vgpu_extra_args.
 */

#include "protocol/config-keys.h"
#include "protocol/order.h"

/* path names the element ("disks[0].pdev_path"), key is that without indices, fault NULL or why its value does not pass.
 * Anything but 0 ends the walk and is returned. */
typedef int (*ConfigObjection)(const char *path, const char *key, const char *fault, void *userdata);

/*
 * The config of an order's VM. A PCI function in it passes where the order itself has it, booked. 0 when it went through all,
 * -ENOMEM, or what the handler returned.
 */
int config_check(
        const StartOrder *order, const ConfigRules *rules, ConfigObjection objection, void *userdata);
