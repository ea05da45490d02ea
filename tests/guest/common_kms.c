/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One KMS output of the guest's card: finding it, giving it a mode, putting frames on it. */

#include "common.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <xf86drm.h>

static drmModeRes *get_resources(int fd)
{
	drmModeRes *res = drmModeGetResources(fd);

	if (!res)
		die("the card shows no outputs: %s", strerror(errno));
	return res;
}

unsigned int output_count(int fd)
{
	drmModeRes *res = get_resources(fd);
	unsigned int count = (unsigned int)res->count_connectors;

	drmModeFreeResources(res);
	return count;
}

static uint32_t find_crtc(int fd, const drmModeRes *res, const drmModeConnector *connector)
{
	for (int e = 0; e < connector->count_encoders; e++) {
		drmModeEncoder *encoder = drmModeGetEncoder(fd, connector->encoders[e]);
		uint32_t possible = encoder ? encoder->possible_crtcs : 0;

		drmModeFreeEncoder(encoder);
		for (int c = 0; c < res->count_crtcs; c++) {
			if (possible & 1u << c)
				return res->crtcs[c];
		}
	}
	return 0;
}

void output_open(struct output *out, int fd, unsigned int index)
{
	drmModeRes *res = get_resources(fd);
	drmModeConnector *connector;

	if (index >= (unsigned int)res->count_connectors)
		die("there is no output %u: the card has %d", index, res->count_connectors);
	connector = drmModeGetConnector(fd, res->connectors[index]);
	if (!connector)
		die("output %u: %s", index, strerror(errno));
	*out = (struct output){
		.fd = fd,
		.index = index,
		.connector = connector->connector_id,
		.crtc = find_crtc(fd, res, connector),
	};
	if (!out->crtc)
		die("output %u: no CRTC can drive it", index);
	printf("output=%u connected=%s\n", index,
	       connector->connection == DRM_MODE_CONNECTED ? "yes" : "no");
	drmModeFreeConnector(connector);
	drmModeFreeResources(res);
}

/* Timings that no display will ever see, but which the kernel checks for order. */
static drmModeModeInfo made_up_mode(uint32_t width, uint32_t height)
{
	drmModeModeInfo mode = {
		.hdisplay = (uint16_t)width,
		.hsync_start = (uint16_t)(width + 8),
		.hsync_end = (uint16_t)(width + 16),
		.htotal = (uint16_t)(width + 32),
		.vdisplay = (uint16_t)height,
		.vsync_start = (uint16_t)(height + 2),
		.vsync_end = (uint16_t)(height + 4),
		.vtotal = (uint16_t)(height + 8),
		.vrefresh = 60,
		.type = DRM_MODE_TYPE_USERDEF,
	};

	mode.clock = (uint32_t)mode.htotal * mode.vtotal * 60 / 1000;
	snprintf(mode.name, sizeof(mode.name), "%ux%u", width, height);
	return mode;
}

void output_set_size(struct output *out, uint32_t width, uint32_t height)
{
	drmModeConnector *connector = drmModeGetConnector(out->fd, out->connector);
	bool found = false;

	for (int i = 0; connector && i < connector->count_modes && !found; i++) {
		const drmModeModeInfo *mode = &connector->modes[i];

		found = width ? mode->hdisplay == width && mode->vdisplay == height
			      : mode->type & DRM_MODE_TYPE_PREFERRED || connector->count_modes == 1;
		if (found)
			out->mode = *mode;
	}
	if (!found && !width)
		die("output %u has no preferred mode: give a size", out->index);
	if (!found)
		out->mode = made_up_mode(width, height);
	drmModeFreeConnector(connector);
}

void output_show(struct output *out, uint32_t fb)
{
	if (drmModeSetCrtc(out->fd, out->crtc, fb, 0, 0, &out->connector, 1, &out->mode))
		die("output %u: mode %ux%u was refused: %s", out->index, out->mode.hdisplay,
		    out->mode.vdisplay, strerror(errno));
}

static void flip_done(int fd, unsigned int frame, unsigned int sec, unsigned int usec, void *data)
{
	*(bool *)data = true;
}

void output_flip(struct output *out, uint32_t fb)
{
	drmEventContext events = { .version = 2, .page_flip_handler = flip_done };
	struct pollfd pfd = { .fd = out->fd, .events = POLLIN };
	bool done = false;

	if (drmModePageFlip(out->fd, out->crtc, fb, DRM_MODE_PAGE_FLIP_EVENT, &done))
		die("output %u: page flip was refused: %s", out->index, strerror(errno));
	while (!done) {
		if (poll(&pfd, 1, 10000) <= 0)
			die("output %u: no answer to a page flip within 10 s", out->index);
		drmHandleEvent(out->fd, &events);
	}
}

int dumb_create(int fd, uint32_t width, uint32_t height, struct dumb *ret_dumb)
{
	struct drm_mode_create_dumb create = { .width = width, .height = height, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct dumb dumb = { 0 };

	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return -errno;
	dumb.handle = create.handle;
	dumb.pitch = create.pitch;
	dumb.size = create.size;
	map.handle = dumb.handle;
	if (drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		goto fail;
	dumb.bytes =
		mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
	if (dumb.bytes == MAP_FAILED)
		goto fail;
	*ret_dumb = dumb;
	return 0;
fail:;
	int r = -errno;

	drmIoctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB,
		 &(struct drm_mode_destroy_dumb){ .handle = dumb.handle });
	return r;
}

void dumb_destroy(int fd, struct dumb *dumb)
{
	if (dumb->fb)
		drmModeRmFB(fd, dumb->fb);
	munmap(dumb->bytes, dumb->size);
	drmIoctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB,
		 &(struct drm_mode_destroy_dumb){ .handle = dumb->handle });
	*dumb = (struct dumb){ 0 };
}

void dumb_add_fb(int fd, struct dumb *dumb, uint32_t width, uint32_t height)
{
	uint32_t handles[4] = { dumb->handle }, pitches[4] = { dumb->pitch }, offsets[4] = { 0 };

	if (drmModeAddFB2(fd, width, height, DRM_FORMAT_XRGB8888, handles, pitches, offsets,
			  &dumb->fb, 0))
		die("a framebuffer of %ux%u was refused: %s", width, height, strerror(errno));
}
