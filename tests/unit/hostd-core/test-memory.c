/*
 * No memory: each allocation of the core fails once
 *
 * The linker puts the functions below in the place of libc's (-Wl,--wrap). A story is told again and again,
 * with its first, second, third… allocation failing, until it gets through; each time before it must end with
 * -ENOMEM, and the sanitizer sees that nothing leaks.
 */

#include "hostd/core/enablement.h"
#include "hostd/core/epoch.h"
#include "hostd/core/idset.h"
#include "hostd/core/order-check.h"
#include "hostd/core/type-catalog.h"
#include "tests/unit/hostd-core/test.h"

/* Counted down to 0, where it stays: all that follows fails too, as on a full machine. -1: all succeed. */
static long allocations_left = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_vasprintf(char **ret, const char *format, va_list ap);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_vasprintf(char **ret, const char *format, va_list ap) __attribute__((__format__(printf, 2, 0)));

static bool fails(void) {
        if (allocations_left < 0)
                return false;
        if (allocations_left == 0)
                return true;
        allocations_left--;
        return false;
}

void *__wrap_malloc(size_t size) {
        return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
        return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size) {
        return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s) {
        return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n) {
        return fails() ? NULL : __real_strndup(s, n);
}

int __wrap_vasprintf(char **ret, const char *format, va_list ap) {
        return fails() ? -1 : __real_vasprintf(ret, format, ap);
}

typedef int (*Story)(void);

static void tell_story(Story story) {
        long n = 0;
        int r;

        do {
                allocations_left = n++;
                r = story();
                allocations_left = -1;
                assert_true(r == 0 || r == -ENOMEM);
        } while (r == -ENOMEM && n < 10000);
        assert_ok(r);
        assert_true(n > 1);
}

static int story_of_lists(void) {
        static const char gvtg[] = "1234 experimental=0 name='a' low_gm_sz=1 high_gm_sz=1 fence_sz=1 "
                                   "framebuffer_sz=1 max_heads=1 resolution=1x1\n"
                                   "1234 experimental=0 name='b' low_gm_sz=1 high_gm_sz=1 fence_sz=1 "
                                   "framebuffer_sz=1 max_heads=1 resolution=1x1\n";
        static const char mxgpu[] = "1234 experimental=0 name='a' framebuffer_sz=1 vgpus_per_pgpu=1\n1234 "
                                    "experimental=0 name='b' framebuffer_sz=1 vgpus_per_pgpu=1\n";
        TypeListEntry *g = NULL;
        TypeListEntry *m = NULL;
        size_t n_g = 0, n_m = 0;
        int r;

        r = type_list_parse(&type_list_gvtg, gvtg, strlen(gvtg), NULL, &g, &n_g);
        if (r >= 0)
                r = type_list_parse(&type_list_mxgpu, mxgpu, strlen(mxgpu), NULL, &m, &n_m);
        type_list_free(g, n_g);
        type_list_free(m, n_m);
        return r;
}

static int types_for(const TypeCatalog *c, uint16_t vendor, uint16_t device) {
        Pgpu p = { .vendor_id = vendor,
                .device_id = device,
                .vendor_name = (char *) "v",
                .device_name = (char *) "d",
                .bars_known = true,
                .bar2_size = 1u << 30 };
        HostType *types;
        size_t n;
        int r;

        r = catalog_types_for(c, &p, NULL, NULL, &types, &n);
        if (r >= 0)
                host_types_free(types, n);
        return r;
}

static int story_of_the_catalog(void) {
        NvidiaXmlType types[] = {
                { .id = (char *) "1", .name = (char *) "n", .vclass = (char *) "c", .vdev = 1 }
        };
        NvidiaXmlSupported supported[] = { { (char *) "1", 2 } };
        NvidiaXmlPgpu pgpus[] = { { .pdev = 1, .supported = supported, .n_supported = 1 } };
        CatalogConf confs[] = {
                { (char *) "a.conf", { .pdev = 1, .any_psubdev = true, .vdev = 1, .instances = 2 } },
                { (char *) "b.conf", { .pdev = 1, .any_psubdev = true, .vdev = 2, .instances = 2 } },
        };
        TypeListEntry gvtg[] = { { .pdev = 1, .name = (char *) "g", .low_gm_sz = 1 } };
        TypeListEntry mxgpu[] = { { .pdev = 1, .name = (char *) "m", .vgpus_per_pgpu = 1 } };
        TypeCatalog c = { .confs = confs,
                .n_confs = 2,
                .xml = { types, 1, pgpus, 1 },
                .gvtg = gvtg,
                .n_gvtg = 1,
                .mxgpu = mxgpu,
                .n_mxgpu = 1 };
        int r;

        r = types_for(&c, PCI_VENDOR_NVIDIA, 1);
        if (r >= 0)
                r = types_for(&c, PCI_VENDOR_INTEL, 1);
        if (r >= 0)
                r = types_for(&c, PCI_VENDOR_AMD, 1);
        return r;
}

