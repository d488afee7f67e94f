/*
 * Which keys of a VM's config reach libxl
 */

#include "common/json/json-get.h"
#include "hostd/edge/config-check.h"
#include "protocol/config-walk.h"
#include "tests/unit/hostd-edge/test.h"

typedef struct Found {
        char path[128], key[128], fault[256];
        int n;
        bool policyd_objects;
} Found;

static int on_objection(const char *path, const char *key, const char *fault, void *userdata) {
        Found *f = userdata;

        if (f->n++ == 0) {
                (void) snprintf(f->path, sizeof(f->path), "%s", path);
                (void) snprintf(f->key, sizeof(f->key), "%s", key);
                (void) snprintf(f->fault, sizeof(f->fault), "%s", strempty(fault));
        }
        return 0;
}

static const PciAddress booked = {.bus = 0x84};

/* policyd's way to the same answer, before it chooses a host. */
static bool policyd_objects(struct json_object *config, const char *const *allowed) {
        static const char *const nothing[] = {NULL};
        _cleanup_(strv_freep) char **objections = NULL;

        assert_int_equal(config_objections(config, &objections), 0);
        for (char **o = objections; *o; o++)
                if (!config_objection_is_allowed(allowed ?: nothing, *o))
                        return true;
        return false;
}

static Found look(const char *config, const char *const *allowed) {
        const ConfigRules rules = {.storage = "/srv/ /var/lib\t/dev", .allowed = allowed};
        PciRecord pci = {.address = booked};
        StartOrder order = {.pcis = &pci, .n_pcis = 1};
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        Found found = {};

        assert_int_equal(json_parse(&reader, config, strlen(config), &o), 0);
        order.vm.config = o;
        assert_int_equal(config_check(&order, &rules, on_objection, &found), 0);
        found.policyd_objects = policyd_objects(o, allowed);
        /* Which folders are the host's, what stands there, and pcidevs, policyd asks in other ways. */
        if (found.n == 0 || (!startswith(found.key, "pcidevs") && !streq(found.key, "disks.pdev_path")))
                assert_int_equal(found.policyd_objects, found.n > 0);
        return found;
}

