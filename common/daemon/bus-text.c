/*
 * Texts in messages: checks what clients send
 *
 * The bus itself disconnects a client that sends text that is not UTF-8. But it passes noncharacters on, and
 * sd-bus neither reads nor sends these.
 */

#include "common/daemon/bus-text.h"

int bus_read_record(
        sd_bus_message *m, const char *what, const char *refusal, const char **ret, sd_bus_error *error) {
        int r;

        r = sd_bus_message_read_basic(m, 's', ret);
        if (r != -EBADMSG)
                return r;
        return sd_bus_error_setf(error, refusal,
                "The %s holds what Unicode keeps from being a character (U+FFFE, U+FDD0 and the like).", what);
}

int bus_read_text(sd_bus_message *m, const char *what, TextForm form, const char *refusal, const char **ret,
        sd_bus_error *error) {
        char buf[TEXT_FAULT_MAX];
        const char *text, *fault;
        int r;

        r = bus_read_record(m, what, refusal, &text, error);
        if (r < 0)
                return r;
        fault = text_fault(text, strlen(text), form, buf);
        if (fault)
                return sd_bus_error_setf(error, refusal, "The %s %s.", what, fault);
        *ret = text;
        return 1;
}

int bus_append_long_text(sd_bus_message *m, const char *text) {
        _cleanup_free_ char *clean = NULL;
        size_t n = strlen(text);
        char *place;
        int r;

        if (!text_is_good(text, n, TEXT_LINES)) {
                clean = text_clean(text, n, TEXT_LINES, SIZE_MAX);
                if (!clean)
                        return -ENOMEM;
                text = clean;
                n = strlen(clean);
        }

        r = sd_bus_message_append_string_space(m, n, &place);
        if (r >= 0)
                memcpy(place, text, n);
        return r;
}
