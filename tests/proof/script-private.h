#pragma once

/*
 * A script while it is played
 */

#include "tests/proof/script.h"

#define WORDS_MAX 12
#define VMS_MAX 16

typedef struct Line {
        unsigned number;
        unsigned n;
        char *words[WORDS_MAX]; /* the verb, and what follows */
        const struct Verb *verb;
} Line;

typedef struct ScriptVm {
        char name[32];
        Uuid id, job; /* the last job */
} ScriptVm;

struct Script {
        const char *path;
        Line *lines;
        size_t n_lines;
        unsigned hosts;
        uint64_t first_seed, n_seeds;
        bool unmirrored, boards;

        /* While it is played */
        World *world;
        const Line *line;
        ScriptVm vms[VMS_MAX];
        size_t n_vms;
        char answer[64];   /* to the last call, "" while there is none */
        const char *awaited; /* a line of the history with these words */
        bool came;
        const char *never; /* a line with these words is a broken promise */
        char kept_words[256];
        SimDb *kept;       /* a copy of policyd's database */
        struct Message *held; /* under way for long: it comes when the script says so */
        bool quiet;        /* nothing has happened since it was */
        void (*heard)(const char *line, void *userdata);
        void *userdata;
};

typedef struct Verb {
        const char *name;
        unsigned least, most; /* words after it */
        void (*play)(Script *s, char *const *words, unsigned n);
} Verb;

const Verb *script_verb(const char *name);
extern const Verb script_faults[], script_calls[]; /* up to one without a name */

/* What the words name. */
Machine *script_machine(Script *s, const char *name);
Pool *script_pool(Script *s);
Host *script_host(Script *s, const char *name); /* NULL: it is not in the pool */
ScriptVm *script_named(const Script *s, const char *name);
Vm *script_vm(Script *s, const char *name);
struct Message *script_message(Script *s, const char *what, const char *name); /* on its way to a host */

_printf_(2, 3) void script_broken(Script *s, const char *format, ...);
bool script_run_until(Script *s, uint64_t usec, bool (*reached)(Script *s, char *const *words), char *const *words);
void script_quiet(Script *s);
