/*
 * Old databases: what a restored copy may not start
 *
 * A database that was restored from a backup, or copied while policyd went on, says of a VM that was started
 * since that it is halted. The host that runs it knows better; a host that cannot be asked may be that one. So
 * once it is known that the database is old, each host that was not heard since is marked, on disk, and a VM that
 * the copy holds is started nowhere until no host is marked. The mark of a host ends with its inventory under the
 * claim of this policyd, or when the operator declares it dead; a restart does not end it. VMs that were made
 * since run nowhere else, unless the client gave the uuid: such a VM may have existed in the lost time too.
 *
 * policyd finds it by one of three signs: the copy has the mark of a backup; a host that this pool had claimed
 * holds an epoch above the stored one; or a host took an order with a number above the last that was given in
 * that epoch. The last two come from hosts, with their greeting or inventory. What they report while they are
 * gathered is known before anything can start, and the marks are stored with the new epoch. What they report
 * later counts from then on: until a host reports it, an old copy looks like a database whose host is dead, and
 * with that one the other hosts must start VMs. Hosts heard by then need no mark, since under this claim nobody
 * else can have started anything there; an order that is not yet handed to its link is taken back.
 *
 * A host that was added after the copy was made is unknown to it. One that is added while this is remembered
 * is marked as the others are.
 */

#include <time.h>

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "policyd/service/base/limits.h"
#include "policyd/service/hosts/epoch.h"
#include "policyd/words/sentence.h"

void old_loaded(Hosts *hs) {
        hs->loaded = hs->batch->meta;
        hs->loaded_keys = hs->batch->pool->next_key;
        if (hs->batch->meta.backup != 0)
                hs->old_found = OLD_BACKUP;
}

static size_t list_unheard(const Hosts *hs, const char *ret_names[static NAMES_SHOWN + 1]) {
        size_t n = 0;

        for_each(const Host, h, &hs->batch->pool->objects[CLASS_HOST]) {
                if (!h->unheard)
                        continue;
                if (n <= NAMES_SHOWN)
                        ret_names[n] = h->name_label;
                n++;
        }
        return n;
}

static void add_why(const Hosts *hs, StrBuf *b) {
        time_t seconds = (time_t) (hs->batch->meta.old_made / 1000000);
        char text[64] = "";
        struct tm tm;

        switch (hs->batch->meta.old) {
        case OLD_BACKUP:
                if (gmtime_r(&seconds, &tm))
                        (void) strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
                strbuf_addf(b, "it was restored from the backup of %s", text);
                break;
        case OLD_EPOCH:
                strbuf_add(b, "its hosts were commanded by another policyd after it was made");
                break;
        case OLD_ORDERS:
                strbuf_add(b, "its hosts took orders after it was made that it does not know");
                break;
        case OLD_NOT:
        case _OLD_MAX:
        case _OLD_INVALID:
                break;
        }
}

/* 1: found, and noted */

static void old_log(Hosts *hs, size_t n_unheard, const char *const *names) {
        _cleanup_strbuf_ StrBuf b = {};

        add_why(hs, &b);
        if (n_unheard > 0) {
                strbuf_add(&b, ". Not heard since: ");
                sentence_names(&b, names, n_unheard);
                strbuf_add(&b, ". The VMs of the copy do not start until these were heard or are declared dead");
        }
        log_event(LOG_WARNING, MSG_DATABASE_OLD, NULL,
                "The pool's database is an old copy: %s. Hosts that were added after it was made are not known to it.",
                b.text ? b.text : "out of memory");
}

static void mark(Hosts *hs) {
        const char *names[NAMES_SHOWN + 1];
        size_t n;

        hs->batch->meta.old = hs->old_found;
        hs->batch->meta.old_keys = MAX_OF(hs->batch->meta.old_keys, hs->loaded_keys);
        hs->batch->meta.old_made = hs->old_found == OLD_BACKUP ? hs->loaded.backup : 0;
        hs->batch->meta.backup = 0;
        hs->batch->meta_changed = hs->old_marked = true;
        for_each(Host, h, &hs->batch->pool->objects[CLASS_HOST]) {
                const Peer *peer = peer_of(hs, h);

                if (!peer || !peer->known)
                        pool_set_host_unheard(hs->batch->pool, h, true);
        }
        n = list_unheard(hs, names);
        old_log(hs, n, names);
}

void old_mark(Hosts *hs) {
        if (hs->old_found == OLD_NOT || hs->old_marked)
                return;
        mark(hs);
        batch_open(hs->batch);
}

static void found(Hosts *hs, OldReason reason, uint64_t orders) {
        if (orders > hs->batch->meta.orders) {
                /* Or the next start would find its own orders to be fewer. */
                hs->batch->meta.orders = orders;
                hs->batch->meta_changed = true;
                batch_open(hs->batch);
        }
        if (hs->old_found == OLD_NOT)
                hs->old_found = reason;
        /* While gathering too: where these numbers were stored without it, the next start would know nothing
         * of it. */
        old_mark(hs);
}

/*
 * Another policyd commands, and this one stops: from now on it does not know all that was started. It stores this
 * and the epoch, so that it takes over when it is started again on purpose, however slowly the hosts answer then.
 */
