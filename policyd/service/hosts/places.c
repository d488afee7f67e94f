/*
 * Places where starts failed
 *
 * policyd/decide/place-health.h has the rule; this file passes failures and successes to it, and writes its
 * result for hosts and PGPUs to the pool, where the decider reads it. It is kept outside the pool, by uuid,
 * because a failed commit does not undo what a host reported. It is not stored: after a restart all places are
 * good, until VMs fail there again, which costs each of them one more try.
 */

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/places.h"
#include "policyd/words/sentence.h"

#define WORDS_MAX 400 /* of what a host said of the last failure */

/* Not the time of day, which may be set. */
static uint64_t places_now(Hosts *hs) {
        return loop_now(batch_loop(hs->batch), LOOP_BOOTTIME);
}

static char *standing_reason(const PlaceReport *report) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "The start%s of %zu VM%s failed there, ", PLURAL(report->n_vms), report->n_vms,
                PLURAL(report->n_vms));
        strbuf_add(&b, "the last so: ");
        sentence_clause(&b, TEXT_SHORT(strempty(report->words), WORDS_MAX));
        strbuf_add(&b, ".");
        return strbuf_take(&b);
}

/* NULL, and the standing is good; or why not, which the caller frees. -ENOMEM. */
static int standing_of(Hosts *hs, const Uuid *id, uint64_t now, PlaceStanding *ret, char **ret_reason) {
        PlaceReport report;

        *ret = place_health_of(hs->health, id, now, &report);
        *ret_reason = *ret == PLACE_GOOD ? NULL : standing_reason(&report);
        return *ret == PLACE_GOOD || *ret_reason ? 0 : -ENOMEM;
}

static int refresh_pgpu(Hosts *hs, Pgpu *pgpu, uint64_t now) {
        _cleanup_free_ char *reason = NULL;
        PlaceStanding standing;
        int r;

        r = standing_of(hs, &pgpu->object.id, now, &standing, &reason);
        return r ?: pool_set_pgpu_standing(hs->batch->pool, pgpu, standing, reason);
}

static int refresh_host(Hosts *hs, Host *h, uint64_t now) {
        _cleanup_free_ char *reason = NULL;
        PlaceStanding standing;
        int r;

        r = standing_of(hs, &h->object.id, now, &standing, &reason);
        r = r ?: pool_set_host_standing(hs->batch->pool, h, standing, reason);
        for (size_t i = 0; i < h->pgpus.n && r == 0; i++)
                r = refresh_pgpu(hs, h->pgpus.items[i], now);
        return r ?: host_problems_update(hs, h);
}

static void on_end(void *userdata) {
        places_refresh(userdata);
}

/* Those that are not good now, and those of which something is noted. */
static int refresh_all(Hosts *hs, uint64_t now) {
        const Pool *pool = hs->batch->pool;
        const PtrArray *hosts = &pool->objects[CLASS_HOST];
        const Uuid *host;
        int r = 0;

        for (size_t i = 0; pool->n_uneven > 0 && i < hosts->n && r == 0; i++)
                if (((Host *) hosts->items[i])->uneven)
                        r = refresh_host(hs, hosts->items[i], now);
        for (size_t i = 0; r == 0 && (host = place_health_next_host(hs->health, &i));) {
                Host *h = pool_get(pool, CLASS_HOST, host);

                if (h)
                        r = refresh_host(hs, h, now);
        }
        return r;
}

void places_refresh(Hosts *hs) {
        uint64_t now = places_now(hs);
        int r;

        r = refresh_all(hs, now);
        if (r < 0)
                (void) batch_poison(hs->batch, r);
        r = loop_call_at(batch_loop(hs->batch), &hs->health_timer, LOOP_BOOTTIME,
                place_health_next(hs->health, now), on_end, hs);
        if (r < 0)
                log_errno(r, "Failed to set the timer of places where starts failed, ignoring");
}

/* What happens */

void places_failed(Hosts *hs, const Vm *vm, const StartPlaces *where, const char *words) {
        if (place_health_failed(hs->health, &vm->object.id, where, words, places_now(hs)) < 0)
                log_errno(-ENOMEM, "Failed to note where a start failed, ignoring");
        places_refresh(hs);
}

static bool has_pgpu(const StartPlaces *where, const Uuid *id) {
        for (size_t i = 0; i < where->n_pgpus; i++)
                if (uuid_equal(&where->pgpus[i], id))
                        return true;
        return false;
}

StartPlaces places_of(const Vm *vm, Uuid *ret_pgpus) {
        const Host *h = vm_host(vm);
        StartPlaces where = {.host = h ? h->object.id : UUID_NULL, .pgpus = ret_pgpus};

        for_each(const Vgpu, v, &vm->vgpus) {
                const Pgpu *pgpu = v->scheduled_on ?: v->resident_on;

                if (pgpu && !has_pgpu(&where, &pgpu->object.id))
                        ret_pgpus[where.n_pgpus++] = pgpu->object.id;
        }
        return where;
}

void places_started(Hosts *hs, const Vm *vm) {
        Uuid pgpus[vm->vgpus.n + 1];
        StartPlaces where = places_of(vm, pgpus);

        if (!vm_host(vm) || place_health_is_empty(hs->health))
                return;
        place_health_started(hs->health, &vm->object.id, &where, places_now(hs));
        places_refresh(hs);
}

void places_failed_everywhere(Hosts *hs, const Vm *vm) {
        place_health_failed_everywhere(hs->health, &vm->object.id);
        places_refresh(hs);
}

void places_clear_host(Hosts *hs, Host *h) {
        if (place_health_is_empty(hs->health))
                return;
        place_health_clear(hs->health, &h->object.id);
        for (size_t i = 0; i < h->pgpus.n; i++)
                place_health_clear(hs->health, &((Pgpu *) h->pgpus.items[i])->object.id);
        places_refresh(hs);
}

/* Its host too: while that is suspect, so is every PGPU of it. */
void places_clear_pgpu(Hosts *hs, Pgpu *pgpu) {
        place_health_clear(hs->health, &pgpu->object.id);
        place_health_clear(hs->health, &pgpu->host->object.id);
        places_refresh(hs);
}
