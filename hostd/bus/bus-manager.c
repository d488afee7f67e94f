/*
 * org.xenvgpu.Host1.Manager
 *
 * Arguments in, service call, answer out. Who may call at all is a matter of the bus policy; who commands is
 * the claim's.
 */

#include "hostd/bus/bus-internal.h"
#include "hostd/service/claim.h"
#include "hostd/service/vm-orders.h"
#include "hostd/service/vm-records.h"

static const char *caller_of(sd_bus_message *m) {
        return strempty(sd_bus_message_get_sender(m));
}

typedef struct ClaimArguments {
        uint64_t epoch, orders;
        const char *pool, *instance;
} ClaimArguments;

/* An inventory and an order have names from programs and hardware, so the text is checked as it is sent. */
static int reply_text(sd_bus_message *m, const uint64_t *held_or_null, const char *text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0 && held_or_null)
                r = sd_bus_message_append_basic(reply, 't', held_or_null);
        if (r >= 0)
                r = bus_append_long_text(reply, text);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        return r < 0 ? r : 1;
}

static int claim(BusHost *b, sd_bus_message *m, const ClaimArguments *a, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *inventory = NULL;
        uint64_t held = 0;
        int r;

        r = host_claim(b->host, caller_of(m), a->epoch, a->pool, a->instance, a->orders, &held, &refusal);
        if (r >= 0 && refusal.code == ERROR_NONE)
                r = host_get_inventory(b->host, &inventory);
        r = bus_check(r, &refusal, error);
        return r < 0 ? r : reply_text(m, &held, inventory);
}

static int read_claim(sd_bus_message *m, ClaimArguments *ret, sd_bus_error *error) {
        int r;

        r = sd_bus_message_read(m, "t", &ret->epoch);
        if (r >= 0)
                r = bus_text(m, "pool", &ret->pool, error);
        return r < 0 ? r : bus_text(m, "instance", &ret->instance, error);
}

static int method_claim(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        ClaimArguments a = {};
        int r;

        r = read_claim(m, &a, error);
        return r < 0 ? r : claim(userdata, m, &a, error);
}

static int read_claim_option(sd_bus_message *m, ClaimArguments *a, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        const char *key, *type;
        int r;

        r = bus_text(m, "key", &key, error);
        if (r >= 0)
                r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        if (streq(key, "orders") && streq(type, "t"))
                return sd_bus_message_read(m, "v", "t", &a->orders);
        r = refusal_set(&refusal, ERROR_INVALID_RECORD, "A claim takes the option orders (t) alone.");
        return bus_check(r, &refusal, error);
}

