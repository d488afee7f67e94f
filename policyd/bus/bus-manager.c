/*
 * org.xenvgpu.Policy1.Manager: what makes objects and finds them
 */

#include <inttypes.h>

#include "policyd/bus/bus-private.h"

#define LIST_LIMIT_DEFAULT 500
#define LIST_LIMIT_MAX 1000
#define FILTERS_MAX 16
#define AMBIGUOUS_SHOWN 8

/* The ends of a creating method: the refusal, or the key kept and the reply later. */
static int finish_create(Bus *bus, sd_bus_message *m, int r, Refusal *refusal, const KeyUse *key,
        Object *const *made, sd_bus_error *error) {
        r = bus_decided(r, refusal, error);
        if (r < 0)
                return r;
        r = bus_key_record(bus, m, key, *made, error);
        return r < 0 ? r : bus_reply_object(bus, m, *made, error);
}

static int method_add_host(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        const char *name, *address;
        Options options;
        Host *host = NULL;
        int r;

        r = bus_text(m, "name", TEXT_LINE, &name, error);
        if (r >= 0)
                r = bus_text(m, "address", TEXT_LINE, &address, error);
        if (r < 0)
                return r;
        r = options_read(m, OPTION_IDEMPOTENCY_KEY, &options, error);
        if (r < 0)
                return r;
        strbuf_addf(&arguments, "%s\n%s", name, address);
        r = bus_key_check(bus, m, &options, &arguments, &key, error);
        if (r != 0)
                return r;

        r = hosts_add(bus->policy, name, address, &host, &refusal);
        return finish_create(bus, m, r, &refusal, &key, (Object **) &host, error);
}

static int method_create_gpu_group(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        const char *name_label;
        Options options;
        GpuGroup *group = NULL;
        int r;

        r = bus_text(m, "name_label", TEXT_LINE, &name_label, error);
        if (r < 0)
                return r;
        r = options_read(m, OPTION_IDEMPOTENCY_KEY | OPTION_NAME_DESCRIPTION, &options, error);
        if (r < 0)
                return r;
        strbuf_add(&arguments, name_label);
        r = bus_key_check(bus, m, &options, &arguments, &key, error);
        if (r != 0)
                return r;

        r = groups_create(bus->policy, name_label, strempty(options.name_description), &group, &refusal);
        return finish_create(bus, m, r, &refusal, &key, (Object **) &group, error);
}

/* CreateVM and ImportVM differ in the use case alone. */
static int create_vm(Bus *bus, sd_bus_message *m,
        int (*create)(Policy *p, const char *record, Vm **ret, Refusal *refusal), sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        const char *record;
        Options options;
        Vm *vm = NULL;
        int r;

        r = bus_record(m, "record", &record, error);
        if (r < 0)
                return r;
        r = options_read(m, OPTION_IDEMPOTENCY_KEY, &options, error);
        if (r < 0)
                return r;
        strbuf_add(&arguments, record);
        r = bus_key_check(bus, m, &options, &arguments, &key, error);
        if (r != 0)
                return r;

        r = create(bus->policy, record, &vm, &refusal);
        return finish_create(bus, m, r, &refusal, &key, (Object **) &vm, error);
}

static int method_create_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return create_vm(userdata, m, vms_create, error);
}

static int method_import_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return create_vm(userdata, m, vms_import, error);
}

