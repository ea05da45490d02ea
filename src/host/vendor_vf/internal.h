/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - paths of vGPUs on virtual functions. */
#ifndef FACET_HOST_VENDOR_VF_INTERNAL_H
#define FACET_HOST_VENDOR_VF_INTERNAL_H

#include "host/vendor_vf.h"

#define PCI_DEVICES "sys/bus/pci/devices"
#define CURRENT     PCI_DEVICES "/%s/nvidia/current_vgpu_type"
#define CREATABLE   PCI_DEVICES "/%s/nvidia/creatable_vgpu_types"

/* A token that can be written down. */
bool facet_vendor_vf_token_sound(const char *token);

#endif
