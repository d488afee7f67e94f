/*
 * The auditor of boards with virtual functions
 */

#include <stdarg.h>

#include "tests/proof/audit-functions.h"
#include "tests/proof/audit-line.h"

#define PGPU_FULL 1048576

/* By its address, and that of its host. */
typedef struct Function {
        Id host, address;
        Id owner; /* the token of the order for which it was chosen, until that is over */
        Id last;  /* the same, after that */
        bool is_dead, is_suspect, is_unproved;
} Function;

typedef struct Board {
        Id host, address;
        unsigned has;
        bool is_by_others, is_reset;
        bool is_noted, is_made; /* hostd has a note of how it divides it, and did so */
        unsigned noted;         /* into how many by that */
        bool is_there; /* in the list that is read now */
        Id division, note;
        unsigned n_suspect;
        bool has_autoprobe;
        bool is_in_pool;
        Id pool_division;
        unsigned pool_suspect;
        unsigned long pool_used;
} Board;

/* A domain that has a function, or the whole. */
typedef struct Holder {
        Id host, domid, address, token;
        unsigned long size; /* of its share; a whole board has none */
        bool is_whole;
        bool has_nothing; /* its function was taken away; the pool counts it as long as it runs */
} Holder;

struct FunctionsAudit {
        void (*said)(void *userdata, const char *word, const char *sentence);
        void *userdata;
        LIST(Function) functions;
        LIST(Board) boards;
        LIST(Holder) holders;
        LIST(Holder) hosts; /* of the pool, in the list that is read now */
        bool quiet;
};

FunctionsAudit *functions_audit_new(void (*said)(void *userdata, const char *word, const char *sentence), void *userdata) {
        FunctionsAudit *a = calloc(1, sizeof(*a));

        if (!a)
                abort();
        a->said = said;
        a->userdata = userdata;
        return a;
}

FunctionsAudit *functions_audit_free(FunctionsAudit *a) {
        if (!a)
                return NULL;
        free(a->functions.items);
        free(a->boards.items);
        free(a->holders.items);
        free(a->hosts.items);
        free(a);
        return NULL;
}

_printf_(3, 4) static void broken(FunctionsAudit *a, const char *word, const char *format, ...) {
        char sentence[320];
        va_list args;

        va_start(args, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, args);
        va_end(args);
        a->said(a->userdata, word, sentence);
}

static Function *function_of(FunctionsAudit *a, const char *host, const char *address) {
        Function *f;

        for (size_t i = 0; i < a->functions.n; i++)
                if (streq(a->functions.items[i].address, address) && streq(a->functions.items[i].host, host))
                        return &a->functions.items[i];
        f = ADD(&a->functions);
        memcpy(f->host, host, strlen(host) + 1);
        memcpy(f->address, address, strlen(address) + 1);
        return f;
}

static Board *find_board(FunctionsAudit *a, const char *host, const char *address) {
        for (size_t i = 0; i < a->boards.n; i++)
                if (streq(a->boards.items[i].address, address) && streq(a->boards.items[i].host, host))
                        return &a->boards.items[i];
        return NULL;
}

static Board *board_of(FunctionsAudit *a, const char *host, const char *address) {
        Board *b = find_board(a, host, address);

        if (!b) {
                b = ADD(&a->boards);
                memcpy(b->host, host, strlen(host) + 1);
                memcpy(b->address, address, strlen(address) + 1);
        }
        return b;
}

/* "0000:83:00.0" and "0000:83:00.3": all but the last digit. */
static bool is_of_board(const char *function, const char *board) {
        return strncmp(function, board, strlen(board) - 1) == 0;
}

static const Holder *find_holder(const FunctionsAudit *a, const char *host, const char *address) {
        for (size_t i = 0; i < a->holders.n; i++) {
                const Holder *h = &a->holders.items[i];

                if (!h->has_nothing && streq(h->address, address) && streq(h->host, host))
                        return h;
        }
        return NULL;
}

/* Domains */

static void check_lent(FunctionsAudit *a, const Function *f, const char *token, const char *how) {
        if (f->is_unproved && !streq(f->last, token))
                broken(a, "function-unproved", "%s of %s is %s, and was not reset since its last VM", f->address, f->host, how);
        if (*f->owner && !streq(f->owner, token))
                broken(a, "function-twice", "%s of %s is %s, and was chosen for another order that is not over", f->address, f->host, how);
}

