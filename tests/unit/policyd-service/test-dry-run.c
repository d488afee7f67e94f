/*
 * The dry run says what the start does
 *
 * Random pools, with cards, PCI devices and IOMMUs here and not there, with VMs that are not of the pool; random
 * VMs, some of which pass a device through or name what not every host allows. Whatever the dry run answers the start answers too; where it says
 * yes the VM comes to run in the very place that Explain names, and no host, each of which checks its orders for
 * itself, had anything to refuse.
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

#include <json-c/json.h>

#define N_POOLS 24
#define N_HOSTS 3
#define N_STEPS 24

/* What configs say beside their memory, all of it after b_info, and what hosts allow of it. */
static const char *const odd_members[] = {"", "", "", ",\"nics\":[{\"bridge\":\"xenbr0\",\"script\":\"/etc/x\"}]",
        ",\"disks\":[{\"pdev_path\":\"/images/../etc/x\"}]", ",\"disks\":[{\"pdev_path\":\"/images/a\",\"format\":\"qcow2\"}]",
        ",\"usbdevs\":[{\"type\":\"hostdev\"}]", ",\"nics\":[{\"mac\":\"a\",\"script\":\"\"}]"};
static const char *const no_keys[] = {NULL}, *const some_keys[] = {"nics.script=/etc/", "usbdevs", NULL},
                         *const other_keys[] = {"nics", "disks.format=qcow2", "disks.pdev_path", NULL};
static const char *const *const rules[] = {NULL, no_keys, some_keys, other_keys};

static const char *const functions[] = {"0000:03:00.0", "0000:04:00.0"};

typedef struct Story {
        World *w;
        FakeHost *hosts[N_HOSTS];
        Uuid vms[N_STEPS];
        size_t n_vms, n_started, n_refused, n_with_functions, n_not_allowed;
        uint64_t dice;
} Story;

static uint32_t roll(Story *s, uint32_t sides) {
        s->dice ^= s->dice << 13;
        s->dice ^= s->dice >> 7;
        s->dice ^= s->dice << 17;
        return (uint32_t) (s->dice >> 33) % sides;
}

static void add_host(Story *s, size_t i) {
        static const char *const names[N_HOSTS] = {"alpha", "beta", "gamma"};
        FakeHost *h = fake_host_add(names[i]);
        size_t n = 0;

        s->hosts[i] = h;
        if (i == 0 || roll(s, 2))
                fake_k1_add(h);
        if (roll(s, 2))
                fake_k2_add(h);
        h->guards = true;
        h->no_iommu = roll(s, 4) == 0;
        h->refuses_pcidevs = roll(s, 4) == 0;
        h->allowed_config_keys = rules[roll(s, ARRAY_SIZE(rules))];
        h->functions[n++] = "0000:00:1f.3";
        for (size_t f = 0; f < ARRAY_SIZE(functions); f++)
                if (roll(s, 2))
                        h->functions[n++] = functions[f];
        assert_int_equal(world_add_host(s->w, h), ERROR_NONE);
}

/* Something that is not of the pool, on a card that has nothing yet. */
static void add_outsider(Story *s) {
        FakeHost *h = s->hosts[roll(s, N_HOSTS)];
        const Host *host = world_host(s->w, h->name);
        const Pgpu *g = host->pgpus.n ? host->pgpus.items[roll(s, (uint32_t) host->pgpus.n)] : NULL;
        bool k1 = g && streq(g->device_id, "0ff2");
        Uuid id = {.bytes = {0xaa, (uint8_t) roll(s, 256), (uint8_t) roll(s, 256), 1}};
        const char *types[] = {k1 ? "k100" : "k240q", k1 ? "k140q" : "k240q", NULL};

        if (!g || pgpu_load(g) > 0 || !isempty(g->held_by) || h->n_vms >= FAKE_VMS_MAX)
                return;
        fake_vm_put_with(h, &id, PCI_TEXT(&g->pci), types[roll(s, 3)]);
        fake_inventory_changed(h);
        world_run(s->w);
}

