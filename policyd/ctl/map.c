/*
 * The pool map, drawn
 *
 *   alpha  online, 60 GiB of 64 GiB free
 *   ┌ GRID K1 ───────────────────────────────────────────────────────┐
 *   │ 83:00.0 GRID K100  3/8 │■ a    │■ b    │□ c    │·      │·      …│
 *   │ 84:00.0 idle           │8× GRID K100, 4× GRID K140Q            │
 *   └────────────────────────────────────────────────────────────────┘
 *
 * An address with "!" is of a PGPU that is suspect or lost; why, and its virtual functions, stand in the lines below it.
 * Each line is as wide as the terminal. Colours only repeat what the marks say, so that a pipe, a dumb
 * terminal and the colour-blind see the same map.
 */

#include <inttypes.h>
#include <stdio.h>
#include <wchar.h>

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/text.h"
#include "common/json/json-get.h"
#include "policyd/ctl/map.h"

#define ADDRESS_WIDTH 7 /* at least; the widest of the map counts */
#define TYPE_WIDTH 12   /* less where an address needs it */
#define COUNT_WIDTH 5
#define BAR_WIDTH_MIN 3
#define FRAME_WIDTH 8 /* walls, and the blanks between the columns */
#define LEGEND_WIDTH 89
#define STATE_WIDTH 9

typedef struct Glyphs {
        const char *top_left, *top_right, *bottom_left, *bottom_right, *line, *wall, *resident, *scheduled,
                *reserved, *outside, *free, *cut, *times;
} Glyphs;

static const Glyphs unicode = {"┌", "┐", "└", "┘", "─", "│", "■", "□", "◇", "▲", "·", "…", "×"};
static const Glyphs ascii = {"+", "+", "+", "+", "-", "|", "#", "o", "r", "!", ".", "~", "x"};

typedef enum Paint {
        PAINT_PLAIN,
        PAINT_RESIDENT,
        PAINT_SCHEDULED,
        PAINT_RESERVED,
        PAINT_OUTSIDE,
        PAINT_DIM,
        PAINT_BOLD,
        PAINT_BAD,
        PAINT_CARD, /* and the next ones: frames of neighbouring cards differ */
        PAINT_CARD_2,
        _PAINT_MAX,
} Paint;

static const char *const paints[_PAINT_MAX] = {
        [PAINT_PLAIN] = "",
        [PAINT_RESIDENT] = "\033[30;42m",
        [PAINT_SCHEDULED] = "\033[30;43m",
        [PAINT_RESERVED] = "\033[30;46m",
        [PAINT_OUTSIDE] = "\033[30;45m",
        [PAINT_DIM] = "\033[2m",
        [PAINT_BOLD] = "\033[1m",
        [PAINT_BAD] = "\033[31m",
        [PAINT_CARD] = "\033[36m",
        [PAINT_CARD_2] = "\033[35m",
};

typedef struct Pen {
        FILE *out;
        View *view;
        const MapStyle *style;
        const Glyphs *glyphs;
        unsigned address_width, type_width, bar_width;
        bool offline; /* the host that is drawn */
} Pen;

static void paint(const Pen *pen, Paint p, const char *text) {
        if (pen->style->colour && *paints[p])
                fprintf(pen->out, "%s%s\033[0m", paints[p], text);
        else
                fputs(text, pen->out);
}

/* One character of a text and the columns it takes; what a terminal could act on becomes '?'. */
static size_t next_character(const Pen *pen, const char *text, const char **ret, unsigned *ret_columns) {
        mbstate_t state = {};
        wchar_t c;
        size_t n = pen->style->utf8 ? mbrtowc(&c, text, strlen(text), &state) : 1;
        int columns;

        if (!pen->style->utf8) {
                *ret = (unsigned char) *text >= 0x20 && (unsigned char) *text < 0x7f ? text : "?";
                *ret_columns = 1;
                return 1;
        }
        columns = n == (size_t) -1 || n == (size_t) -2 ? -1 : wcwidth(c);
        *ret = columns >= 0 ? text : "?";
        *ret_columns = columns >= 0 ? (unsigned) columns : 1;
        return n == (size_t) -1 || n == (size_t) -2 || n == 0 ? 1 : n;
}

