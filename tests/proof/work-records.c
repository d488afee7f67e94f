/*
 * Records of VMs: what they ask for, and what no host has
 */

#include "common/json/json-write.h"
#include "tests/proof/texts.h"
#include "tests/proof/work-private.h"

static void set_text(Arguments *a, size_t i, StrBuf *b) {
        free(a->texts[i]);
        a->texts[i] = strbuf_take(b);
        if (!a->texts[i])
                abort();
}

/* A text as it stands: what is no UTF-8 reaches the parser. */
static void write_raw(StrBuf *b, const char *member, const char *text) {
        bool plain = true;

        for (const char *c = text; *c; c++)
                plain &= (unsigned char) *c >= 0x20 && *c != '"' && *c != '\\';
        if (!plain)
                json_write_string(b, member, text);
        else
                strbuf_addf(b, ",\"%s\":\"%s\"", member, text);
}

/* What some host lacks, or must allow. */
static void write_devices(Dice *d, StrBuf *b) {
        if (chance(d, 40))
                strbuf_add(b, ",\"nics\":[{\"bridge\":\"xenbr7\"}]");
        if (chance(d, 40))
                strbuf_add(b, ",\"disks\":[{\"pdev_path\":\"/nowhere/disk\",\"vdev\":\"xvda\"}]");
        if (chance(d, 100))
                strbuf_add(b, ",\"pcidevs\":[{\"domain\":0,\"bus\":3,\"dev\":0,\"func\":0}]");
        else if (chance(d, 60)) /* a GPU of hosts that have so many, which is a VGPU then */
                strbuf_addf(b, ",\"pcidevs\":[{\"domain\":0,\"bus\":%u,\"dev\":0,\"func\":0}]", 0x83 + (unsigned) chance_between(d, 0, 2));
        if (chance(d, 250))
                strbuf_addf(b, ",\"on_reboot\":\"%s\"", chance(d, 500) ? "restart" : "destroy");
        if (chance(d, 250)) {
                static const char *const actions[] = {"destroy", "restart", "preserve", "coredump_destroy", "coredump_restart"};

                strbuf_addf(b, ",\"on_crash\":\"%s\"", actions[chance_between(d, 0, ARRAY_SIZE(actions) - 1)]);
        }
}

static void write_config(Dice *d, StrBuf *b) {
        uint64_t memory = chance(d, 30) ? UINT64_C(64) << 20 : UINT64_C(1) << 20;

        strbuf_addf(b, "{\"c_info\":{\"type\":\"%s\"},\"b_info\":{\"max_memkb\":%llu,\"target_memkb\":%llu,\"max_vcpus\":1",
                chance(d, 40) ? "pv" : "hvm", (unsigned long long) memory,
                (unsigned long long) (chance(d, 40) ? memory / 2 : memory));
        if (chance(d, 40))
                strbuf_add(b, ",\"kernel\":\"/boot/other\"");
        strbuf_add(b, "}");
        write_devices(d, b);
        strbuf_add(b, "}");
}

void choose_config(Work *work, Arguments *a) {
        _cleanup_strbuf_ StrBuf b = {};
        Dice *d = &work->world->dice;

        if (chance(d, 100))
                strbuf_add(&b, chance(d, 500) ? "{\"b_info\":{}}" : "[1,");
        else
                write_config(d, &b);
        set_text(a, 0, &b);
}

static void write_platform(Dice *d, StrBuf *b) {
        static const char *const platforms[] = {"\"vga\":\"std\"", "\"vga\":\"matrox\"", "\"viridian\":\"true\"",
                "\"hpet\":\"maybe\"", "\"vgpu_pci_id\":\"0000:83:00.0\",\"vgpu_config\":\"/usr/share/nvidia/vgx/grid_k100.conf\"",
                "\"vgpu_pci_id\":\"x\",\"vgpu_config\":\"\""};

        strbuf_addf(b, ",\"platform\":{%s}", platforms[chance_between(d, 0, ARRAY_SIZE(platforms) - 1)]);
}

static void write_uuid(Work *work, StrBuf *b) {
        Dice *d = &work->world->dice;
        const Object *vm = call_any(work->world, CLASS_VM);
        Uuid id = {};

        for (size_t i = 0; i < sizeof(id.bytes); i++)
                id.bytes[i] = (uint8_t) dice_next(d);
        if (vm && chance(d, 300))
                id = vm->id;
        strbuf_addf(b, ",\"uuid\":\"%s\"", UUID_TEXT(&id));
}

void choose_vm_record(Work *work, Arguments *a) {
        Dice *d = &work->world->dice;
        _cleanup_strbuf_ StrBuf b = {}, name = {};

        strbuf_addf(&name, "vm-%llu", (unsigned long long) work->world->calls);
        set_text(a, 1, &name);
        if (chance(d, 200)) {
                free(a->texts[1]);
                a->texts[1] = text_strange(d, NAME_BYTES_MAX);
        }
        strbuf_add(&b, "{\"config\":");
        write_config(d, &b);
        write_raw(&b, "name_label", a->texts[1]);
        if (chance(d, 300))
                write_raw(&b, "owner", chance(d, 500) ? "anna" : "bob");
        if (chance(d, 50)) {
                _cleanup_free_ char *affinity = text_strange(d, 4096);

                write_raw(&b, "affinity", affinity);
        }
        if (chance(d, 60))
                write_platform(d, &b);
        if (chance(d, 60))
                write_uuid(work, &b);
        if (!chance(d, 10))
                strbuf_add(&b, "}");
        set_text(a, 0, &b);
}

/* What another VM says of itself, with or without its uuid. */
void choose_import(Work *work, Arguments *a) {
        Dice *d = &work->world->dice;
        Vm *vm = call_any(work->world, CLASS_VM);
        _cleanup_strbuf_ StrBuf b = {}, name = {};
        _cleanup_free_ char *text = NULL;
        char *uuid;

        if (!vm || chance(d, 100) || vms_export(work->world->policy, vm, &text) < 0) {
                choose_vm_record(work, a);
                return;
        }
        strbuf_add(&name, vm->name_label);
        set_text(a, 1, &name);
        for (uuid = strstr(text, "\"uuid\":\""); uuid && chance(d, 900); uuid = strstr(uuid, "\"uuid\":\"")) {
                uuid += strlen("\"uuid\":\"");
                for (size_t i = 0; i < 8; i++)
                        uuid[i] = "0123456789abcdef"[dice_next(d) % 16];
        }
        strbuf_add(&b, text);
        set_text(a, 0, &b);
}
