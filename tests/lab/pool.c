/*
 * The lab as a client of its own pool
 *
 * Subscribe, look, wait for a signal, look again: a change between two looks is never missed.
 */

#include <stdio.h>
#include <time.h>

#include "common/json/json-get.h"
#include "policyd/ctl/client/client.h"
#include "protocol/names.h"
#include "tests/lab/pool.h"
#include "tests/lab/world.h"

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

static int64_t now_ms(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int open_bus(const char *socket, Client **ret) {
        _cleanup_client_error_ ClientError error = {};
        int r;

        r = client_open(LAB_ADDRESS(socket), &error, ret);
        return r < 0 ? lab_fail(r, "cannot reach the bus at %s: %s", socket, strempty(error.message)) : 0;
}

/* Waits for the next signal until the deadline; which one it was does not matter. */
static int wait_any(Client *c, int64_t deadline) {
        _cleanup_client_signal_ ClientSignal signal = {};
        int64_t left = deadline - now_ms();

        return left <= 0 ? -ETIMEDOUT : client_wait_signal(c, (int) left, &signal);
}

/* alive says whether waiting still makes sense. */
static int wait_name(const char *socket, const char *name, unsigned timeout_ms, bool (*alive)(const void *),
        const void *who) {
        _cleanup_client_error_ ClientError error = {};
        _cleanup_(client_closep) Client *c = NULL;
        int64_t deadline = now_ms() + timeout_ms;
        _cleanup_free_ char *rule = NULL;
        bool there = false;
        int r;

        if (asprintf(&rule, "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                    name) < 0)
                return -ENOMEM;
        r = open_bus(socket, &c);
        if (r >= 0)
                r = client_subscribe(c, rule, &error);
        while (r >= 0) {
                r = client_has_owner(c, name, &there);
                if (r < 0 || there)
                        break;
                if (!alive(who))
                        return -ECHILD;
                if (now_ms() >= deadline)
                        return -ETIMEDOUT;
                /* In slices, so that a daemon that ended without ever owning its name is noticed. */
                r = wait_any(c, MIN_OF(deadline, now_ms() + 200));
                if (r == -ETIMEDOUT)
                        r = 0;
        }
        return r < 0 ? r : 0;
}

static bool hostd_alive(const void *who) {
        return world_hostd_is_alive(who);
}

static bool policyd_alive(const void *who) {
        return world_policyd_is_alive(who);
}

static const char *why(int r) {
        return r == -ECHILD ? "it ended" : r == -ETIMEDOUT ? "it did not come up in time" : strerror(-r);
}

int pool_wait_hostd(const LabHost *host, unsigned timeout_ms) {
        int r = wait_name(host->bus_socket, HOST_BUS_NAME, timeout_ms, hostd_alive, host);

        if (r < 0) {
                lab_fail(r, "hostd of %s is not on its bus: %s", host->spec.name, why(r));
                world_show_host_log(host);
        }
        return r;
}

int pool_wait_policyd(const Lab *lab, unsigned timeout_ms) {
        int r = wait_name(lab->master_socket, POLICY_BUS_NAME, timeout_ms, policyd_alive, lab);

        if (r < 0) {
                lab_fail(r, "policyd is not on the master's bus: %s", why(r));
                world_show_policyd_log(lab);
        }
        return r;
}

int pool_wait_daemons(const Lab *lab, unsigned timeout_ms) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < lab->n_hosts; i++)
                r = pool_wait_hostd(&lab->hosts[i], timeout_ms);
        return r < 0 ? r : pool_wait_policyd(lab, timeout_ms);
}

static int managed_objects(Client *c, struct json_object **ret) {
        _cleanup_client_error_ ClientError error = {};
        int r;

        r = client_call(c, POLICY_PATH, OBJECT_MANAGER, "GetManagedObjects", &error, ret, "");
        return r < 0 ? lab_fail(r, "policyd does not list its objects: %s", strempty(error.message)) : 0;
}

/* The Host interface's properties of the object with this NameLabel, or NULL. */
static struct json_object *find_host(struct json_object *objects, const char *name) {
        json_object_object_foreach(objects, path, interfaces) {
                struct json_object *host, *label;

                if (!startswith(path, POLICY_PATH "/host/") ||
                        !json_object_object_get_ex(interfaces, POLICY_IFACE_HOST, &host) ||
                        !json_object_object_get_ex(host, "NameLabel", &label))
                        continue;
                if (streq(strempty(json_object_get_string(label)), name))
                        return host;
        }
        return NULL;
}

static const char *text_of(struct json_object *host, const char *property) {
        struct json_object *value;

        return json_object_object_get_ex(host, property, &value) ? strempty(json_object_get_string(value))
                                                                 : "";
}

int pool_add_hosts(const Lab *lab) {
        _cleanup_json_ struct json_object *objects = NULL;
        _cleanup_(client_closep) Client *c = NULL;
        int r;

        r = open_bus(lab->master_socket, &c);
        if (r >= 0)
                r = managed_objects(c, &objects);
        for (size_t i = 0; r >= 0 && i < lab->n_hosts; i++) {
                _cleanup_client_error_ ClientError error = {};
                const LabHost *host = &lab->hosts[i];

                if (find_host(objects, host->spec.name))
                        continue;
                r = client_call(c, POLICY_PATH, POLICY_IFACE_MANAGER, "AddHost", &error, NULL, "ssV",
                        host->spec.name, LAB_ADDRESS(host->relay_socket), (ClientOption *) NULL);
                if (r < 0)
                        lab_fail(r, "policyd refuses host '%s': %s: %s", host->spec.name,
                                strempty(error.name), strempty(error.message));
        }
        return r;
}

/* How many hosts are not online yet. */
static size_t count_waiting(const Lab *lab, const char *name, struct json_object *objects) {
        size_t n = 0;

        for (size_t i = 0; i < lab->n_hosts; i++) {
                struct json_object *host = find_host(objects, lab->hosts[i].spec.name);

                if (name && !streq(name, lab->hosts[i].spec.name))
                        continue;
                if (!host || !streq(text_of(host, "State"), "online"))
                        n++;
        }
        return n;
}

static void report_waiting(const Lab *lab, const char *name, struct json_object *objects) {
        for (size_t i = 0; i < lab->n_hosts; i++) {
                const LabHost *h = &lab->hosts[i];
                struct json_object *host = objects ? find_host(objects, h->spec.name) : NULL;

                if ((name && !streq(name, h->spec.name)) || (host && streq(text_of(host, "State"), "online")))
                        continue;
                lab_fail(0, "host '%s' is not online: %s%s%s", h->spec.name,
                        host ? text_of(host, "State") : "not in the pool",
                        host && *text_of(host, "StateReason") ? ": " : "",
                        host ? text_of(host, "StateReason") : "");
                world_show_host_log(h);
        }
        world_show_policyd_log(lab);
}

int pool_wait_online(const Lab *lab, const char *name, unsigned timeout_ms) {
        _cleanup_json_ struct json_object *objects = NULL;
        _cleanup_client_error_ ClientError error = {};
        _cleanup_(client_closep) Client *c = NULL;
        int64_t deadline = now_ms() + timeout_ms;
        int r;

        r = open_bus(lab->master_socket, &c);
        if (r >= 0)
                r = client_subscribe(c,
                        "type='signal',sender='" POLICY_BUS_NAME
                        "',interface='org.freedesktop.DBus.Properties',arg0='" POLICY_IFACE_HOST "'",
                        &error);
        while (r >= 0) {
                json_object_put(take_ptr(objects));
                r = managed_objects(c, &objects);
                if (r < 0 || count_waiting(lab, name, objects) == 0)
                        break;
                r = wait_any(c, deadline);
        }
        if (r < 0)
                report_waiting(lab, name, objects);
        return r;
}

void pool_print(const Lab *lab) {
        _cleanup_json_ struct json_object *objects = NULL;
        _cleanup_(client_closep) Client *c = NULL;

        if (!world_policyd_is_alive(lab))
                puts("policyd: not running");
        else if (open_bus(lab->master_socket, &c) < 0 || managed_objects(c, &objects) < 0)
                puts("policyd: running, does not answer");
        else
                puts("policyd: running");

        for (size_t i = 0; i < lab->n_hosts; i++) {
                const LabHost *h = &lab->hosts[i];
                struct json_object *host = objects ? find_host(objects, h->spec.name) : NULL;
                const char *reason = host ? text_of(host, "StateReason") : "";

                printf("%s: hostd %s, %s%s%s (%s)\n", h->spec.name,
                        world_hostd_is_alive(h) ? "running" : "not running",
                        host ? text_of(host, "State") : "unknown to the pool", *reason ? ": " : "", reason,
                        h->spec.text);
        }
}

int pool_rescan(const LabHost *host) {
        _cleanup_client_error_ ClientError error = {};
        _cleanup_(client_closep) Client *c = NULL;
        int r;

        r = open_bus(host->bus_socket, &c);
        if (r < 0)
                return r;
        client_set_service(c, HOST_BUS_NAME);
        r = client_call(c, HOST_PATH, HOST_IFACE_MANAGER, "Rescan", &error, NULL, "");
        return r < 0 ? lab_fail(r, "hostd of %s does not scan again: %s", host->spec.name,
                               strempty(error.message))
                     : 0;
}
