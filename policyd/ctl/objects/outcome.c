/*
 * What came of a change, for --json
 */

#include "policyd/ctl/objects/outcome.h"

#include "common/json/json-get.h"

int outcome_note(Ctl *ctl, int status) {
        struct json_object *record;
        const char *uuid = *ctl->subject ? ctl->subject : strempty(ctl_arg(ctl, "uuid"));
        int r = 0;

        if (!ctl->args.json)
                return status;
        if (!ctl->outcomes)
                ctl->outcomes = json_object_new_array();
        record = json_object_new_object();
        if (!ctl->outcomes || !record || json_object_array_add(ctl->outcomes, record) < 0) {
                json_object_put(record);
                return ctl_no_memory();
        }
        if (*uuid)
                r = json_add_string(record, "uuid", uuid);
        if (r >= 0 && *ctl->job)
                r = json_add_string(record, "job", ctl->job);
        if (r >= 0)
                r = json_add_string(record, "outcome", status == EXIT_DONE ? "done" : "failed");
        if (r >= 0 && ctl->note)
                r = json_add_string(record, "note", ctl->note);
        if (r >= 0 && status != EXIT_DONE)
                r = ctl_add_error(record);
        *ctl->subject = *ctl->job = '\0';
        free(take_ptr(ctl->note));
        return r < 0 ? ctl_no_memory() : status;
}

int outcome_print(Ctl *ctl, int status) {
        size_t n = ctl->outcomes ? json_object_array_length(ctl->outcomes) : 0;

        if (n == 0 || print_was_json() || (n == 1 && status != EXIT_DONE))
                return status;
        if (print_json(stdout, n == 1 ? json_object_array_get_idx(ctl->outcomes, 0) : ctl->outcomes) < 0)
                return ctl_no_memory();
        return status;
}
