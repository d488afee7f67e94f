/*
 * The checker on the pool of this policyd: the pool, what its hosts report, and the rows that could not be read
 */

#include "policyd/service/objects/policy-private.h"

#include "common/json/json-write.h"
#include "policyd/check/check.h"

/* The objects that unanswered orders are about. */
static int list_asked(const Peer *peer, Uuid **ret, size_t *ret_n) {
        const Call *call;
        size_t n = 0;

        LIST_FOREACH(call, &peer->calls, others)
                n++;
        *ret = calloc(n + 1, sizeof(Uuid));
        if (!*ret)
                return -ENOMEM;
        *ret_n = 0;
        LIST_FOREACH(call, &peer->calls, others)
                (*ret)[(*ret_n)++] = call->object;
        return 0;
}

typedef struct Reports {
        CheckReport *items;
        size_t n;
} Reports;

static void reports_done(Reports *reports) {
        for (size_t i = 0; i < reports->n; i++)
                free((void *) reports->items[i].asked);
        free(reports->items);
}

/* What a host said before it was lost is not known to hold any more. */
static int list_reports(const Policy *p, Reports *ret) {
        int r = 0;

        ret->items = calloc(p->batch.pool->objects[CLASS_HOST].n + 1, sizeof(*ret->items));
        if (!ret->items)
                return -ENOMEM;
        for_each_while(r == 0, const Host, h, &p->batch.pool->objects[CLASS_HOST]) {
                const Peer *peer = peer_of(&p->hosts, h);
                CheckReport *report = &ret->items[ret->n];
                Uuid *asked;

                if (!peer || !peer->claimed || h->state != HOST_ONLINE)
                        continue;
                r = list_asked(peer, &asked, &report->n_asked);
                if (r < 0)
                        return r;
                *report = (CheckReport){.host = h,
                        .vms = peer->report.vms,
                        .n_vms = peer->report.n_vms,
                        .asked = asked,
                        .n_asked = report->n_asked};
                ret->n++;
        }
        return r;
}

int policy_find_faults(const Policy *p, Findings *ret) {
        _cleanup_(reports_done) Reports reports = {};
        int r;

        r = list_reports(p, &reports);
        if (r < 0)
                return r;
        check_rows(&p->batch.unreadable, ret);
        /* Without one of its rows the pool is not whole, and nothing works on its jobs. */
        return check_pool(&(CheckInput){.pool = p->batch.pool,
                                  .what = CHECK_MODEL | (policy_is_read_only(p) ? 0 : CHECK_POLICY | CHECK_REPORTS),
                                  .reports = reports.items,
                                  .n_reports = reports.n},
                ret);
}

static void write_finding(StrBuf *b, const Finding *f) {
        char path[OBJECT_PATH_MAX];

        json_write_open(b, NULL, '{');
        json_write_string(b, "invariant", f->invariant);
        json_write_string(b, "object", f->class < 0 ? "/" : object_path(f->class, &f->object, path));
        json_write_string(b, "class", f->class < 0 ? "" : object_class_to_string(f->class));
        json_write_string(b, "name_label", strempty(f->name));
        json_write_string(b, "sentence", f->sentence);
        json_write_close(b, '}');
}

int policy_check(Policy *p, char **ret_json) {
        _cleanup_findings_ Findings f = {};
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        r = policy_find_faults(p, &f);
        if (r < 0)
                return r;
        json_write_open(&b, NULL, '{');
        json_write_open(&b, "findings", '[');
        for (size_t i = 0; i < f.n; i++)
                write_finding(&b, &f.items[i]);
        json_write_close(&b, ']');
        json_write_u64(&b, "more", f.n_more);
        json_write_u64(&b, "objects", f.n_objects);
        json_write_u64(&b, "invariants", f.n_invariants);
        json_write_close(&b, '}');
        return strbuf_give(&b, ret_json);
}
