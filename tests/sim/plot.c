/*
 * Writing SVG
 *
 * Bars in panels, one panel for each pool and load, and steps over time. Colours are told apart by people who
 * do not see all of them, and texts use the reader's own font.
 */

#include <stdio.h>

#include "tests/sim/plot.h"

#define WIDTH 760
#define PANEL_HEIGHT 190
#define LEFT 46
#define TOP 46
#define BAR 16

static const char *const colours[_GROUP_ALGORITHM_MAX] = {"#0072b2", "#e69f00", "#009e73"};

static void svg_begin(FILE *f, int height, const char *title) {
        fprintf(f,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                "font-size=\"11\">\n<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" "
                "fill=\"white\"/>\n"
                "<text x=\"%d\" y=\"16\" font-size=\"13\">%s</text>\n",
                WIDTH, height, title, LEFT, title);
        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++)
                fprintf(f,
                        "<rect x=\"%d\" y=\"24\" width=\"10\" height=\"10\" fill=\"%s\"/>"
                        "<text x=\"%d\" y=\"33\">%s</text>\n",
                        LEFT + 110 * a, colours[a], LEFT + 14 + 110 * a, group_algorithm_to_string(a));
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

        while (most / step > 5)
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
        fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"%s\"/>", x,
                bottom - v.mean.mean * scale, BAR, v.mean.mean * scale, colour);
        fprintf(f, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"black\"/>\n", x + BAR / 2.0,
                bottom - (v.mean.mean + v.mean.half) * scale,
                bottom - MAX_OF(v.mean.mean - v.mean.half, 0.0) * scale);
}

static int plot_bars(const Scenario *scenarios, size_t n, const char *folder, const char *name,
        const char *title, BarGetter get) {
        const int width = WIDTH - LEFT - 10, panel = width / COMPARE_POOLS, bottom = TOP + PANEL_HEIGHT - 30;
        const double height = PANEL_HEIGHT - 44;
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

        svg_begin(f, TOP + PANEL_HEIGHT, title);
        draw_axis(f, LEFT, width, bottom, height, most);
        for (size_t i = 0; i < n; i++) {
                size_t per_pool = n / COMPARE_POOLS;
                double x = LEFT + (double) (panel * (int) (i / per_pool)) +
                           (double) (i % per_pool) * (panel - 8.0) / (double) per_pool + 6;
                BarValue v = {.bound = -1};

                for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                        v = get(&scenarios[i], a);
                        draw_bar(f, x + BAR * a, bottom, height / most, v, colours[a]);
                }
                if (v.bound >= 0)
                        fprintf(f, "<path d=\"M%.1f %.1fh%d\" stroke=\"#c00\" stroke-width=\"2\"/>\n", x - 2,
                                bottom - v.bound * height / most, BAR * _GROUP_ALGORITHM_MAX + 4);
                fprintf(f, "<text x=\"%.1f\" y=\"%d\">%s %.1f</text>\n", x - 3, bottom + 13,
                        mix_to_string(scenarios[i].mix), scenarios[i].load);
                if (i % per_pool == 0)
                        fprintf(f, "<text x=\"%.1f\" y=\"%d\" font-weight=\"bold\">%s pool</text>\n", x,
                                bottom + 27, scenarios[i].pool);
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
        const int bottom = TOP + PANEL_HEIGHT - 20, width = WIDTH - LEFT - 10;
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
        svg_begin(f, TOP + PANEL_HEIGHT, "PGPUs in use in the hour of one VDI morning, load 0.9, even pool");
        draw_axis(f, LEFT, width, bottom, PANEL_HEIGHT - 34, most * 1.02);
        for (int minute = 0; minute <= 60; minute += 15)
                fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d min</text>\n",
                        LEFT + minute * (width - 20) / 60, bottom + 14, minute);

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX && r >= 0; a++) {
                Steps steps = {.f = f,
                        .x_scale = (width - 20) / 3600.0,
                        .y_scale = (PANEL_HEIGHT - 34) / (most * 1.02),
                        .bottom = bottom};
                ReplayWatcher watcher = {.step = draw_step, .userdata = &steps};
                Outcome o;

                fprintf(f, "<path fill=\"none\" stroke-width=\"2\" stroke=\"%s\" d=\"M%d %d", colours[a],
                        LEFT, bottom);
                r = replay(&s, &t, a, &watcher, &o);
                fprintf(f, "H%d\"/>\n", LEFT + width - 20);
        }
        return svg_end(f) < 0 ? -EIO : r;
}

int plot_all(const Scenario *scenarios, size_t n, const char *folder) {
        int r;

        r = plot_bars(scenarios, n, folder, "allocation-refused.svg",
                "Refused VMs, % of arrivals, 95 % intervals; red: no packing refuses fewer", refused_bar);
        if (r >= 0)
                r = plot_bars(scenarios, n, folder, "allocation-stranded.svg",
                        "Stranded: mean room on opened PGPUs that other types cannot use, in PGPUs",
                        stranded_bar);
        return r < 0 ? r : plot_morning(folder);
}
