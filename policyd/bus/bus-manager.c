/*
 * org.xenvgpu.Policy1.Manager: what makes objects and finds them
 */

#include <inttypes.h>

#include "policyd/bus/bus-private.h"
#include "policyd/bus/change-words.h"

#define LIST_LIMIT_DEFAULT 500
#define LIST_LIMIT_MAX 1000
#define FILTERS_MAX 16
#define AMBIGUOUS_SHOWN 8

/* Creating: what an idempotency key stands for is given as text to call_begin(), argument by argument. */

static int method_add_host(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = userdata, .m = m, .error = error};
        const char *name, *address;
        Host *host = NULL;
        int r;

        r = bus_text(m, "name", TEXT_LINE, &name, error);
        if (r >= 0)
                r = bus_text(m, "address", TEXT_LINE, &address, error);
        if (r < 0)
                return r;
        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY | OPTION_FINGERPRINT, "%s\n%s", name, address);
        if (r != 0)
                return r;
        r = hosts_add(c.bus->policy, name, address, strempty(c.options.fingerprint), &host, &c.refusal);
        return call_finish(&c, r, (Object *) host);
}

static int method_create_gpu_group(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = userdata, .m = m, .error = error};
        const char *name_label;
        GpuGroup *group = NULL;
        int r;

        r = bus_text(m, "name_label", TEXT_LINE, &name_label, error);
        if (r < 0)
                return r;
        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY | OPTION_NAME_DESCRIPTION, "%s", name_label);
        if (r != 0)
                return r;
        r = groups_create(
                c.bus->policy, name_label, strempty(c.options.name_description), &group, &c.refusal);
        return call_finish(&c, r, (Object *) group);
}

/* CreateVM and ImportVM differ in the use case alone. */
static int create_vm(Bus *bus, sd_bus_message *m,
        int (*create)(Policy *p, const char *record, Vm **ret, Refusal *refusal), sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = bus, .m = m, .error = error};
        const char *record;
        Vm *vm = NULL;
        int r;

        r = bus_record(m, "record", &record, error);
        if (r < 0)
                return r;
        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY, "%s", record);
        if (r != 0)
                return r;
        r = create(bus->policy, record, &vm, &c.refusal);
        return call_finish(&c, r, (Object *) vm);
}

static int method_create_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return create_vm(userdata, m, vms_create, error);
}

static int method_import_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return create_vm(userdata, m, vms_import, error);
}

static int method_create_vgpu(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = userdata, .m = m, .error = error};
        const char *vm_path, *group_path, *type_path;
        Object *vm, *group, *type;
        Vgpu *vgpu = NULL;
        int r;

        r = sd_bus_message_read(m, "ooo", &vm_path, &group_path, &type_path);
        if (r < 0)
                return r;
        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY | OPTION_DEVICE | OPTION_EXTRA_ARGS, "%s\n%s\n%s", vm_path,
                group_path, type_path);
        if (r != 0)
                return r;

        r = object_argument(c.bus, vm_path, CLASS_VM, &vm, error);
        if (r >= 0)
                r = object_argument(c.bus, group_path, CLASS_GPU_GROUP, &group, error);
        if (r >= 0)
                r = object_argument_or_none(c.bus, type_path, CLASS_VGPU_TYPE, &type, error);
        if (r < 0)
                return r;
        r = vgpus_create(c.bus->policy, (Vm *) vm, (GpuGroup *) group, (VgpuType *) type, c.options.device,
                strempty(c.options.extra_args), &vgpu, &c.refusal);
        return call_finish(&c, r, (Object *) vgpu);
}

static int method_reserve(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = userdata, .m = m, .error = error};
        const char *name, *group_path, *type_path;
        Reservation *reservation = NULL;
        Object *group, *type;
        uint32_t count;
        uint64_t seconds;
        int r;

        r = bus_text(m, "name", TEXT_LINE, &name, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "oout", &group_path, &type_path, &count, &seconds);
        if (r < 0)
                return r;
        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY | OPTION_OWNER, "%s\n%s\n%s\n%" PRIu32 "\n%" PRIu64, name,
                group_path, type_path, count, seconds);
        if (r != 0)
                return r;

        r = object_argument(c.bus, group_path, CLASS_GPU_GROUP, &group, error);
        if (r >= 0)
                r = object_argument(c.bus, type_path, CLASS_VGPU_TYPE, &type, error);
        if (r < 0)
                return r;
        r = reservations_create(c.bus->policy, name, (GpuGroup *) group, (VgpuType *) type, count, seconds,
                strempty(c.options.owner), &reservation, &c.refusal);
        return call_finish(&c, r, (Object *) reservation);
}

