/*
 * org.xenvgpu.Policy1.Job
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_cancel, Job, jobs_cancel(p, o, &refusal))

static DECLARE_GETTER(get_state) {
        return sd_bus_message_append_basic(reply, 's', job_state_to_string(*(const JobState *) userdata));
}

/* By id: an object that is gone keeps its path here. */
static DECLARE_GETTER(get_objects) {
        const Job *j = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "o");
        for (size_t i = 0; r >= 0 && i < j->n_objects; i++)
                r = sd_bus_message_append_basic(reply, 'o',
                        object_path(j->objects[i].class, &j->objects[i].id, (char[OBJECT_PATH_MAX]){}));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static DECLARE_GETTER(get_error) {
        const Job *j = userdata;

        return sd_bus_message_append(reply, "(ss)", j->error == ERROR_NONE ? "" : error_code_name(j->error),
                strempty(j->error_message));
}

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Cancel", NOTHING, NOTHING, method_cancel),
        SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(Job, object.id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Operation", "s", NULL, offsetof(Job, operation), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, offsetof(Job, state), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Progress", "d", NULL, offsetof(Job, progress), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Stage", "s", NULL, offsetof(Job, stage), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Objects", "ao", get_objects, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Error", "(ss)", get_error, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StartTime", "t", NULL, offsetof(Job, start_time), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("EndTime", "t", NULL, offsetof(Job, end_time), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_job = {
        .interface = POLICY_IFACE_JOB,
        .vtable = job_vtable,
        .properties =
                (const char *const[]){"", "State", "Progress", "Stage", "", "Error", "", "EndTime", NULL},
};
