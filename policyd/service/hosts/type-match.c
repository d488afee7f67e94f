/*
 * Which type of the pool a host or an import means
 */

#include "policyd/service/hosts/type-match.h"

#include "policyd/words/rules.h"
#include "protocol/type-identifier.h"

static bool report_has(const TypeReport *report, const char *identifier) {
        for (size_t i = 0; report->inventory && i < report->inventory->n_types; i++)
                if (streq(report->inventory->types[i].identifier, identifier))
                        return true;
        return false;
}

static bool is_taken(const TypeReport *report, const VgpuType *t) {
        for (size_t i = 0; i < report->n; i++)
                if (report->types[i] == t)
                        return true;
        return false;
}

static bool host_has_another(const Host *h, const VgpuType *t, const char *identifier) {
        if (!h)
                return false;
        for_each(const HostType, f, &h->types)
                if (f->type != t && streq(host_type_identifier(f), identifier))
                        return true;
        return false;
}

/* The type belongs to another record of the report: the one with the identifier that this host has for it, or that it
 * shows, if this host has no other type of that identifier. */
static bool is_anothers(const TypeReport *report, const VgpuType *t, const HostType *of_host, const char *identifier) {
        if (is_taken(report, t))
                return true;
        if (!streq(t->identifier, identifier) && report_has(report, t->identifier) &&
                !host_has_another(report->host, t, t->identifier))
                return true;
        return of_host && !streq(host_type_identifier(of_host), identifier) &&
               report_has(report, host_type_identifier(of_host));
}

/* A guest cannot tell the two apart. */
static bool gives_the_same(const VgpuType *t, const HostType *of_host, const TypeRecord *record) {
        return t->implementation == record->implementation &&
               (of_host ? of_host->framebuffer_size : t->framebuffer_size) == record->framebuffer_size &&
               t->max_heads == record->max_heads && t->max_resolution_x == record->max_resolution_x &&
               t->max_resolution_y == record->max_resolution_y;
}

static VgpuType *find_of_host(const TypeReport *report, const TypeRecord *record, bool related) {
        if (!report->host)
                return NULL;
        for_each(const HostType, f, &report->host->types) {
                const char *own = host_type_identifier(f);

                if (related ? !type_identifiers_related(own, record->identifier) || !gives_the_same(f->type, f, record)
                            : !streq(own, record->identifier))
                        continue;
                if (!is_anothers(report, f->type, f, record->identifier))
                        return f->type;
        }
        return NULL;
}

/* Of several the one that a host has, and that is oldest. */
static VgpuType *find_related(const Pool *pool, const TypeReport *report, const TypeRecord *record) {
        VgpuType *found = NULL;

        for_each(VgpuType, t, &pool->objects[CLASS_VGPU_TYPE]) {
                if (!type_identifiers_related(t->identifier, record->identifier) || !gives_the_same(t, NULL, record) ||
                        (report->host && host_find_type(report->host, t)) ||
                        is_anothers(report, t, NULL, record->identifier))
                        continue;
                if (!found || (!found->lead && t->lead))
                        found = t;
        }
        return found;
}

int type_match(const Pool *pool, const TypeReport *report, const TypeRecord *record, VgpuType **ret, Refusal *refusal) {
        VgpuType *t = NULL;
        int r;

        if (!isempty(record->identifier))
                t = find_of_host(report, record, /* related= */ false)
                            ?: find_of_host(report, record, /* related= */ true);
        if (!t) {
                r = rule_find_type(pool, record->identifier, record->vendor_name, record->model_name, &t, refusal);
                if (r < 0 || refusal->code != ERROR_NONE)
                        return r;
        }
        if (!t && !isempty(record->identifier))
                t = find_related(pool, report, record);
        *ret = t;
        return 0;
}

VgpuType *type_of_running(const Pool *pool, const Host *h, const char *identifier) {
        VgpuType *t = host_type_by_identifier(pool, h, identifier);

        if (t)
                return t;
        for_each(const HostType, f, &h->types)
                if (type_identifiers_related(host_type_identifier(f), identifier))
                        return f->type;
        return NULL;
}
