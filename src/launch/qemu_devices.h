/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_devices.h - the rest of QEMU's arguments. Inside the room only. */
#ifndef FACET_LAUNCH_QEMU_DEVICES_H
#define FACET_LAUNCH_QEMU_DEVICES_H

#include "launch/qemu.h"

/* GPUs, display, network, folders, shared memory. */
void facet_qemu_devices(const struct facet_qemu_config *config, struct facet_args *args);

#endif
