/*
 * The auditor
 */

#include <stdarg.h>

#include "tests/proof/audit-clients.h"
#include "tests/proof/audit-functions.h"
#include "tests/proof/audit-line.h"
#include "tests/proof/audit-masters.h"
#include "tests/proof/audit-stored.h"
#include "tests/proof/audit.h"

#define GPUS_MAX 24
#define PGPU_FULL 1048576
#define JOB_KEPT 3600 /* seconds after its end */
#define TOLD_WITHIN 1 /* seconds after a decision */

typedef struct Gpu {
        char pgpu[16], type[16];
        unsigned size;
} Gpu;

/* What is there of a VM on a host, by the word of the hypervisor and the kernel: a domain, its qemu, its emulator. */
typedef struct Piece {
        Id what, vm, host, id, token;
        Gpu gpus[GPUS_MAX];
        size_t n_gpus;
} Piece;

typedef enum Known {
        KNOWN_NOT,
        KNOWN_THERE, /* acknowledged */
        KNOWN_GONE,
        KNOWN_EITHER, /* nobody was told */
} Known;

typedef struct Vm {
        Id id;
        Known known;
        bool listed;
        bool forgotten; /* the pool may not know it: a database was restored that may be older, or another master starts it */
        bool split; /* two masters that could not know of each other started it */
        bool declared; /* its host was declared dead while it ran */
        Id power, booking, on;
} Vm;

typedef struct Job {
        Id id;
        bool acked, listed;
        bool unsure;   /* a copy of the database was put back, which may not have it */
        bool has_gone; /* it was kept as long as it must be */
        unsigned ended;
        double ended_at, gone_at; /* seconds */
        uint64_t ended_date, gone_date;
        Id state;
} Job;

typedef struct Call {
        Id number, what, vm, job;
} Call;

struct Audit {
        FILE *file;
        size_t n_broken;
        const char *line;
        LIST(Piece) pieces;
        LIST(Vm) vms;
        LIST(Job) jobs;
        LIST(Call) calls; /* without an answer */
        LIST(Vm) resized;  /* hosts whose types were given another size */
        LIST(Vm) ordered;  /* hosts that took an order to start something since policyd's database was copied */
        LIST(Vm) hosts;    /* of the pool, in the list that is read now */
        bool quiet; /* at the end: what an old copy reserved has ended */
        LIST(Vm) disputed; /* hosts on which something ran when an older copy of the database was put back, or that another master used */
        LIST(Vm) others;  /* that another pool started */
        Id spoilt; /* when a row was, last */
        double jumped_at; /* policyd's clock, last */
        uint64_t clock_was; /* before that */
        ClientsAudit *clients;
        MastersAudit *masters;
        StoredAudit *stored;
        FunctionsAudit *functions;
};

static void say_broken(void *audit, const char *word, const char *sentence);

Audit *audit_new(FILE *file) {
        Audit *a = calloc(1, sizeof(*a));

        if (!a)
                abort();
        a->file = file;
        a->jumped_at = -TOLD_WITHIN;
        a->clients = clients_audit_new(say_broken, a);
        a->masters = masters_audit_new();
        a->stored = stored_audit_new(say_broken, a);
        a->functions = functions_audit_new(say_broken, a);
        return a;
}

Audit *audit_free(Audit *a) {
        if (!a)
                return NULL;
        free(a->pieces.items);
        clients_audit_free(a->clients);
        masters_audit_free(a->masters);
        stored_audit_free(a->stored);
        functions_audit_free(a->functions);
        free(a->others.items);
        free(a->resized.items);
        free(a->ordered.items);
        free(a->hosts.items);
        free(a->disputed.items);
        free(a->vms.items);
        free(a->jobs.items);
        free(a->calls.items);
        free(a);
        return NULL;
}

size_t audit_broken(const Audit *a) {
        return a->n_broken;
}

