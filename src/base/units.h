/* SPDX-License-Identifier: GPL-2.0-or-later */
/* units.h - amounts as people write them: 512M, 12.5%, 1280x800. */
#ifndef FACET_BASE_UNITS_H
#define FACET_BASE_UNITS_H

#include <stdint.h>

/* Each: 0, or -EINVAL for anything but exactly such a text. */

/* A decimal number from @min to @max. */
int facet_units_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
/* A number of bytes, not 0, perhaps with K, M, G or T (of 1024): at most INT64_MAX. */
int facet_units_bytes(const char *text, uint64_t *ret);
/* "30", "30%", "12.5%": up to 100, in parts per million. */
int facet_units_percent(const char *text, uint32_t *ret_ppm);
/* "1280x800", neither 0, both at most 65535. */
int facet_units_size(const char *text, uint32_t *ret_width, uint32_t *ret_height);

#endif