#define WITH(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What libxl 4.17 takes and names a program, a file, a socket, a device or another domain. */
static const struct {
        const char *config, *path, *key;
} refused[] = {
#define KEY(config, path) {config, path, path}
        KEY("{\"c_info\":{\"ssidref\":1}}", "c_info.ssidref"),
        KEY("{\"c_info\":{\"ssid_label\":\"system_u:system_r:dom0_t\"}}", "c_info.ssid_label"),
        KEY("{\"c_info\":{\"driver_domain\":\"True\"}}", "c_info.driver_domain"),
        KEY("{\"c_info\":{\"xsdata\":{\"image/device-model-pid\":\"1\"}}}", "c_info.xsdata.image/device-model-pid"),
        KEY("{\"b_info\":{\"exec_ssidref\":1}}", "b_info.exec_ssidref"),
        KEY("{\"b_info\":{\"exec_ssid_label\":\"a\"}}", "b_info.exec_ssid_label"),
        KEY("{\"b_info\":{\"device_model_version\":\"qemu_xen_traditional\"}}", "b_info.device_model_version"),
        KEY("{\"b_info\":{\"device_model_stubdomain\":\"True\"}}", "b_info.device_model_stubdomain"),
        KEY("{\"b_info\":{\"stubdomain_kernel\":\"/a\"}}", "b_info.stubdomain_kernel"),
        KEY("{\"b_info\":{\"stubdomain_ramdisk\":\"/a\"}}", "b_info.stubdomain_ramdisk"),
        KEY("{\"b_info\":{\"stubdomain_cmdline\":\"a\"}}", "b_info.stubdomain_cmdline"),
        KEY("{\"b_info\":{\"device_model_ssidref\":1}}", "b_info.device_model_ssidref"),
        KEY("{\"b_info\":{\"device_model_ssid_label\":\"a\"}}", "b_info.device_model_ssid_label"),
        KEY("{\"b_info\":{\"device_model_user\":\"root\"}}", "b_info.device_model_user"),
        KEY("{\"b_info\":{\"ioports\":[{\"first\":0,\"number\":1}]}}", "b_info.ioports"),
        KEY("{\"b_info\":{\"irqs\":[9]}}", "b_info.irqs"),
        KEY("{\"b_info\":{\"iomem\":[{\"start\":0,\"number\":1}]}}", "b_info.iomem"),
        KEY("{\"b_info\":{\"kernel\":\"/boot/vmlinuz\"}}", "b_info.kernel"),
        KEY("{\"b_info\":{\"ramdisk\":\"/boot/initrd\"}}", "b_info.ramdisk"),
        KEY("{\"b_info\":{\"device_tree\":\"/a.dtb\"}}", "b_info.device_tree"),
        KEY("{\"b_info\":{\"bootloader\":\"/bin/sh\"}}", "b_info.bootloader"),
        KEY("{\"b_info\":{\"type.hvm\":{\"firmware\":\"/a\"}}}", "b_info.type.hvm.firmware"),
        KEY("{\"b_info\":{\"type.hvm\":{\"system_firmware\":\"/a\"}}}", "b_info.type.hvm.system_firmware"),
        KEY("{\"b_info\":{\"type.hvm\":{\"smbios_firmware\":\"/etc/shadow\"}}}", "b_info.type.hvm.smbios_firmware"),
        KEY("{\"b_info\":{\"type.hvm\":{\"acpi_firmware\":\"/etc/shadow\"}}}", "b_info.type.hvm.acpi_firmware"),
        KEY("{\"b_info\":{\"type.hvm\":{\"serial\":\"file:/etc/cron.d/x\"}}}", "b_info.type.hvm.serial"),
        KEY("{\"b_info\":{\"type.hvm\":{\"usbdevice\":\"disk:/etc/shadow\"}}}", "b_info.type.hvm.usbdevice"),
        KEY("{\"b_info\":{\"type.hvm\":{\"gfx_passthru\":\"True\"}}}", "b_info.type.hvm.gfx_passthru"),
        KEY("{\"b_info\":{\"type.hvm\":{\"keymap\":\"/etc/shadow\"}}}", "b_info.type.hvm.keymap"),
        KEY("{\"b_info\":{\"type.hvm\":{\"boot\":\"c,splash=/a\"}}}", "b_info.type.hvm.boot"),
        KEY("{\"b_info\":{\"type.hvm\":{\"soundhw\":\"hda,x=/a\"}}}", "b_info.type.hvm.soundhw"),
        KEY("{\"b_info\":{\"type.hvm\":{\"vnc\":{\"listen\":\"unix:/root/x\"}}}}", "b_info.type.hvm.vnc.listen"),
        KEY("{\"b_info\":{\"type.hvm\":{\"vnc\":{\"listen\":\"UNIX:5\"}}}}", "b_info.type.hvm.vnc.listen"),
        KEY("{\"b_info\":{\"type.hvm\":{\"spice\":{\"host\":\"a,x509-dir=/a\"}}}}", "b_info.type.hvm.spice.host"),
        KEY("{\"b_info\":{\"type.hvm\":{\"spice\":{\"passwd\":\"a,x509-dir=/a\"}}}}", "b_info.type.hvm.spice.passwd"),
        KEY("{\"b_info\":{\"type.hvm\":{\"sdl\":{\"enable\":\"True\"}}}}", "b_info.type.hvm.sdl"),
        KEY("{\"b_info\":{\"type.pv\":{\"bootloader\":\"/bin/sh\"}}}", "b_info.type.pv.bootloader"),
        KEY("{\"b_info\":{\"type.pv\":{\"kernel\":\"/a\"}}}", "b_info.type.pv.kernel"),
        KEY("{\"b_info\":{\"type.pvh\":{\"pvshim_path\":\"/a\"}}}", "b_info.type.pvh.pvshim_path"),
        {"{\"b_info\":{\"extra\":[\"-drive\",\"file=/etc/shadow\"]}}", "b_info.extra[0]", "b_info.extra"},
        {"{\"b_info\":{\"extra_pv\":[\"-x\"]}}", "b_info.extra_pv[0]", "b_info.extra_pv"},
        {"{\"b_info\":{\"extra_hvm\":[\"-D\",\"/a\"]}}", "b_info.extra_hvm[0]", "b_info.extra_hvm"},
        {"{\"b_info\":{\"bootloader_args\":[\"-c\"]}}", "b_info.bootloader_args[0]", "b_info.bootloader_args"},
        {"{\"b_info\":{\"type.hvm\":{\"serial_list\":[\"pty\",\"tcp:1.2.3.4:5\"]}}}", "b_info.type.hvm.serial_list[1]",
                "b_info.type.hvm.serial_list"},
        {"{\"b_info\":{\"type.hvm\":{\"usbdevice_list\":[\"host:1.2\"]}}}", "b_info.type.hvm.usbdevice_list[0]",
                "b_info.type.hvm.usbdevice_list"},
        {"{\"disks\":[{},{\"script\":\"/tmp/x\"}]}", "disks[1].script", "disks.script"},
        {"{\"disks\":[{\"backend_domname\":\"a\"}]}", "disks[0].backend_domname", "disks.backend_domname"},
        {"{\"disks\":[{\"backend_domid\":3}]}", "disks[0].backend_domid", "disks.backend_domid"},
        {"{\"disks\":[{\"backend\":\"standalone\"}]}", "disks[0].backend", "disks.backend"},
        {"{\"disks\":[{\"format\":\"qcow2\"}]}", "disks[0].format", "disks.format"},
        {"{\"disks\":[{\"colo_host\":\"a\"}]}", "disks[0].colo_host", "disks.colo_host"},
        {"{\"disks\":[{\"pdev_path\":\"/etc/shadow\"}]}", "disks[0].pdev_path", "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/srv/../etc/shadow\"}]}", "disks[0].pdev_path", "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/srv/a,file=/etc/shadow\"}]}", "disks[0].pdev_path", "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/srvx/a\"}]}", "disks[0].pdev_path", "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/srv/\"}]}", "disks[0].pdev_path", "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"nbd:host\"}]}", "disks[0].pdev_path", "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/dev/null\"}]}", "disks[0].pdev_path", "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/var/lib/xenvgpu-policyd/.ssh/authorized_keys\"}]}", "disks[0].pdev_path",
                "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/var/lib/./xenvgpu-hostd/data.mdb\"}]}", "disks[0].pdev_path",
                "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/srv/.\"}]}", "disks[0].pdev_path",
                "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/dev/disk/by-id/md-uuid-1:2:3:4\"}]}", "disks[0].pdev_path",
                "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/dev/disk/by-uuid/1234-5678\"}]}", "disks[0].pdev_path",
                "disks.pdev_path"},
        {"{\"disks\":[{\"pdev_path\":\"/dev/fd/7\"}]}", "disks[0].pdev_path",
                "disks.pdev_path"},
        {"{\"nics\":[{\"script\":\"/tmp/x\"}]}", "nics[0].script", "nics.script"},
        {"{\"nics\":[{\"backend_domname\":\"a\"}]}", "nics[0].backend_domname", "nics.backend_domname"},
        {"{\"nics\":[{\"ifname\":\"a,script=/tmp/x\"}]}", "nics[0].ifname", "nics.ifname"},
        {"{\"nics\":[{\"model\":\"e1000,x\"}]}", "nics[0].model", "nics.model"},
        {"{\"nics\":[{\"bridge\":\"a b\"}]}", "nics[0].bridge", "nics.bridge"},
        {"{\"nics\":[{\"ip\":\"$(x)\"}]}", "nics[0].ip", "nics.ip"},
        {"{\"nics\":[{\"coloft_forwarddev\":\"eth0\"}]}", "nics[0].coloft_forwarddev", "nics.coloft_forwarddev"},
        {"{\"pcidevs\":[{\"bus\":132},{\"bus\":3}]}", "pcidevs[1]", "pcidevs"},
        {"{\"pcidevs\":[{\"bus\":132,\"permissive\":true}]}", "pcidevs[0].permissive", "pcidevs.permissive"},
        {"{\"vfbs\":[{\"sdl\":{\"enable\":\"True\"}}]}", "vfbs[0].sdl", "vfbs.sdl"},
        {"{\"vfbs\":[{\"vnc\":{\"listen\":\"unix:/x\"}}]}", "vfbs[0].vnc.listen", "vfbs.vnc.listen"},
        KEY("{\"dtdevs\":[{\"path\":\"/a\"}]}", "dtdevs"),
        KEY("{\"vtpms\":[{\"backend_domname\":\"a\"}]}", "vtpms"),
        KEY("{\"p9s\":[{\"path\":\"/\"}]}", "p9s"),
        KEY("{\"pvcallsifs\":[{\"devid\":0}]}", "pvcallsifs"),
        KEY("{\"vdispls\":[{\"devid\":0}]}", "vdispls"),
        KEY("{\"vsnds\":[{\"devid\":0}]}", "vsnds"),
        KEY("{\"channels\":[{\"connection.socket\":{\"path\":\"/a\"}}]}", "channels"),
        KEY("{\"usbdevs\":[{\"type.hostdev\":{\"hostbus\":1}}]}", "usbdevs"),
        KEY("{\"what_a_later_libxl_has\":\"/a\"}", "what_a_later_libxl_has"),
        KEY("{\"b_info\":{\"type.later\":{\"path\":\"/a\"}}}", "b_info.type.later"),
        KEY("{\"disks\":\"/a\"}", "disks"),
#undef KEY
};

