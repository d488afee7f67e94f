/*
 * Epochs: which policyd commands
 *
 * At start all stored hosts are greeted first (or have failed once, or three seconds have passed; half a
 * second after half of them have answered is enough where none of them holds more than policyd has stored);
 * then the epoch becomes 1 + the highest that policyd has stored or any of them holds, is made durable, and
 * only then are hosts claimed with it. A host that is met later:
 *
 *   claimed by another pool               left alone, and offline with that reason
 *   free, with a higher epoch             ours is raised above it, durably, and this host is claimed with it
 *   claimed by our pool, higher epoch     another master of this pool commands: this one stops. Before the
 *                                         first claim was acknowledged, as free: hosts that were slow to
 *                                         answer must not keep a new master from taking over
 *   with the last epoch there is          left alone, since nobody can command it any more
 *
 * So hosts may hold different epochs of this policyd, each the one with which it was claimed last, and its
 * orders carry that one (Peer.epoch). A host compares epochs with its own alone: another policyd must claim
 * it with a higher one, and then the host tells the master before. To claim all hosts again because one
 * joined would gain nothing, and would interrupt their orders.
 */

#include <inttypes.h>

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "policyd/service/hosts/epoch.h"
#include "protocol/names.h"

#define GATHER_USEC UINT64_C(3000000)
#define SOME_USEC                                                                                            \
        UINT64_C(500000) /* after half of the hosts have answered, and none holds more than is stored */

static void claim_waiting(void *owner, const Uuid *a, const Uuid *b);

/* 1: gathering */

static bool all_answered(Hosts *hs) {
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i));)
                if (!peer->answered)
                        return false;
        return true;
}

/* The epochs that they hold show that the database is no old copy, so hosts that do not answer need not be
 * waited for. */
static bool enough_answered(Hosts *hs) {
        size_t n = 0, n_answered = 0;
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i)); n++) {
                if (peer->waits && peer->epoch_held > hs->batch->meta.epoch)
                        return false;
                n_answered += peer->answered;
        }
        return n_answered * 2 >= n;
}

static void wait_less(Hosts *hs) {
        uint64_t end = loop_now(batch_loop(hs->batch), LOOP_MONOTONIC) + SOME_USEC;

        if (loop_timer_is_armed(hs->gather_timer) && end < hs->gather_timer->at)
                (void) loop_timer_arm(hs->gather_timer, end);
}

/* 2: the epoch is chosen and stored */

/* The lowest epoch that takes every host that waits for its claim. */
static uint64_t epoch_wanted(Hosts *hs) {
        uint64_t wanted = 1;
        Peer *peer;

        /* A host refuses an equal epoch, except from the policyd that claimed it with that one. */
        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i));)
                if (peer->waits)
                        wanted = MAX_OF(wanted, peer->epoch_held + 1);
        return wanted;
}

static void raise_epoch(Hosts *hs) {
        Peer *peer;

        /* A host that waits for this is met again if the commit fails. While gathering all of them wait, and
         * the gathering itself is begun again. */
        for (size_t i = 0; hs->epoch != 0 && (peer = hashmap_next(hs->peers, &i));)
                peer->touched |= peer->waits;
        hs->batch->meta.epoch = MAX_OF(hs->batch->meta.epoch, epoch_wanted(hs));
        (void) batch_then(hs->batch, claim_waiting, hs, &UUID_NULL, NULL);
}

static void choose_epoch(Hosts *hs) {
        loop_timer_stop(hs->gather_timer);
        if (hs->epoch != 0)
                return;
        hs->batch->meta.epoch++;
        old_begin(hs);
        raise_epoch(hs);
}

static void on_gathered(void *userdata) {
        Hosts *hs = userdata;

        if (all_answered(hs))
                choose_epoch(hs);
        else if (enough_answered(hs))
                wait_less(hs);
}

static void on_gather_timeout(void *userdata) {
        choose_epoch(userdata);
}

static int look_who_answered(Hosts *hs) {
        return loop_call_soon(batch_loop(hs->batch), &hs->gather_soon, on_gathered, hs);
}

int epoch_start(Hosts *hs) {
        int r = 0;

        if (!loop_timer_is_armed(hs->gather_timer))
                r = loop_call_in(
                        batch_loop(hs->batch), &hs->gather_timer, GATHER_USEC, on_gather_timeout, hs);
        return r ?: look_who_answered(hs);
}

void epoch_answered(Peer *peer) {
        peer->answered = true;
        if (peer->hosts->epoch == 0 && !peer->hosts->batch->closing)
                (void) look_who_answered(peer->hosts);
}

/* 3: claiming, after the commit */

static void fill_claim(Peer *peer, LinkClaim *ret) {
        Hosts *hs = peer->hosts;

        *ret = (LinkClaim){.epoch = hs->epoch,
                .orders = hs->batch->stored.orders,
                .pool = hs->batch->meta.pool,
                .instance = hs->instance};
        peer->waits = false;
        peer->epoch = hs->epoch;
}

