/*
 * Backups: what of them is the service's
 */

#include "policyd/store/backup.h"

#include "policyd/service/internal.h"

int policy_write_backup(
        Policy *p, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes) {
        return store_backup(p->state_dir, now, fd, progress, ret_bytes);
}

void policy_backup_ended(Policy *p) {
        if (p->store)
                store_forget_readers(p->store);
}
