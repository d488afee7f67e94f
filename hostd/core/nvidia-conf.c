/*
 * NVIDIA type files of the K1/K2 era: one .conf file, one type
 *
 * A table says how each key that we need is read; the same table says afterwards which one is missing.
 */

#include "common/base/parse.h"
#include "hostd/core/host-type.h"
#include "hostd/core/nvidia-conf.h"
#include "hostd/core/text-lines.h"

#define VALUE_MAX 128

typedef bool (*ConfReader)(const char *value, NvidiaConf *conf);

typedef struct ConfKey {
        const char *name;
        ConfReader read;
        const char *shape;
} ConfKey;

/* "0xDDDD" or "0xDDDD:0xSSSS"; 1 and 2 ids, 0 for anything else. */
static int read_ids(const char *value, uint16_t *ret_first, uint16_t *ret_second) {
        char copy[VALUE_MAX];
        size_t n = strlen(value);
        char *second;

        if (n < 2 || value[0] != '"' || value[n - 1] != '"')
                return 0;
        memcpy(copy, value + 1, n - 2);
        copy[n - 2] = '\0';

        second = strchr(copy, ':');
        if (second)
                *second++ = '\0';
        if (parse_hex16(copy, ret_first) < 0)
                return 0;
        if (!second)
                return 1;
        return parse_hex16(second, ret_second) < 0 ? 0 : 2;
}

static bool read_count(const char *value, uint32_t *ret) {
        uint64_t n;

        if (parse_number(value, &n) < 0 || n > UINT32_MAX)
                return false;
        *ret = (uint32_t) n;
        return true;
}

static bool read_pdev(const char *value, NvidiaConf *conf) {
        int n = read_ids(value, &conf->pdev, &conf->psubdev);

        conf->any_psubdev = n == 1;
        return n > 0;
}

static bool read_vdev(const char *value, NvidiaConf *conf) {
        return read_ids(value, &conf->vdev, &conf->vsubdev) == 2;
}

static bool read_resolution(const char *value, NvidiaConf *conf) {
        TextSpan s = { value, value + strlen(value) };

        return text_read_u32(&s, &conf->max_x) && text_read_word(&s, "x") &&
               text_read_u32(&s, &conf->max_y) && s.at == s.end;
}

static bool read_framebuffer(const char *value, NvidiaConf *conf) {
        return parse_number(value, &conf->framebuffer) == 0;
}

static bool read_heads(const char *value, NvidiaConf *conf) {
        return read_count(value, &conf->heads);
}

static bool read_instances(const char *value, NvidiaConf *conf) {
        return read_count(value, &conf->instances) && host_type_size(conf->instances) > 0;
}

static const ConfKey conf_keys[] = {
        { "plugin0.pdev_id", read_pdev, "\"0xDDDD\" or \"0xDDDD:0xSSSS\"" },
        { "plugin0.vdev_id", read_vdev, "\"0xDDDD:0xSSSS\"" },
        { "plugin0.max_resolution", read_resolution, "WIDTHxHEIGHT" },
        { "plugin0.framebufferlength", read_framebuffer, "a number of bytes" },
        { "plugin0.num_heads", read_heads, "a number" },
        { "plugin0.max_instance", read_instances, "a number from 1 to 1048576" },
};

/* The index in conf_keys, or -ENOENT for keys that are none of ours. */
static int find_key(const TextSpan *key) {
        for (size_t i = 0; i < ARRAY_SIZE(conf_keys); i++)
                if (text_span_size(key) == strlen(conf_keys[i].name) &&
                        text_span_starts_with(key, conf_keys[i].name))
                        return (int) i;
        return -ENOENT;
}

static TextSpan read_key(TextSpan *line) {
        TextSpan key = { line->at, line->at };

        while (key.end < line->end && *key.end != ' ' && *key.end != '\t')
                key.end++;
        line->at = key.end;
        return key;
}

/* An embedded NUL makes the text shorter than the span, which no value of ours is. */
static bool read_value(const ConfKey *key, TextSpan value, NvidiaConf *conf) {
        char text[VALUE_MAX];
        size_t n;

        value = text_span_trim(value);
        n = text_span_size(&value);
        if (n == 0 || n >= sizeof(text) || memchr(value.at, '\0', n))
                return false;

        memcpy(text, value.at, n);
        text[n] = '\0';
        return key->read(text, conf);
}

int nvidia_conf_parse(const char *data, size_t size, const ProblemSink *problems, NvidiaConf *ret) {
        TextLines lines = text_lines(data, size);
        NvidiaConf conf = {};
        unsigned seen = 0;
        TextSpan line;

        while (text_lines_next(&lines, &line)) {
                TextSpan rest = text_span_trim(line), key;
                int i;

                if (text_span_size(&rest) == 0 || *rest.at == '#')
                        continue;

                key = read_key(&rest);
                i = find_key(&key);
                if (i < 0)
                        continue;
                if (!read_value(&conf_keys[i], rest, &conf)) {
                        problem_report(problems, lines.line, "this type is left out: %s must be %s",
                                conf_keys[i].name, conf_keys[i].shape);
                        return -EINVAL;
                }
                seen |= 1u << i;
        }

        for (size_t i = 0; i < ARRAY_SIZE(conf_keys); i++)
                if (!(seen & (1u << i))) {
                        problem_report(
                                problems, 0, "this type is left out: %s is missing", conf_keys[i].name);
                        return -EINVAL;
                }

        *ret = conf;
        return 0;
}
