// SPDX-License-Identifier: GPL-2.0-or-later
/* display_socket_fuzz.c - a QEMU that answers anything, in any pieces, on the display socket. */
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "base/log.h"
#include "display/display.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_read(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
		   size_t stride)
{
	memset(to, 0x11, stride * rect->height);
	return 0;
}

static const struct facet_frame frame = {
	.width = 16, .height = 16, .fourcc = DRM_FORMAT_XRGB8888, .dmabuf_fd = 0, .read = on_read
};

/* Whatever an answer says, what the guest would be told has to be sound. */
static void on_wanted(void *owner, unsigned int output, const struct facet_output *state)
{
	if (output >= 2 || state->edid_size > FACET_MAX_EDID || state->width > FACET_MAX_SIDE ||
	    state->height > FACET_MAX_SIDE)
		__builtin_trap();
}

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

static struct facet_display *the_display(void)
{
	static const struct facet_display_listener listener = { .wanted = on_wanted };
	struct facet_display_config cfg = { .output_count = 2 };
	static struct facet_display *display;

	if (!display) {
		facet_log_set(drop_log, FACET_LOG_ERROR);
		if (facet_display_create(&cfg, &display, NULL) < 0)
			__builtin_trap();
		facet_display_listen(display, &listener);
	}
	return display;
}

/* Requests arrive a little later, from another thread; they are read and forgotten. */
static void drain(int fd, int patience_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char junk[4096];

	if (poll(&p, 1, patience_ms) > 0) {
		while (recv(fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
			;
	}
}

/* The input is a row of pieces: a byte says how long, and each is sent and looked at alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct facet_rect all = { 0, 0, 16, 16 };
	struct facet_display *display = the_display();
	struct facet_sink *sink;
	int fd[2], r = 0;
	size_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0 ||
	    facet_display_add_sink(
		    display, &(struct facet_sink_config){ .type = "vhost-user-gpu", .fd = fd[1] },
		    &sink, NULL) < 0)
		__builtin_trap();
	facet_display_set_scanout(display, 0, &frame);
	drain(fd[0], 1000); /* the first request comes always */
	while (size && r == 0) {
		facet_display_query(display, data[0] & 1);
		facet_display_commit(display, 0, &all);
		n = (size_t)data[0] * 4 + 1;
		n = n < size ? n : size - 1;
		if (n && send(fd[0], data + 1, n, MSG_NOSIGNAL) != (ssize_t)n)
			__builtin_trap();
		data += n + 1;
		size -= n + 1;
		r = facet_sink_dispatch(sink);
		drain(fd[0], 1);
	}
	facet_display_set_scanout(display, 0, NULL);
	facet_display_remove_sink(display, sink);
	close(fd[0]);
	return 0;
}
