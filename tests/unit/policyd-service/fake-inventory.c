/*
 * What the simulated hosts say of themselves
 */

#include "tests/unit/policyd-service/fake-link.h"

#include <stdio.h>

#include "common/base/strbuf.h"

/* Types that the cards speak of: a K1's, a K2's, and passthrough. */
static const struct {
        const char *name, *json;
} fake_types[] = {
        {"k100", "{\"identifier\":\"0001:nvidia,0ff2,,0fe7,101e\",\"implementation\":\"nvidia\",\"vendor_"
                 "name\":\"NVIDIA Corporation\",\"model_name\":\"GRID K100\","
                 "\"framebuffer_size\":268435456,\"max_heads\":2,\"max_resolution_x\":1920,\"max_resolution_"
                 "y\":1200,\"size\":131072,"
                 "\"internal_config\":{\"type_id\":\"11\",\"vclass\":\"NVS\",\"config_file\":\"/usr/share/"
                 "nvidia/vgx/grid_k100.conf\"},"
                 "\"compatible_types_on_pgpu\":[\"0001:nvidia,0ff2,,0fe7,101e\"]}"},
        {"k140q", "{\"identifier\":\"0001:nvidia,0ff2,,0ff7,1037\",\"implementation\":\"nvidia\",\"vendor_"
                  "name\":\"NVIDIA Corporation\",\"model_name\":\"GRID K140Q\","
                  "\"framebuffer_size\":1006632960,\"max_heads\":2,\"max_resolution_x\":2560,\"max_"
                  "resolution_y\":1600,\"size\":262144,"
                  "\"internal_config\":{\"type_id\":\"12\",\"vclass\":\"Quadro\",\"config_file\":\"/usr/"
                  "share/nvidia/vgx/grid_k140q.conf\"},"
                  "\"compatible_types_on_pgpu\":[\"0001:nvidia,0ff2,,0ff7,1037\"]}"},
        {"multi", "{\"identifier\":\"0001:nvidia,0ff2,,0abc,0001\",\"implementation\":\"nvidia\",\"vendor_"
                  "name\":\"NVIDIA Corporation\",\"model_name\":\"GRID multi\","
                  "\"framebuffer_size\":268435456,\"max_heads\":2,\"max_resolution_x\":1920,\"max_resolution_"
                  "y\":1200,\"size\":131072,"
                  "\"internal_config\":{\"type_id\":\"13\"},"
                  "\"compatible_types_in_vm\":[\"0001:nvidia,0ff2,,0abc,0001\"],\"compatible_types_on_pgpu\":"
                  "[\"0001:nvidia,0ff2,,0abc,0001\"]}"},
        {"k240q", "{\"identifier\":\"0001:nvidia,11bf,,11b0,101a\",\"implementation\":\"nvidia\",\"vendor_"
                  "name\":\"NVIDIA Corporation\",\"model_name\":\"GRID K240Q\","
                  "\"framebuffer_size\":1006632960,\"max_heads\":2,\"max_resolution_x\":2560,\"max_"
                  "resolution_y\":1600,\"size\":262144,"
                  "\"internal_config\":{\"type_id\":\"21\",\"vclass\":\"Quadro\"},\"compatible_types_on_"
                  "pgpu\":[\"0001:nvidia,11bf,,11b0,101a\"]}"},
        {"passthrough", "{\"identifier\":\"0001:passthrough\",\"implementation\":\"passthrough\",\"vendor_"
                        "name\":\"\",\"model_name\":\"passthrough\"}"},
};

const char *fake_type_name(const char *type_id) {
        return streq(type_id, "11") || streq(type_id, "44") ? "k100"
               : streq(type_id, "12")                       ? "k140q"
               : streq(type_id, "13")                       ? "multi"
                                                            : "k240q";
}

static const char *type_identifier(const FakeHost *h, const char *name) {
        return streq(name, "k100")    ? h->k100_identifier ?: "0001:nvidia,0ff2,,0fe7,101e"
               : streq(name, "k140q") ? "0001:nvidia,0ff2,,0ff7,1037"
               : streq(name, "multi") ? "0001:nvidia,0ff2,,0abc,0001"
               : streq(name, "k240q") ? "0001:nvidia,11bf,,11b0,101a"
                                      : "0001:passthrough";
}

/* What a host says of itself */

static uint64_t memory_free(const FakeHost *h) {
        uint64_t used = 0;

        for (size_t i = 0; i < h->n_vms; i++)
                used += h->vms[i].state == VM_STATE_STARTING ? 0 : UINT64_C(1) << 30;
        return h->memory - used;
}

