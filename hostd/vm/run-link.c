/*
 * The connection to a VM's program
 *
 * Parses the lines of the socket as run records, and reports its end by one call.
 */

#include "hostd/run/run-socket.h"
#include "hostd/vm/run-link.h"

struct RunLink {
        int fd;
        sd_event_source *source;
        const RunLinkHandlers *handlers;
        void *userdata;
        bool *gone; /* set while a handler runs: it may close the link under us */
        LineReader lines;
};

/* Returns 0, 1 when the handler closed the link, or negative when the line is no run record. */
static int read_line(RunLink *link, const char *line, size_t size) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(run_record_done) RunRecord record = {};
        JsonReader reader = {};
        bool gone = false;
        int r;

        r = json_parse_cleaned(&reader, line, size, &o);
        if (r >= 0)
                r = run_record_parse(&reader, o, &record);
        if (r < 0)
                return r;

        link->gone = &gone;
        link->handlers->record(&record, link->userdata);
        if (gone)
                return 1;
        link->gone = NULL;
        return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        RunLink *link = userdata;
        const char *line;
        int r, q = 0;

        r = line_reader_fill(&link->lines, fd);
        if (r == -EAGAIN)
                return 0;
        /* Lines that arrived before the end are still passed on. */
        while (q == 0 && (line = line_reader_next(&link->lines)))
                q = read_line(link, line, strlen(line));
        if (q > 0)
                return 0;
        if (r <= 0 || q < 0)
                link->handlers->lost(MIN_OF(r, q), link->userdata);
        return 0;
}

int run_link_open(
        sd_event *event, const char *folder, const RunLinkHandlers *handlers, void *userdata, RunLink **ret) {
        _cleanup_(run_link_closep) RunLink *link = NULL;
        int r;

        link = calloc(1, sizeof(*link));
        if (!link)
                return -ENOMEM;
        link->handlers = handlers;
        link->userdata = userdata;
        link->fd = -1;
        r = run_socket_connect(folder, &link->fd);
        if (r < 0)
                return r;

        r = sd_event_add_io(event, &link->source, link->fd, EPOLLIN, on_readable, link);
        if (r < 0)
                return r;

        *ret = take_ptr(link);
        return 0;
}

RunLink *run_link_close(RunLink *link) {
        if (!link)
                return NULL;

        if (link->gone)
                *link->gone = true;
        sd_event_source_disable_unref(link->source);
        safe_close(link->fd);
        free(link);
        return NULL;
}

int run_link_send_stop(RunLink *link, const Uuid *token, bool force) {
        return run_socket_send_stop(link->fd, token, force);
}