_printf_(3, 4) static void broken(Audit *a, const char *word, const char *format, ...) {
        va_list args;

        a->n_broken++;
        if (!a->file)
                return;
        fprintf(a->file, "broken: %s: ", word);
        va_start(args, format);
        vfprintf(a->file, format, args);
        va_end(args);
        fprintf(a->file, "\n        at: %s\n", a->line);
}

static void say_broken(void *audit, const char *word, const char *sentence) {
        broken(audit, word, "%s", sentence);
}

static Vm *vm_of(Audit *a, const char *id) {
        Vm *vm;

        for (size_t i = 0; i < a->vms.n; i++)
                if (streq(a->vms.items[i].id, id))
                        return &a->vms.items[i];
        vm = ADD(&a->vms);
        memcpy(vm->id, id, strlen(id) + 1);
        return vm;
}

static Job *job_of(Audit *a, const char *id) {
        Job *j;

        for (size_t i = a->jobs.n; i-- > 0;)
                if (streq(a->jobs.items[i].id, id))
                        return &a->jobs.items[i];
        j = ADD(&a->jobs);
        memcpy(j->id, id, strlen(id) + 1);
        return j;
}

/* Domains, and the processes that belong to them */

static void read_gpus(Piece *p, const char *line) {
        for (const char *at = strstr(line, " gpu="); at && p->n_gpus < GPUS_MAX; at = strstr(at + 1, " gpu=")) {
                Gpu *g = &p->gpus[p->n_gpus];

                if (sscanf(at, " gpu=%15[^,],%15[^,],%u", g->pgpu, g->type, &g->size) == 3)
                        p->n_gpus++;
        }
}

static void check_pgpu(Audit *a, const char *host, const char *pgpu) {
        const char *type = NULL;
        unsigned long sum = 0;
        bool mixed = false;

        for (size_t i = 0; i < a->pieces.n; i++) {
                const Piece *p = &a->pieces.items[i];

                for (size_t k = 0; k < p->n_gpus && streq(p->host, host); k++) {
                        if (!streq(p->gpus[k].pgpu, pgpu))
                                continue;
                        sum += p->gpus[k].size;
                        mixed |= type && !streq(type, p->gpus[k].type);
                        type = p->gpus[k].type;
                }
        }
        if (sum > PGPU_FULL || mixed)
                broken(a, "pgpu-overfull", "%s %s holds %lu of %d%s", host, pgpu, sum, PGPU_FULL,
                        mixed ? ", of types that exclude each other" : "");
}

/* A VM is in one place, and there are no two of one kind. A new domain finds nothing of an older one. */
static void check_alone(Audit *a, const Piece *new) {
        for (size_t i = 0; i < a->pieces.n; i++) {
                const Piece *p = &a->pieces.items[i];

                if (p == new || !streq(p->vm, new->vm))
                        continue;
                if (!streq(p->host, new->host) && masters_were_blind(a->masters, p->host, p->token, new->host, new->token)) {
                        vm_of(a, new->vm)->split = true;
                        continue;
                }
                if (!streq(p->host, new->host) &&
                        (masters_declared_dead(a->masters, p->token) || masters_declared_dead(a->masters, new->token))) {
                        vm_of(a, new->vm)->declared = true;
                        continue;
                }
                if (!streq(p->host, new->host) || streq(p->what, new->what) || streq(new->what, "domain"))
                        broken(a, "domain-twice", "of VM %s there is a %s on %s", p->vm, p->what, p->host);
        }
}

static void add_piece(Audit *a, const char *host, const char *what, const char *vm, const char *id, const char *line) {
        Piece *p = ADD(&a->pieces);

        memcpy(p->what, what, strlen(what) + 1);
        memcpy(p->vm, vm, sizeof(Id));
        memcpy(p->host, host, strlen(host) + 1);
        memcpy(p->id, id, sizeof(Id));
        line_value(line, "token", p->token);
        read_gpus(p, line);
        check_alone(a, p);
        for (size_t k = 0; k < a->pieces.items[a->pieces.n - 1].n_gpus; k++)
                check_pgpu(a, host, a->pieces.items[a->pieces.n - 1].gpus[k].pgpu);
}

