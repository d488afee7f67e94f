/*
 * Verbs of VMs and of their groups
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "common/base/strlist.h"
#include "common/base/text.h"
#include "policyd/ctl/explain.h"
#include "policyd/ctl/file-argument.h"
#include "policyd/ctl/verbs.h"
#include "policyd/ctl/vm-live.h"
#include "policyd/ctl/vm-size.h"
#include "policyd/ctl/xl-file.h"
#include "protocol/names.h"
#include "protocol/vm-record.h"

#define MEMORY_DEFAULT (1ULL << 30)
#define PLATFORM_PREFIX "platform:"

static int bad_config(const char *reason) {
        return ctl_say_error("org.xenvgpu.Error.InvalidRecord", reason);
}

static int unreadable(const char *what, const JsonReader *reader) {
        char sentence[sizeof(reader->error) + 64];

        text_format(sentence, sizeof(sentence), "The %s cannot be read: %s.", what, reader->error);
        return bad_config(sentence);
}

static int unreadable_config(const JsonReader *reader) {
        return unreadable("config", reader);
}

/* config=@FILE: libxl's JSON, or a whole VM record, which then gives owner and platform too; or xl's own format. */
static int read_config(Ctl *ctl, struct json_object **ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        size_t size;
        int r;

        r = file_argument_read(ctl_arg(ctl, "config"), &text, &size);
        if (r != 0)
                return r;
        if (xl_file_looks_so(text))
                return xl_file_read(text, size, ret);
        r = json_parse(&reader, text, size, &o);
        if (r == -EINVAL)
                return unreadable_config(&reader);
        if (r < 0)
                return ctl_no_memory();
        if (!json_object_is_type(o, json_type_object))
                return bad_config("The config is no JSON object.");
        *ret = take_ptr(o);
        return 0;
}

/* given NULL: the least config. The caller puts *ret. */
static int build_config(Ctl *ctl, struct json_object *given, struct json_object **ret) {
        const char *memory_text = ctl_arg(ctl, "memory"), *vcpus_text = ctl_arg(ctl, "vcpus");
        uint64_t memory = 0;
        uint32_t vcpus = 0;
        int r;

        r = memory_text ? vm_read_memory("memory", memory_text, &memory) : 0;
        if (r != 0)
                return r;
        r = vcpus_text ? vm_read_vcpus("vcpus", vcpus_text, &vcpus) : 0;
        if (r != 0)
                return r;

        if (given)
                r = vm_config_set_size(given, &(VmSize){ .max = memory, .target = memory, .vcpus = vcpus });
        else if (vm_config_make(ctl_arg(ctl, "name-label"), memory ?: MEMORY_DEFAULT, vcpus ?: 1, ret) < 0)
                r = ctl_no_memory();
        if (r == 0 && given)
                *ret = json_object_get(given);
        return r;
}

static int add_platform(const Ctl *ctl, struct json_object *record) {
        int r = 0;

        for (size_t i = 0; i < ctl->args.n && r >= 0; i++) {
                const char *key = startswith(ctl->args.args[i].key, PLATFORM_PREFIX);

                if (!key)
                        continue;
                if (!answer_member(record, "platform"))
                        r = json_add(record, "platform", json_object_new_object());
                if (r >= 0)
                        r = json_add_string(answer_member(record, "platform"), key, ctl->args.args[i].value);
        }
        return r;
}

static int build_record(Ctl *ctl, struct json_object **ret) {
        static const struct {
                const char *key, *member;
        } texts[] = {{"name-label", "name_label"}, {"owner", "owner"}, {"affinity", "affinity"}};
        _cleanup_json_ struct json_object *record = NULL, *given = NULL;
        struct json_object *config = NULL, *inner;
        int r;

        r = ctl_arg(ctl, "config") ? read_config(ctl, &given) : 0;
        if (r != 0)
                return r;
        /* A config of libxl has c_info and b_info; a VM record has config. */
        inner = answer_member(given, "config");
        record = inner ? json_object_get(given) : json_object_new_object();
        if (!record)
                return ctl_no_memory();

        r = build_config(ctl, inner ? inner : given, &config);
        if (r != 0)
                return r;
        r = json_add(record, "config", config);
        for (size_t i = 0; i < ARRAY_SIZE(texts) && r >= 0; i++)
                if (ctl_arg(ctl, texts[i].key))
                        r = json_add_string(record, texts[i].member, ctl_arg(ctl, texts[i].key));
        if (r < 0 || add_platform(ctl, record) < 0)
                return ctl_no_memory();
        *ret = take_ptr(record);
        return 0;
}

