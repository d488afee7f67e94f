#pragma once

/*
 * An interface of an introspection document as sorted lines of text, so that two can be compared and the
 * difference read
 *
 *   method Start(a{sv} options) -> (o job)
 *   property State s read true
 *   signal JobNew(o job)
 */

/* The caller frees the text; NULL when the document does not have the interface. */
char *interface_lines(const char *xml, const char *interface);
