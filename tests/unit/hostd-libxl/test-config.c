/*
 * Configs as libxl reads them
 *
 * The config of an order, laid out for its GPUs, must mean to libxl what it means to us. libxl's reader of
 * JSON needs a context only to say why it fails, and to say it to a logger; there is no Xen here to have a
 * real one of, so it gets room that is all zero, and no config that it would complain about.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <libxl_utils.h>

#include "common/json/json-get.h"
#include "hostd/domain/domain-config.h"
#include "hostd/libxl/domain-name.h"
#include "hostd/libxl/libxl-config.h"

#define VM "11111111-2222-4333-8444-555555555555"
#define ROOM_SIZE 65536

/* Keeps what libxl books to it, so that nothing looks lost. */
static _Alignas(16) char room[ROOM_SIZE];

static const char order_start[] = "{\"version\":1,\"epoch\":1,\"token\":\"66666666-2222-4333-8444-555555555555\","
                                  "\"vm\":{\"uuid\":\"" VM "\",\"name_label\":\"guest\",\"owner\":\"\","
                                  "\"affinity\":\"\",\"platform\":{\"vgpu_vnc_enabled\":\"true\"},\"config\":";

static const char hvm[] = "{\"c_info\":{\"type\":\"hvm\",\"name\":\"guest\",\"domid\":7},"
                          "\"b_info\":{\"max_vcpus\":2,\"max_memkb\":65536,\"target_memkb\":32768,"
                          "\"type.hvm\":{\"vga\":{\"kind\":\"std\"},\"boot\":\"c\"}},"
                          "\"disks\":[{\"pdev_path\":\"/srv/guest.img\",\"vdev\":\"hda\",\"format\":\"raw\","
                          "\"readwrite\":1}],\"on_reboot\":\"restart\"}";

static const char vgpu[] = "{\"id\":[\"" VM "\",\"0\"],\"position\":0,"
                           "\"physical_pci_address\":{\"domain\":0,\"bus\":132,\"dev\":0,\"fn\":0},"
                           "\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":{\"domain\":0,\"bus\":0,"
                           "\"dev\":11,\"fn\":0},\"type_id\":\"11\",\"uuid\":\"" VM "\",\"vclass\":\"NVS\"}]}";

static const char pci[] = "{\"id\":[\"" VM "\",\"0000:83:00.0\"],\"position\":0,"
                          "\"address\":{\"domain\":0,\"bus\":131,\"dev\":0,\"fn\":0}}";

/* Lays out and reads; the caller disposes of *ret. */
static void read_config(const char *vgpus, const char *pcis, libxl_domain_config *ret) {
        _cleanup_json_ struct json_object *o = NULL, *config = NULL;
        _cleanup_free_ char *text = NULL, *error = NULL;
        JsonReader reader = {};
        StartOrder order;
        ErrorCode code;

        assert_true(asprintf(&text, "%s%s},\"vgpus\":[%s],\"pcis\":[%s]}", order_start, hvm, vgpus, pcis) > 0);
        assert_int_equal(json_parse(&reader, text, strlen(text), &o), 0);
        assert_int_equal(start_order_parse(&reader, o, &order), 0);
        assert_int_equal(domain_config_lay_out(&order, "/usr/libexec/xenvgpu/xenvgpu-dm", &config, &code, &error), 0);
        start_order_done(&order);
        assert_int_equal(libxl_config_from_json((libxl_ctx *) room, config, ret), 0);
}

static void every_domain_is_a_new_one_with_claimed_memory(void **state) {
        libxl_domain_config c;

        read_config("", "", &c);
        assert_true(c.c_info.domid == (uint32_t) INVALID_DOMID);
        assert_int_equal(c.c_info.type, LIBXL_DOMAIN_TYPE_HVM);
        assert_true(libxl_defbool_val(c.b_info.claim_mode));
        assert_string_equal(c.b_info.device_model, "/usr/libexec/xenvgpu/xenvgpu-dm");
        assert_int_equal(c.b_info.target_memkb, 32768);
        assert_int_equal(c.b_info.u.hvm.vga.kind, LIBXL_VGA_INTERFACE_TYPE_STD);
        assert_int_equal(c.on_reboot, LIBXL_ACTION_ON_SHUTDOWN_RESTART);
        assert_int_equal(c.num_disks, 1);
        assert_int_equal(c.num_pcidevs, 0);
        /* libxl writes these to the domain's folder platform. */
        assert_string_equal(c.c_info.platformdata[0], "vgpu_vnc_enabled");
        assert_string_equal(c.c_info.platformdata[1], "true");
        libxl_domain_config_dispose(&c);
}

static void a_vgpu_is_the_only_display(void **state) {
        libxl_domain_config c;

        read_config(vgpu, "", &c);
        assert_int_equal(c.b_info.u.hvm.vga.kind, LIBXL_VGA_INTERFACE_TYPE_NONE);
        assert_int_equal(c.b_info.video_memkb, 16 * 1024);
        libxl_domain_config_dispose(&c);
}

static void a_function_is_passed_through_without_msi_translation(void **state) {
        PciAddress function;
        libxl_domain_config c;

        read_config("", pci, &c);
        assert_int_equal(c.num_pcidevs, 1);
        function = libxl_config_function(&c.pcidevs[0]);
        assert_string_equal(PCI_TEXT(&function), "0000:83:00.0");
        assert_false(c.pcidevs[0].msitranslate);
        assert_false(c.pcidevs[0].seize);
        /* An IOMMU takes no memory that is filled on demand. */
        assert_int_equal(c.b_info.target_memkb, 65536);
        libxl_domain_config_dispose(&c);
}

static void functions_are_added_once(void **state) {
        const PciAddress card = {.bus = 0x83}, sound = {.bus = 0x83, .fn = 1};
        libxl_domain_config c;

        read_config("", pci, &c);
        assert_int_equal(libxl_config_add_function(&c, &card), 0);
        assert_int_equal(c.num_pcidevs, 1);
        assert_int_equal(libxl_config_add_function(&c, &sound), 0);
        assert_int_equal(libxl_config_add_function(&c, &sound), 0);
        assert_int_equal(c.num_pcidevs, 2);
        assert_int_equal(c.pcidevs[1].func, 1);
        assert_int_equal(c.pcidevs[1].vdevfn, 0);
        libxl_domain_config_dispose(&c);
}

static void a_companion_takes_the_slot_below(void **state) {
        const PciAddress sound = {.bus = 0x83, .fn = 1};
        libxl_domain_config c;

        read_config("", pci, &c);
        c.pcidevs[0].vdevfn = 31 << 3;
        assert_int_equal(libxl_config_add_function(&c, &sound), 0);
        assert_int_equal(c.pcidevs[1].vdevfn, 30 << 3);
        libxl_domain_config_dispose(&c);
}

/* In front of the library's own: the names that domains have. */
static const char *taken[3];

int libxl_name_to_domid(libxl_ctx *ctx, const char *name, uint32_t *domid) {
        for (size_t i = 0; i < ARRAY_SIZE(taken) && taken[i]; i++)
                if (streq(taken[i], name))
                        return 0;
        return ERROR_INVAL;
}

static void two_vms_may_have_one_name(void **state) {
        static const char *const names[] = { "guest", "guest-11111111", ("guest-" VM) };

        (void) memset(taken, 0, sizeof(taken));
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                libxl_domain_config c;

                read_config("", "", &c);
                assert_int_equal(libxl_config_name((libxl_ctx *) room, &c), 0);
                assert_string_equal(c.c_info.name, names[i]);
                libxl_domain_config_dispose(&c);
                taken[i] = names[i];
        }
}

