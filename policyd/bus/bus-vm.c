/*
 * org.xenvgpu.Policy1.VM
 *
 * Start decides before it replies: a refusal is the method's error, a job's path means that the booking is on
 * disk.
 */

#include "policyd/bus/bus-private.h"

/* The ends of a method that makes a job. */
static int finish_job(Bus *bus, sd_bus_message *m, int r, Refusal *refusal, const KeyUse *key,
        Job *const *job, sd_bus_error *error) {
        r = bus_decided(r, refusal, error);
        if (r < 0)
                return r;
        if (*job) {
                r = bus_key_record(bus, m, key, &(*job)->object, error);
                if (r < 0)
                        return r;
        }
        return bus_reply_object(bus, m, (const Object *) *job, error);
}

static int read_start_options(
        Bus *bus, const char *host_path, const Options *options, StartOptions *ret, sd_bus_error *error) {
        Object *host = NULL, *reservation = NULL;
        int r;

        if (host_path) {
                r = object_argument(bus, host_path, CLASS_HOST, &host, error);
                if (r < 0)
                        return r;
        }
        if (options->reservation && !streq(options->reservation, "/")) {
                r = object_argument(bus, options->reservation, CLASS_RESERVATION, &reservation, error);
                if (r < 0)
                        return r;
        }

        *ret = (StartOptions){
                .on = (Host *) host, .reservation = (Reservation *) reservation, .dry_run = options->dry_run};
        return 0;
}

static int start(sd_bus_message *m, Vm *vm, const char *host_path, sd_bus_error *error) {
        Bus *bus = vm->object.userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        StartOptions start_options = {};
        Options options;
        Job *job = NULL;
        int r;

        r = options_read(m, OPTION_IDEMPOTENCY_KEY | OPTION_DRY_RUN | OPTION_RESERVATION, &options, error);
        if (r < 0)
                return r;
        /* A dry run makes nothing that a key could stand for. */
        if (!options.dry_run) {
                strbuf_addf(&arguments, "%s\n%s", OBJECT_PATH(vm), strempty(host_path));
                r = bus_key_check(bus, m, &options, &arguments, &key, error);
                if (r != 0)
                        return r;
        }
        r = read_start_options(bus, host_path, &options, &start_options, error);
        if (r < 0)
                return r;
        r = vms_start(bus->policy, vm, &start_options, &job, &refusal);
        return finish_job(bus, m, r, &refusal, &key, &job, error);
}

static int method_start(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return start(m, userdata, /* host_path= */ NULL, error);
}

static int method_start_on(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *host;
        int r;

        r = sd_bus_message_read(m, "o", &host);
        if (r < 0)
                return r;
        return start(m, userdata, host, error);
}

static int shut_down(sd_bus_message *m, Vm *vm, bool force, sd_bus_error *error) {
        Bus *bus = vm->object.userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        Options options;
        Job *job = NULL;
        int r;

        r = options_read(m, OPTION_IDEMPOTENCY_KEY, &options, error);
        if (r < 0)
                return r;
        strbuf_add(&arguments, OBJECT_PATH(vm));
        r = bus_key_check(bus, m, &options, &arguments, &key, error);
        if (r != 0)
                return r;

        r = vms_shutdown(bus->policy, vm, force, &job, &refusal);
        return finish_job(bus, m, r, &refusal, &key, &job, error);
}

static int method_shutdown(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return shut_down(m, userdata, /* force= */ false, error);
}

static int method_hard_shutdown(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return shut_down(m, userdata, /* force= */ true, error);
}

/* Reading */

static int method_explain(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        Bus *bus = vm->object.userdata;
        char *json = NULL;
        int r;

        r = vms_explain(bus->policy, vm, &(StartOptions){.dry_run = true}, &json);
        return bus_reply_text(bus, m, r, json, error);
}

/* host "/": any. */
static int method_explain_start(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        Bus *bus = vm->object.userdata;
        StartOptions start_options = {};
        Options options;
        char *json = NULL;
        const char *host;
        int r;

        r = sd_bus_message_read(m, "o", &host);
        if (r < 0)
                return r;
        r = options_read(m, OPTION_RESERVATION, &options, error);
        if (r >= 0)
                r = read_start_options(bus, streq(host, "/") ? NULL : host, &options, &start_options, error);
        if (r < 0)
                return r;

        r = vms_explain(bus->policy, vm, &start_options, &json);
        return bus_reply_text(bus, m, r, json, error);
}

static int method_export(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        Bus *bus = vm->object.userdata;
        char *json = NULL;
        int r;

        r = vms_export(bus->policy, vm, &json);
        return bus_reply_text(bus, m, r, json, error);
}

