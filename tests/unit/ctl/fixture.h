#pragma once

/*
 * A pool as GetManagedObjects tells it: hosts alpha (a K1, online) and beta (a K2, offline), three VMs
 */

extern const char *const pool_fixture;
