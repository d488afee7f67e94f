#pragma once

/*
 * Is the file of an environment whole?
 *
 * LMDB trusts its file: where a page is not what it should be, it ends the process by an assertion, by SIGBUS
 * (the file is shorter than its tree) or by a wild read. So the file is read here first, with pread(), and
 * every number in it is checked: both meta pages, every page of every table and the list of free pages. What
 * passes is a tree in which each page is used once, all keys are in order, and each value lies within the
 * file. The contents of the values are not checked.
 *
 * Knows the format of LMDB 0.9 (data version 1), of the machine's own word size and byte order, and only such
 * tables as common/lmdb/table.h makes: no duplicates, keys compared as bytes.
 */

#include "common/base/macros.h"

/*
 * 0; -EBADMSG: *ret_problem is part of a sentence, "page 17 is used twice", which the caller frees; or what
 * read() said. The file must not be written meanwhile.
 */
int db_check_file(int fd, char **ret_problem);
