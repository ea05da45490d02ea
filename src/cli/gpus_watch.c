// SPDX-License-Identifier: GPL-2.0-or-later
/* gpus_watch.c - facet gpus --host --watch: the same whenever a device or an owner comes or goes.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <systemd/sd-device.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "cli/host.h"

enum { SETTLE_US = 200000 }; /* a PF's VFs come one by one */

struct watch {
	struct cli *cli;
	sd_event *event;
	sd_device_monitor *monitor;
	sd_event_source *timer, *above, *owners;
	char *shown;
	int result; /* an exit code */
};

/* NULL: out of memory, or it could not be looked at, which was said. */
static char *look(struct watch *watch)
{
	struct cli_host host;
	json_t *json;
	char *text = NULL;

	watch->result = cli_host_look(watch->cli, &host);
	if (watch->result == 0 && watch->cli->json) {
		json = cli_host_json(&host);
		text = json_dumps(json, JSON_COMPACT);
		json_decref(json);
	} else if (watch->result == 0) {
		text = cli_host_text(&host);
	}
	cli_host_fini(&host);
	if (watch->result == 0 && !text)
		watch->result = cli_error(watch->cli, "out of memory");
	return text;
}

/* On a terminal in place of the last one; JSON a line each. */
static int show(struct watch *watch)
{
	char *text = look(watch);

	if (!text)
		return sd_event_exit(watch->event, 0);
	if (watch->shown && strcmp(watch->shown, text) == 0) {
		free(text);
		return 0;
	}
	if (!watch->cli->json && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	else if (!watch->cli->json && watch->shown)
		puts("");
	fputs(text, stdout);
	if (watch->cli->json)
		puts("");
	free(watch->shown);
	watch->shown = text;
	watch->result = cli_flush();
	return watch->result ? sd_event_exit(watch->event, 0) : 0;
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct watch *watch = userdata;

	watch->timer = sd_event_source_disable_unref(watch->timer);
	return show(watch);
}

static int settle(struct watch *watch)
{
	return watch->timer
		       ? 0
		       : sd_event_add_time_relative(watch->event, &watch->timer, CLOCK_MONOTONIC,
						    SETTLE_US, 0, on_settled, watch);
}

static int on_device(sd_device_monitor *monitor, sd_device *device, void *userdata)
{
	return settle(userdata);
}

/* --- who has what --- */

static int on_owner(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	return settle(userdata);
}

/* Not there before the first part was given. */
static int watch_owners(struct watch *watch)
{
	const char *root = cli_value(watch->cli, "root");
	char path[4096];

	snprintf(path, sizeof(path), "%s/run/facet-parts", root ? root : "");
	if (watch->owners)
		return 0;
	sd_event_add_inotify(watch->event, &watch->owners, path,
			     IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR, on_owner, watch);
	return watch->owners ? settle(watch) : 0;
}

static int on_above(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	return event->len && strcmp(event->name, "facet-parts") == 0 ? watch_owners(userdata) : 0;
}

static int watch_parts(struct watch *watch)
{
	const char *root = cli_value(watch->cli, "root");
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/run", root ? root : "");
	r = sd_event_add_inotify(watch->event, &watch->above, path, IN_CREATE | IN_ONLYDIR,
				 on_above, watch);
	/* A made-up host may do without. */
	return r < 0 && r != -ENOENT ? r : watch_owners(watch);
}

/* --- devices --- */

static int watch_devices(struct watch *watch)
{
	int r;

	if (cli_value(watch->cli, "root"))
		return 0;
	if (access("/run/udev/control", F_OK) < 0)
		cli_error(watch->cli, "note: udev does not run here: what facet gives is seen, and "
				      "nothing else");
	r = sd_device_monitor_new(&watch->monitor);
	if (r >= 0)
		r = sd_device_monitor_filter_add_match_subsystem_devtype(watch->monitor, "pci",
									 NULL);
	if (r >= 0)
		r = sd_device_monitor_filter_add_match_subsystem_devtype(watch->monitor, "mdev",
									 NULL);
	if (r >= 0)
		r = sd_device_monitor_filter_add_match_subsystem_devtype(watch->monitor, "drm",
									 NULL);
	if (r >= 0)
		r = sd_device_monitor_attach_event(watch->monitor, watch->event);
	return r < 0 ? r : sd_device_monitor_start(watch->monitor, on_device, watch);
}

static int begin(struct watch *watch)
{
	sigset_t signals;
	int r = sd_event_new(&watch->event);

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (r >= 0)
		r = sd_event_add_signal(watch->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(watch->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = watch_devices(watch);
	return r < 0 ? r : watch_parts(watch);
}

int cli_watch_host(struct cli *cli)
{
	struct watch watch = { .cli = cli };
	int r = begin(&watch);

	/* Watched before it is looked at: nothing is missed in between. */
	if (r >= 0)
		r = show(&watch);
	if (r >= 0 && watch.result == 0)
		r = sd_event_loop(watch.event);
	if (r < 0)
		watch.result = cli_error(cli, "devices cannot be watched: %s", strerror(-r));
	sd_event_source_disable_unref(watch.timer);
	sd_event_source_disable_unref(watch.owners);
	sd_event_source_disable_unref(watch.above);
	sd_device_monitor_unref(watch.monitor);
	sd_event_unref(watch.event);
	free(watch.shown);
	return watch.result;
}
