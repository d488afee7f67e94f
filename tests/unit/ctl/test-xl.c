/*
 * xl.cfg: what is read is written so that it reads the same, and nothing is dropped without a word
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "policyd/ctl/xl/xl-private.h"

static struct json_object *read_good(const char *text) {
        struct json_object *o = NULL;
        char *why = NULL;

        if (xl_config_read(text, &o, &why) != 0)
                fail_msg("%s, of:\n%s", strempty(why), text);
        return o;
}

/* Reads, writes, reads: the same; and no key is a comment. The caller puts it. */
static struct json_object *round_trip(const char *text) {
        struct json_object *first = read_good(text), *second;
        _cleanup_strbuf_ StrBuf b = {};

        assert_int_equal(xl_config_write(first, &b), 0);
        if (strstr(b.text, "# no key"))
                fail_msg("%s, of:\n%s", strstr(b.text, "# no key"), text);
        second = read_good(b.text);
        if (!json_object_equal(first, second))
                fail_msg("%s\nbecame\n%s\nby\n%s", json_object_to_json_string(first), json_object_to_json_string(second), b.text);
        json_object_put(second);
        return first;
}

static void expect(struct json_object *o, const char *path, const char *text) {
        assert_string_equal(strempty(json_object_get_string(xl_get(o, path))), text);
}

/* In the lengths that people write: both forms of disks, old names, one line with two keys, = in strings. */
static const char example[] =
        "# a = comment\nname = \"win\"\nbuilder = 'hvm'\nmemory=4096 # GiB = 4\nmaxmem = 8192\nvcpus=2\nmaxvcpus=4\n"
        "cpus=\"0-3,^1\"\ndisk = [ 'phy:/dev/vg/win,hda,w', # b = 2\n 'file:/srv/a.iso,hdc:cdrom,r',\n"
        "'format=raw, vdev=xvdb, access=ro, target=/srv/a,b.img', 'vdev=hdd,format=empty,access=ro,devtype=cdrom' ]\n"
        "vif=['mac=00:16:3e:12:34:56,bridge=xenbr0,model=e1000,type=ioemu','rate=10Mb/s@50ms',\"\"]\n"
        "boot=\"dc\"; serial='pty'\nusbdevice=['tablet','mouse']\nvnc=1;vncpasswd=\"x = y\"\nvga=\"stdvga\"\nvideoram=16\n"
        "pci=['03:00.0','0000:03:10.1@1c,permissive=1','04:00.*']\npci_msitranslate=1\nextra=\"a=b\"\nroot='/dev/x'\n"
        "on_crash=\"coredump-restart\"\nfirmware=\"uefi\"\n";

static void an_example(void **state) {
        struct json_object *o = round_trip(example);

        expect(o, "c_info/type", "hvm");
        expect(o, "c_info/name", "win");
        expect(o, "b_info/max_memkb", "8388608");
        expect(o, "b_info/target_memkb", "4194304");
        expect(o, "b_info/max_vcpus", "4");
        expect(o, "b_info/cmdline", "root=/dev/x a=b");
        expect(o, "b_info/type.hvm/bios", "ovmf");
        expect(o, "b_info/type.hvm/vga/kind", "std");
        expect(o, "b_info/type.hvm/vnc/passwd", "x = y");
        expect(o, "on_crash", "coredump_restart");
        assert_int_equal(json_object_array_length(xl_get(o, "b_info/vcpu_hard_affinity")), 4);
        assert_int_equal(json_object_array_length(xl_get(o, "disks")), 4);
        assert_int_equal(json_object_array_length(xl_get(o, "nics")), 3);
        assert_int_equal(json_object_array_length(xl_get(o, "pcidevs")), 3);
        assert_string_equal(json_object_to_json_string_ext(json_object_array_get_idx(xl_get(o, "disks"), 0), JSON_C_TO_STRING_PLAIN),
                "{\"pdev_path\":\"\\/dev\\/vg\\/win\",\"vdev\":\"hda\",\"format\":\"raw\",\"readwrite\":1}");
        json_object_put(o);
}

