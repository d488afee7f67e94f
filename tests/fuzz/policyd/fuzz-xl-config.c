/*
 * xl.cfg: any text is refused with a sentence, or read; what was read is written so that it reads the same
 */

#include "common/base/text.h"
#include "policyd/ctl/xl/xl.h"
#include "tests/fuzz/fuzz.h"

/* Of a text with an error in its syntax libxlutil (4.17) leaks what it had read, which a command that ends then can bear. */
__attribute__((__visibility__("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libxlutil";
}

static struct json_object *read_or_null(const char *text) {
        struct json_object *o = NULL;
        char *why = NULL;

        if (xl_config_read(text, &o, &why) == 0)
                return o;
        if (o || isempty(why))
                abort();
        free(why);
        return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);
        _cleanup_strbuf_ StrBuf b = {};
        struct json_object *first, *second;
        char fault[TEXT_FAULT_MAX];

        if (!text || text_fault(text, strlen(text), TEXT_LINES, fault))
                return 0;
        first = read_or_null(text);
        if (!first)
                return 0;
        if (xl_config_write(first, &b) < 0)
                abort();
        second = read_or_null(b.text);
        if (!second || (!strstr(b.text, "# no key") && !json_object_equal(first, second)))
                abort();
        json_object_put(first);
        json_object_put(second);
        return 0;
}
