/*
 * Random texts into every text field of both interfaces, and every reader after them
 *
 * text-client storm ADDRESS SEED ROUNDS policy|host     sends random texts; each call gets its answer, and
 * what is stored is what the rule lets in text-client read ADDRESS SERVICE                      reads all
 * that the service shows text-client text SEED                                 prints one text
 *
 * The texts go out past sd-bus's own check, as another library would send them. What comes back sd-bus judges
 * as it reads, and text.h looks for control characters. Exit status 1 with a line for each fault.
 */

#include <inttypes.h>
#include <stdio.h>

#include <systemd/sd-bus.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "common/base/text.h"
#include "protocol/names.h"

#define ANSWER_USEC (20 * UINT64_C(1000000))
#define TEXT_BYTES 6000
#define K1 "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs"

static sd_bus *bus;
static uint64_t dice;
static unsigned n_sent, n_taken, n_faults, n_read;

static void _printf_(1, 2) fault(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        va_list args;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                abort();
        va_end(args);
        text_escape(&b, text);
        printf("%s\n", b.text);
        if (++n_faults > 20)
                exit(1);
}

static uint64_t roll(uint64_t n) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        return dice % n;
}

static void add_character(StrBuf *b, uint32_t c) {
        char out[4];
        size_t n = 1;

        if (c < 0x80)
                out[0] = (char) c;
        else if (c < 0x800) {
                out[0] = (char) (0xc0 | c >> 6);
                out[n++] = (char) (0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
                out[0] = (char) (0xe0 | c >> 12);
                out[n++] = (char) (0x80 | (c >> 6 & 0x3f));
                out[n++] = (char) (0x80 | (c & 0x3f));
        } else {
                out[0] = (char) (0xf0 | c >> 18);
                out[n++] = (char) (0x80 | (c >> 12 & 0x3f));
                out[n++] = (char) (0x80 | (c >> 6 & 0x3f));
                out[n++] = (char) (0x80 | (c & 0x3f));
        }
        strbuf_add_n(b, out, n);
}

/* Characters of all kinds; bad ones are rare enough that many texts are good. */
static uint32_t random_character(void) {
        static const uint32_t scripts[] = {
                0xe9, 0x6f22, 0x5b57, 0x5d0, 0x301, 0x1f469, 0x200d, 0xfffd, 0x2028, 0xa0};
        static const uint32_t bad[] = {0x1b, 0x7f, 0x85, 0x90, 0x9b, 0xfffe, 0xffff, 0xfdd0, 0xfdef, 0x1fffe,
                0x10ffff, '\n', '\t', '\r'};
        uint32_t c;

        switch (roll(40)) {
        case 0:
                return bad[roll(ARRAY_SIZE(bad))];
        case 1 ... 12:
                return scripts[roll(ARRAY_SIZE(scripts))];
        case 13 ... 16:
                /* No surrogates and no NUL: the bus drops who sends those. */
                do
                        c = (uint32_t) roll(0x110000);
                while (c == 0 || (c >= 0xd800 && c < 0xe000));
                return c;
        default:
                return 0x20 + (uint32_t) roll(0x5f);
        }
}

static char *random_text(void) {
        static const size_t lengths[] = {0, 1, 1, 2, 3, 5, 8, 12, 20, 40, 64, 128, 520, 1100};
        size_t n = lengths[roll(ARRAY_SIZE(lengths))];
        bool one = roll(4) == 0; /* of one character many: what is cut is cut inside it */
        uint32_t c = random_character();
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; i < n && b.len < TEXT_BYTES; i++)
                add_character(&b, one ? c : random_character());
        return strbuf_take(&b);
}

/* What stands on the wire, checked by nobody. */
static void append(sd_bus_message *m, const char *text) {
        char *place;

        if (sd_bus_message_append_string_space(m, strlen(text), &place) < 0)
                abort();
        memcpy(place, text, strlen(text));
}

