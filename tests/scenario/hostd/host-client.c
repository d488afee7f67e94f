/*
 * A policyd for tests: one bus connection, told what to do line by line
 *
 *   xenvgpu-host-client ADDRESS SIGNALS    each line of stdin is a command, each answer one line: "ok …" or
 * "error NAME: sentence" claim EPOCH POOL INSTANCE | release | start ORDER | stop ORDER | rescan | inventory
 *       add ELEMENT TYPE | remove ELEMENT TYPE         ELEMENT as in /org/xenvgpu/Host1/pgpu/ELEMENT
 *   Signals of the host are appended to the file SIGNALS as "MEMBER json" while it waits for commands.
 */

#include <stdio.h>
#include <systemd/sd-bus.h>

#include "common/daemon/bus-open.h"
#include "common/base/macros.h"
#include "protocol/names.h"

typedef struct Client {
        sd_bus *bus;
        FILE *signals;
        size_t used;
        char input[4 << 20];
} Client;

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Client *c = userdata;
        const char *json;

        if (sd_bus_message_read(m, "s", &json) < 0)
                return 0;
        fprintf(c->signals, "%s %s\n", sd_bus_message_get_member(m), json);
        fflush(c->signals);
        return 0;
}

static void answer(int r, const sd_bus_error *error, const char *text) {
        if (r < 0)
                printf("error %s: %s\n", strempty(error->name), strempty(error->message));
        else
                printf("ok %s\n", strempty(text));
        fflush(stdout);
}

static void call_text(Client *c, const char *member, const char *argument) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *text = NULL;
        int r;

        r = sd_bus_call_method(c->bus, HOST_BUS_NAME, HOST_PATH, HOST_IFACE_MANAGER, member, &error, &reply,
                argument ? "s" : NULL, argument);
        if (r >= 0 && sd_bus_message_has_signature(reply, "s"))
                (void) sd_bus_message_read(reply, "s", &text);
        answer(r, &error, text);
}

static void call_claim(Client *c, const char *arguments) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char pool[8192] = "", instance[256] = "", *text = NULL;
        const char *inventory = NULL;
        unsigned long long epoch = 0;
        uint64_t held;
        int r;

        (void) sscanf(arguments, "%llu %8191s %255s", &epoch, pool, instance);
        r = sd_bus_call_method(c->bus, HOST_BUS_NAME, HOST_PATH, HOST_IFACE_MANAGER, "Claim", &error, &reply,
                "tss", (uint64_t) epoch, pool, instance);
        if (r >= 0)
                r = sd_bus_message_read(reply, "ts", &held, &inventory);
        if (r >= 0 && asprintf(&text, "%llu %s", (unsigned long long) held, inventory) < 0)
                text = NULL;
        answer(r, &error, text);
        free(text);
}

static void call_pgpu(Client *c, const char *member, const char *arguments) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        char element[64] = "", type[256] = "", path[256];
        int r;

        (void) sscanf(arguments, "%63s %255[^\n]", element, type);
        (void) snprintf(path, sizeof(path), "%s/%s", HOST_PATH_PGPU, element);
        r = sd_bus_call_method(c->bus, HOST_BUS_NAME, path, HOST_IFACE_PGPU, member, &error, NULL, "s", type);
        answer(r, &error, NULL);
}

static void obey(Client *c, const char *line) {
        const char *rest;

        if ((rest = startswith(line, "claim ")))
                call_claim(c, rest);
        else if (streq(line, "release"))
                call_text(c, "Release", NULL);
        else if ((rest = startswith(line, "start ")))
                call_text(c, "StartVM", rest);
        else if ((rest = startswith(line, "stop ")))
                call_text(c, "StopVM", rest);
        else if (streq(line, "rescan"))
                call_text(c, "Rescan", NULL);
        else if (streq(line, "inventory"))
                call_text(c, "GetInventory", NULL);
        else if ((rest = startswith(line, "add ")))
                call_pgpu(c, "AddEnabledType", rest);
        else if ((rest = startswith(line, "remove ")))
                call_pgpu(c, "RemoveEnabledType", rest);
        else
                answer(-EINVAL, &SD_BUS_ERROR_MAKE_CONST("usage", line), NULL);
}

/* Lines that are whole are obeyed; the rest waits for its end. */
static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Client *c = userdata;
        char *end, *line = c->input;
        ssize_t n;

        n = read(fd, c->input + c->used, sizeof(c->input) - 1 - c->used);
        if (n <= 0)
                return sd_event_exit(sd_event_source_get_event(source), 0);
        c->used += (size_t) n;
        c->input[c->used] = '\0';

        while ((end = strchr(line, '\n'))) {
                *end = '\0';
                obey(c, line);
                line = end + 1;
        }
        c->used -= (size_t) (line - c->input);
        memmove(c->input, line, c->used + 1);
        return 0;
}

static int run(Client *c, const char *address) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        int r;

        r = sd_event_default(&event);
        if (r >= 0)
                r = bus_open(address, "host-client", &c->bus);
        if (r >= 0)
                r = sd_bus_attach_event(c->bus, event, 0);
        if (r >= 0)
                r = sd_bus_match_signal(
                        c->bus, NULL, HOST_BUS_NAME, HOST_PATH, HOST_IFACE_MANAGER, NULL, on_signal, c);
        if (r >= 0)
                r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, c);
        if (r >= 0)
                r = sd_event_loop(event);
        sd_bus_flush_close_unref(c->bus);
        return r;
}

int main(int argc, char **argv) {
        static Client c;
        int r;

        if (argc != 3) {
                fprintf(stderr, "usage: %s ADDRESS SIGNALS\n", argv[0]);
                return 2;
        }
        c.signals = fopen(argv[2], "a");
        if (!c.signals) {
                perror(argv[2]);
                return EXIT_FAILURE;
        }
        r = run(&c, argv[1]);
        fclose(c.signals);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
