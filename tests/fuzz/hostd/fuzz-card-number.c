/*
 * Numbers of cards: vital product data, and NVIDIA's words about a GPU
 */

#include "common/base/text.h"
#include "hostd/core/card-number.h"
#include "tests/fuzz/fuzz.h"

static void check(const char *number) {
        if (strnlen(number, CARD_NUMBER_MAX) == CARD_NUMBER_MAX || !text_is_name(number, strlen(number)))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char number[CARD_NUMBER_MAX], *text = strndup((const char *) data, size);

        if (vpd_serial(data, size, number))
                check(number);
        if (text && nvidia_gpu_uuid(text, number))
                check(number);
        free(text);
        return 0;
}
