/*
 * The lab's xenstore server: two clients that send what they like
 *
 * The first byte of each piece says whose it is and how long; what comes out is thrown away.
 */

#include "tests/fuzz/fuzz.h"
#include "tests/lab/xenstored/hub.h"

#define N_CLIENTS 2

static void drain(Session *session) {
        size_t size;

        (void) session_output(session, &size);
        session_sent(session, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Session *sessions[N_CLIENTS] = {};
        Hub *hub;

        if (hub_new(&hub) < 0)
                return 0;
        for (size_t i = 0; i < N_CLIENTS; i++)
                if (session_open(hub, &sessions[i]) < 0)
                        abort();

        while (size > 0) {
                size_t who = *data & 1, n = MIN_OF((size_t) (*data >> 1), size - 1);

                if (sessions[who] && session_feed(sessions[who], (const char *) data + 1, n) < 0)
                        sessions[who] = session_close(sessions[who]);
                for (size_t i = 0; i < N_CLIENTS; i++)
                        if (sessions[i])
                                drain(sessions[i]);
                data += n + 1;
                size -= n + 1;
        }

        for (size_t i = 0; i < N_CLIENTS; i++)
                (void) session_close(sessions[i]);
        (void) hub_free(hub);
        return 0;
}
