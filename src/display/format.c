// SPDX-License-Identifier: GPL-2.0-or-later
/* format.c - puts the channels of a 32-bit pixel where screens want them. */
#include "display/format.h"

#include <drm_fourcc.h>

#include "wire/endian.h"

/* Where the channels are, seen as a little-endian number. */
enum order { UNKNOWN, XRGB, BGRX, XBGR, RGBX };

static enum order order_of(uint32_t fourcc)
{
	switch (fourcc) {
	case DRM_FORMAT_ARGB8888:
	case DRM_FORMAT_XRGB8888:
		return XRGB;
	case DRM_FORMAT_BGRA8888:
	case DRM_FORMAT_BGRX8888:
		return BGRX;
	case DRM_FORMAT_ABGR8888:
	case DRM_FORMAT_XBGR8888:
		return XBGR;
	case DRM_FORMAT_RGBA8888:
	case DRM_FORMAT_RGBX8888:
		return RGBX;
	default:
		return UNKNOWN;
	}
}

bool facet_format_known(uint32_t fourcc)
{
	return order_of(fourcc) != UNKNOWN;
}

/* Plain loops over one expression: compilers make vector code of them. */
void facet_format_to_xrgb(uint32_t fourcc, uint32_t *pixels, size_t count)
{
	uint32_t p;
	size_t i;

	switch (order_of(fourcc)) {
	case BGRX:
		for (i = 0; i < count; i++)
			pixels[i] = __builtin_bswap32(pixels[i]);
		break;
	case XBGR:
		for (i = 0; i < count; i++) {
			p = le32toh(pixels[i]);
			pixels[i] = htole32((p & 0xff00ff00) | (p >> 16 & 0xff) | (p & 0xff) << 16);
		}
		break;
	case RGBX:
		for (i = 0; i < count; i++)
			pixels[i] = htole32(le32toh(pixels[i]) >> 8);
		break;
	case XRGB:
	case UNKNOWN:
		break;
	}
}