static int method_create_vgpu(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        const char *vm_path, *group_path, *type_path;
        Object *vm, *group, *type = NULL;
        Options options;
        Vgpu *vgpu = NULL;
        int r;

        r = sd_bus_message_read(m, "ooo", &vm_path, &group_path, &type_path);
        if (r < 0)
                return r;
        r = options_read(m, OPTION_IDEMPOTENCY_KEY | OPTION_DEVICE | OPTION_EXTRA_ARGS, &options, error);
        if (r < 0)
                return r;
        strbuf_addf(&arguments, "%s\n%s\n%s", vm_path, group_path, type_path);
        r = bus_key_check(bus, m, &options, &arguments, &key, error);
        if (r != 0)
                return r;

        r = object_argument(bus, vm_path, CLASS_VM, &vm, error);
        if (r < 0)
                return r;
        r = object_argument(bus, group_path, CLASS_GPU_GROUP, &group, error);
        if (r < 0)
                return r;
        if (!streq(type_path, "/")) {
                r = object_argument(bus, type_path, CLASS_VGPU_TYPE, &type, error);
                if (r < 0)
                        return r;
        }
        r = vgpus_create(bus->policy, (Vm *) vm, (GpuGroup *) group, (VgpuType *) type, options.device,
                strempty(options.extra_args), &vgpu, &refusal);
        return finish_create(bus, m, r, &refusal, &key, (Object **) &vgpu, error);
}

static int method_reserve(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        const char *name, *group_path, *type_path;
        Object *group, *type;
        Reservation *reservation = NULL;
        Options options;
        uint32_t count;
        uint64_t seconds;
        int r;

        r = bus_text(m, "name", TEXT_LINE, &name, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "oout", &group_path, &type_path, &count, &seconds);
        if (r < 0)
                return r;
        r = options_read(m, OPTION_IDEMPOTENCY_KEY | OPTION_OWNER, &options, error);
        if (r < 0)
                return r;
        strbuf_addf(
                &arguments, "%s\n%s\n%s\n%" PRIu32 "\n%" PRIu64, name, group_path, type_path, count, seconds);
        r = bus_key_check(bus, m, &options, &arguments, &key, error);
        if (r != 0)
                return r;

        r = object_argument(bus, group_path, CLASS_GPU_GROUP, &group, error);
        if (r < 0)
                return r;
        r = object_argument(bus, type_path, CLASS_VGPU_TYPE, &type, error);
        if (r < 0)
                return r;
        r = reservations_create(bus->policy, name, (GpuGroup *) group, (VgpuType *) type, count, seconds,
                strempty(options.owner), &reservation, &refusal);
        return finish_create(bus, m, r, &refusal, &key, (Object **) &reservation, error);
}

static int method_create_quota(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        const char *owner, *group_path;
        Object *group = NULL;
        Options options;
        Quota *quota = NULL;
        int r;

        r = bus_text(m, "owner", TEXT_LINE, &owner, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "o", &group_path);
        if (r < 0)
                return r;
        r = options_read(m, OPTION_IDEMPOTENCY_KEY | OPTION_VGPUS_MAX | OPTION_SIZE_MAX, &options, error);
        if (r < 0)
                return r;
        strbuf_addf(&arguments, "%s\n%s", owner, group_path);
        r = bus_key_check(bus, m, &options, &arguments, &key, error);
        if (r != 0)
                return r;

        if (!streq(group_path, "/")) {
                r = object_argument(bus, group_path, CLASS_GPU_GROUP, &group, error);
                if (r < 0)
                        return r;
        }
        r = quotas_create(bus->policy, owner, (GpuGroup *) group,
                options.present & OPTION_VGPUS_MAX ? options.vgpus_max : QUOTA_UNLIMITED,
                options.present & OPTION_SIZE_MAX ? options.size_max : QUOTA_UNLIMITED, &quota, &refusal);
        return finish_create(bus, m, r, &refusal, &key, (Object **) &quota, error);
}

static int method_create_vm_group(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf arguments = {};
        _cleanup_key_use_ KeyUse key = {};
        const char *name_label;
        VmGroup *group = NULL;
        Options options;
        int r;

        r = bus_text(m, "name_label", TEXT_LINE, &name_label, error);
        if (r < 0)
                return r;
        r = options_read(
                m, OPTION_IDEMPOTENCY_KEY | OPTION_NAME_DESCRIPTION | OPTION_PLACEMENT, &options, error);
        if (r < 0)
                return r;
        strbuf_add(&arguments, name_label);
        r = bus_key_check(bus, m, &options, &arguments, &key, error);
        if (r != 0)
                return r;

        r = vm_groups_create(
                bus->policy, name_label, options.name_description, options.placement, &group, &refusal);
        return finish_create(bus, m, r, &refusal, &key, (Object **) &group, error);
}

