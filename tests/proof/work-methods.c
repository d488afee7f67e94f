/*
 * The methods of both interfaces, and how each is called
 */

#include <inttypes.h>

#include "common/base/strlist.h"
#include "policyd/pool/each.h"
#include "policyd/pool/property.h"
#include "protocol/names.h"
#include "protocol/xml.h"
#include "tests/proof/promises.h"
#include "tests/proof/readers.h"
#include "tests/proof/stranger.h"

/* A use case: p, the objects of the call as o, second, third, its texts, its number, and refusal. */
#define PERFORM(function, Type, ...)                                                                             \
        static int function(Call *c) {                                                                           \
                Policy *p _unused_ = c->policy;                                                              \
                Type *o _unused_ = (Type *) c->objects[0];                                                   \
                const char *text _unused_ = c->arguments->texts[0];                                          \
                const char *other _unused_ = c->arguments->texts[1];                                         \
                uint64_t number _unused_ = c->arguments->number;                                             \
                Refusal *refusal _unused_ = &c->refusal;                                                     \
                                                                                                             \
                __VA_ARGS__                                                                                  \
        }
/* The same, that makes something. */
#define PERFORM_MAKING(function, Type, Made, call)                                                               \
        PERFORM(function, Type, Made *made = NULL; int r = call; c->made = made ? &made->object : NULL; return r;)
/* The same, that answers with a text. */
#define PERFORM_READING(function, Type, call)                                                                    \
        PERFORM(function, Type, char *answer = NULL; int result = call;                                          \
                return read_answer(c->world, c->method->name, result, answer);)
#define SECOND_OF(Type) ((Type *) c->objects[1])
#define THIRD_OF(Type) ((Type *) c->objects[2])
#define ONE_IN(n) (number % (n) == 0)

/* Manager */

/* An affinity to a host that was removed goes on to the host that has its cards then. */
PERFORM(add_host, Object,
        Host *made = NULL; ModelValue v; int r;
        r = hosts_add(p, text, other, "", &made, refusal);
        c->made = made ? &made->object : NULL;
        if (made)
                strbuf_addf(&c->says, " joins=%s", promise_text(UUID_TEXT(&made->object.id), v));
        return r;)
PERFORM_MAKING(create_group, Object, GpuGroup, groups_create(p, text, other, &made, refusal))
PERFORM_MAKING(create_vm, Object, Vm, vms_create(p, text, &made, refusal))
PERFORM_MAKING(import_vm, Object, Vm, vms_import(p, text, &made, refusal))
PERFORM(adopt_vm, Host,
        Uuid vm; void *later = call_later(c); int r = vms_adopt(p, o, text, call_answered, later, &vm, refusal);
        if (r >= 0 && refusal->code == ERROR_NONE) {
                strbuf_addf(&c->says, " vm=%s", UUID_TEXT(&vm));
                promise_add(&c->says, "is", UUID_TEXT(&vm), "there");
        }
        c->answers_itself = r >= 0 && refusal->code == ERROR_NONE;
        if (!c->answers_itself)
                free(later);
        return r;)
PERFORM(end_outside_vm, Host,
        void *later = call_later(c); int r = vms_end_outside(p, o, text, call_answered, later, refusal);
        c->answers_itself = r >= 0 && refusal->code == ERROR_NONE;
        if (!c->answers_itself)
                free(later);
        return r;)
PERFORM_MAKING(create_vgpu, Vm, Vgpu,
        vgpus_create(p, o, SECOND_OF(GpuGroup), THIRD_OF(VgpuType), *text ? text : NULL, other, &made, refusal))
PERFORM(reserve, GpuGroup,
        Reservation *made = NULL; int r;
        uint64_t lasts = number / 7 % 120;
        c->given[0] = number % 7;
        strbuf_addf(&c->says, " count=%" PRIu64 " seconds=%" PRIu64 " date=%" PRIu64, c->given[0], lasts,
                loop_now(c->world->loop, LOOP_REALTIME));
        r = reservations_create(p, text, o, SECOND_OF(VgpuType), (uint32_t) c->given[0], lasts, other, &made, refusal);
        c->made = made ? &made->object : NULL;
        return r;)
