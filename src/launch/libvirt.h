/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libvirt.h - a VM as libvirt's domain XML. */
#ifndef FACET_LAUNCH_LIBVIRT_H
#define FACET_LAUNCH_LIBVIRT_H

#include <stdio.h>

#include "launch/vm.h"

/*
 * A vGPU by vhost-user becomes libvirt's own: it starts facet-vgpu by the JSON that facet installs
 * for QEMU's conventions, without facetd. What libvirt has no words for is a comment.
 */
int facet_libvirt_write(FILE *to, const struct facet_vm_file *file, const struct facet_vm *vm,
			struct facet_error *err);

#endif