/* Finding */

static int read_class(const char *text, ObjectClass *ret, sd_bus_error *error) {
        ObjectClass c = object_class_from_string(text);

        if (c < 0)
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "There is no class \"%s\"; there are host, pgpu, gpu_group, vgpu_type, vm, vgpu, "
                        "reservation, quota, vm_group and job.",
                        TEXT_SHORT(text, 64));
        *ret = c;
        return 0;
}

static int refuse_ambiguous(Bus *bus, ObjectClass c, const char *name, sd_bus_error *error) {
        _cleanup_strbuf_ StrBuf uuids = {};
        Object *named[AMBIGUOUS_SHOWN];
        size_t n, n_shown;

        n = pool_find_named(policy_pool(bus->policy), c, name, named, ARRAY_SIZE(named));
        n_shown = MIN_OF(n, ARRAY_SIZE(named));
        for (size_t i = 0; i < n_shown; i++)
                strbuf_addf(&uuids, "%s%s", i == 0 ? "" : i + 1 == n ? " and " : ", ", UUID_TEXT(&named[i]->id));
        if (n > n_shown)
                strbuf_addf(&uuids, " and %zu more", n - n_shown);
        if (strbuf_error(&uuids) < 0)
                return -ENOMEM;
        return bus_error_set(error, ERROR_AMBIGUOUS_NAME,
                "%zu objects of class %s are called \"%s\"; give the uuid of one: %s.", n, object_class_to_string(c),
                TEXT_SHORT(name, 128), uuids.text);
}

static int method_find(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *class, *text;
        ObjectClass c = _CLASS_INVALID;
        Object *o;
        int r;

        r = bus_text(m, "class", TEXT_LINE, &class, error);
        if (r >= 0)
                r = bus_text(m, "uuid_or_name", TEXT_LINE, &text, error);
        if (r < 0)
                return r;
        r = read_class(class, &c, error);
        if (r < 0)
                return r;
        r = pool_find(policy_pool(bus->policy), c, text, &o);
        if (r == -ENOENT)
                return bus_error_set(
                        error, ERROR_NO_SUCH_OBJECT, "There is no %s \"%s\" in the pool.", class,
                        TEXT_SHORT(text, 128));
        if (r == -EEXIST)
                return refuse_ambiguous(bus, c, text, error);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(m, "o", OBJECT_PATH(o));
}

/* Descriptions are filtered by too. */
static int read_filter_text(sd_bus_message *m, const char *key, const char **ret, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'v', "s");
        if (r >= 0)
                r = bus_text(m, TEXT_SHORT(key, 64), TEXT_LINES, ret, error);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A filter's value as the text to which the property is compared. */
static int read_filter_value(
        sd_bus_message *m, const char *key, char *ret_type, char **ret, sd_bus_error *error) {
        const char *type, *text;
        uint32_t u;
        uint64_t t;
        int32_t i;
        int64_t x;
        double d;
        int r, b;

        r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        if (streq(type, "s")) {
                r = read_filter_text(m, key, &text, error);
                if (r >= 0)
                        r = asprintf(ret, "%s", text);
        } else if (streq(type, "o")) {
                r = sd_bus_message_read(m, "v", type, &text);
                if (r >= 0)
                        r = asprintf(ret, "%s", text);
        } else if (streq(type, "b")) {
                r = sd_bus_message_read(m, "v", type, &b);
                if (r >= 0)
                        r = asprintf(ret, "%s", b ? "true" : "false");
        } else if (streq(type, "u")) {
                r = sd_bus_message_read(m, "v", type, &u);
                if (r >= 0)
                        r = asprintf(ret, "%" PRIu32, u);
        } else if (streq(type, "t")) {
                r = sd_bus_message_read(m, "v", type, &t);
                if (r >= 0)
                        r = asprintf(ret, "%" PRIu64, t);
        } else if (streq(type, "i")) {
                r = sd_bus_message_read(m, "v", type, &i);
                if (r >= 0)
                        r = asprintf(ret, "%" PRIi32, i);
        } else if (streq(type, "x")) {
                r = sd_bus_message_read(m, "v", type, &x);
                if (r >= 0)
                        r = asprintf(ret, "%" PRIi64, x);
        } else if (streq(type, "d")) {
                r = sd_bus_message_read(m, "v", type, &d);
                if (r >= 0)
                        r = asprintf(ret, "%.17g", d);
        } else
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "The filter on %s has type '%s'; filter by text, path, number or boolean.",
                        TEXT_SHORT(key, 64), type);
        if (r >= 0)
                *ret_type = *type;
        return r;
}