PERFORM(create_quota, GpuGroup,
        Quota *made = NULL; int r;
        c->given[0] = number % 21; c->given[1] = ONE_IN(2) ? QUOTA_UNLIMITED : number;
        r = quotas_create(p, text, o, c->given[0], c->given[1], &made, refusal);
        c->made = made ? &made->object : NULL;
        return r;)
PERFORM(create_vm_group, Object,
        const char *placement = ONE_IN(3) ? NULL : placement_to_string((VmPlacement) (number % _VM_PLACEMENT_MAX));
        VmGroup *made = NULL; ModelValue v; int r;
        r = vm_groups_create(p, text, ONE_IN(2) ? other : NULL, placement, &made, refusal);
        c->made = made ? &made->object : NULL;
        if (made && ONE_IN(2))
                promise_add(&c->says, "NameDescription", UUID_TEXT(&made->object.id), promise_text(other, v));
        if (made && placement)
                promise_add(&c->says, "Placement", UUID_TEXT(&made->object.id), promise_text(placement, v));
        return r;)
PERFORM(remove_row, Object, return policy_remove_row(p, text, refusal);)
PERFORM_READING(check_failure, Host, hosts_check_failure(p, o, &answer))
PERFORM(list, Object, return read_list(c->world, c->work->mirror, (ObjectClass) (number % _CLASS_MAX), number / 16, refusal);)
PERFORM_READING(check, Object, policy_check(p, &answer))
PERFORM_READING(capacity, Object, policy_capacity(p, &answer))
PERFORM(metrics, Object, _cleanup_free_ char *said = NULL; return policy_metrics(p, /* openmetrics= */ true, &said);)
PERFORM_READING(list_owners, Object, policy_owners(p, (uint32_t) (number % 3), 1000, &answer))

PERFORM(find, Object,
        int r; Object *found; r = pool_find(policy_pool(p), (ObjectClass) (number % _CLASS_MAX), text, &found);
        return r == -ENOENT ? refusal_set(refusal, ERROR_NO_SUCH_OBJECT, "There is none.") :
                r == -EEXIST ? refusal_set(refusal, ERROR_AMBIGUOUS_NAME, "There are several.") : r;)

/* Host */

PERFORM(remove_host, Host,
        ModelValue v;
        strbuf_addf(&c->says, " leaves=%s", promise_text(UUID_TEXT(&o->object.id), v));
        return hosts_remove(p, o, refusal);)
PERFORM(enable_host, Host,
        ModelValue v;
        promise_add(&c->says, "Enabled", UUID_TEXT(&o->object.id), promise_text("true", v));
        for_each(const Pgpu, g, &o->pgpus)
                promise_add(&c->says, "Health", UUID_TEXT(&g->object.id), promise_text("true", v));
        return hosts_set_enabled(p, o, true, refusal);)
PERFORM(disable_host, Host, return hosts_set_enabled(p, o, false, refusal);)
PERFORM(set_fingerprint, Host, return hosts_set_fingerprint(p, o, text, refusal);)

/* VMs with an affinity to the host's name are set too. */
PERFORM(name_host, Host,
        ModelValue v;
        for_each(const Vm, vm, &policy_pool(p)->objects[CLASS_VM])
                if (streq(vm->affinity, o->name_label))
                        promise_add(&c->says, "Affinity", UUID_TEXT(&vm->object.id), promise_text(text, v));
        return hosts_set_name_label(p, o, text, refusal);)
PERFORM(reconnect, Host, return hosts_reconnect(p, o, refusal);)

PERFORM(declare_dead, Host,
        size_t booked = o->vms.n; int r = hosts_declare_dead(p, o, refusal);
        if (r >= 0 && refusal->code == ERROR_NONE && booked > 0)
                history_add(&c->world->history, "operator declares-dead booked=%zu", booked);
        return r;)

/* PGPU */

static const char *host_name_of(const Pgpu *g) {
        return strrchr(g->host->address, '/') + 1;
}

PERFORM(set_group, Pgpu, return pgpus_set_group(p, o, SECOND_OF(GpuGroup), refusal);)
/* A person says that a card is another one: it gets the types that this one had. */
PERFORM(
        adopt_pgpu, Pgpu, history_add(&c->world->history, "%s card=adopted is=moved", host_name_of(o));
        return pgpus_adopt(p, o, SECOND_OF(Pgpu), refusal);)
