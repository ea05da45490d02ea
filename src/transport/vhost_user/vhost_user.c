// SPDX-License-Identifier: GPL-2.0-or-later
/* vhost_user.c - one front-end at a time: comes, is served, goes. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "transport/vhost_user/internal.h"

#define LOG_AREA "vhost-user"

/* #syscalls accept4 epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 fcntl read write close
 */

enum {
	EVENTS_A_STEP = 16,
	MESSAGES_A_STEP = 32,
	MAX_COMPLAINTS = 8,
};

static struct vhost_user *vhost_user(struct facet_transport *transport)
{
	return facet_container_of(transport, struct vhost_user, transport);
}

void vu_complain(struct vhost_user *vu, const char *fmt, ...)
{
	char text[320];
	va_list args;

	if (vu->complaints++ >= MAX_COMPLAINTS)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_warn("%s", text);
}

int vu_watch(struct vhost_user *vu, int fd, unsigned int event)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = event };

	return epoll_ctl(vu->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* By name, not by closing: others may hold the same file open. */
void vu_unwatch(struct vhost_user *vu, int fd)
{
	if (fd >= 0)
		epoll_ctl(vu->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void vu_drop_display(struct vhost_user *vu)
{
	if (!vu->sink)
		return;
	vu_unwatch(vu, vu->sink_fd);
	vu->sink_fd = -1;
	facet_display_remove_sink(vu->display, facet_steal(vu->sink));
	if (vu->display_fd >= 0)
		close(facet_steal_fd(&vu->display_fd));
	vu_changed(vu);
}

int vu_set_display(struct vhost_user *vu, int fd)
{
	facet_autoclose int copy = -1;
	struct facet_error err;
	int r;

	vu_drop_display(vu);
	if (!vu->display) {
		close(fd);
		return 0;
	}
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	r = facet_display_add_sink(
		vu->display, &(struct facet_sink_config){ .type = "vhost-user-gpu", .fd = fd },
		&vu->sink, &err);
	if (r < 0) {
		close(fd);
		vu_complain(vu, "the front-end's console cannot be shown to: %s", err.text);
		return r;
	}
	vu->sink_fd = facet_sink_fd(vu->sink);
	if (vu->sink_fd >= 0)
		vu_watch(vu, vu->sink_fd, VU_EVENT_SINK);
	vu->display_fd = facet_steal_fd(&copy);
	vu_changed(vu);
	return 0;
}

static void disconnect(struct vhost_user *vu)
{
	if (vu->front.fd < 0)
		return;
	log_info("the front-end has gone");
	vu_unwatch(vu, vu->front.fd);
	vu_channel_close(&vu->front);
	vu_back_close(vu);
	vu_reset(vu);
	vu_rings_forget(vu);
	facet_guest_memory_clear(vu->memory);
	vu_drop_display(vu);
	vu->protocol_features = 0;
	vu->complaints = 0;
	vu_changed(vu);
}

/* Takes @fd. */
static int connect_front(struct vhost_user *vu, int fd)
{
	int r;

	vu_channel_open(&vu->front, fd);
	r = vu_watch(vu, fd, VU_EVENT_FRONT);
	if (r < 0) {
		vu_channel_close(&vu->front);
		return r;
	}
	vu_changed(vu);
	log_info("a front-end has come");
	return 0;
}

static void accept_front(struct vhost_user *vu)
{
	int fd = accept4(vu->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (vu->front.fd >= 0) {
		log_warn("a second front-end was refused: one is served already");
		close(fd);
		return;
	}
	connect_front(vu, fd);
}

static void front_dispatch(struct vhost_user *vu)
{
	int r = 1;

	for (unsigned int i = 0; i < MESSAGES_A_STEP && r > 0 && vu->front.fd >= 0; i++) {
		r = vu_channel_receive(&vu->front);
		if (r > 0) {
			r = vu_serve(vu);
			if (r < 0) {
				vu->drops++;
				vu_complain(vu,
					    "message %u of %u bytes cannot be served; "
					    "the connection is closed",
					    vu->front.header.request, vu->front.header.size);
			}
			vu_channel_done(&vu->front);
			r = r < 0 ? r : 1;
		} else if (r == -EPROTO) {
			vu->drops++;
			vu_complain(vu, "what the front-end sent is no message; "
					"the connection is closed");
		}
	}
	if (r < 0)
		disconnect(vu);
}

static void sink_dispatch(struct vhost_user *vu)
{
	if (vu->sink && facet_sink_dispatch(vu->sink) < 0)
		vu_drop_display(vu);
}

static void handle_event(struct vhost_user *vu, unsigned int event)
{
	switch (event) {
	case VU_EVENT_FRONT:
		front_dispatch(vu);
		break;
	case VU_EVENT_BACK:
		vu_back_dispatch(vu);
		break;
	case VU_EVENT_SINK:
		sink_dispatch(vu);
		break;
	case VU_EVENT_AGAIN:
		vu_rings_again(vu);
		break;
	case VU_EVENT_LISTEN:
		accept_front(vu);
		break;
	default:
		vu_ring_kicked(vu, event - VU_EVENT_KICK);
	}
}

/*
 * An event may be about a descriptor that an earlier one of the same step has closed, or even
 * replaced: every handler looks first, and reads without blocking. New front-ends are let in last,
 * when a former one that has gone was seen to go.
 */
static int vu_dispatch(struct facet_transport *transport)
{
	struct vhost_user *vu = vhost_user(transport);
	struct epoll_event events[EVENTS_A_STEP];
	bool knock = false;
	int n;

	n = epoll_wait(vu->epoll_fd, events, EVENTS_A_STEP, 0);
	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == VU_EVENT_LISTEN)
			knock = true;
		else
			handle_event(vu, (unsigned int)events[i].data.u64);
	}
	if (knock)
		handle_event(vu, VU_EVENT_LISTEN);
	return vu->front.fd < 0 && vu->listen_fd < 0 ? -ENOTCONN : 0;
}

static void config_changed(struct facet_port *port)
{
	vu_back_config_changed(facet_container_of(port, struct vhost_user, port));
}

static void vu_destroy(struct facet_transport *transport)
{
	struct vhost_user *vu = vhost_user(transport);

	vu_table_leave(vu);
	if (vu->device)
		disconnect(vu);
	facet_device_destroy(vu->device);
	vu_rings_destroy(vu);
	facet_guest_memory_destroy(vu->memory);
	if (vu->listen_fd >= 0)
		close(vu->listen_fd);
	if (vu->again_fd >= 0)
		close(vu->again_fd);
	if (vu->epoll_fd >= 0)
		close(vu->epoll_fd);
	free(vu);
}

static int make_events(struct vhost_user *vu, struct facet_error *err)
{
	vu->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	vu->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vu->epoll_fd < 0 || vu->again_fd < 0 || vu_watch(vu, vu->again_fd, VU_EVENT_AGAIN) < 0)
		return facet_error_set(err, -errno, "vhost-user: cannot make descriptors: %m");
	return 0;
}

static int make_device(struct vhost_user *vu, const struct facet_transport_config *cfg,
		       struct facet_error *err)
{
	int r;

	r = facet_guest_memory_create(&vu->memory);
	if (r < 0)
		return facet_error_set(err, r, "vhost-user: no memory to describe guest memory");
	vu->port = (struct facet_port){ vu->memory, config_changed };
	r = facet_device_create(cfg->device, &cfg->device_config, &vu->port, &vu->device, err);
	if (r < 0)
		return r;
	r = vu_table_create(vu);
	if (!r)
		r = vu_rings_create(vu);
	if (r < 0)
		return facet_error_set(err, r, "vhost-user: cannot make the queues of '%s'",
				       cfg->device);
	return 0;
}

/* Takes the descriptors out of @given as it goes. */
static int adopt(struct vhost_user *vu, struct facet_handover *given)
{
	struct facet_error err;
	int r;

	r = connect_front(vu, facet_steal_fd(&given->front_fd));
	if (r < 0)
		return r;
	vu->protocol_features = given->protocol_features;
	for (unsigned int i = 0; i < given->region_count; i++)
		if (facet_guest_memory_add(vu->memory, &given->regions[i].region,
					   given->regions[i].fd, &err) < 0)
			vu_complain(vu, "%s", err.text);
	if (given->back_fd >= 0)
		r = vu_back_open(vu, facet_steal_fd(&given->back_fd));
	if (!r && given->display_fd >= 0)
		r = vu_set_display(vu, facet_steal_fd(&given->display_fd));
	if (!r)
		vu_adopt_rings(vu, given);
	return r;
}

static int open_sockets(struct vhost_user *vu, struct facet_handover *given,
			struct facet_error *err)
{
	int r = 0;

	if (vu->listen_fd >= 0) {
		/* Whoever knocked may have gone before we open. */
		fcntl(vu->listen_fd, F_SETFL, O_NONBLOCK);
		r = vu_watch(vu, vu->listen_fd, VU_EVENT_LISTEN);
	}
	if (!r && given->front_fd >= 0)
		r = adopt(vu, given);
	if (r < 0)
		return facet_error_set(err, r, "vhost-user: the sockets given cannot be used: %s",
				       strerrordesc_np(-r));
	return 0;
}

static void close_one(void *owner, int *fd)
{
	facet_close_ptr(fd);
}

static int vu_create(const struct facet_transport_config *cfg, struct facet_transport **ret,
		     struct facet_error *err)
{
	struct facet_handover given;
	struct vhost_user *vu;
	int r;

	facet_handover_init(&given);
	given.front_fd = cfg->fd;
	if (cfg->adopt)
		given = *cfg->adopt;
	if (cfg->listen_fd < 0 && given.front_fd < 0)
		return facet_error_set(err, -EINVAL,
				       "vhost-user: there is no socket to serve; give one");
	vu = calloc(1, sizeof(*vu));
	if (!vu)
		return facet_error_set(err, -ENOMEM, "no memory for a vhost-user transport");
	vu->transport.ops = &facet_vhost_user_transport;
	vu->display = cfg->device_config.display;
	vu->errands = cfg->errands;
	vu->listen_fd = cfg->listen_fd;
	vu->epoll_fd = vu->again_fd = -1;
	vu->front.fd = vu->back.fd = vu->sink_fd = vu->display_fd = -1;
	vu->table_fd = vu->alive[0] = vu->alive[1] = -1;
	r = make_events(vu, err);
	if (!r)
		r = make_device(vu, cfg, err);
	if (!r)
		r = open_sockets(vu, &given, err);
	facet_handover_each_fd(&given, close_one, NULL);
	if (r < 0) {
		vu_destroy(&vu->transport);
		return r;
	}
	*ret = &vu->transport;
	return 0;
}

static int vu_fd(struct facet_transport *transport)
{
	return vhost_user(transport)->epoll_fd;
}

static void vu_status(struct facet_transport *transport, struct facet_transport_status *ret)
{
	struct vhost_user *vu = vhost_user(transport);

	ret->connected = vu->front.fd >= 0;
	ret->running = vu_rings_running(vu);
	ret->inherited = vu->inherited;
	ret->features = vu->features;
	ret->drops = vu->drops;
	ret->regions = facet_guest_memory_count(vu->memory);
	ret->handovers = vu->handovers;
}

const struct facet_transport_ops facet_vhost_user_transport = {
	.name = "vhost-user",
	.create = vu_create,
	.destroy = vu_destroy,
	.fd = vu_fd,
	.dispatch = vu_dispatch,
	.status = vu_status,
	.handover = vu_handover,
};