/* A file of xl's has both, and they are the VM's where the command line says nothing else. */
static int adopt_identity(struct json_object *record) {
        struct json_object *c_info = answer_member(answer_member(record, "config"), "c_info");
        const char *uuid = answer_text(c_info, "uuid"), *name = answer_text(c_info, "name");
        int r = 0;

        if (!*answer_text(record, "name_label"))
                r = *name ? json_add_string(record, "name_label", name)
                          : ctl_usage("vm-create needs name-label=, or a config that has a name");
        if (r == 0 && *uuid && !*answer_text(record, "uuid"))
                r = json_add_string(record, "uuid", uuid);
        if (r == 0 && *uuid)
                json_object_object_del(c_info, "uuid");
        return r < 0 ? ctl_no_memory() : r;
}

static int create(Ctl *ctl, const char *method, const char *record) {
        _cleanup_json_ struct json_object *path = NULL;
        ClientOption options[2] = {};
        int r;

        ctl_add_option(options, ctl, "idempotency-key", "idempotency_key");
        r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, method, &path, "sV", record, options);
        return r != 0 ? r : ctl_print_created(ctl, path);
}

static int vm_create(Ctl *ctl) {
        _cleanup_json_ struct json_object *record = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = build_record(ctl, &record);
        if (r == 0)
                r = adopt_identity(record);
        if (r != 0)
                return r;
        text = json_to_text(record);
        return text ? create(ctl, "CreateVM", text) : ctl_no_memory();
}

static int vm_import(Ctl *ctl) {
        _cleanup_json_ struct json_object *record = NULL;
        _cleanup_free_ char *text = NULL;
        JsonReader reader = {};
        size_t size;
        int r;

        r = file_argument_read(ctl_arg(ctl, "filename"), &text, &size);
        if (r != 0)
                return r;
        /* D-Bus strings end at the first NUL, so that what stands behind it would be lost without a word. */
        if (strlen(text) != size)
                return bad_config("The file holds a NUL byte; it is no JSON.");
        /* Checked before it is sent: the bus disconnects a client whose text is not UTF-8. */
        if (json_parse(&reader, text, size, &record) < 0)
                return unreadable("import", &reader);
        return create(ctl, "ImportVM", text);
}

static int export_as_xl(Ctl *ctl, const char *text) {
        _cleanup_json_ struct json_object *record = NULL;
        JsonReader reader = {};

        if (json_parse_cleaned(&reader, text, strlen(text), &record) < 0)
                return unreadable("VM", &reader);
        return xl_file_write(ctl_arg(ctl, "filename"), record);
}

static int vm_export(Ctl *ctl) {
        _cleanup_json_ struct json_object *record = NULL;
        _cleanup_free_ char *path = NULL;
        const char *text;
        bool as_xl;
        int r;

        r = ctl_flag(ctl, "xl", &as_xl);
        if (r == 0)
                r = ctl_find_key(ctl, "uuid", "vm", &path);
        if (r == 0)
                r = ctl_call(ctl, path, POLICY_IFACE_VM, "Export", &record, "");
        if (r != 0)
                return r;
        text = strempty(json_object_get_string(record));
        return as_xl ? export_as_xl(ctl, text) : file_argument_write(ctl_arg(ctl, "filename"), text);
}

/*
 * A copy: the record and the VGPUs under another name. Disks that the guest writes are not copied, since two VMs would
 * destroy them; disks=keep says that somebody has seen to that. Network cards get addresses of their own.
 */
static size_t strip_for_copy(struct json_object *record, bool keep_disks) {
        struct json_object *config = answer_member(record, "config"), *disks = answer_member(config, "disks"),
                           *nics = answer_member(config, "nics");
        size_t n_left_out = 0;

        for (size_t i = answer_length(disks); !keep_disks && i-- > 0;)
                if (answer_number(json_object_array_get_idx(disks, i), "readwrite") != 0) {
                        json_object_array_del_idx(disks, i, 1);
                        n_left_out++;
                }
        for (size_t i = 0; i < answer_length(nics); i++)
                json_object_object_del(json_object_array_get_idx(nics, i), "mac");
        json_object_object_del(answer_member(config, "c_info"), "uuid");
        json_object_object_del(record, "uuid");
        return n_left_out;
}

