#pragma once

/*
 * Numbers of cards, out of what the card or its driver says: by them a card is known in whichever slot it stands
 *
 * From bytes that anything may have written. One that many cards share, as a placeholder does, is none. Pure.
 */

#include "common/base/macros.h"

#define CARD_NUMBER_MAX 64

/* The serial number (keyword SN) of the vital product data of PCI: 4 to 63 visible ASCII characters. */
bool vpd_serial(const uint8_t *data, size_t size, char ret[static CARD_NUMBER_MAX]);

/* The uuid of NVIDIA's `information` file, in lower case, without its "GPU-". A driver that has not looked at the GPU yet says "???…". */
bool nvidia_gpu_uuid(const char *text, char ret[static CARD_NUMBER_MAX]);
