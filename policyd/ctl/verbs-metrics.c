/*
 * Metrics, as text or as the answer to one HTTP request
 *
 * With http=true the request is read from standard input and answered on standard output: systemd accepts the connection
 * (xenvgpu-metrics.socket), so no daemon of ours stands at a port. What is asked for is the same at every path.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/json/json-get.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

#define REQUEST_MAX 8192
#define REQUEST_MSEC 5000 /* in which each piece of it comes */

#define TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

static int ask(Ctl *ctl, const char *format, struct json_object **ret) {
        return ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "Metrics", ret, "s", format);
}

/* Until the empty line. False: the caller sends something else, or nothing. */
static bool read_request(char buf[static REQUEST_MAX + 1]) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        size_t n = 0;

        while (n < REQUEST_MAX && poll(&in, 1, REQUEST_MSEC) > 0) {
                ssize_t got = read(STDIN_FILENO, buf + n, REQUEST_MAX - n);

                if (got <= 0)
                        return false;
                n += (size_t) got;
                buf[n] = '\0';
                if (strstr(buf, "\r\n\r\n") || strstr(buf, "\n\n"))
                        return true;
        }
        return false;
}

static void answer(const char *status, const char *type, const char *body) {
        printf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status, type, strlen(body), body);
        fflush(stdout);
}

static int serve(Ctl *ctl) {
        _cleanup_json_ struct json_object *text = NULL;
        char request[REQUEST_MAX + 1];
        bool openmetrics;
        int r;

        if (!read_request(request)) {
                answer("400 Bad Request", TYPE_TEXT, "This is no HTTP request.\n");
                return EXIT_DONE;
        }
        if (!startswith(request, "GET ")) {
                answer("405 Method Not Allowed", TYPE_TEXT, "Metrics are read with GET.\n");
                return EXIT_DONE;
        }
        openmetrics = strcasestr(request, "application/openmetrics-text");
        r = ask(ctl, openmetrics ? "openmetrics" : "text", &text);
        if (r != 0) {
                answer("503 Service Unavailable", TYPE_TEXT, "policyd does not answer; the journal says why.\n");
                return r;
        }
        answer("200 OK", openmetrics ? TYPE_OPENMETRICS : TYPE_TEXT, strempty(json_object_get_string(text)));
        return EXIT_DONE;
}

int verb_metrics(Ctl *ctl) {
        _cleanup_json_ struct json_object *text = NULL;
        const char *http = ctl_arg(ctl, "http");
        int r;

        if (http && !streq(http, "true"))
                return ctl_usage("http= is true, or not given");
        if (ctl->args.json)
                return ctl_usage("metrics has formats of its own: format=text or format=openmetrics; capacity and status take --json");
        if (http)
                return serve(ctl);
        r = ask(ctl, ctl_arg(ctl, "format") ?: "text", &text);
        if (r != 0)
                return r;
        fputs(strempty(json_object_get_string(text)), stdout);
        return EXIT_DONE;
}