static unsigned text_columns(const Pen *pen, const char *text) {
        unsigned total = 0, columns;
        const char *shown;

        while (*text) {
                text += next_character(pen, text, &shown, &columns);
                total += columns;
        }
        return total;
}

/* Cut or filled up to exactly so many columns. */
static void add_fitted(const Pen *pen, StrBuf *b, const char *text, unsigned width) {
        bool cut = text_columns(pen, text) > width;
        unsigned room = cut && width > 0 ? width - 1 : width, used = 0, columns;
        const char *shown;

        while (*text) {
                size_t n = next_character(pen, text, &shown, &columns);

                if (used + columns > room)
                        break;
                strbuf_add_n(b, shown, shown == text ? n : 1);
                used += columns;
                text += n;
        }
        if (cut && width > 0) {
                strbuf_add(b, pen->glyphs->cut);
                used++;
        }
        for (; used < width; used++)
                strbuf_add(b, " ");
}

static void paint_fitted(const Pen *pen, Paint p, const char *text, unsigned width) {
        _cleanup_strbuf_ StrBuf b = {};

        add_fitted(pen, &b, text, width);
        if (b.text)
                paint(pen, p, b.text);
}

static Paint card_paint(size_t index) {
        return index % 2 ? PAINT_CARD_2 : PAINT_CARD;
}

static void draw_frame(const Pen *pen, Paint p, const char *left, const char *right, const char *title) {
        _cleanup_strbuf_ StrBuf b = {};
        unsigned used = 2;

        strbuf_add(&b, left);
        if (title) {
                strbuf_addf(&b, " %s ", title);
                used += text_columns(pen, title) + 2;
        }
        for (; used < pen->style->width; used++)
                strbuf_add(&b, pen->glyphs->line);
        strbuf_add(&b, right);
        paint(pen, p, strempty(b.text));
        fputc('\n', pen->out);
}

/* Without the PCI domain where that is 0, as on nearly every machine. */
static const char *short_address(struct json_object *pgpu) {
        const char *address = answer_text(pgpu, "pci-id"), *rest = startswith(address, "0000:");

        return rest ? rest : address;
}

/* A name that is too long keeps its end, because names of a pool mostly differ there. */
static void add_name(const Pen *pen, StrBuf *b, const char *name, unsigned width) {
        unsigned columns = text_columns(pen, name), n;
        const char *shown;

        if (columns > width) {
                strbuf_add(b, pen->glyphs->cut);
                for (; *name && columns > width - 1; columns -= n)
                        name += next_character(pen, name, &shown, &n);
        }
        strbuf_add(b, name);
}

/* Whether a VM could be placed in what is free there. */
static bool is_usable(const Pen *pen, struct json_object *p) {
        return !pen->offline && !streq(answer_text(p, "health"), "lost");
}

static void draw_cell(const Pen *pen, struct json_object *pgpu, struct json_object *slot, unsigned width) {
        const Glyphs *g = pen->glyphs;
        const char *mark = g->resident, *state = answer_text(slot, "state");
        _cleanup_strbuf_ StrBuf b = {};
        Paint p = PAINT_RESIDENT;

        if (!slot) {
                p = PAINT_DIM;
                mark = is_usable(pen, pgpu) ? g->free : "";
        } else if (streq(state, "reserved")) {
                p = PAINT_RESERVED;
                mark = g->reserved;
        } else if (streq(state, "outside")) {
                p = PAINT_OUTSIDE;
                mark = g->outside;
        } else if (streq(state, "scheduled")) {
                p = PAINT_SCHEDULED;
                mark = g->scheduled;
        }
        strbuf_add(&b, mark);
        if (slot && width > 1)
                add_name(pen, &b, map_slot_name(slot), width - 1);
        paint_fitted(pen, p, strempty(b.text), width);
}