static void what_runs_or_opens_something_is_refused_by_name(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                Found f = look(refused[i].config, NULL);

                if (f.n == 0)
                        fail_msg("%s passes", refused[i].config);
                assert_string_equal(f.path, refused[i].path);
                assert_string_equal(f.key, refused[i].key);
                assert_int_equal(look(refused[i].config, WITH(refused[i].key)).n, 0);
        }
}

/* Of disks it knows what their text tells. */
static void a_path_with_detours_is_known_before(void **state) {
        assert_true(look("{\"disks\":[{\"pdev_path\":\"/srv/../etc/shadow\"}]}", NULL).policyd_objects);
        assert_true(look("{\"disks\":[{\"pdev_path\":\"/srv/a,file=/etc/shadow\"}]}", NULL).policyd_objects);
        assert_true(look("{\"disks\":[{\"pdev_path\":\"/dev/disk/by-uuid/1\"}]}", NULL).policyd_objects);
        assert_false(look("{\"disks\":[{\"pdev_path\":\"/elsewhere/a\"}]}", NULL).policyd_objects);
}

/* However much a config holds that is not allowed, policyd keeps little of it. */
static void objections_are_capped(void **state) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_(strv_freep) char **objections = NULL;
        char name[16], *text = calloc(1, CONFIG_OBJECTION_TEXT_MAX + 2);
        size_t n = 0;

        memset(text, 'a', CONFIG_OBJECTION_TEXT_MAX + 1);
        for (size_t i = 0; i < CONFIG_OBJECTIONS_MAX * 2; i++) {
                (void) snprintf(name, sizeof(name), "x%zu", i);
                json_object_object_add(o, name, json_object_new_string(text));
        }
        assert_int_equal(config_objections(o, &objections), 0);
        while (objections[n])
                assert_null(strchr(objections[n++], '='));
        assert_int_equal(n, CONFIG_OBJECTIONS_MAX);
        free(text);
}

