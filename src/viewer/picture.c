// SPDX-License-Identifier: GPL-2.0-or-later
/* picture.c - a frame's header, checked, and its pixels, by damage. */
#include <errno.h>
#include <stdlib.h>

#include "viewer/internal.h"

static int bad(struct facet_error *err, const char *what, uint32_t value)
{
	return facet_error_set(err, -EBADMSG,
			       "kvmfr: a frame's %s of %u makes no sense; restart the publisher",
			       what, value);
}

static const struct wire_kvmfr_format *find_format(const struct facet_viewer *v, uint32_t type)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(v->wire->formats); i++) {
		if (v->wire->formats[i].type == type)
			return &v->wire->formats[i];
	}
	return NULL;
}

static void read_damage(const struct facet_viewer *v, uint64_t at, struct viewer_frame *ret)
{
	uint64_t from = at + v->wire->frame.damage;

	ret->damage_count = facet_shm_get32(&v->shm, at + v->wire->frame.damage_count);
	if (ret->damage_count > WIRE_KVMFR_MAX_DAMAGE)
		ret->damage_count = 0;
	for (uint32_t i = 0; i < ret->damage_count; i++, from += 16) {
		ret->damage[i].x = facet_shm_get32(&v->shm, from);
		ret->damage[i].y = facet_shm_get32(&v->shm, from + 4);
		ret->damage[i].width = facet_shm_get32(&v->shm, from + 8);
		ret->damage[i].height = facet_shm_get32(&v->shm, from + 12);
	}
}

/* Is the picture where it says, in the file? */
static int check_frame(const struct facet_viewer *v, const struct viewer_frame *f,
		       struct facet_error *err)
{
	const uint64_t line = ((uint64_t)f->width * f->bits + 7) / 8;

	if (!f->width || f->width > VIEWER_MAX_SIDE)
		return bad(err, "width", f->width);
	if (!f->height || f->height > VIEWER_MAX_SIDE)
		return bad(err, "height", f->height);
	if (f->pitch < line)
		return bad(err, "pitch", f->pitch);
	if (f->written_at % 4 || !facet_inside(f->written_at, 4, v->shm.size) ||
	    !facet_inside(f->pixels_at, (f->height - 1) * (uint64_t)f->pitch + line, v->shm.size))
		return facet_error_set(err, -EBADMSG,
				       "kvmfr: a frame of %ux%u does not lie inside the file",
				       f->width, f->height);
	return 0;
}

static int read_frame(const struct facet_viewer *v, uint64_t at, struct viewer_frame *ret,
		      struct facet_error *err)
{
	const struct wire_kvmfr_release *w = v->wire;
	const struct wire_kvmfr_format *format;
	uint32_t rows;

	if (at % 4 || !facet_inside(at, w->frame.bytes, v->shm.size))
		return bad(err, "place", (uint32_t)at);
	ret->format_version = facet_shm_get32(&v->shm, at + w->frame.format_version);
	ret->serial = facet_shm_get32(&v->shm, at + w->frame.serial);
	ret->type = facet_shm_get32(&v->shm, at + w->frame.type);
	ret->flags = facet_shm_get32(&v->shm, at + w->frame.flags);
	ret->screen_width = facet_shm_get32(&v->shm, at + w->frame.screen_width);
	ret->screen_height = facet_shm_get32(&v->shm, at + w->frame.screen_height);
	ret->width = facet_shm_get32(&v->shm, at + w->frame.frame_width);
	ret->height = facet_shm_get32(&v->shm, at + w->frame.frame_height);
	ret->pitch = facet_shm_get32(&v->shm, at + w->frame.pitch);
	ret->written_at = at + facet_shm_get32(&v->shm, at + w->frame.offset);
	ret->pixels_at = ret->written_at + 4;
	rows = facet_shm_get32(&v->shm, at + w->frame.data_height);
	if (rows < ret->height)
		ret->height = rows; /* truncated: what is there */
	read_damage(v, at, ret);
	format = find_format(v, ret->type);
	if (!format)
		return bad(err, "pixel type", ret->type);
	ret->bits = format->bits;
	return check_frame(v, ret, err);
}

