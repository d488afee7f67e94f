/*
 * Words for people
 *
 * One place for the wording, so that a refusal of a start, an explanation of a PGPU and a remedy say the same
 * thing the same way.
 */

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "policyd/pool/each.h"
#include "policyd/words/sentence.h"

const char *list_separator(size_t i, size_t n) {
        if (i == 0)
                return "";
        return i + 1 == n ? " and " : ", ";
}

void sentence_name(StrBuf *b, size_t i, size_t n, const char *name) {
        strbuf_add(b, list_separator(i, n));
        strbuf_add(b, "'");
        strbuf_add(b, name);
        strbuf_add(b, "'");
}

void sentence_names(StrBuf *b, const char *const *names, size_t n) {
        size_t shown = n > NAMES_SHOWN + 1 ? NAMES_SHOWN : n;

        for (size_t i = 0; i < shown; i++)
                strbuf_addf(b, "%s%s", list_separator(i, n), names[i]);

        if (shown < n)
                strbuf_addf(b, " and %zu more", n - shown);
}

void sentence_objects(StrBuf *b, const char *before, const PtrArray *objects) {
        const char *names[NAMES_SHOWN + 1];

        for (size_t i = 0; i < MIN_OF(objects->n, ARRAY_SIZE(names)); i++) {
                const Object *o = objects->items[i];

                names[i] = o->class == CLASS_VGPU_TYPE ? type_label((const VgpuType *) o) : object_name(o);
        }
        if (objects->n > 0)
                strbuf_add(b, before);
        sentence_names(b, names, objects->n);
}

const char *type_label(const VgpuType *t) {
        if (t->implementation == TYPE_PASSTHROUGH)
                return "passthrough";
        return t->label ?: t->model_name[0] ? t->model_name : t->identifier;
}

void sentence_pgpu(StrBuf *b, const Pgpu *p) {
        strbuf_add(b, PCI_TEXT(&p->pci));
        strbuf_add(b, " of ");
        strbuf_add(b, p->host->name_label);
}

/* A running VM needs no word; every other state is named. */
static const char *vm_state_words(const Vgpu *v) {
        if (v->resident_on)
                return "";
        return v->scheduled_on ? " (starting)" : " (halted)";
}

/* An explanation calls this for every PGPU, so it avoids printf, which is slow. */
size_t sentence_vms(StrBuf *b, const char *before, const PtrArray *vgpus, const VgpuType *t) {
        const Vgpu *distinct[NAMES_SHOWN + 1];
        size_t n = 0, shown;

        for_each(const Vgpu, v, vgpus) {
                bool seen = t && v->type != t;

                for (size_t j = 0; j < MIN_OF(n, ARRAY_SIZE(distinct)) && !seen; j++)
                        seen = distinct[j]->vm == v->vm;
                if (seen)
                        continue;
                if (n < ARRAY_SIZE(distinct))
                        distinct[n] = v;
                n++;
        }
        if (n == 0)
                return 0;

        shown = n > NAMES_SHOWN + 1 ? NAMES_SHOWN : n;
        strbuf_add(b, before);
        strbuf_add(b, n == 1 ? "VM " : "VMs ");
        for (size_t i = 0; i < shown; i++) {
                sentence_name(b, i, n, distinct[i]->vm->name_label);
                strbuf_add(b, vm_state_words(distinct[i]));
        }
        if (shown < n)
                strbuf_addf(b, " and %zu more", n - shown);
        return n;
}

size_t sentence_reservations(StrBuf *b, const char *before, const PtrArray *holds, const VgpuType *t) {
        const Reservation *first = NULL;
        size_t others = 0;

        for_each(const Reservation, r, holds) {
                if (t && r->type != t)
                        continue;
                first = first ?: r;
                others += r != first;
        }
        if (!first)
                return 0;

        strbuf_addf(b, "%sreservation '%s'", before, first->name_label);
        if (others > 0)
                strbuf_addf(b, " and %zu more", others);
        return 1 + others;
}

static bool outsider_counts(const Pgpu *p, size_t i, const VgpuType *t) {
        if (t && p->outsiders[i].type != t)
                return false;
        for (size_t j = 0; j < i; j++)
                if (uuid_equal(&p->outsiders[j].vm, &p->outsiders[i].vm) && (!t || p->outsiders[j].type == t))
                        return false;
        return true;
}