static void append_option(sd_bus_message *m, const char *key, const char *value) {
        if (sd_bus_message_open_container(m, 'e', "sv") < 0)
                abort();
        append(m, key);
        if (sd_bus_message_open_container(m, 'v', "s") < 0)
                abort();
        append(m, value);
        if (sd_bus_message_close_container(m) < 0 || sd_bus_message_close_container(m) < 0)
                abort();
}

static void append_options(sd_bus_message *m, const char *key, const char *value) {
        if (sd_bus_message_open_container(m, 'a', "{sv}") < 0)
                abort();
        if (key)
                append_option(m, key, value);
        if (sd_bus_message_close_container(m) < 0)
                abort();
}

static sd_bus_message *message(
        const char *service, const char *path, const char *interface, const char *member) {
        sd_bus_message *m = NULL;

        if (sd_bus_message_new_method_call(bus, &m, service, path, interface, member) < 0)
                abort();
        return m;
}

/* Sends and frees m. True: it was done; *ret_path is the path that it gave, if one is asked for. */
static bool call(sd_bus_message *m, char **ret_path) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_message_unrefp) _unused_ sd_bus_message *mine = m;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *path, *member;
        int r;

        r = sd_bus_call(bus, m, ANSWER_USEC, &error, &reply);
        member = sd_bus_message_get_member(m); /* sealing moved it */
        n_sent++;
        if (r >= 0) {
                n_taken++;
                if (ret_path && sd_bus_message_read(reply, "o", &path) >= 0)
                        *ret_path = strdup(path);
                return true;
        }
        if (!error.name || !startswith(error.name, "org.xenvgpu.Error."))
                fault("%s was answered with %s: %s", member, error.name ?: strerror(-r),
                        strempty(error.message));
        else if (isempty(error.message) || !text_is_good(error.message, strlen(error.message), TEXT_LINE))
                fault("%s was refused with a sentence that is no text: %s", member, strempty(error.message));
        return false;
}

static bool is_name(const char *text) {
        return *text && strlen(text) <= 1024 && text_is_good(text, strlen(text), TEXT_LINE);
}

static void expect(bool got, bool wanted, const char *what, const char *text) {
        if (got != wanted)
                fault("%s of %zu bytes was %s: '%s'", what, strlen(text), got ? "taken" : "refused", text);
}

static char *record_of(const char *text, size_t field) {
        static const char *const fields[] = {"name_label", "owner", "affinity"};
        struct json_object *o = json_object_new_object(), *config, *c_info, *b_info, *platform;
        char *copy;

        config = json_object_new_object();
        c_info = json_object_new_object();
        b_info = json_object_new_object();
        platform = json_object_new_object();
        json_object_object_add(c_info, "type", json_object_new_string("hvm"));
        json_object_object_add(c_info, "name", json_object_new_string(field == 3 ? text : "x"));
        json_object_object_add(b_info, "max_vcpus", json_object_new_int(1));
        json_object_object_add(b_info, "max_memkb", json_object_new_int(65536));
        json_object_object_add(config, "c_info", c_info);
        json_object_object_add(config, "b_info", b_info);
        json_object_object_add(
                platform, field == 4 ? text : "k", json_object_new_string(field == 5 ? text : "v"));
        json_object_object_add(o, "name_label", json_object_new_string("vm"));
        if (field < ARRAY_SIZE(fields))
                json_object_object_add(o, fields[field], json_object_new_string(text));
        json_object_object_add(o, "config", config);
        json_object_object_add(o, "platform", platform);
        copy = strdup(json_object_to_json_string_ext(
                o, roll(2) ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY));
        json_object_put(o);
        return copy;
}

/* Whether the record's text may stand in that field. */
static bool field_takes(const char *text, size_t field) {
        switch (field) {
        case 0:
                return is_name(text);
        case 1:
                return (!*text || is_name(text)) && !streq(text, "*");
        case 2:
                return text_is_good(text, strlen(text), TEXT_LINE) && strlen(text) <= 4096;
        case 4:
                return text_is_good(text, strlen(text), TEXT_LINE);
        default:
                return text_is_good(text, strlen(text), TEXT_LINES);
        }
}