/* Where a share of the bar ends, in columns: rounding never adds up to more than the bar. */
static unsigned column_at(uint64_t position, uint64_t size, unsigned width) {
        return (unsigned) (position * width / size);
}

/* One cell: a wall (but before the first) and its content. */
static void draw_share(
        const Pen *pen, struct json_object *p, struct json_object *slot, uint64_t from, uint64_t share) {
        uint64_t size = answer_number(p, "size");
        unsigned start = column_at(from, size, pen->bar_width),
                 end = column_at(MIN_OF(from + share, size), size, pen->bar_width), n = end - start;

        if (n == 0)
                return;
        if (start > 0 && n > 1) {
                paint(pen, PAINT_DIM, pen->glyphs->wall);
                n--;
        }
        draw_cell(pen, p, slot, n);
}

/* Of all slots; NULL: none, or several. */
static const ViewObject *running_type(struct json_object *p) {
        struct json_object *slots = answer_member(p, "slots");
        const ViewObject *type = answer_length(slots) > 0 ? map_object(answer_nth(slots, 0)) : NULL;

        for_each_answer(slot, slots)
                type = map_object(slot) == type ? type : NULL;
        return type;
}

static void draw_slots(const Pen *pen, struct json_object *p) {
        uint64_t at = 0, size = answer_number(p, "size"), step = object_number(running_type(p), "Size");
        struct json_object *slots = answer_member(p, "slots");

        for (size_t i = 0; i < answer_length(slots) && at < size; i++) {
                struct json_object *slot = answer_nth(slots, i);

                draw_share(pen, p, slot, at, answer_number(slot, "size"));
                at += answer_number(slot, "size");
        }
        /* Free room in steps of the type that runs there; what is less than one step is no room, but it has a
         * width. */
        while (at < size) {
                uint64_t share = step > 0 && at + step <= size ? step : size - at;

                draw_share(pen, p, NULL, at, share);
                at += share;
        }
}

static bool has_ref(View *v, const ViewObject *o, const char *property, const ViewObject *to) {
        for (size_t i = 0; i < object_n_refs(o, property); i++)
                if (object_nth_ref(v, o, property, i) == to)
                        return true;
        return false;
}

/* The smallest first, so that the whole GPU stands last. */
static int compare_types(const void *a, const void *b) {
        const ViewObject *x = *(ViewObject *const *) a, *y = *(ViewObject *const *) b;
        uint64_t n = map_instances(UINT64_MAX, x), m = map_instances(UINT64_MAX, y);

        return n != m ? (n > m ? -1 : 1)
                      : strverscmp(object_text(x, "ModelName"), object_text(y, "ModelName"));
}

/* "8x GRID K100, 4x GRID K140Q": the types that a list names and another (or NULL) does not. */
static char *list_types(
        const Pen *pen, struct json_object *p, const char *property, const char *but_not_in) {
        const ViewObject *pgpu = map_object(p);
        size_t n = object_n_refs(pgpu, property), n_types = 0;
        _cleanup_free_ ViewObject **types = calloc(n + 1, sizeof(ViewObject *));
        StrBuf b = {};

        for (size_t i = 0; types && i < n; i++) {
                ViewObject *type = object_nth_ref(pen->view, pgpu, property, i);

                if (type && !(but_not_in && has_ref(pen->view, pgpu, but_not_in, type)))
                        types[n_types++] = type;
        }
        if (n_types > 0)
                qsort(types, n_types, sizeof(*types), compare_types);
        for (size_t i = 0; i < n_types; i++) {
                strbuf_add(&b, i > 0 ? ", " : "");
                if (!but_not_in)
                        strbuf_addf(&b, "%" PRIu64 "%s ", map_instances(answer_number(p, "size"), types[i]),
                                pen->glyphs->times);
                strbuf_add(&b, object_text(types[i], "ModelName"));
        }
        return strbuf_take(&b);
}

