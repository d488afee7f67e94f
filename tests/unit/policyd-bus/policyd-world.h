#pragma once

/*
 * A world for the bus's tests: a bus, policyd as a process on it, a fake host with one K1 PGPU, and a client
 *
 * The client's calls are synchronous; the fake host lives in the test's loop, which world_until() turns.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/macros.h"
#include "protocol/names.h"
#include "tests/unit/policyd-link/fake-host.h"

typedef struct World {
        PrivateBus bus, host_bus;
        sd_event *event;
        FakeHost host;
        pid_t policyd;
        sd_bus *client;
        char reply[4096]; /* of the last call that returned a path or text */
        char error[128], sentence[1024];
        char log[128]; /* where the next policyd logs to; empty: our stderr */
} World;

#define VM_RECORD(name)                                                                                      \
        "{\"name_label\":\"" name "\",\"config\":{\"c_info\":{\"type\":\"hvm\",\"name\":\"" name             \
        "\"},\"b_info\":{\"max_vcpus\":1,\"max_memkb\":262144,\"target_memkb\":262144,\"type.hvm\":{}}}}"

int world_setup(void **state);
int world_teardown(void **state);
void policyd_start(World *w, const char *setting_or_null);
int policyd_end(World *w, int signal); /* its exit status */

/*
 * A call with the arguments of sd_bus_message_append(). True: it returned, and a path or text that it gave
 * stands in reply; false: it was refused, with error and sentence.
 */
bool call(World *w, const char *path, const char *interface, const char *member, const char *types, ...);
#define MANAGER(w, member, ...) call(w, POLICY_PATH, POLICY_IFACE_MANAGER, member, __VA_ARGS__)
#define assert_refused(w, word) assert_string_equal((w)->error, "org.xenvgpu.Error." word)

/* A property of a text, path or number, as text in w->reply. */
void property(World *w, const char *path, const char *interface, const char *name);
/* Turns the loop until the property has the value, 10 s at most. */
void world_until(World *w, const char *path, const char *interface, const char *name, const char *value);
void world_turn(World *w, unsigned ms);

/* Adds the fake host and waits until it is online; the K1's group and type can then be found. */
void world_add_host(World *w, char ret_host[static 128]);
void find(World *w, const char *class, const char *name, char ret[static 128]);
/* A VM with a VGPU of the type "GRID K100". */
void world_add_vm(World *w, char ret_vm[static 128], char ret_vgpu[static 128]);

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

/* A world whose policyd logs to a file. */
int logged_setup(void **state);
int logged_teardown(void **state);
size_t log_size(const World *w);
/* The lines since at that carry the field, of which the last is in line. */
unsigned lines_since(const World *w, size_t at, const char *field, char *line, size_t line_size);
#define LOGGED_TEST(f) cmocka_unit_test_setup_teardown(f, logged_setup, logged_teardown)
