/*
 * Writing SVG
 *
 * Bars in two panels, one for each pool, and steps over time. Colours are told apart by people who do not see
 * all of them, texts use the reader's own font, and a white ground makes them readable on a dark page.
 */

#include <stdio.h>

#include "tests/sim/plot.h"

#define WIDTH 780
#define HEIGHT 300
#define LEFT 44
#define RIGHT 14
#define TOP 62 /* where the highest value may be; title, legend and the axis' unit stand above */
#define BAR 17
#define LEGEND 104

static const char *const colours[_GROUP_ALGORITHM_MAX] = {"#0072b2", "#e69f00", "#009e73"};

static void svg_begin(FILE *f, const char *title, const char *unit) {
        fprintf(f,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                "font-size=\"11\">\n<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" rx=\"6\" "
                "fill=\"white\"/>\n<text x=\"%d\" y=\"19\" font-size=\"13\">%s</text>\n"
                "<text x=\"6\" y=\"%d\" fill=\"#555\">%s</text>\n",
                WIDTH, HEIGHT, title, LEFT, title, TOP - 8, unit);
        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++)
                fprintf(f,
                        "<rect x=\"%d\" y=\"27\" width=\"10\" height=\"10\" fill=\"%s\"/>"
                        "<text x=\"%d\" y=\"36\">%s</text>\n",
                        LEFT + LEGEND * a, colours[a], LEFT + 14 + LEGEND * a, group_algorithm_to_string(a));
}

/* What the lines over the bars mean. */
static void draw_bar_legend(FILE *f, bool bound) {
        int x = LEFT + LEGEND * _GROUP_ALGORITHM_MAX;

        fprintf(f, "<path d=\"M%d 26v12\" stroke=\"black\"/><text x=\"%d\" y=\"36\">95 %% interval</text>\n",
                x + 5, x + 14);
        if (bound)
                fprintf(f,
                        "<path d=\"M%d 32h14\" stroke=\"#c00\" stroke-width=\"2\"/><text x=\"%d\" "
                        "y=\"36\">no packing refuses fewer</text>\n",
                        x + LEGEND, x + LEGEND + 18);
}

static int svg_end(FILE *f) {
        int failed;

        fputs("</svg>\n", f);
        failed = ferror(f);
        return fclose(f) != 0 || failed ? -EIO : 0;
}

static int svg_open(const char *folder, const char *name, FILE **ret) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        *ret = fopen(path, "we");
        return *ret ? 0 : -errno;
}

/* Lines at round values, with their numbers. */
static void draw_axis(FILE *f, int x, int width, int bottom, double height, double most) {
        double step = 1;

        while (most / step > 6)
                step *= step == 1 || step == 10 || step == 100   ? 2
                        : step == 2 || step == 20 || step == 200 ? 2.5
                                                                 : 2;

        for (double v = 0; v <= most; v += step) {
                double y = bottom - v / most * height;

                fprintf(f,
                        "<path d=\"M%d %.1fh%d\" stroke=\"#ccc\"/><text x=\"%d\" y=\"%.1f\" "
                        "text-anchor=\"end\">%g</text>\n",
                        x, y, width, x - 4, y + 4, v);
        }
}

static void draw_label(FILE *f, double middle, int y, const char *style, const char *text) {
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\"%s>%s</text>\n", middle, y, style, text);
}

typedef struct BarValue {
        Mean mean;
        double bound; /* below 0: none */
} BarValue;

typedef BarValue (*BarGetter)(const Scenario *s, GroupAlgorithm a);

static BarValue refused_bar(const Scenario *s, GroupAlgorithm a) {
        return (BarValue){.mean = s->algorithms[a].refused, .bound = s->bound.mean};
}

static BarValue stranded_bar(const Scenario *s, GroupAlgorithm a) {
        return (BarValue){.mean = s->algorithms[a].stranded, .bound = -1};
}

static void draw_bar(FILE *f, double x, int bottom, double scale, BarValue v, const char *colour) {
        double top = bottom - (v.mean.mean + v.mean.half) * scale;

        fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"%s\"/>", x,
                bottom - v.mean.mean * scale, BAR - 1, v.mean.mean * scale, colour);
        fprintf(f, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"black\"/>", x + BAR / 2.0, top,
                bottom - MAX_OF(v.mean.mean - v.mean.half, 0.0) * scale);
        fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"8\">%.1f</text>\n",
                x + BAR / 2.0, top - 3, v.mean.mean);
}

/* One mix at one load: a bar for each algorithm, and the bound across them. */
static void draw_scenario(
        FILE *f, const Scenario *s, double middle, int bottom, double scale, BarGetter get) {
        double x = middle - BAR * _GROUP_ALGORITHM_MAX / 2.0;
        BarValue v = {.bound = -1};
        char load[16];

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                v = get(s, a);
                draw_bar(f, x + BAR * a, bottom, scale, v, colours[a]);
        }
        if (v.bound >= 0)
                fprintf(f, "<path d=\"M%.1f %.1fh%d\" stroke=\"#c00\" stroke-width=\"2\"/>\n", x - 2,
                        bottom - v.bound * scale, BAR * _GROUP_ALGORITHM_MAX + 4);

        snprintf(load, sizeof(load), "load %.1f", s->load);
        draw_label(f, middle, bottom + 14, "", mix_to_string(s->mix));
        draw_label(f, middle, bottom + 26, " fill=\"#555\"", load);
}