static void draw_idle(const Pen *pen, struct json_object *p) {
        _cleanup_free_ char *types = list_types(pen, p, "EnabledVGPUTypes", NULL);

        paint_fitted(pen, PAINT_DIM, !is_usable(pen, p) ? "" : *strempty(types) ? types : "no type is enabled",
                pen->bar_width);
}

/* Suspect or lost. */
static bool is_ill(struct json_object *p) {
        const char *health = answer_text(p, "health");

        return *health && !streq(health, "good");
}

/* What stands where a type would: nothing runs there. */
static const char *idle_word(struct json_object *p) {
        return is_ill(p) ? answer_text(p, "health") : "idle";
}

static void draw_left(const Pen *pen, struct json_object *p) {
        struct json_object *slots = answer_member(p, "slots"), *first = answer_nth(slots, 0);
        const ViewObject *running = running_type(p);
        const char *type = !first                                         ? idle_word(p)
                           : running                                      ? object_text(running, "ModelName")
                           : answer_length(slots) == 1 &&
                                           streq(answer_text(first, "state"), "outside") ? "held outside"
                                                                          : "several";
        uint64_t instances = map_instances(answer_number(p, "size"), running);
        char count[48] = "";

        if (first && instances > 0)
                snprintf(count, sizeof(count), "%zu/%" PRIu64, answer_length(slots), instances);
        else if (first)
                snprintf(count, sizeof(count), "%zu", answer_length(slots));

        fputc(' ', pen->out);
        paint_fitted(pen, is_ill(p) ? PAINT_BAD : PAINT_PLAIN, short_address(p), pen->address_width);
        paint(pen, PAINT_BAD, is_ill(p) ? "!" : " ");
        paint_fitted(pen, first ? PAINT_BOLD : PAINT_DIM, type, pen->type_width);
        fputc(' ', pen->out);
        paint_fitted(pen, PAINT_PLAIN, count, COUNT_WIDTH);
        fputc(' ', pen->out);
}

/* How much of a text stands in one line: to the last blank that fits, or what fits of a long word. */
static size_t line_of(const Pen *pen, const char *text, unsigned width) {
        size_t n = 0, blank = 0;
        unsigned used = 0, columns;
        const char *shown;

        while (text[n]) {
                size_t size = next_character(pen, text + n, &shown, &columns);

                if (used + columns > width)
                        return blank > 0 ? blank : MAX_OF(n, size);
                if (text[n] == ' ')
                        blank = n;
                used += columns;
                n += size;
        }
        return n;
}

/* Lines inside a frame that are text only. */
static void draw_note(const Pen *pen, Paint frame, const char *text) {
        unsigned width = pen->style->width - pen->address_width - 4;

        while (*text) {
                size_t n = line_of(pen, text, width);
                _cleanup_free_ char *line = strndup(text, n);

                paint(pen, frame, pen->glyphs->wall);
                paint_fitted(pen, PAINT_DIM, "", pen->address_width + 2);
                paint_fitted(pen, PAINT_DIM, strempty(line), width);
                paint(pen, frame, pen->glyphs->wall);
                fputc('\n', pen->out);
                text += n;
                text += strspn(text, " ");
        }
}

/* Why the PGPU is not in its normal state. */
static void draw_health(const Pen *pen, struct json_object *p, Paint frame) {
        _cleanup_free_ char *note = NULL;

        if (is_ill(p) && asprintf(&note, "%s%s%s", answer_text(p, "health"), *answer_text(p, "health-reason") ? ": " : "",
                                 answer_text(p, "health-reason")) >= 0)
                draw_note(pen, frame, note);
}