PERFORM(clear_health, Pgpu, return pgpus_clear_health(p, o, refusal);)
PERFORM(pgpu_capacity_of, Pgpu, (void) pgpu_capacity(o, SECOND_OF(VgpuType)); return 0;)

static void say_type(Call *c, const VgpuType *t, bool enabled) {
        const Pgpu *g = (Pgpu *) c->objects[0];

        promise_add_type(&c->says, host_name_of(g), PCI_TEXT(&g->pci), g->device_id, t->identifier, enabled);
}

static int set_types(Call *c, VgpuType *const *types, size_t n) {
        void *later = call_later(c);
        int r;

        r = pgpus_set_enabled(c->policy, (Pgpu *) c->objects[0], types, n, call_answered, later, &c->refusal);
        c->answers_itself = r >= 0 && c->refusal.code == ERROR_NONE;
        if (!c->answers_itself)
                free(later);
        return r;
}

static int change_types(Call *c, bool enable) {
        VgpuType *type = (VgpuType *) c->objects[1];
        void *later = call_later(c);
        int r;

        say_type(c, type, enable);
        r = pgpus_change_enabled(c->policy, (Pgpu *) c->objects[0], type, enable, call_answered, later, &c->refusal);
        c->answers_itself = r >= 0 && c->refusal.code == ERROR_NONE;
        if (!c->answers_itself)
                free(later);
        return r;
}

PERFORM(add_type, Pgpu, return change_types(c, true);)
PERFORM(remove_type, Pgpu, return change_types(c, false);)
PERFORM(
        set_some_types, Pgpu, VgpuType * types[32]; size_t n = 0;
        promise_add_other_types(&c->says, host_name_of(o), PCI_TEXT(&o->pci), o->device_id); for_each(VgpuType, t, &o->supported) {
                bool wanted = n < ARRAY_SIZE(types) && (number >> n & 7) != 0;

                if (wanted)
                        types[n++] = t;
                say_type(c, t, wanted);
        } return set_types(c, types, n);)

/* GPU group */

PERFORM(destroy_group, GpuGroup, return groups_destroy(p, o, refusal);)
PERFORM(set_algorithm, GpuGroup, return groups_set_algorithm(p, o, text, refusal);)
PERFORM(name_group, GpuGroup, return groups_set_names(p, o, text, NULL, refusal);)
PERFORM(describe_group, GpuGroup, return groups_set_names(p, o, NULL, text, refusal);)
PERFORM(group_capacity_of, GpuGroup, PgpuVerdict nearest; (void) group_capacity(o, SECOND_OF(VgpuType), &nearest); return 0;)
PERFORM_READING(plan, GpuGroup, groups_plan(p, o, SECOND_OF(VgpuType), &answer, refusal))
PERFORM(failures, GpuGroup, uint32_t n; return groups_failures_to_tolerate(p, o, &n);)

/* VM */

static int start(Call *c, Host *on, Reservation *reservation, bool dry_run) {
        StartOptions options = {.on = on, .reservation = reservation, .dry_run = dry_run};
        Job *made = NULL;
        int r;

        r = vms_start(c->policy, (Vm *) c->objects[0], &options, &made, &c->refusal);
        c->made = made ? &made->object : NULL;
        return r;
}

PERFORM(start_vm, Vm, return start(c, NULL, SECOND_OF(Reservation), ONE_IN(12));)
PERFORM(start_on, Vm, return start(c, SECOND_OF(Host), THIRD_OF(Reservation), ONE_IN(12));)
PERFORM_MAKING(shut_down, Vm, Job, vms_shutdown(p, o, false, &made, refusal))
PERFORM_MAKING(shut_down_hard, Vm, Job, vms_shutdown(p, o, true, &made, refusal))
PERFORM_MAKING(reboot, Vm, Job, vms_reboot(p, o, ONE_IN(3), &made, refusal))
PERFORM_MAKING(ensure, Vm, Job, vms_ensure(p, o, text, number % 4 == 1, &made, refusal))
PERFORM_READING(explain, Vm, vms_explain(p, o, &(StartOptions){.dry_run = true}, &answer))
PERFORM_READING(explain_start, Vm,
        vms_explain(p, o, &(StartOptions){.on = SECOND_OF(Host), .reservation = THIRD_OF(Reservation)}, &answer))
