#pragma once

/*
 * What a lab host is made of
 *
 *   NAME=CARD[,CARD…][:option=value…]      alpha=k1,k2:memory=64GiB:networks=xenbr0+xenbr1
 *
 * Cards: k1, k2, gvt, mxgpu, sriov, hgx, nic, a16, t4, l40s, mi210, mi325x, flex, gb200; or alone: @FILE, an `lspci -D -nn -xxx` listing, or @FOLDER, a recorded sysfs
 * tree. No cards: "NAME=" or "NAME=none". Pure but for the look whether an @path is a file or a folder.
 */

#include "common/base/macros.h"

#define LAB_HOST_CARDS_MAX 20 /* as many buses as one PCI domain has room for; of hgx, there is room for five */
#define LAB_HOST_NAME_MAX 63

typedef enum Card {
        CARD_K1,
        CARD_K2,
        CARD_GVT,
        CARD_MXGPU,
        CARD_SRIOV,
        CARD_HGX, /* eight GPUs, two on each of four switches, two switches on each of two NUMA nodes */
        CARD_NIC, /* no GPU */
        CARD_A16, /* four GPUs behind a switch */
        CARD_T4,
        CARD_L40S,
        CARD_MI210, /* class 0380 */
        CARD_MI325X, /* class 1200 */
        CARD_FLEX,
        CARD_GB200, /* four GPUs, each in a PCI domain of its own; once in a host */
        _CARD_MAX,
        _CARD_INVALID = -EINVAL,
} Card;

const char *card_to_string(Card card);
Card card_from_string(const char *text);

typedef struct HostSpec {
        char *text; /* the specification in full, with @paths made absolute; equal texts are equal hosts */
        char *name;
        Card cards[LAB_HOST_CARDS_MAX];
        size_t n_cards;
        char *recorded;               /* path of a listing or tree, or NULL */
        bool recorded_tree;           /* recorded is a folder */
        uint64_t memory, dom0_memory; /* bytes */
        uint32_t cpus;
        bool iommu;
        char **networks, **storage;
} HostSpec;

/* 0, -ENOMEM, or -EINVAL with a sentence in *ret_error that the caller frees. */
int host_spec_parse(const char *text, HostSpec *ret, char **ret_error);
void host_spec_done(HostSpec *spec);
