/*
 * The facts of a simulated host: what is free follows from what runs
 */

#include "common/json/json-get.h"
#include "hostd/edge/machine-facts.h"
#include "tests/unit/hostd-edge/test.h"

#define GIB (UINT64_C(1) << 30)

static MachineFactsSource *host(void **state, const char *json) {
        MachineFactsSource *source = NULL;

        if (json)
                write_file(state, "host.json", json);
        assert_ok(machine_facts_simulated_new((const char *) *state, &source));
        return source;
}

static void whole_host(void **state) {
        _cleanup_(machine_facts_source_freep) MachineFactsSource *source = NULL;
        _cleanup_(machine_facts_done) MachineFacts f = {};
        char json[700];

        write_file(state, "boot_id", "e1f3a0c2-0000-4000-8000-000000000001\n");
        snprintf(json, sizeof(json),
                "{\"memory_total\":68719476736,\"dom0_memory\":4294967296,\"cpus\":16,\"iommu\":false,"
                "\"hvm\":true,\"hostname\":\"alpha\","
                "\"networks\":[\"xenbr0\",\"xenbr1\"],\"storage\":[\"/images\"],\"boot_id_file\":\"%s\"}",
                in_folder(state, "boot_id"));
        source = host(state, json);
        assert_string_equal(source->ops->hypervisor, "simulated");
        assert_ok(machine_facts_read(source, &f));
        assert_int_equal(f.memory_total, 64 * GIB);
        assert_int_equal(f.memory_free, 60 * GIB);
        assert_int_equal(f.cpus, 16);
        assert_false(f.iommu);
        assert_true(f.hvm);
        assert_string_equal(f.networks[1], "xenbr1");
        assert_string_equal(f.storage[0], "/images");
        assert_string_equal(f.hostname, "alpha");
        assert_string_equal(f.boot_id, "e1f3a0c2-0000-4000-8000-000000000001");
}

static void least_host(void **state) {
        _cleanup_(machine_facts_source_freep) MachineFactsSource *source =
                host(state, "{\"memory_total\":1073741824}");
        _cleanup_(machine_facts_done) MachineFacts f = {};

        assert_ok(machine_facts_read(source, &f));
        assert_int_equal(f.memory_free, GIB);
        assert_true(f.iommu);
        assert_null(f.networks[0]);
        assert_null(f.storage[0]);
        assert_int_equal(strlen(f.boot_id), 36);
}

static void domains_take_memory(void **state) {
        _cleanup_(machine_facts_source_freep) MachineFactsSource *source =
                host(state, "{\"memory_total\":8589934592,\"dom0_memory\":1073741824}");
        static const char config[] =
                "{\"c_info\":{\"type\":\"hvm\",\"name\":\"x\"},\"b_info\":{\"max_vcpus\":1,\"max_memkb\":"
                "1048576,\"target_memkb\":1048576,\"type.hvm\":{}}}";
        uint64_t before, one, two;

        assert_ok(machine_facts_memory_free(source, &before));
        assert_int_equal(before, 7 * GIB);
        write_file(state, "dom/1/config.json", config);
        assert_ok(machine_facts_memory_free(source, &one));
        assert_true(one <= 6 * GIB && one > 6 * GIB - (64u << 20));

        /* Not a domain, not yet one, and one that another part of the host is writing. */
        write_file(state, "dom/next/config.json", config);
        write_file(state, "dom/2/other", "");
        write_file(state, "dom/3/config.json", "{\"c_info\":");
        assert_ok(machine_facts_memory_free(source, &two));
        assert_int_equal(two, one);

        for (char name[] = "dom/4/config.json"; name[4] <= '9'; name[4]++)
                write_file(state, name, config);
        write_file(state, "dom/10/config.json", config);
        assert_ok(machine_facts_memory_free(source, &two));
        assert_int_equal(two, 0);
}

static void impossible_hosts(void **state) {
        static const char *const cases[] = {
                "no JSON",
                "{}",
                "{\"memory_total\":-1}",
                "{\"memory_total\":1,\"cpus\":\"two\"}",
                "{\"memory_total\":1,\"networks\":\"xenbr0\"}",
                "{\"memory_total\":1,\"iommu\":1}",
                "{\"memory_total\":1,\"hostname\":7}",
                "{\"memory_total\":1,\"boot_id_file\":7}",
        };
        MachineFactsSource *source = host(state, NULL);
        uint64_t free_memory;
        MachineFacts f;

        assert_int_equal(machine_facts_read(source, &f), -ENOENT);
        assert_int_equal(machine_facts_memory_free(source, &free_memory), -ENOENT);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                write_file(state, "host.json", cases[i]);
                assert_int_equal(machine_facts_read(source, &f), -EBADMSG);
        }
        write_file(state, "host.json", "{}");
        assert_int_equal(machine_facts_memory_free(source, &free_memory), -EBADMSG);
        machine_facts_source_free(source);
        assert_null(machine_facts_source_free(NULL));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                IN_FOLDER(whole_host),
                IN_FOLDER(least_host),
                IN_FOLDER(domains_take_memory),
                IN_FOLDER(impossible_hosts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