static void say_cards(StrBuf *b, const FakeHost *h) {
        const char *separator = "";

        for (size_t i = 0; i < h->n_cards; i++) {
                const FakeCard *c = &h->cards[i];

                if (c->gone)
                        continue;
                strbuf_addf(b,
                        "%s{\"pci_id\":\"%s\",\"vendor_id\":\"%s\",\"device_id\":\"%s\",\"subsystem_vendor_"
                        "id\":\"10de\",\"subsystem_device_id\":\"%s\","
                        "\"vendor_name\":\"NVIDIA "
                        "Corporation\",\"device_name\":\"%s\",\"driver\":\"\",\"bridge\":\"\",\"is_system_"
                        "display_device\":false,\"held_by\":\"%s\",\"health\":\"%s\",\"health_reason\":\"%"
                        "s\"",
                        separator, c->pci, c->vendor, c->device, c->board ?: "1012",
                        streq(c->device, "0ff2") ? "GK107GL [GRID K1]" : "GK104GL [GRID K2]",
                        strempty(c->held_by), c->lost ? "lost" : c->n_suspect > 0 ? "suspect" : "", c->n_suspect > 0 ? "Some do not reset." : strempty(c->lost));
                if (c->n_functions > 0)
                        strbuf_addf(b, ",\"division\":\"ours %u\"", c->n_functions);
                if (c->n_suspect > 0)
                        strbuf_addf(b, ",\"suspect_functions\":%u", c->n_suspect);
                for (int enabled = 0; enabled < 2; enabled++) {
                        strbuf_addf(b, ",\"%s\":[%s", enabled ? "enabled" : "supported", h->files ? c->identifiers : "");
                        for (size_t k = 0; !h->files && c->types[k]; k++)
                                strbuf_addf(b, "%s\"%s\"", k ? "," : "", type_identifier(h, c->types[k]));
                        strbuf_add(b, "]");
                }
                strbuf_add(b, "}");
                separator = ",";
        }
}

static bool has_type(const FakeHost *h, const char *name) {
        for (size_t i = 0; i < h->n_cards; i++)
                for (size_t k = 0; !h->cards[i].gone && h->cards[i].types[k]; k++)
                        if (streq(h->cards[i].types[k], name))
                                return true;
        return false;
}

static void say_types(StrBuf *b, const FakeHost *h) {
        const char *separator = "";

        if (h->files) {
                strbuf_add(b, h->files);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(fake_types); i++) {
                if (!has_type(h, fake_types[i].name))
                        continue;
                strbuf_addf(b, "%s%s", separator, i == 0 && h->k100 ? h->k100 : fake_types[i].json);
                separator = ",";
        }
}

static void say_passed(StrBuf *b, const FakeVm *vm) {
        JsonReader reader = {};
        VmNeeds needs = {};

        if (!vm->order.vm.config || vm_config_needs(&reader, vm->order.vm.config, false, &needs) < 0)
                return;
        strbuf_add(b, ",\"functions\":[");
        for (size_t i = 0; needs.functions[i]; i++)
                strbuf_addf(b, "%s\"%s\"", i ? "," : "", needs.functions[i]);
        strbuf_add(b, "]");
        vm_needs_done(&needs);
}

static void say_vms(StrBuf *b, const FakeHost *h) {
        for (size_t i = 0; i < h->n_vms; i++) {
                const FakeVm *vm = &h->vms[i];
                const char *plugged = vm->state == VM_STATE_STARTING ? "false" : "true";

                strbuf_addf(b,
                        "%s{\"uuid\":\"%s\",\"token\":\"%s\",\"name_label\":\"%s\",\"state\":\"%s\","
                        "\"stage\":\"x\",\"progress\":0.5,\"domid\":3,\"memory\":1073741824,\"vgpus\":[",
                        i ? "," : "", UUID_TEXT(&vm->uuid), UUID_TEXT(&vm->token),
                        strempty(vm->order.vm.name_label), vm_state_to_string(vm->state));
                for (size_t k = 0; k < vm->order.n_vgpus; k++)
                        strbuf_addf(b,
                                "%s{\"id\":[\"%s\",\"%s\"],\"uuid\":\"%s\",\"pgpu\":\"%s\",\"identifier\":"
                                "\"%s\",\"state\":{\"active\":%s,\"plugged\":%s}}",
                                k ? "," : "", UUID_TEXT(&vm->uuid), vm->order.vgpus[k].device,
                                UUID_TEXT(&vm->order.vgpus[k].nvidia.uuid),
                                PCI_TEXT(&vm->order.vgpus[k].physical_pci_address),
                                type_identifier(h, fake_type_name(vm->order.vgpus[k].nvidia.type_id)), plugged,
                                plugged);
                strbuf_add(b, "],\"pcis\":[");
                for (size_t k = 0; k < vm->order.n_pcis; k++)
                        strbuf_addf(b,
                                "%s{\"id\":[\"%s\",\"%s\"],\"address\":\"%s\",\"state\":{\"plugged\":%s}}",
                                k ? "," : "", UUID_TEXT(&vm->uuid), PCI_TEXT(&vm->order.pcis[k].address),
                                PCI_TEXT(&vm->order.pcis[k].address), plugged);
                strbuf_add(b, "]");
                say_passed(b, vm);
                strbuf_add(b, "}");
        }
}