static void hold_a_card(Story *s) {
        FakeHost *h = s->hosts[roll(s, N_HOSTS)];
        const Host *host = world_host(s->w, h->name);
        uint32_t at = h->n_cards ? roll(s, (uint32_t) h->n_cards) : 0;

        if (h->n_cards == 0 || pgpu_load(host->pgpus.items[at]) > 0)
                return;
        h->cards[at].held_by = h->cards[at].held_by ? NULL : "domain 'x' (id 7)";
        fake_inventory_changed(h);
        world_run(s->w);
}

static void end_one(Story *s) {
        FakeHost *h = s->hosts[roll(s, N_HOSTS)];
        Uuid id;

        if (h->n_vms == 0)
                return;
        id = h->vms[roll(s, (uint32_t) h->n_vms)].uuid;
        fake_vm_ends(h, &id, "poweroff", NULL);
        world_run(s->w);
}

static Uuid make_vm(Story *s) {
        static const char *const models[] = {"GRID K100", "GRID K140Q", "GRID multi", "GRID K240Q", "passthrough"};
        char record[1024], devices[128] = "";
        uint32_t n = roll(s, 3);
        Uuid id;
        Vm *vm;

        for (size_t f = 0; f < ARRAY_SIZE(functions); f++)
                if (roll(s, 4) == 0)
                        snprintf(devices + strlen(devices), sizeof(devices) - strlen(devices),
                                "%s{\"bus\":%zu}", *devices ? "," : "", f + 3);
        if (roll(s, 5) == 0) /* a K2's, where there is one */
                snprintf(devices + strlen(devices), sizeof(devices) - strlen(devices), "%s{\"bus\":132}", *devices ? "," : "");
        s->n_with_functions += *devices ? 1 : 0;
        snprintf(record, sizeof(record),
                "{\"name_label\":\"vm-%zu\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":"
                "1048576,\"target_memkb\":%u},\"pcidevs\":[%s]%s}}",
                s->n_vms, roll(s, 8) ? 1048576 : 524288, devices, odd_members[roll(s, ARRAY_SIZE(odd_members))]);
        assert_int_equal(world_request(s->w, vms_create(s->w->policy, record, &vm, fresh(s->w))), ERROR_NONE);
        id = vm->object.id;
        s->vms[s->n_vms++] = id;
        for (uint32_t i = 0; i < n; i++) {
                Object *type;

                /* Types that no card has, or that cannot stand together, are refused. */
                if (pool_find(policy_pool(s->w->policy), CLASS_VGPU_TYPE, models[roll(s, ARRAY_SIZE(models))], &type) == 0 &&
                        ((VgpuType *) type)->n_supported_on > 0)
                        (void) world_create_vgpu(s->w, &id, object_name(type), NULL);
        }
        return id;
}

static const char *text(struct json_object *o, const char *member) {
        struct json_object *value;

        return json_object_object_get_ex(o, member, &value) ? json_object_get_string(value) : "";
}

static void check_place(Story *s, const Uuid *id, struct json_object *explained) {
        struct json_object *placement, *pgpus;
        const Vm *vm = world_vm(s->w, id);

        assert_true(json_object_object_get_ex(explained, "placement", &placement));
        assert_string_equal(world_vm_state(s->w, id), "running");
        assert_string_equal(vm->resident_on->name_label, text(placement, "name_label"));
        assert_true(json_object_object_get_ex(placement, "pgpus", &pgpus));
        assert_int_equal(json_object_array_length(pgpus), vm->vgpus.n);
        for (size_t i = 0; i < vm->vgpus.n; i++)
                assert_string_equal(PCI_TEXT(&((const Vgpu *) vm->vgpus.items[i])->resident_on->pci),
                        text(json_object_array_get_idx(pgpus, i), "pci_id"));
}

