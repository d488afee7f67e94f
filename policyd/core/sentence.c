/*
 * Words for people
 *
 * One place for the wording, so that a refusal of a start, an explanation of a PGPU and a remedy say the same thing
 * the same way.
 */

#include <stdio.h>

#include "policyd/core/sentence.h"

void sentence_names(StrBuf *b, const char *const *names, size_t n) {
        size_t shown = n > NAMES_SHOWN + 1 ? NAMES_SHOWN : n;

        for (size_t i = 0; i < shown; i++)
                strbuf_addf(b, "%s%s", i == 0 ? "" : i + 1 == n ? " and " : ", ", names[i]);

        if (shown < n)
                strbuf_addf(b, " and %zu more", n - shown);
}

const char *type_label(const VgpuType *t) {
        if (t->implementation == TYPE_PASSTHROUGH)
                return "passthrough";
        return t->model_name[0] ? t->model_name : t->identifier;
}

void sentence_pgpu(StrBuf *b, const Pgpu *p) {
        strbuf_addf(b, "%s of %s", PCI_TEXT(&p->pci), p->host->name_label);
}

static const char *vm_state_word(const Vgpu *v) {
        return v->resident_on ? "running" : v->scheduled_on ? "starting" : "halted";
}

void sentence_vms(StrBuf *b, Vgpu *const *vgpus, size_t n) {
        _cleanup_free_ const Vgpu **distinct = calloc(n + 1, sizeof(Vgpu *));
        size_t n_distinct = 0, shown;

        if (!distinct) {
                b->error = -ENOMEM;
                return;
        }

        for (size_t i = 0; i < n; i++) {
                bool seen = false;

                for (size_t j = 0; j < n_distinct && j <= NAMES_SHOWN && !seen; j++)
                        seen = distinct[j]->vm == vgpus[i]->vm;
                if (!seen)
                        distinct[n_distinct++] = vgpus[i];
        }

        shown = n_distinct > NAMES_SHOWN + 1 ? NAMES_SHOWN : n_distinct;
        for (size_t i = 0; i < shown; i++)
                strbuf_addf(b, "%sVM '%s' (%s)", i == 0 ? "" : i + 1 == n_distinct ? " and " : ", ", distinct[i]->vm->name_label, vm_state_word(distinct[i]));
        if (shown < n_distinct)
                strbuf_addf(b, " and %zu more", n_distinct - shown);
}

void sentence_reservations(StrBuf *b, Reservation *const *reservations, size_t n) {
        const Reservation *first = NULL;
        size_t others = 0;

        for (size_t i = 0; i < n; i++)
                if (!first)
                        first = reservations[i];
                else if (reservations[i] != first)
                        others++;

        strbuf_addf(b, "reservation '%s'", first ? first->name_label : "");
        if (others > 0)
                strbuf_addf(b, " and %zu more", others);
}

void sentence_share(StrBuf *b, uint32_t size) {
        uint32_t n = size > 0 ? PGPU_SIZE / size : 0;

        if (n <= 1)
                strbuf_add(b, "a whole PGPU");
        else if (n == 2)
                strbuf_add(b, "half of a PGPU");
        else if (n == 4)
                strbuf_add(b, "a quarter of a PGPU");
        else
                strbuf_addf(b, "1/%u of a PGPU", n);
}

int refusal_take(Refusal *ret, ErrorCode code, StrBuf *b) {
        char *text = strbuf_take(b);

        if (!text)
                return -ENOMEM;

        refusal_done(ret);
        ret->code = code;
        ret->message = text;
        return 0;
}
