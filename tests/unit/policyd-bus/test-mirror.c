/*
 * Who follows the signals has what GetManagedObjects shows
 *
 * A mirror of the pool is made of InterfacesAdded, PropertiesChanged and InterfacesRemoved alone, from an empty pool on. After each
 * step of a life its lines are compared with those of GetManagedObjects; a property that was invalidated is one that it
 * asks for again.
 */

#include <stdlib.h>

#include "common/base/strbuf.h"
#include "tests/unit/policyd-bus/policyd-world.h"

#define DBUS_OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define LINES_MAX 1024
#define INVALIDATED_MAX 16 /* PGPUs of groups and types, VMs of VM groups: asked for again */

/* "PATH INTERFACE" of an interface that is there, "PATH INTERFACE PROPERTY" = value. */
typedef struct Line {
        char key[256];
        char *value;
} Line;

typedef struct Mirror {
        Line lines[LINES_MAX];
        size_t n;
} Mirror;

typedef struct Follower {
        sd_bus *client;
        Mirror mirror, added; /* added: what InterfacesAdded showed, whatever came afterwards */
        size_t n_changed, n_removed;
} Follower;

static bool key_is_below(const char *key, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(key, prefix, n) == 0 && (key[n] == '\0' || key[n] == ' ');
}

/* The line, and those of its properties. */
static void mirror_remove(Mirror *m, const char *key) {
        for (size_t i = 0; i < m->n;)
                if (key_is_below(m->lines[i].key, key)) {
                        free(m->lines[i].value);
                        m->lines[i] = m->lines[--m->n];
                } else
                        i++;
}

static void mirror_set(Mirror *m, const char *key, char *value) {
        size_t i = 0;

        while (i < m->n && !streq(m->lines[i].key, key))
                i++;
        assert_true(i < LINES_MAX);
        if (i == m->n) {
                snprintf(m->lines[m->n++].key, sizeof(m->lines[0].key), "%s", key);
                m->lines[i].value = NULL;
        }
        free(m->lines[i].value);
        m->lines[i].value = value;
}

static void mirror_done(Mirror *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->lines[i].value);
        m->n = 0;
}

/* Values as text */

static void read_values(sd_bus_message *m, StrBuf *b);

static void read_basic(sd_bus_message *m, char type, StrBuf *b) {
        union {
                const char *text;
                double d;
                uint64_t u;
        } value = {};

        assert_true(sd_bus_message_read_basic(m, type, &value) > 0);
        if (strchr("sog", type))
                strbuf_addf(b, " '%s'", value.text);
        else if (type == 'd')
                strbuf_addf(b, " %g", value.d);
        else
                strbuf_addf(b, " %c:%llu", type, (unsigned long long) value.u);
}

/* All that is left in the container. */
static void read_values(sd_bus_message *m, StrBuf *b) {
        const char *contents;
        char type;

        while (sd_bus_message_peek_type(m, &type, &contents) > 0) {
                if (!strchr("avre", type)) {
                        read_basic(m, type, b);
                        continue;
                }
                strbuf_addf(b, " %c%s(", type, contents);
                assert_true(sd_bus_message_enter_container(m, type, contents) > 0);
                read_values(m, b);
                assert_true(sd_bus_message_exit_container(m) >= 0);
                strbuf_add(b, ")");
        }
}

/* {sv}, one after the other. */
static void read_properties(sd_bus_message *m, const char *path, const char *interface, Mirror *ret) {
        assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                _cleanup_strbuf_ StrBuf b = {};
                const char *name, *type;
                char key[256];

                assert_true(sd_bus_message_read_basic(m, 's', &name) > 0);
                assert_true(sd_bus_message_peek_type(m, NULL, &type) > 0);
                strbuf_add(&b, type);
                assert_true(sd_bus_message_enter_container(m, 'v', type) > 0);
                read_values(m, &b);
                assert_true(sd_bus_message_exit_container(m) >= 0);
                assert_true(sd_bus_message_exit_container(m) >= 0);
                snprintf(key, sizeof(key), "%s %s %s", path, interface, name);
                mirror_set(ret, key, strbuf_take(&b));
        }
        assert_true(sd_bus_message_exit_container(m) >= 0);
}

