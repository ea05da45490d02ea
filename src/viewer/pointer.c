// SPDX-License-Identifier: GPL-2.0-or-later
/* pointer.c - what is said of the guest's cursor; its three kinds of image as one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/internal.h"

struct shape {
	uint32_t type, width, height, pitch;
	uint64_t image_at;
};

/* Pixels that invert what is below cannot be said in the one kind: they are black. */
static const uint32_t opaque = 0xff000000;

static bool bit_of(const uint8_t *row, uint32_t x)
{
	return row[x / 8] >> (7 - x % 8) & 1;
}

static void from_monochrome(const struct shape *s, const uint8_t *image, uint32_t *to)
{
	const uint8_t *mask, *colour;

	for (uint32_t y = 0; y < s->height; y++) {
		mask = image + (size_t)y * s->pitch;
		colour = mask + (size_t)s->height * s->pitch;
		for (uint32_t x = 0; x < s->width; x++, to++) {
			if (bit_of(mask, x))
				*to = htole32(bit_of(colour, x) ? opaque : 0);
			else
				*to = htole32(bit_of(colour, x) ? 0xffffffff : opaque);
		}
	}
}

static void from_colour(const struct shape *s, const uint8_t *image, uint32_t *to)
{
	uint32_t pixel;

	for (uint32_t y = 0; y < s->height; y++) {
		for (uint32_t x = 0; x < s->width; x++, to++) {
			memcpy(&pixel, image + (size_t)y * s->pitch + (size_t)x * 4, 4);
			pixel = le32toh(pixel);
			if (s->type == WIRE_KVMFR_POINTER_MASKED && pixel >> 24)
				pixel = pixel << 8 ? opaque : 0; /* inverted by 0: as it was */
			else if (s->type == WIRE_KVMFR_POINTER_MASKED)
				pixel |= opaque;
			*to = htole32(pixel);
		}
	}
}

static int read_shape(const struct facet_viewer *v, uint64_t at, struct shape *ret)
{
	const struct wire_kvmfr_release *w = v->wire;
	uint64_t line, rows;

	ret->type = facet_shm_get32(&v->shm, at + w->pointer.type);
	ret->width = facet_shm_get32(&v->shm, at + w->pointer.width);
	ret->height = facet_shm_get32(&v->shm, at + w->pointer.height);
	ret->pitch = facet_shm_get32(&v->shm, at + w->pointer.pitch);
	ret->image_at = at + w->pointer.bytes;
	rows = ret->height;
	if (ret->type == WIRE_KVMFR_POINTER_MONOCHROME)
		ret->height /= 2;
	line = ret->type == WIRE_KVMFR_POINTER_MONOCHROME ? (ret->width + 7) / 8
							  : (uint64_t)ret->width * 4;
	if (ret->type > WIRE_KVMFR_POINTER_MASKED || !ret->width || !ret->height ||
	    ret->width > VIEWER_MAX_CURSOR || ret->height > VIEWER_MAX_CURSOR ||
	    ret->pitch < line || !facet_inside(ret->image_at, rows * ret->pitch, v->shm.size))
		return -EBADMSG;
	return 0;
}

static int take_shape(struct facet_viewer *v, uint64_t at)
{
	const struct wire_kvmfr_release *w = v->wire;
	const uint8_t *image;
	struct shape shape;
	int r = read_shape(v, at, &shape);

	if (r < 0)
		return r;
	if (!v->cursor_pixels)
		v->cursor_pixels = malloc((size_t)VIEWER_MAX_CURSOR * VIEWER_MAX_CURSOR * 4);
	if (!v->cursor_pixels)
		return -ENOMEM;
	image = facet_shm_at(&v->shm, shape.image_at, (uint64_t)shape.height * shape.pitch);
	if (shape.type == WIRE_KVMFR_POINTER_MONOCHROME)
		from_monochrome(&shape, image, v->cursor_pixels);
	else
		from_colour(&shape, image, v->cursor_pixels);
	v->cursor.hot_x = *(int8_t *)facet_shm_at(&v->shm, at + w->pointer.hot_x, 1);
	v->cursor.hot_y = *(int8_t *)facet_shm_at(&v->shm, at + w->pointer.hot_y, 1);
	v->cursor.width = shape.width;
	v->cursor.height = shape.height;
	v->cursor.pixels = v->cursor_pixels;
	return 0;
}

static int32_t get16(const struct facet_viewer *v, uint64_t at)
{
	uint16_t raw;

	memcpy(&raw, facet_shm_at(&v->shm, at, sizeof(raw)), sizeof(raw));
	return (int16_t)le16toh(raw);
}

int facet_viewer_take_pointer(struct facet_viewer *v, const struct viewer_message *message)
{
	const uint64_t at = message->offset;

	v->cursor.visible = message->user & WIRE_KVMFR_POINTER_VISIBLE;
	if (at % 4 || !facet_inside(at, v->wire->pointer.bytes, v->shm.size))
		return -EBADMSG;
	if (message->user & WIRE_KVMFR_POINTER_POSITION) {
		v->cursor.x = get16(v, at + v->wire->pointer.x);
		v->cursor.y = get16(v, at + v->wire->pointer.y);
	}
	return message->user & WIRE_KVMFR_POINTER_SHAPE ? take_shape(v, at) : 0;
}
