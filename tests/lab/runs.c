/*
 * The VMs that run on a host
 *
 * Folders come and go while we look; one that cannot be read is none.
 */

#include <dirent.h>

#include "common/io/file.h"
#include "tests/lab/runs.h"

void run_done(Run *run) {
        free(run->name);
        *run = (Run){};
}

static int run_read(const LabHost *host, const char *folder, const char *uuid, Run *ret) {
        RunRecord record = {};
        StartOrder order = {};
        JsonReader reader = {};
        Run run = { .host = host };
        Uuid id;
        int r;

        r = uuid_from_string(uuid, &id);
        if (r >= 0)
                r = run_record_read(folder, &record);
        if (r < 0)
                return r;

        uuid_to_string(&id, run.uuid);
        run.domid = record.domid;
        run.state = record.state;
        run.program = record.program;
        run.emulator = record.emulator;
        run.qemu = record.qemu;
        run_record_done(&record);

        r = run_order_read(&reader, folder, &order);
        run.name = strdup(r >= 0 ? order.vm.name_label : "");
        if (r >= 0)
                start_order_done(&order);
        if (!run.name)
                return -ENOMEM;
        *ret = run;
        return 0;
}

int runs_each(const LabHost *host, RunVisitor visitor, void *userdata) {
        _cleanup_free_ char *folder = path_join(host->run, "vm");
        struct dirent *entry;
        DIR *d;

        if (!folder)
                return -ENOMEM;
        d = opendir(folder);
        if (!d)
                return errno == ENOENT ? 0 : -errno;
        while ((entry = readdir(d))) {
                _cleanup_free_ char *path = path_join(folder, entry->d_name);
                Run run;

                if (!path || run_read(host, path, entry->d_name, &run) < 0)
                        continue;
                visitor(&run, userdata);
                run_done(&run);
        }
        closedir(d);
        return 0;
}

typedef struct Search {
        const char *vm;
        Run found;
        size_t n;
} Search;

static void look(const Run *run, void *userdata) {
        Search *s = userdata;

        if (run->state == VM_STATE_HALTED || (strcasecmp(run->uuid, s->vm) != 0 && !streq(run->name, s->vm)))
                return;
        if (s->n++ > 0)
                return;
        s->found = *run;
        s->found.name = strdup(run->name);
}

int runs_find(const Lab *lab, const char *vm, Run *ret) {
        Search search = { .vm = vm };

        for (size_t i = 0; i < lab->n_hosts; i++)
                runs_each(&lab->hosts[i], look, &search);
        if (search.n == 0)
                return lab_fail(-ENOENT, "no VM '%s' runs on any host of the lab", vm);
        if (search.n > 1) {
                run_done(&search.found);
                return lab_fail(-ENOTUNIQ, "%zu VMs named '%s' run; give the uuid", search.n, vm);
        }
        *ret = search.found;
        return 0;
}
