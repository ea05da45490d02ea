// SPDX-License-Identifier: GPL-2.0-or-later
/* replies.c - asks QEMU what its outputs look like, and reads what it answers; the loop thread's
 * part. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "display/vhost_user_gpu/sink.h"

#define LOG_AREA "vhost-user-gpu"

/* #syscalls recvfrom read timerfd_settime */

enum {
	PATIENCE_S = 1,
	REPLIES_A_STEP = 32, /* then the loop serves others */
};

/* --- questions --- */

static void set_timer(struct gpu_sink *sink, time_t seconds)
{
	struct itimerspec t = { .it_value.tv_sec = seconds };

	timerfd_settime(sink->timer, 0, &t, NULL);
}

int facet_gpu_reply_query(struct facet_sink *base, unsigned int output)
{
	struct gpu_sink *sink = gpu_sink_of(base);
	bool dead;

	pthread_mutex_lock(&sink->lock);
	dead = sink->dead;
	sink->want_info = true;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
	if (dead)
		return -ENOTCONN;
	if (!sink->asked)
		set_timer(sink, PATIENCE_S);
	sink->asked |= 1u << output;
	return 0;
}

static void answer(struct gpu_sink *sink, unsigned int output, const struct facet_output *state)
{
	if (sink->asked) {
		sink->asked &= ~(1u << output);
		if (!sink->asked)
			set_timer(sink, 0);
	}
	facet_display_answer(sink->base.display, output, state);
}

static void on_timeout(struct gpu_sink *sink)
{
	unsigned int i;

	pthread_mutex_lock(&sink->lock);
	if (sink->edid_sent >= 0)
		sink->edid_lost = true;
	pthread_mutex_unlock(&sink->lock);
	for (i = 0; i < sink->output_count; i++) {
		if (sink->asked & 1u << i)
			answer(sink, i, NULL);
	}
}

/* --- answers --- */

static bool is_same_size(const struct facet_output *a, const struct facet_output *b)
{
	return a->connected == b->connected && a->x == b->x && a->y == b->y &&
	       a->width == b->width && a->height == b->height;
}

static bool is_possible(const struct facet_output *o)
{
	return o->width <= FACET_MAX_SIDE && o->height <= FACET_MAX_SIDE &&
	       (!o->connected || (o->width && o->height));
}

static void on_mode(struct gpu_sink *sink, unsigned int output,
		    const struct wire_gpu_display_one *mode)
{
	const struct facet_output now = {
		.connected = le32_get(mode->enabled),
		.x = le32_get(mode->r.x),
		.y = le32_get(mode->r.y),
		.width = le32_get(mode->r.width),
		.height = le32_get(mode->r.height),
	};
	bool asked = sink->asked & 1u << output;

	if (!is_possible(&now)) {
		if (asked)
			answer(sink, output, NULL);
		return;
	}
	if (!asked && is_same_size(&now, &sink->modes[output]))
		return;
	sink->modes[output] = now;
	if (!now.connected || sink->edid_lost || !(sink->features & WIRE_VUG_FEATURE_EDID)) {
		answer(sink, output, &now);
		return;
	}
	pthread_mutex_lock(&sink->lock);
	sink->want_edid |= 1u << output;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
}

static void on_info(struct gpu_sink *sink, const struct wire_gpu_resp_display_info *info)
{
	unsigned int i;

	pthread_mutex_lock(&sink->lock);
	sink->info_sent = false;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
	if (le32_get(info->hdr.type) != WIRE_GPU_RESP_OK_DISPLAY_INFO)
		return; /* the timer answers */
	for (i = 0; i < sink->output_count; i++)
		on_mode(sink, i, &info->pmodes[i]);
}

static void on_edid(struct gpu_sink *sink, const struct wire_gpu_resp_edid *edid)
{
	const uint32_t size = le32_get(edid->size);
	struct facet_output *mode;
	unsigned int output;

	pthread_mutex_lock(&sink->lock);
	output = (unsigned int)sink->edid_sent;
	sink->edid_sent = -1;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
	mode = &sink->modes[output];
	mode->edid_size = 0;
	if (le32_get(edid->hdr.type) == WIRE_GPU_RESP_OK_EDID && size <= sizeof(edid->edid)) {
		mode->edid_size = size;
		memcpy(mode->edid, edid->edid, size);
	}
	answer(sink, output, mode);
}