static void manager(const char *member, const char *a, const char *b, const char *key, const char *value) {
        sd_bus_message *m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, member);

        append(m, a);
        if (b)
                append(m, b);
        append_options(m, key, value);
        call(m, NULL);
}

static void set(const char *path, const char *interface, const char *member, const char *text, bool wanted) {
        sd_bus_message *m = message(POLICY_BUS_NAME, path, interface, member);

        append(m, text);
        expect(call(m, NULL), wanted, member, text);
}

static void destroy(const char *path, const char *interface) {
        call(message(POLICY_BUS_NAME, path, interface, "Destroy"), NULL);
}

static void storm_vm(void) {
        _cleanup_free_ char *text = random_text(), *other = random_text(), *record = NULL, *path = NULL;
        size_t field = roll(6);
        sd_bus_message *m = message(
                POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, roll(2) ? "CreateVM" : "ImportVM");
        bool taken;

        record = record_of(text, field);
        append(m, record);
        append_options(m, NULL, NULL);
        taken = call(m, &path);
        if (taken != field_takes(text, field))
                fault("a VM of field %zu with %zu bytes was %s: '%s'", field, strlen(text),
                        taken ? "taken" : "refused", text);
        if (!path)
                return;
        set(path, POLICY_IFACE_VM, "SetNameLabel", other, is_name(other));
        set(path, POLICY_IFACE_VM, "SetAffinity", other, field_takes(other, 2));
        set(path, POLICY_IFACE_VM, "SetOwner", other, field_takes(other, 1));
        if (roll(8) != 0)
                destroy(path, POLICY_IFACE_VM);
}

static void storm_group(void) {
        _cleanup_free_ char *name = random_text(), *lines = random_text(), *path = NULL;
        bool gpu = roll(2),
             lines_good = text_is_good(lines, strlen(lines), TEXT_LINES) && strlen(lines) <= 4096;
        const char *interface = gpu ? POLICY_IFACE_GPU_GROUP : POLICY_IFACE_VM_GROUP;
        sd_bus_message *m = message(
                POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, gpu ? "CreateGPUGroup" : "CreateVMGroup");

        append(m, name);
        append_options(m, "name_description", lines);
        expect(call(m, &path), is_name(name) && lines_good, "a group's name", name);
        if (!path)
                return;
        set(path, interface, "SetNameLabel", lines, is_name(lines));
        set(path, interface, "SetNameDescription", lines, lines_good);
        set(path, interface, gpu ? "SetAllocationAlgorithm" : "SetPlacement", name, false);
        if (roll(8) != 0)
                destroy(path, interface);
}

/* Arguments that are compared, looked up or parsed, and are quoted when they are refused. */
static void storm_words(void) {
        _cleanup_free_ char *a = random_text(), *b = random_text(), *address = NULL;
        sd_bus_message *m;

        if (asprintf(&address, "unix:path=/nonexistent/%s", a) < 0)
                abort();
        manager("AddHost", "nobody\x1b", address, NULL, NULL);
        manager("AddHost", a, b, NULL, NULL);
        manager("CreateGPUGroup", "g", NULL, a, b);
        manager("CreateGPUGroup", "g\x1b", NULL, "idempotency_key", b);

        m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "Find");
        append(m, roll(2) ? a : "vm");
        append(m, b);
        call(m, NULL);
        m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "List");
        append(m, roll(2) ? a : "vm");
        append_options(m, roll(2) ? b : "NameLabel", a);
        if (sd_bus_message_append(m, "uu", 0, 10) < 0)
                abort();
        call(m, NULL);
        m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateQuota");
        append(m, a);
        if (sd_bus_message_append(m, "o", "/") < 0)
                abort();
        append_options(m, b, a);
        call(m, NULL);
}

static char *find(const char *class, const char *name) {
        sd_bus_message *m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "Find");
        char *path = NULL;

        append(m, class);
        append(m, name);
        call(m, &path);
        return path;
}

