#pragma once

/*
 * policyd assembled: the loop, the links and the database of the daemon, and on them the policy and its bus
 */

#include "policyd/settings.h"

typedef struct Program {
        Loop *loop;
        Links *links;
        char *ssh_folder; /* in the state folder, which is the home of policyd's user */
        DbSource database;
        Bus *bus;
        Policy *policy;
} Program;

/* Serves the bus and dials the hosts. What went wrong was logged; -EUCLEAN: a restart does not help. */
int program_start(Program *p, sd_event *event, const PolicydSettings *settings, const char *state_dir,
        void (*status)(void *userdata), void *userdata);
/* Settings that were read again. */
void program_apply(Program *p, const PolicydSettings *settings);
void program_done(Program *p);