/* "4 virtual functions, made by xenvgpu: web-1 has 0000:03:00.1" */
static void draw_division(const Pen *pen, struct json_object *p, Paint frame) {
        const char *division = answer_text(p, "division"), *ours = startswith(division, "ours "),
                   *n = ours ?: startswith(division, "fixed ");
        _cleanup_strbuf_ StrBuf b = {};
        bool any = false;

        if (!n)
                return;
        strbuf_addf(&b, "%s virtual function%s, made by %s", n, streq(n, "1") ? "" : "s", ours ? "xenvgpu" : "others");
        for_each_answer(slot, answer_member(p, "slots")) {
                if (!*answer_text(slot, "function"))
                        continue;
                strbuf_addf(&b, "%s %s has %s", any ? "," : ":", map_slot_name(slot), answer_text(slot, "function"));
                any = true;
        }
        draw_note(pen, frame, strempty(b.text));
}

static void draw_pgpu(const Pen *pen, struct json_object *p, Paint frame) {
        _cleanup_free_ char *disabled = list_types(pen, p, "SupportedVGPUTypes", "EnabledVGPUTypes"),
                            *note = NULL;

        paint(pen, frame, pen->glyphs->wall);
        draw_left(pen, p);
        paint(pen, PAINT_DIM, pen->glyphs->wall);
        if (answer_length(answer_member(p, "slots")) > 0)
                draw_slots(pen, p);
        else
                draw_idle(pen, p);
        fputc(' ', pen->out);
        paint(pen, frame, pen->glyphs->wall);
        fputc('\n', pen->out);

        draw_health(pen, p, frame);
        draw_division(pen, p, frame);
        if (*strempty(disabled) && asprintf(&note, "not enabled: %s", disabled) >= 0)
                draw_note(pen, frame, note);
        if (object_flag(map_object(p), "IsSystemDisplayDevice"))
                draw_note(pen, frame, "dom0's own display: not for passthrough");
        if (streq(object_text(map_object(p), "GPUGroup"), "/"))
                draw_note(pen, frame, "in no GPU group: no VM is placed here");
}

static void draw_host(Pen *pen, struct json_object *host) {
        struct json_object *cards = answer_member(host, "cards");
        const ViewObject *o = map_object(host);
        bool disabled = !object_flag(o, "Enabled");
        const char *reason = object_text(o, "StateReason");
        size_t c = 0;

        pen->offline = !streq(object_text(o, "State"), "online");
        paint(pen, PAINT_BOLD, object_text(o, "NameLabel"));
        fputs("  ", pen->out);
        paint(pen, pen->offline ? PAINT_BAD : PAINT_PLAIN, object_text(o, "State"));
        if (disabled)
                paint(pen, PAINT_BAD, ", disabled");
        if (!pen->offline)
                fprintf(pen->out, ", %s of %s free", SIZE_TEXT(object_number(o, "MemoryFree")),
                        SIZE_TEXT(object_number(o, "MemoryTotal")));
        else if (*reason)
                fprintf(pen->out, ": %s", reason);
        fputs(answer_length(cards) == 0 ? "; no GPUs\n" : "\n", pen->out);

        for_each_answer(card, cards) {
                Paint frame = pen->offline || disabled ? PAINT_DIM : card_paint(c++);
                struct json_object *pgpus = answer_member(card, "pgpus");

                draw_frame(pen, frame, pen->glyphs->top_left, pen->glyphs->top_right, answer_text(card, "name"));
                for_each_answer(p, pgpus)
                        draw_pgpu(pen, p, frame);
                draw_frame(pen, frame, pen->glyphs->bottom_left, pen->glyphs->bottom_right, NULL);
        }
        fputc('\n', pen->out);
}

static void sum_line(const Pen *pen, const ViewObject *host, const char *text) {
        const char *state = object_text(host, "State");
        bool offline = !streq(state, "online"), disabled = !object_flag(host, "Enabled");
        unsigned name_width = pen->style->width / 3;

        paint_fitted(pen, PAINT_BOLD, object_text(host, "NameLabel"), name_width);
        fputs("  ", pen->out);
        paint_fitted(pen, offline || disabled ? PAINT_BAD : PAINT_PLAIN, offline || !disabled ? state : "disabled", STATE_WIDTH);
        fputs("  ", pen->out);
        paint_fitted(pen, PAINT_PLAIN, text, pen->style->width - name_width - STATE_WIDTH - 4);
        fputc('\n', pen->out);
}

