/*
 * The hub: clients of the store, their framing, watches and output
 */

#include "tests/lab/xenstored/session.h"

static void on_changed(const char *path, bool removed, void *userdata) {
        hub_fire(userdata, path, removed);
}

int hub_new(Hub **ret) {
        _cleanup_(hub_freep) Hub *hub = NULL;
        int r;

        hub = calloc(1, sizeof(*hub));
        if (!hub)
                return -ENOMEM;
        r = store_init(&hub->store);
        if (r < 0)
                return r;
        hub->store.changed = on_changed;
        hub->store.userdata = hub;
        hub->introduced[0] = true;

        *ret = take_ptr(hub);
        return 0;
}

Hub *hub_free(Hub *hub) {
        if (!hub)
                return NULL;
        store_done(&hub->store);
        free(hub);
        return NULL;
}

int session_open(Hub *hub, Session **ret) {
        Session *s;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->hub = hub;
        s->next = hub->sessions;
        if (s->next)
                s->next->previous = s;
        hub->sessions = s;
        *ret = s;
        return 0;
}

Session *session_close(Session *s) {
        if (!s)
                return NULL;

        if (s->previous)
                s->previous->next = s->next;
        else
                s->hub->sessions = s->next;
        if (s->next)
                s->next->previous = s->previous;

        while (s->n_watches > 0)
                session_drop_watch(s, s->n_watches - 1);
        for (size_t i = 0; i < SESSION_TRANSACTIONS_MAX; i++)
                (void) transaction_free(s->transactions[i]);
        free(s->watches);
        free(s->output);
        free(s);
        return NULL;
}

int session_feed(Session *s, const char *bytes, size_t size) {
        while (size > 0 && !s->overflowed) {
                const struct xsd_sockmsg *header = (const struct xsd_sockmsg *) s->input;
                size_t want = sizeof(*header), n;

                if (s->n_input >= sizeof(*header))
                        want += header->len;
                n = MIN_OF(want - s->n_input, size);
                memcpy(s->input + s->n_input, bytes, n);
                s->n_input += n;
                bytes += n;
                size -= n;

                if (s->n_input < sizeof(*header))
                        continue;
                if (header->len > XENSTORE_PAYLOAD_MAX)
                        return -EPROTO;
                if (s->n_input == sizeof(*header) + header->len) {
                        struct xsd_sockmsg request = *header;
                        char payload[XENSTORE_PAYLOAD_MAX + 1];

                        memcpy(payload, s->input + sizeof(request), request.len);
                        payload[request.len] = '\0';
                        s->n_input = 0;
                        session_handle(s, &request, payload);
                }
        }
        return s->overflowed ? -EMSGSIZE : 0;
}

static bool session_reserve(Session *s, size_t size) {
        size_t n_allocated = MAX_OF(s->n_allocated, (size_t) 4096);
        char *output;

        if (s->overflowed || s->n_output + size > SESSION_OUTPUT_MAX) {
                s->overflowed = true;
                return false;
        }
        while (n_allocated < s->n_output + size)
                n_allocated *= 2;
        if (n_allocated > s->n_allocated) {
                output = realloc(s->output, n_allocated);
                if (!output) {
                        s->overflowed = true;
                        return false;
                }
                s->output = output;
                s->n_allocated = n_allocated;
        }
        return true;
}

void session_send(
        Session *s, uint32_t type, const struct xsd_sockmsg *request, const void *data, size_t size) {
        struct xsd_sockmsg header = { .type = type, .len = (uint32_t) size };

        if (request) {
                header.req_id = request->req_id;
                header.tx_id = request->tx_id;
        }
        if (!session_reserve(s, sizeof(header) + size))
                return;
        memcpy(s->output + s->n_output, &header, sizeof(header));
        if (size > 0)
                memcpy(s->output + s->n_output + sizeof(header), data, size);
        s->n_output += sizeof(header) + size;
}

const char *session_output(const Session *s, size_t *ret_size) {
        *ret_size = s->n_output;
        return s->output;
}

void session_sent(Session *s, size_t n) {
        s->n_output -= n;
        if (s->n_output > 0)
                memmove(s->output, s->output + n, s->n_output);
}

bool session_overflowed(const Session *s) {
        return s->overflowed;
}

void session_send_event(Session *s, const Watch *w, const char *path) {
        char data[2 * (XENSTORE_PAYLOAD_MAX + 1)];
        size_t n_path, n_token = strlen(w->token) + 1;

        /* "/local/domain/0/x" is "x" to those who asked for "x". */
        if (w->relative && strlen(path) > strlen(HOME_PATH))
                path += strlen(HOME_PATH) + 1;
        n_path = strlen(path) + 1;

        if (n_path + n_token > XENSTORE_PAYLOAD_MAX)
                return;
        memcpy(data, path, n_path);
        memcpy(data + n_path, w->token, n_token);
        session_send(s, XS_WATCH_EVENT, NULL, data, n_path + n_token);
}

void session_drop_watch(Session *s, size_t index) {
        free(s->watches[index].path);
        free(s->watches[index].token);
        s->n_watches--;
        memmove(s->watches + index, s->watches + index + 1, (s->n_watches - index) * sizeof(Watch));
}

static bool path_is_below(const char *path, const char *top) {
        const char *rest = streq(top, "/") ? path : startswith(path, top);

        return rest && (*rest == '\0' || *rest == '/');
}

void hub_fire(Hub *hub, const char *path, bool removed) {
        for (Session *s = hub->sessions; s; s = s->next) {
                for (size_t i = 0; i < s->n_watches; i++) {
                        const Watch *w = &s->watches[i];

                        if (path_is_below(path, w->path))
                                session_send_event(s, w, path);
                        else if (removed && path_is_below(w->path, path))
                                session_send_event(s, w, w->path);
                }
        }
}