/* oa{sa{sv}} */
static void read_object(sd_bus_message *m, Mirror *ret) {
        const char *path, *interface;
        char key[256];

        assert_true(sd_bus_message_read_basic(m, 'o', &path) > 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "{sa{sv}}") > 0);
        while (sd_bus_message_enter_container(m, 'e', "sa{sv}") > 0) {
                assert_true(sd_bus_message_read_basic(m, 's', &interface) > 0);
                snprintf(key, sizeof(key), "%s %s", path, interface);
                mirror_set(ret, key, strdup(""));
                read_properties(m, path, interface, ret);
                assert_true(sd_bus_message_exit_container(m) >= 0);
        }
        assert_true(sd_bus_message_exit_container(m) >= 0);
}

/* Following */

static int on_added(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Follower *f = userdata;

        read_object(m, &f->mirror);
        assert_true(sd_bus_message_rewind(m, /* complete= */ true) >= 0);
        read_object(m, &f->added);
        return 0;
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path, *interface;
        Follower *f = userdata;
        char key[256];

        assert_true(sd_bus_message_read_basic(m, 'o', &path) > 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "s") > 0);
        while (sd_bus_message_read_basic(m, 's', &interface) > 0) {
                snprintf(key, sizeof(key), "%s %s", path, interface);
                mirror_remove(&f->mirror, key);
        }
        f->n_removed++;
        return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path = sd_bus_message_get_path(m), *interface, *name;
        Follower *f = userdata;
        char key[256];

        if (streq(path, POLICY_PATH))
                return 0;
        assert_true(sd_bus_message_read_basic(m, 's', &interface) > 0);
        read_properties(m, path, interface, &f->mirror);
        assert_true(sd_bus_message_enter_container(m, 'a', "s") > 0);
        while (sd_bus_message_read_basic(m, 's', &name) > 0) {
                snprintf(key, sizeof(key), "%s %s %s", path, interface, name);
                mirror_remove(&f->mirror, key);
        }
        f->n_changed++;
        return 0;
}

static void follow(World *w, Follower *f) {
        const struct {
                const char *member;
                sd_bus_message_handler_t handler;
        } signals[] = {
                {"InterfacesAdded", on_added}, {"InterfacesRemoved", on_removed}, {"PropertiesChanged", on_changed}};
        char match[256];

        f->client = private_bus_connect(&w->bus, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
                snprintf(match, sizeof(match),
                        "type='signal',sender='" POLICY_BUS_NAME "',path_namespace='" POLICY_PATH "',member='%s'",
                        signals[i].member);
                assert_true(sd_bus_add_match(f->client, NULL, match, signals[i].handler, f) >= 0);
        }
}

static int compare_lines(const void *a, const void *b) {
        return strcmp(((const Line *) a)->key, ((const Line *) b)->key);
}

static void read_pool(sd_bus_message *m, Mirror *ret) {
        assert_true(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}") > 0);
        while (sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}") > 0) {
                read_object(m, ret);
                assert_true(sd_bus_message_exit_container(m) >= 0);
        }
}

/* An invalidated property is no line of the mirror's; each of its lines is one of the pool's, and all but those stand in it. */
static void compare(Mirror *mirror, Mirror *pool, size_t n_invalidated_max) {
        size_t j = 0, n_missing = 0;

        qsort(mirror->lines, mirror->n, sizeof(Line), compare_lines);
        qsort(pool->lines, pool->n, sizeof(Line), compare_lines);
        for (size_t i = 0; i < pool->n; i++) {
                if (j == mirror->n || !streq(mirror->lines[j].key, pool->lines[i].key)) {
                        n_missing++;
                        continue;
                }
                if (!streq(mirror->lines[j].value, pool->lines[i].value))
                        fail_msg("%s: followed '%s', shown '%s'", pool->lines[i].key, mirror->lines[j].value,
                                pool->lines[i].value);
                j++;
        }
        if (j < mirror->n)
                fail_msg("%s is followed and not shown", mirror->lines[j].key);
        assert_in_range(n_missing, 0, n_invalidated_max);
}

