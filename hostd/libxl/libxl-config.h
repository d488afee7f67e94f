#pragma once

/*
 * libxl's own form of a laid-out config
 *
 * What JSON cannot say, or what no config may change, is set here: a fresh domain id, memory claimed before
 * the domain is built, and passed-through functions that are ours to hand over, without MSI translation.
 */

#include <json-c/json.h>
#include <libxl.h>

#include "common/base/pci-address.h"

/* -EINVAL: libxl does not understand it. The caller disposes of *ret after success only. */
int libxl_config_from_json(libxl_ctx *ctx, struct json_object *config, libxl_domain_config *ret);

/* A name that no domain of the host has now (hostd/libxl/domain-name.h), near the one that it has. -ENOMEM. */
int libxl_config_name(libxl_ctx *ctx, libxl_domain_config *config);

/* Once more to pass through; one that is there already stays as it is. -ENOMEM. */
int libxl_config_add_function(libxl_domain_config *config, const PciAddress *function);

void libxl_config_init_function(libxl_device_pci *pci, const PciAddress *function);
PciAddress libxl_config_function(const libxl_device_pci *pci);
