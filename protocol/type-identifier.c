/*
 * What the identifier of a VGPU type says of the board
 */

#include "protocol/type-identifier.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/macros.h"

#define NONE SIZE_MAX

/* Where the fields stand behind the prefix; a vendor that is no field is the vendor of all of the kind. */
typedef struct Form {
        const char *prefix, *vendor;
        size_t vendor_at, device_at, board_at;
} Form;

static const Form forms[] = {
        {"0001:nvidia,", "10de", NONE, 0, 1},
        {"0001:gvt-g,", "8086", NONE, 0, NONE},
        {"0001:mxgpu,", "1002", NONE, 0, NONE},
        {"0001:sriov,", NULL, 0, 1, 2},
};

static const Form *find_form(const char *identifier) {
        for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
                if (startswith(identifier, forms[i].prefix))
                        return &forms[i];
        return NULL;
}

/* "" where there are fewer. */
static const char *find_field(const char *identifier, const Form *form, size_t at, size_t *ret_size) {
        const char *field = identifier + strlen(form->prefix);

        for (; at > 0 && *field; at--) {
                field += strcspn(field, ",");
                field += *field == ',';
        }
        *ret_size = strcspn(field, ",");
        return field;
}

bool type_identifiers_related(const char *a, const char *b) {
        const Form *form = find_form(a);
        const char *board_a, *board_b;
        size_t n_a, n_b;

        if (!form || form->board_at == NONE || form != find_form(b))
                return false;
        board_a = find_field(a, form, form->board_at, &n_a);
        board_b = find_field(b, form, form->board_at, &n_b);
        return (n_a == 0) != (n_b == 0) && board_a - a == board_b - b && memcmp(a, b, (size_t) (board_a - a)) == 0 &&
               streq(board_a + n_a, board_b + n_b);
}

static bool field_is(const char *identifier, const Form *form, size_t at, const char *text) {
        size_t n;
        const char *field = find_field(identifier, form, at, &n);

        return strlen(text) == n && memcmp(field, text, n) == 0;
}

bool type_identifier_gpu_type(const char *identifier, char ret[static GPU_TYPE_SIZE]) {
        const Form *form = find_form(identifier);
        const char *vendor, *device;
        size_t n_vendor = 4, n_device;

        if (!form)
                return false;
        vendor = form->vendor ?: find_field(identifier, form, form->vendor_at, &n_vendor);
        device = find_field(identifier, form, form->device_at, &n_device);
        if (n_vendor != 4 || n_device != 4)
                return false;
        memcpy(ret, vendor, 4);
        ret[4] = '/';
        memcpy(ret + 5, device, 4);
        ret[9] = 0;
        return true;
}

bool type_identifier_fits(const char *identifier, const char *vendor, const char *device, const char *board) {
        const Form *form = find_form(identifier);

        if (!form || !(form->vendor ? streq(form->vendor, vendor) : field_is(identifier, form, form->vendor_at, vendor)))
                return false;
        return field_is(identifier, form, form->device_at, device) &&
               (form->board_at == NONE || field_is(identifier, form, form->board_at, "") ||
                       field_is(identifier, form, form->board_at, board));
}