static void on_piece(Audit *a, const char *host, const char *what, const char *line) {
        Id vm, does, id;

        line_value(line, "vm", vm);
        line_word(line, 4, does);
        line_value(line, streq(what, "domain") || streq(what, "foreign") ? "domid" : "pid", id);
        if (streq(does, "created") || streq(does, "starts")) {
                add_piece(a, host, what, vm, id, line);
                return;
        }
        for (size_t i = 0; i < a->pieces.n; i++)
                if (streq(a->pieces.items[i].what, what) && streq(a->pieces.items[i].id, id) &&
                        streq(a->pieces.items[i].host, host)) {
                        REMOVE(&a->pieces, i);
                        return;
                }
}

/* A host says so of an order only when nothing of it runs any more. */
static void on_event(Audit *a, const char *host, const char *line) {
        Id vm, token, does;

        if (!streq(line_word(line, 4, does), "over")) {
                if (streq(line_word(line, 3, does), "unreadable"))
                        broken(a, "unreadable", "an event of %s", host);
                return;
        }
        line_value(line, "vm", vm);
        line_value(line, "token", token);
        for (size_t i = 0; i < a->pieces.n; i++) {
                const Piece *p = &a->pieces.items[i];

                if (streq(p->vm, vm) && streq(p->token, token) && streq(p->host, host))
                        broken(a, "over-early", "VM %s has a %s", vm, p->what);
        }
}

/* Calls */

static bool makes_vm(const Call *c) {
        return *c->vm && (streq(c->what, "create-vm") || streq(c->what, "Manager.CreateVM") || streq(c->what, "Manager.ImportVM"));
}

static bool ends_vm(const Call *c) {
        return streq(c->what, "destroy-vm") || streq(c->what, "VM.Destroy");
}

static void on_answer(Audit *a, const Call *c, const char *answer) {
        bool acked = streq(answer, "acked");

        if ((makes_vm(c) || streq(c->what, "Manager.AdoptVM")) && acked)
                vm_of(a, c->vm)->known = KNOWN_THERE;
        if (ends_vm(c) && acked)
                vm_of(a, c->vm)->known = KNOWN_GONE;
        /* Nothing was stored. */
        if (streq(answer, "failed") && makes_vm(c))
                vm_of(a, c->vm)->known = KNOWN_GONE;
        if (*c->job && !streq(c->job, "none") && acked)
                job_of(a, c->job)->acked = true;
}

static void on_client(Audit *a, const char *line) {
        Id number, what;
        Call *c;

        line_value(line, "call", number);
        line_word(line, 3, what);
        if (startswith(what, "error="))
                broken(a, "internal", "a call failed");
        if (streq(what, "acked") || streq(what, "refused") || streq(what, "failed") || startswith(what, "error=")) {
                for (size_t i = 0; i < a->calls.n; i++)
                        if (streq(a->calls.items[i].number, number)) {
                                on_answer(a, &a->calls.items[i], what);
                                REMOVE(&a->calls, i);
                                return;
                        }
                return;
        }
        c = ADD(&a->calls);
        memcpy(c->number, number, sizeof(Id));
        memcpy(c->what, what, sizeof(Id));
        line_value(line, "vm", c->vm);
        if (!streq(what, "cancel") && !streq(what, "Job.Cancel"))
                line_value(line, "job", c->job);
}

/* Nobody was told what became of them. */
static void on_policyd_ends(Audit *a) {
        for (size_t i = 0; i < a->calls.n; i++) {
                const Call *c = &a->calls.items[i];

                if (makes_vm(c) || ends_vm(c))
                        vm_of(a, c->vm)->known = KNOWN_EITHER;
        }
        a->calls.n = 0;
}

