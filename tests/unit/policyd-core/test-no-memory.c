/*
 * Without memory
 *
 * Each operation is tried again and again, with its first, second, third … allocation failing, until it
 * succeeds. It must say -ENOMEM, and leave a pool whose invariants hold. The linker puts our allocators in
 * front of libc's.
 */

#include <stdio.h>

#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX

/* How many allocations still succeed; negative: all. */
static long countdown = -1;

static bool fails(void) {
        if (countdown < 0)
                return false;
        if (countdown == 0)
                return true;
        countdown--;
        return false;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
int __real_vasprintf(char **ret, const char *format, va_list args);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_vasprintf(char **ret, const char *format, va_list args);
int __wrap_asprintf(char **ret, const char *format, ...) _printf_(2, 3);

void *__wrap_malloc(size_t size) {
        return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
        return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size) {
        return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *text) {
        return fails() ? NULL : __real_strdup(text);
}

int __wrap_vasprintf(char **ret, const char *format, va_list args) {
        return fails() ? -1 : __real_vasprintf(ret, format, args);
}

int __wrap_asprintf(char **ret, const char *format, ...) {
        va_list args;
        int n;

        va_start(args, format);
        n = fails() ? -1 : __real_vasprintf(ret, format, args);
        va_end(args);
        return n;
}

/* The pool that every operation starts from. */
typedef struct Scene {
        World *w;
        Host *host;
        Pgpu *k1, *k2;
        Vm *vm, *two;
        Reservation *reservation;
        Uuid id;
} Scene;

static Scene scene_new(void) {
        Scene s = {.w = world_new()};
        Uuid id = world_id(s.w);

        s.host = world_host(s.w, "alpha");
        s.k1 = world_pgpu(s.w, s.host, K1);
        s.k2 = world_pgpu(s.w, s.host, K2);
        world_pgpu(s.w, s.host, K2);
        s.vm = world_vm(s.w, "vm", K100, END);
        s.two = world_vm(s.w, "two", K200, K260Q, END);
        world_resident(s.w, s.k1, K100);
        assert_int_equal(pool_add_reservation(s.w->pool, &id, 0, "demo", s.w->groups[K1], s.w->types[K100], 2,
                                 &s.reservation),
                0);
        s.id = world_id(s.w);
        return s;
}

static int add_host(Scene *s) {
        Host *h;

        return pool_add_host(s->w->pool, &s->id, 0, "beta", "unix:path=/x", &h);
}

static int add_pgpu(Scene *s) {
        PciAddress pci = {.bus = 7};
        Pgpu *p;
        int r;

        r = pool_add_pgpu(s->w->pool, &s->id, 0, s->host, &pci, "10de", "0ff2", &p);
        r = r ?: pool_set_pgpu_supported(s->w->pool, p, s->w->types, 3);
        r = r ?: pool_set_pgpu_enabled(s->w->pool, p, s->w->types, 2);
        r = r ?: pool_set_pgpu_disabling(s->w->pool, p, s->w->types, 1);
        r = r ?: pool_set_pgpu_group(s->w->pool, p, s->w->groups[K1]);
        return r ?: pool_set_pgpu_supported(s->w->pool, p, s->w->types, 6);
}

static int add_group_and_type(Scene *s) {
        GpuGroup *g;
        VgpuType *t;
        Uuid id = s->id;
        int r;

        id.bytes[1] = 1;
        r = pool_add_gpu_group(s->w->pool, &s->id, 0, "new", &g);
        r = r ?: pool_add_vgpu_type(s->w->pool, &id, 0, "0001:nvidia,1,,2,3", "NVIDIA", "new", &t);
        r = r
                    ?: pool_set_type_compatible(s->w->pool, t, (const char *const[]){"a", NULL},
                               (const char *const[]){"b", NULL});
        r = r ?: pool_set_pgpu_group(s->w->pool, s->k2, NULL);
        return r ?: pool_set_pgpu_group(s->w->pool, s->k2, g);
}

static int add_vm_and_vgpu(Scene *s) {
        Uuid id = s->id;
        Vgpu *v;
        Vm *vm;
        int r;

        id.bytes[1] = 1;
        r = pool_add_vm(s->w->pool, &s->id, 0, "new", &vm);
        return r ?: pool_add_vgpu(s->w->pool, &id, 0, vm, s->w->groups[K1], s->w->types[K100], 0, &v);
}

static int decide(Scene *s, Vm *vm, const AllocVisitor *visitor, bool book);

static int give_owners_a_quota(Scene *s) {
        Vm *running = ((Vgpu *) s->k1->vgpus.items[0])->vm;
        Quota *q;
        int r;

        r = pool_add_quota(s->w->pool, &s->id, 0, "ada", s->w->groups[K1], &q);
        r = r ?: pool_set_vm_owner(s->w->pool, running, "ada");
        r = r ?: pool_set_vm_owner(s->w->pool, s->vm, "bob");
        r = r ?: pool_set_vm_owner(s->w->pool, s->two, "ada");
        r = r ?: pool_set_reservation_owner(s->w->pool, s->reservation, "eve");
        return r ?: pool_set_vm_owner(s->w->pool, running, "bob");
}

static int refuse_for_a_quota(Scene *s) {
        int r;

        r = give_owners_a_quota(s);
        r = r ?: pool_set_vm_owner(s->w->pool, s->vm, "ada");
        if (r < 0)
                return r;
        pool_set_quota_limits(s->w->pool, s->w->pool->objects[CLASS_QUOTA].items[0], 0, 0);
        return decide(s, s->vm, NULL, /* book= */ false);
}

static int group_vms(Scene *s) {
        VmGroup *g;
        int r;

        r = pool_add_vm_group(s->w->pool, &s->id, 0, "web", PLACEMENT_ANTI_AFFINITY, &g);
        r = r ?: pool_set_vm_group(s->w->pool, s->vm, g);
        r = r ?: pool_set_vm_group(s->w->pool, s->two, g);
        return r ?: decide(s, s->vm, NULL, /* book= */ true);
}

static int add_job(Scene *s) {
        Job *j;
        int r;

        r = pool_add_job(s->w->pool, &s->id, 0, "start", &j);
        if (r < 0)
                return r;
        pool_set_job_state(s->w->pool, j, JOB_RUNNING, "stage", 0, 1);
        return pool_set_job_error(s->w->pool, j, ERROR_DOMAIN_FAILED, "no");
}

static int reserve(Scene *s) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ Pgpu **pgpus = NULL;
        int r;

        r = holds_in_words(s->w->pool, s->w->groups[K1], s->w->types[K100], 2, &pgpus, &refusal);
        for (size_t i = 0; r >= 0 && i < 2; i++)
                r = pool_hold(s->w->pool, s->reservation, pgpus[i]);
        return r;
}

