/*
 * Records: any bytes are refused with a sentence, or give a record whose text gives the same text again
 *
 * All codecs look at the same document; each ignores what it does not know. Whatever bytes a host sends, what was cleaned
 * holds good texts alone.
 */

#include "common/base/text.h"
#include "protocol/import.h"
#include "protocol/inventory.h"
#include "protocol/order.h"
#include "protocol/record.h"
#include "tests/fuzz/fuzz.h"

typedef int (*Parser)(JsonReader *r, struct json_object *o, void *ret);
typedef int (*Builder)(const void *record, struct json_object **ret);
typedef void (*Destructor)(void *record);

typedef union AnyRecord {
        VgpuRecord vgpu;
        VgpuState state;
        PciRecord pci;
        VmRecord vm;
        StartOrder start;
        StopOrder stop;
        VmEvent vm_event;
        VgpuEvent vgpu_event;
        PciEvent pci_event;
        TypeRecord type;
        Inventory inventory;
        ImportRecord import;
} AnyRecord;

#define CODEC(prefix)                                                                   \
        static int prefix##_parse_any(JsonReader *r, struct json_object *o, void *ret) { \
                return prefix##_parse(r, o, ret);                                       \
        }                                                                               \
        static int prefix##_build_any(const void *record, struct json_object **ret) {   \
                return prefix##_build(record, ret);                                     \
        }
#define CODEC_WITH_DONE(prefix)                                                         \
        CODEC(prefix)                                                                   \
        static void prefix##_done_any(void *record) {                                   \
                prefix##_done(record);                                                  \
        }

/* Those that are written as text at once. */
#define BUILDER(prefix)                                                                 \
        static int prefix##_build(const void *record, struct json_object **ret) {       \
                _cleanup_strbuf_ StrBuf b = {};                                         \
                                                                                        \
                prefix##_write(record, &b);                                             \
                return record_of_text(&b, ret);                                         \
        }

BUILDER(vgpu_record)
BUILDER(pci_record)
BUILDER(stop_order)

CODEC_WITH_DONE(vgpu_record)
CODEC(vgpu_state)
CODEC(pci_record)
CODEC_WITH_DONE(vm_record)
CODEC_WITH_DONE(start_order)
CODEC(stop_order)
CODEC_WITH_DONE(vm_event)
CODEC_WITH_DONE(vgpu_event)
CODEC_WITH_DONE(pci_event)
CODEC_WITH_DONE(type_record)
CODEC_WITH_DONE(inventory)
CODEC_WITH_DONE(import_record)

#define ROW(prefix) { prefix##_parse_any, prefix##_build_any, NULL }
#define ROW_WITH_DONE(prefix) { prefix##_parse_any, prefix##_build_any, prefix##_done_any }

static const struct {
        Parser parse;
        Builder build;
        Destructor done;
} codecs[] = {
        ROW_WITH_DONE(vgpu_record), ROW(vgpu_state),           ROW(pci_record),           ROW_WITH_DONE(vm_record),
        ROW_WITH_DONE(start_order), ROW(stop_order),           ROW_WITH_DONE(vm_event),   ROW_WITH_DONE(vgpu_event),
        ROW_WITH_DONE(pci_event),   ROW_WITH_DONE(type_record), ROW_WITH_DONE(inventory), ROW_WITH_DONE(import_record),
};

/* The text that codec makes of o, or NULL when it refuses. */
static char *round_trip(size_t codec, struct json_object *o) {
        _cleanup_json_ struct json_object *built = NULL;
        JsonReader r = {};
        AnyRecord record;
        int q;

        q = codecs[codec].parse(&r, o, &record);
        if (q < 0) {
                if (q == -EINVAL && !r.error[0])
                        abort();
                return NULL;
        }
        if (codecs[codec].build(&record, &built) < 0)
                abort();
        if (codecs[codec].done)
                codecs[codec].done(&record);
        return json_to_text(built);
}

/* What was cleaned gives a text that is not cleaned again, and that a client could have sent. */
static void check_cleaned(const char *data, size_t size) {
        _cleanup_json_ struct json_object *o = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL;
        JsonReader r;

        if (json_parse_cleaned(&r, data, size, &o) < 0)
                return;
        text = json_to_text(o);
        /* A number with a fraction is written as it was read, and JSON has no NaN. */
        if (!text_is_good(text, strlen(text), TEXT_LINES) ||
                (json_parse(&r, text, strlen(text), &again) < 0 && strstr(r.error, " holds ")))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader r;

        check_cleaned((const char *) data, size);
        if (json_parse(&r, (const char *) data, size, &o) < 0)
                return 0;

        for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
                _cleanup_json_ struct json_object *again = NULL;
                _cleanup_free_ char *first = round_trip(i, o), *second = NULL;

                if (!first)
                        continue;
                if (json_parse(&r, first, strlen(first), &again) < 0)
                        abort();
                second = round_trip(i, again);
                if (!second || !streq(first, second))
                        abort();
        }
        return 0;
}
