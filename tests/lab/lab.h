#pragma once

/*
 * A lab on disk
 *
 * DIR/lab.json says which hosts there are; everything else in DIR is what the processes of the lab read and
 * write:
 *
 *   DIR/policyd/{pid,log,state/,run/}          DIR/master.bus, DIR/master.bus.{conf,log,pid}
 *   DIR/hosts/NAME/{pid,log,state/,run/}       the host's hostd
 *   DIR/hosts/NAME/{sysfs/ or pci.dump, types/, sim/, boot_id}       its hardware
 *   DIR/hosts/NAME/{bus,xenstore,relay}.{pid,log}                   what stands around it
 *
 * Sockets stand in DIR too, unless a path would pass the 107 bytes of a unix socket address; then they and
 * the run folders stand in a short folder of their own, which lab.json names and `down` removes, and DIR
 * holds links to it. One command at a time works on a lab: lab_open() takes a lock that lab_done() lets go.
 */

#include "common/io/pidfd.h"
#include "tests/lab/spec.h"

#define LAB_HOSTS_MAX 4096

typedef struct LabHost {
        HostSpec spec;
        char *folder; /* DIR/hosts/NAME */
        char *run;    /* run folder, short */
        char *bus_socket, *xenstore_socket, *relay_socket, *relay_control;
} LabHost;

typedef struct Lab {
        char *folder;  /* DIR, absolute */
        char *sockets; /* the short folder, or NULL */
        char *master_socket;
        LabHost *hosts;
        size_t n_hosts;
        int lock;
} Lab;

/* Says "xenvgpu-lab: …" on stderr and returns r (negative). */
int lab_fail(int r, const char *format, ...) _printf_(2, 3);

/* Opens the lab in a folder. Errors are printed; -ENOENT (printed too) when there is none. */
int lab_open(const char *folder, Lab *ret);
/* The same, or a new lab where the folder is missing or empty; longest_name: of the hosts to come. */
int lab_open_or_create(const char *folder, size_t longest_name, Lab *ret);
void lab_done(Lab *lab);

/* Adds a host; one that is there already must be the same. Errors are printed. */
int lab_add_host(Lab *lab, const char *spec_text);
int lab_save(const Lab *lab);
/* Takes away what lab_open_or_create() made, where nothing was saved yet. */
void lab_discard(const Lab *lab);
/* Errors are printed. */
int lab_find_host(const Lab *lab, const char *name, LabHost **ret);

/* Makes the short folder again after `down --keep` took it away, and the folders and links of each host. */
int lab_make_folders(const Lab *lab);
/* What stands outside DIR. */
int lab_remove_sockets(const Lab *lab);

/* "unix:path=…"; buf holds 128 bytes. */
const char *lab_bus_address(const char *socket, char buf[static 128]);
#define LAB_ADDRESS(socket) lab_bus_address((socket), (char[128]){})

static inline _unused_ void lab_done_p(Lab *lab) {
        lab_done(lab);
}
#define LAB_NONE ((Lab){ .lock = -1 })