static int plot_bars(const Scenario *scenarios, size_t n, const char *folder, const char *name,
        const char *title, const char *unit, BarGetter get) {
        const int width = WIDTH - LEFT - RIGHT, bottom = HEIGHT - 52;
        const double height = bottom - TOP, panel = (double) width / COMPARE_POOLS;
        size_t per_pool = n / COMPARE_POOLS;
        double most = 0.1;
        FILE *f;
        int r;

        for (size_t i = 0; i < n; i++)
                for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                        Mean m = get(&scenarios[i], a).mean;

                        most = MAX_OF(most, 1.05 * (m.mean + m.half));
                }

        r = svg_open(folder, name, &f);
        if (r < 0)
                return r;

        svg_begin(f, title, unit);
        draw_bar_legend(f, get(&scenarios[0], 0).bound >= 0);
        draw_axis(f, LEFT, width, bottom, height, most);
        for (size_t i = 0; i < n; i++) {
                double left = LEFT + panel * (double) (i / per_pool);
                char pool[32];

                draw_scenario(f, &scenarios[i],
                        left + ((double) (i % per_pool) + 0.5) * panel / (double) per_pool, bottom,
                        height / most, get);
                if (i % per_pool > 0)
                        continue;
                snprintf(pool, sizeof(pool), "%s pool", scenarios[i].pool);
                draw_label(f, left + panel / 2, bottom + 44, " font-weight=\"bold\"", pool);
                if (i > 0)
                        fprintf(f, "<path d=\"M%.1f %dV%d\" stroke=\"#999\" stroke-dasharray=\"3 3\"/>\n",
                                left, TOP, bottom + 46);
        }
        return svg_end(f);
}

/* One morning */

typedef struct Steps {
        FILE *f;
        double x_scale, y_scale, last_x;
        int bottom;
        size_t last;
} Steps;

static void draw_step(double at, size_t n_opened, size_t n_refused, void *userdata) {
        Steps *s = userdata;

        if (n_opened == s->last)
                return;
        fprintf(s->f, "H%.1fV%.1f", LEFT + at * s->x_scale, s->bottom - (double) n_opened * s->y_scale);
        s->last = n_opened;
        s->last_x = at;
}

static int plot_morning(const char *folder) {
        const int bottom = HEIGHT - 26, width = WIDTH - LEFT - RIGHT;
        const char *text = shape_text("even");
        _cleanup_shape_ Shape s = {};
        _cleanup_trace_ Trace t = {};
        char error[256];
        double most = 0;
        FILE *f;
        int r;

        r = shape_parse(text, strlen(text), &s, error, sizeof(error));
        if (r >= 0)
                r = mix_generate(MIX_MORNING, &s, 0.9, 1, &t);
        if (r >= 0)
                r = svg_open(folder, "allocation-opened.svg", &f);
        if (r < 0)
                return r;

        for (size_t i = 0; i < s.n_cards; i++)
                most += s.cards[i].group == i ? shape_group_pgpus(&s, i) : 0;
        svg_begin(f, "PGPUs in use during the hour of one VDI morning, load 0.9, even pool", "PGPUs");
        draw_axis(f, LEFT, width, bottom, bottom - TOP, most * 1.02);
        for (int minute = 0; minute <= 60; minute += 15)
                fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d min</text>\n",
                        LEFT + minute * (width - 20) / 60, bottom + 14, minute);

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX && r >= 0; a++) {
                Steps steps = {.f = f,
                        .x_scale = (width - 20) / 3600.0,
                        .y_scale = (bottom - TOP) / (most * 1.02),
                        .bottom = bottom};
                ReplayWatcher watcher = {.step = draw_step, .userdata = &steps};
                Outcome o;

                /* The first is the widest, so that one that runs like it does not hide it. */
                fprintf(f, "<path fill=\"none\" stroke-width=\"%d\" stroke=\"%s\" d=\"M%d %d", a == 0 ? 6 : 2,
                        colours[a], LEFT, bottom);
                r = replay(&s, &t, a, &watcher, &o);
                fprintf(f, "H%d\"/>\n", LEFT + width - 20);
        }
        return svg_end(f) < 0 ? -EIO : r;
}

int plot_all(const Scenario *scenarios, size_t n, const char *folder) {
        int r;

        r = plot_bars(
                scenarios, n, folder, "allocation-refused.svg", "Refused VMs", "% of arrivals", refused_bar);
        if (r >= 0)
                r = plot_bars(scenarios, n, folder, "allocation-stranded.svg",
                        "Stranded room: what is free on PGPUs in use, where other types cannot go, on "
                        "average",
                        "PGPUs", stranded_bar);
        return r < 0 ? r : plot_morning(folder);
}