static void claim_waiting(void *owner, const Uuid *a, const Uuid *b) {
        Hosts *hs = owner;
        LinkClaim claim;
        Peer *peer;
        int r;

        old_mark(hs);
        /* One that greeted while the epoch was on its way to the disk may hold a higher one. */
        if (epoch_wanted(hs) > hs->batch->stored.epoch) {
                raise_epoch(hs);
                return;
        }
        if (hs->epoch != hs->batch->stored.epoch)
                log_info("Commanding with epoch %" PRIu64 ".", hs->batch->stored.epoch);
        hs->epoch = hs->batch->stored.epoch;
        if (!hs->commands)
                hs->began = hs->epoch;
        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i));) {
                if (!peer->waits)
                        continue;
                fill_claim(peer, &claim);
                r = hs->links->claim(peer->link, &claim);
                if (r < 0)
                        hs->links->reset(peer->link, "The claim could not be sent.");
        }
}

void epoch_acknowledged(Hosts *hs) {
        hs->commands = true;
}

/* A host says who it is. */

static const Host *find_machine(Hosts *hs, const Uuid *machine, const Host *except) {
        for_each(const Host, h, &hs->batch->pool->objects[CLASS_HOST])
                if (h != except && uuid_equal(&h->host_uuid, machine))
                        return h;
        return NULL;
}

/* The first meeting binds the machine to the host object; the bond is as durable as the object. */
static int check_machine(Peer *peer, Host *h, const LinkGreeting *g, char **ret_reason) {
        Hosts *hs = peer->hosts;
        const Host *other;

        if (uuid_is_null(&g->host_uuid))
                return peer_refuse(ret_reason, "The host does not say which machine it is.");
        if (uuid_equal(&h->host_uuid, &g->host_uuid))
                return 0;
        if (!uuid_is_null(&h->host_uuid))
                return peer_refuse(ret_reason,
                        "The address %s answers with another machine (%s) than the one that was added (%s).",
                        h->address, UUID_TEXT(&g->host_uuid), UUID_TEXT(&h->host_uuid));
        other = find_machine(hs, &g->host_uuid, h);
        if (other)
                return peer_refuse(ret_reason, "%s: this machine is in the pool already, as host '%s' at %s.",
                        error_code_word(ERROR_HOST_ALREADY_IN_POOL), other->name_label, other->address);

        pool_set_host_machine(hs->batch->pool, h, &g->host_uuid);
        batch_open(hs->batch);
        return 0;
}

/* Claimed by our pool with an epoch that this process never used since it began to command. */
static bool another_commands(const Peer *peer, const LinkGreeting *g) {
        const Hosts *hs = peer->hosts;

        return hs->commands && g->epoch > MAX_OF(MAX_OF(peer->epoch, hs->began), hs->gone_epoch);
}

static int check_claimer(Peer *peer, const LinkGreeting *g, bool *ret_ours, char **ret_reason) {
        Hosts *hs = peer->hosts;

        *ret_ours = streq(g->claimed_by, UUID_TEXT(&hs->batch->meta.pool));
        if (!isempty(g->claimed_by) && !*ret_ours)
                return peer_refuse(ret_reason,
                        "The host is claimed by pool %s. Remove it there first, or have it released.",
                        g->claimed_by);
        if (g->epoch >= EPOCH_MAX)
                return peer_refuse(ret_reason,
                        "The host holds epoch %" PRIu64 ", above which there is none. Stop its hostd, empty "
                        "its state folder, and start it again.",
                        g->epoch);
        return 0;
}

/* epoch: that of the other policyd, 0 where it is not told */
static void epoch_stale(Hosts *hs, uint64_t epoch, const char *message) {
        if (hs->stale)
                return;
        hs->stale = true;
        old_overtaken(hs, epoch);
        log_event(LOG_ERR, MSG_STALE_EPOCH, NULL, "Stopping to command: %s", message);
        hs->listener->stale(message, hs->userdata);
}

int epoch_greeted(Peer *peer, const LinkGreeting *g, LinkClaim *ret, char **ret_reason) {
        Hosts *hs = peer->hosts;
        Host *h = peer_host(peer);
        bool ours;
        int r;

        if (!h || hs->stale)
                return peer_refuse(ret_reason, "%s",
                        h ? "Another policyd commands this pool." : "The host was removed from the pool.");
        r = check_machine(peer, h, g, ret_reason);
        if (r >= 0)
                r = check_claimer(peer, g, &ours, ret_reason);
        if (r < 0)
                return r;

        if (ours && hs->epoch != 0 && another_commands(peer, g)) {
                epoch_stale(hs, g->epoch,
                        "A host of this pool holds a higher epoch: another policyd commands it.");
                return peer_refuse(ret_reason, "Another policyd commands this pool.");
        }
        if (ours)
                old_check_greeting(peer, g);
        peer->waits = true;
        peer->epoch_held = g->epoch;
        if (hs->epoch == 0) {
                epoch_answered(peer);
                return 0;
        }
        /* An epoch of ours from before this start is lower; an equal one is this process's own, once it
         * commands. */
        if (g->epoch > hs->epoch || (g->epoch == hs->epoch && !(ours && hs->commands))) {
                raise_epoch(hs);
                return 0;
        }
        fill_claim(peer, ret);
        return 1;
}

void epoch_refused(Hosts *hs, const char *message) {
        /* The host is greeted again, and claimed above what it holds. */
        if (!hs->commands)
                old_check_refusal(hs);
        else
                epoch_stale(hs, 0, message);
}
