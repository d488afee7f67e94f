/*
 * The error words
 */

#include "common/daemon/log-ids.h"
#include "protocol/errors.h"

typedef struct ErrorRow {
        const char *name, *field, *xapi, *meaning;
} ErrorRow;

#define ROW(code, word, text) [ERROR_##code] = {ERROR_PREFIX word, FIELD_ERROR word, #code, text},
#define ROW_AS(code, word, xapi_code, text) [ERROR_##code] = {ERROR_PREFIX word, FIELD_ERROR word, xapi_code, text},

static const ErrorRow rows[_ERROR_MAX] = {ERROR_CODES(ROW, ROW_AS)};

/* NULL for ERROR_NONE and anything out of range. */
static const ErrorRow *row_of(ErrorCode code) {
        return code > ERROR_NONE && code < _ERROR_MAX ? rows + code : NULL;
}

const char *error_code_name(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->name : NULL;
}

const char *error_code_word(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->name + strlen(ERROR_PREFIX) : NULL;
}

const char *error_code_field(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->field : NULL;
}

const char *error_code_xapi(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->xapi : NULL;
}

const char *error_code_meaning(ErrorCode code) {
        const ErrorRow *row = row_of(code);

        return row ? row->meaning : NULL;
}

ErrorCode error_code_from_name(const char *dbus_name) {
        if (dbus_name)
                for (ErrorCode code = ERROR_NONE + 1; code < _ERROR_MAX; code++)
                        if (streq(rows[code].name, dbus_name))
                                return code;

        return _ERROR_INVALID;
}

int error_code_nearness(ErrorCode code) {
        if (code == ERROR_PGPU_UNHEALTHY)
                return 5; /* there is room */
        if (code == ERROR_PGPU_INSUFFICIENT_CAPACITY)
                return 4;
        if (code == ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE)
                return 3;
        if (code == ERROR_VGPU_TYPE_NOT_ENABLED)
                return 2;
        if (code == ERROR_VGPU_TYPE_NOT_SUPPORTED)
                return 1;
        return 0;
}
