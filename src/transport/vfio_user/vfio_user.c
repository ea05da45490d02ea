// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio_user.c - one client at a time: comes, is served, goes. */
#include "transport/vfio_user/vfio_user.h"

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
#include "transport/vfio_user/internal.h"

#define LOG_AREA "vfio-user"

/* #syscalls accept4 epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 fcntl read write close
 */

enum {
	EVENTS_A_STEP = 8,
	MESSAGES_A_STEP = 256,
	MAX_COMPLAINTS = 8,
};

/* What stands in an event of the epoll set. */
enum event { MAIN, TWIN, FUNCTION, AGAIN, LISTEN };

void vfu_complain(struct facet_vfio_user *vfu, const char *fmt, ...)
{
	char text[320];
	va_list args;

	if (vfu->complaints++ >= MAX_COMPLAINTS)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_warn("%s", text);
}

static int watch(struct facet_vfio_user *vfu, int op, int fd, enum event event, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = event };

	return epoll_ctl(vfu->epoll_fd, op, fd, &e) < 0 ? -errno : 0;
}

/* While only messages are waited for, an idle engine thread may be the one that takes them. */
static int watch_main(struct facet_vfio_user *vfu, uint32_t events)
{
	if (events == EPOLLIN && facet_errands_offer(vfu->errands, vfu->main.fd, &vfu->came))
		events |= EPOLLEXCLUSIVE;
	return watch(vfu, EPOLL_CTL_ADD, vfu->main.fd, MAIN, events);
}