/* A host of many: a line for each card. */
static void sum_host(const Pen *pen, struct json_object *host) {
        struct json_object *cards = answer_member(host, "cards");

        if (answer_length(cards) == 0)
                sum_line(pen, map_object(host), "no GPUs");
        for_each_answer(card, cards) {
                struct json_object *pgpus = answer_member(card, "pgpus");
                _cleanup_free_ char *text = NULL;
                char sick[32] = "";
                size_t idle = 0, slots = 0, ill = 0;

                for_each_answer(p, pgpus) {
                        size_t n = answer_length(answer_member(p, "slots"));

                        idle += n == 0;
                        slots += n;
                        ill += is_ill(p);
                }
                if (ill > 0)
                        snprintf(sick, sizeof(sick), ", %zu ill!", ill);
                text = text_printf("%zu of %zu idle, %zu taken%s: %s", idle, answer_length(pgpus), slots, sick, answer_text(card, "name"));
                sum_line(pen, map_object(host), strempty(text));
        }
}

/* In one line, or two. */
static void draw_legend(const Pen *pen) {
        paint(pen, PAINT_RESIDENT, pen->glyphs->resident);
        fputs(" resident   ", pen->out);
        paint(pen, PAINT_SCHEDULED, pen->glyphs->scheduled);
        fputs(" scheduled   ", pen->out);
        paint(pen, PAINT_RESERVED, pen->glyphs->reserved);
        fputs(" reserved   ", pen->out);
        paint(pen, PAINT_OUTSIDE, pen->glyphs->outside);
        fputs(" not of this pool   ", pen->out);
        paint(pen, PAINT_DIM, pen->glyphs->free);
        fprintf(pen->out, " free%sn%s TYPE: room for n\n", pen->style->width < LEGEND_WIDTH ? "\n" : "   ", pen->glyphs->times);
}

/* An address is never cut, since people type it into commands. */
static void lay_out_columns(struct json_object *hosts, Pen *pen) {
        unsigned width = pen->style->width, rest;

        pen->address_width = ADDRESS_WIDTH;
        for_each_answer(host, hosts)
                for_each_answer(card, answer_member(host, "cards"))
                        for_each_answer(p, answer_member(card, "pgpus"))
                                pen->address_width =
                                        MAX_OF(pen->address_width, text_columns(pen, short_address(p)));
        rest = pen->address_width + COUNT_WIDTH + FRAME_WIDTH + BAR_WIDTH_MIN;
        pen->type_width = width > rest ? MIN_OF((unsigned) TYPE_WIDTH, width - rest) : 1;
        rest += pen->type_width;
        pen->bar_width = BAR_WIDTH_MIN + (width > rest ? width - rest : 0);
}

int map_draw(FILE *out, View *v, const char *host_path, const MapStyle *style) {
        Pen pen = { .out = out, .view = v, .style = style, .glyphs = style->utf8 ? &unicode : &ascii };
        _cleanup_json_ struct json_object *map = NULL;
        int r;

        r = map_build(v, host_path, &map);
        if (r < 0)
                return r;
        lay_out_columns(map, &pen);
        if (answer_length(map) > MAP_HOSTS_DRAWN) {
                fputs("Each card's PGPUs on which nothing runs, and slots taken. host-uuid= draws one.\n\n", out);
                for_each_answer(host, map)
                        sum_host(&pen, host);
                return 0;
        }
        for_each_answer(host, map)
                draw_host(&pen, host);
        if (answer_length(map) == 0)
                fputs("The pool has no hosts; `xenvgpu host-add name= address=` adds one.\n", out);
        else
                draw_legend(&pen);
        return 0;
}
