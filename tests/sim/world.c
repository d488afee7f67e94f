/*
 * Building pools and starting VMs in them
 */

#include <stdio.h>

#include "tests/sim/world.h"

static Uuid next_id(SimWorld *w) {
        Uuid id = {.bytes = {0x51}};
        uint64_t n = ++w->ids;

        for (size_t i = 0; i < 8; i++)
                id.bytes[15 - i] = (uint8_t) (n >> (8 * i));
        return id;
}

void sim_world_forget(SimWorld *w) {
        for (Object *o = pool_take_changes(w->pool), *next; o; o = next) {
                next = o->next_changed;
                pool_forget(w->pool, o);
        }
}

static int add_type(SimWorld *w, const char *name, uint32_t instances, VgpuType **ret) {
        char identifier[SHAPE_NAME_MAX + 16];
        Uuid id = next_id(w);
        int r;

        snprintf(identifier, sizeof(identifier), "sim:%s", name);
        r = pool_add_vgpu_type(w->pool, &id, 0, identifier, "", name, ret);
        if (r >= 0)
                r = pool_set_type_size(w->pool, *ret, instances > 0 ? PGPU_SIZE / instances : 0,
                        instances > 0 ? TYPE_NVIDIA : TYPE_PASSTHROUGH);
        if (r >= 0 && instances > 0)
                r = pool_set_type_compatible(w->pool, *ret, (const char *const[]){identifier, NULL}, NULL);
        return r;
}

static int add_pgpu(SimWorld *w, Host *h, const ShapeCard *card) {
        PciAddress pci = {.domain = (uint16_t) (h->pgpus.n / 128), .bus = (uint8_t) (h->pgpus.n % 128 + 4)};
        VgpuType *types[SHAPE_TYPES_MAX + 1];
        Uuid id = next_id(w);
        size_t n = 0;
        Pgpu *p;
        int r;

        while (n < card->n_types) {
                types[n] = w->types[card->types[n]];
                n++;
        }
        types[n++] = w->passthrough;

        r = pool_add_pgpu(w->pool, &id, 0, h, &pci, "10de", "0000", &p);
        if (r >= 0)
                r = pool_set_pgpu_supported(w->pool, p, types, n);
        if (r >= 0)
                r = pool_set_pgpu_enabled(w->pool, p, types, n);
        if (r >= 0)
                r = pool_set_pgpu_group(w->pool, p, w->groups[card->group]);
        return r;
}

static int add_host(SimWorld *w, const ShapeHost *shape) {
        Uuid id = next_id(w);
        Host *h;
        int r;

        r = pool_add_host(w->pool, &id, 0, shape->name, "unix:path=/none", &h);
        if (r < 0)
                return r;

        pool_set_host_state(w->pool, h, HOST_ONLINE, "");
        pool_set_host_memory(w->pool, h, UINT64_C(1) << 50, UINT64_C(1) << 50);
        h->hvm = h->iommu = true;
        for (size_t i = 0; i < shape->n_cards && r >= 0; i++)
                for (uint32_t j = 0; j < w->shape->cards[shape->cards[i]].pgpus && r >= 0; j++)
                        r = add_pgpu(w, h, &w->shape->cards[shape->cards[i]]);
        return r;
}

int sim_world_new(const Shape *shape, GroupAlgorithm algorithm, SimWorld *ret) {
        _cleanup_sim_world_ SimWorld w = {.shape = shape};
        int r;

        w.pool = pool_new();
        if (!w.pool)
                return -ENOMEM;

        r = add_type(&w, "passthrough", 0, &w.passthrough);
        for (size_t i = 0; i < shape->n_types && r >= 0; i++)
                r = add_type(&w, shape->types[i].name, shape->types[i].instances, &w.types[i]);

        for (size_t i = 0; i < shape->n_cards && r >= 0; i++) {
                Uuid id = next_id(&w);

                if (shape->cards[i].group != i)
                        continue;
                r = pool_add_gpu_group(w.pool, &id, 0, shape->cards[i].group_name, &w.groups[i]);
                if (r >= 0)
                        pool_set_group_algorithm(w.pool, w.groups[i], algorithm);
        }

        for (size_t i = 0; i < shape->n_hosts && r >= 0; i++)
                r = add_host(&w, &shape->hosts[i]);
        if (r < 0)
                return r;

        sim_world_forget(&w);
        *ret = w;
        w = (SimWorld){};
        return 0;
}

void sim_world_done(SimWorld *w) {
        w->pool = pool_free(w->pool);
}

int sim_world_add_vm(SimWorld *w, const Arrival *a, Vm **ret) {
        Uuid id = next_id(w);
        int r;

        r = pool_add_vm(w->pool, &id, 0, "vm", ret);
        for (size_t i = 0; i < a->n_vgpus && r >= 0; i++) {
                bool whole = a->vgpus[i].type == TYPE_PASSTHROUGH_INDEX;
                Uuid vgpu = next_id(w);
                Vgpu *v;

                r = pool_add_vgpu(w->pool, &vgpu, 0, *ret, w->groups[a->vgpus[i].group],
                        whole ? w->passthrough : w->types[a->vgpus[i].type], (uint32_t) i, &v);
        }
        if (r < 0)
                return r;

        (*ret)->hvm = (*ret)->target_is_max = true;
        return 0;
}

int sim_world_start(SimWorld *w, Vm *vm, bool *ret_refused) {
        const AllocRequest request = {.vm = vm};
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        demand_note(w->pool, vm);
        r = allocate(w->pool, &request, NULL, &a);
        if (r < 0)
                return r;

        *ret_refused = a.refusal.code != ERROR_NONE;
        if (!*ret_refused)
                r = allocation_apply(w->pool, vm, NULL, &a);
        sim_world_forget(w);
        return r;
}

void sim_world_remove_vm(SimWorld *w, Vm *vm) {
        pool_remove(w->pool, &vm->object);
        sim_world_forget(w);
}
