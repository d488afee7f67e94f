/*
 * A promise in a line of the history
 */

#include <inttypes.h>
#include <stdio.h>

#include "tests/proof/promise-line.h"
#include "tests/proof/texts.h"

void promise_add(StrBuf *b, const char *property, const char *of, const char *value) {
        strbuf_addf(b, " sets=%s of=%s value=%s", property, of, value);
}

static void add_of_card(StrBuf *b, const char *property, const char *host, const char *address, const char *device, bool enabled) {
        char of[64];

        (void) snprintf(of, sizeof(of), "%s/%s/%s", host, address, device);
        promise_add(b, property, of, enabled ? "yes" : "no");
}

void promise_add_type(StrBuf *b, const char *host, const char *address, const char *device, const char *identifier, bool enabled) {
        char property[32];

        (void) snprintf(property, sizeof(property), "type:%016" PRIx64, text_hash(identifier));
        add_of_card(b, property, host, address, device, enabled);
}

void promise_add_other_types(StrBuf *b, const char *host, const char *address, const char *device) {
        add_of_card(b, "type:*", host, address, device, false);
}

void promise_add_entry(StrBuf *b, const char *property, const char *key, const char *of, const char *value) {
        char name[64], text[24] = "none";

        if (value)
                (void) snprintf(text, sizeof(text), "%016" PRIx64, text_hash(value));
        if (key)
                (void) snprintf(name, sizeof(name), "%s/%016" PRIx64, property, text_hash(key));
        else
                (void) snprintf(name, sizeof(name), "%s/*", property);
        promise_add(b, name, of, text);
}