static bool is_exported(struct json_object *record, const ViewObject *vgpu) {
        struct json_object *vgpus = answer_member(record, "vgpus");

        for (size_t i = 0; i < answer_length(vgpus); i++)
                if (streq(answer_text(json_object_array_get_idx(vgpus, i), "uuid"), vgpu->uuid))
                        return true;
        return false;
}

/* A map or a set of texts; one that is empty is so already. */
static int copy_entries(Ctl *ctl, struct json_object *value, const char *copy, const char *interface, const char *method) {
        bool is_map = json_object_is_type(value, json_type_object);
        _cleanup_(strv_freep) char **texts = NULL;
        _cleanup_strlist_ StrList list = {};

        for (size_t i = 0; i < answer_length(value); i++)
                strlist_add(&list, strempty(json_object_get_string(json_object_array_get_idx(value, i))));
        if (is_map) {
                json_object_object_foreach(value, key, entry) {
                        strlist_add(&list, key);
                        strlist_add(&list, strempty(json_object_get_string(entry)));
                }
        }
        if (strlist_take(&list, &texts) < 0)
                return ctl_no_memory();
        return texts[0] ? ctl_call(ctl, copy, interface, method, NULL, is_map ? "M" : "S", (const char *const *) texts) : 0;
}

static int copy_text(Ctl *ctl, const char *text, const char *copy, const char *interface, const char *method) {
        return *text ? ctl_call(ctl, copy, interface, method, NULL, "s", text) : 0;
}

/* What people wrote to the VM, which is not in a record. */
static int copy_notes(Ctl *ctl, const ViewObject *vm, const char *copy) {
        int r;

        r = copy_text(ctl, object_text(vm, "NameDescription"), copy, POLICY_IFACE_VM, "SetNameDescription");
        r = r ?: copy_entries(ctl, object_property(vm, "Tags"), copy, POLICY_IFACE_VM, "SetTags");
        return r ?: copy_entries(ctl, object_property(vm, "OtherConfig"), copy, POLICY_IFACE_VM, "SetOtherConfig");
}

static int copy_vgpu(Ctl *ctl, const ViewObject *vgpu, const char *copy) {
        bool whole = streq(object_text(object_ref(ctl->view, vgpu, "Type"), "Implementation"), "passthrough");
        const ClientOption options[] = {{ .name = "device", .type = 's', .text = object_text(vgpu, "Device") }, {}};
        _cleanup_json_ struct json_object *path = NULL;
        const char *made;
        int r;

        r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateVGPU", &path, "oooV", copy, object_text(vgpu, "GPUGroup"),
                whole ? "/" : object_text(vgpu, "Type"), options);
        if (r != 0)
                return r;
        made = strempty(json_object_get_string(path));
        r = copy_text(ctl, object_text(vgpu, "ExtraArgs"), made, POLICY_IFACE_VGPU, "SetExtraArgs");
        return r ?: copy_entries(ctl, object_property(vgpu, "OtherConfig"), made, POLICY_IFACE_VGPU, "SetOtherConfig");
}

/* In their groups, which an import would only find by their types. Those of the platform form come with the record. */
static int copy_vgpus(Ctl *ctl, const ViewObject *vm, struct json_object *record, const char *copy) {
        const ViewObject *vgpu;
        int r = 0;

        for (size_t i = 0; r == 0 && (vgpu = object_nth_ref(ctl->view, vm, "VGPUs", i)); i++)
                if (is_exported(record, vgpu))
                        r = copy_vgpu(ctl, vgpu, copy);
        return r;
}

static int copy_groups(Ctl *ctl, const ViewObject *vm, const char *copy) {
        const ViewObject *group = object_nth_ref(ctl->view, vm, "Groups", 0);
        const char *paths[] = {group ? group->path : NULL, NULL};

        return group ? ctl_call(ctl, copy, POLICY_IFACE_VM, "SetGroups", NULL, "O", paths) : 0;
}

