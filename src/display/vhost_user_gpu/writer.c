// SPDX-License-Identifier: GPL-2.0-or-later
/* writer.c - the one thread that writes to a display socket: tells QEMU what changed. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "display/format.h"
#include "display/rect.h"
#include "display/vhost_user_gpu/sink.h"

#define LOG_AREA "vhost-user-gpu"

/* #syscalls poll sendmsg shutdown rt_sigprocmask */

enum {
	OUR_FEATURES = WIRE_VUG_FEATURE_EDID | WIRE_VUG_FEATURE_DMABUF2,
	UPDATE_PATIENCE_S = 1,
};

/* --- one message; without the lock --- */

static void attach_fd(struct msghdr *msg, void *control, size_t size, int fd)
{
	struct cmsghdr *c;

	msg->msg_control = control;
	msg->msg_controllen = size;
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

static void skip_sent(struct msghdr *msg, size_t sent)
{
	struct iovec *iov;
	size_t n;

	while (sent) {
		iov = &msg->msg_iov[0];
		n = sent < iov->iov_len ? sent : iov->iov_len;
		iov->iov_base = (char *)iov->iov_base + n;
		iov->iov_len -= n;
		sent -= n;
		if (!iov->iov_len) {
			msg->msg_iov++;
			msg->msg_iovlen--;
		}
	}
	msg->msg_control = NULL; /* the descriptor went with the first byte */
	msg->msg_controllen = 0;
}

/* Waits until the socket has room, or destroy() calls. */
static int wait_for_room(struct gpu_sink *sink)
{
	struct pollfd p[2] = {
		{ .fd = sink->fd, .events = POLLOUT },
		{ .fd = sink->quit_event, .events = POLLIN },
	};

	if (poll(p, 2, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	return p[1].revents ? -ECANCELED : 0;
}

/* Sends @size bytes of @data after a header and @body; @fd goes with them if it is not -1. */
static int send_all(struct gpu_sink *sink, uint32_t request, const void *body, size_t body_size,
		    const void *data, size_t size, int fd)
{
	struct wire_vug_header header = { request, 0, (uint32_t)(body_size + size) };
	struct iovec iov[3] = {
		{ &header, sizeof(header) },
		{ (void *)body, body_size },
		{ (void *)data, size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	size_t left = sizeof(header) + body_size + size;
	ssize_t n;
	int r;

	if (fd >= 0)
		attach_fd(&msg, control, sizeof(control), fd);
	while (left) {
		r = wait_for_room(sink);
		if (r < 0)
			return r;
		n = sendmsg(sink->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			left -= (size_t)n;
			skip_sent(&msg, (size_t)n);
		}
	}
	return 0;
}

static int send_body(struct gpu_sink *sink, uint32_t request, const void *body, size_t size)
{
	return send_all(sink, request, body, size, NULL, 0, -1);
}

/* What was on the output before must go: QEMU keeps a dmabuf open until it is told so. */
static int send_off(struct gpu_sink *sink, enum gpu_kind last, unsigned int output)
{
	struct wire_vug_dmabuf_scanout none = { .output = output };
	struct wire_vug_scanout off = { .output = output };

	if (last == GPU_DMABUF)
		return send_body(sink, WIRE_VUG_DMABUF_SCANOUT, &none, sizeof(none));
	return send_body(sink, WIRE_VUG_SCANOUT, &off, sizeof(off));
}

static int send_bands(struct gpu_sink *sink, unsigned int output, const struct gpu_buffer *buffer)
{
	const size_t stride = (size_t)buffer->rect.width * 4;
	struct wire_vug_update update = { .output = output,
					  .x = buffer->rect.x,
					  .width = buffer->rect.width };
	uint32_t rows = (uint32_t)(sink->band_bytes / stride), y;
	int r = 0;

	if (!rows)
		rows = 1;
	for (y = 0; y < buffer->rect.height && r == 0; y += update.height) {
		update.y = buffer->rect.y + y;
		update.height = buffer->rect.height - y;
		if (update.height > rows)
			update.height = rows;
		r = send_all(sink, WIRE_VUG_UPDATE, &update, sizeof(update),
			     (const char *)buffer->pixels + y * stride, update.height * stride, -1);
	}
	return r;
}

/*
 * --- steps: called and left with the lock, which they give up while they send. Each returns what
 * sending returned. State says "sent" before the bytes leave: a reply may be here at once. ---
 */

static int step_info(struct gpu_sink *sink)
{
	int r;

	sink->want_info = false;
	sink->info_sent = true;
	pthread_mutex_unlock(&sink->lock);
	r = send_body(sink, WIRE_VUG_GET_DISPLAY_INFO, NULL, 0);
	pthread_mutex_lock(&sink->lock);
	return r;
}

static int step_edid(struct gpu_sink *sink)
{
	struct wire_vug_get_edid body = { .output = (uint32_t)__builtin_ctz(sink->want_edid) };
	int r;

	sink->want_edid &= sink->want_edid - 1;
	sink->edid_sent = (int)body.output;
	pthread_mutex_unlock(&sink->lock);
	r = send_body(sink, WIRE_VUG_GET_EDID, &body, sizeof(body));
	pthread_mutex_lock(&sink->lock);
	return r;
}

static int step_off(struct gpu_sink *sink, struct gpu_output *out)
{
	enum gpu_kind last = out->sent.kind;
	int r;

	out->sent = out->wanted;
	out->stale = false;
	pthread_mutex_unlock(&sink->lock);
	r = send_off(sink, last, out->sent.scanout.output);
	pthread_mutex_lock(&sink->lock);
	return r;
}

static int step_cursor(struct gpu_sink *sink, unsigned int output)
{
	struct gpu_output *out = &sink->outputs[output];
	struct wire_vug_cursor_update body = {
		.pos = { output, (uint32_t)out->cursor.x, (uint32_t)out->cursor.y },
		.hot_x = out->cursor.hot_x,
		.hot_y = out->cursor.hot_y,
	};
	uint32_t request = WIRE_VUG_CURSOR_POS_HIDE;
	size_t size = sizeof(body.pos);
	int r;

	out->cursor_place = false;
	if (out->cursor.visible && out->cursor_image) {
		out->cursor_image = false;
		request = WIRE_VUG_CURSOR_UPDATE;
		size = sizeof(body);
		memcpy(body.pixels, out->cursor.pixels, sizeof(body.pixels));
	} else if (out->cursor.visible) {
		request = WIRE_VUG_CURSOR_POS;
	}
	pthread_mutex_unlock(&sink->lock);
	r = send_body(sink, request, &body, size);
	pthread_mutex_lock(&sink->lock);
	return r;
}

static int send_dmabuf(struct gpu_sink *sink, const struct gpu_mode *mode, int fd)
{
	struct wire_vug_dmabuf_scanout2 body = { mode->scanout, mode->modifier };

	if (sink->features & WIRE_VUG_FEATURE_DMABUF2)
		return send_all(sink, WIRE_VUG_DMABUF_SCANOUT2, &body, sizeof(body), NULL, 0, fd);
	return send_all(sink, WIRE_VUG_DMABUF_SCANOUT, &body.scanout, sizeof(body.scanout), NULL, 0,
			fd);
}

static int step_dmabuf(struct gpu_sink *sink, unsigned int output)
{
	struct gpu_output *out = &sink->outputs[output];
	const struct facet_rect d = out->damage;
	struct wire_vug_update update = { output, d.x, d.y, d.width, d.height };
	struct gpu_mode mode = out->wanted;
	bool stale = out->stale;
	int fd = out->dmabuf_fd, r = 0;

	out->damage = (struct facet_rect){ 0 };
	out->due = false;
	out->sent = mode;
	out->stale = false;
	if (stale)
		out->dmabuf_fd = -1;
	atomic_fetch_add_explicit(&sink->base.frames, 1, memory_order_relaxed);
	sink->updates_sent++;
	sink->update_waits = true;
	clock_gettime(CLOCK_MONOTONIC, &sink->update_deadline);
	sink->update_deadline.tv_sec += UPDATE_PATIENCE_S;
	pthread_mutex_unlock(&sink->lock);
	if (stale) {
		r = send_dmabuf(sink, &mode, fd);
		close(fd);
	}
	if (r == 0)
		r = send_body(sink, WIRE_VUG_DMABUF_UPDATE, &update, sizeof(update));
	pthread_mutex_lock(&sink->lock);
	return r;
}

static int send_pixels(struct gpu_sink *sink, const struct gpu_buffer *buffer,
		       const struct gpu_mode *mode, bool stale, enum gpu_kind last)
{
	struct wire_vug_scanout scanout = { mode->scanout.output, mode->scanout.width,
					    mode->scanout.height };
	int r = 0;

	facet_format_to_xrgb(buffer->fourcc, buffer->pixels,
			     (size_t)buffer->rect.width * buffer->rect.height);
	if (stale && last == GPU_DMABUF)
		r = send_off(sink, last, scanout.output);
	if (stale && r == 0)
		r = send_body(sink, WIRE_VUG_SCANOUT, &scanout, sizeof(scanout));
	if (r == 0)
		r = send_bands(sink, scanout.output, buffer);
	return r;
}

static int step_pixels(struct gpu_sink *sink, struct gpu_output *out)
{
	const enum gpu_kind last = out->sent.kind;
	struct gpu_mode mode = out->wanted;
	bool stale = out->stale;
	int r;

	atomic_fetch_add_explicit(&sink->base.frames, 1, memory_order_relaxed);
	out->buffer.state = GPU_SENDING;
	out->sent = mode;
	out->stale = false;
	pthread_mutex_unlock(&sink->lock);
	r = send_pixels(sink, &out->buffer, &mode, stale, last);
	pthread_mutex_lock(&sink->lock);
	out->buffer.state = GPU_FREE;
	if (out->wanted.kind != GPU_COPY) {
		free(out->buffer.pixels);
		out->buffer = (struct gpu_buffer){ .state = GPU_FREE };
	}
	if (r == 0 && out->due) {
		pthread_mutex_unlock(&sink->lock);
		facet_display_released(sink->base.display);
		pthread_mutex_lock(&sink->lock);
	}
	return r;
}

/* --- what to do next; 1: nothing --- */

static int step_output(struct gpu_sink *sink, unsigned int output)
{
	struct gpu_output *out = &sink->outputs[output];

	if (out->stale && out->wanted.kind == GPU_OFF)
		return step_off(sink, out);
	if (out->cursor_place || (out->cursor_image && out->cursor.visible))
		return step_cursor(sink, output);
	if (out->wanted.kind == GPU_DMABUF && out->due && !sink->update_waits)
		return step_dmabuf(sink, output);
	if (out->buffer.state == GPU_FULL)
		return step_pixels(sink, out);
	return 1;
}

static int step_handshake(struct gpu_sink *sink)
{
	const enum gpu_handshake now = sink->handshake;
	uint64_t features = sink->features & OUR_FEATURES;
	int r;

	if (now == GPU_HELLO_SENT)
		return 1;
	sink->handshake = now == GPU_HELLO ? GPU_HELLO_SENT : GPU_READY;
	pthread_mutex_unlock(&sink->lock);
	if (now == GPU_HELLO)
		r = send_body(sink, WIRE_VUG_GET_PROTOCOL_FEATURES, NULL, 0);
	else
		r = send_body(sink, WIRE_VUG_SET_PROTOCOL_FEATURES, &features, sizeof(features));
	pthread_mutex_lock(&sink->lock);
	return r;
}

static int step(struct gpu_sink *sink)
{
	unsigned int i, output;
	int r = 1;

	if (sink->handshake != GPU_READY)
		return step_handshake(sink);
	if (sink->want_info && !sink->info_sent)
		return step_info(sink);
	if (sink->want_edid && sink->edid_sent < 0)
		return step_edid(sink);
	for (i = 0; i < sink->output_count && r == 1; i++) {
		output = (sink->turn + i) % sink->output_count;
		r = step_output(sink, output);
		if (r == 0)
			sink->turn = output + 1;
	}
	return r;
}

/* Only a DMABUF_UPDATE has a time limit. */
static void wait_for_work(struct gpu_sink *sink)
{
	if (!sink->update_waits)
		pthread_cond_wait(&sink->work, &sink->lock);
	else if (pthread_cond_timedwait(&sink->work, &sink->lock, &sink->update_deadline) ==
		 ETIMEDOUT)
		sink->update_waits = false;
}

void *facet_gpu_writer_run(void *arg)
{
	struct gpu_sink *sink = arg;
	sigset_t all;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pthread_mutex_lock(&sink->lock);
	while (!sink->quit && !sink->dead && r >= 0) {
		r = step(sink);
		if (r == 1 && !sink->quit)
			wait_for_work(sink);
	}
	if (r < 0 && r != -ECANCELED) {
		sink->dead = true;
		log_info("the display socket is closed: error %d", -r);
		shutdown(sink->fd, SHUT_RDWR); /* so that the loop thread hears of it */
	}
	pthread_mutex_unlock(&sink->lock);
	return NULL;
}