/* Types, GPU groups and VM groups come into the pool with an import. */
static void storm_import(void) {
        static const char *const template =
                "{\"name_label\":\"import\",\"config\":{\"c_info\":{\"type\":\"hvm\",\"name\":\"x\"},"
                "\"b_info\":{\"max_vcpus\":1,\"max_memkb\":65536}},\"vgpus\":[{\"device\":\"0\",\"gpu_"
                "group\":"
                "{\"name_label\":\"imported\",\"gpu_types\":[\"10de/0ff3\"]},\"type\":{\"vendor_name\":\"v\","
                "\"model_name\":\"m\",\"framebuffer_size\":1}}],"
                "\"groups\":[{\"name_label\":\"web\",\"name_description\":\"d\",\"placement\":\"normal\"}]}";
        _cleanup_free_ char *text = random_text(), *path = NULL;
        struct json_object *o = json_tokener_parse(template), *vgpu, *type, *gpu_group, *group;
        sd_bus_message *m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "ImportVM");

        vgpu = json_object_array_get_idx(json_object_object_get(o, "vgpus"), 0);
        type = json_object_object_get(vgpu, "type");
        gpu_group = json_object_object_get(vgpu, "gpu_group");
        group = json_object_array_get_idx(json_object_object_get(o, "groups"), 0);
        struct {
                struct json_object *object;
                const char *member;
        } fields[] = {{type, "vendor_name"}, {type, "model_name"}, {type, "identifier"},
                {gpu_group, "name_label"}, {group, "name_label"}, {group, "name_description"},
                {group, "placement"}, {vgpu, "device"}};
        size_t i = roll(ARRAY_SIZE(fields));

        json_object_object_add(fields[i].object, fields[i].member, json_object_new_string(text));
        append(m, json_object_to_json_string(o));
        json_object_put(o);
        append_options(m, NULL, NULL);
        call(m, &path);
        if (path && roll(8) != 0)
                destroy(path, POLICY_IFACE_VM);
}

/* Of a VM with a VGPU, and of a reservation. */
static void storm_gpu(void) {
        _cleanup_free_ char *text = random_text(), *other = random_text(), *group = find("gpu_group", K1),
                            *type = find("vgpu_type", "GRID K100"), *record = record_of("x", 3), *vm = NULL,
                            *config = NULL, *reservation = NULL;
        struct json_object *o = json_object_new_object();
        sd_bus_message *m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateVM");

        append(m, record);
        append_options(m, NULL, NULL);
        call(m, &vm);
        if (!group || !type || !vm) {
                fault("The K1 group, its type or a new VM is not there");
                return;
        }
        m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateVGPU");
        if (sd_bus_message_append(m, "ooo", vm, group, type) < 0)
                abort();
        append_options(m, roll(2) ? "extra_args" : "device", text);
        call(m, NULL);
        m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "Reserve");
        append(m, text);
        if (sd_bus_message_append(m, "oout", group, type, 1, UINT64_C(60)) < 0)
                abort();
        append_options(m, "owner", other);
        expect(call(m, &reservation), is_name(text) && field_takes(other, 1), "a reservation's name", text);
        if (reservation)
                destroy(reservation, POLICY_IFACE_RESERVATION);
        json_object_object_add(o, text, json_object_new_string(other));
        config = strdup(json_object_to_json_string(o));
        json_object_put(o);
        set(vm, POLICY_IFACE_VM, "SetConfig", config, false);
        m = message(POLICY_BUS_NAME, vm, POLICY_IFACE_VM, "Start");
        append_options(m, text, other);
        call(m, NULL);
        if (roll(8) != 0)
                destroy(vm, POLICY_IFACE_VM);
}

