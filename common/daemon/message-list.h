#pragma once

/*
 * Messages that wait, in the order in which they came
 */

#include <stdbool.h>
#include <systemd/sd-bus.h>

typedef struct WaitingMessage WaitingMessage;

/* Zeroed before its first use. */
typedef struct MessageList {
        WaitingMessage *first, *last;
        size_t n;
} MessageList;

int message_list_add(MessageList *l, sd_bus_message *m);
sd_bus_message *message_list_take(MessageList *l); /* the caller unrefs it; NULL: there is none */
bool message_list_has(const MessageList *l, const char *interface, const char *member);
void message_list_drop(MessageList *l);