static int make_copy(Ctl *ctl, const ViewObject *vm, struct json_object *record) {
        _cleanup_json_ struct json_object *path = NULL;
        const ClientOption options[] = {{}};
        _cleanup_free_ char *text = json_to_text(record);
        const char *copy;
        int r;

        if (!text)
                return ctl_no_memory();
        r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateVM", &path, "sV", text, options);
        if (r != 0)
                return r;
        copy = strempty(json_object_get_string(path));
        r = copy_notes(ctl, vm, copy);
        r = r ?: copy_vgpus(ctl, vm, record, copy);
        r = r ?: copy_groups(ctl, vm, copy);
        if (r == 0)
                return ctl_print_created(ctl, path);
        /* All of it or nothing. */
        (void) ctl_call(ctl, copy, POLICY_IFACE_VM, "Destroy", NULL, "");
        return r;
}

static int vm_copy(Ctl *ctl) {
        _cleanup_json_ struct json_object *text = NULL, *record = NULL;
        const char *disks = ctl_arg(ctl, "disks") ?: "none";
        _cleanup_free_ char *path = NULL;
        JsonReader reader = {};
        size_t n_left_out;
        int r;

        if (!streq(disks, "none") && !streq(disks, "keep"))
                return ctl_usage("disks=%s is neither none nor keep", disks);
        r = ctl_find_key(ctl, "uuid", "vm", &path);
        if (r == 0)
                r = ctl_call(ctl, path, POLICY_IFACE_VM, "Export", &text, "");
        if (r != 0)
                return r;
        if (json_parse_cleaned(&reader, strempty(json_object_get_string(text)), strlen(strempty(json_object_get_string(text))), &record) < 0)
                return unreadable("VM", &reader);
        n_left_out = strip_for_copy(record, streq(disks, "keep"));
        if (json_add_string(record, "name_label", ctl_arg(ctl, "new-name-label")) < 0)
                return ctl_no_memory();
        r = make_copy(ctl, view_get(ctl->view, path), record);
        if (r == 0 && n_left_out > 0)
                fprintf(stderr, "note: %zu disk%s that the guest writes %s not copied. Copy %s with your storage's means, and put the copy "
                                "into the config (vm-get-config, vm-set-config); disks=keep takes the same disk%s over.\n",
                        n_left_out, PLURAL(n_left_out), n_left_out == 1 ? "is" : "are", n_left_out == 1 ? "it" : "them",
                        PLURAL(n_left_out));
        return r;
}

static int print_config(FILE *out, const char *text, bool as_json) {
        _cleanup_json_ struct json_object *config = NULL;
        JsonReader reader = {};

        if (json_parse_cleaned(&reader, text, strlen(text), &config) < 0)
                return unreadable_config(&reader);
        return print_json(out, config) < 0 ? EXIT_REFUSED : EXIT_DONE;
}

static int print_sentence(FILE *out, const char *text, bool as_json) {
        _cleanup_json_ struct json_object *o = as_json ? json_object_new_string(text) : NULL;

        if (as_json)
                return o && print_json(out, o) >= 0 ? EXIT_DONE : EXIT_REFUSED;
        print_line(out, text);
        fputc('\n', out);
        return EXIT_DONE;
}

static int vm_set_config(Ctl *ctl) {
        _cleanup_json_ struct json_object *config = NULL;
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        r = read_config(ctl, &config);
        if (r == 0)
                r = ctl_find_key(ctl, "uuid", "vm", &path);
        if (r != 0)
                return r;
        text = json_to_text(config);
        return text ? ctl_call(ctl, path, POLICY_IFACE_VM, "SetConfig", NULL, "s", text) : ctl_no_memory();
}

static int start(
        Ctl *ctl, const char *vm, const char *on, const ClientOption *options, struct json_object **ret) {
        if (on)
                return ctl_call(ctl, vm, POLICY_IFACE_VM, "StartOn", ret, "oV", on, options);
        return ctl_call(ctl, vm, POLICY_IFACE_VM, "Start", ret, "V", options);
}

static void add_reservation(ClientOption *options, const char *path_or_null) {
        if (path_or_null)
                options_add(options, (ClientOption){ .name = "reservation", .type = 'o', .text = path_or_null });
}

