/*
 * Replaying a trace
 *
 * A heap holds the VMs that are there by the time at which they leave.
 */

#include "tests/sim/replay.h"

typedef struct Leaver {
        double at;
        Vm *vm;
} Leaver;

typedef struct Replay {
        SimWorld world;
        Leaver *heap;
        size_t n_heap;
        size_t n_opened;
        double stranded, since; /* since: when both were counted last */
        double sum_opened, sum_stranded;
        Outcome outcome;
} Replay;

static void replay_done(Replay *r) {
        sim_world_done(&r->world);
        free(r->heap);
}

static void heap_push(Replay *r, Leaver l) {
        size_t i = r->n_heap++;

        for (; i > 0 && r->heap[(i - 1) / 2].at > l.at; i = (i - 1) / 2)
                r->heap[i] = r->heap[(i - 1) / 2];
        r->heap[i] = l;
}

static Vm *heap_pop(Replay *r) {
        Vm *vm = r->heap[0].vm;
        Leaver last = r->heap[--r->n_heap];
        size_t i = 0;

        for (size_t child; (child = 2 * i + 1) < r->n_heap; i = child) {
                if (child + 1 < r->n_heap && r->heap[child + 1].at < r->heap[child].at)
                        child++;
                if (r->heap[child].at >= last.at)
                        break;
                r->heap[i] = r->heap[child];
        }
        if (r->n_heap > 0)
                r->heap[i] = last;
        return vm;
}

static void count_pgpu(Replay *r, const Pgpu *p, int sign) {
        bool whole = p->vgpus.n == 1 && ((Vgpu *) p->vgpus.items[0])->type == r->world.passthrough;

        if (p->vgpus.n == 0)
                return;
        r->n_opened += (size_t) sign;
        if (!whole)
                r->stranded += sign * (double) (PGPU_SIZE - p->used) / PGPU_SIZE;
}

/* Each PGPU once: before a change with -1, after it with +1. */
static void count_pgpus(Replay *r, Pgpu *const *pgpus, size_t n, int sign) {
        for (size_t i = 0; i < n; i++) {
                bool again = false;

                for (size_t j = 0; j < i; j++)
                        again |= pgpus[j] == pgpus[i];
                if (!again)
                        count_pgpu(r, pgpus[i], sign);
        }
}

static void advance(Replay *r, double at) {
        r->sum_opened += (double) r->n_opened * (at - r->since);
        r->sum_stranded += r->stranded * (at - r->since);
        r->since = at;
}

static void leave_until(Replay *r, double at) {
        while (r->n_heap > 0 && r->heap[0].at <= at) {
                Pgpu *pgpus[ARRIVAL_VGPUS_MAX] = {};
                size_t n;
                Vm *vm;

                advance(r, r->heap[0].at);
                vm = heap_pop(r);
                n = vm->vgpus.n;
                for (size_t i = 0; i < n; i++)
                        pgpus[i] = ((Vgpu *) vm->vgpus.items[i])->scheduled_on;
                count_pgpus(r, pgpus, n, -1);
                sim_world_remove_vm(&r->world, vm);
                count_pgpus(r, pgpus, n, +1);
        }
}

static void note_refused(Replay *r, const Arrival *a) {
        r->outcome.n_refused++;
        r->outcome.refused_size += arrival_size(r->world.shape, a);
        for (size_t i = 0; i < a->n_vgpus; i++)
                r->outcome.refused_by_type[a->vgpus[i].type == TYPE_PASSTHROUGH_INDEX ? SHAPE_TYPES_MAX
                                                                                      : a->vgpus[i].type]++;
}

/* All is counted from what stands there now: a start may open several PGPUs. */
static void note_started(Replay *r, const Vm *vm) {
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Pgpu *p = ((Vgpu *) vm->vgpus.items[i])->scheduled_on;
                uint32_t own_size = 0;
                size_t n_own = 0;
                bool again = false;

                for (size_t j = 0; j < vm->vgpus.n; j++) {
                        const Vgpu *v = vm->vgpus.items[j];

                        again |= j < i && v->scheduled_on == p;
                        n_own += v->scheduled_on == p;
                        own_size += v->scheduled_on == p ? v->type->size : 0;
                }
                if (again)
                        continue;

                if (p->vgpus.n == n_own)
                        r->outcome.n_openings++;
                else {
                        r->n_opened--;
                        r->stranded -= (double) (PGPU_SIZE - p->used + own_size) / PGPU_SIZE;
                }
                count_pgpu(r, p, +1);
        }
}

static int arrive(Replay *r, const Arrival *a) {
        bool refused;
        Vm *vm;
        int error;

        r->outcome.n_arrivals++;
        r->outcome.asked_size += arrival_size(r->world.shape, a);
        error = sim_world_add_vm(&r->world, a, &vm);
        if (error >= 0)
                error = sim_world_start(&r->world, vm, &refused);
        if (error < 0)
                return error;

        if (refused) {
                note_refused(r, a);
                sim_world_remove_vm(&r->world, vm);
                return 0;
        }

        note_started(r, vm);
        r->outcome.opened_most = MAX_OF(r->outcome.opened_most, r->n_opened);
        heap_push(r, (Leaver){.at = a->at + a->stay, .vm = vm});
        return 0;
}

int replay(const Shape *s, const Trace *t, GroupAlgorithm algorithm, const ReplayWatcher *watcher_or_null,
        Outcome *ret) {
        _cleanup_(replay_done) Replay r = {};
        double length;
        int error;

        error = sim_world_new(s, algorithm, &r.world);
        if (error < 0)
                return error;
        r.heap = calloc(t->n + 1, sizeof(Leaver));
        if (!r.heap)
                return -ENOMEM;

        r.since = t->n > 0 ? t->items[0].at : 0;
        for (size_t i = 0; i < t->n; i++) {
                leave_until(&r, t->items[i].at);
                advance(&r, t->items[i].at);
                error = arrive(&r, &t->items[i]);
                if (error < 0)
                        return error;
                if (watcher_or_null)
                        watcher_or_null->step(
                                t->items[i].at, r.n_opened, r.outcome.n_refused, watcher_or_null->userdata);
        }

        length = t->n > 0 ? t->items[t->n - 1].at - t->items[0].at : 0;
        if (length > 0) {
                r.outcome.opened = r.sum_opened / length;
                r.outcome.stranded = r.sum_stranded / length;
        }
        *ret = r.outcome;
        return 0;
}
