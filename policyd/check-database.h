#pragma once

/*
 * The checker on a database: xenvgpu-policyd --check DIR
 */

/* dir: the folder, which a policyd may be using, or the file of a backup. Prints what was found. The exit status: 0 nothing, 1
 * something, 2 it could not be looked at. */
int check_database(const char *dir);
