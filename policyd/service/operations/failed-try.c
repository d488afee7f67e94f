/*
 * Starts that failed: what is said of them, and who is to blame
 *
 * A failure names the host, the PGPUs and what the host said. It says something of the place only when the
 * host began and could not build the domain; what it lacks or forbids is known, and no failure of the place.
 */

#include "policyd/service/operations/starts.h"
#include "policyd/words/sentence.h"

void failed_try_done(FailedTry *t) {
        free(t->pgpus);
        free(t->sentence);
        *t = (FailedTry){};
}

static bool has_place(const FailedTry *t, const Uuid *pgpu) {
        for (size_t i = 0; i < t->n_pgpus; i++)
                if (uuid_equal(&t->pgpus[i], pgpu))
                        return true;
        return false;
}

static int note_pgpus(FailedTry *t, const Vm *vm, const char **addresses) {
        t->pgpus = calloc(vm->vgpus.n + 1, sizeof(Uuid));
        if (!t->pgpus)
                return -ENOMEM;
        for_each(const Vgpu, v, &vm->vgpus) {
                const Pgpu *pgpu = v->scheduled_on ?: v->resident_on;

                if (!pgpu || has_place(t, &pgpu->object.id))
                        continue;
                /* "alpha/0000:84:00.0" without its host, which the sentence names. */
                addresses[t->n_pgpus] = strrchr(pgpu->name, '/') + 1;
                t->pgpus[t->n_pgpus++] = pgpu->object.id;
        }
        return 0;
}

int failed_try_note(FailedTry *t, const Vm *vm, const char *words) {
        const char *addresses[vm->vgpus.n + 1];
        const Host *h = vm_host(vm);
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        r = note_pgpus(t, vm, addresses);
        if (r < 0)
                return r;
        if (h)
                t->host = h->object.id;
        strbuf_addf(&b, "Host '%s' did not start VM '%s'", h ? h->name_label : "?", vm->name_label);
        if (t->n_pgpus > 0) {
                strbuf_addf(&b, " on PGPU%s ", PLURAL(t->n_pgpus));
                sentence_names(&b, addresses, t->n_pgpus);
        }
        strbuf_addf(&b, ": %s", strempty(words));
        t->sentence = strbuf_take(&b);
        return t->sentence ? 0 : -ENOMEM;
}

bool failure_is_of_the_place(ErrorCode code) {
        return code == ERROR_FAILED_TO_START_EMULATOR || code == ERROR_DOMAIN_FAILED ||
               code == ERROR_STORAGE_FAILED || code == ERROR_INTERNAL_ERROR || code == ERROR_LIMIT_REACHED;
}
