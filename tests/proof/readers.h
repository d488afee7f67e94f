#pragma once

/*
 * Readers of the pool: what is there must be readable by each of them, and they must agree
 *
 * What cannot be read, or differs, goes to the history.
 */

#include "tests/proof/mirror.h"

/* Results of methods; negative as given. The text is freed. */
int read_answer(World *w, const char *what, int r, char *answer);
int read_list(World *w, Mirror *mirror, ObjectClass c, uint64_t dice, Refusal *refusal);
int read_export(World *w, Vm *vm);
int read_config(World *w, const Vm *vm);

/* Everything, by every reader, and the texts that clients gave, to the history. */
void read_all(World *w, Mirror *mirror);
