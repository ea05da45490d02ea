/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink.h - the state of one display socket, shared by the files of this folder. */
#ifndef FACET_DISPLAY_VHOST_USER_GPU_SINK_H
#define FACET_DISPLAY_VHOST_USER_GPU_SINK_H

#include <pthread.h>
#include <time.h>

#include "base/list.h"
#include "display/ops.h"
#include "wire/vhost_user_gpu.h"
#include "wire/virtio_gpu.h"

/* A reply has at most this payload. */
union gpu_reply {
	uint64_t features;
	struct wire_gpu_resp_display_info info;
	struct wire_gpu_resp_edid edid;
};

/* What is on an output: nothing, pixels that we copy, or a buffer that QEMU maps itself. */
enum gpu_kind { GPU_OFF, GPU_COPY, GPU_DMABUF };

struct gpu_mode {
	enum gpu_kind kind;
	struct wire_vug_dmabuf_scanout scanout; /* output, width and height are always right */
	uint64_t modifier;
};

/*
 * The pixels of one output on their way to QEMU.
 *   FREE     show() may take it
 *   FILLING  show() reads into it, without the lock
 *   FULL     the writer may take it; mode() may empty it
 *   SENDING  the writer sends it, without the lock
 */
enum gpu_buffer_state { GPU_FREE, GPU_FILLING, GPU_FULL, GPU_SENDING };

struct gpu_buffer {
	enum gpu_buffer_state state;
	uint32_t *pixels;
	size_t size;            /* bytes allocated */
	struct facet_rect rect; /* what they show; lines lie close together */
	uint32_t fourcc;
};

struct gpu_output {
	struct gpu_mode wanted;   /* by the guest */
	struct gpu_mode sent;     /* to QEMU */
	bool stale;               /* QEMU has to be told of .wanted */
	int dmabuf_fd;            /* of .wanted, until it is sent; else -1 */
	struct facet_rect damage; /* not yet read, or for a dmabuf: not yet sent */
	bool due;                 /* somebody wanted .damage shown, but the buffer was in use */
	struct gpu_buffer buffer;

	bool cursor_image, cursor_place; /* changed */
	struct facet_cursor cursor;
};

enum gpu_handshake { GPU_HELLO, GPU_HELLO_SENT, GPU_FEATURES_KNOWN, GPU_READY };

struct gpu_sink {
	struct facet_sink base;
	int fd;            /* the socket */
	int epoll;         /* holds fd and timer: what the loop polls */
	int timer;         /* runs while .asked */
	int quit_event;    /* wakes the writer for good */
	size_t band_bytes; /* of pixels in one message */
	unsigned int output_count;
	pthread_t writer;

	pthread_mutex_t lock; /* of everything down to the loop's part */
	pthread_cond_t work;  /* for the writer */
	bool quit, dead;
	enum gpu_handshake handshake;
	uint64_t features; /* of QEMU; constant from GPU_FEATURES_KNOWN on */
	bool want_info, info_sent;
	uint32_t want_edid;        /* a bit an output */
	int edid_sent;             /* the output, or -1 */
	unsigned int updates_sent; /* DMABUF_UPDATE without a reply */
	bool update_waits;         /* for one of them */
	struct timespec update_deadline;
	unsigned int turn; /* the output that is served first */
	struct gpu_output outputs[FACET_MAX_OUTPUTS];

	/* Loop thread. */
	uint32_t asked; /* a bit an output: the display waits for an answer */
	struct facet_output modes[FACET_MAX_OUTPUTS]; /* QEMU's last words */
	bool edid_lost; /* a GET_EDID was not answered: no more of them */
	struct {
		struct wire_vug_header header;
		union gpu_reply payload;
		size_t have; /* bytes of both */
	} reply;
};

static inline struct gpu_sink *gpu_sink_of(struct facet_sink *base)
{
	return facet_container_of(base, struct gpu_sink, base);
}

/* writer.c */
void *facet_gpu_writer_run(void *sink);

/* replies.c */
int facet_gpu_reply_query(struct facet_sink *base, unsigned int output);
int facet_gpu_reply_dispatch(struct facet_sink *base);

#endif
