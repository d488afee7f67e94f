/*
 * What each request does
 *
 * One handler a request type; each returns 0 after it has sent its reply, or a negative errno that becomes
 * the protocol's error reply. Payloads are texts that end with NUL, except the value of a write.
 */

#include <stdio.h>

#include "common/base/parse.h"
#include "tests/lab/xenstored/session.h"

typedef struct Request {
        Session *session;
        const struct xsd_sockmsg *header;
        const char *payload;
        size_t size;
        Transaction *transaction; /* NULL: none */
        char path[XENSTORE_ABS_PATH_MAX + 1];
} Request;

static int reply(Request *q, const void *data, size_t size) {
        if (size > XENSTORE_PAYLOAD_MAX)
                return -E2BIG;
        session_send(q->session, q->header->type, q->header, data, size);
        return 0;
}

static int reply_text(Request *q, const char *text) {
        return reply(q, text, strlen(text) + 1);
}

static int reply_ok(Request *q) {
        return reply_text(q, "OK");
}

static void reply_error(Request *q, int error) {
        const char *text = "EINVAL";

        for (size_t i = 0; i < ARRAY_SIZE(xsd_errors); i++)
                if (xsd_errors[i].errnum == -error)
                        text = xsd_errors[i].errstring;
        session_send(q->session, XS_ERROR, q->header, text, strlen(text) + 1);
}

/* The payload's text number n, or NULL. */
static const char *text_at(const Request *q, unsigned n) {
        size_t at = 0;

        while (n-- > 0) {
                const char *end = memchr(q->payload + at, '\0', q->size - at);

                if (!end)
                        return NULL;
                at = (size_t) (end - q->payload) + 1;
        }
        return at < q->size ? q->payload + at : NULL;
}

static int take_path(Request *q, const char *text) {
        int n;

        if (isempty(text))
                return -EINVAL;
        if (*text == '/' || *text == '@')
                n = snprintf(q->path, sizeof(q->path), "%s", text);
        else
                n = snprintf(q->path, sizeof(q->path), "%s/%s", HOME_PATH, text);
        return n >= 0 && (size_t) n < sizeof(q->path) ? 0 : -EINVAL;
}

/* The path of requests on nodes: never a special one. */
static int take_node_path(Request *q) {
        int r;

        r = take_path(q, text_at(q, 0));
        if (r < 0)
                return r;
        return tree_path_is_good(q->path) ? 0 : -EINVAL;
}

static int take_domid(const Request *q, uint32_t *ret) {
        const char *text = text_at(q, 0);
        uint32_t domid;

        if (!text || parse_u32(text, &domid) < 0 || domid >= DOMID_MAX)
                return -EINVAL;
        *ret = domid;
        return 0;
}

static int find_node(Request *q, const Node **ret) {
        int r;

        r = take_node_path(q);
        if (r < 0)
                return r;
        return store_find(&q->session->hub->store, q->transaction, q->path, ret);
}

static int change_node(Request *q, ChangeType type, const char *data, size_t size) {
        int r;

        r = store_change(&q->session->hub->store, q->transaction, type, q->path, data, size);
        return r < 0 ? r : reply_ok(q);
}

/* The children's names, each with its NUL; the caller frees them. */
static int list_children(const Node *n, char **ret, size_t *ret_size) {
        size_t size = 0, at = 0;
        char *names;

        for (size_t i = 0; i < n->n_children; i++)
                size += strlen(n->children[i]->name) + 1;
        names = malloc(size + 1);
        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n->n_children; i++)
                at += (size_t) sprintf(names + at, "%s", n->children[i]->name) + 1;

        *ret = names;
        *ret_size = size;
        return 0;
}

static int handle_directory(Request *q) {
        _cleanup_free_ char *names = NULL;
        const Node *n;
        size_t size;
        int r;

        r = find_node(q, &n);
        if (r >= 0)
                r = list_children(n, &names, &size);
        return r < 0 ? r : reply(q, names, size);
}

/* For lists that one message does not hold: generation, then whole names from an offset on, an empty one at
 * the end. */
static int handle_directory_part(Request *q) {
        _cleanup_free_ char *names = NULL;
        char data[XENSTORE_PAYLOAD_MAX];
        const char *offset_text;
        uint64_t offset;
        size_t size, n_data, taken = 0;
        const Node *n;
        int r;

        r = find_node(q, &n);
        if (r >= 0)
                r = list_children(n, &names, &size);
        if (r < 0)
                return r;
        offset_text = text_at(q, 1);
        if (!offset_text || parse_u64(offset_text, &offset) < 0 || offset > size)
                return -EINVAL;

        n_data = (size_t) snprintf(data, sizeof(data), "%llu", (unsigned long long) n->generation) + 1;
        while (offset + taken < size) {
                size_t length = strlen(names + offset + taken) + 1;

                if (n_data + taken + length >= sizeof(data))
                        break;
                taken += length;
        }
        memcpy(data + n_data, names + offset, taken);
        n_data += taken;
        if (offset + taken == size)
                data[n_data++] = '\0';
        return reply(q, data, n_data);
}