/* Who gives one to other people's domain resets it. */
static void on_function_given(FunctionsAudit *a, const char *host, const char *address, const char *line, bool foreign) {
        Function *f = function_of(a, host, address);
        const Holder *h = find_holder(a, host, address);
        Id token;

        if (h)
                broken(a, "function-twice", "%s of %s is given to a domain, and domain %s has it", address, host, h->domid);
        if (foreign)
                return;
        check_lent(a, f, line_value(line, "token", token), "given");
        f->is_unproved = true;
        memcpy(f->last, token, sizeof(Id));
}

static Holder *add_holder(FunctionsAudit *a, const char *host, const char *line, const char *address, bool whole) {
        Holder *h = ADD(&a->holders);

        memcpy(h->host, host, strlen(host) + 1);
        memcpy(h->address, address, strlen(address) + 1);
        line_value(line, "domid", h->domid);
        line_value(line, "token", h->token);
        h->is_whole = whole;
        return h;
}

static void on_created(FunctionsAudit *a, const char *host, const char *line, bool foreign) {
        char pgpu[16], type[16] = "whole";
        unsigned long size = 0;
        Id function;

        for (const char *at = strstr(line, " gpu="); at; at = strstr(at + 1, " gpu=")) {
                const Board *b;

                if (sscanf(at, " gpu=%15[^,],%15[^,],%lu", pgpu, type, &size) != 3 || !streq(type, "whole"))
                        continue;
                b = find_board(a, host, pgpu);
                if (b && b->has > 0 && !foreign)
                        broken(a, "whole-divided", "%s of %s is given as a whole, and has %u functions", pgpu, host, b->has);
                add_holder(a, host, line, pgpu, /* whole= */ true);
        }
        for (const char *at = strstr(line, " function="); at; at = strstr(at + 1, " function=")) {
                on_function_given(a, host, line_value(at, "function", function), line, foreign);
                add_holder(a, host, line, function, /* whole= */ false)->size = streq(type, "whole") ? 0 : size;
        }
}

static void on_gone(FunctionsAudit *a, const char *host, const char *line) {
        Id domid;

        line_value(line, "domid", domid);
        for (size_t i = a->holders.n; i-- > 0;)
                if (streq(a->holders.items[i].domid, domid) && streq(a->holders.items[i].host, host))
                        REMOVE(&a->holders, i);
}

/* The host boots: nothing of this is any more. */
static void on_boot(FunctionsAudit *a, const char *host) {
        for (size_t i = a->functions.n; i-- > 0;)
                if (streq(a->functions.items[i].host, host))
                        REMOVE(&a->functions, i);
        for (size_t i = a->boards.n; i-- > 0;)
                if (streq(a->boards.items[i].host, host))
                        REMOVE(&a->boards, i);
        for (size_t i = a->holders.n; i-- > 0;)
                if (streq(a->holders.items[i].host, host))
                        REMOVE(&a->holders, i);
}

/* Divisions */

static void check_division(FunctionsAudit *a, const Board *b, const char *line) {
        Id was;

        for (size_t i = 0; i < a->holders.n; i++)
                if (!a->holders.items[i].has_nothing && streq(a->holders.items[i].host, b->host) &&
                        is_of_board(a->holders.items[i].address, b->address))
                        broken(a, "divided-in-use", "hostd divides %s of %s, or undoes that, and domain %s has %s", b->address, b->host,
                                a->holders.items[i].domid, a->holders.items[i].address);
        /* As many as it made itself, and it has not seen that these are others: it cannot know. */
        if (b->is_by_others && !streq(line_value(line, "was", was), "0") && !(b->is_noted && (b->is_made ? b->has == b->noted : b->has <= b->noted)))
                broken(a, "fixed-undone", "hostd takes back functions of %s of %s, which others made", b->address, b->host);
}