/* As xl itself read them when they were recorded: tests/fixtures/xl/README.md. */
static void what_xl_read(void **state) {
        struct json_object *recorded = json_object_from_file(FIXTURES "/xl/configs.json");
        size_t n = recorded ? json_object_array_length(recorded) : 0;

        assert_true(n >= 40);
        for (size_t i = 0; i < n; i++) {
                struct json_object *pair = json_object_array_get_idx(recorded, i), *expected = json_object_array_get_idx(pair, 1);
                const char *text = json_object_get_string(json_object_array_get_idx(pair, 0));
                struct json_object *o = round_trip(text);

                if (!json_object_equal(o, expected))
                        fail_msg("%s\nis read as\n%s\nnot\n%s", text, json_object_to_json_string(o), json_object_to_json_string(expected));
                json_object_put(o);
        }
        json_object_put(recorded);
}

static void expect_of(const char *lines, const char *path, const char *text) {
        _cleanup_free_ char *config = text_printf("name = 'x'\ntype = 'hvm'\nmemory = 1\n%s\n", lines);
        struct json_object *o = round_trip(strempty(config));

        expect(o, path, text);
        json_object_put(o);
}

/* Where xl means something else than the words say at first. */
static void as_xl_means_it(void **state) {
        expect_of("max_event_channels = 7", "b_info/event_channels", "7");
        expect_of("event_channels = 7", "b_info/event_channels", "7");
        expect_of("firmware = 'uefi'\nbios = 'seabios'", XL_HVM "bios", "ovmf");
        expect_of("bios = 'ovmf'\nfirmware = 'bios'", XL_HVM "bios", "ovmf");
        expect_of("firmware = 'bios'", XL_HVM "bios", "");
        expect_of("tsc_mode = 2\ntimer_mode = '3'", "b_info/tsc_mode", "native");
        expect_of("tsc_mode = 2\ntimer_mode = '3'", "b_info/timer_mode", "one_missed_tick_pending");
        expect_of("kernel = '/usr/lib/xen-4.0/boot/hvmloader'", "b_info/kernel", "");
        expect_of("kernel = '/boot/vmlinuz'", "b_info/kernel", "/boot/vmlinuz");
        expect_of("bootloader_args = 'a  b'", "b_info/bootloader_args", "[ \"a\", \"b\" ]");
        expect_of("vif = [ 'mac=0:16:3E:0:0:1' ]", "nics", "[ { \"devid\": 0, \"mac\": \"00:16:3e:00:00:01\" } ]");
        expect_of("vif = [ 'netdev=e' ]", "nics", "[ { \"devid\": 0, \"gatewaydev\": \"e\" } ]");
}

/* Every row, with values by chance. */

static void add_value(StrBuf *b, const XlKey *k) {
        static const char *const texts[] = {"a", "pty", "x = y # z", "it's", "say \"x\"", "c:\\x", "", "é"};
        const char *text = texts[rand() % ARRAY_SIZE(texts)];
        size_t n;

        switch (k->kind) {
        case XL_NUMBER:
        case XL_MIB:
                strbuf_addf(b, "%d", rand() % 70000);
                break;
        case XL_FLAG:
                strbuf_addf(b, "%d", rand() % 2);
                break;
        case XL_WORD:
        case XL_WORD_OR_NUMBER:
                for (const char *at = k->words;; at += n + 1) {
                        n = strcspn(at, " ");
                        if (at[n] && rand() % 3)
                                continue;
                        strbuf_addf(b, "\"%.*s\"", (int) strcspn(at, "= "), at);
                        break;
                }
                break;
        case XL_TEXTS:
        case XL_TEXT_OR_LIST:
                if (k->kind == XL_TEXTS || rand() % 2) {
                        strbuf_add(b, "[ ");
                        for (int i = 0; i < 2; i++) {
                                xl_write_text(b, texts[rand() % ARRAY_SIZE(texts)]);
                                strbuf_add(b, ", ");
                        }
                        strbuf_add(b, "]");
                        break;
                }
                xl_write_text(b, text);
                break;
        case XL_TEXT:
                xl_write_text(b, text);
                break;
        case XL_OWN:
                break;
        }
}

