/*
 * A simulated host, read from its folder
 */

#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/text.h"
#include "common/io/file.h"
#include "hostd/run/json-file.h"
#include "hostd/run/sim-host.h"
#include "protocol/vm-record.h"

static const SimHost defaults = { .cpus = 1, .iommu = true, .hvm = true };

static const RecordField fields[] = {
        FIELD(SimHost, memory_total, REQUIRED, U64),
        FIELD(SimHost, dom0_memory, OPTIONAL, U64),
        FIELD(SimHost, cpus, OPTIONAL, U32),
        FIELD(SimHost, iommu, OPTIONAL, BOOL),
        FIELD(SimHost, hvm, OPTIONAL, BOOL),
        FIELD(SimHost, networks, OPTIONAL, STRV),
        FIELD(SimHost, storage, OPTIONAL, STRV),
        FIELD(SimHost, hostname, IF_SET, TEXT),
        FIELD(SimHost, boot_id_file, IF_SET, TEXT),
};

static const RecordTable table = RECORD_TABLE(SimHost, fields, .defaults = &defaults);

int sim_host_read(const char *dir, SimHost *ret) {
        return json_file_read_record(dir, "host.json", JSON_SIZE_MAX, &table, ret);
}

void sim_host_done(SimHost *h) {
        record_done(&table, h);
}

int sim_host_domains(const char *dir, char ***ret) {
        _cleanup_free_ char *folder = path_join(dir, "dom");
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_strlist_ StrList domids = {};
        int r;

        r = folder ? folder_list(folder, &names) : -ENOMEM;
        for (char **name = names; r >= 0 && *name; name++) {
                uint32_t domid;

                if (parse_u32(*name, &domid) >= 0)
                        strlist_add(&domids, *name);
        }
        /* No domain was made yet. */
        return r < 0 && r != -ENOENT ? r : strlist_take(&domids, ret);
}

int sim_host_config(const char *dir, const char *domid, struct json_object **ret) {
        _cleanup_free_ char *path = text_printf("%s/dom/%s/config.json", dir, domid);

        return path ? json_file_read(path, NULL, JSON_SIZE_MAX, ret) : -ENOMEM;
}

int sim_host_needs(struct json_object *config, uint64_t *ret) {
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        int r;

        /* The video memory of a vGPU stands in the config by now. */
        r = vm_config_needs(&(JsonReader){}, config, /* has_vgpu= */ false, &needs);
        if (r >= 0)
                *ret = needs.memory;
        return r;
}

int sim_host_free_memory(const char *dir, const SimHost *host, uint64_t *ret) {
        _cleanup_(strv_freep) char **domids = NULL;
        uint64_t taken = host->dom0_memory, needs;
        int r;

        r = sim_host_domains(dir, &domids);
        if (r < 0)
                return r;
        for (char **domid = domids; *domid; domid++) {
                _cleanup_json_ struct json_object *config = NULL;

                r = sim_host_config(dir, *domid, &config);
                if (r >= 0)
                        r = sim_host_needs(config, &needs);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0 && __builtin_add_overflow(taken, needs, &taken))
                        taken = UINT64_MAX;
        }
        *ret = host->memory_total > taken ? host->memory_total - taken : 0;
        return 0;
}