static bool is_among(const Vm *hosts, size_t n, const char *host) {
        for (size_t i = 0; i < n; i++)
                if (streq(hosts[i].id, host))
                        return true;
        return false;
}

static void dispute_host(Audit *a, const char *host) {
        if (!is_among(a->disputed.items, a->disputed.n, host))
                memcpy(ADD(&a->disputed)->id, host, strlen(host) + 1);
}

static void on_taken(Audit *a, const char *host, const char *line) {
        Id what, by;

        if (!streq(line_value(line, "order", what), "start"))
                return;
        if (!streq(line_value(line, "by", by), "policyd"))
                dispute_host(a, host);
        if (!is_among(a->ordered.items, a->ordered.n, host))
                memcpy(ADD(&a->ordered)->id, host, strlen(host) + 1);
}

static void on_disputed(Audit *a) {
        for (size_t i = 0; i < a->pieces.n; i++) {
                (void) vm_of(a, a->pieces.items[i].vm);
                dispute_host(a, a->pieces.items[i].host);
        }
        for (size_t i = 0; i < a->ordered.n; i++)
                dispute_host(a, a->ordered.items[i].id);
        for (size_t i = 0; i < a->vms.n; i++)
                a->vms.items[i].forgotten = true;
}

/* The pool knows what it knew then. What runs, runs. */
static void on_restored(Audit *a) {
        on_disputed(a);
        for (size_t i = 0; i < a->vms.n; i++)
                a->vms.items[i].known = KNOWN_EITHER;
        for (size_t i = 0; i < a->jobs.n; i++) {
                a->jobs.items[i].unsure = true;
                a->jobs.items[i].ended = 0;
        }
}

static uint64_t date_of(const char *line) {
        Id date;

        return strtoull(line_value(line, "date", date), NULL, 10);
}

static void on_clock(Audit *a, const char *line) {
        Id was;

        a->jumped_at = strtod(line, NULL);
        a->clock_was = strtoull(line_value(line, "was", was), NULL, 10);
}

/* That its hour is over was decided a moment before it is told, maybe by the clock before it jumped back. */
static void check_kept(Audit *a, const Job *j, double now, uint64_t date) {
        if (now - a->jumped_at < TOLD_WITHIN)
                date = MAX_OF(date, a->clock_was);
        if (j->acked && !j->unsure && now - j->ended_at < JOB_KEPT - 1 && date + 1000000 < j->ended_date + JOB_KEPT * UINT64_C(1000000))
                broken(a, "lost", "job %s was acknowledged, and went before its hour", j->id);
}

/* When the hour is over, by policyd's clock; if that jumps, in the moment of its end, of which is told after that. */
static void on_job_gone(Audit *a, const char *id, const char *line) {
        Job *j = job_of(a, id);

        j->has_gone = true;
        j->unsure |= strstr(line, " row=spoilt") != NULL; /* and a person removed that */
        j->gone_at = strtod(line, NULL);
        j->gone_date = date_of(line);
        if (j->ended > 0)
                check_kept(a, j, j->gone_at, j->gone_date);
}

static void on_job_ended(Audit *a, const char *id, const char *line) {
        Job *j = job_of(a, id);

        if (++j->ended > 1)
                broken(a, "job-twice", "job %s ended %u times", j->id, j->ended);
        j->ended_at = strtod(line, NULL);
        j->ended_date = date_of(line);
        if (j->has_gone)
                check_kept(a, j, j->gone_at, j->gone_date);
}

/* Its end was stored, and told to nobody; or it was, and the row of a job that is gone is deleted later. */
static void on_job_has_ended(Audit *a, const char *id, const char *line) {
        if (job_of(a, id)->ended == 0)
                on_job_ended(a, id, line);
}

