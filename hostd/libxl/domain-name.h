#pragma once

/*
 * The name of a domain in libxl
 *
 * People name VMs as they like, and two may be called the same. libxl gives no two domains of a host one name,
 * makes it part of a log file's name, and hands it to qemu, which takes what follows a comma for further
 * options. So a domain's name is near the VM's: at most DOMAIN_NAME_MAX bytes, each of '/', ',', '=' and control
 * characters an '_'; and where it is taken, with the beginning of the VM's uuid, or all of it, behind.
 */

#include "common/base/uuid.h"

#define DOMAIN_NAME_MAX 128

/* How much of the uuid a name has. */
typedef enum DomainNameForm {
        DOMAIN_NAME_PLAIN,
        DOMAIN_NAME_SHORT, /* eight digits */
        DOMAIN_NAME_LONG,
        _DOMAIN_NAME_FORM_MAX,
} DomainNameForm;

/* -ENOMEM. The caller frees. */
int domain_name_make(const char *label, const Uuid *uuid, DomainNameForm form, char **ret);