PERFORM(export, Vm, return read_export(c->world, o);)
PERFORM(get_config, Vm, return read_config(c->world, o);)
PERFORM(set_config, Vm, return vms_set_config(p, o, text, refusal);)
PERFORM(name_vm, Vm, return vms_set_names(p, o, text, NULL, refusal);)
PERFORM(set_affinity, Vm, return vms_set_names(p, o, NULL, text, refusal);)
PERFORM(set_owner, Vm, return vms_set_owner(p, o, text, refusal);)
PERFORM(set_groups, Vm,
        VmGroup *groups[1] = {SECOND_OF(VmGroup)};
        return vms_set_groups(p, o, groups, groups[0] ? (ONE_IN(16) ? 2 : 1) : 0, refusal);)
PERFORM(destroy_vm, Vm, return vms_destroy(p, o, refusal);)

/* Maps and sets of any class: the entry is texts[0], of a map with texts[1] as its value; now and then it goes, or others do */

static int change_entries(Call *c, const char *property, bool replace) {
        bool is_map = property_find(c->objects[0]->class, property)->signature[1] == '{';
        const char *key = c->arguments->texts[0], *value = c->arguments->texts[1];
        const char *entry[] = {key, is_map ? value : NULL, NULL}, *none[] = {NULL}, *gone[] = {key, NULL};
        bool goes = c->arguments->number % 3 == 0;

        if (replace)
                promise_add_entry(&c->says, property, NULL, UUID_TEXT(&c->objects[0]->id), NULL);
        if (!goes || !replace)
                promise_add_entry(&c->says, property, key, UUID_TEXT(&c->objects[0]->id), goes ? NULL : is_map ? value : "");
        return objects_change_entries(c->policy, c->objects[0], property,
                &(EntriesChange){.replace = replace, .set = goes ? none : entry, .remove = goes && !replace ? gone : none}, &c->refusal);
}

PERFORM(set_platform, Vm, return change_entries(c, "Platform", true);)
PERFORM(change_platform, Vm, return change_entries(c, "Platform", false);)
PERFORM(set_other_config, Vm, return change_entries(c, "OtherConfig", true);)
PERFORM(change_other_config, Vm, return change_entries(c, "OtherConfig", false);)
PERFORM(set_tags, Vm, return change_entries(c, "Tags", true);)
PERFORM(change_tags, Vm, return change_entries(c, "Tags", false);)
PERFORM(describe_vm, Vm, return vms_set_description(p, o, text, refusal);)
PERFORM(describe_host, Host, return hosts_set_description(p, o, text, refusal);)
PERFORM(set_extra_args, Vgpu, return vgpus_set_extra_args(p, o, text, refusal);)

/* The others */

PERFORM(destroy_vgpu, Vgpu, return vgpus_destroy(p, o, refusal);)
PERFORM(destroy_reservation, Reservation, return reservations_destroy(p, o, refusal);)
PERFORM(set_vgpus_max, Quota, c->given[0] = number; return quotas_set_limits(p, o, number, o->size_max, refusal);)
PERFORM(set_size_max, Quota, c->given[0] = number; return quotas_set_limits(p, o, o->vgpus_max, number, refusal);)
PERFORM(destroy_quota, Quota, return quotas_destroy(p, o, refusal);)
PERFORM(name_vm_group, VmGroup, return vm_groups_set_name_label(p, o, text, refusal);)
PERFORM(describe_vm_group, VmGroup, return vm_groups_set_name_description(p, o, text, refusal);)
PERFORM(set_placement, VmGroup, return vm_groups_set_placement(p, o, text, refusal);)
PERFORM(destroy_vm_group, VmGroup, return vm_groups_destroy(p, o, refusal);)
PERFORM(cancel, Job, return jobs_cancel(p, o, refusal);)

/* What the caller chooses beside objects and names */

static void set_text(Arguments *a, size_t i, const char *text) {
        free(a->texts[i]);
        a->texts[i] = strdup(text);
        if (!a->texts[i])
                abort();
}

static void choose_number(Work *work, Arguments *a) {
        a->number = dice_next(&work->world->dice) >> chance_between(&work->world->dice, 1, 60);
}

/* Of a machine, or of none. */
static void choose_address(Work *work, Arguments *a) {
        char address[32];

        (void) snprintf(address, sizeof(address), "unix:path=/h%u",
                chance(&work->world->dice, 200) ? 99 : (unsigned) chance_between(&work->world->dice, 0, work->world->n_machines - 1));
        set_text(a, 1, address);
}

