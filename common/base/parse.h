#pragma once

/*
 * Strict reading of numbers, sizes and booleans
 *
 * The whole text must be the value: no blanks, signs (except where the type is signed), or trailing
 * characters. -EINVAL for anything else, -ERANGE when it does not fit. Outputs are written on success only.
 */

#include "common/base/macros.h"

int parse_digit(char c, unsigned base);                  /* its value in a base up to 36, either case; -EINVAL */
int parse_u32(const char *text, uint32_t *ret);          /* decimal */
int parse_u64(const char *text, uint64_t *ret);          /* decimal */
int parse_number(const char *text, uint64_t *ret);       /* decimal, or hex after 0x in either case */
int parse_hex16(const char *text, uint16_t *ret);        /* 1-4 hex digits, with or without 0x */
int parse_boolean(const char *text, bool *ret);          /* true/false, yes/no, on/off, 1/0; any case */

/* Bytes: a number and nothing, or B, KiB, MiB, GiB, TiB (K, M, G, T are taken as the binary ones). */
int parse_size(const char *text, uint64_t *ret);

/* "12.5 GiB"; buf holds 32 bytes. */
const char *format_size(uint64_t bytes, char buf[static 32]);
#define SIZE_TEXT(n) format_size((n), (char[32]){})