static int handle_read(Request *q) {
        const Node *n;
        int r;

        r = find_node(q, &n);
        return r < 0 ? r : reply(q, n->value, n->value_size);
}

static int handle_write(Request *q) {
        size_t skip;
        int r;

        r = take_node_path(q);
        if (r < 0)
                return r;
        skip = strlen(q->payload) + 1;
        if (skip > q->size)
                return -EINVAL;
        if (q->size - skip > TREE_VALUE_MAX)
                return -ENOSPC;
        return change_node(q, CHANGE_WRITE, q->payload + skip, q->size - skip);
}

static int handle_mkdir(Request *q) {
        int r;

        r = take_node_path(q);
        return r < 0 ? r : change_node(q, CHANGE_MAKE, "", 0);
}

static int handle_rm(Request *q) {
        _cleanup_free_ char *parent = NULL;
        char *slash;
        const Node *n;
        int r;

        r = take_node_path(q);
        if (r < 0)
                return r;
        r = store_find(&q->session->hub->store, q->transaction, q->path, &n);
        if (r != -ENOENT)
                return r < 0 ? r : change_node(q, CHANGE_REMOVE, "", 0);

        /* What is not there counts as removed, where at least its parent is. */
        parent = strdup(q->path);
        if (!parent)
                return -ENOMEM;
        slash = strrchr(parent, '/');
        slash[slash == parent] = '\0';
        r = store_find(&q->session->hub->store, q->transaction, parent, &n);
        return r < 0 ? r : reply_ok(q);
}

static int handle_get_perms(Request *q) {
        const Node *n;
        int r;

        r = find_node(q, &n);
        return r < 0 ? r : reply(q, n->permissions, n->permissions_size);
}

static int handle_set_perms(Request *q) {
        const char *permissions;
        size_t size;
        int r;

        r = take_node_path(q);
        if (r < 0)
                return r;
        permissions = text_at(q, 1);
        if (!permissions || q->payload[q->size - 1] != '\0')
                return -EINVAL;
        size = q->size - (size_t) (permissions - q->payload);
        for (size_t at = 0; at < size; at += strlen(permissions + at) + 1) {
                uint32_t domid;

                if (!strchr("rwbn", permissions[at]) || parse_u32(permissions + at + 1, &domid) < 0)
                        return -EINVAL;
        }
        return change_node(q, CHANGE_PERMISSIONS, permissions, size);
}

static ssize_t find_watch(const Session *s, const char *path, const char *token) {
        for (size_t i = 0; i < s->n_watches; i++)
                if (streq(s->watches[i].path, path) && streq(s->watches[i].token, token))
                        return (ssize_t) i;
        return -ENOENT;
}

static int take_watch(Request *q, const char **ret_token) {
        int r;

        *ret_token = text_at(q, 1);
        if (!*ret_token)
                return -EINVAL;
        r = take_path(q, text_at(q, 0));
        if (r < 0)
                return r;
        return q->path[0] == '@' || tree_path_is_good(q->path) ? 0 : -EINVAL;
}

static int handle_watch(Request *q) {
        Session *s = q->session;
        Watch *watches, w = {};
        const char *token;
        int r;

        r = take_watch(q, &token);
        if (r < 0)
                return r;
        if (find_watch(s, q->path, token) >= 0)
                return -EEXIST;
        if (s->n_watches >= SESSION_WATCHES_MAX)
                return -E2BIG;

        watches = realloc(s->watches, (s->n_watches + 1) * sizeof(Watch));
        if (!watches)
                return -ENOMEM;
        s->watches = watches;
        w.path = strdup(q->path);
        w.token = strdup(token);
        w.relative = q->payload[0] != '/' && q->payload[0] != '@';
        if (!w.path || !w.token) {
                free(w.path);
                free(w.token);
                return -ENOMEM;
        }
        s->watches[s->n_watches++] = w;

        r = reply_ok(q);
        /* Every watch fires once at once, so that its owner need not look first. */
        session_send_event(s, &w, w.path);
        return r;
}

static int handle_unwatch(Request *q) {
        const char *token;
        ssize_t index;
        int r;

        r = take_watch(q, &token);
        if (r < 0)
                return r;
        index = find_watch(q->session, q->path, token);
        if (index < 0)
                return (int) index;
        session_drop_watch(q->session, (size_t) index);
        return reply_ok(q);
}