/* --- pixels --- */

static int make_room(struct facet_viewer *v, const struct viewer_frame *f)
{
	const size_t count = (size_t)f->width * f->height;
	uint32_t *pixels;

	if (f->type == WIRE_KVMFR_RGBA16F) {
		const bool linear =
			(f->flags & (WIRE_KVMFR_HDR | WIRE_KVMFR_HDR_PQ)) == WIRE_KVMFR_HDR;
		const bool have = v->halves != NULL;

		if (!have)
			v->halves = malloc(1 << 16);
		if (!v->halves)
			return -ENOMEM;
		if (!have || v->halves_linear != linear)
			facet_viewer_fill_halves(v->halves, linear);
		v->halves_linear = linear;
	}
	if (count <= v->capacity)
		return 0;
	pixels = realloc(v->pixels, count * sizeof(*pixels));
	if (!pixels)
		return -ENOMEM;
	v->pixels = pixels;
	v->capacity = count;
	return 0;
}

static void read_rect(struct facet_viewer *v, const struct viewer_frame *f, uint32_t x, uint32_t y,
		      uint32_t width, uint32_t height)
{
	uint64_t from;

	if (x >= f->width || y >= f->height)
		return;
	width = width < f->width - x ? width : f->width - x;
	height = height < f->height - y ? height : f->height - y;
	for (; height; height--, y++) {
		from = f->pixels_at + (uint64_t)y * f->pitch + (uint64_t)x * f->bits / 8;
		facet_viewer_convert(f->type, v->halves,
				     facet_shm_at(&v->shm, from, (uint64_t)width * f->bits / 8),
				     v->pixels + (size_t)y * f->width + x, width);
	}
}

static void read_pixels(struct facet_viewer *v, const struct viewer_frame *f)
{
	if (v->whole || !f->damage_count) {
		read_rect(v, f, 0, 0, f->width, f->height);
		return;
	}
	for (uint32_t i = 0; i < f->damage_count; i++)
		read_rect(v, f, f->damage[i].x, f->damage[i].y, f->damage[i].width,
			  f->damage[i].height);
}

/* A publisher may announce a picture before all of it is there. */
static bool is_there(struct facet_viewer *v, const struct viewer_frame *f, uint64_t now,
		     bool *ret_late)
{
	const uint64_t need = (uint64_t)f->height * f->pitch;

	*ret_late = facet_shm_get32(&v->shm, f->written_at) < need;
	if (*ret_late && !v->late_since)
		v->late_since = now ? now : 1;
	if (*ret_late && now - v->late_since <= VIEWER_LATE_MS)
		return false;
	v->late_since = 0;
	return true;
}

int facet_viewer_take_picture(struct facet_viewer *v, const struct viewer_message *message,
			      uint64_t now, bool *ret_done, struct facet_error *err)
{
	struct viewer_frame f;
	bool late;
	int r;

	*ret_done = true;
	r = read_frame(v, message->offset, &f, err);
	if (r < 0) {
		v->whole = true; /* its damage is lost */
		return r;
	}
	v->whole |= f.format_version != v->format_version || f.width != v->picture.width ||
		    f.height != v->picture.height;
	if (!v->whole && f.serial == v->picture.serial)
		return 0; /* shown again for somebody new */
	if (!is_there(v, &f, now, &late)) {
		*ret_done = false;
		return 0;
	}
	v->whole |= make_room(v, &f) < 0;
	if (v->capacity < (size_t)f.width * f.height ||
	    (f.type == WIRE_KVMFR_RGBA16F && !v->halves))
		return facet_error_set(err, -ENOMEM, "kvmfr: not enough memory for %ux%u pixels",
				       f.width, f.height);
	read_pixels(v, &f);
	v->whole = late;
	v->format_version = f.format_version;
	v->picture = (struct facet_viewer_picture){ .pixels = v->pixels,
						    .width = f.width,
						    .height = f.height,
						    .screen_width = f.screen_width,
						    .screen_height = f.screen_height,
						    .serial = f.serial,
						    .truncated = f.flags & WIRE_KVMFR_TRUNCATED,
						    .late = late,
						    .type = f.type };
	return 1;
}