static void ordinary_vms_pass(void **state) {
        static const char *const configs[] = {
                "{}",
                "{\"c_info\":{\"type\":\"hvm\",\"name\":\"a / b\",\"domid\":4294967295,\"run_hotplug_scripts\":\"True\","
                "\"xsdata\":{\"vm-data\":\"\",\"vm-data/x\":\"y\"},\"platformdata\":{\"viridian\":\"1\"}},"
                "\"b_info\":{\"max_vcpus\":1,\"avail_vcpus\":[0],\"max_memkb\":131072,\"device_model\":\"/x/dm\","
                "\"device_model_version\":\"qemu_xen\",\"sched_params\":{\"sched\":\"credit2\",\"weight\":256},"
                "\"claim_mode\":\"True\",\"extra\":[],\"kernel\":\"\",\"dm_restrict\":\"True\",\"type.hvm\":{"
                "\"vga\":{\"kind\":\"std\"},\"vnc\":{\"enable\":\"True\",\"listen\":\"0.0.0.0\",\"passwd\":\"a,b\"},\"sdl\":{},"
                "\"spice\":{\"host\":\"::1\",\"passwd\":\"secret\"},\"serial\":\"pty\",\"boot\":\"dc\",\"keymap\":\"en-us\","
                "\"usbdevice\":\"tablet\",\"rdm\":{},\"gfx_passthru\":\"False\"},\"arch_x86\":{\"msr_relaxed\":\"False\"}},"
                "\"disks\":[{\"pdev_path\":\"/srv/a b.img\",\"vdev\":\"hda\",\"backend\":\"qdisk\",\"format\":\"raw\","
                "\"readwrite\":1},{\"vdev\":\"hdc\",\"format\":\"empty\",\"is_cdrom\":1}],"
                "\"nics\":[{\"devid\":0,\"mac\":\"00:16:3e:00:00:01\",\"bridge\":\"xenbr0.10:20\",\"model\":\"e1000\","
                "\"ip\":\"10.0.0.1 fe80::1/64\",\"script\":\"\"}],"
                "\"pcidevs\":[{\"bus\":132,\"vfunc_mask\":1}],"
                "\"vfbs\":[{\"vnc\":{\"listen\":\"127.0.0.1:5\"},\"sdl\":{\"enable\":\"False\"}}],\"vkbs\":[{\"devid\":0}],"
                "\"channels\":[],\"on_reboot\":\"restart\",\"on_crash\":\"preserve\"}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
                Found f = look(configs[i], NULL);

                if (f.n > 0)
                        fail_msg("%s is refused: %s", f.path, f.fault);
        }
}

