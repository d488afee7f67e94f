/*
 * What policyd answers to the command line, shown: whatever JSON it is, lists, records, the map and explanations come out
 *
 * The first byte says what the rest is: an answer of one of four methods, or the objects of a pool.
 */

#include "common/json/json-get.h"
#include "policyd/ctl/explain.h"
#include "policyd/ctl/map.h"
#include "policyd/ctl/status-problems.h"
#include "policyd/ctl/view/print.h"
#include "tests/fuzz/fuzz.h"

static void print_class(FILE *out, View *v, const ClassInfo *c) {
        static const PrintStyle styles[] = {PRINT_RECORDS, PRINT_MINIMAL, PRINT_JSON};
        _cleanup_free_ ViewObject **list = NULL;
        char *unknown = NULL;
        Columns columns;
        size_t n;

        if (view_list(v, c, &list, &n) < 0 || columns_choose(c, "all", &columns, &unknown) < 0)
                abort();
        for (size_t i = 0; i < ARRAY_SIZE(styles); i++)
                (void) print_objects(out, v, list, n, &columns, styles[i]);
        for (size_t i = 0; i < n; i++)
                for (size_t f = 0; f < columns.n; f++)
                        (void) field_matches(v, list[i], columns.fields[f], "a");
        columns_done(&columns);
}

static void show_pool(FILE *out, const char *text) {
        _cleanup_json_ struct json_object *objects = NULL, *map = NULL, *problems = NULL;
        _cleanup_(view_freep) View *v = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        JsonReader r;

        if (json_parse_answer(&r, text, strlen(text), &objects) < 0 || view_new(NULL, &v) < 0 || view_add_all(v, objects) < 0)
                return;
        for (size_t i = 0; i < n_classes; i++)
                print_class(out, v, &classes[i]);
        for (unsigned width = MAP_WIDTH_MIN; width < 200; width += 70)
                (void) map_draw(out, v, NULL, &(MapStyle){.width = width, .utf8 = width > 50, .colour = width > 100});
        (void) map_build(v, NULL, &map);
        strbuf_add(&b, "{");
        status_write_problems(&b, v);
        strbuf_add(&b, "}");
        if (strbuf_error(&b) >= 0 && json_parse_answer(&r, b.text, b.len, &problems) >= 0)
                status_print_problems(out, answer_member(problems, "problems"));
}

static void show_answer(FILE *out, uint8_t which, const char *text) {
        for (int as_json = 0; as_json < 2; as_json++)
                switch (which % 5) {
                case 0:
                        (void) explain_print(out, text, false, as_json);
                        (void) explain_print(out, text, true, as_json);
                        break;
                case 1:
                        (void) capacity_print(out, text, NULL, as_json, as_json);
                        (void) capacity_print(out, text, "00000040-0000-4000-8000-000000000040", !as_json, as_json);
                        break;
                case 2:
                        (void) plan_print(out, text, as_json);
                        break;
                case 3:
                        (void) failure_print(out, text, as_json);
                        break;
                default:
                        show_pool(out, text);
                        return;
                }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = size > 0 ? strndup((const char *) data + 1, size - 1) : NULL;
        FILE *out = fopen("/dev/null", "we");

        if (text && out)
                show_answer(out, data[0], text);
        if (out)
                fclose(out);
        return 0;
}
