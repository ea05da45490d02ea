/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - between the files of this room. */
#ifndef FACET_PCI_INTERNAL_H
#define FACET_PCI_INTERNAL_H

#include "pci/pci.h"

/* --- layout.c: what stands in configuration space --- */

/* Little-endian, value and initial value alike. */
void pci_put(struct facet_pci_config *config, unsigned int offset, uint32_t value,
	     unsigned int size);
uint32_t pci_get(const struct facet_pci_config *config, unsigned int offset, unsigned int size);

/* The space of a function that was checked. */
int pci_layout(struct facet_pci *pci, struct facet_error *err);

/* --- check.c --- */

int pci_check(const struct facet_pci_info *info, struct facet_error *err);
uint32_t pci_pba_size(const struct facet_pci_info *info);

#endif