static void on_policyd(Audit *a, const char *line) {
        Id word, what;

        line_word(line, 2, word);
        line_word(line, 3, what);
        if (streq(word, "ends"))
                on_policyd_ends(a);
        if (streq(word, "copied"))
                a->ordered.n = 0;
        if (streq(word, "restored"))
                on_restored(a);
        if (streq(word, "cannot-read"))
                broken(a, "unreadable", "policyd cannot read a host");
        if (startswith(word, "job=") && streq(what, "ended"))
                on_job_ended(a, word + strlen("job="), line);
        if (startswith(what, "job=") && streq(word, "has-ended"))
                on_job_has_ended(a, what + strlen("job="), line);
        if (startswith(what, "job=") && streq(word, "gone"))
                on_job_gone(a, what + strlen("job="), line);
}

/* The end, when everything is quiet */

static bool is_other(const Audit *a, const Vm *vm) {
        for (size_t i = 0; i < a->others.n; i++)
                if (streq(a->others.items[i].id, vm->id))
                        return true;
        return false;
}

/* Which the pool does not have. */
static bool is_of_other_master(const Audit *a, const char *host) {
        return !is_among(a->hosts.items, a->hosts.n, host) && is_among(a->disputed.items, a->disputed.n, host);
}

static void check_vm(Audit *a, const Vm *vm) {
        const Piece *d = NULL;

        for (size_t i = 0; i < a->pieces.n && !d; i++)
                if (streq(a->pieces.items[i].vm, vm->id) && !masters_lost_sight(a->masters, a->pieces.items[i].token))
                        d = &a->pieces.items[i];
        if (vm->known == KNOWN_THERE && !vm->listed)
                broken(a, "lost", "VM %s was created", vm->id);
        if (vm->known == KNOWN_GONE && vm->listed)
                broken(a, "lost", "VM %s was destroyed, or never made", vm->id);
        if (vm->split)
                return;
        if (!vm->listed && d && !is_other(a, vm) && !vm->forgotten && !masters_declared_dead(a->masters, d->token))
                broken(a, "disagree", "VM %s runs on %s, and the pool does not know it", vm->id, d->host);
        if (vm->listed && d && !is_of_other_master(a, d->host) && (!streq(vm->booking, "resident") || !streq(vm->on, d->host)))
                broken(a, "disagree", "VM %s runs on %s; the pool says %s on %s", vm->id, d->host, vm->booking, vm->on);
        if (vm->listed && !d && !streq(vm->booking, "none"))
                broken(a, "disagree", "VM %s does not run; the pool says %s on %s", vm->id, vm->booking, vm->on);
}

static void check_job(Audit *a, const Job *j) {
        if (j->listed && (streq(j->state, "pending") || streq(j->state, "running")))
                broken(a, "job-open", "job %s is %s", j->id, j->state);
        if (j->acked && !j->unsure && !j->listed && (!j->has_gone || j->ended == 0))
                broken(a, "lost", "job %s was acknowledged", j->id);
}

static void on_model(Audit *a, const char *line) {
        Id id, word;

        if (*line_value(line, "vm", id)) {
                Vm *vm = vm_of(a, id);

                vm->listed = true;
                line_value(line, "power", vm->power);
                line_value(line, "booking", vm->booking);
                line_value(line, "on", vm->on);
        } else if (*line_value(line, "job", id)) {
                Job *j = job_of(a, id);

                j->listed = true;
                line_value(line, "state", j->state);
        } else if (*line_value(line, "host", id)) {
                memcpy(ADD(&a->hosts)->id, id, sizeof(Id));
                if (!streq(line_value(line, "state", word), "online"))
                        broken(a, "disagree", "host %s is %s", id, word);
        }
        if (!streq(line_word(line, 2, word), "end"))
                return;
        for (size_t i = 0; i < a->pieces.n; i++)
                if (!streq(a->pieces.items[i].what, "foreign"))
                        (void) vm_of(a, a->pieces.items[i].vm);
        for (size_t i = 0; i < a->vms.n; i++)
                check_vm(a, &a->vms.items[i]);
        for (size_t i = 0; i < a->jobs.n; i++)
                check_job(a, &a->jobs.items[i]);
        a->hosts.n = 0;
}