static int method_create_quota(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = userdata, .m = m, .error = error};
        const char *owner, *group_path;
        Quota *quota = NULL;
        Object *group;
        int r;

        r = bus_text(m, "owner", TEXT_LINE, &owner, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "o", &group_path);
        if (r < 0)
                return r;
        r = call_begin(&c, OPTION_IDEMPOTENCY_KEY | OPTION_VGPUS_MAX | OPTION_SIZE_MAX, "%s\n%s", owner,
                group_path);
        if (r != 0)
                return r;

        r = object_argument_or_none(c.bus, group_path, CLASS_GPU_GROUP, &group, error);
        if (r < 0)
                return r;
        r = quotas_create(c.bus->policy, owner, (GpuGroup *) group,
                c.options.present & OPTION_VGPUS_MAX ? c.options.vgpus_max : QUOTA_UNLIMITED,
                c.options.present & OPTION_SIZE_MAX ? c.options.size_max : QUOTA_UNLIMITED, &quota, &c.refusal);
        return call_finish(&c, r, (Object *) quota);
}

static int method_create_vm_group(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = userdata, .m = m, .error = error};
        const char *name_label;
        VmGroup *group = NULL;
        int r;

        r = bus_text(m, "name_label", TEXT_LINE, &name_label, error);
        if (r < 0)
                return r;
        r = call_begin(
                &c, OPTION_IDEMPOTENCY_KEY | OPTION_NAME_DESCRIPTION | OPTION_PLACEMENT, "%s", name_label);
        if (r != 0)
                return r;
        r = vm_groups_create(c.bus->policy, name_label, c.options.name_description, c.options.placement,
                &group, &c.refusal);
        return call_finish(&c, r, (Object *) group);
}

/* Finding */

static int read_class(const char *text, ObjectClass *ret, sd_bus_error *error) {
        *ret = object_class_from_string(text);
        if (*ret >= 0)
                return 0;
        return bus_error_set(error, ERROR_INVALID_RECORD,
                "There is no class \"%s\"; there are host, pgpu, gpu_group, vgpu_type, vm, vgpu, "
                "reservation, quota, vm_group and job.",
                TEXT_SHORT(text, 64));
}

/* Types of one name differ in their identifiers, which say more than uuids. */
static void add_twin(StrBuf *b, const Object *o) {
        strbuf_add(b, UUID_TEXT(&o->id));
        if (o->class == CLASS_VGPU_TYPE)
                strbuf_addf(b, " (%s)", ((const VgpuType *) o)->identifier);
}

static int refuse_ambiguous(Bus *bus, ObjectClass c, const char *name, sd_bus_error *error) {
        _cleanup_strbuf_ StrBuf uuids = {};
        Object *named[AMBIGUOUS_SHOWN];
        size_t n, n_shown;

        n = pool_find_named(policy_pool(bus->policy), c, name, named, ARRAY_SIZE(named));
        n_shown = MIN_OF(n, ARRAY_SIZE(named));
        for (size_t i = 0; i < n_shown; i++) {
                strbuf_add(&uuids, i == 0 ? "" : i + 1 == n ? " and " : ", ");
                add_twin(&uuids, named[i]);
        }
        if (n > n_shown)
                strbuf_addf(&uuids, " and %zu more", n - n_shown);
        if (strbuf_error(&uuids) < 0)
                return -ENOMEM;
        return bus_error_set(error, ERROR_AMBIGUOUS_NAME,
                "%zu objects of class %s are called \"%s\"; give the uuid%s of one: %s.", n, object_class_to_string(c),
                TEXT_SHORT(name, 128), c == CLASS_VGPU_TYPE ? " or the identifier" : "", uuids.text);
}

static int method_find(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        ObjectClass c = _CLASS_INVALID;
        const char *class, *text;
        Object *o;
        int r;

        r = bus_text(m, "class", TEXT_LINE, &class, error);
        if (r >= 0)
                r = bus_text(m, "uuid_or_name", TEXT_LINE, &text, error);
        if (r >= 0)
                r = read_class(class, &c, error);
        if (r < 0)
                return r;
        r = pool_find(policy_pool(bus->policy), c, text, &o);
        if (r == -ENOENT)
                return bus_error_set(error, ERROR_NO_SUCH_OBJECT, "There is no %s \"%s\" in the pool.",
                        words_of_class(c), TEXT_SHORT(text, 128));
        if (r == -EEXIST)
                return refuse_ambiguous(bus, c, text, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, "o", OBJECT_PATH(o));
}

