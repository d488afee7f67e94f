#pragma once

/*
 * A VM's config against what the host's administrator allows
 *
 * core/config-keys.h says which keys pass; this walks through the config, libxl's own JSON, and names each key
 * that does not. What is there and says nothing (null, false, 0, empty) is passed over. So it does with what an
 * order tells NVIDIA's emulator: key vgpu_extra_args.
 */

#include "hostd/core/config-keys.h"
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
