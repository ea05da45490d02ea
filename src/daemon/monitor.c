// SPDX-License-Identifier: GPL-2.0-or-later
/* monitor.c - the method Monitor: differences between two looks at the vGPUs, to all who listen. */
#include "daemon/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/call.h"
#include "daemon/describe.h"
#include "daemon/inquiry.h"

enum {
	SETTLE_US = 20000, /* changes come in bunches */
	MAX_LISTENERS = 16,
};

struct listener {
	struct facet_list link;
	struct facetd_monitor *monitor;
	struct facet_varlink_call *call;
	bool greeted; /* knows what was there when it came */
};

struct facetd_monitor {
	struct facetd *daemon;
	sd_event_source *timer;
	struct facetd_inquiry *inquiry;
	bool again; /* something changed while we were asking */
	json_t *known;
	struct facet_list listeners;
	unsigned int count;
};

static void on_gone(void *owner)
{
	struct listener *listener = owner;

	listener->monitor->count--;
	facet_list_remove(&listener->link);
	free(listener);
}

static json_t *make_event(const char *event, const json_t *vgpu)
{
	return json_pack("{s:s, s:o, s:o, s:o}", "event", event, "name",
			 json_incref(json_object_get(vgpu, "name")), "state",
			 json_incref(json_object_get(vgpu, "state")), "reason",
			 json_incref(json_object_get(vgpu, "reason")));
}

/* One that cannot take it is gone afterwards: the server hung up. */
static void tell(struct listener *listener, const char *event, const json_t *vgpu)
{
	facet_varlink_reply_fds(listener->call, make_event(event, vgpu), NULL, 0, true);
}

static void tell_all(struct facetd_monitor *monitor, const char *event, const json_t *vgpu)
{
	struct facet_list *link, *next;

	facet_list_for_each_safe(link, next, &monitor->listeners)
	{
		struct listener *listener = facet_container_of(link, struct listener, link);

		if (listener->greeted)
			tell(listener, event, vgpu);
	}
}

static json_t *find(const json_t *list, const json_t *vgpu)
{
	json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
	{
		if (json_equal(json_object_get(other, "name"), json_object_get(vgpu, "name")))
			return other;
	}
	return NULL;
}

static bool differ(const json_t *a, const json_t *b, const char *field)
{
	return !json_equal(json_object_get(a, field), json_object_get(b, field));
}

static void compare(struct facetd_monitor *monitor, const json_t *before, const json_t *now)
{
	json_t *vgpu, *old;
	size_t i;

	json_array_foreach(before, i, vgpu)
	{
		if (!find(now, vgpu))
			tell_all(monitor, "removed", vgpu);
	}
	json_array_foreach(now, i, vgpu)
	{
		old = find(before, vgpu);
		if (!old) {
			tell_all(monitor, "added", vgpu);
			continue;
		}
		if (differ(old, vgpu, "state") || differ(old, vgpu, "reason") ||
		    differ(old, vgpu, "restarts"))
			tell_all(monitor, "state", vgpu);
		if (differ(old, vgpu, "limits"))
			tell_all(monitor, "limits", vgpu);
	}
}

/* False: it could not take it, and is gone. */
static bool greet(struct listener *listener, const json_t *now)
{
	struct facetd_monitor *monitor = listener->monitor;
	unsigned int count = monitor->count;
	json_t *vgpu, *nobody;
	size_t i;

	listener->greeted = true;
	json_array_foreach(now, i, vgpu)
	{
		tell(listener, "present", vgpu);
		if (monitor->count < count)
			return false;
	}
	nobody = json_pack("{s:s, s:s, s:s}", "name", "", "state", "", "reason", "");
	tell(listener, "ready", nobody);
	json_decref(nobody);
	return true;
}

static void on_states(void *owner, json_t *list)
{
	struct facetd_monitor *monitor = owner;
	struct facet_list *link, *next;
	json_t *before = monitor->known;

	monitor->inquiry = NULL;
	monitor->known = json_incref(list);
	compare(monitor, before, list);
	json_decref(before);
	facet_list_for_each_safe(link, next, &monitor->listeners)
	{
		struct listener *listener = facet_container_of(link, struct listener, link);

		if (!listener->greeted)
			greet(listener, list);
	}
	if (monitor->again) {
		monitor->again = false;
		facetd_monitor_changed(monitor->daemon);
	}
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct facetd_monitor *monitor = userdata;

	monitor->timer = sd_event_source_disable_unref(monitor->timer);
	if (facet_list_empty(&monitor->listeners))
		return 0;
	/* It may be done before it returns, and has then forgotten itself. */
	if (facetd_inquiry_create(monitor->daemon, NULL, facetd_describe_state, on_states, monitor,
				  &monitor->inquiry))
		facetd_monitor_changed(monitor->daemon);
	return 0;
}

void facetd_monitor_changed(struct facetd *daemon)
{
	struct facetd_monitor *monitor = daemon->monitor;

	if (!monitor || facet_list_empty(&monitor->listeners) || monitor->timer)
		return;
	if (monitor->inquiry)
		monitor->again = true;
	else
		sd_event_add_time_relative(daemon->event, &monitor->timer, CLOCK_MONOTONIC,
					   SETTLE_US, 1000, on_timer, monitor);
}

void facetd_monitor_add(struct facetd *daemon, struct facet_varlink_call *call)
{
	struct facetd_monitor *monitor = daemon->monitor;
	struct listener *listener;

	if (!facet_varlink_call_more(call)) {
		facetd_fail_argument(call, "more",
				     "Monitor answers many times: call it with \"more\"");
		return;
	}
	listener = monitor->count < MAX_LISTENERS ? calloc(1, sizeof(*listener)) : NULL;
	if (!listener) {
		facetd_fail(call, "io.facet.LimitReached", NULL,
			    "Monitor: %d programs listen, and no more are allowed", MAX_LISTENERS);
		return;
	}
	*listener = (struct listener){ .monitor = monitor, .call = call };
	/* What nobody listened to is of no interest to the first who does. */
	if (!monitor->count++) {
		json_decref(monitor->known);
		monitor->known = NULL;
	}
	facet_list_append(&monitor->listeners, &listener->link);
	facet_varlink_call_on_gone(call, on_gone, listener);
	facetd_monitor_changed(daemon);
}

int facetd_monitor_create(struct facetd *daemon, struct facet_error *err)
{
	struct facetd_monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor)
		return facet_error_set(err, -ENOMEM, "facetd: out of memory");
	monitor->daemon = daemon;
	facet_list_init(&monitor->listeners);
	daemon->monitor = monitor;
	return 0;
}

void facetd_monitor_destroy(struct facetd *daemon)
{
	struct facetd_monitor *monitor = daemon->monitor;

	if (!monitor)
		return;
	daemon->monitor = NULL;
	facetd_inquiry_cancel(monitor->inquiry);
	sd_event_source_disable_unref(monitor->timer);
	json_decref(monitor->known);
	free(monitor);
}
