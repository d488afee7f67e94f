#pragma once

/*
 * Settings files: [section], key = value, # or ; comments
 *
 * The parser takes bytes and calls back once per assignment; a negative return of the callback ends the
 * parse and is returned. Values are trimmed; section is "" before the first header. A line that is none of these is reported to the callback with
 * section and key NULL and the line's text as value, so that the edge can say which line is wrong.
 */

#include "common/base/macros.h"

typedef int (*IniHandler)(unsigned line, const char *section, const char *key, const char *value, void *userdata);

int ini_parse(const char *data, size_t size, IniHandler handler, void *userdata);
