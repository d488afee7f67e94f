/*
 * Former cards: what the pool keeps of a PGPU that left it
 */

#include "policyd/pool/former-card.h"

#include "common/base/text.h"
#include "policyd/pool/pool-internal.h"

FormerCard *former_card_free(FormerCard *f) {
        if (!f)
                return NULL;
        free(f->vendor_id);
        free(f->device_id);
        free(f->subsystem_vendor_id);
        free(f->subsystem_device_id);
        free(f->serial_number);
        free(f->other_config);
        strv_free(f->supported);
        strv_free(f->enabled);
        free(f);
        return NULL;
}

static int copy_texts(FormerCard *f, const Pgpu *p) {
        const struct {
                char **to;
                const char *from;
        } texts[] = {
                {&f->vendor_id, p->vendor_id},
                {&f->device_id, p->device_id},
                {&f->subsystem_vendor_id, strempty(p->subsystem_vendor_id)},
                {&f->subsystem_device_id, strempty(p->subsystem_device_id)},
                {&f->serial_number, p->serial_number},
                {&f->other_config, p->other_config},
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (text_set(texts[i].to, texts[i].from) < 0)
                        return -ENOMEM;
        return 0;
}

static int copy_identifiers(const Pgpu *p, const PtrArray *types, char ***ret) {
        _cleanup_strlist_ StrList list = {};

        for_each(const VgpuType, t, types)
                strlist_add(&list, type_identifier_on(t, p->host));
        return strlist_take(&list, ret);
}

int former_card_new(Pool *pool, const Pgpu *p, FormerCard **ret) {
        _cleanup_(former_card_freep) FormerCard *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        f->number = pool->next_key++;
        f->id = p->object.id;
        f->group = p->group ? p->group->object.id : UUID_NULL;
        f->machine = p->host->host_uuid;
        f->host = p->host->object.id;
        f->pci = p->pci;
        /* What is still due in this slot is what is wanted. */
        if (copy_texts(f, p) < 0 || copy_identifiers(p, &p->supported, &f->supported) < 0 ||
                (p->keeping ? strv_copy(p->keeping, &f->enabled) : copy_identifiers(p, &p->enabled, &f->enabled)) < 0)
                return -ENOMEM;
        *ret = take_ptr(f);
        return 0;
}

int pool_add_former(Pool *pool, FormerCard *f) {
        return ptr_array_add(&pool->former, f);
}

void pool_remove_former(Pool *pool, FormerCard *f) {
        ptr_array_remove(&pool->former, f);
        former_card_free(f);
}
