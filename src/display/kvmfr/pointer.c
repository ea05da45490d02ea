// SPDX-License-Identifier: GPL-2.0-or-later
/* pointer.c - the guest's cursor as clients draw it. Each message has room of its own. */
#include <string.h>

#include "display/kvmfr/publisher.h"

enum { SHAPE_BYTES = FACET_CURSOR_SIZE * FACET_CURSOR_SIZE * 4 };

void facet_kvmfr_pointer_set(struct kvmfr_publisher *p, const struct facet_cursor *cursor,
			     bool image)
{
	struct kvmfr_pointer *pointer = &p->pointer;

	if (image) {
		pointer->cursor = *cursor;
		pointer->image_due = true;
	} else {
		pointer->cursor.x = cursor->x;
		pointer->cursor.y = cursor->y;
		pointer->cursor.visible = cursor->visible;
	}
	pointer->known = pointer->place_due = true;
}

static int16_t clamp16(int32_t n)
{
	return n < INT16_MIN ? INT16_MIN : n > INT16_MAX ? INT16_MAX : (int16_t)n;
}

static int8_t clamp8(uint32_t n)
{
	return n > INT8_MAX ? INT8_MAX : (int8_t)n;
}

static void put16(const struct kvmfr_publisher *p, uint64_t at, int16_t value)
{
	const uint16_t raw = htole16((uint16_t)value);

	memcpy(facet_shm_at(&p->shm, at, sizeof(raw)), &raw, sizeof(raw));
}

static void put8(const struct kvmfr_publisher *p, uint64_t at, int8_t value)
{
	memcpy(facet_shm_at(&p->shm, at, 1), &value, 1);
}

static uint32_t write_place(const struct kvmfr_publisher *p, uint64_t at)
{
	put16(p, at + p->wire->pointer.x, clamp16(p->pointer.cursor.x));
	put16(p, at + p->wire->pointer.y, clamp16(p->pointer.cursor.y));
	return WIRE_KVMFR_POINTER_POSITION |
	       (p->pointer.cursor.visible ? WIRE_KVMFR_POINTER_VISIBLE : 0);
}

/* Linux's cursors are ARGB8888, premultiplied: what clients take as it is. */
static uint32_t write_shape(const struct kvmfr_publisher *p, uint64_t at)
{
	const struct wire_kvmfr_release *w = p->wire;

	facet_shm_put32(&p->shm, at + w->pointer.type, WIRE_KVMFR_POINTER_COLOUR);
	put8(p, at + w->pointer.hot_x, clamp8(p->pointer.cursor.hot_x));
	put8(p, at + w->pointer.hot_y, clamp8(p->pointer.cursor.hot_y));
	facet_shm_put32(&p->shm, at + w->pointer.width, FACET_CURSOR_SIZE);
	facet_shm_put32(&p->shm, at + w->pointer.height, FACET_CURSOR_SIZE);
	facet_shm_put32(&p->shm, at + w->pointer.pitch, FACET_CURSOR_SIZE * 4);
	memcpy(facet_shm_at(&p->shm, at + w->pointer.bytes, SHAPE_BYTES), p->pointer.cursor.pixels,
	       SHAPE_BYTES);
	return WIRE_KVMFR_POINTER_SHAPE;
}

/* The slot that is written next is nobody's, so neither is its room. */
void facet_kvmfr_pointer_step(struct kvmfr_publisher *p, uint64_t now)
{
	struct kvmfr_queue *q = &p->pointer_queue;
	struct kvmfr_pointer *pointer = &p->pointer;
	const uint32_t at = p->pointers + q->position * p->pointer_bytes;
	uint32_t flags;

	if (p->nonsense || !(pointer->image_due || pointer->place_due))
		return;
	if (facet_kvmfr_queue_live(p, q)) {
		flags = write_place(p, at);
		if (pointer->image_due)
			flags |= write_shape(p, at);
		if (facet_kvmfr_queue_post(p, q, flags, at, p->pointer_bytes, now) < 0)
			return;
	}
	pointer->image_due = pointer->place_due = false; /* who comes gets all of it */
}
