#pragma once

/*
 * One run of the command line
 *
 * A verb returns the exit status. What went wrong is printed where it happens, in one form: "error: CODE:
 * sentence" for what the pool refused or failed, "xenvgpu: sentence" for a command that makes no sense.
 */

#include "common/base/strbuf.h"
#include "policyd/ctl/args.h"
#include "policyd/ctl/view/print.h"
#include "policyd/ctl/view/view.h"

enum {
        EXIT_DONE = 0,
        EXIT_REFUSED = 1,
        EXIT_USAGE = 2,
        EXIT_UNREACHABLE = 3,
        EXIT_INTERRUPTED = 130, /* as a shell has it of SIGINT */
};

typedef struct Verb Verb;

typedef struct Ctl {
        Args args;
        const Verb *verb; /* that runs */
        const ClassInfo *class; /* of a generic verb, else NULL */
        Client *client;
        View *view;
        bool out_is_terminal, err_is_terminal, utf8;
        unsigned width; /* of the terminal, or 80 */
        bool is_subscribed; /* to jobs */
        bool collects;      /* jobs of several objects are waited for in the end, not one by one */
        struct CollectedJob {
                char *path, subject[37];
        } *jobs; /* those */
        size_t n_jobs;
        char subject[37], job[37];    /* the object that uuid= names, and the job that was waited for; or "". See objects/outcome.h */
        char *note;                   /* what is to be said of it, too; NULL: nothing */
        struct json_object *outcomes; /* records, with --json */
} Ctl;

/* A value given on the command line, or NULL. */
const char *ctl_arg(const Ctl *ctl, const char *key);
/* A boolean key; absent is false. 0 or EXIT_USAGE. */
int ctl_flag(const Ctl *ctl, const char *key, bool *ret);

int ctl_usage(const char *format, ...) _printf_(1, 2);
int ctl_usage_number(const Field *f, const char *text); /* it is none */
/* With --json what went wrong is an object on stdout too, unless something stands there. */
int ctl_print_error(void);
/* As the member "error" of a record. -ENOMEM. */
int ctl_add_error(struct json_object *record);
/* Prints "error: CODE: sentence" for a D-Bus error name and returns the exit status. */
int ctl_say_error(const char *name, const char *message);
/* The same where the code does not follow from the name. */
int ctl_say_code(const char *code, const char *name, const char *message);
/* "error: NOT_SUPPORTED: There is no NAME: sentence", for what xe has. */
int ctl_say_not_here(const char *name, const char *why);
/* "error: POLICYD_UNREACHABLE: sentence"; with the bus's name of the error, or NULL. */
int ctl_unreachable(const char *name, const char *format, ...) _printf_(2, 3);
/* The same for the outcome of a call. */
int ctl_failed(int r, const ClientError *error);

/* A method of an object. 0 or the exit status, with the error printed. */
#define ctl_call(ctl, path, interface, method, ret, ...)                                                     \
        ({                                                                                                   \
                _cleanup_client_error_ ClientError _e_ = {};                                                 \
                int _r_ =                                                                                    \
                        client_call((ctl)->client, (path), (interface), (method), &_e_, (ret), __VA_ARGS__); \
                _r_ < 0 ? ctl_failed(_r_, &_e_) : 0;                                                         \
        })

/* An object by uuid or unique name; its path, which the caller frees. 0 or the exit status. */
int ctl_find(Ctl *ctl, const ClassInfo *class, const char *text, char **ret_path);
/* By the value of a required key. */
int ctl_find_key(Ctl *ctl, const char *key, const char *class_name, char **ret_path);
/* One more option, or one for a key that was given. The options have room, and end with an empty one. */
void options_add(ClientOption *options, ClientOption option);
void ctl_add_option(ClientOption *options, const Ctl *ctl, const char *key, const char *name);
/* The whole pool into the view. 0 or the exit status. */
int ctl_load(Ctl *ctl);

/* A new object's uuid alone on a line. */
int ctl_print_created(Ctl *ctl, struct json_object *path);
int ctl_print_text(Ctl *ctl, const char *text);
/* JSON that was just written: read; printed, in lines. */
int ctl_parse_written(StrBuf *b, struct json_object **ret);
int ctl_print_written(StrBuf *b);
int ctl_no_memory(void);

/* Waits for a job that the last call returned: progress on a terminal, its error in the end. See job.c. */
int job_subscribe(Ctl *ctl);
int job_wait(Ctl *ctl, const char *path);
int job_follow(Ctl *ctl, struct json_object *job); /* with --async prints its uuid instead */
int job_wait_collected(Ctl *ctl);
