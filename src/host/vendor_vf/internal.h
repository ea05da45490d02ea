/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - paths of vGPUs on virtual functions. */
#ifndef FACET_HOST_VENDOR_VF_INTERNAL_H
#define FACET_HOST_VENDOR_VF_INTERNAL_H

#include "host/vendor_vf.h"

#define CURRENT   "sys/bus/pci/devices/%s/nvidia/current_vgpu_type"
#define CREATABLE "sys/bus/pci/devices/%s/nvidia/creatable_vgpu_types"
/* A file for each VF, by PF and index: "0000:41:00.0.3". */
#define CLAIMS "var/lib/facet/host/vendor-vf"
#define CLAIM  CLAIMS "/%s.%u"

/* A token that can be written down. */
bool facet_vendor_vf_token_sound(const char *token);

#endif