static void add_own(StrBuf *b) {
        static const char *const lines[] = {"vcpus = 3\n", "vcpus = 2\nmaxvcpus = 5\n", "cpus = \"all\"\n", "cpus = \"1-2\"\n",
                "cpus = [ \"0\" ]\n", "disk = [ 'phy:/dev/a,xvda,w' ]\n", "disk = [ '/a b,raw,hda,rw', '/c,,hdb,ro' ]\n",
                "disk = [ 'discard,direct-io-safe,script=block-x,vdev=hdc,format=qcow2,backendtype=qdisk,target=/x' ]\n",
                "vif = [ '' ]\n", "vif = [ 'bridge=b, script=vif-x, vifname=v0, gatewaydev=eth0, ip=10.0.0.1 10.0.0.2, mtu=9000' ]\n",
                "pci = [ '1:2:3.4,seize=1,power_mgmt=1,rdm_policy=relaxed' ]\npci_permissive = 1\n", "extra = 'a \"b\"'\n",
                "stdvga = 1\n", "firmware = \"uefi\"\n", "firmware = \"bios\"\n"};

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                if (rand() % 6 == 0 && (!b->text || !strstr(b->text, lines[i])) &&
                        (i < 2 || i > 10 || rand() % 2))
                        strbuf_add(b, lines[i]);
}

static void whatever_is_read_is_written(void **state) {
        srand(1);
        for (int round = 0; round < 2000; round++) {
                _cleanup_strbuf_ StrBuf b = {};

                strbuf_add(&b, "type = \"hvm\"\nmemory = 512\n");
                for (const XlKey *k = xl_keys; k->key; k++)
                        if (k->kind != XL_OWN && rand() % 4 == 0) {
                                strbuf_addf(&b, "%s = ", k->key);
                                add_value(&b, k);
                                strbuf_add(&b, rand() % 2 ? "\n" : " ;\n");
                        }
                add_own(&b);
                json_object_put(round_trip(b.text));
        }
}

static void refused(const char *text, const char *part) {
        struct json_object *o = NULL;
        char *why = NULL;

        assert_int_equal(xl_config_read(text, &o, &why), -EINVAL);
        if (!strstr(strempty(why), part))
                fail_msg("'%s' does not say '%s', of:\n%s", strempty(why), part, text);
        assert_null(o);
        free(why);
}

#define GOOD "name='x'\ntype='hvm'\nmemory=1\n"

static void what_cannot_be_carried_over_is_named(void **state) {
        refused(GOOD "vtpm=['a']\n", "The key vtpm cannot be carried over. Take it out.");
        refused(GOOD "vtpm=['a']\nboot='cd'\nrdm='x'\n", "The keys vtpm, rdm cannot be carried over. Take them out.");
        refused(GOOD "acpi = 1; usbdev=[]\n", "The key usbdev");
        refused(GOOD "cpuid +='host'\n", "The key cpuid");
        refused(GOOD "vif=['bridge=b,colo=1']\n", "vif[0] has 'colo'");
        refused(GOOD "disk=['a,b,c,d']\n", "disk[0] cannot be read");
        refused(GOOD "pci=['x']\n", "pci[0] is no PCI function: x");
        refused(GOOD "vga='voodoo'\n", "vga cannot be 'voodoo'; it takes: stdvga=std");
        refused(GOOD "viridian=['base']\n", "The key viridian");
        refused(GOOD "gfx_passthru='igd'\n", "The key gfx_passthru");
        refused(GOOD "cpus='0-3,^0-3'\n", "leaves no processor");
        refused(GOOD "vif=['mac=1:2:3']\n", "vif[0]: '1:2:3' is no mac");
        refused(GOOD "tsc_mode=4\n", "tsc_mode cannot be '4'");
        refused(GOOD "firmware='pvgrub64'\n", "firmware cannot be 'pvgrub64'");
        refused(GOOD "cpus='node:0'\n", "cpus has 'node:0'");
        refused(GOOD "vcpus=0\n", "vcpus is no number");
        refused(GOOD "name=['a']\n", "The key name is not one text");
        refused("type='hvm'\n", "The key memory is missing");
        refused("memory=1\nvnc=1\n", "The key vnc is of HVM guests");
        refused("type='xen'\nmemory=1\n", "'xen'; it can be hvm");
        refused("import os\n", "the file:1");
        refused(GOOD "a b\n", "the file:4");
}