/* What a start would do: policyd's own decision in words. */
static int show_decision(
        Ctl *ctl, const char *vm, const char *on, const char *reservation, bool refused_already) {
        _cleanup_json_ struct json_object *text = NULL;
        ClientOption options[2] = {};
        int r;

        add_reservation(options, reservation);
        r = ctl_call(ctl, vm, POLICY_IFACE_VM, "ExplainStart", &text, "oV", on ? on : "/", options);
        return r != 0 ? r
                      : explain_print(stdout, strempty(json_object_get_string(text)), refused_already,
                                ctl->args.json);
}

/* The host and the reservation that a start or an explanation names. */
static int find_start_keys(Ctl *ctl, char **ret_vm, char **ret_on, char **ret_reservation) {
        int r = ctl_find_key(ctl, "uuid", "vm", ret_vm);

        if (r == 0 && ctl_arg(ctl, "on"))
                r = ctl_find_key(ctl, "on", "host", ret_on);
        if (r == 0 && ctl_arg(ctl, "reservation"))
                r = ctl_find_key(ctl, "reservation", "reservation", ret_reservation);
        return r;
}

static int vm_start(Ctl *ctl) {
        _cleanup_free_ char *vm = NULL, *on = NULL, *reservation = NULL;
        _cleanup_json_ struct json_object *job = NULL;
        ClientOption options[4] = {};
        bool dry_run;
        int r;

        r = ctl_flag(ctl, "dry-run", &dry_run);
        if (r == 0)
                r = find_start_keys(ctl, &vm, &on, &reservation);
        if (r == 0 && !dry_run && !ctl->args.async)
                r = job_subscribe(ctl);
        if (r != 0)
                return r;

        if (dry_run)
                options_add(options, (ClientOption){ .name = "dry_run", .type = 'b', .flag = true });
        add_reservation(options, reservation);
        ctl_add_option(options, ctl, "idempotency-key", "idempotency_key");
        r = start(ctl, vm, on, options, &job);
        if (r == EXIT_REFUSED && dry_run)
                (void) show_decision(ctl, vm, on, reservation, /* refused_already= */ true);
        if (r != 0)
                return r;
        return dry_run ? show_decision(ctl, vm, on, reservation, /* refused_already= */ false)
                       : job_follow(ctl, job);
}

static int vm_shutdown(Ctl *ctl) {
        bool force;
        int r = ctl_flag(ctl, "force", &force);

        return r != 0 ? r : verb_call_method(ctl, force ? "HardShutdown" : "Shutdown");
}

static int vm_explain(Ctl *ctl) {
        _cleanup_free_ char *vm = NULL, *on = NULL, *reservation = NULL;
        int r = find_start_keys(ctl, &vm, &on, &reservation);

        return r != 0 ? r : show_decision(ctl, vm, on, reservation, /* refused_already= */ false);
}

/* As xe has it: all of the VM's memory at once. */
static int vm_memory_set(Ctl *ctl) {
        _cleanup_free_ char *path = NULL;
        uint64_t memory;
        int r;

        r = vm_read_memory("memory", ctl_arg(ctl, "memory"), &memory);
        if (r == 0)
                r = ctl_find_key(ctl, "uuid", "vm", &path);
        return r != 0 ? r : vm_set_size(ctl, path, &(VmSize){ .max = memory, .target = memory });
}

