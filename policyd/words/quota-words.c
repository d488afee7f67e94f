/*
 * Quotas: what an owner may use, and who could make room
 */

#include <inttypes.h>

#include "policyd/words/decision-words.h"

/* "2", "0.25": PGPUs to three digits; what has to suffice is rounded up. */
static void sentence_rounded(StrBuf *b, uint64_t amount, bool by_size, uint64_t round) {
        uint64_t thousandths = (amount % PGPU_SIZE * 1000 + round) / PGPU_SIZE;
        uint64_t whole = amount / PGPU_SIZE + thousandths / 1000;
        int digits = 3;

        if (!by_size) {
                strbuf_addf(b, "%" PRIu64, amount);
                return;
        }

        strbuf_addf(b, "%" PRIu64, whole);
        thousandths %= 1000;
        if (thousandths == 0)
                return;
        for (; thousandths % 10 == 0; digits--)
                thousandths /= 10;
        strbuf_addf(b, ".%0*" PRIu64, digits, thousandths);
}

static void sentence_amount(StrBuf *b, uint64_t amount, bool by_size) {
        sentence_rounded(b, amount, by_size, PGPU_SIZE / 2);
}

static const char *noun_of(uint64_t amount, bool by_size) {
        if (by_size)
                return amount == PGPU_SIZE ? "PGPU" : "PGPUs";
        return amount == 1 ? "VGPU" : "VGPUs";
}

/* "Shut down one of its VMs 'a' (2) and 'b' (1)". With several limits no numbers are written, because one
 * number would not say under which. */
static void sentence_most(
        StrBuf *b, const QuotaExcess *e, const QuotaUsers *u, const char *act, const char *kind) {
        size_t n = u->n_enough > 0 ? u->n_enough : u->n, shown = MIN_OF(n, (size_t) QUOTA_USERS_NAMED);
        const char *which = u->n_enough > 0 ? "one of its" : "some of its";

        strbuf_addf(b, "%s%s %s%s ", act, n == 1 ? "its" : which, kind, PLURAL(n));
        for (size_t i = 0; i < shown; i++) {
                sentence_name(b, i, n, u->most[i].name);
                if (e->n_limits > 1)
                        continue;
                strbuf_add(b, " (");
                sentence_amount(b, u->most[i].amount, e->limits[0].by_size);
                strbuf_add(b, ")");
        }
        if (u->n >= QUOTA_USERS_COUNTED)
                strbuf_add(b, " and many more");
        else if (shown < n)
                strbuf_addf(b, " and %zu more", n - shown);
}

/* Who could make room: VMs or reservations, whichever suffice, or both where neither does alone. */
static void sentence_room(StrBuf *b, const QuotaExcess *e) {
        bool by_vms = e->vms.suffice, by_reservations = e->reservations.suffice;

        if (by_vms || !by_reservations)
                sentence_most(b, e, &e->vms, "Shut down ", "VM");
        if (by_vms == by_reservations)
                strbuf_add(b, by_vms ? ", or destroy " : " and destroy ");
        if (by_reservations || !by_vms)
                sentence_most(
                        b, e, &e->reservations, by_vms == by_reservations ? "" : "Destroy ", "reservation");
        strbuf_add(b, ", or raise ");
}

/* "may use 2 VGPUs in GPU group 'K1' and uses 2; this needs 1. " */
static void sentence_limit(StrBuf *b, const QuotaLimit *l) {
        const GpuGroup *g = l->quota->group;

        strbuf_add(b, "may use ");
        sentence_amount(b, l->max, l->by_size);
        strbuf_addf(b, " %s in %s%s%s and uses ", noun_of(l->max, l->by_size),
                g ? "GPU group '" : "all GPU groups together", g ? g->name_label : "", g ? "'" : "");
        sentence_amount(b, l->used, l->by_size);
        strbuf_add(b, "; this needs ");
        sentence_amount(b, l->need, l->by_size);
        strbuf_add(b, ". ");
}

void sentence_quota(StrBuf *b, const QuotaExcess *e) {
        strbuf_addf(b, ": owner '%s'%s ", e->owner,
                streq(e->limits[0].quota->owner, OWNER_ANY) ? ", like every owner without a quota of its own,"
                                                            : "");
        for (size_t i = 0; i < e->n_limits; i++) {
                strbuf_add(b, i > 0 ? "It " : "");
                sentence_limit(b, &e->limits[i]);
        }

        if (e->has_room)
                sentence_room(b, e);
        else
                strbuf_add(b, "Raise ");
        for (size_t i = 0; i < e->n_limits; i++) {
                const QuotaLimit *l = &e->limits[i];
                uint64_t max = l->used + l->need;

                strbuf_addf(
                        b, "%squota %s to ", list_separator(i, e->n_limits), UUID_TEXT(&l->quota->object.id));
                sentence_rounded(b, max, l->by_size, PGPU_SIZE - 1);
                strbuf_addf(b, " %s", noun_of(max, l->by_size));
        }
        strbuf_add(b, ".");
}