typedef struct Filters {
        ListFilter items[FILTERS_MAX];
        size_t n;
} Filters;

static void filters_done(Filters *f) {
        for (size_t i = 0; i < f->n; i++)
                free((char *) f->items[i].value);
}

static int read_filters(sd_bus_message *m, Filters *f, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *key;
                char *value = NULL, value_type = '\0';

                if (f->n >= FILTERS_MAX)
                        return bus_error_set(
                                error, ERROR_INVALID_RECORD, "At most %d filters can be given.", FILTERS_MAX);
                r = bus_text(m, "filter's name", TEXT_LINE, &key, error);
                if (r < 0)
                        return r;
                r = read_filter_value(m, key, &value_type, &value, error);
                if (r < 0)
                        return r;
                f->items[f->n++] = (ListFilter){key, value, value_type};
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static uint32_t page_limit(uint32_t limit) {
        return limit == 0 ? LIST_LIMIT_DEFAULT : MIN_OF(limit, (uint32_t) LIST_LIMIT_MAX);
}

static int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_(filters_done) Filters filters = {};
        uint32_t offset, limit;
        char *json = NULL;
        const char *class;
        ObjectClass c = _CLASS_INVALID;
        int r;

        r = bus_text(m, "class", TEXT_LINE, &class, error);
        if (r < 0)
                return r;
        r = read_class(class, &c, error);
        if (r < 0)
                return r;
        r = read_filters(m, &filters, error);
        if (r < 0)
                return r;
        r = sd_bus_message_read(m, "uu", &offset, &limit);
        if (r < 0)
                return r;

        r = policy_list(bus->policy, c, filters.items, filters.n, offset, page_limit(limit), &json, &refusal);
        r = bus_decided(r, &refusal, error);
        return r < 0 ? r : bus_reply_text(bus, m, r, json, error);
}

static int method_capacity(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        char *json = NULL;
        int r;

        r = policy_capacity(bus->policy, &json);
        return bus_reply_text(bus, m, r, json, error);
}

static int method_list_owners(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        uint32_t offset, limit;
        char *json = NULL;
        int r;

        r = sd_bus_message_read(m, "uu", &offset, &limit);
        if (r < 0)
                return r;
        r = policy_owners(bus->policy, offset, page_limit(limit), &json);
        return bus_reply_text(bus, m, r, json, error);
}

static int method_check_host_failure(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        char *json = NULL;
        Object *host;
        int r;

        r = object_read(bus, m, CLASS_HOST, &host, error);
        if (r < 0)
                return r;
        r = hosts_check_failure(bus->policy, (Host *) host, &json);
        return bus_reply_text(bus, m, r, json, error);
}