static void assert_name(const char *label, DomainNameForm form, const char *wanted) {
        _cleanup_free_ char *name = NULL;
        Uuid uuid;

        assert_int_equal(uuid_from_string(VM, &uuid), 0);
        assert_int_equal(domain_name_make(label, &uuid, form, &name), 0);
        assert_string_equal(name, wanted);
}

static void names_are_as_libxl_and_qemu_can_take_them(void **state) {
        char umlauts[401], wanted[DOMAIN_NAME_MAX + 1] = "";

        assert_name("web 1", DOMAIN_NAME_PLAIN, "web 1");
        assert_name("../a,process=b\n\x7f", DOMAIN_NAME_PLAIN, ".._a_process_b__");
        assert_name("", DOMAIN_NAME_SHORT, "vm-11111111");

        /* Two bytes each: no half of one is left. */
        for (size_t i = 0; i < 200; i++)
                (void) memcpy(umlauts + 2 * i, "\xc3\xa4", 2);
        umlauts[400] = '\0';
        (void) memcpy(wanted, umlauts, DOMAIN_NAME_MAX);
        assert_name(umlauts, DOMAIN_NAME_PLAIN, wanted);
        /* 128 less 9 is 119, which is a half. */
        (void) strcpy(wanted + 118, "-11111111");
        assert_name(umlauts, DOMAIN_NAME_SHORT, wanted);
        (void) strcpy(wanted + 90, "-" VM);
        assert_name(umlauts, DOMAIN_NAME_LONG, wanted);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_domain_is_a_new_one_with_claimed_memory),
                cmocka_unit_test(a_vgpu_is_the_only_display),
                cmocka_unit_test(a_function_is_passed_through_without_msi_translation),
                cmocka_unit_test(functions_are_added_once),
                cmocka_unit_test(a_companion_takes_the_slot_below),
                cmocka_unit_test(two_vms_may_have_one_name),
                cmocka_unit_test(names_are_as_libxl_and_qemu_can_take_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