static int handle_reset_watches(Request *q) {
        while (q->session->n_watches > 0)
                session_drop_watch(q->session, q->session->n_watches - 1);
        return reply_ok(q);
}

static int handle_transaction_start(Request *q) {
        Session *s = q->session;
        char text[16];

        if (q->transaction)
                return -EBUSY;
        for (size_t i = 0; i < SESSION_TRANSACTIONS_MAX; i++) {
                int r;

                if (s->transactions[i])
                        continue;
                /* 0 means none. */
                if (++s->hub->last_transaction == 0)
                        s->hub->last_transaction = 1;
                r = transaction_new(&s->hub->store, s->hub->last_transaction, &s->transactions[i]);
                if (r < 0)
                        return r;
                (void) snprintf(text, sizeof(text), "%u", s->hub->last_transaction);
                return reply_text(q, text);
        }
        return -ENOSPC;
}

static int handle_transaction_end(Request *q) {
        _cleanup_(transaction_freep) Transaction *t = q->transaction;
        Session *s = q->session;
        const char *how = text_at(q, 0);

        if (!how || (!streq(how, "T") && !streq(how, "F"))) {
                t = NULL; /* still open */
                return -EINVAL;
        }
        if (!t)
                return -ENOENT;

        for (size_t i = 0; i < SESSION_TRANSACTIONS_MAX; i++)
                if (s->transactions[i] == t)
                        s->transactions[i] = NULL;
        if (streq(how, "T")) {
                int r = store_commit(&s->hub->store, t);

                if (r < 0)
                        return r;
        }
        return reply_ok(q);
}

static int handle_get_domain_path(Request *q) {
        char path[64];
        uint32_t domid;
        int r;

        r = take_domid(q, &domid);
        if (r < 0)
                return r;
        (void) snprintf(path, sizeof(path), "/local/domain/%u", domid);
        return reply_text(q, path);
}

static int handle_is_domain_introduced(Request *q) {
        uint32_t domid;
        int r;

        r = take_domid(q, &domid);
        return r < 0 ? r : reply_text(q, q->session->hub->introduced[domid] ? "T" : "F");
}

static int set_introduced(Request *q, bool introduced) {
        Hub *hub = q->session->hub;
        uint32_t domid;
        int r;

        r = take_domid(q, &domid);
        if (r < 0)
                return r;
        if (!introduced && !hub->introduced[domid])
                return -ENOENT;
        hub->introduced[domid] = introduced;
        r = reply_ok(q);
        hub_fire(hub, introduced ? "@introduceDomain" : "@releaseDomain", /* removed= */ false);
        return r;
}

static int handle_introduce(Request *q) {
        return set_introduced(q, true);
}

static int handle_release(Request *q) {
        return set_introduced(q, false);
}

static int (*const handlers[XS_TYPE_COUNT])(Request *) = {
        [XS_DIRECTORY] = handle_directory,
        [XS_DIRECTORY_PART] = handle_directory_part,
        [XS_READ] = handle_read,
        [XS_GET_PERMS] = handle_get_perms,
        [XS_SET_PERMS] = handle_set_perms,
        [XS_WRITE] = handle_write,
        [XS_MKDIR] = handle_mkdir,
        [XS_RM] = handle_rm,
        [XS_WATCH] = handle_watch,
        [XS_UNWATCH] = handle_unwatch,
        [XS_RESET_WATCHES] = handle_reset_watches,
        [XS_TRANSACTION_START] = handle_transaction_start,
        [XS_TRANSACTION_END] = handle_transaction_end,
        [XS_GET_DOMAIN_PATH] = handle_get_domain_path,
        [XS_IS_DOMAIN_INTRODUCED] = handle_is_domain_introduced,
        [XS_INTRODUCE] = handle_introduce,
        [XS_RELEASE] = handle_release,
};

static int find_transaction(const Session *s, uint32_t id, Transaction **ret) {
        for (size_t i = 0; i < SESSION_TRANSACTIONS_MAX; i++)
                if (s->transactions[i] && s->transactions[i]->id == id) {
                        *ret = s->transactions[i];
                        return 0;
                }
        return -ENOENT;
}

void session_handle(Session *s, const struct xsd_sockmsg *request, const char *payload) {
        Request q = { .session = s, .header = request, .payload = payload, .size = request->len };
        int r = 0;

        if (request->tx_id != 0)
                r = find_transaction(s, request->tx_id, &q.transaction);
        if (r >= 0)
                r = request->type < XS_TYPE_COUNT && handlers[request->type] ? handlers[request->type](&q)
                                                                             : -ENOSYS;
        if (r < 0)
                reply_error(&q, r);
}
