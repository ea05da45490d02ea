/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libpci.h - pciutils' <pci/pci.h>, which has the name of a door of ours that stands before it. */
#ifndef FACET_HOST_LIBPCI_H
#define FACET_HOST_LIBPCI_H

/* From here on behind the directory in which this file was found. */
#include_next <pci/pci.h>

#endif
