#pragma once

/*
 * Cards as a recorded machine
 *
 * Writes a sysfs tree in the shape that libpci's sysfs.path reads:
 * devices/<address>/{vendor,device,class,config,…} and slots/. `lspci -O sysfs.path=FOLDER -nn` shows it.
 * driver.link and realpath hold what the links of a real tree say.
 */

#include "tests/lab/spec.h"

/* The folder is made; an existing one is replaced. 0 or a negative errno. */
int hardware_write(const char *folder, const Card *cards, size_t n_cards);