/* New functions, or none. Who made them is an administrator, who may also take those away that guests have. */
static void on_divided(FunctionsAudit *a, const char *host, const char *board, const char *line) {
        Board *b = board_of(a, host, board);
        bool by_hostd;
        Id word;

        by_hostd = streq(line_value(line, "by", word), "hostd");
        if (by_hostd)
                check_division(a, b, line);
        b->has = (unsigned) atoi(line_value(line, "functions", word));
        b->is_by_others = b->has > 0 && !by_hostd;
        b->is_reset = false;
        for (size_t i = 0; i < a->holders.n; i++)
                a->holders.items[i].has_nothing |= !a->holders.items[i].is_whole && streq(a->holders.items[i].host, host) &&
                        is_of_board(a->holders.items[i].address, board);
        for (size_t i = 0; i < a->functions.n; i++)
                if (streq(a->functions.items[i].host, host) && is_of_board(a->functions.items[i].address, board))
                        a->functions.items[i].is_dead = a->functions.items[i].is_unproved = false;
}

/* Functions */

static void on_reset(FunctionsAudit *a, Function *f, bool done) {
        if (find_holder(a, f->host, f->address))
                broken(a, "function-reset", "%s of %s is reset, and a domain has it", f->address, f->host);
        f->is_unproved = !done;
        f->is_dead &= !done;
}

static void on_note(FunctionsAudit *a, Function *f, bool suspect, const char *line) {
        Id by;

        if (!suspect && f->is_unproved)
                broken(a, "function-unproved", "%s of %s is called well, and was not reset since its last VM", f->address, f->host);
        f->is_suspect = suspect;
        if (streq(line_value(line, "by", by), "hostd"))
                *f->owner = '\0';
}

static void on_function(FunctionsAudit *a, const char *host, const char *address, const char *line) {
        Function *f = function_of(a, host, address);
        Id word;

        if (*line_value(line, "reset", word))
                on_reset(a, f, streq(word, "done"));
        if (*line_value(line, "note", word))
                on_note(a, f, streq(word, "suspect"), line);
        if (streq(line_value(line, "is", word), "dead"))
                f->is_dead = true;
}

/* Over reboots of its guest a VM keeps what it has, also where that is ill by now. */
static void on_chosen(FunctionsAudit *a, const char *host, const char *address, const char *token) {
        Function *f = function_of(a, host, address);
        const Holder *h = find_holder(a, host, address);

        check_lent(a, f, token, "chosen");
        if (h && !streq(h->token, token))
                broken(a, "function-twice", "%s of %s is chosen, and domain %s has it", address, host, h->domid);
        if ((f->is_dead || f->is_suspect) && !streq(f->owner, token))
                broken(a, "function-ill", "%s of %s is chosen, and %s", address, host, f->is_dead ? "reads all ones" : "is suspect");
        memcpy(f->owner, token, strlen(token) + 1);
}

static void on_order_over(FunctionsAudit *a, const char *host, const char *token) {
        for (size_t i = 0; i < a->functions.n; i++)
                if (streq(a->functions.items[i].owner, token) && streq(a->functions.items[i].host, host))
                        *a->functions.items[i].owner = '\0';
}

static void on_helper(FunctionsAudit *a, const char *host, const char *line) {
        Id word, token;

        if (!streq(line_word(line, 4, word), "ends"))
                return;
        line_value(line, "token", token);
        if (!streq(line_value(line, "chooses", word), "none"))
                on_chosen(a, host, word, token);
        if (streq(line_value(line, "does", word), "--free-virtual-function") && streq(line_value(line, "result", word), "done"))
                on_order_over(a, host, token);
}

/* The end, when everything is quiet */

static unsigned long used_of(const FunctionsAudit *a, const Board *b) {
        unsigned long used = 0;

        for (size_t i = 0; i < a->holders.n; i++)
                if (streq(a->holders.items[i].host, b->host) && is_of_board(a->holders.items[i].address, b->address))
                        used += a->holders.items[i].size;
        return used + (b->has > 0 ? b->n_suspect * (PGPU_FULL / b->has) : 0);
}

static unsigned count_ill(const FunctionsAudit *a, const Board *b) {
        unsigned n = 0;

        for (size_t i = 0; i < a->functions.n; i++)
                n += a->functions.items[i].is_dead && streq(a->functions.items[i].host, b->host) &&
                        is_of_board(a->functions.items[i].address, b->address);
        return n;
}

static bool is_in_pool(const FunctionsAudit *a, const char *host) {
        for (size_t i = 0; i < a->hosts.n; i++)
                if (streq(a->hosts.items[i].host, host))
                        return true;
        return false;
}