static void the_administrator_may_bind_a_key_to_a_value(void **state) {
        static const char script[] = "{\"nics\":[{\"script\":\"/etc/xen/scripts/vif-openvswitch\"}]}",
                          serial[] = "{\"b_info\":{\"type.hvm\":{\"serial\":\"file:/var/log/guests/a\"}}}",
                          escape[] = "{\"b_info\":{\"type.hvm\":{\"serial\":\"file:/var/log/guests/../a\"}}}",
                          args[] = "{\"b_info\":{\"bootloader_args\":[\"-q\",\"--x\"]}}";

        assert_int_equal(look(script, WITH("nics.script=/etc/xen/scripts/vif-openvswitch")).n, 0);
        assert_int_equal(look(script, WITH("nics.script=/etc/xen/scripts/vif-bridge")).n, 1);
        assert_int_equal(look(script, WITH("nics.script=/etc/xen/scripts/")).n, 0);
        assert_int_equal(look(script, WITH("nics.script=/etc/xen/scripts")).n, 1);
        assert_int_equal(look(script, WITH("nics.scrip", "nics", "nics.script=")).n, 0); /* all of nics */
        assert_int_equal(look(script, WITH("nics.scrip", "nics.script=", "nics.scripts")).n, 1);
        assert_int_equal(look(serial, WITH("b_info.type.hvm.serial=file:/var/log/guests/")).n, 0);
        assert_int_equal(look(escape, WITH("b_info.type.hvm.serial=file:/var/log/guests/")).n, 1);
        assert_int_equal(look(args, WITH("b_info.bootloader_args=-q")).n, 1);
        assert_int_equal(look(args, WITH("b_info.bootloader_args")).n, 0);
}

/* The emulator is root's, and its file on the way there may bring more behind a comma. */
static void the_emulator_is_given_no_path(void **state) {
        static const struct {
                const char *extra_args, *config_file, *path;
        } cases[] = {
                {"frl=0,disable_vnc=1", "/usr/share/nvidia/vgx/grid_k100.conf,frl=0", NULL},
                {"", NULL, NULL},
                {"plugin0.plugin=/srv/disk", NULL, "vgpus[0].extra_args"},
                {"frl=0 --log", NULL, "vgpus[0].extra_args"},
                {"", "/a/grid_k100.conf,log=/etc/passwd", "vgpus[0].config_file"},
        };
        _cleanup_json_ struct json_object *config = json_object_new_object();

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                VgpuRecord vgpu = {.kind = VGPU_KIND_NVIDIA,
                        .nvidia = {.extra_args = (char *) cases[i].extra_args,
                                .config_file = (char *) cases[i].config_file}};
                StartOrder order = {.vgpus = &vgpu, .n_vgpus = 1, .vm.config = config};
                ConfigRules rules = {};
                Found f = {};

                assert_int_equal(config_check(&order, &rules, on_objection, &f), 0);
                assert_int_equal(f.n, cases[i].path != NULL);
                assert_string_equal(f.path, strempty(cases[i].path));
                rules.allowed = WITH("vgpu_extra_args");
                f = (Found){};
                assert_int_equal(config_check(&order, &rules, on_objection, &f), 0);
                assert_int_equal(f.n, 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_runs_or_opens_something_is_refused_by_name),
                cmocka_unit_test(a_path_with_detours_is_known_before),
                cmocka_unit_test(objections_are_capped),
                cmocka_unit_test(ordinary_vms_pass),
                cmocka_unit_test(the_emulator_is_given_no_path),
                cmocka_unit_test(the_administrator_may_bind_a_key_to_a_value),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
