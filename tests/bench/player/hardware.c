/*
 * What every played host has: GRID K1 PGPUs from 0000:83:00.0 on, which may run K100, K140Q, eighteen others, or a VM alone
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/player/player.h"

#define FIRST_BUS 0x83
#define MIB UINT64_C(1048576)

static int copy(char **ret, const char *text) {
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int grid_make(HostType *t, const char *model, uint16_t vdev, uint16_t vsubdev, const char *type_id,
        uint64_t framebuffer, uint32_t instances) {
        char file[64];
        int r = 0;

        *t = (HostType){.implementation = TYPE_NVIDIA,
                .framebuffer_size = framebuffer,
                .max_heads = 2,
                .max_x = 1920,
                .max_y = 1200,
                .instances = instances,
                .size = host_type_size(instances),
                .self_compatible_on_pgpu = true};
        /* As NVIDIA names them: grid_k100.conf */
        snprintf(file, sizeof(file), "/usr/share/nvidia/vgx/grid_%s.conf", model + strlen("GRID "));
        for (char *c = file; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        t->identifier = host_type_identifier_nvidia(0x0ff2, NULL, vdev, vsubdev);
        r = r ?: copy(&t->vendor_name, "NVIDIA Corporation");
        r = r ?: copy(&t->model_name, model);
        r = r ?: copy(&t->type_id, type_id);
        r = r ?: copy(&t->vclass, "NVS");
        r = r ?: copy(&t->config_file, file);
        return t->identifier ? r : -ENOMEM;
}

int types_make(HostType types[static N_TYPES]) {
        int r = 0;

        r = r ?: grid_make(&types[0], "GRID K100", 0x0fe7, 0x101e, "11", 256 * MIB, 8);
        r = r ?: grid_make(&types[1], "GRID K140Q", 0x0ff7, 0x1037, "12", 960 * MIB, 4);
        for (unsigned i = 2; i < N_TYPES - 1; i++) {
                char model[32], type_id[8];

                snprintf(model, sizeof(model), "GRID K1-%uQ", i);
                snprintf(type_id, sizeof(type_id), "%u", 100 + i);
                r = r ?: grid_make(&types[i], model, 0x0ff7, (uint16_t) (0x2000 + i), type_id, i * 64 * MIB, 1 + 20 / i);
        }
        return r ?: host_type_make_passthrough(&types[N_TYPES - 1]);
}

int pgpu_make(Pgpu *ret, unsigned number) {
        int r = 0;

        *ret = (Pgpu){.address = {.bus = (uint8_t) (FIRST_BUS + number)},
                .vendor_id = PCI_VENDOR_NVIDIA,
                .device_id = 0x0ff2,
                .subsystem_vendor_id = PCI_VENDOR_NVIDIA,
                .subsystem_device_id = 0x1012,
                .subsystem_known = true,
                .pci_class = 0x0300};
        r = r ?: copy(&ret->vendor_name, "NVIDIA Corporation");
        r = r ?: copy(&ret->device_name, "GK107GL [GRID K1]");
        r = r ?: copy(&ret->driver, "");
        return r ?: copy(&ret->bridge, "");
}

static int list_of(const char *text_or_null, char ***ret) {
        *ret = calloc(2, sizeof(char *));
        if (!*ret)
                return -ENOMEM;
        return text_or_null ? copy(*ret, text_or_null) : 0;
}

int type_record_make(const HostType *t, TypeRecord *ret) {
        bool grid = t->implementation == TYPE_NVIDIA;
        int r = 0;

        *ret = (TypeRecord){
                .implementation = grid ? TYPE_NVIDIA : TYPE_PASSTHROUGH,
                .framebuffer_size = t->framebuffer_size,
                .max_heads = t->max_heads,
                .max_resolution_x = t->max_x,
                .max_resolution_y = t->max_y,
                .size = t->size,
                .internal_config = json_object_new_object()};
        if (!ret->internal_config)
                return -ENOMEM;
        r = r ?: copy(&ret->identifier, t->identifier);
        r = r ?: copy(&ret->vendor_name, t->vendor_name);
        r = r ?: copy(&ret->model_name, t->model_name);
        r = r ?: list_of(NULL, &ret->compatible_types_in_vm);
        r = r ?: list_of(grid ? t->identifier : NULL, &ret->compatible_types_on_pgpu);
        if (grid) {
                r = r ?: json_add_string(ret->internal_config, "type_id", t->type_id);
                r = r ?: json_add_string(ret->internal_config, "vclass", t->vclass);
                r = r ?: json_add_string(ret->internal_config, "config_file", t->config_file);
        }
        return r;
}