static void unwatch(struct facet_vfio_user *vfu, int fd)
{
	facet_errands_withdraw(vfu->errands, fd);
	epoll_ctl(vfu->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int vfu_watch_twin(struct facet_vfio_user *vfu)
{
	vfu->twin.events = EPOLLIN;
	return watch(vfu, EPOLL_CTL_ADD, vfu->twin.fd, TWIN, EPOLLIN);
}

/* By name, not by closing: the client may hold the same file open. */
static void drop_channel(struct facet_vfio_user *vfu, struct vfu_channel *channel)
{
	if (channel->fd < 0)
		return;
	unwatch(vfu, channel->fd);
	vfu->received += channel->received_messages;
	vfu->sent += channel->sent_messages;
	vfu_channel_close(channel);
}

static void disconnect(struct facet_vfio_user *vfu)
{
	if (vfu->main.fd < 0)
		return;
	log_info("the client has gone");
	drop_channel(vfu, &vfu->main);
	drop_channel(vfu, &vfu->twin);
	vfu->agreed = false;
	vfu->complaints = 0;
	/* The protocol lets the device keep its state; the next client may be another guest. */
	facet_pci_reset(vfu->pci);
	vfu_irqs_forget(vfu);
	vfu_dma_forget(vfu);
}

/* Takes @fd. */
static int connect_client(struct facet_vfio_user *vfu, int fd)
{
	int r = vfu_channel_open(&vfu->main, fd);

	if (!r) {
		vfu->main.events = EPOLLIN;
		r = watch_main(vfu, EPOLLIN);
	}
	if (r < 0) {
		facet_errands_withdraw(vfu->errands, fd);
		vfu_channel_close(&vfu->main);
		return r;
	}
	log_info("a client has come");
	return 0;
}

static void accept_client(struct facet_vfio_user *vfu)
{
	int fd = accept4(vfu->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (vfu->main.fd >= 0) {
		log_warn("a second client was refused: one is served already");
		close(fd);
		return;
	}
	connect_client(vfu, fd);
}

static int serve_message(struct facet_vfio_user *vfu, const struct vfu_message *m, bool twin)
{
	switch (m->header.flags & VFIO_USER_TYPE_MASK) {
	case VFIO_USER_TYPE_REPLY:
		return m->fd_count ? -EPROTO : vfu_dma_reply(vfu, m);
	case VFIO_USER_TYPE_COMMAND:
		return twin ? -EPROTO : vfu_serve(vfu, m);
	default:
		return -EPROTO;
	}
}

/* What needs an answer waits until there is room for one: a client that does not read is not heard.
 */
static bool must_wait(const struct vfu_channel *channel, const struct vfu_message *m)
{
	return vfu_channel_blocked(channel) &&
	       (m->header.flags & VFIO_USER_TYPE_MASK) == VFIO_USER_TYPE_COMMAND;
}

/* Serve what has come, up to a bound: 1 when there may be more, 0, or negative. */
static int serve_channel(struct facet_vfio_user *vfu, struct vfu_channel *channel)
{
	struct vfu_message m;
	int r = 1;

	for (unsigned int i = 0; i < MESSAGES_A_STEP; i++) {
		r = vfu_channel_receive(channel, &m);
		if (r <= 0)
			return r;
		channel->stalled = must_wait(channel, &m);
		if (channel->stalled)
			return 0;
		r = serve_message(vfu, &m, channel == &vfu->twin);
		if (r < 0) {
			vfu_complain(vfu, "message %u of %u bytes cannot be served: %s",
				     m.header.command, m.header.size, strerrordesc_np(-r));
			return r;
		}
		vfu_channel_done(channel);
	}
	return 1;
}

static bool waits_differ(struct vfu_channel *channel)
{
	uint32_t events =
		(vfu_channel_blocked(channel) ? EPOLLOUT : 0) | (channel->stalled ? 0 : EPOLLIN);

	if (channel->fd < 0 || channel->events == events)
		return false;
	channel->events = events;
	return true;
}

/* What is watched exclusively cannot be modified. */
void vfu_update_waits(struct facet_vfio_user *vfu)
{
	if (waits_differ(&vfu->main)) {
		unwatch(vfu, vfu->main.fd);
		watch_main(vfu, vfu->main.events);
	}
	if (waits_differ(&vfu->twin))
		watch(vfu, EPOLL_CTL_MOD, vfu->twin.fd, TWIN, vfu->twin.events);
}

static void channel_dispatch(struct facet_vfio_user *vfu, struct vfu_channel *channel)
{
	int r;

	if (channel->fd < 0)
		return;
	r = vfu_channel_flush(channel);
	if (!r) {
		vfu_dma_resume(vfu);
		r = serve_channel(vfu, channel);
	}
	if (r == -EPROTO)
		vfu->drops++;
	if (r < 0)
		disconnect(vfu);
	else if (r > 0)
		eventfd_write(vfu->again_fd, 1);
	vfu_update_waits(vfu);
}

/* In the loop thread's place. Whether somebody is there is the loop's to notice. */
static void run_came(struct facet_errand *errand)
{
	struct facet_vfio_user *vfu = facet_container_of(errand, struct facet_vfio_user, came);
	bool agreed = vfu->agreed;

	channel_dispatch(vfu, &vfu->main);
	if (vfu->agreed != agreed || vfu->main.fd < 0)
		eventfd_write(vfu->again_fd, 1);
}

static void again(struct facet_vfio_user *vfu)
{
	eventfd_t count;

	if (eventfd_read(vfu->again_fd, &count) < 0)
		return;
	channel_dispatch(vfu, &vfu->main);
	channel_dispatch(vfu, &vfu->twin);
}

/* Every handler looks first: an earlier one of the same step may have closed its descriptor. */
int facet_vfio_user_dispatch(struct facet_vfio_user *vfu)
{
	struct epoll_event events[EVENTS_A_STEP];
	bool knock = false;
	int n;

	n = epoll_wait(vfu->epoll_fd, events, EVENTS_A_STEP, 0);
	for (int i = 0; i < n; i++) {
		switch ((enum event)events[i].data.u64) {
		case MAIN:
			channel_dispatch(vfu, &vfu->main);
			break;
		case TWIN:
			channel_dispatch(vfu, &vfu->twin);
			break;
		case FUNCTION:
			vfu->pci->ops->dispatch(vfu->pci);
			break;
		case AGAIN:
			again(vfu);
			break;
		case LISTEN:
			knock = true;
		}
	}
	/* Last, when a former client that has gone was seen to go. */
	if (knock)
		accept_client(vfu);
	return vfu->main.fd < 0 && vfu->listen_fd < 0 ? -ENOTCONN : 0;
}

/* --- beginning and end --- */

static const struct facet_pci_host_ops host_ops = {
	.interrupt = vfu_interrupt,
	.set_intx = vfu_set_intx,
	.pending = vfu_pending,
	.vector_fd = vfu_vector_fd,
	.dma = vfu_dma,
	.dma_cancel = vfu_dma_cancel,
};

static int make_function(struct facet_vfio_user *vfu, const struct facet_vfio_user_config *cfg,
			 struct facet_error *err)
{
	int r = facet_guest_memory_create(&vfu->host.memory);

	if (r < 0)
		return facet_error_set(err, r, "vfio-user: no memory to describe guest memory");
	vfu->host.ops = &host_ops;
	r = cfg->function->create(cfg->function_config, &vfu->host, &vfu->pci, err);
	if (r < 0)
		return r;
	if (vfu_irqs_init(vfu) < 0)
		return facet_error_set(err, -ENOMEM, "vfio-user: no memory for interrupts");
	return 0;
}

static int make_events(struct facet_vfio_user *vfu, struct facet_error *err)
{
	int r = 0;

	vfu->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	vfu->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vfu->epoll_fd < 0 || vfu->again_fd < 0)
		return facet_error_set(err, -errno, "vfio-user: cannot make descriptors: %m");
	r = watch(vfu, EPOLL_CTL_ADD, vfu->again_fd, AGAIN, EPOLLIN);
	if (!r && vfu->pci->ops->fd)
		r = watch(vfu, EPOLL_CTL_ADD, vfu->pci->ops->fd(vfu->pci), FUNCTION, EPOLLIN);
	if (!r && vfu->listen_fd >= 0) {
		/* Whoever knocked may have gone before we open. */
		fcntl(vfu->listen_fd, F_SETFL, O_NONBLOCK);
		r = watch(vfu, EPOLL_CTL_ADD, vfu->listen_fd, LISTEN, EPOLLIN);
	}
	if (r < 0)
		return facet_error_set(err, r, "vfio-user: the descriptors cannot be polled: %s",
				       strerrordesc_np(-r));
	return 0;
}

int facet_vfio_user_create(const struct facet_vfio_user_config *cfg, struct facet_vfio_user **ret,
			   struct facet_error *err)
{
	facet_autoclose int client = cfg->fd;
	struct facet_vfio_user *vfu;
	int r;

	vfu = calloc(1, sizeof(*vfu));
	if (!vfu) {
		facet_close_ptr(&(int){ cfg->listen_fd });
		return facet_error_set(err, -ENOMEM, "no memory for a vfio-user server");
	}
	vfu->listen_fd = cfg->listen_fd;
	vfu->epoll_fd = vfu->again_fd = vfu->main.fd = vfu->twin.fd = -1;
	vfu->errands = cfg->errands;
	vfu->came.run = run_came;
	facet_list_init(&vfu->dmas);
	pthread_mutex_init(&vfu->irq_lock, NULL);
	r = make_function(vfu, cfg, err);
	if (!r)
		r = make_events(vfu, err);
	if (!r && client >= 0) {
		r = connect_client(vfu, facet_steal_fd(&client));
		if (r < 0)
			facet_error_set(err, r, "vfio-user: the socket given cannot be used: %s",
					strerrordesc_np(-r));
	}
	if (r < 0) {
		facet_vfio_user_destroy(vfu);
		return r;
	}
	*ret = vfu;
	return 0;
}

void facet_vfio_user_destroy(struct facet_vfio_user *vfu)
{
	if (!vfu)
		return;
	disconnect(vfu);
	facet_pci_destroy(vfu->pci);
	vfu_irqs_fini(vfu);
	facet_guest_memory_destroy(vfu->host.memory);
	facet_close_ptr(&vfu->listen_fd);
	facet_close_ptr(&vfu->again_fd);
	facet_close_ptr(&vfu->epoll_fd);
	pthread_mutex_destroy(&vfu->irq_lock);
	free(vfu);
}

int facet_vfio_user_fd(const struct facet_vfio_user *vfu)
{
	return vfu->epoll_fd;
}

struct facet_pci *facet_vfio_user_function(struct facet_vfio_user *vfu)
{
	return vfu->pci;
}

int facet_vfio_user_client(const struct facet_vfio_user *vfu)
{
	return vfu->main.fd;
}

void facet_vfio_user_status(const struct facet_vfio_user *vfu, struct facet_vfio_user_status *ret)
{
	*ret = (struct facet_vfio_user_status){
		.connected = vfu->agreed,
		.drops = vfu->drops,
		.received =
			vfu->received + vfu->main.received_messages + vfu->twin.received_messages,
		.sent = vfu->sent + vfu->main.sent_messages + vfu->twin.sent_messages,
		.maps = vfu->map_count,
		.regions = facet_guest_memory_count(vfu->host.memory),
	};
}
