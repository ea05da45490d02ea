// SPDX-License-Identifier: GPL-2.0-or-later
/* frame.c - two buffers in turn: what each lacks of the picture, and telling clients of it. */
#include <drm_fourcc.h>
#include <errno.h>

#include "display/format.h"
#include "display/kvmfr/publisher.h"

enum {
	PITCH_ALIGN = 256, /* what GPUs import */
	WRITTEN_BYTES = 4, /* before the pixels: how many bytes of them are there */
};

/* How clients read what an engine delivers; 0: not at all. */
static uint32_t type_of(uint32_t fourcc)
{
	switch (fourcc) {
	case DRM_FORMAT_XBGR8888:
	case DRM_FORMAT_ABGR8888:
		return WIRE_KVMFR_RGBA;
	case DRM_FORMAT_XBGR2101010:
	case DRM_FORMAT_ABGR2101010:
		return WIRE_KVMFR_RGBA10;
	default: /* as it is, or turned around in the buffer */
		return facet_format_known(fourcc) ? WIRE_KVMFR_BGRA : 0;
	}
}

static struct kvmfr_mode mode_of(const struct kvmfr_publisher *p, const struct facet_frame *frame)
{
	struct kvmfr_mode mode = { .version = p->mode.version,
				   .width = frame->width,
				   .height = frame->height,
				   .fourcc = frame->fourcc,
				   .type = type_of(frame->fourcc) };

	mode.pitch = (frame->width * 4 + PITCH_ALIGN - 1) / PITCH_ALIGN * PITCH_ALIGN;
	mode.rows = (p->frame_bytes - WIRE_KVMFR_PAGE) / mode.pitch;
	if (mode.rows > frame->height)
		mode.rows = frame->height;
	return mode;
}

static void damage_all(struct kvmfr_publisher *p)
{
	const struct facet_rect all = { 0, 0, p->mode.width, p->mode.rows };

	facet_kvmfr_frame_damage(p, &all);
}

void facet_kvmfr_frame_forget(struct kvmfr_publisher *p)
{
	p->complete = false;
	p->picture_due = p->mode.width > 0;
	damage_all(p);
}

int facet_kvmfr_frame_mode(struct kvmfr_publisher *p, const struct facet_frame *frame, uint64_t now)
{
	struct kvmfr_mode mode = { .version = p->mode.version };

	p->off = !frame || !type_of(frame->fourcc);
	p->off_since = now;
	if (p->off) {
		p->picture_due = p->mode.width > 0;
		damage_all(p);
		return frame ? -ENOTSUP : 0;
	}
	mode = mode_of(p, frame);
	if (mode.width != p->mode.width || mode.height != p->mode.height ||
	    mode.type != p->mode.type) {
		mode.version++;
		p->complete = p->post_due = false;
		p->fresh.count = 0;
		for (unsigned int i = 0; i < KVMFR_BUFFERS; i++)
			p->buffers[i].owed.count = 0;
	}
	p->mode = mode;
	p->picture_due = false;
	damage_all(p);
	return 0;
}

void facet_kvmfr_frame_damage(struct kvmfr_publisher *p, const struct facet_rect *damage)
{
	const struct facet_rect rect = rect_clip(damage, p->mode.width, p->mode.rows);

	facet_kvmfr_damage_add(&p->fresh, &rect);
	for (unsigned int i = 0; i < KVMFR_BUFFERS; i++)
		facet_kvmfr_damage_add(&p->buffers[i].owed, &rect);
}

/* --- taking a buffer --- */

/*
 * The one that was not filled last: a client may still look at that one, even one that says it is
 * done (the OpenGL renderer).
 */
static bool is_free(struct kvmfr_publisher *p, uint64_t now)
{
	struct kvmfr_queue *q = &p->frame_queue;
	const struct kvmfr_buffer *buffer = &p->buffers[!p->last];

	if (facet_kvmfr_queue_sweep(p, q, now) < 0)
		return false;
	if (buffer->message <= q->oldest)
		return true;
	q->full_since = q->full_since ? q->full_since : now;
	return false;
}

static bool may_fill(struct kvmfr_publisher *p, uint64_t now)
{
	return p->mode.width && !p->nonsense && !p->filling && !p->post_due &&
	       !facet_shm_torn(&p->shm) && facet_kvmfr_queue_live(p, &p->frame_queue) &&
	       is_free(p, now);
}

bool facet_kvmfr_frame_wished(struct kvmfr_publisher *p, uint64_t now)
{
	return p->picture_due && may_fill(p, now);
}

