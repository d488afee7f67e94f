#pragma once

/*
 * The echo service: the floor of a call
 *
 * A process of its own on the stage's bus. Its Start takes what VM.Start takes, answers with a path of the
 * same length, and sends signals of the number, members and content that the stage has kept, at the same
 * paths.
 */

#include "tests/bench/stage.h"

#define ECHO_NAME "org.xenvgpu.Bench.Echo"

typedef struct Echo Echo;

int echo_new(Stage *s, Echo **ret); /* it is on the bus on return */
Echo *echo_free(Echo *e);
DEFINE_CLEANUP(Echo *, echo_free)
pid_t echo_pid(const Echo *e);
/* For one call, from the next one on. Starts in flight share some signals of PGPUs, so it is no whole number.
 */
void echo_set_signals(Echo *e, double n);
