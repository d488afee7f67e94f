#pragma once

/*
 * The interface documents, linked in
 *
 * The XML files in protocol/ are the contract; the build turns each into a C string so that a daemon's tests can compare what it
 * says live with what is written.
 */

typedef struct InterfaceXml {
        const char *interface; /* "org.xenvgpu.Policy1.VM" */
        const char *xml;
} InterfaceXml;

extern const InterfaceXml interface_xml[]; /* ends with {NULL, NULL} */