bool facet_kvmfr_frame_fill(struct kvmfr_publisher *p, uint64_t now, struct kvmfr_fill *ret)
{
	struct kvmfr_buffer *buffer = &p->buffers[!p->last];

	if (!p->mode.width || (!p->fresh.count && p->complete))
		return false;
	if (!may_fill(p, now)) {
		p->picture_due = true;
		return false;
	}
	p->filling = true;
	p->picture_due = false;
	ret->buffer = !p->last;
	ret->mode = p->mode;
	ret->owed = buffer->owed;
	ret->fresh = p->fresh;
	ret->pixels = facet_shm_at(&p->shm, buffer->at + WIRE_KVMFR_PAGE,
				   (uint64_t)p->mode.pitch * p->mode.rows);
	buffer->owed.count = 0;
	p->fresh.count = 0;
	return true;
}

/* --- a filled one --- */

static void write_damage(const struct kvmfr_publisher *p, uint64_t at,
			 const struct kvmfr_damage *damage)
{
	const struct facet_rect *r;
	uint64_t to = at + p->wire->frame.damage;

	facet_shm_put32(&p->shm, at + p->wire->frame.damage_count, damage->count);
	for (unsigned int i = 0; i < damage->count; i++, to += 16) {
		r = &damage->rects[i];
		facet_shm_put32(&p->shm, to, r->x);
		facet_shm_put32(&p->shm, to + 4, r->y);
		facet_shm_put32(&p->shm, to + 8, r->width);
		facet_shm_put32(&p->shm, to + 12, r->height);
	}
}

static void write_header(const struct kvmfr_publisher *p, const struct kvmfr_fill *fill)
{
	const struct wire_kvmfr_release *w = p->wire;
	const struct kvmfr_mode *mode = &fill->mode;
	const uint64_t at = p->buffers[fill->buffer].at;
	const struct {
		uint32_t field, value;
	} values[] = {
		{ w->frame.format_version, mode->version },
		{ w->frame.serial, p->serial },
		{ w->frame.type, mode->type },
		{ w->frame.screen_width, mode->width },
		{ w->frame.screen_height, mode->height },
		{ w->frame.data_width, mode->width },
		{ w->frame.data_height, mode->rows },
		{ w->frame.frame_width, mode->width },
		{ w->frame.frame_height, mode->height },
		{ w->frame.rotation, 0 },
		{ w->frame.stride, mode->pitch / 4 },
		{ w->frame.pitch, mode->pitch },
		{ w->frame.offset, WIRE_KVMFR_PAGE - WRITTEN_BYTES },
		{ w->frame.flags, mode->rows < mode->height ? WIRE_KVMFR_TRUNCATED : 0 },
		{ WIRE_KVMFR_PAGE - WRITTEN_BYTES, mode->pitch * mode->rows },
	};

	for (unsigned int i = 0; i < FACET_ARRAY_SIZE(values); i++)
		facet_shm_put32(&p->shm, at + values[i].field, values[i].value);
	write_damage(p, at, &fill->fresh);
}

/* The buffer is as it was, or worse: what it should have got is still to come. */
static void unfill(struct kvmfr_publisher *p, const struct kvmfr_fill *fill)
{
	if (fill->mode.version != p->mode.version)
		return; /* all is owed anyway */
	facet_kvmfr_damage_add_all(&p->buffers[fill->buffer].owed, &fill->owed);
	facet_kvmfr_damage_add_all(&p->fresh, &fill->fresh);
}

void facet_kvmfr_frame_filled(struct kvmfr_publisher *p, const struct kvmfr_fill *fill, bool ok,
			      uint64_t now)
{
	p->filling = false;
	if (!ok || facet_shm_torn(&p->shm) || fill->mode.version != p->mode.version) {
		unfill(p, fill);
		p->picture_due |= ok;
		return;
	}
	p->serial++;
	write_header(p, fill);
	p->last = fill->buffer;
	p->complete = p->post_due = true;
	facet_kvmfr_frame_step(p, now);
}

/* --- posting --- */

static void post(struct kvmfr_publisher *p, uint64_t now)
{
	struct kvmfr_buffer *buffer = &p->buffers[p->last];
	int r = facet_kvmfr_queue_post(p, &p->frame_queue, 0, buffer->at,
				       WIRE_KVMFR_PAGE + p->mode.pitch * p->mode.rows, now);

	if (r < 0)
		return;
	/* The OpenGL renderer can place the pointer only once it has a picture. */
	if (p->repost_due || p->posted_version != p->mode.version)
		p->pointer.place_due = p->pointer.known;
	p->post_due = p->repost_due = false;
	if (!r)
		return; /* who comes next is shown it again */
	buffer->message = p->frame_queue.posted;
	p->posted_version = p->mode.version;
}

void facet_kvmfr_frame_step(struct kvmfr_publisher *p, uint64_t now)
{
	if (p->nonsense)
		return;
	if (p->post_due) {
		post(p, now);
	} else if (p->repost_due && p->complete && !p->fresh.count) {
		post(p, now);
	} else if (p->repost_due) {
		p->repost_due = false;
		p->picture_due = p->mode.width > 0; /* an old one would only flash */
	}
}
