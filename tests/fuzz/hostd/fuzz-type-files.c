/*
 * Type files together: from the files of a host to the types that its cards support
 *
 * The input is cut at 0x1e; the first byte of each piece says which file the rest is: a .conf, vgpuConfig.xml, or a list.
 */

#include "common/base/text.h"
#include "hostd/core/type-catalog.h"
#include "hostd/edge/type-files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#define CUT 0x1e
#define TEXT(text) ((char *) (text))
#define CARD(vendor, device, ...) \
        { .vendor_id = vendor, .device_id = device, .vendor_name = TEXT("NVIDIA Corporation"), .device_name = TEXT("GK107GL [GRID K1]"), \
          .driver = TEXT(""), .bridge = TEXT(""), ##__VA_ARGS__ }

static void report(const char *path, unsigned line, const char *reason, void *userdata) {
        if (isempty(reason))
                abort();
}

static const char *name_of_subsystem(uint16_t vendor, uint16_t device, uint16_t subvendor, uint16_t subdevice, void *userdata) {
        return device % 3 ? "GRID K100" : NULL;
}

static void check_types(const TypeCatalog *c, const Pgpu *p, const ProblemSink *problems) {
        const NameSource names = {.subsystem_name = name_of_subsystem};
        HostType *types;
        size_t n;

        if (catalog_types_for(c, p, &names, problems, &types, &n) < 0)
                abort();
        for (size_t i = 0; i < n; i++)
                if (!text_is_name(types[i].identifier, strlen(types[i].identifier)) || isempty(types[i].model_name) ||
                        (types[i].implementation != TYPE_PASSTHROUGH && types[i].size == 0))
                        abort();
        host_types_free(types, n);
}

static void write_piece(const uint8_t *data, size_t size) {
        static const char *const names[] = {"conf/a.conf", "conf/b.conf", "conf/c.conf", "xml", "gvtg", "mxgpu"};

        if (size > 0)
                scratch_write(names[data[0] % ARRAY_SIZE(names)], data + 1, size - 1);
}

static void write_pieces(const uint8_t *data, size_t size) {
        while (size > 0) {
                const uint8_t *end = memchr(data, CUT, size);
                size_t n = end ? (size_t) (end - data) : size;

                write_piece(data, n);
                data += n;
                size -= n;
                if (size > 0) {
                        data++;
                        size--;
                }
        }
}

static void forget(void) {
        _cleanup_free_ char *folder = path_join(scratch_folder(), "conf");

        if (!folder || mkdir_parents(folder, 0700) < 0)
                abort();
        for (uint8_t i = 0; i < 6; i++)
                write_piece(&i, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const Pgpu cards[] = {
                CARD(0x10de, 0x0ff2, .subsystem_vendor_id = 0x10de, .subsystem_device_id = 0x1012, .subsystem_known = true),
                CARD(0x10de, 0x13f2, .subsystem_vendor_id = 0x10de, .subsystem_device_id = 0x115e, .subsystem_known = true),
                CARD(0x8086, 0x1234, .bar2_size = UINT64_C(1) << 30, .bars_known = true),
                CARD(0x1002, 0x6929),
                CARD(0x1234, 0x0001),
        };
        const ProblemSink problems = {.handler = report};
        _cleanup_free_ char *conf = path_join(scratch_folder(), "conf"), *xml = path_join(scratch_folder(), "xml"),
                            *gvtg = path_join(scratch_folder(), "gvtg"), *mxgpu = path_join(scratch_folder(), "mxgpu");
        const TypeFileSettings settings = {.nvidia_conf_dir = conf, .nvidia_xml = xml, .gvtg_list = gvtg, .mxgpu_list = mxgpu};
        TypeCatalog catalog;

        forget();
        write_pieces(data, size);
        if (type_files_read(&settings, &problems, &catalog) < 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(cards); i++)
                check_types(&catalog, &cards[i], &problems);
        type_catalog_done(&catalog);
        return 0;
}
