#pragma once

/*
 * A stream into the journal, for the output of a program that knows nothing of it
 */

/* A descriptor to write lines to, which the journal shows under that identifier. -ENOENT: we do not run under
 * systemd, whose journal it would be (no JOURNAL_STREAM in our environment). */
int journal_stream_open(const char *identifier);
