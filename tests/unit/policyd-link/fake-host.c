/*
 * A hostd that does what a test says
 */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/macros.h"
#include "protocol/names.h"
#include "tests/unit/policyd-link/fake-host.h"

#define HOST_UUID "11111111-2222-4333-8444-555555555555"
#define INVENTORY_MAX 1024
#define VM_UUID "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

void fake_host_emit(FakeHost *h, const char *member, const char *text) {
        assert_true(sd_bus_emit_signal(h->bus, HOST_PATH, HOST_IFACE_MANAGER, member, "s", text) >= 0);
}

static void emit_state(FakeHost *h, uint64_t seq, const char *token, const char *vm, const char *state) {
        char text[512];

        snprintf(text, sizeof(text),
                "{\"version\":1,\"seq\":%" PRIu64 ",\"boot_id\":\"%s\",\"token\":\"%s\",\"uuid\":\"%s\",\"state\":\"%s\""
                ",\"stage\":\"\",\"progress\":1.0,\"domid\":3,\"reason\":\"\"}",
                seq, h->boot_id, token, vm, state);
        fake_host_emit(h, "VMEvent", text);
}

void fake_host_vm_event(FakeHost *h, uint64_t seq) {
        emit_state(h, seq, "", VM_UUID, "running");
}

void fake_host_tell_state(FakeHost *h, const char *vm, const char *state) {
        emit_state(h, ++h->seq, h->token, vm, state);
}

static void keep_waiting(FakeHost *h, sd_bus_message *m) {
        assert_true(h->n_waiting < ARRAY_SIZE(h->waiting));
        h->waiting[h->n_waiting++] = sd_bus_message_ref(m);
        h->n_waiting_max = MAX_OF(h->n_waiting_max, h->n_waiting);
}

static int answer(FakeHost *h, sd_bus_message *m, FakeAnswer how) {
        switch (how) {
        case FAKE_ACCEPT:
                return sd_bus_reply_method_return(m, NULL);
        case FAKE_REFUSE:
                return sd_bus_reply_method_errorf(m, h->refusal, "%s", h->sentence ?: "The fake host says no.");
        case FAKE_SILENT:
                keep_waiting(h, m);
                return 1;
        case FAKE_DIE:
                sd_bus_close(h->bus);
                return 1;
        }
        return 0;
}

static void write_inventory(const FakeHost *h, uint64_t epoch, char buf[static INVENTORY_MAX]) {
        snprintf(buf, INVENTORY_MAX,
                "{\"version\":1,\"seq\":%" PRIu64 ",\"host_uuid\":\"" HOST_UUID
                "\",\"boot_id\":\"%s\",\"hostname\":\"fake\",\"hypervisor\":\"simulated\",\"epoch\":%" PRIu64
                ",\"memory_total\":1,\"memory_free\":1,\"cpus\":2,\"iommu\":true,\"hvm\":true,\"networks\":[]"
                ",\"storage\":[],\"types\":[],\"pgpus\":[],"
                "\"vms\":[],\"ended\":[],\"problems\":[]}",
                h->seq, h->boot_id, epoch);
}

void fake_host_tell_inventory(FakeHost *h, uint64_t epoch) {
        char inventory[INVENTORY_MAX];

        write_inventory(h, epoch, inventory);
        fake_host_emit(h, "InventoryChanged", inventory);
}

static int method_claim(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        FakeHost *h = userdata;
        const char *pool, *instance;
        char inventory[INVENTORY_MAX];
        uint64_t epoch;

        assert_true(sd_bus_message_read(m, "tss", &epoch, &pool, &instance) >= 0);
        h->n_claims++;
        if (h->claims != FAKE_ACCEPT)
                return answer(h, m, h->claims);
        h->epoch = epoch;
        for (size_t i = 0; i < ARRAY_SIZE(h->early_events) && h->early_events[i]; i++)
                fake_host_vm_event(h, h->early_events[i]);
        write_inventory(h, epoch, inventory);
        return sd_bus_reply_method_return(m, "ts", epoch, h->inventory ?: inventory);
}

static void keep_token(FakeHost *h, sd_bus_message *m) {
        const char *order, *token;

        assert_true(sd_bus_message_read(m, "s", &order) >= 0);
        token = strstr(order, "\"token\":\"");
        if (token)
                snprintf(h->token, sizeof(h->token), "%.36s", token + strlen("\"token\":\""));
}

static int method_order(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        FakeHost *h = userdata;

        if (streq(sd_bus_message_get_member(m), "StartVM"))
                keep_token(h, m);
        h->n_orders++;
        return answer(h, m, h->orders);
}

static int method_types(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        FakeHost *h = userdata;
        const char *type;

        snprintf(h->types, sizeof(h->types), "%s", sd_bus_message_get_member(m));
        if (streq(h->types, "SetEnabledTypes"))
                assert_true(sd_bus_message_enter_container(m, 'a', "s") >= 0);
        while (sd_bus_message_read(m, "s", &type) > 0) {
                size_t n = strlen(h->types);

                snprintf(h->types + n, sizeof(h->types) - n, " %s", type);
        }
        return method_order(m, userdata, error);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        FakeHost *h = userdata;

        return sd_bus_message_append(reply, "s",
                streq(property, "HostUUID") ? HOST_UUID
                : streq(property, "BootID") ? h->boot_id
                                            : "");
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Claim", "tss", "ts", method_claim, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartVM", "s", NULL, method_order, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopVM", "s", NULL, method_order, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Release", NULL, NULL, method_order, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("HostUUID", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("BootID", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("ClaimedBy", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Hypervisor", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Epoch", "t", NULL, offsetof(FakeHost, epoch), 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable pgpu_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("SetEnabledTypes", "as", NULL, method_types, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("AddEnabledType", "s", NULL, method_types, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RemoveEnabledType", "s", NULL, method_types, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

void fake_host_start(FakeHost *h, PrivateBus *where, sd_event *event) {
        h->boot_id = h->boot_id ?: "99999999-2222-4333-8444-555555555555";
        h->bus = private_bus_connect(where, NULL);
        assert_true(sd_bus_add_object_vtable(
                            h->bus, NULL, HOST_PATH, HOST_IFACE_MANAGER, manager_vtable, h) >= 0);
        assert_true(sd_bus_add_object_vtable(h->bus, NULL, HOST_PATH_PGPU "/_0000_84_00_0", HOST_IFACE_PGPU,
                            pgpu_vtable, h) >= 0);
        assert_true(sd_bus_request_name(h->bus, HOST_BUS_NAME, 0) >= 0);
        assert_true(sd_bus_attach_event(h->bus, event, SD_EVENT_PRIORITY_NORMAL) >= 0);
}

void fake_host_stop(FakeHost *h) {
        for (unsigned i = 0; i < h->n_waiting; i++)
                sd_bus_message_unref(h->waiting[i]);
        h->n_waiting = 0;
        h->bus = sd_bus_flush_close_unref(h->bus);
}

void fake_host_answer_all(FakeHost *h) {
        for (unsigned i = 0; i < h->n_waiting; i++) {
                sd_bus_reply_method_return(h->waiting[i], NULL);
                sd_bus_message_unref(h->waiting[i]);
        }
        h->n_waiting = 0;
}