static void on_features(struct gpu_sink *sink, uint64_t features)
{
	pthread_mutex_lock(&sink->lock);
	sink->features = features;
	sink->handshake = GPU_FEATURES_KNOWN;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
}

static void on_update(struct gpu_sink *sink)
{
	pthread_mutex_lock(&sink->lock);
	sink->updates_sent--;
	sink->update_waits = false;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
}

static void on_reply(struct gpu_sink *sink)
{
	switch (sink->reply.header.request) {
	case WIRE_VUG_GET_PROTOCOL_FEATURES:
		on_features(sink, sink->reply.payload.features);
		break;
	case WIRE_VUG_GET_DISPLAY_INFO:
		on_info(sink, &sink->reply.payload.info);
		break;
	case WIRE_VUG_GET_EDID:
		on_edid(sink, &sink->reply.payload.edid);
		break;
	case WIRE_VUG_DMABUF_UPDATE:
		on_update(sink);
		break;
	}
}

/* --- bytes --- */

/* Did we ask for this? Then its size is known. */
static bool is_expected(struct gpu_sink *sink, const struct wire_vug_header *header)
{
	bool asked = false;
	size_t size = 0;

	pthread_mutex_lock(&sink->lock);
	switch (header->request) {
	case WIRE_VUG_GET_PROTOCOL_FEATURES:
		asked = sink->handshake == GPU_HELLO_SENT;
		size = sizeof(sink->reply.payload.features);
		break;
	case WIRE_VUG_GET_DISPLAY_INFO:
		asked = sink->info_sent;
		size = sizeof(sink->reply.payload.info);
		break;
	case WIRE_VUG_GET_EDID:
		asked = sink->edid_sent >= 0;
		size = sizeof(sink->reply.payload.edid);
		break;
	case WIRE_VUG_DMABUF_UPDATE:
		asked = sink->updates_sent > 0;
		break;
	}
	pthread_mutex_unlock(&sink->lock);
	return asked && header->flags & WIRE_VUG_FLAG_REPLY && header->size == size;
}

/* Reads until @want bytes of the reply are here. 0, or -EAGAIN, or what ended it. */
static int collect(struct gpu_sink *sink, size_t want)
{
	const size_t header = sizeof(sink->reply.header);
	char *at;
	ssize_t n;

	while (sink->reply.have < want) {
		at = sink->reply.have < header
			     ? (char *)&sink->reply.header + sink->reply.have
			     : (char *)&sink->reply.payload + (sink->reply.have - header);
		n = recv(sink->fd, at, want - sink->reply.have, MSG_DONTWAIT);
		if (n == 0)
			return -ENOTCONN;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			sink->reply.have += (size_t)n;
	}
	return 0;
}

static int read_reply(struct gpu_sink *sink)
{
	const struct wire_vug_header *header = &sink->reply.header;
	int r;

	r = collect(sink, sizeof(*header));
	if (r < 0)
		return r;
	if (!is_expected(sink, header)) {
		log_warn("QEMU sent a reply that makes no sense: request %u, flags %u, %u bytes",
			 header->request, header->flags, header->size);
		return -EPROTO;
	}
	r = collect(sink, sizeof(*header) + header->size);
	if (r < 0)
		return r;
	sink->reply.have = 0;
	on_reply(sink);
	return 0;
}

int facet_gpu_reply_dispatch(struct facet_sink *base)
{
	struct gpu_sink *sink = gpu_sink_of(base);
	unsigned int i;
	uint64_t ticks;
	int r = 0;

	if (read(sink->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
		on_timeout(sink);
	for (i = 0; i < REPLIES_A_STEP && r == 0; i++)
		r = read_reply(sink);
	if (r == 0 || r == -EAGAIN)
		return 0;
	pthread_mutex_lock(&sink->lock);
	sink->dead = true;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
	return -ENOTCONN;
}
