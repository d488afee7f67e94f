/*
 * What users keep with objects: maps (platform, other_config) and sets (tags), entry by entry
 *
 * One use case for all of them: the property says where the value stands and whether it is a map. What is empty is NULL in the object
 * and absent in its row.
 */

#include "policyd/service/objects/policy-private.h"

#include "common/base/strlist.h"

#define ENTRIES_MAX 256
#define BYTES_MAX 65536
#define KEY_BYTES_MAX 256

static int check_key(const Property *p, const char *key, Refusal *refusal) {
        size_t n = strlen(key);

        if (n == 0 || n > KEY_BYTES_MAX)
                return refuse(refusal, ERROR_INVALID_RECORD, "An entry of %s has a name of 1 to %d bytes; this one has %zu.",
                        p->name, KEY_BYTES_MAX, n);
        return check_text("An entry", "name", key, TEXT_LINE, refusal);
}

/* Keys that act in XenServer, and would be kept here without doing anything. */
static int check_acts(const Object *o, const Property *p, const char *key, Refusal *refusal) {
        static const struct {
                const char *key, *instead;
        } of_vms[] = {
                {"pci", "Give the VM a whole PGPU with a VGPU of no type (vgpu-create without vgpu-type-uuid=), or another PCI "
                        "function in pcidevs of its config (vm-set-config)."},
                {"auto_poweron", "Start it from a unit or a timer of the master, after xenvgpu-policyd.service."},
        };

        for (size_t i = 0; o->class == CLASS_VM && streq(p->name, "OtherConfig") && i < ARRAY_SIZE(of_vms); i++)
                if (streq(key, of_vms[i].key))
                        return refuse(refusal, ERROR_INVALID_RECORD,
                                "The key '%s' of other_config does nothing here, so it is not kept. %s", key,
                                of_vms[i].instead);
        return 0;
}

/* What was larger before may shrink. */
static int check_size(const Property *p, size_t n_entries, size_t bytes, size_t bytes_before, Refusal *refusal) {
        if (n_entries > ENTRIES_MAX)
                return refuse(refusal, ERROR_LIMIT_REACHED,
                        "%s of one object has at most %d entries; this would make %zu. Take some out first.", p->name,
                        ENTRIES_MAX, n_entries);
        if (bytes > BYTES_MAX && bytes > bytes_before)
                return refuse(refusal, ERROR_LIMIT_REACHED,
                        "%s of one object has at most %d bytes; this would make %zu. Take some out first.", p->name, BYTES_MAX,
                        bytes);
        return 0;
}

static void note_change(Policy *policy, Object *o, const Property *p) {
        pool_touch(policy->batch.pool, o, UINT64_C(1) << (p - class_properties(o->class)), /* store= */ true);
        batch_open(&policy->batch);
}

/* Maps */

static int set_entries(const Object *o, const Property *p, const char *const *set, struct json_object *map, Refusal *refusal) {
        int r = 0;

        for (; r == 0 && set[0]; set += 2) {
                r = check_key(p, set[0], refusal);
                r = r ?: check_acts(o, p, set[0], refusal);
                r = r ?: check_text(p->name, set[0], set[1], TEXT_LINES, refusal);
                r = r ?: MIN_OF(json_add_string(map, set[0], set[1]), 0);
        }
        return r;
}

static int change_map(Policy *policy, Object *o, const Property *p, const EntriesChange *change, Refusal *refusal) {
        _cleanup_json_ struct json_object *map = json_tokener_parse(change->replace ? "{}" : property_map(o, p));
        bool is_platform = o->class == CLASS_VM && streq(p->name, "Platform");
        char **field = (char **) property_field(o, p);
        _cleanup_free_ char *text = NULL;
        int r = map ? 0 : -ENOMEM;

        for (const char *const *key = change->remove; r == 0 && *key; key++)
                json_object_object_del(map, *key);
        r = r ?: set_entries(o, p, change->set, map, refusal);
        if (r != 0)
                return r;
        text = json_to_text(map);
        if (!text)
                return -ENOMEM;
        r = check_size(p, (size_t) json_object_object_length(map), strlen(text), strlen(property_map(o, p)), refusal);
        if (r != 0 || streq(text, property_map(o, p)))
                return r;
        if (is_platform)
                return vm_set_platform(policy, CONTAINER_OF(o, Vm, object), map, text, refusal);
        r = text_set(field, json_object_object_length(map) > 0 ? text : NULL);
        if (r > 0)
                note_change(policy, o, p);
        return MIN_OF(r, 0);
}

/* Sets */

static int build_set(char *const *now, const Property *p, const EntriesChange *change, char ***ret, Refusal *refusal) {
        _cleanup_strlist_ StrList list = {};
        size_t bytes = 0, bytes_before = 0;
        int r = 0;

        for (; now && *now && !change->replace; now++) {
                bytes_before += strlen(*now);
                if (!strv_contains((char *const *) change->remove, *now))
                        strlist_add(&list, *now);
        }
        for (const char *const *word = change->set; r == 0 && *word; word++) {
                r = check_key(p, *word, refusal);
                if (r == 0 && !strlist_contains(&list, *word))
                        strlist_add(&list, *word);
        }
        for (size_t i = 0; r == 0 && list.error == 0 && i < list.n; i++)
                bytes += strlen(list.items[i]);
        r = r ?: check_size(p, list.n, bytes, bytes_before, refusal);
        return r ?: strlist_take(&list, ret);
}

static int change_set(Policy *policy, Object *o, const Property *p, const EntriesChange *change, Refusal *refusal) {
        char ***field = (char ***) property_field(o, p);
        _cleanup_(strv_freep) char **set = NULL;
        int r;

        r = build_set(*field, p, change, &set, refusal);
        if (r != 0 || strv_equal(*field, set))
                return r;
        strv_free(*field);
        *field = set[0] ? take_ptr(set) : NULL;
        note_change(policy, o, p);
        return 0;
}

int objects_change_entries(Policy *policy, Object *o, const char *property, const EntriesChange *change, Refusal *refusal) {
        const Property *p = property_find(o->class, property);

        return decided(p->signature[1] == '{' ? change_map(policy, o, p, change, refusal)
                                              : change_set(policy, o, p, change, refusal));
}