static int decide(Scene *s, Vm *vm, const AllocVisitor *visitor, bool book) {
        AllocRequest request = {.vm = vm};
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = allocate_in_words(s->w->pool, &request, visitor, &a);
        if (r >= 0 && book)
                r = allocation_apply(s->w->pool, vm, NULL, &a);
        return r;
}

static int start_one(Scene *s) {
        return decide(s, s->vm, NULL, /* book= */ true);
}

static int start_two(Scene *s) {
        return decide(s, s->two, NULL, /* book= */ true);
}

static int refuse(Scene *s) {
        pool_set_host_memory(s->w->pool, s->host, GIB, MIB);
        return decide(s, s->vm, NULL, /* book= */ false);
}

static int refuse_for_gpus(Scene *s) {
        int r;

        r = pool_set_pgpu_enabled(s->w->pool, s->k1, &s->w->types[K140Q], 1);
        return r ?: decide(s, s->vm, NULL, /* book= */ false);
}

static void listen(const HostVerdict *v, void *userdata) {
        _cleanup_strbuf_ StrBuf b = {};

        sentence_host_verdict(&b, v);
        assert_true(strbuf_error(&b) < 0 || b.len > 0);
}

static void listen_pgpu(
        const Host *h, const Vgpu *vgpu, const PgpuVerdict *v, const PgpuRemedy *remedy, void *userdata) {
        _cleanup_strbuf_ StrBuf b = {};

        sentence_vgpu_verdict(&b, vgpu, v);
        sentence_remedy(&b, remedy);
        assert_true(strbuf_error(&b) < 0 || b.len > 0);
}

static int explain(Scene *s) {
        AllocVisitor visitor = {.host = listen, .pgpu = listen_pgpu};

        return decide(s, s->two, &visitor, /* book= */ false);
}

static int refuse_change(Scene *s) {
        _cleanup_refusal_ Refusal a = {}, b = {};
        int r;

        r = rule_pgpu_set_group(s->k1, s->w->groups[K2], &a);
        return r ?: rule_group_destroy(s->w->groups[K2], &b);
}

static int hear_of_a_host(Scene *s) {
        char network[] = "xenbr1", storage[] = "/tank";
        const HostFacts facts = {
                .boot_id = "another",
                .networks = (char *const[]){network, NULL},
                .storage = (char *const[]){storage, NULL},
        };

        return pool_set_host_facts(s->w->pool, s->host, &facts);
}

typedef struct Operation {
        const char *name;
        int (*run)(Scene *s);
} Operation;

static const Operation operations[] = {
        {"adding a host", add_host},
        {"adding a PGPU", add_pgpu},
        {"adding a group and a type", add_group_and_type},
        {"adding a VM and a VGPU", add_vm_and_vgpu},
        {"adding a job", add_job},
        {"giving owners a quota", give_owners_a_quota},
        {"refusing for a quota", refuse_for_a_quota},
        {"grouping VMs", group_vms},
        {"reserving", reserve},
        {"starting a VM with one VGPU", start_one},
        {"starting a VM with two VGPUs", start_two},
        {"refusing for memory", refuse},
        {"refusing for GPUs", refuse_for_gpus},
        {"explaining", explain},

        {"refusing a change", refuse_change},
        {"hearing of a host", hear_of_a_host},
};

static void says_so_and_stays_sound(void **state) {
        const Operation *operation = *state;
        int r = -ENOMEM;

        for (long n = 0; r == -ENOMEM; n++) {
                Scene s = scene_new();

                assert_true(n < 1000);
                countdown = n;
                r = operation->run(&s);
                countdown = -1;
                assert_true(r == 0 || r == -ENOMEM);
                world_free(s.w);
        }
}

static void a_pool_needs_memory(void **state) {
        Pool *pool = NULL;

        for (long n = 0; !pool; n++) {
                assert_true(n < 100);
                countdown = n;
                pool = pool_new();
                countdown = -1;
        }
        pool_free(pool);
}

int main(void) {
        struct CMUnitTest tests[ARRAY_SIZE(operations) + 1] = {cmocka_unit_test(a_pool_needs_memory)};

        for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
                tests[i + 1] = (struct CMUnitTest){.name = operations[i].name,
                        .test_func = says_so_and_stays_sound,
                        .initial_state = (void *) &operations[i]};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