static void check_board(FunctionsAudit *a, const Board *b) {
        if (!is_in_pool(a, b->host))
                return;
        if (!b->is_in_pool) {
                broken(a, "disagree", "board %s of %s is not in the pool", b->address, b->host);
                return;
        }
        if (!streq(b->division, b->pool_division))
                broken(a, "disagree", "%s of %s is divided as %s; the pool says %s", b->address, b->host, b->division, b->pool_division);
        if (b->n_suspect != b->pool_suspect)
                broken(a, "disagree", "%s of %s has %u suspect functions; the pool says %u", b->address, b->host, b->n_suspect, b->pool_suspect);
        if (b->pool_used != used_of(a, b))
                broken(a, "disagree", "%lu of %s of %s are used; the pool says %lu", used_of(a, b), b->address, b->host, b->pool_used);
        if (b->has == 0 && !streq(b->note, "none") && b->has_autoprobe)
                broken(a, "left-behind", "%s of %s has no functions, and hostd's note that it divided it stays", b->address, b->host);
        if (!b->has_autoprobe && !streq(b->note, "unmade"))
                broken(a, "left-behind", "new functions of %s of %s get no driver", b->address, b->host);
        if (a->quiet && b->n_suspect > count_ill(a, b) && !b->is_reset)
                broken(a, "stays-suspect", "%s of %s has %u suspect functions, and %u are ill", b->address, b->host, b->n_suspect, count_ill(a, b));
}

static void on_model(FunctionsAudit *a, const char *line) {
        Id address, host, word;

        if (*line_value(line, "board", address)) {
                Board *b = board_of(a, line_value(line, "of", host), address);

                b->is_in_pool = true;
                line_value(line, "division", b->pool_division);
                b->pool_suspect = (unsigned) atoi(line_value(line, "suspect", word));
                b->pool_used = strtoul(line_value(line, "used", word), NULL, 10);
        }
        else if (*line_value(line, "host", host))
                memcpy(ADD(&a->hosts)->host, host, sizeof(Id));
        if (!streq(line_word(line, 2, word), "end"))
                return;
        for (size_t i = 0; i < a->boards.n; i++) {
                Board *b = &a->boards.items[i];

                if (b->is_there)
                        check_board(a, b);
                b->is_there = b->is_in_pool = false;
        }
        a->hosts.n = 0;
}

static void on_listed(FunctionsAudit *a, const char *host, const char *address, const char *line) {
        Board *b = board_of(a, host, address);
        Id word;

        b->is_there = true;
        b->has = (unsigned) atoi(line_value(line, "has", word));
        b->n_suspect = (unsigned) atoi(line_value(line, "suspect", word));
        b->has_autoprobe = streq(line_value(line, "autoprobe", word), "1");
        line_value(line, "division", b->division);
        line_value(line, "note", b->note);
}

static void on_division_noted(Board *b, const char *what, const char *line) {
        Id number;

        b->is_noted = !streq(what, "gone");
        b->is_made = streq(what, "made");
        b->noted = (unsigned) atoi(line_value(line, "number", number));
}

static void on_board(FunctionsAudit *a, const char *host, const char *address, const char *line) {
        Id word;

        if (*line_value(line, "has", word))
                on_listed(a, host, address, line);
        else if (*line_value(line, "functions", word))
                on_divided(a, host, address, line);
        else if (*line_value(line, "note", word))
                on_division_noted(board_of(a, host, address), word, line);
        else
                board_of(a, host, address)->is_reset = true;
}

void functions_audit_line(FunctionsAudit *a, const char *line) {
        Id who, what, does, value;

        line_word(line, 1, who);
        line_word(line, 2, what);
        if (streq(who, "model"))
                on_model(a, line);
        else if (streq(who, "check") && streq(what, "rescanned"))
                a->quiet = true;
        else if (streq(what, "domain") || streq(what, "foreign")) {
                line_word(line, 4, does);
                if (streq(does, "created"))
                        on_created(a, who, line, streq(what, "foreign"));
                else if (streq(does, "gone"))
                        on_gone(a, who, line);
        } else if (startswith(what, "board="))
                on_board(a, who, what + strlen("board="), line);
        else if (startswith(what, "function="))
                on_function(a, who, what + strlen("function="), line);
        else if (streq(what, "helper"))
                on_helper(a, who, line);
        else if (streq(what, "event") && *line_value(line, "token", value))
                on_order_over(a, who, value);
        else if (streq(what, "power"))
                on_boot(a, who);
}
