/*
 * A pool for the tests of the store, and folders to keep it in
 */

#include "tests/unit/policyd-store/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/lmdb/table.h"

static const char config[] = "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576,\"target_"
                             "memkb\":1048576,\"max_vcpus\":2},\"nics\":[{\"bridge\":\"xenbr0\"}]}";

int make_dir(void **state) {
        char *dir = strdup("/tmp/xenvgpu-store-XXXXXX");

        *state = mkdtemp(dir);
        return *state ? 0 : -1;
}

int drop_dir(void **state) {
        remove_tree(*state);
        free(*state);
        return 0;
}

Uuid make_id(uint8_t n) {
        return (Uuid){.bytes = {[0] = 0xab, [15] = n}};
}

Pool *make_pool(void) {
        Pool *pool = pool_new();
        const PciAddress pci = {.bus = 7};
        Host *h;
        GpuGroup *g;
        VgpuType *t;
        Pgpu *p;
        Vm *running, *starting, *halted;
        Vgpu *v;
        Reservation *r;
        Quota *q;
        VmGroup *spread;
        Job *j;
        Uuid token = make_id(99);

        assert_int_equal(pool_add_host(pool, (Uuid[]){make_id(1)}, 0, "alpha", "system", &h), 0);
        h->host_uuid = make_id(77);
        text_set(&h->boot_id, "boot");
        strv_set(&h->networks, (const char *const[]){"xenbr0", NULL});
        pool_set_host_enabled(pool, h, true);
        pool_set_host_memory(pool, h, UINT64_C(64) << 30, UINT64_C(60) << 30);
        h->iommu = h->hvm = true;
        pool_set_host_unheard(pool, h, true);
        assert_int_equal(pool_add_gpu_group(pool, (Uuid[]){make_id(2)}, 0, "Group of K1", &g), 0);
        pool_set_group_algorithm(pool, g, ALGORITHM_BREADTH_FIRST);
        pool_set_group_gpu_types(pool, g, (const char *const[]){"10de/0ff2", NULL});
        assert_int_equal(pool_add_vgpu_type(pool, (Uuid[]){make_id(3)}, 0, "0001:nvidia,0ff2,,0fe7,101e",
                                 "NVIDIA Corporation", "GRID K100", &t),
                0);
        pool_set_type_size(pool, t, 131072, TYPE_NVIDIA);
        pool_set_type_compatible(pool, t, (const char *const[]){"0001:nvidia,0ff2,,0fe7,101e", NULL},
                (const char *const[]){NULL});
        text_set(&t->internal_config, "{\"type_id\":\"11\"}");
        t->framebuffer_size = 268435456;
        t->max_heads = 2;
        assert_int_equal(pool_add_pgpu(pool, (Uuid[]){make_id(4)}, 0, h, &pci, "10de", "0ff2", &p), 0);
        text_set(&p->device_name, "GK107GL [GRID K1]");
        pool_set_pgpu_group(pool, p, g);
        pool_set_pgpu_supported(pool, p, &t, 1);
        pool_set_pgpu_enabled(pool, p, &t, 1);
        assert_int_equal(pool_add_reservation(pool, (Uuid[]){make_id(5)}, 0, "for-monday", g, t, 3, &r), 0);
        r->expires = 1234567890;
        assert_int_equal(pool_set_reservation_owner(pool, r, "lab"), 0);
        assert_int_equal(pool_hold(pool, r, p), 0);
        assert_int_equal(pool_hold(pool, r, p), 0);
        assert_int_equal(pool_add_quota(pool, (Uuid[]){make_id(40)}, 0, "lab", g, &q), 0);
        pool_set_quota_limits(pool, q, 4, QUOTA_UNLIMITED);
        assert_int_equal(pool_add_quota(pool, (Uuid[]){make_id(41)}, 0, OWNER_ANY, NULL, &q), 0);
        pool_set_quota_limits(pool, q, QUOTA_UNLIMITED, PGPU_SIZE);

        assert_int_equal(
                pool_add_vm_group(pool, (Uuid[]){make_id(42)}, 0, "web", PLACEMENT_ANTI_AFFINITY, &spread),
                0);
        Vm **const vms[] = {&running, &starting, &halted};
        for (uint8_t i = 0; i < 3; i++) {
                assert_int_equal(
                        pool_add_vm(pool, (Uuid[]){make_id((uint8_t) (10 + i))}, 0, "vm", vms[i]), 0);
                assert_int_equal(pool_set_vm_owner(pool, *vms[i], "lab"), 0);
                assert_int_equal(pool_set_vm_group(pool, *vms[i], spread), 0);
                text_set(&(*vms[i])->config, config);
                text_set(&(*vms[i])->platform, "{\"vga\":\"std\"}");
                assert_int_equal(
                        pool_add_vgpu(pool, (Uuid[]){make_id((uint8_t) (20 + i))}, 0, *vms[i], g, t, i, &v),
                        0);
        }
        pool_set_vm_resident(pool, running, h);
        pool_set_vm_power_state(pool, running, POWER_RUNNING);
        pool_set_vm_booking(pool, running, BOOKING_RESIDENT, &token);
        pool_set_vgpu_resident(pool, running->vgpus.items[0], p);
        pool_set_vgpu_attached(pool, running->vgpus.items[0], true);
        running->order = 9;
        running->uuid_given = true;
        text_set(&running->decision, "{\"score\":8}");
        pool_set_vm_scheduled(pool, starting, h);
        pool_set_vm_booking(pool, starting, BOOKING_RESERVED, &token);
        starting->reservation = r;
        pool_set_vgpu_scheduled(pool, starting->vgpus.items[0], p);
        v = halted->vgpus.items[0];
        v->pinned = true;
        v->pinned_pci = pci;
        text_set(&v->extra_args, "foo=bar");

        assert_int_equal(pool_add_job(pool, (Uuid[]){make_id(30)}, 0, "start", &j), 0);
        j->objects[0].class = CLASS_VM;
        j->objects[0].id = make_id(11);
        j->n_objects = 1;
        j->token = token;
        pool_set_job_state(pool, j, JOB_RUNNING, "sent", 0.5, 1000);
        assert_int_equal(pool_add_job(pool, (Uuid[]){make_id(31)}, 0, "shutdown", &j), 0);
        pool_set_job_error(pool, j, ERROR_HOST_OFFLINE, "The host went away.");
        pool_set_job_state(pool, j, JOB_FAILED, "failed", -1, 2000);
        return pool;
}