/* The hosts are not reached by ssh, so that all but none is refused. */
static void choose_fingerprint(Work *work, Arguments *a) {
        set_text(a, 0, chance(&work->world->dice, 500) ? "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" : "");
}

/* Rather a PGPU of which a function is suspect. */
static void choose_ill(Work *work, Arguments *a) {
        const PtrArray *all = &policy_pool(work->world->policy)->objects[CLASS_PGPU];
        size_t first = all->n > 0 ? chance_between(&work->world->dice, 0, all->n - 1) : 0;

        for (size_t i = 0; i < all->n; i++) {
                const Pgpu *p = all->items[(first + i) % all->n];

                if (p->n_suspect > 0)
                        a->objects[0] = p->object.id;
        }
}

/* Rather a type that the group has. */
static void choose_type_of(Work *work, const Uuid *group, Uuid *type) {
        const GpuGroup *g = pool_get(policy_pool(work->world->policy), CLASS_GPU_GROUP, group);
        const VgpuType *t;

        if (!g || g->supported.n == 0 || chance(&work->world->dice, 300))
                return;
        t = g->supported.items[chance_between(&work->world->dice, 0, g->supported.n - 1)];
        *type = t->object.id;
}

static void choose_device(Work *work, Arguments *a) {
        char device[16] = "";

        choose_type_of(work, &a->objects[1], &a->objects[2]);

        if (chance(&work->world->dice, 400))
                (void) snprintf(device, sizeof(device), "%u", chance(&work->world->dice, 700) ? 1 : (unsigned) chance_between(&work->world->dice, 0, 24));
        set_text(a, 0, chance(&work->world->dice, 20) ? "x" : device);
        set_text(a, 1, "");
}

static void choose_word(Work *work, Arguments *a) {
        static const char *const algorithms[] = {"depth-first", "breadth_first", "BEST-FIT", "worst", ""};

        set_text(a, 0, algorithms[chance_between(&work->world->dice, 0, ARRAY_SIZE(algorithms) - 1)]);
}

static void choose_placement(Work *work, Arguments *a) {
        static const char *const placements[] = {"normal", "anti_affinity", "anti-affinity", "affinity", ""};

        set_text(a, 0, placements[chance_between(&work->world->dice, 0, ARRAY_SIZE(placements) - 1)]);
}

static void choose_power(Work *work, Arguments *a) {
        static const char *const states[] = {"running", "halted", "running", "halted", "running", "halted", "paused"};

        choose_number(work, a);
        set_text(a, 0, states[chance_between(&work->world->dice, 0, ARRAY_SIZE(states) - 1)]);
}

static void choose_platform(Work *work, Arguments *a) {
        static const char *const keys[] = {"vga", "videoram", "viridian", "vgpu_pci_id", "vgpu_config", "vgpu_extra_args", ""};
        static const char *const values[] = {"std", "16", "true", "0000:83:00.0", "grid_k100.conf", "a=1", ""};
        size_t i = chance_between(&work->world->dice, 0, ARRAY_SIZE(keys) - 1);

        choose_number(work, a);
        set_text(a, 0, keys[i]);
        set_text(a, 1, values[chance(&work->world->dice, 800) ? i : chance_between(&work->world->dice, 0, ARRAY_SIZE(values) - 1)]);
}

/* What a host runs outside of the pool, but for the strangers' own, which nobody here would want. */
static void choose_outsider(Work *work, Arguments *a) {
        set_text(a, 1, "");
        for_each(const Host, h, &policy_pool(work->world->policy)->objects[CLASS_HOST])
                for (char **vm = h->outside_vms; vm && *vm; vm++)
                        if (!startswith(*vm, "0b000000-")) {
                                char uuid[UUID_TEXT_MAX];

                                (void) snprintf(uuid, sizeof(uuid), "%.36s", *vm);
                                a->objects[0] = h->object.id;
                                set_text(a, 0, uuid);
                                return;
                        }
        set_text(a, 0, "no such VM");
}

