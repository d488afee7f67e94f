/*
 * The rows of former cards (policyd/pool/former-card.h)
 *
 * The key is the card's number. Nothing rests on such a row: one that cannot be read is set aside.
 */

#include "policyd/pool/each.h"
#include "policyd/store/internal.h"

static const RecordField fields[] = {
        FIELD_AS(FormerCard, id, "uuid", REQUIRED, UUID),
        FIELD(FormerCard, machine, REQUIRED, UUID),
        FIELD(FormerCard, host, REQUIRED, UUID),
        FIELD_AS(FormerCard, pci, "pci_id", REQUIRED, PCI_TEXT),
        FIELD(FormerCard, vendor_id, REQUIRED, TEXT),
        FIELD(FormerCard, device_id, REQUIRED, TEXT),
        FIELD(FormerCard, subsystem_vendor_id, OPTIONAL, TEXT),
        FIELD(FormerCard, subsystem_device_id, OPTIONAL, TEXT),
        FIELD(FormerCard, serial_number, IF_SET, TEXT),
        FIELD_AS(FormerCard, group, "gpu_group", IF_ANY, UUID),
        FIELD(FormerCard, other_config, IF_SET, JSON),
        FIELD(FormerCard, supported, OPTIONAL, STRV),
        FIELD(FormerCard, enabled, OPTIONAL, STRV),
};
static const RecordTable table = RECORD_TABLE(FormerCard, fields);

int store_former_build(const FormerCard *f, char **ret_text) {
        return row_to_text(&table, NULL, f, ret_text);
}

static int check(JsonReader *r, const Pool *pool, const FormerCard *f) {
        if (pool_get(pool, CLASS_PGPU, &f->id))
                return json_fail(r, "uuid", "is that of a PGPU of the pool");
        for_each(const FormerCard, other, &pool->former)
                if (uuid_equal(&other->id, &f->id))
                        return json_fail(r, "uuid", "is that of another former card too");
        return 0;
}

int store_former_load(JsonReader *r, struct json_object *record, uint64_t number, Pool *pool) {
        _cleanup_(former_card_freep) FormerCard *f = calloc(1, sizeof(*f));
        int q;

        if (!f)
                return -ENOMEM;
        q = record_parse(&table, r, record, f);
        f->number = number;
        q = q ?: check(r, pool, f);
        q = q ?: pool_add_former(pool, f);
        if (q == 0)
                f = NULL;
        return q;
}