/* Descriptions are filtered by too. */
static int read_filter_text(sd_bus_message *m, const char *key, char **ret, sd_bus_error *error) {
        const char *text;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "s");
        if (r >= 0)
                r = bus_text(m, TEXT_SHORT(key, 64), TEXT_LINES, &text, error);
        if (r >= 0)
                r = asprintf(ret, "%s", text);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A filter's value as the text to which the property is compared. */
static int read_filter_value(
        sd_bus_message *m, const char *key, char *ret_type, char **ret, sd_bus_error *error) {
        union {
                const char *o;
                uint32_t u;
                uint64_t t;
                int32_t i;
                int64_t x;
                double d;
                int b;
        } v = {};
        const char *type;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        if (!*type || type[1] || !strchr("sobutixd", *type))
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "The filter on %s has type '%s'; filter by text, path, number or boolean.",
                        TEXT_SHORT(key, 64), type);
        *ret_type = *type;
        if (*type == 's')
                return read_filter_text(m, key, ret, error);
        r = sd_bus_message_read(m, "v", type, &v);
        if (r < 0)
                return r;
        switch (*type) {
        case 'o':
                return asprintf(ret, "%s", v.o);
        case 'b':
                return asprintf(ret, "%s", v.b ? "true" : "false");
        case 'u':
                return asprintf(ret, "%" PRIu32, v.u);
        case 't':
                return asprintf(ret, "%" PRIu64, v.t);
        case 'i':
                return asprintf(ret, "%" PRIi32, v.i);
        case 'x':
                return asprintf(ret, "%" PRIi64, v.x);
        default:
                return asprintf(ret, "%.17g", v.d);
        }
}

typedef struct Filters {
        ListFilter items[FILTERS_MAX];
        size_t n;
} Filters;

static void filters_done(Filters *f) {
        for (size_t i = 0; i < f->n; i++)
                free((char *) f->items[i].value);
}

static int read_filter(sd_bus_message *m, Filters *f, sd_bus_error *error) {
        ListFilter *filter = f->items + f->n;
        char *value = NULL;
        int r;

        if (f->n >= FILTERS_MAX)
                return bus_error_set(
                        error, ERROR_INVALID_RECORD, "At most %d filters can be given.", FILTERS_MAX);
        r = bus_text(m, "filter's name", TEXT_LINE, &filter->property, error);
        if (r >= 0)
                r = read_filter_value(m, filter->property, &filter->type, &value, error);
        if (r < 0)
                return r;
        filter->value = value;
        f->n++;
        return sd_bus_message_exit_container(m);
}

static int read_filters(sd_bus_message *m, Filters *f, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0)
                r = read_filter(m, f, error);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static uint32_t page_limit(uint32_t limit) {
        return limit == 0 ? LIST_LIMIT_DEFAULT : MIN_OF(limit, (uint32_t) LIST_LIMIT_MAX);
}

static int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_(filters_done) Filters filters = {};
        ObjectClass c = _CLASS_INVALID;
        uint32_t offset, limit;
        char *json = NULL;
        const char *class;
        int r;

        r = bus_text(m, "class", TEXT_LINE, &class, error);
        if (r >= 0)
                r = read_class(class, &c, error);
        if (r >= 0)
                r = read_filters(m, &filters, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "uu", &offset, &limit);
        if (r < 0)
                return r;
        r = policy_list(bus->policy, c, filters.items, filters.n, offset, page_limit(limit), &json, &refusal);
        r = bus_decided(bus, r, &refusal, error);
        return r < 0 ? r : bus_reply_text(bus, m, r, json, error);
}

static int method_capacity(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        char *json = NULL;
        int r;

        r = policy_capacity(bus->policy, &json);
        return bus_reply_text(bus, m, r, json, error);
}

static int method_check(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        char *json = NULL;
        int r;

        r = policy_check(bus->policy, &json);
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

static int method_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *format;
        char *text = NULL;
        int r;

        r = bus_text(m, "format", TEXT_LINE, &format, error);
        if (r < 0)
                return r;
        if (!streq(format, "text") && !streq(format, "openmetrics"))
                return bus_error_set(error, ERROR_INVALID_RECORD, "The format is text or openmetrics, not \"%s\".", format);
        r = policy_metrics(bus->policy, streq(format, "openmetrics"), &text);
        return bus_reply_text(bus, m, r, text, error);
}