static int method_get_config(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;

        return sd_bus_reply_method_return(m, "s", strempty(vm->config));
}

/* Changing */

static int set_config(Policy *p, void *vm, const char *text, Refusal *refusal) {
        return vms_set_config(p, vm, text, refusal);
}

static int method_set_config(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_record(m, userdata, "config", set_config, error);
}

static int set_name_label(Policy *p, void *vm, const char *text, Refusal *refusal) {
        return vms_set_names(p, vm, text, /* affinity_or_null= */ NULL, refusal);
}

static int method_set_name_label(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(m, userdata, "name_label", TEXT_LINE, set_name_label, error);
}

static int set_affinity(Policy *p, void *vm, const char *text, Refusal *refusal) {
        return vms_set_names(p, vm, /* name_label_or_null= */ NULL, text, refusal);
}

static int method_set_affinity(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(m, userdata, "affinity", TEXT_LINE, set_affinity, error);
}

static int set_owner(Policy *p, void *vm, const char *text, Refusal *refusal) {
        return vms_set_owner(p, vm, text, refusal);
}

static int method_set_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(m, userdata, "owner", TEXT_LINE, set_owner, error);
}

static int method_set_groups(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        Bus *bus = vm->object.userdata;
        _cleanup_refusal_ Refusal refusal = {};
        VmGroup *groups[1] = {};
        Object *group;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "o");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(m, /* complete= */ false)) == 0) {
                r = object_read(bus, m, CLASS_VM_GROUP, &group, error);
                if (r < 0)
                        return r;
                if (n < ARRAY_SIZE(groups))
                        groups[n] = (VmGroup *) group;
                n++;
        }
        if (r < 0)
                return r;
        return bus_finish(bus, m, vms_set_groups(bus->policy, vm, groups, n, &refusal), &refusal, error);
}

DEFINE_METHOD(method_destroy, Vm, vms_destroy)

/* As XenServer has it a list, of one at most. */
static DECLARE_GETTER(get_groups) {
        const VmGroup *group = *(VmGroup *const *) userdata;

        return group ? sd_bus_message_append(reply, "ao", 1, OBJECT_PATH(group))
                     : sd_bus_message_append(reply, "ao", 0);
}

static DECLARE_GETTER(get_power_state) {
        return sd_bus_message_append_basic(reply, 's', power_state_to_string(*(const PowerState *) userdata));
}

static const sd_bus_vtable vm_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Start", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("o", job), method_start,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartOn", SD_BUS_ARGS("o", host, "a{sv}", options), SD_BUS_RESULT("o", job),
                method_start_on, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Shutdown", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("o", job),
                method_shutdown, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("HardShutdown", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("o", job),
                method_hard_shutdown, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json), method_explain,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ExplainStart", SD_BUS_ARGS("o", host, "a{sv}", options),
                SD_BUS_RESULT("s", json), method_explain_start, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Export", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", record), method_export,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetConfig", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", config), method_get_config,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetConfig", SD_BUS_ARGS("s", config), SD_BUS_NO_RESULT, method_set_config,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetNameLabel", SD_BUS_ARGS("s", name_label), SD_BUS_NO_RESULT,
                method_set_name_label, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetAffinity", SD_BUS_ARGS("s", affinity), SD_BUS_NO_RESULT,
                method_set_affinity, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetOwner", SD_BUS_ARGS("s", owner), SD_BUS_NO_RESULT, method_set_owner,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetGroups", SD_BUS_ARGS("ao", groups), SD_BUS_NO_RESULT, method_set_groups,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Destroy", NULL, NULL, method_destroy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(Vm, object.id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY(
                "NameLabel", "s", NULL, offsetof(Vm, name_label), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Owner", "s", NULL, offsetof(Vm, owner), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Affinity", "s", NULL, offsetof(Vm, affinity), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("PowerState", "s", get_power_state, offsetof(Vm, power_state),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "ResidentOn", "o", get_ref, offsetof(Vm, resident_on), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ScheduledToBeResidentOn", "o", get_ref, offsetof(Vm, scheduled_on),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("VGPUs", "ao", get_refs, offsetof(Vm, vgpus), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Groups", "ao", get_groups, offsetof(Vm, group), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Problems", "as", NULL, offsetof(Vm, problems), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_vm = {
        .interface = POLICY_IFACE_VM,
        .vtable = vm_vtable,
        .properties = (const char *const[]){"NameLabel", "Owner", "Affinity", "PowerState", "ResidentOn",
                "ScheduledToBeResidentOn", "VGPUs", "Groups", "Problems", NULL},
};