static void storm_host(void) {
        _cleanup_free_ char *a = random_text(), *b = random_text(), *order = NULL;
        struct json_object *o = json_object_new_object();
        sd_bus_message *m = message(HOST_BUS_NAME, HOST_PATH, HOST_IFACE_MANAGER, "Claim");

        if (sd_bus_message_append(m, "t", UINT64_C(1)) < 0)
                abort();
        append(m, a);
        append(m, b);
        call(m, NULL);
        json_object_object_add(o, a, json_object_new_string(b));
        json_object_object_add(o, "version", json_object_new_int(1));
        json_object_object_add(o, "epoch", json_object_new_int(1));
        json_object_object_add(o, "token", json_object_new_string(b));
        order = strdup(json_object_to_json_string(o));
        json_object_put(o);
        m = message(HOST_BUS_NAME, HOST_PATH, HOST_IFACE_MANAGER, roll(2) ? "StartVM" : "StopVM");
        append(m, roll(4) ? order : a);
        call(m, NULL);
        m = message(HOST_BUS_NAME, HOST_PATH_PGPU "/_0000_83_00_0", HOST_IFACE_PGPU, "SetEnabledTypes");
        if (sd_bus_message_open_container(m, 'a', "s") < 0)
                abort();
        append(m, a);
        append(m, b);
        if (sd_bus_message_close_container(m) < 0)
                abort();
        call(m, NULL);
        m = message(HOST_BUS_NAME, HOST_PATH_PGPU "/_0000_83_00_0", HOST_IFACE_PGPU,
                roll(2) ? "AddEnabledType" : "RemoveEnabledType");
        append(m, b);
        call(m, NULL);
}

static void storm(unsigned rounds, bool host) {
        for (unsigned i = 0; i < rounds; i++)
                if (host)
                        storm_host();
                else
                        switch (roll(5)) {
                        case 0:
                                storm_vm();
                                break;
                        case 1:
                                storm_group();
                                break;
                        case 2:
                                storm_import();
                                break;
                        case 3:
                                storm_gpu();
                                break;
                        default:
                                storm_words();
                        }
}

/* Reading */

static void check(const char *where, const char *text) {
        n_read++;
        if (!text_is_good(text, strlen(text), TEXT_LINES))
                fault("%s holds what nobody can show: '%s'", where, text);
}

/* Every string of a message, to the end; sd-bus stops at what is no text to it. */
static void check_message(sd_bus_message *m, const char *where) {
        const char *contents;
        char type;
        int r;

        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0) {
                if (strchr("av(re{", type)) {
                        if (sd_bus_message_enter_container(m, type, contents) < 0)
                                break;
                        check_message(m, where);
                        if (sd_bus_message_exit_container(m) < 0)
                                break;
                } else if (strchr("sog", type)) {
                        const char *text;

                        if ((r = sd_bus_message_read_basic(m, type, &text)) < 0)
                                break;
                        check(where, text);
                } else if ((r = sd_bus_message_skip(m, (char[]){type, 0})) < 0)
                        break;
        }
        if (r < 0 || (r > 0 && n_faults == 0))
                fault("%s cannot be read: %s", where, strerror(-r));
}

static sd_bus_message *answer(sd_bus_message *m) {
        _cleanup_(sd_bus_message_unrefp) _unused_ sd_bus_message *mine = m;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int r = sd_bus_call(bus, m, ANSWER_USEC, &error, &reply);

        if (r < 0)
                fault("%s: %s %s", sd_bus_message_get_member(m), error.name ?: strerror(-r),
                        strempty(error.message));
        return reply;
}

/* A method without arguments that answers with JSON. */
static void read_json(const char *path, const char *interface, const char *member) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply =
                answer(message(POLICY_BUS_NAME, path, interface, member));
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        const char *text;

        if (!reply)
                return;
        if (sd_bus_message_read(reply, "s", &text) < 0)
                fault("%s of %s is no text", member, path);
        else if (json_parse(&reader, text, strlen(text), &o) < 0)
                fault("%s of %s: %s", member, path, reader.error);
        n_read++;
}

static void read_property(const char *service, const char *path, const char *interface, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        sd_bus_message *m = message(service, path, "org.freedesktop.DBus.Properties", "Get");

        if (sd_bus_message_append(m, "ss", interface, name) < 0)
                abort();
        reply = answer(m);
        if (reply)
                check_message(reply, name);
}