static void start_one(Story *s) {
        StartOptions dry = {.dry_run = true};
        _cleanup_free_ char *json = NULL, *said = NULL;
        struct json_object *explained;
        Uuid id = make_vm(s);
        ErrorCode code, started;
        Job *j;

        assert_int_equal(vms_explain(s->w->policy, world_vm(s->w, &id), NULL, &json), 0);
        explained = json_tokener_parse(json);
        assert_int_equal(vms_start(s->w->policy, world_vm(s->w, &id), &dry, &j, fresh(s->w)), 0);
        code = s->w->refusal.code;
        said = strdup(strempty(s->w->refusal.message));
        started = world_start_vm(s->w, &id, NULL);
        assert_int_equal(started, code);
        assert_string_equal(text(explained, "verdict"), code == ERROR_NONE ? "placed" : "refused");
        world_run(s->w);
        if (code == ERROR_NONE)
                check_place(s, &id, explained);
        else
                assert_string_equal(strempty(s->w->refusal.message), said);
        s->n_not_allowed += code == ERROR_CONFIG_NOT_ALLOWED;
        *(code == ERROR_NONE ? &s->n_started : &s->n_refused) += 1;
        for (size_t i = 0; i < N_HOSTS; i++)
                assert_int_equal(s->hosts[i]->n_refused, 0);
        json_object_put(explained);
}

static void the_dry_run_is_the_start(void **state) {
        Story total = {};

        for (uint64_t seed = 1; seed <= N_POOLS; seed++) {
                _cleanup_world_ World *w = world_new();
                Story s = {.w = w, .dice = seed * UINT64_C(0x9e3779b97f4a7c15)};

                world_start(w);
                for (size_t i = 0; i < N_HOSTS; i++)
                        add_host(&s, i);
                for (size_t i = 0; i < N_STEPS; i++) {
                        switch (roll(&s, 8)) {
                        case 0:
                                add_outsider(&s);
                                break;
                        case 1:
                                end_one(&s);
                                break;
                        case 2:
                                hold_a_card(&s);
                                break;
                        default:
                                start_one(&s);
                                break;
                        }
                }
                total.n_started += s.n_started;
                total.n_refused += s.n_refused;
                total.n_with_functions += s.n_with_functions;
                total.n_not_allowed += s.n_not_allowed;
        }
        assert_true(total.n_started > N_POOLS * 3);
        assert_true(total.n_refused > N_POOLS);
        assert_true(total.n_with_functions > N_POOLS);
        assert_true(total.n_not_allowed > N_POOLS / 2);
}

/* It wants the function 0000:03:00.0, which is no GPU. */
static Vm *create_nic(World *w) {
        Vm *vm;

        assert_int_equal(world_request(w, vms_create(w->policy,
                                                  "{\"name_label\":\"nic\",\"config\":{\"c_info\":{\"type\":\"hvm\"},"
                                                  "\"b_info\":{\"max_memkb\":1048576},\"pcidevs\":[{\"bus\":3}]}}",
                                                  &vm, fresh(w))),
                ERROR_NONE);
        return vm;
}

/* The host that has the device takes the VM, though the group's algorithm would like another better. */
static void a_device_decides_the_host(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid ids[3];

        a->functions[0] = "0000:04:00.0";
        b->functions[0] = "0000:03:00.0";
        fake_inventory_changed(a);
        fake_inventory_changed(b);
        world_run(w);
        for (size_t i = 0; i < 3; i++) {
                ids[i] = create_nic(w)->object.id;
                if (i == 0)
                        assert_int_equal(world_create_vgpu(w, &ids[i], "GRID K100", NULL), ERROR_NONE);
        }
        assert_int_equal(world_start_vm_on(w, &ids[0], "alpha", NULL), ERROR_VM_REQUIRES_PCI);
        assert_non_null(strstr(w->refusal.message, "alpha has no PCI device 0000:03:00.0 that is free to give"));
        assert_int_equal(world_start_vm(w, &ids[0], NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &ids[0])->resident_on->name_label, "beta");

        /* It is given away now, and comes back when that VM ends. */
        assert_int_equal(world_start_vm(w, &ids[1], NULL), ERROR_VM_REQUIRES_PCI);
        fake_vm_ends(b, &ids[0], "poweroff", NULL);
        world_run(w);
        assert_int_equal(world_start_vm(w, &ids[1], NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &ids[1]), "running");

        /* Hosts that do not tell, as those of an older version, are not asked for it. */
        a->functions[0] = NULL;
        fake_inventory_changed(a);
        world_run(w);
        assert_int_equal(world_start_vm(w, &ids[2], NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &ids[2])->resident_on->name_label, "alpha");
}

