// SPDX-License-Identifier: GPL-2.0-or-later
/* loop.c - waits for the guest, for callers and for signals. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "vgpu/vgpu.h"

#define LOG_AREA "vgpu"

/*
 * sd-event:
 * #syscalls epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
 * #syscalls timerfd_create timerfd_settime signalfd4
 */

/* By QEMU's convention, a program that was started for one virtual machine ends with it. */
static bool is_over(struct facet_vgpu *vgpu)
{
	struct facet_transport_status status;

	if (vgpu->opts->listen_fd >= 0)
		return false;
	facet_transport_status(vgpu->transport, &status);
	if (status.connected)
		vgpu->seen = true;
	return vgpu->seen && !status.connected;
}

static int on_transport(sd_event_source *source, int fd, uint32_t revents, void *owner)
{
	struct facet_vgpu *vgpu = owner;
	int r = facet_transport_dispatch(vgpu->transport);

	facet_handover_changed(vgpu);
	if (r == -ENOTCONN || is_over(vgpu))
		return sd_event_exit(vgpu->event, 0);
	if (r < 0) {
		log_error("the way to the virtual machine is broken: %s", strerror(-r));
		return sd_event_exit(vgpu->event, r);
	}
	return 0;
}

/* Whoever helps out may do so while this thread waits. */
static int step(struct facet_vgpu *vgpu)
{
	int r = sd_event_prepare(vgpu->event);

	if (r == 0) {
		pthread_mutex_unlock(&vgpu->errands.lock);
		r = sd_event_wait(vgpu->event, UINT64_MAX);
		pthread_mutex_lock(&vgpu->errands.lock);
	}
	return r > 0 ? sd_event_dispatch(vgpu->event) : r;
}

int facet_vgpu_run(struct facet_vgpu *vgpu, struct facet_error *err)
{
	static const int signals[] = { SIGTERM, SIGINT };
	int r = 0;

	/* NULL as the handler: the loop ends with 0. main() has blocked them. */
	for (size_t i = 0; r >= 0 && i < sizeof(signals) / sizeof(signals[0]); i++)
		r = sd_event_add_signal(vgpu->event, NULL, signals[i], NULL, NULL);
	if (r >= 0)
		r = sd_event_add_io(vgpu->event, NULL, facet_transport_fd(vgpu->transport), EPOLLIN,
				    on_transport, vgpu);
	while (r >= 0 && sd_event_get_state(vgpu->event) != SD_EVENT_FINISHED)
		r = step(vgpu);
	if (r >= 0)
		sd_event_get_exit_code(vgpu->event, &r);
	return r < 0 ? facet_error_set(err, r, "event loop: %s", strerror(-r)) : 0;
}