static int change_enablement(Enablement *e, EnablementChange change, const char *wanted, const char *busy) {
        static const HostType types[] = { { .identifier = (char *) "a", .model_name = (char *) "name" },
                { .identifier = (char *) "b", .model_name = (char *) "name" } };
        char *supported[] = { (char *) "a", (char *) "b", NULL };
        Pgpu p = { .supported = supported };
        _cleanup_refusal_ Refusal refusal = {};
        Enablement next;
        int r;

        r = enablement_change(e, &p, types, 2, change, (const char *const[]){ wanted, NULL },
                (const char *const[]){ busy, NULL }, &next, &refusal);
        if (r >= 0 && refusal.code == ERROR_NONE) {
                enablement_done(e);
                *e = next;
        }
        return r;
}

static int story_of_enablement(void) {
        char *supported[] = { (char *) "a", (char *) "b", NULL }, **enabled = NULL;
        bool changed;
        Enablement e = {};
        int r;

        r = enablement_note_seen(&e, supported, &changed);
        if (r >= 0)
                r = enablement_enabled(&e, supported, &enabled);
        if (r >= 0)
                r = change_enablement(&e, ENABLEMENT_SET, "a", NULL);
        if (r >= 0)
                r = change_enablement(&e, ENABLEMENT_ADD, "b", NULL);
        if (r >= 0)
                r = change_enablement(&e, ENABLEMENT_REMOVE, "b", "b");
        if (r >= 0)
                r = change_enablement(&e, ENABLEMENT_SET, "name", NULL);
        if (r >= 0)
                r = change_enablement(&e, ENABLEMENT_SET, "none", NULL);
        strv_free(enabled);
        enablement_done(&e);
        return r;
}

static int story_of_a_claim(void) {
        _cleanup_refusal_ Refusal refusal = {}, stale = {};
        HostClaim first = {}, second = {}, third = {};
        int r;

        r = epoch_claim(&first, 7, "pool", "a", &second, &refusal);
        if (r >= 0)
                r = epoch_claim(&second, 6, "pool", "a", &third, &stale);
        if (r >= 0)
                third = epoch_release(&second);
        host_claim_done(&first);
        host_claim_done(&second);
        host_claim_done(&third);
        return r;
}

static int check(const HostView *view, OrderGpu gpu, uint64_t memory) {
        OrderRequest request = {
                .name_label = "vm", .hvm = true, .memory = memory, .gpus = &gpu, .n_gpus = 1
        };
        _cleanup_refusal_ Refusal refusal = {};

        return order_check(view, &request, NULL, &refusal);
}

static int story_of_orders(void) {
        char *supported[] = { (char *) "a", NULL };
        Pgpu p = { .device_name = (char *) "d", .supported = supported, .enabled = supported };
        HostType t = { .implementation = TYPE_NVIDIA,
                .identifier = (char *) "a",
                .model_name = (char *) "n",
                .instances = 1,
                .size = PGPU_SIZE,
                .type_id = (char *) "1" };
        HostView view = { .pgpus = &p, .n_pgpus = 1, .types = &t, .n_types = 1, .hvm = true };
        int r;

        r = check(&view, (OrderGpu){ .kind = TYPE_NVIDIA, .device = "0", .type_id = "1" }, 0);
        if (r >= 0)
                r = check(&view, (OrderGpu){ .kind = TYPE_NVIDIA, .device = "0", .type_id = "1" }, 1);
        if (r >= 0)
                r = check(&view, (OrderGpu){ .kind = TYPE_NVIDIA, .device = "x", .type_id = "1" }, 0);
        return r;
}

#define STORY(name)                                                                                          \
        static void name##_survives(void **state) {                                                          \
                tell_story(name);                                                                            \
        }
STORY(story_of_lists)
STORY(story_of_the_catalog)
STORY(story_of_enablement)
STORY(story_of_a_claim)
STORY(story_of_orders)

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(story_of_lists_survives),
                cmocka_unit_test(story_of_the_catalog_survives),
                cmocka_unit_test(story_of_enablement_survives),
                cmocka_unit_test(story_of_a_claim_survives),
                cmocka_unit_test(story_of_orders_survives),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
