/*
 * Starting a VM
 *
 * Decided and booked before the reply; sent after the commit; then the host speaks. Before the order is
 * handed to the link any failure releases. After it only the host's word does: refused (and then the next
 * host is tried, each once, when another host may help), an event that the VM halted, or an inventory under
 * the current claim without the token. A start that failed at its place, and whose guest never ran by its
 * host's word, is tried once more elsewhere. The functions stand in this order.
 */

#include <stdio.h>

#include "policyd/words/sentence.h"
#include "policyd/service/internal.h"
#include "policyd/service/base/object-log.h"

static void start_send(Policy *p, const Uuid *vm_id, const Uuid *token);

/* 1: may it start? */

int host_check_reachable(const Host *h, const char *what, Refusal *refusal) {
        _cleanup_strbuf_ StrBuf b = {};

        if (h && h->state == HOST_ONLINE)
                return 0;
        if (!h)
                return refusal_set(
                        refusal, ERROR_HOST_OFFLINE, "The host is gone, so %s is not possible.", what);
        if (h->state == HOST_CONNECTING)
                return refusal_set(refusal, ERROR_HOST_OFFLINE,
                        "Host '%s' has not been heard from yet, so %s is not possible. Try again in a "
                        "moment.",
                        h->name_label, what);
        strbuf_addf(&b, "Host '%s' is %s", h->name_label, host_state_to_string(h->state));
        if (!isempty(h->state_reason)) {
                strbuf_add(&b, " (");
                sentence_clause(&b, h->state_reason);
                strbuf_add(&b, ")");
        }
        strbuf_addf(&b, ", so %s is not possible. Bring it back, or declare it dead when it is.", what);
        return refusal_take(refusal, ERROR_HOST_OFFLINE, &b);
}

static int check_startable(Policy *p, const Vm *vm, Refusal *refusal) {
        if (hashmap_get(p->operations, &vm->object.id))
                return refusal_set(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                        "VM '%s' has an operation in progress. Wait for its job, or cancel it.",
                        vm->name_label);
        switch (vm->booking) {
        case BOOKING_NONE:
                if (vm->power_state == POWER_HALTED)
                        return old_check_start(p, vm, refusal);
                break;
        case BOOKING_RESERVED:
        case BOOKING_SENT:
                return refusal_set(refusal, ERROR_HOST_OFFLINE,
                        "An order to start VM '%s' was sent to host '%s', and it is not known what became of "
                        "it. %s",
                        vm->name_label, vm->scheduled_on ? vm->scheduled_on->name_label : "?",
                        vm->scheduled_on && vm->scheduled_on->state == HOST_CONNECTING
                                ? "The host has not been heard from yet; try again in a moment."
                                : "Bring the host back, or declare it dead when it is.");
        case BOOKING_RESIDENT:
                break;
        case _BOOKING_STATE_MAX:
        case _BOOKING_STATE_INVALID:
                break;
        }
        return refusal_set(refusal, ERROR_VM_BAD_POWER_STATE,
                "VM '%s' is %s; only a halted VM can be started.", vm->name_label,
                power_state_to_string(vm->power_state));
}

/* 2: book it */

static int book(Policy *p, Vm *vm, Reservation *reservation, const Allocation *a, Uuid *ret_token) {
        _cleanup_free_ char *decision = NULL;
        Uuid token;
        int r;

        r = policy_new_uuid(p, &token);
        r = r ?: decision_to_text(p, vm, a, &decision);
        if (r < 0)
                return r;
        r = allocation_apply(p->pool, vm, reservation, a);
        if (r < 0)
                return batch_poison(p, r);
        pool_set_vm_booking(p->pool, vm, BOOKING_RESERVED, &token);
        vm->reservation = reservation;
        vm->stop_token = UUID_NULL;
        vm->order = ++p->meta.orders;
        vm->memory_counted = false;
        free(vm->decision);
        vm->decision = take_ptr(decision);
        pool_touch(p->pool, &vm->object, 0, /* store= */ true);
        log_vm(LOG_INFO, MSG_VM_PLACED, vm, a->host, "VM %s is to start on host %s.", vm->name_label,
                a->host->name_label);
        *ret_token = token;
        return batch_then(p, start_send, &vm->object.id, &token);
}

