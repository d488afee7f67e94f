/*
 * Text from outside: a cleaned text is good, fits and is cleaned into itself; a good one stays as it is
 */

#include "common/base/text.h"
#include "tests/fuzz/fuzz.h"

static void demand(bool holds) {
        if (!holds)
                abort();
}

static void check_clean(const char *text, size_t size, TextForm form, size_t max) {
        _cleanup_free_ char *clean = text_clean(text, size, form, max), *again = NULL;
        char fault[TEXT_FAULT_MAX];
        size_t n = strlen(clean);

        demand(n <= max && text_is_good(clean, n, form));
        demand(text_is_good(text, size, form) == !text_fault(text, size, form, fault));
        if (text_is_good(text, size, form) && size <= max)
                demand(n == size && memcmp(text, clean, n) == 0);

        again = text_clean(clean, n, form, max);
        demand(streq(clean, again));
}

static void check_one_line(const char *text) {
        _cleanup_strbuf_ StrBuf b = {};
        char buf[16];

        for (size_t size = 1; size <= sizeof(buf); size++) {
                text_short(text, buf, size);
                demand(strlen(buf) < size && text_is_good(buf, strlen(buf), TEXT_LINE));
        }
        text_escape(&b, text);
        demand(strbuf_error(&b) == 0 && text_is_good(strempty(b.text), b.len, TEXT_LINE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);

        if (!text)
                return 0;
        for (size_t max = 0; max < 8; max++)
                check_clean((const char *) data, size, TEXT_LINE, max);
        check_clean((const char *) data, size, TEXT_LINE, SIZE_MAX);
        check_clean((const char *) data, size, TEXT_LINES, SIZE_MAX);
        check_one_line(text);
        return 0;
}