size_t sentence_outsiders(StrBuf *b, const char *before, const Pgpu *p, const VgpuType *t) {
        size_t n = 0, at = 0;

        for (size_t i = 0; i < p->n_outsiders; i++)
                n += outsider_counts(p, i, t);
        if (n == 0)
                return 0;
        strbuf_add(b, before);
        strbuf_add(b, n == 1 ? "VM " : "VMs ");
        for (size_t i = 0; i < p->n_outsiders && at < NAMES_SHOWN + 1; i++)
                if (outsider_counts(p, i, t))
                        sentence_name(b, at++, n, p->outsiders[i].name);
        if (at < n)
                strbuf_addf(b, " and %zu more", n - at);
        strbuf_addf(b, ", which %s not of this pool", n == 1 ? "is" : "are");
        return n;
}

unsigned sentence_users(StrBuf *b, const Pgpu *p, const VgpuType *t) {
        size_t n_vms, n_reservations, n_outsiders;

        n_vms = sentence_vms(b, "", &p->vgpus, t);
        n_reservations = sentence_reservations(b, n_vms > 0 ? " and " : "", &p->holds, t);
        n_outsiders = sentence_outsiders(b, n_vms + n_reservations > 0 ? " and " : "", p, t);
        return (n_vms + n_outsiders > 0 ? USER_RUNS : 0) | (n_reservations > 0 ? USER_RESERVED : 0);
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

void sentence_clause(StrBuf *b, const char *sentence) {
        size_t n = strlen(sentence);

        if (n > 0 && sentence[n - 1] == '.')
                n--;
        /* Not an abbreviation such as "SSH". */
        if (n > 1 && sentence[0] >= 'A' && sentence[0] <= 'Z' &&
                !(sentence[1] >= 'A' && sentence[1] <= 'Z')) {
                strbuf_addf(b, "%c", sentence[0] - 'A' + 'a');
                strbuf_add_n(b, sentence + 1, n - 1);
        } else
                strbuf_add_n(b, sentence, n);
}

void sentence_unusable_host(StrBuf *b, const Host *h) {
        if (h->state == HOST_ONLINE) {
                strbuf_addf(b, "%s is disabled", h->name_label);
                return;
        }

        if (h->state == HOST_CONNECTING) {
                strbuf_addf(b, "%s has not been heard from yet", h->name_label);
                return;
        }

        strbuf_addf(b, "%s is %s", h->name_label, host_state_to_string(h->state));
        if (h->state_reason[0]) {
                strbuf_add(b, ": ");
                sentence_clause(b, h->state_reason);
        }
}

void sentence_enable(StrBuf *b, const VgpuType *t, const Pgpu *p) {
        sentence_step(b, "enable %s on ", type_label(t));
        sentence_pgpu(b, p);
}

void sentence_step(StrBuf *b, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        bool first = b->len == 0;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                b->error = -ENOMEM;
                return;
        }
        if (first)
                text[0] = (char) toupper((unsigned char) text[0]);
        strbuf_add(b, first ? "" : ", and ");
        strbuf_add(b, text);
}

void sentence_add_steps(StrBuf *b, StrBuf *steps) {
        b->error = b->error ?: steps->error;
        if (steps->len > 0)
                strbuf_addf(b, " %s.", steps->text);
}

/* Writes tenths of the unit, rounded up or down, so that a size that is said to suffice does suffice. */
void sentence_size(StrBuf *b, uint64_t bytes, bool up) {
        static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
        uint64_t unit = 1024, tenths;
        size_t i = 0;

        if (bytes == 0) {
                strbuf_add(b, "none");
                return;
        }
        while (i + 1 < ARRAY_SIZE(units) && bytes >= unit * 1024) {
                unit *= 1024;
                i++;
        }
        tenths = (bytes / unit) * 10 + ((bytes % unit) * 10 + (up ? unit - 1 : 0)) / unit;
        if (tenths % 10 == 0)
                strbuf_addf(b, "%" PRIu64 " %s", tenths / 10, units[i]);
        else
                strbuf_addf(b, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[i]);
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