/* Answered after the pool was read again; nothing waits for a commit. */
static int method_remove_row(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        Options options;
        const char *row;
        int r;

        r = bus_text(m, "row", TEXT_LINE, &row, error);
        if (r < 0)
                return r;
        r = options_read(m, 0, &options, error);
        if (r < 0)
                return r;
        r = policy_remove_row(bus->policy, row, &refusal);
        r = bus_decided(r, &refusal, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

/* Properties */

static int append_rows(sd_bus_message *reply, Bus *bus, bool aside) {
        _cleanup_(strv_freep) char **rows = NULL;
        int r;

        r = policy_unreadable_rows(bus->policy, aside, &rows);
        return r < 0 ? r : sd_bus_message_append_strv(reply, rows);
}

static DECLARE_GETTER(get_unreadable_rows) {
        return append_rows(reply, userdata, /* aside= */ false);
}

static DECLARE_GETTER(get_rows_set_aside) {
        return append_rows(reply, userdata, /* aside= */ true);
}

static DECLARE_GETTER(get_version) {
        return sd_bus_message_append_basic(reply, 's', XENVGPU_VERSION);
}

static DECLARE_GETTER(get_epoch) {
        Bus *bus = userdata;

        return sd_bus_message_append(reply, "t", policy_epoch(bus->policy));
}

static DECLARE_GETTER(get_old_database) {
        Bus *bus = userdata;
        _cleanup_free_ char *text = NULL;
        int r;

        r = policy_old_database(bus->policy, &text);
        return r < 0 ? r : sd_bus_message_append_basic(reply, 's', text);
}

static DECLARE_GETTER(get_hosts_online) {
        Bus *bus = userdata;

        return sd_bus_message_append(reply, "u", count_hosts_online(bus));
}

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("AddHost", SD_BUS_ARGS("s", name, "s", address, "a{sv}", options),
                SD_BUS_RESULT("o", host), method_add_host, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateGPUGroup", SD_BUS_ARGS("s", name_label, "a{sv}", options),
                SD_BUS_RESULT("o", gpu_group), method_create_gpu_group, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateVM", SD_BUS_ARGS("s", record, "a{sv}", options),
                SD_BUS_RESULT("o", vm), method_create_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ImportVM", SD_BUS_ARGS("s", record, "a{sv}", options),
                SD_BUS_RESULT("o", vm), method_import_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateVGPU",
                SD_BUS_ARGS("o", vm, "o", gpu_group, "o", vgpu_type, "a{sv}", options),
                SD_BUS_RESULT("o", vgpu), method_create_vgpu, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reserve",
                SD_BUS_ARGS("s", name, "o", gpu_group, "o", vgpu_type, "u", count, "t", seconds, "a{sv}",
                        options),
                SD_BUS_RESULT("o", reservation), method_reserve, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateQuota", SD_BUS_ARGS("s", owner, "o", gpu_group, "a{sv}", options),
                SD_BUS_RESULT("o", quota), method_create_quota, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateVMGroup", SD_BUS_ARGS("s", name_label, "a{sv}", options),
                SD_BUS_RESULT("o", vm_group), method_create_vm_group, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Find", SD_BUS_ARGS("s", class, "s", uuid_or_name),
                SD_BUS_RESULT("o", found), method_find, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_ARGS("s", class, "a{sv}", filter, "u", offset, "u", limit),
                SD_BUS_RESULT("s", json), method_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Capacity", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json), method_capacity,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListOwners", SD_BUS_ARGS("u", offset, "u", limit), SD_BUS_RESULT("s", json),
                method_list_owners, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CheckHostFailure", SD_BUS_ARGS("o", host), SD_BUS_RESULT("s", json),
                method_check_host_failure, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveRow", SD_BUS_ARGS("s", row, "a{sv}", options), SD_BUS_NO_RESULT,
                method_remove_row, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Backup", SD_BUS_ARGS("h", file, "a{sv}", options), SD_BUS_RESULT("t", bytes),
                method_backup, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("o", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("o", job, "s", result), 0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Epoch", "t", get_epoch, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("OldDatabase", "s", get_old_database, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("HostsOnline", "u", get_hosts_online, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("UnreadableRows", "as", get_unreadable_rows, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RowsSetAside", "as", get_rows_set_aside, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};
