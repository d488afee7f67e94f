/*
 * Numbers of cards, out of what the card or its driver says
 */

#include "common/base/uuid.h"
#include "hostd/core/card-number.h"

/* Vital product data: resources, of which one holds keywords that are read only. A small one has its length in the tag. */
#define TAG_IS_LARGE 0x80
#define TAG_READ_ONLY 0x90
#define TAG_END (0x0f << 3)
#define SMALL_TAG 0x78
#define SMALL_SIZE 0x07
#define HEAD 3 /* of a large resource, and of a keyword */

#define SERIAL_MIN 4

typedef struct Bytes {
        const uint8_t *data;
        size_t size;
} Bytes;

/* Numbers that say nothing are blanks, or one character all over. */
static bool take_serial(const Bytes *value, char ret[static CARD_NUMBER_MAX]) {
        size_t begin = 0, end = value->size;
        bool differs = false;

        while (end > 0 && (value->data[end - 1] == ' ' || value->data[end - 1] == '\0'))
                end--;
        while (begin < end && value->data[begin] == ' ')
                begin++;
        if (end - begin < SERIAL_MIN || end - begin >= CARD_NUMBER_MAX)
                return false;
        for (size_t i = begin; i < end; i++) {
                if (value->data[i] <= ' ' || value->data[i] > '~')
                        return false;
                differs |= value->data[i] != value->data[begin];
        }
        memcpy(ret, value->data + begin, end - begin);
        ret[end - begin] = '\0';
        return differs;
}

/* All bytes up to the first of the keyword RV are 0 together. */
static bool sum_is_good(const uint8_t *data, size_t n) {
        uint8_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum = (uint8_t) (sum + data[i]);
        return sum == 0;
}

/* at: of the resource's body in data. */
static bool read_keywords(const uint8_t *data, size_t at, size_t size, char ret[static CARD_NUMBER_MAX]) {
        bool found = false;

        for (size_t end = at + size; end - at >= HEAD;) {
                const Bytes value = {data + at + HEAD, data[at + 2]};

                if (value.size > end - at - HEAD)
                        return false;
                if (memcmp(data + at, "SN", 2) == 0 && !found)
                        found = take_serial(&value, ret);
                if (memcmp(data + at, "RV", 2) == 0 && value.size > 0)
                        return found && sum_is_good(data, at + HEAD + 1);
                at += HEAD + value.size;
        }
        return found;
}

bool vpd_serial(const uint8_t *data, size_t size, char ret[static CARD_NUMBER_MAX]) {
        size_t at = 0;

        while (at < size) {
                bool large = data[at] & TAG_IS_LARGE;
                size_t head = large ? HEAD : 1, n;

                if (size - at < head || (!large && (data[at] & SMALL_TAG) == TAG_END))
                        return false;
                n = large ? (size_t) (data[at + 1] | data[at + 2] << 8) : (size_t) (data[at] & SMALL_SIZE);
                if (n > size - at - head)
                        return false;
                if (data[at] == TAG_READ_ONLY)
                        return read_keywords(data, at + head, n, ret);
                at += head + n;
        }
        return false;
}

#define UUID_LABEL "GPU UUID:"
#define UUID_PREFIX "GPU-"
#define BLANK " \t"

bool nvidia_gpu_uuid(const char *text, char ret[static CARD_NUMBER_MAX]) {
        char written[UUID_TEXT_MAX];
        const char *line = strstr(text, UUID_LABEL);
        size_t n;
        Uuid id;

        if (!line || (line != text && line[-1] != '\n'))
                return false;
        line += strlen(UUID_LABEL);
        line += strspn(line, BLANK);
        if (strncmp(line, UUID_PREFIX, strlen(UUID_PREFIX)) != 0)
                return false;
        line += strlen(UUID_PREFIX);
        n = strcspn(line, BLANK "\r\n");
        if (n >= sizeof(written))
                return false;
        memcpy(written, line, n);
        written[n] = '\0';
        if (uuid_from_string(written, &id) < 0 || uuid_is_null(&id))
                return false;
        uuid_to_string(&id, ret);
        return true;
}
