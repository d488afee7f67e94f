/*
 * org.xenvgpu.Policy1.VM
 *
 * Start decides before it replies: a refusal is the method's error, a job's path means that the booking is on
 * disk.
 */

#include "policyd/bus/bus-private.h"

static int read_start_options(
        Bus *bus, const char *host_path_or_null, const Options *options, StartOptions *ret, sd_bus_error *error) {
        Object *host = NULL, *reservation;
        int r;

        r = host_path_or_null ? object_argument(bus, host_path_or_null, CLASS_HOST, &host, error) : 0;
        if (r >= 0)
                r = object_argument_or_none(
                        bus, options->reservation ?: "/", CLASS_RESERVATION, &reservation, error);
        if (r < 0)
                return r;
        *ret = (StartOptions){
                .on = (Host *) host, .reservation = (Reservation *) reservation, .dry_run = options->dry_run};
        return 0;
}

static int start(Call *c, Vm *vm, const char *host_path_or_null) {
        StartOptions options = {};
        Job *job = NULL;
        int r;

        r = call_begin(c, OPTION_IDEMPOTENCY_KEY | OPTION_DRY_RUN | OPTION_RESERVATION, "%s\n%s",
                OBJECT_PATH(vm), strempty(host_path_or_null));
        if (r != 0)
                return r;
        r = read_start_options(c->bus, host_path_or_null, &c->options, &options, c->error);
        if (r < 0)
                return r;
        r = vms_start(c->bus->policy, vm, &options, &job, &c->refusal);
        return call_finish(c, r, (Object *) job);
}

static int method_start(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        _cleanup_call_ Call c = {.bus = vm->object.userdata, .m = m, .error = error};

        return start(&c, vm, /* host_path_or_null= */ NULL);
}

static int method_start_on(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        _cleanup_call_ Call c = {.bus = vm->object.userdata, .m = m, .error = error};
        const char *host;
        int r;

        r = sd_bus_message_read(m, "o", &host);
        return r < 0 ? r : start(&c, vm, host);
}

static int shut_down(sd_bus_message *m, Vm *vm, bool force, sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = vm->object.userdata, .m = m, .error = error};
        Job *job = NULL;
        int r;

        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY, "%s", OBJECT_PATH(vm));
        if (r != 0)
                return r;
        r = vms_shutdown(c.bus->policy, vm, force, &job, &c.refusal);
        return call_finish(&c, r, (Object *) job);
}

static int method_shutdown(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return shut_down(m, userdata, /* force= */ false, error);
}

static int method_hard_shutdown(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return shut_down(m, userdata, /* force= */ true, error);
}

static int method_reboot(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        _cleanup_call_ Call c = {.bus = vm->object.userdata, .m = m, .error = error};
        Job *job = NULL;
        int r;

        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY | OPTION_FORCE, "%s", OBJECT_PATH(vm));
        if (r != 0)
                return r;
        r = vms_reboot(c.bus->policy, vm, c.options.force, &job, &c.refusal);
        return call_finish(&c, r, (Object *) job);
}

static int method_ensure(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        _cleanup_call_ Call c = {.bus = vm->object.userdata, .m = m, .error = error};
        const char *state;
        Job *job = NULL;
        int r;

        r = bus_text(m, "state", TEXT_LINE, &state, error);
        if (r < 0)
                return r;
        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY | OPTION_FORCE, "%s\n%s", OBJECT_PATH(vm), state);
        if (r != 0)
                return r;
        r = vms_ensure(c.bus->policy, vm, state, c.options.force, &job, &c.refusal);
        if (r >= 0 && c.refusal.code == ERROR_NONE && !job)
                change_note_nothing(requests_note(&c.bus->requests));
        return call_finish(&c, r, (Object *) job);
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

DEFINE_METHOD_OF_RECORD(method_set_config, Vm, "config", vms_set_config(p, o, text, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_name_label, Vm, "name_label", TEXT_LINE,
        vms_set_names(p, o, text, /* affinity_or_null= */ NULL, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_affinity, Vm, "affinity", TEXT_LINE,
        vms_set_names(p, o, /* name_label_or_null= */ NULL, text, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_name_description, Vm, "name_description", TEXT_LINES,
        vms_set_description(p, o, text, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_owner, Vm, "owner", TEXT_LINE, vms_set_owner(p, o, text, &refusal))
DEFINE_METHOD(method_destroy, Vm, vms_destroy(p, o, &refusal))

static int method_set_groups(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Vm *vm = userdata;
        Bus *bus = vm->object.userdata;
        _cleanup_refusal_ Refusal refusal = {};
        VmGroup *groups[1] = {};
        Object *group;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "o");
        while (r >= 0 && (r = sd_bus_message_at_end(m, /* complete= */ false)) == 0) {
                r = object_read(bus, m, CLASS_VM_GROUP, &group, error);
                if (r >= 0 && n < ARRAY_SIZE(groups))
                        groups[n] = (VmGroup *) group;
                n++;
        }
        if (r < 0)
                return r;
        return bus_finish(bus, m, vms_set_groups(bus->policy, vm, groups, n, &refusal), &refusal, error);
}

DEFINE_BUS_CLASS(vm, VM,
        METHOD_KINDS({"GetConfig", METHOD_READS}, {"Export", METHOD_READS}, {"Explain", METHOD_TAKES_LONG},
                {"ExplainStart", METHOD_TAKES_LONG}),
        METHOD("Start", ("a{sv}", options), ("o", job), method_start),
        METHOD("StartOn", ("o", host, "a{sv}", options), ("o", job), method_start_on),
        METHOD("Shutdown", ("a{sv}", options), ("o", job), method_shutdown),
        METHOD("HardShutdown", ("a{sv}", options), ("o", job), method_hard_shutdown),
        METHOD("Reboot", ("a{sv}", options), ("o", job), method_reboot),
        METHOD("Ensure", ("s", state, "a{sv}", options), ("o", job), method_ensure),
        METHOD("Explain", NOTHING, ("s", json), method_explain),
        METHOD("ExplainStart", ("o", host, "a{sv}", options), ("s", json), method_explain_start),
        METHOD("Export", NOTHING, ("s", record), method_export),
        METHOD("GetConfig", NOTHING, ("s", config), method_get_config),
        METHOD("SetConfig", ("s", config), NOTHING, method_set_config),
        METHOD("SetNameLabel", ("s", name_label), NOTHING, method_set_name_label),
        METHOD("SetAffinity", ("s", affinity), NOTHING, method_set_affinity),
        METHOD("SetOwner", ("s", owner), NOTHING, method_set_owner),
        METHOD("SetGroups", ("ao", groups), NOTHING, method_set_groups),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy),
        METHOD("SetNameDescription", ("s", name_description), NOTHING, method_set_name_description),
        METHODS_OF_MAP("Platform"),
        METHODS_OF_MAP("OtherConfig"),
        METHODS_OF_SET("Tags"))
