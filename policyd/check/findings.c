/*
 * What was found
 */

#include "policyd/check/check-private.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/base/strbuf.h"
#include "common/base/text.h"

void findings_done(Findings *f) {
        for (size_t i = 0; i < f->n; i++) {
                free(f->items[i].name);
                free(f->items[i].sentence);
        }
        free(f->items);
        *f = (Findings){};
}

static int add(Findings *f, Finding *found, const Object *o) {
        Finding *more;

        if (o) {
                found->class = o->class;
                found->object = o->id;
                found->name = strdup(object_name(o));
        }
        more = reallocarray(f->items, f->n + 1, sizeof(*more));
        if (more)
                f->items = more;
        if (!more || !found->sentence || (o && !found->name))
                return -ENOMEM;
        f->items[f->n++] = *found;
        return 0;
}

static void add_sentence(Findings *f, const char *invariant, const Object *o, StrBuf *b) {
        Finding found = {.invariant = invariant, .class = _CLASS_INVALID, .sentence = strbuf_take(b)};

        if (add(f, &found, o) == 0)
                return;
        free(found.name);
        free(found.sentence);
        f->error = -ENOMEM;
}

static bool is_full(Findings *f) {
        f->n_more += f->n == FINDINGS_MAX;
        return f->n == FINDINGS_MAX || f->error < 0;
}

void findings_add(Findings *f, const char *invariant, const Object *o, const char *format, ...) {
        _cleanup_strbuf_ StrBuf b = {};
        char text[1024];
        va_list args;

        if (is_full(f))
                return;
        va_start(args, format);
        strbuf_add(&b, text_vformat(text, sizeof(text), format, args));
        va_end(args);
        add_sentence(f, invariant, o, &b);
}

const char *findings_sum_up(const Findings *f, char *buf, size_t size) {
        size_t n = f->n + f->n_more;
        char found[32] = "nothing found";

        if (n > 0)
                text_format(found, sizeof(found), "%zu finding%s", n, PLURAL(n));
        return text_format(buf, size, "%s: %zu object%s, %zu invariant%s", found, f->n_objects, PLURAL(f->n_objects),
                f->n_invariants, PLURAL(f->n_invariants));
}

static const char *class_name(ObjectClass c) {
        static const char *const names[_CLASS_MAX] = {
                [CLASS_HOST] = "Host",
                [CLASS_PGPU] = "PGPU",
                [CLASS_GPU_GROUP] = "GPU group",
                [CLASS_VGPU_TYPE] = "VGPU type",
                [CLASS_VM] = "VM",
                [CLASS_VGPU] = "VGPU",
                [CLASS_RESERVATION] = "Reservation",
                [CLASS_QUOTA] = "Quota",
                [CLASS_VM_GROUP] = "VM group",
                [CLASS_JOB] = "Job",
        };

        return names[c];
}

/* A VGPU has no name, but a place in its VM. */
static void write_subject(StrBuf *b, const Object *o) {
        const Vgpu *v = CONTAINER_OF(o, Vgpu, object);

        if (o->class == CLASS_VGPU)
                strbuf_addf(b, "VGPU %" PRIu32 " of VM '%s' ", v->device, v->vm->name_label);
        else if (isempty(object_name(o)))
                strbuf_addf(b, "%s %s ", class_name(o->class), UUID_TEXT(&o->id));
        else
                strbuf_addf(b, "%s '%s' ", class_name(o->class), object_name(o));
}

void check_found(Check *c, const void *object, const char *format, ...) {
        _cleanup_strbuf_ StrBuf b = {};
        char text[1024];
        va_list args;

        if (is_full(c->findings))
                return;
        if (object)
                write_subject(&b, object);
        va_start(args, format);
        strbuf_add(&b, text_vformat(text, sizeof(text), format, args));
        va_end(args);
        strbuf_addf(&b, "; %s.", c->invariant->helps);
        add_sentence(c->findings, c->invariant->word, object, &b);
}
