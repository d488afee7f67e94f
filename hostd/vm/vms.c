/*
 * The VMs of a host, by uuid
 */

#include <stdio.h>

#include "common/base/text.h"
#include "hostd/core/idset.h"
#include "hostd/vm/vms.h"

HostVm *vms_find_token(const HashMap *vms, const Uuid *token) {
        HostVm *vm;

        for (size_t i = 0; (vm = hashmap_next(vms, &i));)
                if (uuid_equal(&vm->token, token))
                        return vm;
        return NULL;
}

HostVm *vms_next_in_queue(const HashMap *vms, uint64_t concurrent_starts) {
        HostVm *vm, *next = NULL;
        uint64_t building = 0;

        for (size_t i = 0; (vm = hashmap_next(vms, &i));) {
                building += vm_is_building(vm);
                if (vm->phase == VM_PHASE_QUEUED && !vm->stop_wanted &&
                        (!next || vm->accepted < next->accepted))
                        next = vm;
        }
        return building < concurrent_starts ? next : NULL;
}

uint64_t vms_memory_awaited(const HashMap *vms) {
        uint64_t awaited = 0;
        HostVm *vm;

        for (size_t i = 0; (vm = hashmap_next(vms, &i));)
                if (vm_awaits_domain(vm))
                        awaited += vm->memory;
        return awaited;
}

/* Room for all GPUs, or all functions, and a NULL behind. */
static void *new_list(const HashMap *vms, size_t item_size) {
        size_t n = 1;
        HostVm *vm;

        for (size_t i = 0; (vm = hashmap_next(vms, &i));) {
                n += vm->n_gpus;
                for (char **f = vm->functions; f && *f; f++)
                        n++;
        }
        return calloc(n, item_size);
}

int vms_list_occupants(const HashMap *vms, Occupant **ret, size_t *ret_n) {
        Occupant *list = new_list(vms, sizeof(*list));
        size_t n = 0;
        HostVm *vm;

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; (vm = hashmap_next(vms, &i));)
                for (size_t k = 0; k < vm->n_gpus; k++)
                        if (vm->gpus[k].identifier)
                                list[n++] = (Occupant){
                                        .vm = vm->uuid,
                                        .pgpu = vm->gpus[k].address,
                                        .identifier = vm->gpus[k].identifier,
                                        .size = vm->gpus[k].size,
                                };
        *ret = list;
        *ret_n = n;
        return 0;
}

int vms_list_users(const HashMap *vms, const PciAddress *pgpu, const char ***ret_names, const char ***ret_types) {
        _cleanup_free_ const char **names = new_list(vms, sizeof(*names)), **types = new_list(vms, sizeof(*types));
        size_t n_names = 0, n_types = 0;
        HostVm *vm;

        if (!names || !types)
                return -ENOMEM;
        for (size_t i = 0; (vm = hashmap_next(vms, &i));) {
                size_t before = n_types;

                for (size_t k = 0; k < vm->n_gpus; k++)
                        if (vm_gpu_is_on(&vm->gpus[k], pgpu))
                                types[n_types++] = vm->gpus[k].identifier;
                if (n_types > before)
                        names[n_names++] = vm->name_label;
        }
        *ret_names = take_ptr(names);
        *ret_types = take_ptr(types);
        return 0;
}

int vms_list_functions(const HashMap *vms, const Uuid *but, const char ***ret) {
        const char **list = new_list(vms, sizeof(*list));
        size_t n = 0;
        HostVm *vm;

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; (vm = hashmap_next(vms, &i));)
                for (char **f = vm->functions; f && *f && !uuid_equal(&vm->uuid, but); f++)
                        list[n++] = *f;
        *ret = list;
        return 0;
}

int vms_list_virtual(const HashMap *vms, const char ***ret) {
        const char **list = calloc(hashmap_size(vms) + 1, sizeof(*list));
        size_t n = 0;
        HostVm *vm;

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; (vm = hashmap_next(vms, &i));)
                if (vm->record.function)
                        list[n++] = vm->record.function;
        *ret = list;
        return 0;
}

static bool is_resident(const HostVm *vm, const VmGpu *gpu) {
        return gpu->passthrough ? vm->record.pcis_plugged : vm->record.vgpus_active;
}

static char *resident_name(const HostVm *vm, const VmGpu *gpu) {
        if (!uuid_is_null(&gpu->uuid))
                return strdup(UUID_TEXT(&gpu->uuid));
        return text_printf(
                "%s/%s", UUID_TEXT(&vm->uuid), gpu->passthrough ? PCI_TEXT(&gpu->address) : gpu->device);
}

int vms_list_resident(const HashMap *vms, const PciAddress *pgpu, char ***ret) {
        _cleanup_(strv_freep) char **names = new_list(vms, sizeof(*names));
        size_t n = 0;
        HostVm *vm;

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; (vm = hashmap_next(vms, &i));)
                for (size_t k = 0; k < vm->n_gpus; k++) {
                        if (!vm_gpu_is_on(&vm->gpus[k], pgpu) || !is_resident(vm, &vm->gpus[k]))
                                continue;
                        names[n] = resident_name(vm, &vm->gpus[k]);
                        if (!names[n++])
                                return -ENOMEM;
                }
        idset_sort(names);
        *ret = take_ptr(names);
        return 0;
}