int open_store(const char *dir, size_t map_size, size_t map_max, Db **ret) {
        const DbSource database = db_in_folder(dir);
        _cleanup_free_ char *problem = NULL;

        return store_open(&database, map_size, map_max, &problem, ret);
}

void write_pool(const char *dir, Pool *pool) {
        _cleanup_(db_closep) Db *s = NULL;
        _cleanup_(store_ops_done) StoreOps ops = {};
        const StoreMeta meta = {.pool = make_id(200), .epoch = 7, .next_key = pool->next_key};
        const StoreAnswer answer = {
                .key = "0 CreateVM k", .digest = "d", .path = "/x", .class = CLASS_VM, .object = make_id(10)};

        assert_int_equal(open_store(dir, 1 << 20, 1 << 24, &s), 0);
        assert_int_equal(store_ops_put_meta(&ops, &meta), 0);
        assert_int_equal(store_ops_put_answer(&ops, &answer), 0);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                for (size_t i = 0; i < pool->objects[c].n; i++)
                        assert_int_equal(store_ops_put_object(&ops, pool->objects[c].items[i]), 0);
        assert_int_equal(store_write(s, &ops), 0);
}

static int see_answer(const StoreAnswer *answer, void *userdata) {
        assert_string_equal(answer->key, "0 CreateVM k");
        assert_string_equal(answer->digest, "d");
        assert_int_equal(answer->class, CLASS_VM);
        (*(unsigned *) userdata)++;
        return 0;
}

int load_pool(const char *dir, Pool **ret, UnreadableRows *ret_rows, char **ret_problem) {
        _cleanup_(db_closep) Db *s = NULL;
        unsigned n_answers = 0;
        StoreMeta meta;
        int r;

        assert_int_equal(open_store(dir, 1 << 20, 1 << 24, &s), 0);
        r = store_load(s, see_answer, &n_answers, ret, &meta, ret_rows, ret_problem);
        if (r == 0 && meta.epoch != 0 && ret_rows->n == 0) {
                assert_int_equal(meta.epoch, 7);
                assert_int_equal(n_answers, 1);
        }
        return r;
}
