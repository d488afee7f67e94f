#pragma once

/*
 * The auditor of boards with virtual functions
 *
 *   function-twice     a function is given to a domain, or chosen for a VM, while another one has it
 *   function-ill       a function is chosen that reads all ones, or that hostd's notes call suspect
 *   function-unproved  a function is chosen, given or called well, and was not reset since its last VM
 *   function-reset     a function is reset while a domain has it
 *   divided-in-use     hostd changes how a board is divided while a domain has a function of it, or the whole
 *   whole-divided      a board is given as a whole while it has functions
 *   fixed-undone       hostd takes back functions that others made
 *   stays-suspect      all is quiet, the host was rescanned, and a function that is well is suspect
 *   left-behind        all is quiet, and new functions would get no driver, though no division is under way; or hostd's note of a
 *                      division stays, and the board has no functions
 *   disagree           all is quiet, and the pool says another division, other suspects or another use of a board than there is
 */

typedef struct FunctionsAudit FunctionsAudit;

/* said: what is broken, in its word and a sentence. */
FunctionsAudit *functions_audit_new(void (*said)(void *userdata, const char *word, const char *sentence), void *userdata);
FunctionsAudit *functions_audit_free(FunctionsAudit *a);
void functions_audit_line(FunctionsAudit *a, const char *line);