/* Runs in a worker: making the key takes a moment, once in the life of a pool. */
static int method_pool_key(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        char *key = NULL;
        int r;

        r = policy_read_key(bus->policy, &key);
        if (r == -EEXIST)
                return bus_error_set(error, ERROR_STORAGE_FAILED,
                        "policyd's key id_ed25519 is there, and id_ed25519.pub is not: `runuser -u xenvgpu -- sh -c 'cd "
                        "/var/lib/xenvgpu-policyd/.ssh && ssh-keygen -y -f id_ed25519 >id_ed25519.pub'` on the master.");
        if (r < 0 && r != -ENOMEM)
                return bus_error_set(error, ERROR_STORAGE_FAILED, "policyd's key for ssh could not be made or read: %s.%s",
                        strerror(-r), r == -ENOENT ? " ssh-keygen is in the package openssh-client." : "");
        return bus_reply_text(bus, m, r, key, error);
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
        _cleanup_free_ char *what = NULL;
        Options options;
        const char *row;
        int r;

        r = bus_text(m, "row", TEXT_LINE, &row, error);
        if (r >= 0)
                r = options_read(m, 0, &options, error);
        if (r < 0)
                return r;
        r = bus_decided(bus, policy_remove_row(bus->policy, row, &refusal), &refusal, error);
        what = r < 0 ? NULL : text_printf("row %s is gone", row);
        change_note_say(requests_note(&bus->requests), strempty(what));
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

static DECLARE_GETTER(get_pool_uuid) {
        Bus *bus = userdata;

        return sd_bus_message_append_basic(reply, 's', UUID_TEXT(policy_pool_id(bus->policy)));
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

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("AddHost", ("s", name, "s", address, "a{sv}", options), ("o", host), method_add_host),
        METHOD("CreateGPUGroup", ("s", name_label, "a{sv}", options),
                ("o", gpu_group), method_create_gpu_group),
        METHOD("CreateVM", ("s", record, "a{sv}", options), ("o", vm), method_create_vm),
        METHOD("ImportVM", ("s", record, "a{sv}", options), ("o", vm), method_import_vm),
        METHOD("EndOutsideVM", ("o", host, "s", domain, "a{sv}", options), ("s", what), method_end_outside_vm),
        METHOD("AdoptVM", ("o", host, "s", domain, "a{sv}", options), ("o", vm), method_adopt_vm),
        METHOD("CreateVGPU", ("o", vm, "o", gpu_group, "o", vgpu_type, "a{sv}", options),
                ("o", vgpu), method_create_vgpu),
        METHOD("Reserve", ("s", name, "o", gpu_group, "o", vgpu_type, "u", count, "t", seconds, "a{sv}", options),
                ("o", reservation), method_reserve),
        METHOD("CreateQuota", ("s", owner, "o", gpu_group, "a{sv}", options),
                ("o", quota), method_create_quota),
        METHOD("CreateVMGroup", ("s", name_label, "a{sv}", options), ("o", vm_group), method_create_vm_group),
        METHOD("Find", ("s", class, "s", uuid_or_name), ("o", found), method_find),
        METHOD("List", ("s", class, "a{sv}", filter, "u", offset, "u", limit), ("s", json), method_list),
        METHOD("Capacity", NOTHING, ("s", json), method_capacity),
        METHOD("ListOwners", ("u", offset, "u", limit), ("s", json), method_list_owners),
        METHOD("Check", NOTHING, ("s", json), method_check),
        METHOD("Metrics", ("s", format), ("s", text), method_metrics),
        METHOD("CheckHostFailure", ("o", host), ("s", json), method_check_host_failure),
        METHOD("RemoveRow", ("s", row, "a{sv}", options), NOTHING, method_remove_row),
        METHOD("PoolKey", NOTHING, ("s", key), method_pool_key),
        METHOD("Backup", ("h", file, "a{sv}", options), ("t", bytes), method_backup),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("o", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("o", job, "s", result), 0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("PoolUUID", "s", get_pool_uuid, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Epoch", "t", get_epoch, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("OldDatabase", "s", get_old_database, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("HostsOnline", "u", get_hosts_online, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("UnreadableRows", "as", get_unreadable_rows, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RowsSetAside", "as", get_rows_set_aside, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_manager = {
        .interface = POLICY_IFACE_MANAGER,
        .vtable = manager_vtable,
        .methods = (const MethodRow[]){{"Find", METHOD_READS}, {"List", METHOD_TAKES_LONG},
                {"ListOwners", METHOD_TAKES_LONG}, {"Capacity", METHOD_TAKES_LONG}, {"Check", METHOD_TAKES_LONG},
                {"Metrics", METHOD_TAKES_LONG}, {"PoolKey", METHOD_TAKES_LONG},
                {"CheckHostFailure", METHOD_TAKES_LONG}, {"RemoveRow", METHOD_READS_AND_CHANGES},
                {"Backup", METHOD_READS}, /* a place would keep its descriptor open after the answer */
                {}},
};
