/* SPDX-License-Identifier: GPL-2.0-or-later */
/* format.h - the eight 32-bit formats a scanout can have, and the one that screens want. */
#ifndef FACET_DISPLAY_FORMAT_H
#define FACET_DISPLAY_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is @fourcc one of them? */
bool facet_format_known(uint32_t fourcc);

/*
 * Turns @count pixels, in place, into XRGB8888: bytes B, G, R, X in memory. X is left undefined.
 * @fourcc: a known one
 */
void facet_format_to_xrgb(uint32_t fourcc, uint32_t *pixels, size_t count);

#endif
