/*
 * Generating arrivals
 */

#include "tests/sim/dice.h"
#include "tests/sim/mix.h"

#define HOUR 3600.0
#define MORNING_STAY (8 * HOUR)
#define CHURN_STAY (2 * HOUR)
#define CHURN_LENGTH (48 * HOUR)
#define BURST_EVERY 10

static const struct {
        const char *type;
        double shares[_MIX_MAX];
} parts[] = {
        {"K100", {0.60, 0.2, 0.2}},
        {"K140Q", {0.30, 0.2, 0.2}},
        {"K200", {0.05, 0.2, 0.2}},
        {"K240Q", {0.00, 0.2, 0.2}},
        {"K260Q", {0.05, 0.2, 0.2}},
};

static const char *const names[] = {"morning", "churn", "bursts"};

const char *mix_to_string(Mix m) {
        return m >= 0 && m < _MIX_MAX ? names[m] : NULL;
}

Mix mix_from_string(const char *text) {
        for (Mix m = 0; m < _MIX_MAX; m++)
                if (streq(names[m], text))
                        return m;

        return _MIX_INVALID;
}

static double burst_share(Mix m) {
        return m == MIX_BURSTS ? 1.0 / BURST_EVERY : 0;
}

/* What one arrival asks on average of the group that is asked for most, over what that group holds. */
static double load_per_arrival(Mix m, const Shape *s) {
        double asked[SHAPE_CARDS_MAX] = {}, n_pgpus = 0, most = 0;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                size_t t = shape_find_type(s, parts[i].type);

                asked[shape_group_of_type(s, t)] +=
                        parts[i].shares[m] * (1 - burst_share(m)) / s->types[t].instances;
        }

        for (size_t i = 0; i < s->n_cards; i++)
                n_pgpus += s->cards[i].group == i ? shape_group_pgpus(s, i) : 0;

        for (size_t i = 0; i < s->n_cards; i++) {
                double n = shape_group_pgpus(s, i);

                if (s->cards[i].group == i && n > 0)
                        most = MAX_OF(most, asked[i] / n + burst_share(m) / n_pgpus);
        }

        return most;
}

static void pick_type(Mix m, const Shape *s, Dice *d, Arrival *a) {
        double at = dice_uniform(d), sum = 0;
        size_t i = 0;

        for (; i + 1 < ARRAY_SIZE(parts); i++) {
                sum += parts[i].shares[m];
                if (at < sum)
                        break;
        }

        a->n_vgpus = 1;
        a->vgpus[0].type = (uint8_t) shape_find_type(s, parts[i].type);
        a->vgpus[0].group = (uint8_t) shape_group_of_type(s, a->vgpus[0].type);
}

/* A group, as likely as it has PGPUs. */
static void pick_whole(const Shape *s, Dice *d, Arrival *a) {
        double total = 0, at;

        for (size_t i = 0; i < s->n_cards; i++)
                total += s->cards[i].group == i ? shape_group_pgpus(s, i) : 0;
        at = dice_uniform(d) * total;

        a->n_vgpus = 1;
        a->vgpus[0].type = TYPE_PASSTHROUGH_INDEX;
        for (size_t i = 0; i < s->n_cards; i++) {
                if (s->cards[i].group != i)
                        continue;
                a->vgpus[0].group = (uint8_t) i;
                at -= shape_group_pgpus(s, i);
                if (at < 0)
                        break;
        }
}

static int generate_morning(const Shape *s, double load, Dice *d, Trace *t) {
        size_t n = (size_t) lround(load / load_per_arrival(MIX_MORNING, s));

        /* n uniform times in order: each is the least of those still to come. */
        for (size_t i = 0; i < n; i++) {
                double from = t->n > 0 ? t->items[t->n - 1].at : 0;
                Arrival a = {.stay = MORNING_STAY};
                int r;

                a.at = HOUR - (HOUR - from) * pow(1 - dice_uniform(d), 1.0 / (double) (n - i));
                pick_type(MIX_MORNING, s, d, &a);
                r = trace_add(t, &a);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int generate_churn(Mix m, const Shape *s, double load, Dice *d, Trace *t) {
        double gap = CHURN_STAY * load_per_arrival(m, s) / load;

        for (double at = dice_exponential(d, gap); at < CHURN_LENGTH; at += dice_exponential(d, gap)) {
                Arrival a = {.at = at, .stay = dice_exponential(d, CHURN_STAY)};
                int r;

                if (m == MIX_BURSTS && t->n % BURST_EVERY == BURST_EVERY - 1)
                        pick_whole(s, d, &a);
                else
                        pick_type(m, s, d, &a);
                r = trace_add(t, &a);
                if (r < 0)
                        return r;
        }

        return 0;
}

int mix_generate(Mix m, const Shape *s, double load, uint64_t seed, Trace *ret) {
        Dice d = {.state = seed * UINT64_C(0x2545f4914f6cdd1d) + (uint64_t) m};
        _cleanup_trace_ Trace t = {};
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                size_t type = shape_find_type(s, parts[i].type);

                if (type == SIZE_MAX || shape_group_of_type(s, type) == SIZE_MAX)
                        return -EINVAL;
        }
        if (!(load > 0) || !(load_per_arrival(m, s) > 0))
                return -EINVAL;

        r = m == MIX_MORNING ? generate_morning(s, load, &d, &t) : generate_churn(m, s, load, &d, &t);
        if (r < 0)
                return r;

        *ret = t;
        t = (Trace){};
        return 0;
}
