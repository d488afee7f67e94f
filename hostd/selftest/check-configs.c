/*
 * The self-test: the configs of the VMs that run
 *
 * A VM that runs goes on, whatever its config names; its next start would be refused.
 */

#include "common/io/file.h"
#include "common/base/strbuf.h"
#include "hostd/edge/config-check.h"
#include "hostd/run/run-record.h"
#include "hostd/selftest/checks.h"

typedef struct ConfigReport {
        const StartOrder *order;
        StrBuf text; /* a line for each key */
        unsigned n_vms, n_keys;
        bool first; /* of this VM */
} ConfigReport;

static int note_key(const char *path, const char *key, const char *fault, void *userdata) {
        ConfigReport *c = userdata;

        strbuf_addf(&c->text, "%sVM '%s': %s%s%s (key %s)", c->text.len > 0 ? "\n" : "",
                c->order->vm.name_label, path, fault ? " " : "", strempty(fault), key);
        c->n_keys++;
        c->n_vms += c->first;
        c->first = false;
        return strbuf_error(&c->text);
}

static int look_at_order(Selftest *t, const char *folder, ConfigReport *c) {
        const ConfigRules rules = host_settings_config_rules(t->host);
        JsonReader reader = {};
        StartOrder order;
        int r;

        r = run_order_read(&reader, folder, &order);
        if (r < 0)
                return r;
        c->order = &order;
        c->first = true;
        r = config_check(&order, &rules, note_key, c);
        start_order_done(&order);
        return r;
}

static int look_at_orders(Selftest *t, const char *folder, ConfigReport *c) {
        _cleanup_(strv_freep) char **names = NULL;
        Uuid uuid;
        int r = 0;

        (void) folder_list(folder, &names);
        for (char **name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *path = NULL;

                if (uuid_from_string(*name, &uuid) < 0)
                        continue;
                path = path_join(folder, *name);
                r = path ? look_at_order(t, path, c) : -ENOMEM;
                if (r < 0 && r != -ENOMEM)
                        r = 0; /* it ended meanwhile */
        }
        return r;
}

void check_configs(Selftest *t) {
        _cleanup_free_ char *folder = path_join(t->runtime_dir, "vm"), *text = NULL;
        _cleanup_strlist_ StrList lines = {};
        const char *name = "configs of the VMs that run";
        ConfigReport c = {};
        int r;

        r = folder ? look_at_orders(t, folder, &c) : -ENOMEM;
        text = strbuf_take(&c.text);
        if (r < 0 || !text)
                report_failed(
                        &t->report, name, "See what the journal says of memory.", "they cannot be read");
        else if (c.n_keys == 0)
                report_ok(&t->report, name, "they name nothing of the host that is not allowed");
        else {
                report_failed(&t->report, name,
                        "Look whether it is meant, and add the key to the setting allowed_config_keys of "
                        "hostd.conf, or the disk's folder to storage; else take it out of the VM's config.",
                        "%u VM%s run%s now and would be refused at the next start", c.n_vms, PLURAL(c.n_vms),
                        c.n_vms == 1 ? "s" : "");
                strlist_add_split(&lines, text, "\n");
                for (size_t i = 0; i < lines.n; i++)
                        report_note(&t->report, "%s", lines.items[i]);
        }
}
