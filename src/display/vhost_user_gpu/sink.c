// SPDX-License-Identifier: GPL-2.0-or-later
/* sink.c - a sink that shows frames in QEMU's console, over the display socket of vhost-user-gpu.
 */

/**
 * DOC: Theory of Operation
 *
 * QEMU reads the display socket in its main loop, under its big lock, one whole message at a time,
 * blocking. And its main loop may at any moment wait for our loop thread to answer a vhost-user
 * request. So neither the loop thread nor the engine thread ever waits for this socket: one writer
 * thread per socket does (writer.c), and nothing else writes to it.
 *
 * There is no queue of messages. What QEMU still has to be told is kept as state, one field per
 * fact, and a newer fact overwrites an older one that was not sent yet: the mode, the damage, the
 * cursor of each output; that information is wanted. A QEMU that does not read for an hour costs
 * this much memory and not a byte more, and then gets the present, not the past.
 *
 * Pixels. Each output has one buffer. show(), on the engine thread, reads the damaged rectangle of
 * the frame straight into it and is done: one read-back, no other copy on our side. While the
 * writer has the buffer, show() only adds up damage; when the writer is through and something is
 * due, it asks (facet_display_released) for a refresh on the engine thread, which reads what was
 * missed from the frame of then. Slow viewers see fewer frames, never a queue of old ones.
 *
 * Messages. An UPDATE carries a band of rows. One message is handed to the kernel only when the
 * socket has room for all of it (poll says so at a quarter full, and a band is at most half of the
 * buffer). So QEMU never waits inside a message, and if this process is killed, whole messages are
 * left behind: the guest goes on, even when somebody else holds the socket open. For the same
 * reason destroy() only closes our descriptor. Measured with a reader that works as QEMU's does, a
 * frame of 1280x800: 0.5 ms in bands of 256 KiB, no stop over 0.4 ms; 0.9 to 2.7 ms, in one stop,
 * as one message.
 *
 * What QEMU cannot take. It has no surface before SCANOUT, and its surface is gone after SCANOUT
 * 0x0; it makes a new one at each SCANOUT and drops the old one at the next UPDATE. So SCANOUT is
 * sent together with the first pixels, only if kind or size are others than those sent before, and
 * UPDATE never leaves the size last sent. It answers DMABUF_UPDATE once it has drawn, and merges
 * answers: at most one is under way, and after a second we stop waiting for it. It does not answer
 * a GET_EDID for an output it does not have: only those that DISPLAY_INFO shows are asked for.
 *
 * The outputs' sizes. A query asks for DISPLAY_INFO, then for the EDID if QEMU can, and is answered
 * when both are there. A timer in the descriptor that the loop polls answers from memory
 * after a second: the guest must not wait for a QEMU that has other things to do.
 *
 * Locks: sink->lock is held for copies of state only, never while reading frames, writing, or
 * calling the display. The display calls cursor() under its own lock: display, then sink.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "display/format.h"
#include "display/rect.h"
#include "display/vhost_user_gpu/sink.h"

#define LOG_AREA "vhost-user-gpu"

/* #syscalls epoll_create1 epoll_ctl eventfd2 timerfd_create setsockopt getsockopt fcntl close */

enum {
	SOCKET_BYTES = 1 << 20, /* asked for; the kernel gives what the administrator allows */
	MAX_BAND_BYTES = 256 << 10,
	MAX_BUFFER_BYTES = 16 << 20, /* larger pictures go in several pieces */
};

/* --- pictures: engine thread --- */

static bool is_same_mode(const struct gpu_mode *a, const struct gpu_mode *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == GPU_DMABUF)
		return false; /* another buffer, whatever it looks like */
	return a->scanout.width == b->scanout.width && a->scanout.height == b->scanout.height;
}

static struct gpu_mode mode_of(unsigned int output, const struct facet_frame *frame, int dmabuf_fd)
{
	struct gpu_mode mode = { .scanout.output = output };

	if (!frame)
		return mode;
	mode.kind = GPU_COPY;
	mode.scanout.width = frame->width;
	mode.scanout.height = frame->height;
	if (dmabuf_fd < 0)
		return mode;
	mode.kind = GPU_DMABUF;
	mode.scanout.x = frame->dmabuf_x;
	mode.scanout.y = frame->dmabuf_y;
	mode.scanout.fd_width = frame->dmabuf_width;
	mode.scanout.fd_height = frame->dmabuf_height;
	mode.scanout.fd_stride = frame->dmabuf_stride;
	mode.scanout.fd_flags = frame->y0_top ? WIRE_VUG_DMABUF_Y0_TOP : 0;
	mode.scanout.fourcc =
		(int32_t)(frame->dmabuf_fourcc ? frame->dmabuf_fourcc : frame->fourcc);
	mode.modifier = frame->dmabuf_modifier;
	return mode;
}