/* What was started before counts with the size of today. */
static bool is_resized(const Audit *a, const char *line) {
        Id host;

        return is_among(a->resized.items, a->resized.n, line_value(line, "on", host));
}

/* An old copy, and who is not the only master, books and reserves what the hosts have given to others; the hosts' word is taken, and
 * a person ends one. Only where something ran that the copy may not know. What runs, on_piece() looks at. */
/* It was declared dead by mistake, and another host has the VM by now. The null uuid: a VM that the pool does not have any more. */
static bool runs_where_dead(const Audit *a, const char *vm) {
        for (size_t i = 0; i < a->pieces.n; i++)
                if ((streq(a->pieces.items[i].vm, vm) || startswith(vm, "00000000-0000-0000-0000")) &&
                        masters_declared_dead(a->masters, a->pieces.items[i].token))
                        return true;
        return false;
}

static bool is_disputed(Audit *a, const char *what, const char *line) {
        Id of, on;

        if (*line_value(line, "of", of) && (vm_of(a, of)->split || vm_of(a, of)->declared || runs_where_dead(a, of)) && (streq(what, "found=twice") || streq(what, "found=agree")))
                return true;
        if (streq(what, "found=capacity") && is_resized(a, line))
                return true;
        return !a->quiet && (streq(what, "found=capacity") || streq(what, "found=exclusive") || streq(what, "found=passthrough")) &&
                is_among(a->disputed.items, a->disputed.n, line_value(line, "on", on));
}

/* What refers to a row that cannot be read is not read either, until a person has removed that row. It is away, not gone. */
static bool is_away(Audit *a, const char *line) {
        Id word, when;

        if (!streq(line_word(line, 2, word), "gone"))
                return false;
        line_word(line, 0, when);
        if (strstr(line, " row=spoilt")) {
                memcpy(a->spoilt, when, sizeof(Id));
                return false;
        }
        return streq(a->spoilt, when);
}

void audit_line(const char *line, void *audit) {
        Audit *a = audit;
        Id who, what, id, other;

        a->line = line;
        if (is_away(a, line))
                return;
        line_word(line, 1, who);
        line_word(line, 2, what);
        clients_audit_line(a->clients, line);
        masters_audit_line(a->masters, line);
        stored_audit_line(a->stored, line);
        functions_audit_line(a->functions, line);
        if (*line_value(line, "other-vm", other))
                memcpy(ADD(&a->others)->id, other, sizeof(Id));
        if (streq(who, "mirror") || (streq(who, "reader") && !streq(what, "is-told")))
                broken(a, streq(what, "cannot-read") ? "unreadable" : who, "what is told and what is there differ");
        if (streq(who, "client"))
                on_client(a, line);
        else if (streq(who, "policyd"))
                on_policyd(a, line);
        else if (streq(who, "other") && streq(what, "starts"))
                on_disputed(a);
        else if (streq(who, "script"))
                broken(a, "expected", "%s", strstr(line, "line="));
        else if (streq(who, "model"))
                on_model(a, line);
        else if (streq(who, "clock"))
                on_clock(a, line);
        else if (streq(who, "check") && streq(what, "quiet"))
                a->quiet = true;
        else if (streq(who, "check") && startswith(what, "found=") && !is_disputed(a, what, line))
                broken(a, what, "the checker found it");
        else if (streq(what, "domain") || streq(what, "foreign") || streq(what, "qemu") || streq(what, "emulator"))
                on_piece(a, who, what, line);
        else if (streq(what, "takes"))
                on_taken(a, who, line);
        else if (streq(what, "types"))
                memcpy(ADD(&a->resized)->id, who, sizeof(Id));
        else if (streq(what, "event"))
                on_event(a, who, line);
        else if (streq(what, "monitor") && streq(line_word(line, 4, id), "forgotten"))
                broken(a, "monitor", "%s has stopped it, and does not know", who);
}
