#pragma once

/*
 * The parts of xl.cfg
 */

#include <libxlutil.h>

#include "common/base/macros.h"
#include "policyd/ctl/xl/xl.h"

typedef enum XlKind {
        XL_TEXT,
        XL_NUMBER,
        XL_FLAG,  /* libxl's defbool: "True" or "False" */
        XL_MIB,   /* KiB in JSON */
        XL_WORD,  /* one of libxl's enums: the words of the row as "xl=libxl", or the same with _ for - */
        XL_WORD_OR_NUMBER, /* the same; xl takes the place among the words too, from 0 */
        XL_TEXTS, /* a list, also of one text alone */
        XL_TEXT_OR_LIST, /* a text; a list goes to PATH_list */
        XL_OWN,   /* read and written by a function */
} XlKind;

typedef struct XlKey {
        const char *key;
        XlKind kind;
        const char *path;  /* in the JSON; members are parted by '/' */
        const char *words; /* XL_WORD */
} XlKey;

extern const XlKey xl_keys[]; /* the end has no key */
const XlKey *xl_key_find(const char *key, size_t n);
/* The other word of a pair, or NULL; the caller frees. */
char *xl_word(const XlKey *k, const char *word, bool to_libxl);
char *xl_nth_word(const XlKey *k, unsigned n); /* libxl's */

#define XL_HVM "b_info/type.hvm/"

/* xl-parts.c */
typedef struct XlRead {
        XLU_Config *cfg;
        struct json_object *config;
        StrBuf why; /* the first thing that is wrong */
        bool no_memory;
} XlRead;

/* Keeps the first sentence. False, for the caller to return. */
bool xl_refuse(XlRead *r, const char *format, ...) _printf_(2, 3);
/* Below config, with the objects on the way made. The value is taken over; NULL counts as no memory. */
void xl_put(XlRead *r, const char *path, struct json_object *value);
void xl_put_text(XlRead *r, const char *path, const char *text);
void xl_put_number(XlRead *r, const char *path, int64_t number);
struct json_object *xl_get(struct json_object *config, const char *path); /* NULL: nothing */

void xl_write_text(StrBuf *b, const char *text); /* in quotes */

/* xl-devices.c */
bool xl_read_disks(XlRead *r, const XLU_ConfigList *list, int n);
bool xl_read_nics(XlRead *r, const XLU_ConfigList *list, int n);
bool xl_read_functions(XlRead *r, const XLU_ConfigList *list, int n);
/* xl-devices-write.c: the elements that they write whole are taken out of the array. */
void xl_write_disks(StrBuf *b, struct json_object *config);
void xl_write_nics(StrBuf *b, struct json_object *config);
void xl_write_functions(StrBuf *b, struct json_object *config);

/* Members of a nic, and of a disk, by the words of xl. */
typedef struct XlPair {
        const char *word, *member;
        char kind; /* 's', 'n' a number, 't' its own */
} XlPair;
extern const XlPair xl_nic_words[];