static int read_claim_options(sd_bus_message *m, ClaimArguments *a, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_claim_option(m, a, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int method_claim_with(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        ClaimArguments a = {};
        int r;

        r = read_claim(m, &a, error);
        if (r >= 0)
                r = read_claim_options(m, &a, error);
        return r < 0 ? r : claim(userdata, m, &a, error);
}

static int method_release(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        BusHost *b = userdata;
        int r;

        r = host_release(b->host, caller_of(m), &refusal);
        r = bus_check(r, &refusal, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_get_inventory(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *inventory = NULL;
        BusHost *b = userdata;
        int r;

        r = host_get_inventory(b->host, &inventory);
        r = bus_check(r, &(Refusal){}, error);
        return r < 0 ? r : reply_text(m, /* held= */ NULL, inventory);
}

static int method_get_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *order = NULL;
        BusHost *b = userdata;
        const char *text;
        Uuid vm;
        int r;

        r = bus_text(m, "uuid", &text, error);
        if (r < 0)
                return r;
        if (uuid_from_string(text, &vm) < 0)
                r = refusal_set(&refusal, ERROR_INVALID_RECORD, "\"%s\" is no uuid.", TEXT_SHORT(text, 64));
        else
                r = host_get_vm(b->host, &vm, &order, &refusal);
        r = bus_check(r, &refusal, error);
        return r < 0 ? r : reply_text(m, /* held= */ NULL, order);
}

typedef int (*OrderTaker)(Hostd *h, const char *caller, const char *order, Refusal *ret);

static int take_order(BusHost *b, sd_bus_message *m, OrderTaker take, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        const char *order;
        int r;

        r = bus_record(m, "order", &order, error);
        if (r < 0)
                return r;
        r = take(b->host, caller_of(m), order, &refusal);
        r = bus_check(r, &refusal, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_start_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return take_order(userdata, m, host_start_vm, error);
}

static int method_stop_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return take_order(userdata, m, host_stop_vm, error);
}

static int method_end_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *note = NULL;
        BusHost *b = userdata;
        const char *order;
        int r;

        r = bus_record(m, "order", &order, error);
        if (r < 0)
                return r;
        r = host_end_vm(b->host, caller_of(m), order, &note, &refusal);
        r = bus_check(r, &refusal, error);
        return r < 0 ? r : reply_text(m, /* held= */ NULL, note);
}

/* Reading commands nothing, so it needs no claim: an administrator who changed a type file may ask for it. */
static int method_rescan(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusHost *b = userdata;
        int r;

        r = bus_check(host_rescan(b->host), &(Refusal){}, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

#define PROPERTY(name, type, value)                                                                          \
        static int property_##name(sd_bus *bus, const char *path, const char *interface,                     \
                const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error) {          \
                BusHost *b = userdata;                                                                       \
                                                                                                             \
                return sd_bus_message_append(reply, type, value);                                            \
        }

PROPERTY(host_uuid, "s", UUID_TEXT(host_get_uuid(b->host)))
PROPERTY(boot_id, "s", host_get_boot_id(b->host))
PROPERTY(claimed_by, "s", host_get_claimed_by(b->host))
PROPERTY(claimer, "s", host_get_claimer(b->host))
PROPERTY(hypervisor, "s", host_get_hypervisor(b->host))
PROPERTY(version, "s", ((void) b, XENVGPU_VERSION))
PROPERTY(epoch, "t", host_get_epoch(b->host))
PROPERTY(orders, "t", host_get_orders(b->host))
PROPERTY(memory_free, "t", host_get_memory_free(b->host))

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Claim", SD_BUS_ARGS("t", epoch, "s", pool, "s", instance),
                SD_BUS_RESULT("t", held, "s", inventory), method_claim, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ClaimWith",
                SD_BUS_ARGS("t", epoch, "s", pool, "s", instance, "a{sv}", options),
                SD_BUS_RESULT("t", held, "s", inventory), method_claim_with, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Release", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_release, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetInventory", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", inventory),
                method_get_inventory, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "GetVM", SD_BUS_ARGS("s", uuid), SD_BUS_RESULT("s", order), method_get_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "EndVM", SD_BUS_ARGS("s", order), SD_BUS_RESULT("s", note), method_end_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartVM", SD_BUS_ARGS("s", order), SD_BUS_NO_RESULT, method_start_vm,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StopVM", SD_BUS_ARGS("s", order), SD_BUS_NO_RESULT, method_stop_vm,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Rescan", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_rescan, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("InventoryChanged", SD_BUS_ARGS("s", inventory), 0),
        SD_BUS_SIGNAL_WITH_ARGS("VMEvent", SD_BUS_ARGS("s", event), 0),
        SD_BUS_SIGNAL_WITH_ARGS("VGPUEvent", SD_BUS_ARGS("s", event), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PCIEvent", SD_BUS_ARGS("s", event), 0),
        SD_BUS_PROPERTY("HostUUID", "s", property_host_uuid, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("BootID", "s", property_boot_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Epoch", "t", property_epoch, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Orders", "t", property_orders, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ClaimedBy", "s", property_claimed_by, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Claimer", "s", property_claimer, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Hypervisor", "s", property_hypervisor, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Version", "s", property_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("MemoryFree", "t", property_memory_free, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};