static void say_ended(StrBuf *b, const FakeHost *h) {
        for (size_t i = 0; i < h->n_ended; i++) {
                const FakeEnded *e = &h->ended[i];

                strbuf_addf(b,
                        "%s{\"version\":1,\"seq\":%llu,\"boot_id\":\"%s\",\"token\":\"%s\",\"uuid\":\"%s\","
                        "\"state\":\"halted\",\"stage\":\"\",\"progress\":0,\"reason\":\"%s\"",
                        i ? "," : "", (unsigned long long) h->seq, h->boot_id, UUID_TEXT(&e->token),
                        UUID_TEXT(&e->uuid), e->reason);
                if (e->error_name)
                        strbuf_addf(b, ",\"error\":[\"%s\",\"It broke.\"]", e->error_name);
                if (e->before_unpause)
                        strbuf_add(b, ",\"before_unpause\":true");
                strbuf_add(b, "}");
        }
}

static void say_keys(StrBuf *b, const FakeHost *h) {
        if (!h->allowed_config_keys)
                return;
        strbuf_add(b, "\"allowed_config_keys\":[");
        for (size_t i = 0; h->allowed_config_keys[i]; i++)
                strbuf_addf(b, "%s\"%s\"", i ? "," : "", h->allowed_config_keys[i]);
        strbuf_add(b, "],");
}

static void say_functions(StrBuf *b, const FakeHost *h) {
        strbuf_addf(b, "\"refuses_pcidevs\":%s,", h->refuses_pcidevs ? "true" : "false");
        if (!h->functions[0] && !h->has_no_functions)
                return;
        strbuf_add(b, "\"functions\":[");
        for (size_t i = 0; h->functions[i]; i++)
                strbuf_addf(b, "%s\"%s\"", i ? "," : "", h->functions[i]);
        strbuf_add(b, "],");
}

void fake_inventory(FakeHost *h, Inventory *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        JsonReader reader = {};

        strbuf_addf(&b,
                "{\"version\":1,\"seq\":%llu,\"host_uuid\":\"%s\",\"boot_id\":\"%s\",\"hostname\":\"%s\","
                "\"hypervisor\":\"simulated\",\"epoch\":%llu,\"orders\":%llu,"
                "\"memory_total\":%llu,\"memory_free\":%llu,\"cpus\":2,\"iommu\":%s,\"hvm\":true,"
                "\"networks\":[\"xenbr0\"],\"storage\":[\"/images\"],",
                (unsigned long long) h->seq, UUID_TEXT(&h->uuid), h->boot_id, h->name,
                (unsigned long long) h->epoch, (unsigned long long) h->orders, (unsigned long long) h->memory,
                (unsigned long long) memory_free(h), h->no_iommu ? "false" : "true");
        say_functions(&b, h);
        say_keys(&b, h);
        strbuf_add(&b, "\"types\":[");
        say_types(&b, h);
        strbuf_add(&b, "],\"pgpus\":[");
        say_cards(&b, h);
        strbuf_add(&b, "],\"vms\":[");
        say_vms(&b, h);
        if (h->has_domain)
                strbuf_add(&b, "],\"domains\":[{\"uuid\":\"" FAKE_DOMAIN "\",\"domid\":7,\"name\":\"by hand\"}");
        strbuf_add(&b, "],\"ended\":[");
        say_ended(&b, h);
        strbuf_addf(&b, "],\"problems\":[%s%s%s]}", h->problem ? "\"" : "", strempty(h->problem),
                h->problem ? "\"" : "");

        if (json_parse(&reader, b.text, b.len, &o) < 0 || inventory_parse(&reader, o, ret) < 0) {
                fprintf(stderr, "The simulated inventory does not parse: %s\n%s\n", reader.error, b.text);
                abort();
        }
}
