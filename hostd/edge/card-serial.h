#pragma once

/*
 * A card's number where its configuration space has none: from its vital product data, or from NVIDIA's driver
 */

#include "common/base/pci-address.h"
#include "hostd/core/card-number.h"

/* folder is <sysfs>/devices/<address>. Both: "" where there is none, or nothing that can be read; -ENOMEM only. */
int card_serial_of_vpd(const char *folder, char ret[static CARD_NUMBER_MAX]);
/* gpus: the driver's folder, with one for each GPU that it holds. */
int card_serial_of_nvidia(const char *gpus, const PciAddress *address, char ret[static CARD_NUMBER_MAX]);
