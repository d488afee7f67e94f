/*
 * A decision, and what is remembered of it
 */

#include "policyd/service/operations/decision.h"

#include "policyd/words/decision-words.h"

/* A refusal gets its sentence, for which other decisions may have to be made. */
int decide_start(Pool *pool, const AllocRequest *request, const AllocVisitor *visitor, Allocation *ret) {
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = allocate(pool, request, visitor, &a);
        if (r >= 0 && a.denial)
                r = allocate_otherwise(pool, request, &a);
        if (r >= 0 && a.denial)
                r = refuse_start(request, /* brief= */ false, &a);
        if (r < 0)
                return r;
        *ret = a;
        a = (Allocation){};
        return 0;
}

/* Where an allocation puts a VM */

static void write_host(StrBuf *b, const Host *h, uint64_t score) {
        json_write_uuid(b, "host", &h->object.id);
        json_write_string(b, "name_label", h->name_label);
        json_write_u64(b, "score", score);
}

static void write_placements(StrBuf *b, const Vm *vm, const Allocation *a) {
        json_write_open(b, "pgpus", '[');
        for (size_t i = 0; i < a->n_pgpus; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                json_write_open(b, NULL, '{');
                /* One that the platform form only asks for has no object yet. */
                if (!uuid_is_null(&v->object.id))
                        json_write_uuid(b, "vgpu", &v->object.id);
                json_write_uuid(b, "pgpu", &a->pgpus[i]->object.id);
                json_write_string(b, "pci_id", PCI_TEXT(&a->pgpus[i]->pci));
                json_write_close(b, '}');
        }
        json_write_close(b, ']');
}

void decision_write_place(StrBuf *b, const Vm *vm, const Allocation *a) {
        write_host(b, a->host, a->score);
        write_placements(b, vm, a);
}

void decision_write_counts(StrBuf *b, const char *member_or_null, const Allocation *a) {
        json_write_open(b, member_or_null, '{');
        for (ErrorCode code = 0; code < _ERROR_MAX; code++)
                if (a->counts[code] > 0)
                        json_write_u64(
                                b, code == ERROR_NONE ? "fits" : error_code_word(code), a->counts[code]);
        if (a->n_connecting > 0)
                json_write_u64(b, "connecting", a->n_connecting);
        json_write_close(b, '}');
}

static void write_runners_up(StrBuf *b, const Allocation *a) {
        json_write_open(b, "runners_up", '[');
        for (size_t i = 0; i < a->n_runners_up; i++) {
                json_write_open(b, NULL, '{');
                write_host(b, a->runners_up[i].host, a->runners_up[i].score);
                json_write_close(b, '}');
        }
        json_write_close(b, ']');
}

int decision_to_text(uint64_t now, const Vm *vm, const Allocation *a, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        json_write_open(&b, NULL, '{');
        json_write_u64(&b, "time", now);
        decision_write_place(&b, vm, a);
        write_runners_up(&b, a);
        decision_write_counts(&b, "counts", a);
        json_write_close(&b, '}');
        return strbuf_give(&b, ret);
}
