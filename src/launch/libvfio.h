/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libvfio.h - files of LibVF.IO, as far as they can be ours. */
#ifndef FACET_LAUNCH_LIBVFIO_H
#define FACET_LAUNCH_LIBVFIO_H

#include <stdio.h>

#include "base/error.h"

/**
 * facet_libvfio_convert() - write one as a file of facet-vm(5).
 * @path: what errors call it
 * @remarks: a line for each key that became something else, or nothing
 */
int facet_libvfio_convert(const char *path, const char *text, size_t size, FILE *to, FILE *remarks,
			  struct facet_error *err);

#endif
