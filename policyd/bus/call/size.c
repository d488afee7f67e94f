/*
 * The size of a message
 */

#include <string.h>

#include "policyd/bus/call/error.h"
#include "policyd/bus/call/size.h"

static size_t align(size_t n, size_t to) {
        return (n + to - 1) / to * to;
}

static size_t alignment_of(const char *signature) {
        switch (*signature) {
        case 'y':
        case 'g':
        case 'v':
                return 1;
        case 'x':
        case 't':
        case 'd':
        case '(':
        case '{':
                return 8;
        default:
                return 4;
        }
}

static int add_value(sd_bus_message *m, size_t *n);

static int add_content(sd_bus_message *m, char type, const char *signature, size_t *n) {
        int r;

        r = sd_bus_message_enter_container(m, type, signature);
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(m, /* complete= */ false)) == 0) {
                r = add_value(m, n);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int add_container(sd_bus_message *m, char type, const char *signature, size_t *n) {
        if (type == 'a')
                *n = align(align(*n, 4) + 4, alignment_of(signature));
        else if (type == 'v')
                *n += 1 + strlen(signature) + 1;
        else
                *n = align(*n, 8);
        return add_content(m, type, signature, n);
}

static int add_text(sd_bus_message *m, char type, size_t *n) {
        const char *text;
        int r;

        r = sd_bus_message_read_basic(m, type, &text);
        if (r < 0)
                return r;
        *n = (type == 'g' ? *n + 1 : align(*n, 4) + 4) + strlen(text) + 1;
        return 0;
}

static int add_value(sd_bus_message *m, size_t *n) {
        uint64_t number;
        const char *content;
        size_t size;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &content);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        if (strchr("avr(e{", type))
                return add_container(m, type, content, n);
        if (strchr("sog", type))
                return add_text(m, type, n);
        size = type == 'y' ? 1 : type == 'n' || type == 'q' ? 2 : strchr("xtd", type) ? 8 : 4;
        *n = align(*n, size) + size;
        return sd_bus_message_read_basic(m, type, &number);
}

int bus_message_size(sd_bus_message *m, size_t *ret) {
        size_t n = 0;
        int r;

        r = sd_bus_message_rewind(m, /* complete= */ true);
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(m, /* complete= */ true)) == 0) {
                r = add_value(m, &n);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        *ret = n;
        return sd_bus_message_rewind(m, /* complete= */ true);
}

int bus_refuse_size(sd_bus_error *error, const char *what) {
        return bus_error_set(error, ERROR_LIMIT_REACHED,
                "%s is larger than the %d MiB that a bus carries in one message. List gives the objects of a "
                "class in pages, and "
                "GetRemainingCapacity what a group or a PGPU can take of one type.",
                what, BUS_MESSAGE_MAX >> 20);
}

