#pragma once

/*
 * The far end of QEMU's x-pci-proxy-dev
 *
 * QEMU forwards what happens to such a device over a unix socket: a header of command and size, then the
 * command's own bytes, all in the machine's byte order. Accesses and resets are answered by one number;
 * memory maps and interrupt lines, which come with descriptors, are taken and dropped, since our functions do
 * neither DMA nor interrupts.
 */

#include "tests/xen/machine/function.h"

/* Takes one message off the socket and answers it. 1: served; 0: QEMU has closed; -EBADMSG; another negative
 * errno. */
int proxy_serve(int fd, Function *function);