void old_overtaken(Hosts *hs, uint64_t epoch) {
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i));)
                peer->known = false;
        hs->batch->meta.epoch = MAX_OF(hs->batch->meta.epoch, epoch);
        hs->loaded_keys = hs->batch->pool->next_key;
        hs->old_found = OLD_EPOCH;
        mark(hs);
        batch_open(hs->batch);
}

void old_stored(Hosts *hs) {
        if (hs->old_marked)
                hs->old_found = OLD_NOT;
        hs->old_marked = hs->batch->meta_changed = false;
}

/* The commit failed, so it is not on disk; it is stored when the commit is tried again. While gathering it is
 * stored with the epoch. */
void old_rebuilt(Hosts *hs) {
        hs->old_marked = hs->batch->meta_changed = false;
        if (hs->epoch != 0 && hs->old_found != OLD_NOT)
                mark(hs);
}

/* 2: a new epoch */

static void note_past(Hosts *hs) {
        StoreMeta *m = &hs->batch->meta;

        if (hs->loaded.epoch == 0 || (m->n_past > 0 && m->past[m->n_past - 1].epoch >= hs->loaded.epoch))
                return;
        if (m->n_past == STORE_PAST_MAX)
                memmove(m->past, m->past + 1, --m->n_past * sizeof(*m->past));
        m->past[m->n_past++] = (StoreEpoch){hs->loaded.epoch, hs->loaded.orders};
}

void old_begin(Hosts *hs) {
        const char *names[NAMES_SHOWN + 1];

        note_past(hs);
        /* All hosts were heard before this start, so it is no longer shown. */
        if (hs->batch->meta.old != OLD_NOT && hs->old_found == OLD_NOT && list_unheard(hs, names) == 0) {
                hs->batch->meta.old = OLD_NOT;
                hs->batch->meta.old_keys = hs->batch->meta.old_made = 0;
        }
        old_mark(hs);
}

/* 3: what hosts tell */

/* The last order that this database gave before a later epoch than this one began. */
static uint64_t orders_in(const Hosts *hs, uint64_t epoch) {
        const StoreMeta *m = &hs->batch->meta;

        for (size_t i = 0; i < m->n_past; i++)
                if (m->past[i].epoch >= epoch)
                        return m->past[i].orders;
        return hs->loaded.orders;
}

void old_check_greeting(Peer *peer, const LinkGreeting *g) {
        Hosts *hs = peer->hosts;
        uint64_t given = MAX_OF(MAX_OF(peer->epoch, hs->gone_epoch), hs->loaded.epoch);

        /* An epoch that this process gave the host proves nothing. */
        if (g->epoch > given)
                found(hs, OLD_EPOCH, g->orders);
        else if (g->epoch <= hs->loaded.epoch && g->orders > orders_in(hs, g->epoch))
                found(hs, OLD_ORDERS, g->orders);
}

void old_check_refusal(Hosts *hs) {
        found(hs, OLD_EPOCH, 0);
}

void old_check_inventory(Peer *peer, const Inventory *inventory) {
        if (inventory->orders > peer->hosts->batch->meta.orders)
                found(peer->hosts, OLD_ORDERS, inventory->orders);
}

void old_heard(Peer *peer, Host *h) {
        Hosts *hs = peer->hosts;
        const char *names[NAMES_SHOWN + 1];
        bool was = h->unheard;

        peer->known = true;
        pool_set_host_unheard(hs->batch->pool, h, false);
        if (was && list_unheard(hs, names) == 0)
                log_event(LOG_NOTICE, MSG_DATABASE_HEARD, NULL,
                        "Every host that the old copy of the database knows was heard: its VMs may start again.");
}

/* 4: what may not start */

int old_check_start(const Hosts *hs, const Vm *vm, Refusal *refusal) {
        const char *names[NAMES_SHOWN + 1];
        _cleanup_strbuf_ StrBuf b = {};
        size_t n;

        if (hs->batch->meta.old == OLD_NOT || (vm->object.key >= hs->batch->meta.old_keys && !vm->uuid_given))
                return 0;
        n = list_unheard(hs, names);
        if (n == 0)
                return 0;
        strbuf_addf(&b, "VM '%s' may run already on ", vm->name_label);
        sentence_names(&b, names, n);
        strbuf_addf(&b, ", not heard since the pool began with an old copy of its database (");
        add_why(hs, &b);
        strbuf_addf(&b, "). Bring %s back, or declare dead what is dead.", n == 1 ? "this host" : "these hosts");
        return refused(refusal_take(refusal, ERROR_HOST_OFFLINE, &b), refusal);
}

int old_describe(const Hosts *hs, char **ret) {
        const char *names[NAMES_SHOWN + 1];
        _cleanup_strbuf_ StrBuf b = {};
        size_t n;

        strbuf_add(&b, "");
        if (hs->batch->meta.old != OLD_NOT) {
                n = list_unheard(hs, names);
                strbuf_add(&b, "The database is an old copy: ");
                add_why(hs, &b);
                if (n > 0) {
                        strbuf_add(&b, ". Not heard since: ");
                        sentence_names(&b, names, n);
                        strbuf_add(&b, ". The VMs of the copy start when these were heard or are declared dead");
                } else
                        strbuf_add(&b, ". Every host that it knows was heard since");
                strbuf_add(&b, ". Hosts that were added after it was made are not known to it: add them again.");
        }
        if (strbuf_error(&b) < 0)
                return -ENOMEM;
        return strbuf_give(&b, ret);
}
