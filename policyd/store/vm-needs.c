/*
 * What placement needs of a VM
 */

#include "policyd/store/vm-needs.h"

#include "protocol/config-walk.h"
#include "protocol/vm-record.h"

/* Few VMs have any; the others get no list. */
static int set_objections(Vm *vm, struct json_object *config) {
        char **found = NULL;
        int r;

        r = config_objections(config, &found);
        if (r < 0)
                return r;
        strv_free(vm->objections);
        vm->objections = NULL;
        if (found[0])
                vm->objections = found;
        else
                strv_free(found);
        return 0;
}

int vm_refresh_needs(Pool *pool, JsonReader *r, Vm *vm) {
        _cleanup_json_ struct json_object *config = NULL;
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        int q;

        q = json_parse_cleaned(r, strempty(vm->config), strlen(strempty(vm->config)), &config);
        if (q < 0)
                return q;
        size_t mark = json_enter(r, "config");
        q = vm_config_needs(r, config, vm_has_vgpu(vm), &needs);
        if (q < 0)
                return q;
        json_leave(r, mark);

        vm->memory = needs.memory;
        vm->memory_max = needs.max_memory;
        vm->memory_target = needs.target_memory;
        vm->vcpus = needs.vcpus;
        vm->target_is_max = needs.target_memory == needs.max_memory;
        vm->hvm = needs.hvm;
        q = strv_set(&vm->networks, (const char *const *) needs.networks);
        if (q < 0)
                return q;
        q = strv_set(&vm->functions, (const char *const *) needs.functions);
        if (q < 0)
                return q;
        q = strv_set(&vm->storage, (const char *const *) needs.storage);
        return q < 0 ? q : set_objections(vm, config);
}
