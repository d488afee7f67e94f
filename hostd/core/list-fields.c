/*
 * Fields that the Intel and AMD lists share
 */

#include "hostd/core/clean-text.h"
#include "hostd/core/list-fields.h"

#define MIB (UINT64_C(1) << 20)

bool list_line_is_empty(TextSpan line) {
        line = text_span_trim(line);
        return text_span_size(&line) == 0 || *line.at == '#';
}

const char *list_take_head(TextSpan *line, uint16_t *ret_pdev, bool *ret_experimental, TextSpan *ret_name) {
        char experimental;

        if (!text_take_hex16(line, ret_pdev))
                return "it does not begin with a PCI device id of four hex digits";
        if (!text_take_word(line, "experimental=") || !text_take_char(line, &experimental))
                return "'experimental=0' or 'experimental=1' must follow the device id";
        if (!text_take_word(line, "name='") || !text_take_until(line, '\'', ret_name))
                return "name='…' must follow 'experimental='";
        if (!text_is_clean_name(ret_name->at, text_span_size(ret_name)))
                return "the name is empty, too long, or no text";

        *ret_experimental = experimental != '0';
        return NULL;
}

bool list_take_mib(TextSpan *line, const char *field, uint64_t *ret_bytes) {
        uint64_t mib;

        if (!text_take_word(line, field) || !text_take_u64(line, &mib))
                return false;
        return !__builtin_mul_overflow(mib, MIB, ret_bytes);
}
