/*
 * Starting a VM
 *
 * A start is decided and booked before the reply, sent after the commit, and then the host answers. Until the
 * order is handed to the link, any failure releases the booking. After that only a report of the host does: a
 * refusal (then the next host is tried, each once, if another host may help), an event that the VM halted, or
 * an inventory under the current claim without the token. A start that failed at its place is tried once more
 * elsewhere, if its host reports that the guest never ran. The functions are in this order.
 */

#include "policyd/service/operations/starts.h"

#include "policyd/service/base/limits.h"
#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/bookings.h"
#include "policyd/service/hosts/epoch.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/places.h"
#include "policyd/service/hosts/reconcile.h"
#include "policyd/service/operations/decision.h"
#include "policyd/service/operations/orders.h"
#include "policyd/service/operations/platform-vgpu.h"

static void start_send(void *owner, const Uuid *vm_id, const Uuid *token);

/* 1: may it start? */

static int check_startable(Operations *ops, const Vm *vm, Refusal *refusal) {
        if (operation_of(ops, vm))
                return refuse(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                        "VM '%s' has an operation in progress. Wait for its job, or cancel it.",
                        vm->name_label);
        switch (vm->booking) {
        case BOOKING_NONE:
                if (vm->power_state == POWER_HALTED)
                        return old_check_start(ops->hosts, vm, refusal);
                break;
        case BOOKING_RESERVED:
        case BOOKING_SENT:
                return refuse(refusal, ERROR_HOST_OFFLINE,
                        "An order to start VM '%s' was sent to host '%s', and it is not known what became of "
                        "it. %s",
                        vm->name_label, vm->scheduled_on ? vm->scheduled_on->name_label : "?",
                        vm->scheduled_on && vm->scheduled_on->state == HOST_CONNECTING
                                ? "The host has not been heard from yet; try again in a moment."
                                : "Bring the host back, or declare it dead when it is.");
        case BOOKING_RESIDENT:
                if (vm->power_state == POWER_PAUSED)
                        return refuse(refusal, ERROR_VM_BAD_POWER_STATE,
                                "VM '%s' is paused on %s. The pool pauses no VM: who paused it there lets it go on (xl unpause), "
                                "or a hard shutdown ends it.",
                                vm->name_label, vm_host(vm)->name_label);
                break;
        case _BOOKING_STATE_MAX:
        case _BOOKING_STATE_INVALID:
                break;
        }
        return refuse(refusal, ERROR_VM_BAD_POWER_STATE, "VM '%s' is %s; only a halted VM can be started.",
                vm->name_label, power_state_to_string(vm->power_state));
}

/* 2: book it */

static int book(Operations *ops, Vm *vm, Reservation *reservation, const Allocation *a, Uuid *ret_token) {
        _cleanup_free_ char *decision = NULL;
        Uuid token;
        int r;

        r = batch_new_uuid(ops->batch, &token);
        r = r ?: decision_to_text(batch_date(ops->batch), vm, a, &decision);
        if (r < 0)
                return r;
        r = allocation_apply(ops->batch->pool, vm, reservation, a);
        if (r < 0)
                return batch_poison(ops->batch, r);
        pool_set_vm_booking(ops->batch->pool, vm, BOOKING_RESERVED, &token);
        vm->reservation = reservation;
        vm->stop_token = UUID_NULL;
        vm->order = ++ops->batch->meta.orders;
        vm->memory_counted = false;
        free(vm->decision);
        vm->decision = take_ptr(decision);
        pool_touch(ops->batch->pool, &vm->object, 0, /* store= */ true);
        log_vm(LOG_INFO, MSG_VM_PLACED, vm, a->host, "VM %s is to start on host %s.", vm->name_label,
                a->host->name_label);
        *ret_token = token;
        return batch_then(ops->batch, start_send, ops, &vm->object.id, &token);
}