static int add_job(Policy *p, Vm *vm, const StartOptions *options, const Uuid *token, Job **ret) {
        Operation *op;
        Job *j;
        int r;

        r = operation_new(p, OPERATION_START, vm, token, &op);
        if (r < 0)
                return r;
        j = operation_job(op);
        if (options->on) {
                op->only = options->on->object.id;
                j->objects[1].class = CLASS_HOST;
                j->objects[1].id = op->only;
                j->n_objects = 2;
        }
        *ret = j;
        return 0;
}

static void move_refusal(Refusal *from, Refusal *to) {
        refusal_done(to);
        *to = *from;
        *from = (Refusal){};
}

/* As a start would decide, and nothing is left of it. */
static int start_rehearse(Policy *p, const Vm *vm, const StartOptions *options, Refusal *refusal) {
        AllocRequest request = {.vm = vm, .only = options->on, .reservation = options->reservation};
        _cleanup_vm_preview_ VmPreview preview = {};
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = platform_vgpu_preview(p, vm, &preview, &request.vm, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = decide_start(p, &request, /* visitor= */ NULL, &a);
        if (r >= 0 && a.refusal.code != ERROR_NONE)
                move_refusal(&a.refusal, refusal);
        return r;
}

int vms_start(Policy *p, Vm *vm, const StartOptions *options, Job **ret_job, Refusal *refusal) {
        AllocRequest request = {.vm = vm, .only = options->on, .reservation = options->reservation};
        _cleanup_(allocation_done) Allocation a = {};
        Uuid token;
        int r;

        r = check_startable(p, vm, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = policy_check_limit(p, CLASS_JOB, 1, refusal);
        if (r == 0 && refusal->code == ERROR_NONE && options->dry_run)
                return start_rehearse(p, vm, options, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                r = platform_vgpu_ensure(p, vm, /* starting= */ true, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;

        r = decide_start(p, &request, /* visitor= */ NULL, &a);
        if (r < 0)
                return r;
        demand_note(p->pool, vm);
        if (a.refusal.code != ERROR_NONE) {
                log_vm(LOG_INFO, MSG_VM_REFUSED, vm, options->on, "%s", strempty(a.refusal.message));
                move_refusal(&a.refusal, refusal);
                return 0;
        }
        r = book(p, vm, options->reservation, &a, &token);
        r = r ?: add_job(p, vm, options, &token, ret_job);
        return batch_poison(p, r);
}

/* 3: the booking is on disk; the order goes out */

static void start_replied(
        Policy *p, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message);

static int hand_over(Policy *p, Vm *vm, const Uuid *token) {
        Peer *peer = vm->scheduled_on ? peer_of(p, vm->scheduled_on) : NULL;
        _cleanup_free_ char *order = NULL;
        Call *call;
        int r;

        if (!peer || !peer->claimed || p->stale)
                return -ENOTCONN;
        r = order_build_start(peer, vm, &order);
        r = r ?: call_new(peer, start_replied, &vm->object.id, token, &call);
        if (r < 0)
                return r;

        /* From here on it may arrive. The mark needs no commit: on disk "reserved" is read as "sent". */
        pool_set_vm_booking(p->pool, vm, BOOKING_SENT, NULL);
        r = p->links->start_vm(peer->link, order, call_replied, call);
        if (r < 0) {
                call_free(call);
                pool_set_vm_booking(p->pool, vm, BOOKING_RESERVED, NULL);
        }
        return r;
}

static void start_send(Policy *p, const Uuid *vm_id, const Uuid *token) {
        Vm *vm = pool_get(p->pool, CLASS_VM, vm_id);
        _cleanup_refusal_ Refusal old = {};
        Operation *op;
        int r;

        if (!vm || vm->booking != BOOKING_RESERVED || !uuid_equal(&vm->token, token))
                return;
        /* What a host said since it was decided. */
        r = old_check_start(p, vm, &old);
        if (r < 0 || old.code != ERROR_NONE) {
                start_failed_on_host(p, vm, START_NOT_SENT, ERROR_HOST_OFFLINE,
                        r < 0 ? "The start could not be checked: out of memory." : old.message);
                return;
        }
        r = hand_over(p, vm, token);
        if (r >= 0) {
                op = operation_of(p, vm);
                if (op)
                        operation_set_stage(op, "sent", -1);
                return;
        }
        if (r == -ENOTCONN || r == -ENOBUFS)
                start_failed_on_host(p, vm, START_NOT_SENT, ERROR_HOST_OFFLINE,
                        r == -ENOBUFS ? "The host has more orders waiting than it can take."
                                      : "The host went offline before the order was sent.");
        else
                start_failed_on_host(
                        p, vm, START_NOT_SENT, ERROR_INTERNAL_ERROR, "The start order could not be built.");
}

/* 4: the host has answered */

static void start_replied(
        Policy *p, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        Vm *vm = pool_get(p->pool, CLASS_VM, &call->object);
        Operation *op;

        if (p->closing || !vm || !uuid_equal(&vm->token, &call->token))
                return;
        op = operation_of(p, vm);
        switch (outcome) {
        case LINK_DONE:
                if (op)
                        operation_heard(op);
                if (op && op->kind == OPERATION_START && vm->booking == BOOKING_SENT)
                        operation_progress(op, "accepted", 0.1);
                break;
        case LINK_REFUSED:
                if (vm->booking != BOOKING_SENT)
                        break;
                peer_touch(call->peer);
                start_failed_on_host(p, vm, START_REFUSED, code, message);
                break;
        case LINK_UNKNOWN:
                if (op)
                        (void) operation_wait_for_host(op);
                break;
        }
}

/* Refusals that say something about this host, not about the VM. */
static bool another_host_may_help(ErrorCode code) {
        static const ErrorCode of_the_host[] = {
                ERROR_PGPU_INSUFFICIENT_CAPACITY,
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE,
                ERROR_VGPU_TYPE_NOT_ENABLED,
                ERROR_VGPU_TYPE_NOT_SUPPORTED,
                ERROR_PGPU_IN_USE_BY_VM,
                ERROR_PGPU_UNHEALTHY,
                ERROR_VM_REQUIRES_GPU,
                ERROR_VM_REQUIRES_IOMMU,
                ERROR_FEATURE_REQUIRES_HVM,
                ERROR_HOST_NOT_ENOUGH_FREE_MEMORY,
                ERROR_VM_REQUIRES_SR,
                ERROR_VM_REQUIRES_NET,
                ERROR_VM_REQUIRES_PCI,
                ERROR_CONFIG_NOT_ALLOWED,
                ERROR_HOST_OFFLINE,
                ERROR_HOST_CLAIMED,
        };

        for (size_t i = 0; i < ARRAY_SIZE(of_the_host); i++)
                if (of_the_host[i] == code)
                        return true;
        return false;
}

static int avoid_host(Operation *op, const Host *h) {
        Uuid *avoid;

        avoid = reallocarray(op->avoid, op->n_avoid + 1, sizeof(*avoid));
        if (!avoid)
                return -ENOMEM;
        op->avoid = avoid;
        avoid[op->n_avoid++] = h->object.id;
        return 0;
}

/*
 * The host says that a PGPU that the start was to get is lost, or that somebody who is not of the pool has it:
 * the host may do all the same, with another. Its inventory, which tells of that PGPU, may come before its
 * refusal or after it; until then all that were asked for are taken for that. Not more often than the host
 * has PGPUs, should it never tell. 1: they are.
 */
static int start_note_held(Operation *op, Vm *vm, Host *h, ErrorCode code) {
        Policy *p = op->policy;
        bool known = false;
        int r = 0;

        if (op->n_held++ >= h->pgpus.n)
                return 0;
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Pgpu *pgpu = ((const Vgpu *) vm->vgpus.items[i])->scheduled_on;

                known |= pgpu && (!isempty(pgpu->held_by) || pgpu->health == PGPU_HEALTH_LOST);
        }
        for (size_t i = 0; i < vm->vgpus.n && !known && r >= 0; i++) {
                Pgpu *pgpu = ((const Vgpu *) vm->vgpus.items[i])->scheduled_on;

                if (pgpu && code == ERROR_PGPU_UNHEALTHY)
                        r = pool_set_pgpu_health(p->pool, pgpu, PGPU_HEALTH_LOST,
                                "Its host says that it does not answer.");
                else if (pgpu)
                        r = pool_set_pgpu_held_by(p->pool, pgpu, "another domain");
        }
        return r < 0 ? r : 1;
}

/* Decided and booked as for the first try, under the same job. 1: booked; 0: it fits nowhere. */
static int book_again(Operation *op, Vm *vm, const AllocRequest *request, Reservation *reservation) {
        _cleanup_refusal_ Refusal old = {};
        _cleanup_(allocation_done) Allocation a = {};
        Policy *p = op->policy;
        Job *j = operation_job(op);
        Uuid token;
        int r;

        r = old_check_start(p, vm, &old);
        if (r < 0 || old.code != ERROR_NONE)
                return r;
        r = allocate(p->pool, request, NULL, &a);
        if (r < 0 || a.refusal.code != ERROR_NONE)
                return r;
        r = book(p, vm, reservation, &a, &token);
        if (r < 0)
                return r;
        j->token = token;
        pool_touch(p->pool, &j->object, 0, /* store= */ true);
        operation_progress(op, "booked", 0);
        return 1;
}

/* The hosts that refused it, and where it failed, as far as they are still there. */
static int list_avoided(const Operation *op, const Host ***ret, AllocRequest *request) {
        _cleanup_free_ const Host **avoid = calloc(op->n_avoid + 1, sizeof(*avoid));

        if (!avoid)
                return -ENOMEM;
        for (size_t i = 0; i < op->n_avoid; i++) {
                const Host *h = pool_get(op->policy->pool, CLASS_HOST, &op->avoid[i]);

                if (h)
                        avoid[request->n_avoid++] = h;
        }
        request->avoid = *ret = take_ptr(avoid);
        return 0;
}

/* refused NULL: the same host may be asked again. 1: booked; 0: there is no host. */
static int try_next_host(Operation *op, Vm *vm, const Host *refused, Reservation *reservation) {
        _cleanup_free_ const Host **avoid = NULL;
        AllocRequest request = {.vm = vm, .reservation = reservation};
        int r;

        r = refused ? avoid_host(op, refused) : 0;
        if (r < 0)
                return r;
        if (!uuid_is_null(&op->only)) {
                request.only = pool_get(op->policy->pool, CLASS_HOST, &op->only);
                if (!request.only)
                        return 0;
        }
        r = list_avoided(op, &avoid, &request);
        return r < 0 ? r : book_again(op, vm, &request, reservation);
}

/* On the same host without the PGPUs that it had: while it is decided, they are as if they were not there. */
static int try_next_pgpu(Operation *op, Vm *vm, Host *h, const FailedTry *failed, Reservation *reservation) {
        AllocRequest request = {
                .vm = vm, .only = h, .reservation = reservation, .without_reason = true};
        Pool *pool = op->policy->pool;
        bool present[failed->n_pgpus + 1];
        int r;

        for (size_t i = 0; i < failed->n_pgpus; i++) {
                Pgpu *pgpu = pool_get(pool, CLASS_PGPU, &failed->pgpus[i]);

                present[i] = pgpu && pgpu->present;
                if (pgpu)
                        pool_set_pgpu_present(pool, pgpu, false);
        }
        r = book_again(op, vm, &request, reservation);
        for (size_t i = 0; i < failed->n_pgpus; i++) {
                Pgpu *pgpu = pool_get(pool, CLASS_PGPU, &failed->pgpus[i]);

                if (pgpu)
                        pool_set_pgpu_present(pool, pgpu, present[i]);
        }
        return r;
}

/*
 * Once, on another host if one takes it, else on another PGPU of this one; where the start named its host,
 * only there. What the first try came to stands in the job, on disk with the new booking, so that there is no
 * third after a restart.
 */
static int try_elsewhere(Operation *op, Vm *vm, Host *h, FailedTry *failed, Reservation *reservation) {
        Job *j = operation_job(op);
        int r = 0;

        j->first_try = take_ptr(failed->sentence);
        j->first_host = h->object.id;
        if (uuid_is_null(&op->only))
                r = try_next_host(op, vm, h, reservation);
        if (r == 0 && failed->n_pgpus > 0)
                r = try_next_pgpu(op, vm, h, failed, reservation);
        if (r <= 0)
                failed->sentence = take_ptr(j->first_try);
        return r;
}

/* Whether a host that was not tried could take it; then it has not failed everywhere. */
static int could_start_elsewhere(Operation *op, Vm *vm, Host *h) {
        _cleanup_(allocation_done) Allocation a = {};
        _cleanup_free_ const Host **avoid = NULL;
        AllocRequest request = {.vm = vm, .without_reason = true};
        int r;

        r = avoid_host(op, h);
        r = r < 0 ? r : list_avoided(op, &avoid, &request);
        r = r < 0 ? r : allocate(op->policy->pool, &request, NULL, &a);
        return r < 0 ? r : a.refusal.code == ERROR_NONE;
}

static void add_why_no_more(StrBuf *b, const Operation *op, const Job *j, StartEnd end) {
        if (j->first_try || end == START_NOT_SENT)
                return;
        if (end == START_MAY_HAVE_RUN)
                strbuf_add(b,
                        " It is not tried elsewhere, since its host does not say that the guest never ran.");
        else if (!uuid_is_null(&op->only))
                strbuf_add(b, " The start named this host, which has no other PGPU for it.");
        else
                strbuf_add(b, " There is no other host or PGPU that could take it now.");
}

static void start_gives_up(
        Operation *op, Vm *vm, Host *h, StartEnd end, ErrorCode code, const FailedTry *failed) {
        Job *j = operation_job(op);
        _cleanup_strbuf_ StrBuf b = {};
        Policy *p = op->policy;
        int r = 1;

        if (j->first_try)
                strbuf_addf(&b, "%s It was tried once more: ", j->first_try);
        strbuf_add(&b, strempty(failed->sentence));
        if (failure_is_of_the_place(code)) {
                add_why_no_more(&b, op, j, end);
                r = h ? could_start_elsewhere(op, vm, h) : 1;
        }
        if (r < 0 || strbuf_error(&b) < 0) {
                (void) batch_poison(p, -ENOMEM);
                return;
        }
        log_vm(LOG_WARNING, MSG_VM_FAILED, vm, h, "VM %s could not be started. %s", vm->name_label, b.text);
        operation_finish(op, JOB_FAILED, code, b.text);
        if (r == 0)
                places_failed_everywhere(p, vm);
}

/* Its host's word, that the guest never ran and why. */
static bool place_failed(StartEnd end, ErrorCode code) {
        return (end == START_REFUSED || end == START_BEFORE_UNPAUSE) && failure_is_of_the_place(code);
}

static int start_goes_on(Operation *op, Vm *vm, Host *h, int held, StartEnd end, ErrorCode code,
        FailedTry *failed, Reservation *reservation) {
        if (held != 0)
                return held < 0 ? held : try_next_host(op, vm, NULL, reservation);
        if (!h)
                return 0;
        if (another_host_may_help(code))
                return uuid_is_null(&op->only) ? try_next_host(op, vm, h, reservation) : 0;
        if (place_failed(end, code) && !operation_job(op)->first_try)
                return try_elsewhere(op, vm, h, failed, reservation);
        return 0;
}

void start_failed_on_host(Policy *p, Vm *vm, StartEnd end, ErrorCode code, const char *message) {
        _cleanup_(failed_try_done) FailedTry failed = {};
        Reservation *reservation = vm->reservation;
        Operation *op = operation_of(p, vm);
        Host *h = vm_host(vm);
        int held = 0, r;

        if (op && h && (code == ERROR_PGPU_IN_USE_BY_VM || code == ERROR_PGPU_UNHEALTHY))
                held = start_note_held(op, vm, h, code);
        r = failed_try_note(&failed, vm, message);
        if (r < 0) {
                (void) batch_poison(p, r);
                return;
        }
        log_vm(LOG_NOTICE, MSG_RESERVATION_RELEASED, vm, h, "%s", failed.sentence);
        booking_release(p, vm);
        if (op && op->kind != OPERATION_START)
                operation_finish(op, JOB_DONE, ERROR_NONE, "");
        /* It has the VM under another order, which its report may tell of. */
        if (h && code == ERROR_VM_BAD_POWER_STATE)
                (void) batch_poison(p, outside_update(p, h));
        reconcile_stray(p, vm);
        op = operation_of(p, vm);
        if (!op)
                return;
        operation_heard(op);
        if (operation_job(op)->cancel_requested) {
                operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED, "The start was cancelled.");
                return;
        }
        r = start_goes_on(op, vm, h, held, end, code, &failed, reservation);
        /* Noted when it is booked again: the place may be suspect now, and the start named it. */
        if (h && place_failed(end, code))
                places_failed(p, vm,
                        &(StartPlaces){.host = failed.host, .pgpus = failed.pgpus, .n_pgpus = failed.n_pgpus},
                        strempty(message));
        if (r < 0)
                (void) batch_poison(p, r);
        else if (r == 0)
                start_gives_up(op, vm, h, end, code, &failed);
}

/* 5: the host says that it ended */

static char *halt_message(const VmEvent *event) {
        char *text;

        if (!isempty(event->error_message))
                return strdup(event->error_message);
        return asprintf(&text, "The VM ended: %s.",
                       isempty(event->reason) ? "no reason given" : event->reason) < 0
                       ? NULL
                       : text;
}

void start_halted(Policy *p, Vm *vm, Host *h, const VmEvent *event) {
        Operation *op = operation_of(p, vm);
        ErrorCode code = ERROR_NONE;
        _cleanup_free_ char *text = NULL;
        const char *message;

        if (event->error_name) {
                code = error_code_from_name(event->error_name);
                if (code == _ERROR_INVALID || code == ERROR_NONE)
                        code = ERROR_DOMAIN_FAILED;
        }
        text = halt_message(event);
        message = text ?: "The VM ended.";
        if (op && op->kind == OPERATION_START) {
                start_failed_on_host(p, vm,
                        event->before_unpause && event->error_name ? START_BEFORE_UNPAUSE
                                                                   : START_MAY_HAVE_RUN,
                        code == ERROR_NONE ? ERROR_DOMAIN_FAILED : code, message);
                return;
        }

        if (code == ERROR_NONE)
                log_vm(LOG_INFO, MSG_VM_HALTED, vm, h, "VM %s halted on host %s: %s.", vm->name_label,
                        h->name_label, isempty(event->reason) ? "no reason given" : event->reason);
        else
                log_vm(LOG_WARNING, MSG_VM_FAILED, vm, h, "VM %s failed on host %s. %s", vm->name_label,
                        h->name_label, message);
        booking_release(p, vm);
        if (op)
                operation_finish(op, JOB_DONE, ERROR_NONE, "");
        reconcile_stray(p, vm);
}