/* A GPU that a config names is a VGPU: no other VM gets it, and the setting for devices does not count. */
static void a_gpu_that_the_config_names_is_booked(void **state) {
        static const char record[] = "{\"name_label\":\"gpu\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":"
                                     "{\"max_memkb\":1048576},\"pcidevs\":[{\"bus\":132,\"func\":1},{\"bus\":132}]}}";
        FakeHost *a = fake_host_add("alpha"), *b = fake_host_add("beta");
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        StartOptions dry = {.dry_run = true};
        Uuid id, next;
        Job *j;
        Vm *vm;

        world_start(w);
        fake_k1_add(a);
        fake_k2_add(b);
        a->refuses_pcidevs = b->refuses_pcidevs = a->has_no_functions = b->has_no_functions = true;
        /* Made before its host is known: the dry run knows of the VGPU, the start makes it. */
        assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
        id = vm->object.id;
        assert_int_equal(vm->vgpus.n, 0);
        assert_int_equal(world_add_host(w, a), ERROR_NONE);
        assert_int_equal(vms_start(w->policy, vm, &dry, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_CONFIG_NOT_ALLOWED);
        assert_int_equal(world_add_host(w, b), ERROR_NONE);
        assert_int_equal(vms_start(w->policy, world_vm(w, &id), &dry, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
        assert_int_equal(world_vm(w, &id)->vgpus.n, 0);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &id)->resident_on->name_label, "beta");
        assert_string_equal(PCI_TEXT(&world_vgpu(w, &id, 0)->resident_on->pci), "0000:84:00.0");
        /* The card's other function is ordered with it. */
        assert_int_equal(fake_vm(b, &id)->order.n_pcis, 2);

        assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
        next = vm->object.id;
        assert_int_equal(vm->vgpus.n, 1);
        assert_int_equal(vms_start(w->policy, vm, &dry, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_VM_REQUIRES_GPU);
        assert_non_null(strstr(w->refusal.message, "at 0000:84:00.0 as the VM's config says"));
        fake_vm_ends(b, &id, "poweroff", NULL);
        world_run(w);
        assert_int_equal(world_start_vm(w, &next, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &next), "running");

        /* Taken out of the config, it is no VGPU any more. */
        assert_int_equal(world_request(w, vms_set_config(w->policy, world_vm(w, &id),
                                                  "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576}}", &refusal)),
                ERROR_NONE);
        assert_int_equal(world_vm(w, &id)->vgpus.n, 0);
}

/* Named twice it is one GPU, and what goes along with two GPUs of a slot is ordered once. */
static void what_a_config_names_twice_is_ordered_once(void **state) {
        static const char record[] = "{\"name_label\":\"gpu\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576},"
                                     "\"pcidevs\":[{\"bus\":9},{\"bus\":9},{\"bus\":9,\"func\":1},{\"bus\":9,\"func\":2}]}}";
        FakeHost *h = fake_host_add("alpha");
        _cleanup_world_ World *w = world_new();
        Uuid id;
        Vm *vm;

        world_start(w);
        fake_k2_add(h);
        snprintf(h->cards[0].pci, sizeof(h->cards[0].pci), "0000:09:00.0");
        snprintf(h->cards[1].pci, sizeof(h->cards[1].pci), "0000:09:00.1");
        assert_int_equal(world_add_host(w, h), ERROR_NONE);
        assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
        id = vm->object.id;
        assert_int_equal(vm->vgpus.n, 2);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        world_run(w);
        assert_int_equal(fake_vm(h, &id)->order.n_pcis, 3);
}

/* A refusal leaves the config as it was. */
static void a_config_is_set_with_its_gpus_or_not_at_all(void **state) {
        static const char record[] = "{\"name_label\":\"gpu\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576},"
                                     "\"pcidevs\":[{\"bus\":7}]}}";
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        _cleanup_free_ char *before = NULL;
        PolicyOptions options = w->options;
        uint64_t memory;
        Uuid id;
        Vm *vm;

        assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
        id = vm->object.id;
        assert_int_equal(vm->vgpus.n, 1);
        before = strdup(vm->config);
        memory = vm->memory;
        options.limits[CLASS_VGPU] = 2;
        policy_set_limits(w->policy, &options);
        assert_int_equal(world_request(w, vms_set_config(w->policy, vm,
                                                  "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":2097152},\"pcidevs\":[{\"bus\":"
                                                  "8},{\"bus\":9},{\"bus\":10}]}",
                                                  fresh(w))),
                ERROR_LIMIT_REACHED);
        vm = world_vm(w, &id);
        assert_string_equal(vm->config, before);
        assert_int_equal(vm->vgpus.n, 1);
        assert_string_equal(PCI_TEXT(&world_vgpu(w, &id, 0)->pinned_pci), "0000:07:00.0");
        assert_int_equal(vm->memory, memory);
}

/* Its host has no device at all, and says so. */
static void a_host_without_devices_gets_no_vm_that_wants_one(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        a->has_no_functions = b->has_no_functions = true;
        fake_inventory_changed(a);
        fake_inventory_changed(b);
        world_run(w);
        assert_int_equal(world_start_vm(w, &create_nic(w)->object.id, NULL), ERROR_VM_REQUIRES_PCI);
}

/* Its host was declared dead, and the VM destroyed: it has the device all the same. */
static void a_vm_that_is_not_of_the_pool_keeps_its_device(void **state) {
        _cleanup_refusal_ Refusal refusal = {};
        StartOptions dry = {.dry_run = true};
        FakeHost *a;
        _cleanup_world_ World *w = world_of_one_k1(&a);
        Uuid first, next;
        Vm *vm;
        Job *j;

        first = create_nic(w)->object.id;
        assert_int_equal(world_start_vm(w, &first, NULL), ERROR_NONE);
        world_run(w);
        a->down = true;
        fake_lose(a, "Cut off.");
        assert_int_equal(hosts_declare_dead(w->policy, world_host(w, "alpha"), &refusal), 0);
        assert_int_equal(vms_destroy(w->policy, world_vm(w, &first), &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        world_run(w);
        a->down = false;
        fake_lose(a, "It comes back.");
        world_run(w);

        vm = create_nic(w);
        next = vm->object.id;
        assert_int_equal(vms_start(w->policy, vm, &dry, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_VM_REQUIRES_PCI);
        fake_vm_ends(a, &first, "poweroff", NULL);
        world_run(w);
        assert_int_equal(vms_start(w->policy, world_vm(w, &next), &dry, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_NONE);
}

/* Whether a config may pass a function through is its host's administrator's say: the dry run knows it too.
 */
static void a_host_may_allow_no_devices(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Vm *vm;

        a->refuses_pcidevs = b->refuses_pcidevs = true;
        fake_inventory_changed(a);
        fake_inventory_changed(b);
        world_run(w);
        vm = create_nic(w);
        assert_int_equal(world_start_vm(w, &vm->object.id, NULL), ERROR_CONFIG_NOT_ALLOWED);
        assert_non_null(strstr(w->refusal.message, "does not allow pcidevs"));
        assert_int_equal(a->n_starts + b->n_starts, 0);
        b->refuses_pcidevs = false;
        fake_inventory_changed(b);
        world_run(w);
        assert_int_equal(world_start_vm(w, &vm->object.id, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(vm->resident_on->name_label, "beta");
}

/* What a config may name there is the host's administrator's say: the start goes where it is allowed, and the refusal
 * names the key. A host that does not tell is asked as before. */
static void a_key_decides_the_host(void **state) {
        static const char *const kernel[] = {"b_info.kernel=/boot/", NULL};
        static const char record[] = "{\"name_label\":\"k\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":"
                                     "{\"max_memkb\":1048576,\"kernel\":\"/boot/vmlinuz\"}}}";
        StartOptions dry = {.dry_run = true};
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid id;
        Vm *vm;
        Job *j;

        a->allowed_config_keys = b->allowed_config_keys = no_keys;
        fake_inventory_changed(a);
        fake_inventory_changed(b);
        world_run(w);
        assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
        id = vm->object.id;
        assert_int_equal(vms_start(w->policy, vm, &dry, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_CONFIG_NOT_ALLOWED);
        assert_non_null(strstr(w->refusal.message, "does not allow what the VM's config says as b_info.kernel"));
        assert_non_null(strstr(w->refusal.message, "add b_info.kernel to the setting allowed_config_keys of"));
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_CONFIG_NOT_ALLOWED);
        assert_int_equal(a->n_starts + b->n_starts, 0);
        b->allowed_config_keys = kernel;
        fake_inventory_changed(b);
        world_run(w);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &id)->resident_on->name_label, "beta");
        fake_vm_ends(b, &id, "poweroff", NULL);
        a->allowed_config_keys = NULL;
        fake_inventory_changed(a);
        world_run(w);
        assert_int_equal(world_start_vm_on(w, &id, "alpha", NULL), ERROR_NONE);
}

/* What libxl has not: no host is asked for it. */
static void a_platform_that_no_host_has_is_refused_alike(void **state) {
        static const char *const platforms[] = {
                "\"vga\":\"foo\"", "\"igd_passthrough\":\"true\"", "\"nx\":\"maybe\""};
        StartOptions dry = {.dry_run = true};
        FakeHost *a;
        _cleanup_world_ World *w = world_of_one_k1(&a);

        for (size_t i = 0; i < ARRAY_SIZE(platforms); i++) {
                char record[256];
                Vm *vm;
                Job *j;

                snprintf(record, sizeof(record),
                        "{\"name_label\":\"v\",\"platform\":{%s},\"config\":{\"c_info\":{\"type\":\"hvm\"},"
                        "\"b_info\":{\"max_memkb\":1048576}}}",
                        platforms[i]);
                assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
                assert_int_equal(vms_start(w->policy, vm, &dry, &j, fresh(w)), 0);
                assert_int_equal(w->refusal.code, ERROR_INVALID_RECORD);
                assert_non_null(strstr(w->refusal.message, "VM 'v' cannot start: its platform."));
                assert_int_equal(world_start_vm(w, &vm->object.id, NULL), ERROR_INVALID_RECORD);
        }
        assert_int_equal(a->n_starts, 0);
}

/* Less memory than its maximum, or a host without an IOMMU: the dry run knows, and so does the start. */
static void a_device_wants_memory_and_an_iommu(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        StartOptions dry = {.dry_run = true};
        char record[256];
        Uuid id;
        Vm *vm;
        Job *j;

        for (unsigned i = 0; i < 2; i++) {
                snprintf(record, sizeof(record),
                        "{\"name_label\":\"nic\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":"
                        "1048576,\"target_memkb\":%u},\"pcidevs\":[{\"bus\":3}]}}",
                        i ? 1048576 : 524288);
                assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, fresh(w))), ERROR_NONE);
                id = vm->object.id;
                assert_int_equal(vms_start(w->policy, vm, &dry, &j, fresh(w)), 0);
                assert_int_equal(w->refusal.code, i ? ERROR_NONE : ERROR_INVALID_RECORD);
                if (i == 0)
                        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_INVALID_RECORD);
        }
        a->no_iommu = b->no_iommu = true;
        fake_inventory_changed(a);
        fake_inventory_changed(b);
        world_run(w);
        assert_int_equal(vms_start(w->policy, world_vm(w, &id), &dry, &j, fresh(w)), 0);
        assert_int_equal(w->refusal.code, ERROR_VM_REQUIRES_IOMMU);
        b->no_iommu = false;
        fake_inventory_changed(b);
        world_run(w);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &id)->resident_on->name_label, "beta");
}

/* A host that says no after all, since it knows more: the next one is tried. */
static void a_refused_device_sends_it_on(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm(w, "a"), job;

        a->refuse = ERROR_VM_REQUIRES_PCI;
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "beta");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(a->n_starts, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_dry_run_is_the_start),
                cmocka_unit_test(a_device_decides_the_host),
                cmocka_unit_test(a_gpu_that_the_config_names_is_booked),
                cmocka_unit_test(what_a_config_names_twice_is_ordered_once),
                cmocka_unit_test(a_config_is_set_with_its_gpus_or_not_at_all),
                cmocka_unit_test(a_host_without_devices_gets_no_vm_that_wants_one),
                cmocka_unit_test(a_vm_that_is_not_of_the_pool_keeps_its_device),
                cmocka_unit_test(a_host_may_allow_no_devices),
                cmocka_unit_test(a_key_decides_the_host),
                cmocka_unit_test(a_platform_that_no_host_has_is_refused_alike),
                cmocka_unit_test(a_device_wants_memory_and_an_iommu),
                cmocka_unit_test(a_refused_device_sends_it_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