static int add_job(Operations *ops, Vm *vm, const StartOptions *options, const Uuid *token, Job **ret) {
        Operation *op;
        Job *j;
        int r;

        r = operation_new(ops, OPERATION_START, vm, token, &op);
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

/* Decides as a start would, and changes nothing. */
static int start_dry_run(Operations *ops, const Vm *vm, const StartOptions *options, Refusal *refusal) {
        AllocRequest request = {.vm = vm, .only = options->on, .reservation = options->reservation};
        _cleanup_vm_preview_ VmPreview preview = {};
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = platform_vgpu_preview(ops->batch, vm, &preview, &request.vm, refusal);
        if (r != 0)
                return r;
        r = decide_start(ops->batch->pool, &request, /* visitor= */ NULL, &a);
        if (r >= 0 && a.refusal.code != ERROR_NONE)
                move_refusal(&a.refusal, refusal);
        return r;
}

int start_vm(Operations *ops, Vm *vm, const StartOptions *options, Job **ret_job, Refusal *refusal) {
        AllocRequest request = {.vm = vm, .only = options->on, .reservation = options->reservation};
        _cleanup_(allocation_done) Allocation a = {};
        Uuid token;
        int r;

        r = check_startable(ops, vm, refusal);
        r = r ?: check_limit(ops->batch, CLASS_JOB, 1, refusal);
        if (r == 0 && options->dry_run)
                return start_dry_run(ops, vm, options, refusal);
        r = r ?: platform_vgpu_ensure(ops->batch, vm, /* starting= */ true, refusal);
        if (r != 0)
                return r;

        r = decide_start(ops->batch->pool, &request, /* visitor= */ NULL, &a);
        if (r < 0)
                return r;
        demand_note(ops->batch->pool, vm);
        if (a.refusal.code != ERROR_NONE) {
                move_refusal(&a.refusal, refusal);
                return 0;
        }
        r = book(ops, vm, options->reservation, &a, &token);
        r = r ?: add_job(ops, vm, options, &token, ret_job);
        return batch_poison(ops->batch, r);
}

/* 3: the booking is on disk; the order goes out */

static void start_replied(
        void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message);

static int hand_over(Operations *ops, Vm *vm, const Uuid *token) {
        Peer *peer = vm->scheduled_on ? peer_of(ops->hosts, vm->scheduled_on) : NULL;
        _cleanup_free_ char *order = NULL;
        int r;

        if (!peer_obeys(peer))
                return -ENOTCONN;
        r = order_build_start(peer, vm, &order);
        if (r < 0)
                return r;
        /* From here on it may arrive, or be refused at once. The mark needs no commit: on disk "reserved" is
         * read as "sent". */
        pool_set_vm_booking(ops->batch->pool, vm, BOOKING_SENT, NULL);
        r = peer_send_order(
                peer, ops->hosts->links->start_vm, order, start_replied, ops, &vm->object.id, token);
        if (r < 0)
                pool_set_vm_booking(ops->batch->pool, vm, BOOKING_RESERVED, NULL);
        return r;
}

static void not_sent(Operations *ops, Vm *vm, ErrorCode code, const char *message) {
        Peer *peer = vm->scheduled_on ? peer_of(ops->hosts, vm->scheduled_on) : NULL;

        /* Until that is stored, the disk says that the host may have the order. */
        if (peer)
                peer->ask_again = true;
        start_failed_on_host(ops, vm, START_NOT_SENT, code, message);
}

static void start_send(void *owner, const Uuid *vm_id, const Uuid *token) {
        Operations *ops = owner;
        Vm *vm = pool_get(ops->batch->pool, CLASS_VM, vm_id);
        _cleanup_refusal_ Refusal old = {};
        int r;

        if (!vm || vm->booking != BOOKING_RESERVED || !uuid_equal(&vm->token, token))
                return;
        /* A host may have reported since the decision that the database is an old copy. */
        r = old_check_start(ops->hosts, vm, &old);
        if (r != 0) {
                not_sent(ops, vm, ERROR_HOST_OFFLINE,
                        r < 0 ? "The start could not be checked: out of memory." : old.message);
                return;
        }
        r = hand_over(ops, vm, token);
        if (r >= 0 && operation_of(ops, vm))
                operation_set_stage(operation_of(ops, vm), "sent", -1);
        else if (r == -ENOTCONN || r == -ENOBUFS)
                not_sent(ops, vm, ERROR_HOST_OFFLINE,
                        r == -ENOBUFS ? "The host has more orders waiting than it can take."
                                      : "The host went offline before the order was sent.");
        else if (r < 0)
                not_sent(ops, vm, ERROR_INTERNAL_ERROR, "The start order could not be built.");
}

/* 4: the host has answered */

static void start_replied(
        void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        Operations *ops = owner;
        Vm *vm = pool_get(ops->batch->pool, CLASS_VM, &call->object);
        Operation *op;

        if (ops->batch->closing || !vm || !uuid_equal(&vm->token, &call->token))
                return;
        op = operation_of(ops, vm);
        switch (outcome) {
        case LINK_DONE:
                operation_heard(op);
                if (op && op->kind == OPERATION_START && vm->booking == BOOKING_SENT)
                        operation_progress(op, "accepted", 0.1);
                break;
        case LINK_REFUSED:
                if (vm->booking != BOOKING_SENT)
                        break;
                peer_touch(call->peer);
                start_failed_on_host(ops, vm, START_REFUSED, code, message);
                break;
        case LINK_UNKNOWN:
                operation_wait_for_host(op);
                break;
        }
}

/* Refusals that say something about this host, not about the VM. */
static bool another_host_may_help(ErrorCode code) {
        static const bool of_the_host[_ERROR_MAX] = {
                [ERROR_PGPU_INSUFFICIENT_CAPACITY] = true,
                [ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE] = true,
                [ERROR_VGPU_TYPE_NOT_ENABLED] = true,
                [ERROR_VGPU_TYPE_NOT_SUPPORTED] = true,
                [ERROR_PGPU_IN_USE_BY_VM] = true,
                [ERROR_PGPU_UNHEALTHY] = true,
                [ERROR_VM_REQUIRES_GPU] = true,
                [ERROR_VM_REQUIRES_IOMMU] = true,
                [ERROR_FEATURE_REQUIRES_HVM] = true,
                [ERROR_HOST_NOT_ENOUGH_FREE_MEMORY] = true,
                [ERROR_VM_REQUIRES_SR] = true,
                [ERROR_VM_REQUIRES_NET] = true,
                [ERROR_VM_REQUIRES_PCI] = true,
                [ERROR_CONFIG_NOT_ALLOWED] = true,
                [ERROR_HOST_OFFLINE] = true,
                [ERROR_HOST_CLAIMED] = true,
        };

        return code >= 0 && of_the_host[code];
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
 * The host says that a PGPU of the start is lost, or that a domain outside the pool has it; the host may still
 * run the VM on another PGPU. Its inventory, which names that PGPU, may come before its refusal or after it;
 * until then all PGPUs of the start are marked so. If it never comes, this ends after as many tries as the
 * host has PGPUs. 1: one is marked.
 */
static int start_note_held(Operation *op, Vm *vm, Host *h, ErrorCode code) {
        Operations *ops = op->operations;
        bool known = false;
        int r = 0;

        if (op->n_held++ >= h->pgpus.n)
                return 0;
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Pgpu *pgpu = ((const Vgpu *) vm->vgpus.items[i])->scheduled_on;

                known |= pgpu && (!isempty(pgpu->held_by) || pgpu->health == PGPU_HEALTH_LOST || pgpu_is_all_suspect(pgpu));
        }
        for (size_t i = 0; i < vm->vgpus.n && !known && r >= 0; i++) {
                Pgpu *pgpu = ((const Vgpu *) vm->vgpus.items[i])->scheduled_on;

                if (pgpu && code == ERROR_PGPU_UNHEALTHY)
                        r = pool_set_pgpu_health(ops->batch->pool, pgpu, PGPU_HEALTH_LOST,
                                "Its host does not use it.");
                else if (pgpu)
                        r = pool_set_pgpu_held_by(ops->batch->pool, pgpu, "another domain");
        }
        return r < 0 ? r : 1;
}

static int book_under_job(Operation *op, Vm *vm, Reservation *reservation, const Allocation *a) {
        Operations *ops = op->operations;
        Job *j = operation_job(op);
        Uuid token;
        int r;

        r = book(ops, vm, reservation, a, &token);
        if (r < 0)
                return r;
        j->token = token;
        pool_touch(ops->batch->pool, &j->object, 0, /* store= */ true);
        operation_progress(op, "booked", 0);
        return 1;
}

/* Decided and booked as for the first try, under the same job. 1: booked; 0: it fits nowhere. */
static int book_again(Operation *op, Vm *vm, const AllocRequest *request, Reservation *reservation) {
        _cleanup_refusal_ Refusal old = {};
        _cleanup_(allocation_done) Allocation a = {};
        Operations *ops = op->operations;
        int r;

        r = old_check_start(ops->hosts, vm, &old);
        if (r != 0)
                return MIN_OF(r, 0);
        r = allocate(ops->batch->pool, request, NULL, &a);
        if (r < 0 || a.refusal.code != ERROR_NONE)
                return r;
        return book_under_job(op, vm, reservation, &a);
}

/* The hosts that refused it, and where it failed, as far as they are still there. */
static int list_avoided(const Operation *op, const Host ***ret, AllocRequest *request) {
        _cleanup_free_ const Host **avoid = calloc(op->n_avoid + 1, sizeof(*avoid));

        if (!avoid)
                return -ENOMEM;
        for (size_t i = 0; i < op->n_avoid; i++) {
                const Host *h = pool_get(op->operations->batch->pool, CLASS_HOST, &op->avoid[i]);

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
                request.only = pool_get(op->operations->batch->pool, CLASS_HOST, &op->only);
                if (!request.only)
                        return 0;
        }
        r = list_avoided(op, &avoid, &request);
        return r < 0 ? r : book_again(op, vm, &request, reservation);
}

int start_again(Operation *op, Vm *vm, Reservation *reservation, const Allocation *a) {
        return a ? book_under_job(op, vm, reservation, a) : try_next_host(op, vm, /* refused= */ NULL, reservation);
}

/* On the same host without the PGPUs that it had: while it is decided, they are as if they were not there. */
static int try_next_pgpu(Operation *op, Vm *vm, Host *h, const FailedTry *failed, Reservation *reservation) {
        AllocRequest request = {
                .vm = vm, .only = h, .reservation = reservation, .without_reason = true};
        Pool *pool = op->operations->batch->pool;
        bool present[failed->where.n_pgpus + 1];
        int r;

        for (size_t i = 0; i < failed->where.n_pgpus; i++) {
                Pgpu *pgpu = pool_get(pool, CLASS_PGPU, &failed->pgpus[i]);

                present[i] = pgpu && pgpu->present;
                if (pgpu)
                        pool_set_pgpu_present(pool, pgpu, false);
        }
        r = book_again(op, vm, &request, reservation);
        for (size_t i = 0; i < failed->where.n_pgpus; i++) {
                Pgpu *pgpu = pool_get(pool, CLASS_PGPU, &failed->pgpus[i]);

                if (pgpu)
                        pool_set_pgpu_present(pool, pgpu, present[i]);
        }
        return r;
}

/*
 * Tries once more: on another host if one takes it, else on another PGPU of this one; if the start named its
 * host, only there. The result of the first try is stored in the job with the new booking, so that a restart
 * makes no third try.
 */
static int try_elsewhere(Operation *op, Vm *vm, Host *h, FailedTry *failed, Reservation *reservation) {
        Job *j = operation_job(op);
        int r = 0;

        j->first_try = take_ptr(failed->sentence);
        j->first_host = h->object.id;
        if (uuid_is_null(&op->only))
                r = try_next_host(op, vm, h, reservation);
        if (r == 0 && failed->where.n_pgpus > 0)
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
        r = r < 0 ? r : allocate(op->operations->batch->pool, &request, NULL, &a);
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
        Operations *ops = op->operations;
        int r = 1;

        if (j->first_try)
                strbuf_addf(&b, "%s It was tried once more: ", j->first_try);
        strbuf_add(&b, strempty(failed->sentence));
        if (failure_is_of_the_place(code)) {
                add_why_no_more(&b, op, j, end);
                r = h ? could_start_elsewhere(op, vm, h) : 1;
        }
        if (r < 0 || strbuf_error(&b) < 0) {
                (void) batch_poison(ops->batch, -ENOMEM);
                return;
        }
        log_vm_failed(code, vm, h, "VM %s could not be started. %s", vm->name_label, b.text);
        operation_finish(op, JOB_FAILED, code, b.text);
        if (r == 0)
                places_failed_everywhere(ops->hosts, vm);
}

/* Whether the host reported that the guest never ran, and a reason that blames the place. */
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

/* Of a reboot only this half could be done. */
static void finish_stop(Operation *op) {
        if (op->reboots)
                operation_finish(op, JOB_FAILED, ERROR_HOST_OFFLINE,
                        "The VM is halted, and was not started again, since its host does not have it any more. Start it.");
        else
                operation_finish(op, JOB_DONE, ERROR_NONE, "");
}

Operation *vm_release(Operations *ops, Vm *vm, bool has_another) {
        Operation *op = operation_of(ops, vm);
        Host *h = vm_host(vm);

        booking_release(ops->hosts, vm);
        if (op && op->kind != OPERATION_START)
                finish_stop(op);
        if (h && has_another)
                (void) batch_poison(ops->batch, outside_update(ops->hosts, h));
        reconcile_stray(ops->hosts, vm);
        op = operation_of(ops, vm);
        if (!op || !operation_job(op)->cancel_requested)
                return op;
        operation_finish(op, JOB_CANCELLED, ERROR_OPERATION_CANCELLED, "The start was cancelled.");
        return NULL;
}

void start_failed_on_host(Operations *ops, Vm *vm, StartEnd end, ErrorCode code, const char *message) {
        _cleanup_(failed_try_done) FailedTry failed = {};
        Reservation *reservation = vm->reservation;
        Operation *op = operation_of(ops, vm);
        Host *h = vm_host(vm);
        int held = 0, r;

        if (op && h && (code == ERROR_PGPU_IN_USE_BY_VM || code == ERROR_PGPU_UNHEALTHY))
                held = start_note_held(op, vm, h, code);
        r = failed_try_note(&failed, ops->batch->pool, vm, message);
        if (r < 0) {
                (void) batch_poison(ops->batch, r);
                return;
        }
        log_vm(LOG_NOTICE, MSG_RESERVATION_RELEASED, vm, h, "%s", failed.sentence);
        op = vm_release(ops, vm, /* has_another= */ code == ERROR_VM_BAD_POWER_STATE);
        if (!op)
                return;
        operation_heard(op);
        r = start_goes_on(op, vm, h, held, end, code, &failed, reservation);
        /* Noted after the VM was booked again, because the place may become suspect, and the start may have named it. */
        if (h && place_failed(end, code))
                places_failed(ops->hosts, vm, &failed.where, strempty(message));
        if (r < 0)
                (void) batch_poison(ops->batch, r);
        else if (r == 0)
                start_gives_up(op, vm, h, end, code, &failed);
}
