#pragma once

/*
 * policyd's JSON answers for people: VM.Explain(), Manager.Capacity() and advice
 *
 * With as_json all print the JSON, in lines, rather than words. They return the exit status.
 */

#include <stdbool.h>
#include <stdio.h>

/* Words, from this column on, in lines of 80 columns. */
void print_wrapped(FILE *out, size_t indent, const char *words);

/* refused_already: the refusal was printed, so only the hosts follow, and nothing where the explanation does not agree. */
int explain_print(FILE *out, const char *json, bool refused_already, bool as_json);
/* group NULL: every group; else its uuid. every_type: a row for each, where many are summed up otherwise. */
int capacity_print(FILE *out, const char *json, const char *group, bool every_type, bool as_json);
/* GPUGroup.Plan(), Manager.CheckHostFailure(): refused when there is no plan, or a VM finds no room. */
int plan_print(FILE *out, const char *json, bool as_json);
int failure_print(FILE *out, const char *json, bool as_json);
/* Manager.Check(): refused when anything was found. */
int check_print(FILE *out, const char *json, bool as_json);