/* Pixels of the last mode must not follow into the next one. */
static void empty_buffer(struct gpu_buffer *buffer)
{
	if (buffer->state == GPU_FULL)
		buffer->state = GPU_FREE;
	if (buffer->state != GPU_FREE)
		return; /* what is being sent comes before the new mode */
	free(buffer->pixels);
	buffer->pixels = NULL;
	buffer->size = 0;
}

static void gpu_mode(struct facet_sink *base, unsigned int output, const struct facet_frame *frame)
{
	struct gpu_sink *sink = gpu_sink_of(base);
	struct gpu_output *out = &sink->outputs[output];
	struct gpu_mode last;
	int fd = -1;

	/* Without a descriptor for it, the picture is copied. */
	if (frame && frame->dmabuf_fd >= 0)
		fd = fcntl(frame->dmabuf_fd, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_lock(&sink->lock);
	last = out->wanted;
	out->wanted = mode_of(output, frame, fd);
	out->stale = !is_same_mode(&out->wanted, &out->sent);
	out->damage = frame ? (struct facet_rect){ 0, 0, frame->width, frame->height }
			    : (struct facet_rect){ 0 };
	if (!is_same_mode(&last, &out->wanted))
		empty_buffer(&out->buffer);
	if (out->dmabuf_fd >= 0)
		close(out->dmabuf_fd);
	out->dmabuf_fd = fd;
	if (!frame) {
		out->due = false;
		pthread_cond_signal(&sink->work);
	}
	pthread_mutex_unlock(&sink->lock);
}

/* As much of the damage as one buffer holds; the rest stays due. */
static struct facet_rect take_damage(struct gpu_output *out)
{
	struct facet_rect rect = out->damage;
	uint32_t rows = MAX_BUFFER_BYTES / (rect.width * 4);

	if (rect.height > rows)
		rect.height = rows;
	out->damage.y += rect.height;
	out->damage.height -= rect.height;
	out->due = !rect_empty(&out->damage);
	return rect;
}

static int fill_buffer(struct gpu_buffer *buffer, const struct facet_frame *frame)
{
	const size_t stride = (size_t)buffer->rect.width * 4;
	const size_t size = stride * buffer->rect.height;
	uint32_t *pixels;

	if (!facet_format_known(frame->fourcc))
		return -ENOTSUP;
	if (size > buffer->size) {
		pixels = realloc(buffer->pixels, size);
		if (!pixels)
			return -ENOMEM;
		buffer->pixels = pixels;
		buffer->size = size;
	}
	buffer->fourcc = frame->fourcc;
	return frame->read(frame, &buffer->rect, buffer->pixels, stride);
}

static void gpu_show(struct facet_sink *base, unsigned int output, const struct facet_frame *frame,
		     const struct facet_rect *damage)
{
	struct gpu_sink *sink = gpu_sink_of(base);
	struct gpu_output *out = &sink->outputs[output];
	struct facet_rect more = rect_clip(damage, frame->width, frame->height);
	bool read = false;
	int r;

	pthread_mutex_lock(&sink->lock);
	out->damage = rect_union(&out->damage, &more);
	if (sink->dead || rect_empty(&out->damage)) {
		/* Nothing to do. */
	} else if (out->wanted.kind == GPU_DMABUF) {
		out->due = true;
		pthread_cond_signal(&sink->work);
	} else if (out->buffer.state == GPU_FREE) {
		out->buffer.state = GPU_FILLING;
		out->buffer.rect = take_damage(out);
		read = true;
	} else {
		out->due = true;
	}
	pthread_mutex_unlock(&sink->lock);
	if (!read)
		return;

	r = fill_buffer(&out->buffer, frame);
	if (r < 0)
		log_guest("output %u: its picture cannot be read: error %d", output, -r);
	pthread_mutex_lock(&sink->lock);
	out->buffer.state = GPU_FULL;
	if (r < 0) { /* the next show() tries again */
		out->buffer.state = GPU_FREE;
		out->damage = rect_union(&out->damage, &out->buffer.rect);
	}
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
}

static void gpu_cursor(struct facet_sink *base, unsigned int output,
		       const struct facet_cursor *cursor, bool image)
{
	struct gpu_sink *sink = gpu_sink_of(base);
	struct gpu_output *out = &sink->outputs[output];

	pthread_mutex_lock(&sink->lock);
	if (image) {
		out->cursor = *cursor;
		out->cursor_image = true;
	} else {
		out->cursor.x = cursor->x;
		out->cursor.y = cursor->y;
		out->cursor.visible = cursor->visible;
	}
	out->cursor_place = true;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
}

/* --- life: loop thread --- */

static int gpu_fd(struct facet_sink *base)
{
	return gpu_sink_of(base)->epoll;
}

/* Bytes of pixels that surely find room, or -errno when @fd is not a stream socket. */
static int choose_band(int fd)
{
	int bytes = SOCKET_BYTES, type;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return -errno;
	if (type != SOCK_STREAM)
		return -EPROTOTYPE;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size) < 0)
		return -errno;
	return bytes / 2 < MAX_BAND_BYTES ? bytes / 2 : MAX_BAND_BYTES;
}