/* A PGPU whose card vanished, and another of its host. */
static void choose_absent(Work *work, Arguments *a) {
        for_each(const Pgpu, absent, &policy_pool(work->world->policy)->objects[CLASS_PGPU])
                for_each(const Pgpu, found, &absent->host->pgpus)
                        if (!absent->reported && found->reported && chance(&work->world->dice, 800)) {
                                a->objects[0] = absent->object.id;
                                a->objects[1] = found->object.id;
                        }
}

/* One that is, as often as one that is not. */
static void choose_row(Work *work, Arguments *a) {
        _cleanup_(strv_freep) char **rows = NULL;

        if (policy_unreadable_rows(work->world->policy, chance(&work->world->dice, 500), &rows) < 0 || !rows[0])
                set_text(a, 0, chance(&work->world->dice, 500) ? "vm 17" : "meta");
        else {
                rows[0][strcspn(rows[0], ":")] = '\0';
                set_text(a, 0, rows[0]);
        }
}

/* An operator says so of machines that are off, and is right; of a host that is online it is refused. */
static void choose_dead(Work *work, Arguments *a) {
        World *w = work->world;

        a->objects[0] = (Uuid){};
        for_each(const Host, h, &policy_pool(w->policy)->objects[CLASS_HOST]) {
                unsigned number;

                if (sscanf(h->address, "unix:path=/h%u", &number) == 1 && number < w->n_machines &&
                        (h->state == HOST_ONLINE ? uuid_is_null(&a->objects[0]) : !w->machines[number].is_on))
                        a->objects[0] = h->object.id;
        }
}

static void choose_found(Work *work, Arguments *a) {
        const Object *o;

        choose_number(work, a);
        o = call_any(work->world, (ObjectClass) (a->number % _CLASS_MAX));
        if (o && chance(&work->world->dice, 500))
                set_text(a, 0, chance(&work->world->dice, 500) ? UUID_TEXT(&o->id) : object_name(o));
}