/* A config that no xl.cfg made: what has no key is there as a comment. */
static void what_has_no_key_is_a_comment(void **state) {
        struct json_object *o = json_tokener_parse("{\"c_info\":{\"type\":\"hvm\",\"xsdata\":{\"vm-data\":\"x\"}},\"b_info\":{\"max_memkb\":1025,"
                                                   "\"max_vcpus\":1},\"vtpms\":[{\"devid\":0}],\"nics\":[{\"devid\":4,\"colo\":1}]}");
        _cleanup_strbuf_ StrBuf b = {};

        assert_int_equal(xl_config_write(o, &b), 0);
        assert_non_null(strstr(b.text, "# no key of xl.cfg: c_info.xsdata.vm-data = \"x\"\n"));
        assert_non_null(strstr(b.text, "# no key of xl.cfg: b_info.max_memkb = 1025\n"));
        assert_non_null(strstr(b.text, "# no key of xl.cfg: vtpms = [{\"devid\":0}]\n"));
        assert_non_null(strstr(b.text, "# no key of xl.cfg: nics = [{\"colo\":1}]\n"));
        assert_non_null(strstr(b.text, "memory = 2\n"));
        json_object_put(o);
}

/* libxl's own words, since hostd hands them to it. */
#define KNOWS(enum_)                                                                                                     \
        static bool knows_##enum_(const char *word) {                                                                    \
                libxl_##enum_ value;                                                                                     \
                                                                                                                         \
                return libxl_##enum_##_from_string(word, &value) == 0;                                                   \
        }
KNOWS(passthrough)
KNOWS(tsc_mode)
KNOWS(altp2m_mode)
KNOWS(device_model_version)
KNOWS(bios_type)
KNOWS(timer_mode)
KNOWS(hdtype)
KNOWS(vga_interface_type)
KNOWS(action_on_shutdown)

static void every_word_is_libxls(void **state) {
        static const struct {
                const char *key;
                bool (*knows)(const char *word);
        } enums[] = {{"passthrough", knows_passthrough}, {"tsc_mode", knows_tsc_mode}, {"altp2m", knows_altp2m_mode},
                {"device_model_version", knows_device_model_version}, {"bios", knows_bios_type},
                {"timer_mode", knows_timer_mode}, {"hdtype", knows_hdtype}, {"vga", knows_vga_interface_type},
                {"on_poweroff", knows_action_on_shutdown}, {"on_reboot", knows_action_on_shutdown},
                {"on_watchdog", knows_action_on_shutdown}, {"on_crash", knows_action_on_shutdown},
                {"on_soft_reset", knows_action_on_shutdown}};

        for (const XlKey *k = xl_keys; k->key; k++) {
                size_t i = 0;

                if (k->kind != XL_WORD && k->kind != XL_WORD_OR_NUMBER)
                        continue;
                while (i < ARRAY_SIZE(enums) && !streq(enums[i].key, k->key))
                        i++;
                assert_int_not_equal(i, ARRAY_SIZE(enums));
                for (const char *at = k->words; *at; at += strspn(at, " ")) {
                        size_t n = strcspn(at, " ");
                        _cleanup_free_ char *xl = strndup(at, strcspn(at, "= ")), *word = xl_word(k, strempty(xl), true);

                        if (!word || !enums[i].knows(word))
                                fail_msg("libxl has no word '%s' for %s", strempty(word), k->key);
                        at += n;
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_word_is_libxls),
                cmocka_unit_test(an_example),
                cmocka_unit_test(what_xl_read),
                cmocka_unit_test(as_xl_means_it),
                cmocka_unit_test(whatever_is_read_is_written),
                cmocka_unit_test(what_cannot_be_carried_over_is_named),
                cmocka_unit_test(what_has_no_key_is_a_comment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
