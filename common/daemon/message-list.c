/*
 * Messages that wait
 */

#include <errno.h>
#include <stdlib.h>

#include "common/daemon/message-list.h"

struct WaitingMessage {
        sd_bus_message *message;
        WaitingMessage *next;
};

int message_list_add(MessageList *l, sd_bus_message *m) {
        WaitingMessage *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        w->message = sd_bus_message_ref(m);
        *(l->last ? &l->last->next : &l->first) = w;
        l->last = w;
        l->n++;
        return 0;
}

sd_bus_message *message_list_take(MessageList *l) {
        WaitingMessage *w = l->first;
        sd_bus_message *m = w ? w->message : NULL;

        if (!w)
                return NULL;
        l->first = w->next;
        if (!l->first)
                l->last = NULL;
        l->n--;
        free(w);
        return m;
}

bool message_list_has(const MessageList *l, const char *interface, const char *member) {
        for (const WaitingMessage *w = l->first; w; w = w->next)
                if (sd_bus_message_is_method_call(w->message, interface, member) > 0)
                        return true;
        return false;
}

void message_list_drop(MessageList *l) {
        while (l->first)
                sd_bus_message_unref(message_list_take(l));
}
