#pragma once

/*
 * The socket of a run folder
 *
 * xenvgpu-domain listens on <folder>/socket, hostd connects; both send one JSON object a line. A unix address
 * ends at 107 bytes and a run folder may be longer, so both sides go through a descriptor of the folder.
 */

#include "common/json/json-get.h"

#define RUN_SOCKET_LINE_MAX 16384

int run_socket_listen(const char *folder, int *ret);  /* replaces the socket of an instance that died */
int run_socket_connect(const char *folder, int *ret); /* -ENOENT, -ECONNREFUSED: nobody listens */

typedef struct StopCommand {
        int command; /* 0: "stop", the only one */
        Uuid token; /* of the order; null: none came with it */
        bool force;
} StopCommand;

/* {"command":"stop","token":"<uuid>","force":false}; -EINVAL with a sentence in the reader. */
int run_socket_parse_stop(JsonReader *r, const char *line, StopCommand *ret);

/* The same as one line; waits for nothing. -EPIPE when the program is gone, -EAGAIN when it does
 * not read. */
int run_socket_send_stop(int fd, const Uuid *token, bool force);

/* Reads lines from a stream: bounded, and in whatever pieces the bytes arrive. Zero-initialised is ready for use. */
typedef struct LineReader {
        char data[RUN_SOCKET_LINE_MAX];
        size_t used, taken;
} LineReader;

/* Reads what has arrived: 1 when something came, 0 at the end of the stream, -EAGAIN, or -EMSGSIZE for a line
 * beyond the limit. */
int line_reader_fill(LineReader *l, int fd);

/* The next whole line without its newline, or NULL. Valid until the next fill. */
const char *line_reader_next(LineReader *l);
