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

/* Those that are parts of others have a table alone. */
#define DEFINE_PART(prefix, T)                                                                \
        static int prefix##_parse(JsonReader *r, struct json_object *o, T *ret) {             \
                return record_parse(&prefix##_table, r, o, ret);                              \
        }                                                                                     \
        static void prefix##_write(const T *record, StrBuf *b) {                              \
                record_write(&prefix##_table, record, b, NULL);                               \
        }                                                                                     \
        static void prefix##_done(T *record) {                                                \
                record_done(&prefix##_table, record);                                         \
        }

DEFINE_PART(vgpu_record, VgpuRecord)
DEFINE_PART(vgpu_state, VgpuState)
DEFINE_PART(pci_record, PciRecord)

/* Any record as the codecs see it: the functions of each by one type. */
#define CODEC(prefix, member)                                                                \
        static int prefix##_parse_any(JsonReader *r, struct json_object *o, AnyRecord *ret) { \
                return prefix##_parse(r, o, &ret->member);                                   \
        }                                                                                    \
        static void prefix##_write_any(const AnyRecord *record, StrBuf *b) {                 \
                prefix##_write(&record->member, b);                                          \
        }                                                                                    \
        static void prefix##_done_any(AnyRecord *record) {                                   \
                prefix##_done(&record->member);                                              \
        }

#define CODECS(X)                                                                            \
        X(vgpu_record, vgpu) X(vgpu_state, state) X(pci_record, pci) X(vm_record, vm) X(start_order, start) X(stop_order, stop)      \
        X(vm_event, vm_event) X(vgpu_event, vgpu_event) X(pci_event, pci_event)              \
        X(type_record, type) X(inventory, inventory) X(import_record, import)

CODECS(CODEC)

#define ROW(prefix, member) { prefix##_parse_any, prefix##_write_any, prefix##_done_any },

static const struct {
        int (*parse)(JsonReader *r, struct json_object *o, AnyRecord *ret);
        void (*write)(const AnyRecord *record, StrBuf *b);
        void (*done)(AnyRecord *record);
} codecs[] = { CODECS(ROW) };

/* The text that codec makes of o, or NULL when it refuses. */
static char *round_trip(size_t codec, struct json_object *o) {
        _cleanup_strbuf_ StrBuf b = {};
        JsonReader r = {};
        AnyRecord record;
        int q;

        q = codecs[codec].parse(&r, o, &record);
        if (q < 0) {
                if (q == -EINVAL && !r.error[0])
                        abort();
                return NULL;
        }
        codecs[codec].write(&record, &b);
        codecs[codec].done(&record);
        return strbuf_take(&b);
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
