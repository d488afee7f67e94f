/*
 * Enablement: which supported types a PGPU may run
 *
 * A change is worked out on a copy, so that a refusal leaves nothing half done and the caller stores before
 * it shows.
 */

#include "hostd/core/enablement.h"
#include "hostd/core/idset.h"
#include "protocol/type-identifier.h"

void enablement_done(Enablement *e) {
        strv_free(e->disabled);
        strv_free(e->seen);
        *e = (Enablement){};
}

static int copy_enablement(const Enablement *e, Enablement *ret) {
        _cleanup_(enablement_done) Enablement copy = {};

        if (strv_copy(e->disabled, &copy.disabled) < 0 || strv_copy(e->seen, &copy.seen) < 0)
                return -ENOMEM;

        *ret = take_struct(copy);
        return 0;
}

/* A type that is new, but for the board in its identifier (protocol/type-identifier.h): it is off if the old one was. */
static bool was_disabled(const Enablement *e, char *const *supported, const char *identifier) {
        for (char *const *old = e->disabled; old && *old; old++)
                if (type_identifiers_related(*old, identifier) && !strv_contains(supported, *old))
                        return true;
        return false;
}

int enablement_note_seen(Enablement *e, char *const *supported, bool *ret_changed) {
        bool changed = false;

        for (char *const *id = supported; id && *id; id++) {
                if (strv_contains(e->seen, *id))
                        continue;
                if (was_disabled(e, supported, *id) && idset_add(&e->disabled, *id) < 0)
                        return -ENOMEM;
                if (idset_add(&e->seen, *id) < 0)
                        return -ENOMEM;
                changed = true;
        }
        idset_sort(e->seen);
        idset_sort(e->disabled);

        *ret_changed = changed;
        return 0;
}

int enablement_enabled(const Enablement *e, char *const *supported, char ***ret) {
        _cleanup_(strv_freep) char **enabled = NULL;

        for (; supported && *supported; supported++)
                if (!strv_contains(e->disabled, *supported) && idset_add(&enabled, *supported) < 0)
                        return -ENOMEM;

        *ret = take_ptr(enabled);
        return 0;
}

typedef struct ChangeRequest {
        const Pgpu *pgpu;
        const HostType *types;
        size_t n_types;
        const char *const *busy;
} ChangeRequest;

static const char *type_name(const ChangeRequest *q, const char *identifier) {
        const HostType *t = host_type_find(q->types, q->n_types, identifier);

        return t ? t->model_name : identifier;
}

/* By identifier, else by a model name that only one supported type has. *ret is NULL when refused. */
static int resolve_type(const ChangeRequest *q, const char *wanted, const char **ret, Refusal *refusal) {
        const char *found = NULL;

        *ret = NULL;
        for (char *const *id = q->pgpu->supported; id && *id; id++) {
                const HostType *t = host_type_find(q->types, q->n_types, *id);

                if (streq(*id, wanted)) {
                        *ret = *id;
                        return 0;
                }
                if (!t || !streq(t->model_name, wanted))
                        continue;
                if (found)
                        return refusal_set(refusal, ERROR_AMBIGUOUS_NAME,
                                "Types %s and %s of PGPU %s are both named '%s'; give the identifier "
                                "instead.",
                                found, *id, PCI_TEXT(&q->pgpu->address), wanted);
                found = *id;
        }
        if (!found)
                return refusal_set(refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "PGPU %s does not support a VGPU type '%s'; its supported types are listed by the "
                        "property SupportedTypes.",
                        PCI_TEXT(&q->pgpu->address), wanted);

        *ret = found;
        return 0;
}

/* What runs may have been started under its old identifier. */
static bool is_busy(const ChangeRequest *q, const char *identifier) {
        for (const char *const *busy = q->busy; busy && *busy; busy++)
                if (streq(*busy, identifier) ||
                        (type_identifiers_related(*busy, identifier) && !strv_contains(q->pgpu->supported, *busy)))
                        return true;
        return false;
}

static int disable_type(const ChangeRequest *q, Enablement *e, const char *identifier, Refusal *refusal) {
        if (is_busy(q, identifier))
                return refusal_set(refusal, ERROR_PGPU_IN_USE_BY_VM,
                        "VGPU type %s cannot be disabled on PGPU %s while a VGPU of it is resident "
                        "there or being started; shut that VM down first.",
                        type_name(q, identifier), PCI_TEXT(&q->pgpu->address));
        return idset_add(&e->disabled, identifier);
}

static int disable_all_but(const ChangeRequest *q, Enablement *e, char *const *chosen, Refusal *refusal) {
        for (char *const *id = q->pgpu->supported; id && *id; id++) {
                int r;

                if (strv_contains(chosen, *id) || strv_contains(e->disabled, *id))
                        continue;
                r = disable_type(q, e, *id, refusal);
                if (r < 0 || refusal->code != ERROR_NONE)
                        return r;
        }
        return 0;
}

static int apply_change(const ChangeRequest *q, EnablementChange change, const char *const *wanted,
        Enablement *e, Refusal *refusal) {
        _cleanup_(strv_freep) char **chosen = NULL;
        int r = 0;

        for (; wanted && *wanted; wanted++) {
                const char *id;

                r = resolve_type(q, *wanted, &id, refusal);
                if (r < 0 || refusal->code != ERROR_NONE)
                        return r;
                r = idset_add(&chosen, id);
                if (r < 0)
                        return r;

                if (change == ENABLEMENT_REMOVE)
                        r = disable_type(q, e, id, refusal);
                else
                        idset_remove(e->disabled, id);
                if (r < 0 || refusal->code != ERROR_NONE)
                        return r;
        }
        return change == ENABLEMENT_SET ? disable_all_but(q, e, chosen, refusal) : 0;
}

int enablement_change(const Enablement *e, const Pgpu *p, const HostType *types, size_t n_types,
        EnablementChange change, const char *const *wanted, const char *const *busy, Enablement *ret,
        Refusal *ret_refusal) {
        ChangeRequest q = { p, types, n_types, busy };
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_(enablement_done) Enablement next = {};
        int r;

        r = copy_enablement(e, &next);
        if (r >= 0)
                r = apply_change(&q, change, wanted, &next, &refusal);
        if (r < 0)
                return r;

        if (refusal.code == ERROR_NONE) {
                idset_sort(next.disabled);
                *ret = take_struct(next);
        }
        *ret_refusal = take_struct(refusal);
        return 0;
}
