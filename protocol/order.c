/*
 * Orders
 */

#include "protocol/order.h"
#include "protocol/record.h"

#define HEAD(T)                                                                                \
        FIELD_VERSION, FIELD(T, epoch, REQUIRED, U64), FIELD(T, token, REQUIRED, UUID),        \
        FIELD_AS(T, number, "order", IF_ANY, U64)

/* The last member of a name counts, so a client's would not hide the host's. */
static int use_type_files(JsonReader *r, void *record) {
        StartOrder *o = record;

        for (size_t i = 0; !r->refuses && o->type_files && o->type_files[i] && i < o->n_vgpus; i++) {
                char **file = &o->vgpus[i].nvidia.config_file;

                if (isempty(o->type_files[i]))
                        continue;
                free(*file);
                *file = strdup(o->type_files[i]);
                if (!*file)
                        return -ENOMEM;
        }
        return 0;
}

static const RecordField start_fields[] = {
        HEAD(StartOrder),
        FIELD_RECORD(StartOrder, vm, "vm", REQUIRED, &vm_record_of_order_table),
        FIELD_LIST(StartOrder, vgpus, OPTIONAL, &vgpu_record_table, ORDER_GPUS_MAX),
        FIELD_LIST(StartOrder, pcis, OPTIONAL, &pci_record_table, ORDER_GPUS_MAX),
        FIELD(StartOrder, type_files, IF_SET, STRV),
};

static const RecordTable start_order_table = RECORD_TABLE(StartOrder, start_fields, .check = use_type_files);

DEFINE_RECORD(start_order, StartOrder, start_order_table)

int start_order_add_type_files(const char *text, const char *const *files, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_add_n(&b, text, (size_t) (strrchr(text, '}') - text));
        json_write_strv(&b, "type_files", files);
        json_write_close(&b, '}');
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

int start_order_read(JsonReader *r, const char *text, StartOrder *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int q;

        q = json_parse_cleaned(r, text, strlen(text), &o);
        return q < 0 ? q : start_order_parse(r, o, ret);
}

static const RecordField stop_fields[] = {
        HEAD(StopOrder),
        FIELD(StopOrder, uuid, REQUIRED, UUID),
        FIELD(StopOrder, force, OPTIONAL, BOOL),
};

static const RecordTable stop_order_table = RECORD_TABLE(StopOrder, stop_fields);

DEFINE_RECORD(stop_order, StopOrder, stop_order_table)