static void read_interface(const char *service, sd_bus_message *m, const char *path) {
        const char *interface, *name;

        if (sd_bus_message_read(m, "s", &interface) < 0 || sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
                abort();
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                if (sd_bus_message_read(m, "s", &name) < 0 || sd_bus_message_skip(m, "v") < 0)
                        abort();
                read_property(service, path, interface, name);
                if (sd_bus_message_exit_container(m) < 0)
                        abort();
        }
        if (sd_bus_message_exit_container(m) < 0)
                abort();
        if (streq(interface, POLICY_IFACE_VM)) {
                read_json(path, interface, "Export");
                read_json(path, interface, "Explain");
                read_json(path, interface, "GetConfig");
        }
}

static void read_objects(const char *service, sd_bus_message *m) {
        const char *path;

        if (sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}") < 0)
                abort();
        while (sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}") > 0) {
                if (sd_bus_message_read(m, "o", &path) < 0 ||
                        sd_bus_message_enter_container(m, 'a', "{sa{sv}}") < 0)
                        abort();
                while (sd_bus_message_enter_container(m, 'e', "sa{sv}") > 0) {
                        read_interface(service, m, path);
                        if (sd_bus_message_exit_container(m) < 0)
                                abort();
                }
                if (sd_bus_message_exit_container(m) < 0 || sd_bus_message_exit_container(m) < 0)
                        abort();
        }
}

static void read_lists(void) {
        static const char *const classes[] = {"host", "pgpu", "gpu_group", "vgpu_type", "vm", "vgpu",
                "reservation", "quota", "vm_group", "job"};

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
                _cleanup_json_ struct json_object *o = NULL;
                JsonReader reader = {};
                const char *text;
                sd_bus_message *m = message(POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "List");

                if (sd_bus_message_append(m, "sa{sv}uu", classes[i], 0, 0, 1000) < 0)
                        abort();
                reply = answer(m);
                if (reply && (sd_bus_message_read(reply, "s", &text) < 0 ||
                                     json_parse(&reader, text, strlen(text), &o) < 0))
                        fault("List of %s: %s", classes[i], reader.error);
        }
        read_json(POLICY_PATH, POLICY_IFACE_MANAGER, "Capacity");
}

static void read_all(const char *service) {
        bool policy = streq(service, POLICY_BUS_NAME);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = answer(message(service,
                policy ? POLICY_PATH : HOST_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"));

        if (!reply)
                return;
        check_message(reply, "GetManagedObjects");
        if (sd_bus_message_rewind(reply, true) < 0)
                abort();
        read_objects(service, reply);
        if (policy)
                read_lists();
}

static void set_dice(uint64_t seed) {
        dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static int print_text(uint64_t seed) {
        _cleanup_free_ char *text = NULL;

        set_dice(seed);
        text = random_text();
        fputs(text, stdout);
        return 0;
}

int main(int argc, char **argv) {
        uint64_t seed = 0, rounds = 0;
        bool storms = argc == 6 && streq(argv[1], "storm");

        if (argc == 3 && streq(argv[1], "text") && parse_u64(argv[2], &seed) >= 0)
                return print_text(seed);
        if ((!storms && !(argc == 4 && streq(argv[1], "read"))) ||
                (storms && (parse_u64(argv[3], &seed) < 0 || parse_u64(argv[4], &rounds) < 0))) {
                fprintf(stderr, "usage: text-client storm ADDRESS SEED ROUNDS policy|host | read ADDRESS "
                                "SERVICE | text SEED\n");
                return 2;
        }
        if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[2]) < 0 ||
                sd_bus_set_bus_client(bus, true) < 0 || sd_bus_start(bus) < 0) {
                fprintf(stderr, "text-client: no bus at %s\n", argv[2]);
                return 2;
        }
        set_dice(seed);
        if (storms)
                storm((unsigned) rounds, streq(argv[5], "host"));
        else
                read_all(argv[3]);
        sd_bus_flush_close_unref(bus);
        printf("# %u sent, %u taken, %u read, %u faults\n", n_sent, n_taken, n_read, n_faults);
        return n_faults > 0;
}