/* An object that is new is shown whole, also in what is only invalidated later. */
static void assert_shown_whole(Mirror *added, const Mirror *pool) {
        qsort(added->lines, added->n, sizeof(Line), compare_lines);
        for (size_t i = 0; i < pool->n; i++)
                if (!bsearch(&pool->lines[i], added->lines, added->n, sizeof(Line), compare_lines))
                        fail_msg("InterfacesAdded did not show %s", pool->lines[i].key);
}

/* The pool stands still when a read and all signals before it have come with nothing changed in between. */
static void assert_mirrors(World *w, Follower *f, size_t n_invalidated_max) {
        static Mirror pool;
        size_t before;

        do {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

                world_turn(w, 100);
                before = f->n_changed;
                mirror_done(&pool);
                assert_true(sd_bus_call_method(f->client, POLICY_BUS_NAME, POLICY_PATH, DBUS_OBJECT_MANAGER,
                                    "GetManagedObjects", NULL, &reply, "") >= 0);
                while (sd_bus_process(f->client, NULL) > 0)
                        ;
                read_pool(reply, &pool);
        } while (f->n_changed != before);
        compare(&f->mirror, &pool, n_invalidated_max);
        assert_shown_whole(&f->added, &pool);
        mirror_done(&pool);
}

static void test_a_life_is_followed_by_its_signals(void **state) {
        static Follower f;
        World *w = *state;
        char host[128], vm[128], vgpu[128], twins[128];

        follow(w, &f);
        assert_mirrors(w, &f, 0);

        world_add_host(w, host);
        assert_mirrors(w, &f, INVALIDATED_MAX);
        assert_true(f.mirror.n > 50);

        world_add_vm(w, vm, vgpu);
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetOwner", "s", "lab"));
        assert_true(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 1, "vgpus_max", "t", UINT64_C(2)));
        assert_true(MANAGER(w, "CreateVMGroup", "sa{sv}", "twins", 1, "placement", "s", "anti_affinity"));
        snprintf(twins, sizeof(twins), "%.127s", w->reply);
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetGroups", "ao", 1, twins));
        assert_mirrors(w, &f, INVALIDATED_MAX);

        assert_true(call(w, vm, POLICY_IFACE_VM, "SetNameDescription", "s", "a\nb"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetPlatform", "a{ss}", 1, "vga", "std"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "ChangeOtherConfig", "a{ss}as", 2, "a", "1", "b", "2", 0));
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetTags", "as", 2, "red", "lab"));
        assert_true(call(w, vgpu, POLICY_IFACE_VGPU, "SetExtraArgs", "s", "a=1"));
        assert_true(call(w, host, POLICY_IFACE_HOST, "SetTags", "as", 1, "red"));
        assert_mirrors(w, &f, INVALIDATED_MAX);
        assert_true(call(w, vm, POLICY_IFACE_VM, "ChangeOtherConfig", "a{ss}as", 0, 1, "a"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "ChangeTags", "asas", 0, 1, "red"));
        assert_true(call(w, host, POLICY_IFACE_HOST, "SetTags", "as", 0));
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetConfig", "s",
                "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":524288,\"target_memkb\":262144,\"max_vcpus\":2}}"));
        assert_mirrors(w, &f, INVALIDATED_MAX);

        w->host.orders = FAKE_REFUSE;
        w->host.refusal = "org.xenvgpu.Error.PGPUInsufficientCapacity";
        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        assert_mirrors(w, &f, INVALIDATED_MAX);
        w->host.orders = FAKE_ACCEPT;
        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        assert_mirrors(w, &f, INVALIDATED_MAX);
        assert_true(f.n_changed > 8);

        fake_host_stop(&w->host);
        world_until(w, host, POLICY_IFACE_HOST, "State", "offline");
        assert_true(call(w, host, POLICY_IFACE_HOST, "DeclareDead", ""));
        assert_mirrors(w, &f, INVALIDATED_MAX);
        assert_true(call(w, vm, POLICY_IFACE_VM, "Destroy", ""));
        assert_true(call(w, host, POLICY_IFACE_HOST, "Remove", ""));
        assert_mirrors(w, &f, INVALIDATED_MAX);
        assert_true(f.n_removed >= 4); /* VM, VGPU, PGPU, host */

        mirror_done(&f.mirror);
        mirror_done(&f.added);
        sd_bus_flush_close_unref(f.client);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_life_is_followed_by_its_signals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
