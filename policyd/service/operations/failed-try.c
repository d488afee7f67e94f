/*
 * Starts that failed: the sentence, and whether the place is to blame
 *
 * The sentence names the host, the PGPUs and what the host reported. A failure counts against the place only
 * if the host began and could not build the domain; a refusal for what the host lacks or forbids does not.
 */

#include "policyd/service/hosts/places.h"
#include "policyd/service/operations/starts.h"
#include "policyd/words/sentence.h"

void failed_try_done(FailedTry *t) {
        free(t->pgpus);
        free(t->sentence);
        *t = (FailedTry){};
}

int failed_try_note(FailedTry *t, const Pool *pool, const Vm *vm, const char *words) {
        const char *addresses[vm->vgpus.n + 1];
        const Host *h = vm_host(vm);
        _cleanup_strbuf_ StrBuf b = {};

        t->pgpus = calloc(vm->vgpus.n + 1, sizeof(Uuid));
        if (!t->pgpus)
                return -ENOMEM;
        t->where = places_of(vm, t->pgpus);
        /* "alpha/0000:84:00.0" without its host, which the sentence names. */
        for (size_t i = 0; i < t->where.n_pgpus; i++)
                addresses[i] = strrchr(((Pgpu *) pool_get(pool, CLASS_PGPU, &t->pgpus[i]))->name, '/') + 1;
        strbuf_addf(&b, "Host '%s' did not start VM '%s'", h ? h->name_label : "?", vm->name_label);
        if (t->where.n_pgpus > 0) {
                strbuf_addf(&b, " on PGPU%s ", PLURAL(t->where.n_pgpus));
                sentence_names(&b, addresses, t->where.n_pgpus);
        }
        strbuf_addf(&b, ": %s", strempty(words));
        t->sentence = strbuf_take(&b);
        return t->sentence ? 0 : -ENOMEM;
}

bool failure_is_of_the_place(ErrorCode code) {
        return code == ERROR_FAILED_TO_START_EMULATOR || code == ERROR_DOMAIN_FAILED ||
               code == ERROR_STORAGE_FAILED || code == ERROR_INTERNAL_ERROR || code == ERROR_LIMIT_REACHED;
}
