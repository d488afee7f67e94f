/*
 * VMs on disk
 *
 * The record as it was created (platform and config are JSON objects inside) and where its order stands. A
 * booking "reserved" on disk means that the order may have been sent since: the mark "sent" is not worth a
 * commit of its own, so the loader reads both alike and the host's inventory decides (docs/states.md).
 *
 * What placement needs is not stored: it is read out of the config again, so that it cannot disagree with it.
 */

#include "policyd/store/records.h"

#include "protocol/config-walk.h"
#include "protocol/vm-record.h"

/* Written by json_to_text(): to read it again for each change of the VM would cost more than all the rest. */
static void write_json(StrBuf *b, const char *member, const char *text) {
        json_write_text(b, member, isempty(text) ? "{}" : text);
}

static void vm_build(const Object *o, StrBuf *b) {
        const Vm *vm = CONTAINER_OF(o, Vm, object);

        json_write_string(b, "name_label", vm->name_label);
        json_write_string(b, "owner", strempty(vm->owner));
        json_write_string(b, "affinity", strempty(vm->affinity));
        json_write_string(b, "power_state", power_state_to_string(vm->power_state));
        json_write_string(b, "booking", booking_state_to_string(vm->booking));
        stored_write_reference(b, "resident_on", vm->resident_on ? &vm->resident_on->object : NULL);
        stored_write_reference(b, "scheduled_on", vm->scheduled_on ? &vm->scheduled_on->object : NULL);
        if (!uuid_is_null(&vm->token))
                json_write_uuid(b, "token", &vm->token);
        if (!uuid_is_null(&vm->stop_token))
                json_write_uuid(b, "stop_token", &vm->stop_token);
        if (vm->order != 0)
                json_write_u64(b, "order", vm->order);
        if (vm->uuid_given)
                json_write_bool(b, "uuid_given", true);
        json_write_bool(b, "memory_counted", vm->memory_counted);
        stored_write_reference(b, "reservation", vm->reservation ? &vm->reservation->object : NULL);
        stored_write_reference(b, "vm_group", vm->group ? &vm->group->object : NULL);
        if (vm->decision)
                write_json(b, "decision", vm->decision);
        write_json(b, "platform", vm->platform);
        write_json(b, "config", vm->config);
}

static int set_json_text(char **field, struct json_object *o) {
        _cleanup_free_ char *text = NULL;
        int r;

        text = json_to_text(o);
        if (!text)
                return -ENOMEM;
        r = text_set(field, text);
        return r < 0 ? r : 0;
}

static int vm_create(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        struct json_object *platform, *config, *decision = NULL;
        const char *name, *owner;
        VmGroup *group;
        Vm *vm;
        int q = 0;

        q = q ?: json_get_string(r, record, "name_label", &name);
        q = q ?: json_get_object(r, record, "platform", &platform);
        q = q ?: json_get_object(r, record, "config", &config);
        q = q ?: json_opt_object(r, record, "decision", &decision);
        q = q ?: stored_opt_reference(pool, r, record, "vm_group", CLASS_VM_GROUP, &group);
        q = q ?: pool_add_vm(pool, id, key, name, &vm);
        if (q < 0)
                return q;

        q = q ?: json_get_string(r, record, "owner", &owner);
        q = q ?: pool_set_vm_owner(pool, vm, owner);
        q = q ?: pool_set_vm_group(pool, vm, group);
        q = q ?: stored_get_text(r, record, "affinity", &vm->affinity);
        q = q ?: set_json_text(&vm->platform, platform);
        q = q ?: set_json_text(&vm->config, config);
        if (decision)
                q = q ?: set_json_text(&vm->decision, decision);
        q = q ?: json_opt_uuid(r, record, "stop_token", &vm->stop_token);
        q = q ?: json_opt_u64(r, record, "order", &vm->order);
        q = q ?: json_opt_bool(r, record, "uuid_given", &vm->uuid_given);
        q = q ?: json_get_bool(r, record, "memory_counted", &vm->memory_counted);
        return q;
}

static int power_from_string(const char *text) {
        for (PowerState s = 0; s < _POWER_STATE_MAX; s++)
                if (streq(text, power_state_to_string(s)))
                        return (int) s;
        return -EINVAL;
}

static int booking_from_string(const char *text) {
        for (BookingState s = 0; s < _BOOKING_STATE_MAX; s++)
                if (streq(text, booking_state_to_string(s)))
                        return (int) s;
        return -EINVAL;
}

/* A booking says where it is and under which token, or nobody could ever release it. */
static int check_booking(JsonReader *r, const Vm *vm, int booking, const Uuid *token) {
        bool somewhere = vm->scheduled_on || vm->resident_on;

        if (booking == BOOKING_NONE)
                return somewhere ? json_fail(r, "booking", "is 'none' while a host is named") : 0;
        if (!somewhere)
                return json_fail(r, "booking", "is '%s' without a host", booking_state_to_string(booking));
        if (uuid_is_null(token))
                return json_fail(r, "token", "is missing");
        return 0;
}

static int vm_resolve(Pool *pool, JsonReader *r, struct json_object *record, Object *o) {
        Vm *vm = CONTAINER_OF(o, Vm, object);
        Host *resident, *scheduled;
        Uuid token = UUID_NULL;
        int power, booking;
        int q = 0;

        q = q ?: stored_get_word(r, record, "power_state", power_from_string, &power);
        q = q ?: stored_get_word(r, record, "booking", booking_from_string, &booking);
        q = q ?: json_opt_uuid(r, record, "token", &token);
        q = q ?: stored_opt_reference(pool, r, record, "resident_on", CLASS_HOST, &resident);
        q = q ?: stored_opt_reference(pool, r, record, "scheduled_on", CLASS_HOST, &scheduled);
        q = q ?: stored_opt_reference(pool, r, record, "reservation", CLASS_RESERVATION, &vm->reservation);
        q = q ?: pool_set_vm_resident(pool, vm, resident);
        q = q ?: pool_set_vm_scheduled(pool, vm, scheduled);
        q = q ?: check_booking(r, vm, booking, &token);
        q = q ?: vm_refresh_needs(pool, r, vm);
        if (q < 0)
                return q;
        pool_set_vm_power_state(pool, vm, power);
        pool_set_vm_booking(pool, vm, booking == BOOKING_RESERVED ? BOOKING_SENT : booking, &token);
        return 0;
}

/* Nearly no VM has any: then it has no list. */
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
        bool has_vgpu = false;
        int q;

        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                has_vgpu = has_vgpu || v->type->implementation != TYPE_PASSTHROUGH;
        }
        q = json_parse_cleaned(r, strempty(vm->config), strlen(strempty(vm->config)), &config);
        if (q < 0)
                return q;
        size_t mark = json_enter(r, "config");
        q = vm_config_needs(r, config, has_vgpu, &needs);
        if (q < 0)
                return q;
        json_leave(r, mark);

        vm->memory = needs.memory;
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

const RecordCodec vm_codec = {.build = vm_build, .create = vm_create, .resolve = vm_resolve};
