#pragma once

/*
 * Taking over what a host reports of itself
 */

#include "policyd/service/hosts/peers.h"
#include "policyd/service/hosts/type-match.h"

int takeover_inventory(Hosts *hs, Host *h, Inventory *inventory);
void takeover_mark_counted(Host *h, const Inventory *inventory); /* which VMs its free memory counts already */
/* The card that is found is that of the absent PGPU, which takes its place; the other one goes. */
int takeover_adopt(Hosts *hs, Pgpu *absent, Pgpu *found);
void takeover_collect_absent(Hosts *hs, Host *h); /* PGPUs that vanished and have nothing booked any more */
bool types_contain(VgpuType *const *types, size_t n, const VgpuType *t);
int pgpu_update_enabled(Hosts *hs, Pgpu *pgpu, VgpuType *const *types, size_t n); /* as hostd says */

/* A card's types in its former slot are not due any more. */
void pgpu_types_are_kept(Hosts *hs, Pgpu *pgpu);

/* takeover-types.c */
int takeover_types(Hosts *hs, Host *h, const Inventory *inventory);
void types_collect(Hosts *hs);
/* Of an import (report->host NULL) the facts are not taken. */
int type_from_record(
        Hosts *hs, const TypeRecord *record, const TypeReport *report, VgpuType **ret, Refusal *refusal);
int type_passthrough(Hosts *hs, VgpuType **ret);