static void free_sink(struct gpu_sink *sink)
{
	unsigned int i;

	for (i = 0; i < FACET_MAX_OUTPUTS; i++) {
		free(sink->outputs[i].buffer.pixels);
		if (sink->outputs[i].dmabuf_fd >= 0)
			close(sink->outputs[i].dmabuf_fd);
	}
	if (sink->epoll >= 0)
		close(sink->epoll);
	if (sink->timer >= 0)
		close(sink->timer);
	if (sink->quit_event >= 0)
		close(sink->quit_event);
	pthread_cond_destroy(&sink->work);
	pthread_mutex_destroy(&sink->lock);
	free(sink);
}

static struct gpu_sink *alloc_sink(struct facet_display *display, int fd)
{
	struct gpu_sink *sink = calloc(1, sizeof(*sink));
	pthread_condattr_t attr;
	unsigned int i;

	if (!sink)
		return NULL;
	sink->base.ops = &facet_vhost_user_gpu_sink;
	sink->base.display = display;
	sink->output_count = facet_display_output_count(display);
	sink->fd = fd;
	sink->edid_sent = -1;
	for (i = 0; i < FACET_MAX_OUTPUTS; i++)
		sink->outputs[i].dmabuf_fd = -1;
	pthread_mutex_init(&sink->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&sink->work, &attr);
	pthread_condattr_destroy(&attr);
	sink->epoll = epoll_create1(EPOLL_CLOEXEC);
	sink->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	sink->quit_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return sink;
}

static int watch(struct gpu_sink *sink, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int start(struct gpu_sink *sink)
{
	int r = choose_band(sink->fd);

	if (r < 0)
		return r;
	sink->band_bytes = (size_t)r;
	if (sink->epoll < 0 || sink->timer < 0 || sink->quit_event < 0)
		return -EMFILE;
	r = watch(sink, sink->fd);
	if (r == 0)
		r = watch(sink, sink->timer);
	if (r == 0)
		r = -pthread_create(&sink->writer, NULL, facet_gpu_writer_run, sink);
	return r;
}

static int gpu_create(struct facet_display *display, const struct facet_sink_config *cfg,
		      struct facet_sink **ret, struct facet_error *err)
{
	struct gpu_sink *sink = alloc_sink(display, cfg->fd);
	int r;

	if (!sink)
		return facet_error_set(err, -ENOMEM, "display socket: not enough memory");
	r = start(sink);
	if (r < 0) {
		free_sink(sink);
		return facet_error_set(err, r,
				       "display socket: it cannot be served (%s); give a "
				       "connected stream socket, and allow threads and files",
				       strerror(-r));
	}
	*ret = &sink->base;
	return 0;
}

static void gpu_destroy(struct facet_sink *base)
{
	struct gpu_sink *sink = gpu_sink_of(base);

	pthread_mutex_lock(&sink->lock);
	sink->quit = true;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
	eventfd_write(sink->quit_event, 1);
	pthread_join(sink->writer, NULL);
	close(sink->fd);
	free_sink(sink);
}

const struct facet_sink_ops facet_vhost_user_gpu_sink = {
	.name = "vhost-user-gpu",
	.create = gpu_create,
	.destroy = gpu_destroy,
	.mode = gpu_mode,
	.show = gpu_show,
	.cursor = gpu_cursor,
	.query = facet_gpu_reply_query,
	.fd = gpu_fd,
	.dispatch = facet_gpu_reply_dispatch,
};
