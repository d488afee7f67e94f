#pragma once

/*
 * Methods, and one call of one
 */

#include "common/base/strbuf.h"
#include "tests/proof/stranger.h"
#include "tests/proof/work.h"

#define OBJECTS_MAX 3
#define TEXTS_MAX 2
#define NAME_BYTES_MAX 1024 /* of what people call something */
#define KEY_BYTES_MAX 128   /* of an idempotency key */

/* What a call is about; kept with its idempotency key, so that it can be made again. */
typedef struct Arguments {
        Uuid objects[OBJECTS_MAX]; /* null: none */
        char *texts[TEXTS_MAX];
        uint64_t number;
} Arguments;

typedef struct Method Method;

typedef struct Call {
        Work *work;
        World *world;
        Policy *policy;
        const Method *method;
        uint64_t id;
        const Arguments *arguments;
        Object *objects[OBJECTS_MAX];
        const Object *made; /* what it made, if anything */
        uint64_t given[2];  /* numbers that it gave */
        StrBuf says;        /* what it promises itself (promises.h) */
        bool answers_itself; /* called(), on_answered() come from elsewhere */
        Refusal refusal;
} Call;

/*
 * takes, a letter for each argument: h host, p PGPU, g GPU group, t VGPU type, v VM, u VGPU, r reservation, q quota, m VM group,
 * j job, where a capital may be none; n name, d description, o owner, x a text that choose() gives. The first object is the one
 * that is called, where the interface is not the Manager's.
 */
struct Method {
        const char *interface, *name;
        unsigned weight;
        const char *takes;
        int (*perform)(Call *c);
        void (*choose)(Work *work, Arguments *a); /* the rest; NULL: nothing */
        const char *elsewhere;                    /* the test that calls it; here it is not called */
        unsigned flags;
        StrangerCall stranger; /* of hostd's interfaces */
};

#define METHOD_KEYED 1 /* takes an idempotency key */
#define METHOD_READS 2 /* sees what is committed */

struct Work {
        World *world;
        Mirror *mirror;
        MethodCount *counts;
        struct Kept *kept; /* keys that were used */
        size_t n_kept;
};

extern const Method work_methods[];
ObjectClass class_of_letter(char letter); /* _CLASS_INVALID: it is no object */

/* For the functions of methods. */
void *call_any(World *w, ObjectClass c);
void call_answered(ErrorCode code, const char *message, void *userdata); /* userdata: call_later() */
void *call_later(Call *c);

/* work-records.c: what VMs are made of */
void choose_vm_record(Work *work, Arguments *a);
void choose_import(Work *work, Arguments *a);
void choose_config(Work *work, Arguments *a);