static const Verb verbs[] = {
        VERB_OWN("vm-create", vm_create,
                "Makes a halted VM: memory=2GiB vcpus=2, or config=@FILE with an xl.cfg or libxl's JSON. Prints its uuid.",
                ARG_MAY("name-label"), ARG_MAY("memory"), ARG_MAY("vcpus"), ARG_MAY("config"), ARG_MAY("owner"),
                ARG_MAY("affinity"), ARG_MAY(PLATFORM_PREFIX), ARG_IDEMPOTENCY_KEY),
        VERB_ON("vm-memory-set", "vm", vm_memory_set, NONE, "Gives a halted VM so much memory: memory=2GiB.", ARG_KEY("memory")),
        VERB_CALL("vm-destroy", "vm", "Destroy", NONE, "Ends a halted VM and its VGPUs."),
        VERB_ON("vm-start", "vm", vm_start, JOB,
                "Starts a VM and waits for it; on=HOST names the host, dry-run=true only decides, and "
                "explains.",
                ARG_MAY("on"), ARG_MAY("dry-run"), ARG_MAY("reservation"), ARG_IDEMPOTENCY_KEY),
        { "vm-shutdown", "Shuts a VM down and waits for it; force=true destroys it.",
                .on = "vm", .answer = VERB_ANSWER_JOB, .run = vm_shutdown,
                .args = { ARG_MAY("force"), ARG_IDEMPOTENCY_KEY } },
        VERB_CALL("vm-reboot", "vm", "Reboot", JOB,
                "Shuts a VM down and starts it on the same host and PGPUs, which nobody gets in between; force=true "
                "does not ask the guest.",
                ARG_FLAG("force", "force"), ARG_IDEMPOTENCY_KEY),
        VERB_ON("vm-suspend", "vm", vm_refuse_live, NONE, "Refused with the reason: the state of a GPU cannot be kept."),
        VERB_ON("vm-pause", "vm", vm_refuse_live, NONE, "Refused with the reason, as vm-suspend."),
        VERB_ON("vm-migrate", "vm", vm_refuse_live, NONE, "Refused with the reason: a VM with a GPU does not move while it runs.",
                ARG_MAY("host"), ARG_MAY("live")),
        VERB_ON("vm-checkpoint", "vm", vm_refuse_live, NONE, "Refused with the reason, as vm-suspend.", ARG_MAY("new-name-label")),
        VERB_CALL("vm-ensure", "vm", "Ensure", JOB,
                "Starts or stops a VM if state=running or state=halted is not so already; waits for it.", ARG_TEXT("state"),
                ARG_FLAG("force", "force"), ARG_IDEMPOTENCY_KEY),
        VERB_ON("vm-explain", "vm", vm_explain, SHOW, "What a start would say, host by host and PGPU by PGPU.", ARG_MAY("on"),
                ARG_MAY("reservation")),
        VERB_CALL("vm-group-create", NULL, "CreateVMGroup", CREATED,
                "Makes a VM group; placement=anti_affinity spreads its VMs over hosts. Prints its uuid.",
                ARG_TEXT("name-label"), ARG_OPTION("placement", "placement"),
                ARG_OPTION("name-description", "name_description"), ARG_IDEMPOTENCY_KEY),
        VERB_CALL("vm-group-destroy", "vm-group", "Destroy", NONE, "Ends a VM group; its VMs stay."),
        VERB_OWN("vm-import", vm_import, "Makes a VM from an export; filename=- reads standard input. Prints its uuid.",
                ARG_KEY("filename"), ARG_IDEMPOTENCY_KEY),
        VERB_CALL("vm-adopt", NULL, "AdoptVM", CREATED,
                "Takes a VM into the pool that host=HOST runs and the pool does not have (host-list params=outside-VMs): uuid=, or its "
                "name. It runs on. Prints its uuid.",
                ARG_OBJECT("host", "host"), ARG_TEXT("uuid"), ARG_NO_OPTION),
        VERB_SHOW("vm-end-outside", NULL, "EndOutsideVM", print_sentence,
                "Ends by force what host=HOST runs and the pool does not have (host-list params=outside-VMs): uuid=, or its name; a VM, or "
                "a domain that xl started. Says which one, and what it has.",
                ARG_OBJECT("host", "host"), ARG_TEXT("uuid"), ARG_NO_OPTION),
        VERB_ON("vm-export", "vm", vm_export, SHOW, "Writes a VM with its VGPUs to a file, or to standard output; --xl writes its config as an xl.cfg.",
                ARG_MAY("filename"), ARG_MAY("xl")),
        VERB_ON("vm-copy", "vm", vm_copy, NONE,
                "Makes a VM of another's record and VGPUs: new-name-label=NAME. Disks that the guest writes are left out; disks=keep "
                "takes them over. Prints its uuid.",
                ARG_KEY("new-name-label"), ARG_MAY("disks")),
        VERB_SHOW("vm-get-config", "vm", "GetConfig", print_config, "Prints a VM's libxl config as JSON."),
        VERB_ON("vm-set-config", "vm", vm_set_config, NONE, "Replaces a halted VM's libxl config by config=@FILE.",
                ARG_KEY("config")),
};

const VerbTable verbs_of_vms = VERB_TABLE(verbs);