#define MANAGER(method, w, t, ...) OF(MANAGER, method, w, t, __VA_ARGS__)
#define OF(class, method, w, t, ...) {.interface = POLICY_IFACE_##class, .name = method, .weight = w, .takes = t, __VA_ARGS__}
#define OF_HOSTD(class, method, w, what)                                                                  \
        {.interface = HOST_IFACE_##class, .name = method, .weight = w, .takes = "", .choose = choose_number, .stranger = what}

const Method work_methods[] = {
        MANAGER("AddHost", 1, "n", .perform = add_host, .choose = choose_address, .flags = METHOD_KEYED),
        MANAGER("CreateGPUGroup", 1, "nd", .perform = create_group, .flags = METHOD_KEYED),
        MANAGER("CreateVM", 12, "xx", .perform = create_vm, .choose = choose_vm_record, .flags = METHOD_KEYED),
        MANAGER("ImportVM", 2, "xx", .perform = import_vm, .choose = choose_import, .flags = METHOD_KEYED),
        MANAGER("AdoptVM", 4, "hx", .perform = adopt_vm, .choose = choose_outsider),
        MANAGER("EndOutsideVM", 2, "hx", .perform = end_outside_vm, .choose = choose_outsider),
        MANAGER("CreateVGPU", 14, "vgTxx", .perform = create_vgpu, .choose = choose_device, .flags = METHOD_KEYED),
        MANAGER("Reserve", 3, "gtno", .perform = reserve, .choose = choose_number, .flags = METHOD_KEYED),
        MANAGER("CreateQuota", 1, "Go", .perform = create_quota, .choose = choose_number, .flags = METHOD_KEYED),
        MANAGER("CreateVMGroup", 1, "nd", .perform = create_vm_group, .choose = choose_number, .flags = METHOD_KEYED),
        MANAGER("Find", 2, "n", .perform = find, .choose = choose_found, .flags = METHOD_READS),
        MANAGER("List", 2, "", .perform = list, .choose = choose_number, .flags = METHOD_READS),
        MANAGER("Capacity", 1, "", .perform = capacity, .flags = METHOD_READS),
        MANAGER("Metrics", 1, "", .perform = metrics, .flags = METHOD_READS),
        MANAGER("ListOwners", 1, "", .perform = list_owners, .choose = choose_number, .flags = METHOD_READS),
        MANAGER("RemoveRow", 3, "x", .perform = remove_row, .choose = choose_row, .flags = METHOD_READS),
        MANAGER("Check", 1, "", .perform = check, .flags = METHOD_READS),
        MANAGER("CheckHostFailure", 1, "h", .perform = check_failure, .flags = METHOD_READS),
        MANAGER("PoolKey", 0, "", .perform = NULL, .elsewhere = "scenario-ssh-set-up"),
        MANAGER("Backup", 0, "", .perform = NULL, .elsewhere = "scenario-backup"),
        OF(HOST, "Remove", 1, "h", .perform = remove_host),
        OF(HOST, "Enable", 2, "h", .perform = enable_host),
        OF(HOST, "Disable", 1, "h", .perform = disable_host),
        OF(HOST, "Reconnect", 2, "h", .perform = reconnect),
        OF(HOST, "SetNameDescription", 1, "hd", .perform = describe_host),
        OF(HOST, "SetOtherConfig", 1, "hnd", .perform = set_other_config, .choose = choose_number),
        OF(HOST, "ChangeOtherConfig", 1, "hnd", .perform = change_other_config, .choose = choose_number),
        OF(HOST, "SetTags", 1, "hn", .perform = set_tags, .choose = choose_number),
        OF(HOST, "ChangeTags", 1, "hn", .perform = change_tags, .choose = choose_number),
        OF(HOST, "SetFingerprint", 1, "h", .perform = set_fingerprint, .choose = choose_fingerprint),
        OF(HOST, "SetNameLabel", 1, "hn", .perform = name_host),
        OF(HOST, "DeclareDead", 6, "h", .perform = declare_dead, .choose = choose_dead),
        OF(PGPU, "SetGPUGroup", 1, "pG", .perform = set_group),
        OF(PGPU, "AddEnabledVGPUType", 2, "pt", .perform = add_type),
        OF(PGPU, "RemoveEnabledVGPUType", 1, "pt", .perform = remove_type),
        OF(PGPU, "SetEnabledVGPUTypes", 1, "p", .perform = set_some_types, .choose = choose_number),
        OF(PGPU, "Adopt", 2, "pp", .perform = adopt_pgpu, .choose = choose_absent),
        OF(PGPU, "ClearHealth", 3, "p", .perform = clear_health, .choose = choose_ill),
        OF(PGPU, "SetOtherConfig", 1, "pnd", .perform = set_other_config, .choose = choose_number),
        OF(PGPU, "ChangeOtherConfig", 1, "pnd", .perform = change_other_config, .choose = choose_number),
        OF(PGPU, "GetRemainingCapacity", 1, "pt", .perform = pgpu_capacity_of, .flags = METHOD_READS),
        OF(GPU_GROUP, "Destroy", 1, "g", .perform = destroy_group),
        OF(GPU_GROUP, "SetAllocationAlgorithm", 2, "gx", .perform = set_algorithm, .choose = choose_word),
        OF(GPU_GROUP, "SetNameLabel", 1, "gn", .perform = name_group),
        OF(GPU_GROUP, "SetNameDescription", 1, "gd", .perform = describe_group),
        OF(GPU_GROUP, "SetOtherConfig", 1, "gnd", .perform = set_other_config, .choose = choose_number),
        OF(GPU_GROUP, "ChangeOtherConfig", 1, "gnd", .perform = change_other_config, .choose = choose_number),
        OF(GPU_GROUP, "GetRemainingCapacity", 1, "gt", .perform = group_capacity_of, .flags = METHOD_READS),
        OF(GPU_GROUP, "Plan", 1, "gT", .perform = plan, .flags = METHOD_READS),
        OF(GPU_GROUP, "GetFailuresToTolerate", 1, "g", .perform = failures, .flags = METHOD_READS),
        OF(VM, "Start", 44, "vR", .perform = start_vm, .choose = choose_number, .flags = METHOD_KEYED),
        OF(VM, "StartOn", 6, "vhR", .perform = start_on, .choose = choose_number, .flags = METHOD_KEYED),
        OF(VM, "Shutdown", 14, "v", .perform = shut_down, .flags = METHOD_KEYED),
        OF(VM, "HardShutdown", 10, "v", .perform = shut_down_hard, .flags = METHOD_KEYED),
        OF(VM, "Reboot", 8, "v", .perform = reboot, .choose = choose_number, .flags = METHOD_KEYED),
        OF(VM, "Ensure", 6, "vx", .perform = ensure, .choose = choose_power, .flags = METHOD_KEYED),
        OF(VM, "Explain", 1, "v", .perform = explain, .flags = METHOD_READS),
        OF(VM, "ExplainStart", 1, "vHR", .perform = explain_start, .flags = METHOD_READS),
        OF(VM, "Export", 1, "v", .perform = export, .flags = METHOD_READS),
        OF(VM, "GetConfig", 1, "v", .perform = get_config, .flags = METHOD_READS),
        OF(VM, "SetConfig", 2, "vx", .perform = set_config, .choose = choose_config),
        OF(VM, "SetNameLabel", 2, "vn", .perform = name_vm),
        OF(VM, "SetAffinity", 1, "vn", .perform = set_affinity, .choose = choose_found),
        OF(VM, "SetOwner", 2, "vo", .perform = set_owner),
        OF(VM, "SetGroups", 2, "vM", .perform = set_groups, .choose = choose_number),
        OF(VM, "SetNameDescription", 1, "vd", .perform = describe_vm),
        OF(VM, "SetPlatform", 1, "vxx", .perform = set_platform, .choose = choose_platform),
        OF(VM, "ChangePlatform", 3, "vxx", .perform = change_platform, .choose = choose_platform),
        OF(VM, "SetOtherConfig", 1, "vnd", .perform = set_other_config, .choose = choose_number),
        OF(VM, "ChangeOtherConfig", 1, "vnd", .perform = change_other_config, .choose = choose_number),
        OF(VM, "SetTags", 1, "vn", .perform = set_tags, .choose = choose_number),
        OF(VM, "ChangeTags", 1, "vn", .perform = change_tags, .choose = choose_number),
        OF(VM, "Destroy", 9, "v", .perform = destroy_vm),
        OF(VGPU, "SetExtraArgs", 1, "un", .perform = set_extra_args),
        OF(VGPU, "SetOtherConfig", 1, "und", .perform = set_other_config, .choose = choose_number),
        OF(VGPU, "ChangeOtherConfig", 1, "und", .perform = change_other_config, .choose = choose_number),
        OF(VGPU, "Destroy", 3, "u", .perform = destroy_vgpu),
        OF(RESERVATION, "Destroy", 2, "r", .perform = destroy_reservation),
        OF(QUOTA, "SetVGPUsMax", 1, "q", .perform = set_vgpus_max, .choose = choose_number),
        OF(QUOTA, "SetSizeMax", 1, "q", .perform = set_size_max, .choose = choose_number),
        OF(QUOTA, "Destroy", 1, "q", .perform = destroy_quota),
        OF(VM_GROUP, "SetNameLabel", 1, "mn", .perform = name_vm_group),
        OF(VM_GROUP, "SetNameDescription", 1, "md", .perform = describe_vm_group),
        OF(VM_GROUP, "SetPlacement", 1, "mx", .perform = set_placement, .choose = choose_placement),
        OF(VM_GROUP, "Destroy", 1, "m", .perform = destroy_vm_group),
        OF(JOB, "Cancel", 8, "j", .perform = cancel),
        OF_HOSTD(MANAGER, "Claim", 1, STRANGER_CLAIM),
        OF_HOSTD(MANAGER, "ClaimWith", 1, STRANGER_CLAIM_WITH),
        OF_HOSTD(MANAGER, "Release", 1, STRANGER_RELEASE),
        OF_HOSTD(MANAGER, "GetInventory", 1, STRANGER_INVENTORY),
        OF_HOSTD(MANAGER, "GetVM", 1, STRANGER_GET),
        OF_HOSTD(MANAGER, "StartVM", 1, STRANGER_START),
        OF_HOSTD(MANAGER, "StopVM", 1, STRANGER_STOP),
        OF_HOSTD(MANAGER, "EndVM", 1, STRANGER_END),
        OF_HOSTD(MANAGER, "Rescan", 1, STRANGER_RESCAN),
        OF_HOSTD(PGPU, "ClearHealth", 1, STRANGER_CLEAR),
        OF_HOSTD(PGPU, "SetEnabledTypes", 1, STRANGER_SET_TYPES),
        OF_HOSTD(PGPU, "AddEnabledType", 1, STRANGER_ADD_TYPE),
        OF_HOSTD(PGPU, "RemoveEnabledType", 1, STRANGER_REMOVE_TYPE),
        {},
};
