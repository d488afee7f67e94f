/*
 * How places stand, in the pool
 *
 * place-health.h has the rule; here its result is kept in hosts and PGPUs, and a host is marked if the
 * decider has to look closer. A suspect PGPU is left out while its group has another that can be used, so a
 * change of another PGPU may bring it back.
 */

#include "policyd/pool/pool-internal.h"

static bool host_is_uneven(const Host *h) {
        bool uneven = h->standing != PLACE_GOOD;

        for_each_while(!uneven, const Pgpu, p, &h->pgpus)
                uneven = p->standing != PLACE_GOOD;
        return uneven;
}

void host_update_standing(Pool *pool, Host *h) {
        bool uneven = host_is_uneven(h);

        pool->n_uneven += uneven;
        pool->n_uneven -= h->uneven;
        h->uneven = uneven;
        host_note(pool, h, PGPU_BITS_ALL);
}

/* 1: it changed. */
static int set_standing(PlaceStanding *standing, char **field, PlaceStanding to, const char *reason) {
        int r;

        r = text_set(field, to == PLACE_GOOD || isempty(reason) ? NULL : reason);
        if (r < 0)
                return r;
        r |= *standing != to;
        *standing = to;
        return r;
}

/* What pgpu_health() says may be another now; it looks at suspect places only. */
static void announce_health(Pool *pool, Pgpu *p, PlaceStanding before, PlaceStanding now) {
        if (p->health == PGPU_HEALTH_GOOD && (before == PLACE_SUSPECT || now == PLACE_SUSPECT))
                object_note(pool, &p->object, PGPU_HEALTH | PGPU_HEALTH_REASON, /* store= */ false);
}

int pool_set_host_standing(Pool *pool, Host *h, PlaceStanding standing, const char *reason) {
        PlaceStanding before = h->standing;
        int r;

        r = set_standing(&h->standing, &h->standing_reason, standing, reason);
        if (r <= 0)
                return r;
        host_update_standing(pool, h);
        for (size_t i = 0; i < h->pgpus.n; i++)
                announce_health(pool, h->pgpus.items[i], before, standing);
        return 0;
}

int pool_set_pgpu_standing(Pool *pool, Pgpu *p, PlaceStanding standing, const char *reason) {
        PlaceStanding before = p->standing;
        int r;

        r = set_standing(&p->standing, &p->standing_reason, standing, reason);
        if (r <= 0)
                return r;
        host_update_standing(pool, p->host);
        announce_health(pool, p, before, standing);
        return 0;
}

PlaceStanding pgpu_standing(const Pgpu *p, const char **ret_reason) {
        bool own = p->standing >= p->host->standing;

        if (ret_reason)
                *ret_reason = strempty(own ? p->standing_reason : p->host->standing_reason);
        return own ? p->standing : p->host->standing;
}

PgpuHealth pgpu_health(const Pgpu *p, const char **ret_reason) {
        const char *reason;
        bool suspect = pgpu_standing(p, &reason) == PLACE_SUSPECT;

        if (p->health != PGPU_HEALTH_GOOD)
                reason = strempty(p->health_reason);
        else if (!suspect)
                reason = "";
        if (ret_reason)
                *ret_reason = reason;
        if (p->health != PGPU_HEALTH_GOOD)
                return p->health;
        return suspect ? PGPU_HEALTH_SUSPECT : PGPU_HEALTH_GOOD;
}

bool pgpu_is_all_suspect(const Pgpu *p) {
        return p->suspect >= PGPU_SIZE;
}

bool pgpu_is_left_out(const Pgpu *p) {
        if (!p->group || pgpu_standing(p, NULL) != PLACE_SUSPECT)
                return false;

        for_each(const Pgpu, q, &p->group->pgpus)
                if (q->present && !pgpu_is_all_suspect(q) && host_is_usable(q->host) && pgpu_standing(q, NULL) != PLACE_SUSPECT)
                        return true;
        return false;
}
