// SPDX-License-Identifier: GPL-2.0-or-later
/* vgpu.c - starts, watches and replaces the process of a vGPU. */
#include "daemon/vgpu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/arbitration.h"
#include "daemon/given.h"
#include "daemon/kvmfr.h"
#include "daemon/launch.h"
#include "daemon/monitor.h"
#include "daemon/process.h"
#include "daemon/vgpu_internal.h"

/* What QEMU does not connect again by itself (vfio-user). */
#define LOST_DEVICE "; the guest lost the device"

#define LOG_AREA "facetd"

enum {
	START_TIMEOUT_US = 15000000,
	STOP_TIMEOUT_US = 2000000,
	HANG_PAUSE_US = 10000000,
	LOG_LIMIT = 1 << 20,
	/* A process, or a driver that starts all the time, must not keep us at nothing else. */
	HANDOVERS = 200,
	HANDOVER_SPAN_US = 1000000,
};

static int start(struct facetd_vgpu *vgpu, struct facet_error *err);
static void ask_handover(struct facetd_vgpu *vgpu);

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void facetd_vgpu_settle(struct facetd_vgpu *vgpu, int error, const char *text)
{
	void (*settled)(void *, struct facetd_vgpu *, int, const char *) = vgpu->settled;

	vgpu->settled = NULL;
	facetd_monitor_changed(vgpu->daemon);
	if (settled)
		settled(vgpu->settled_owner, vgpu, error, text);
}

void facetd_vgpu_save(const struct facetd_vgpu *vgpu)
{
	struct facet_error err;

	if (facetd_record_save(&vgpu->daemon->dir, &vgpu->record, &err))
		log_error("%s: the next facetd will not know it: %s", vgpu->record.name, err.text);
}

/* All that belongs to the process that ended, or that somebody else will watch. */
static void let_go(struct facetd_vgpu *vgpu)
{
	vgpu->death = sd_event_source_disable_unref(vgpu->death);
	vgpu->timer = sd_event_source_disable_unref(vgpu->timer);
	vgpu->hangup = sd_event_source_disable_unref(vgpu->hangup);
	vgpu->handover_later = sd_event_source_disable_unref(vgpu->handover_later);
	vgpu->strange = false;
	facet_varlink_request_destroy(facet_steal(vgpu->handover));
	facet_varlink_request_destroy(facet_steal(vgpu->stop));
	close_fd(&vgpu->pidfd);
}

void facetd_vgpu_forget(struct facetd_vgpu *vgpu)
{
	let_go(vgpu);
	facetd_arbitration_detach(vgpu);
	facetd_held_fini(&vgpu->held);
	close_fd(&vgpu->listen_fd);
	close_fd(&vgpu->control_fd);
	facet_list_remove(&vgpu->link);
	vgpu->daemon->count--;
	facetd_monitor_changed(vgpu->daemon);
	facetd_given_destroy(vgpu->given);
	free(vgpu);
}

void facetd_vgpu_vanish(struct facetd_vgpu *vgpu, int error, const char *text)
{
	facetd_kvmfr_remove(vgpu);
	facetd_rundir_remove(&vgpu->daemon->dir, vgpu->record.name);
	facetd_vgpu_settle(vgpu, error, text);
	facetd_vgpu_forget(vgpu);
}

struct facetd_vgpu *facetd_vgpu_new(struct facetd *daemon, const struct facetd_record *record)
{
	struct facetd_vgpu *vgpu = calloc(1, sizeof(*vgpu)), *other;
	struct facet_list *link;

	if (!vgpu)
		return NULL;
	vgpu->daemon = daemon;
	vgpu->record = *record;
	vgpu->listen_fd = vgpu->control_fd = vgpu->pidfd = -1;
	if (record->token[0]) {
		vgpu->given = facetd_given_create();
		if (!vgpu->given) {
			free(vgpu);
			return NULL;
		}
	}
	/* Kept in the order of names, as people want to see them. */
	facet_list_for_each(link, &daemon->vgpus)
	{
		other = facet_container_of(link, struct facetd_vgpu, link);
		if (strcmp(other->record.name, record->name) > 0)
			break;
	}
	facet_list_append(link, &vgpu->link);
	daemon->count++;
	facetd_monitor_changed(daemon);
	return vgpu;
}

struct facetd_vgpu *facetd_vgpu_find(const struct facetd *daemon, const char *name)
{
	struct facet_list *link;

	facet_list_for_each(link, &daemon->vgpus)
	{
		struct facetd_vgpu *vgpu = facet_container_of(link, struct facetd_vgpu, link);

		if (strcmp(vgpu->record.name, name) == 0)
			return vgpu;
	}
	return NULL;
}

void facetd_vgpu_trim_log(const struct facetd_vgpu *vgpu)
{
	char path[PATH_MAX];
	struct stat st;

	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, "log", path);
	if (stat(path, &st) == 0 && st.st_size > LOG_LIMIT && truncate(path, 0) < 0)
		log_warn("%s: %s", path, strerror(errno));
}

/* --- the end of a process --- */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Notes that it happened now; true when that was @count times lately. @times: newest first. */
static bool note_recent(uint64_t *times, unsigned int count)
{
	uint64_t now = now_us(), oldest;

	memmove(times + 1, times, (count - 1) * sizeof(times[0]));
	times[0] = now;
	oldest = times[count - 1];
	return oldest && now - oldest < FACETD_DEATHS_SECONDS * 1000000ULL;
}

static int on_hangup(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct facetd_vgpu *vgpu = userdata;

	vgpu->hangup = sd_event_source_disable_unref(vgpu->hangup);
	facetd_held_drop(&vgpu->held);
	return 0;
}

/* New machines are refused at once instead of waiting for nobody; the old one is kept alive. */
static void give_up(struct facetd_vgpu *vgpu)
{
	int fd = facetd_held_front(&vgpu->held);
	char path[PATH_MAX], file[32];

	vgpu->phase = FACETD_FAILED;
	close_fd(&vgpu->listen_fd);
	close_fd(&vgpu->control_fd);
	facetd_record_socket(&vgpu->record, file);
	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, file, path);
	unlink(path);
	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, "control.sock", path);
	unlink(path);
	if (fd >= 0 &&
	    sd_event_add_io(vgpu->daemon->event, &vgpu->hangup, fd, 0, on_hangup, vgpu) < 0)
		facetd_held_drop(&vgpu->held);
	facetd_vgpu_save(vgpu);
	log_error("%s: %s; `facet restart %s` tries again", vgpu->record.name, vgpu->record.reason,
		  vgpu->record.name);
	facetd_vgpu_settle(vgpu, -EIO, vgpu->record.reason);
}

static void start_or_give_up(struct facetd_vgpu *vgpu)
{
	struct facet_error err;

	if (start(vgpu, &err)) {
		snprintf(vgpu->record.reason, sizeof(vgpu->record.reason), "%s", err.text);
		give_up(vgpu);
	}
}

static void note_death(struct facetd_vgpu *vgpu, char *ret_how, size_t size)
{
	char path[PATH_MAX], line[160], how[80];

	facetd_process_end_reason(vgpu->pidfd, how, sizeof(how));
	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, "log", path);
	facetd_log_last_error(path, vgpu->log_start, line, sizeof(line));
	snprintf(ret_how, size, "%s%s%s", how, line[0] ? ": " : "", line);
}

static void after_death(struct facetd_vgpu *vgpu, const char *how)
{
	struct facetd_record *record = &vgpu->record;
	const char *next = vgpu->phase == FACETD_STARTING ? "did not start" : "died";

	if (vgpu->fresh) {
		facetd_vgpu_vanish(vgpu, -EIO, how);
		return;
	}
	log_warn("%s: facet-vgpu %d %s: %s", record->name, (int)record->pid, next, how);
	record->pid = 0;
	if (note_recent(vgpu->deaths, FACETD_MAX_DEATHS)) {
		snprintf(record->reason, sizeof(record->reason), "%s: %.160s (%d times in %d s)",
			 next, how, FACETD_MAX_DEATHS, FACETD_DEATHS_SECONDS);
		give_up(vgpu);
		return;
	}
	snprintf(record->reason, sizeof(record->reason), "%s: %.160s; restarted", next, how);
	record->restarts++;
	start_or_give_up(vgpu);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct facetd_vgpu *vgpu = userdata;

	vgpu->timer = sd_event_source_disable_unref(vgpu->timer);
	start_or_give_up(vgpu);
	return 0;
}

/* A guest's fault, and no reason to give it up; but who hangs all the time has to wait. */
static void after_hang(struct facetd_vgpu *vgpu, const char *how)
{
	struct facetd_record *record = &vgpu->record;

	snprintf(record->reason, sizeof(record->reason), "%s", how);
	record->pid = 0;
	record->restarts++;
	if (!note_recent(vgpu->hangs, FACETD_MAX_HANGS)) {
		start_or_give_up(vgpu);
		return;
	}
	log_warn("%s: %d hangs in %d s: the next process comes in %d s", record->name,
		 FACETD_MAX_HANGS, FACETD_DEATHS_SECONDS, HANG_PAUSE_US / 1000000);
	vgpu->phase = FACETD_STARTING;
	facetd_vgpu_save(vgpu);
	if (sd_event_add_time_relative(vgpu->daemon->event, &vgpu->timer, CLOCK_MONOTONIC,
				       HANG_PAUSE_US, 0, on_patience, vgpu) < 0)
		start_or_give_up(vgpu);
}

static int on_death(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct facetd_vgpu *vgpu = userdata;
	char how[256];
	bool hung = facetd_arbitration_stopped(vgpu, how, sizeof(how));

	if (!hung)
		note_death(vgpu, how, sizeof(how));
	if (facetd_held_hang_up(&vgpu->held))
		snprintf(how + strlen(how), sizeof(how) - strlen(how), "%s", LOST_DEVICE);
	let_go(vgpu);
	facetd_monitor_changed(vgpu->daemon);
	if (vgpu->phase == FACETD_STOPPING && !vgpu->respawn) {
		log_info("%s: removed", vgpu->record.name);
		facetd_vgpu_vanish(vgpu, 0, "");
	} else if (vgpu->phase == FACETD_STOPPING) {
		vgpu->record.restarts++;
		start_or_give_up(vgpu);
	} else if (hung) {
		after_hang(vgpu, how);
	} else {
		after_death(vgpu, how);
	}
	return 0;
}

static int watch(struct facetd_vgpu *vgpu)
{
	int r = sd_event_add_io(vgpu->daemon->event, &vgpu->death, vgpu->pidfd, EPOLLIN, on_death,
				vgpu);

	/* After its last words: a descriptor may still be in them. */
	return r < 0 ? r : sd_event_source_set_priority(vgpu->death, SD_EVENT_PRIORITY_IDLE);
}

/* --- what a process hands over --- */

static int take_fd(void *owner)
{
	return facet_varlink_request_take_fd(owner);
}

/* After a restart of facetd the sockets come back this way; others are not believed. */
static void take_back(struct facetd_vgpu *vgpu, const char *name, const char *file, int *fd)
{
	int offered = facetd_held_fd(&vgpu->held, name);

	if (*fd < 0 && offered >= 0 &&
	    facetd_rundir_listens(&vgpu->daemon->dir, vgpu->record.name, file, offered))
		*fd = fcntl(offered, F_DUPFD_CLOEXEC, 3);
}

static void come_up(struct facetd_vgpu *vgpu)
{
	if (vgpu->phase != FACETD_STARTING)
		return;
	vgpu->timer = sd_event_source_disable_unref(vgpu->timer);
	vgpu->phase = FACETD_UP;
	vgpu->fresh = false;
	facetd_vgpu_settle(vgpu, 0, "");
}

static int on_ask_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct facetd_vgpu *vgpu = userdata;

	vgpu->handover_later = sd_event_source_disable_unref(vgpu->handover_later);
	ask_handover(vgpu);
	return 0;
}

/* True: it is asked again later; the first answer is always all there is to know. */
static bool tells_too_much(struct facetd_vgpu *vgpu)
{
	uint64_t now = 0;

	sd_event_now(vgpu->daemon->event, CLOCK_MONOTONIC, &now);
	if (now - vgpu->handovers_since_us > HANDOVER_SPAN_US) {
		vgpu->handovers_since_us = now;
		vgpu->handovers = 0;
	}
	if (++vgpu->handovers <= HANDOVERS ||
	    sd_event_add_time_relative(vgpu->daemon->event, &vgpu->handover_later, CLOCK_MONOTONIC,
				       HANDOVER_SPAN_US, 0, on_ask_again, vgpu) < 0)
		return false;
	log_debug("%s: its process tells too much", vgpu->record.name);
	facet_varlink_request_destroy(facet_steal(vgpu->handover));
	return true;
}

static void on_handover(void *owner, const struct facet_varlink_answer *answer, int error)
{
	struct facetd_vgpu *vgpu = owner;
	struct facet_error err;
	char file[32];

	/* If it died we are about to hear; if not, it can still be restarted by hand. */
	if (!answer || answer->error) {
		vgpu->handover = NULL;
		return;
	}
	if (!answer->continues)
		vgpu->handover = NULL;
	if (tells_too_much(vgpu))
		return;
	/* A machine has come or gone, or its driver started. */
	facetd_monitor_changed(vgpu->daemon);
	if (facetd_held_take(&vgpu->held, answer->parameters, take_fd, answer->request, &err)) {
		if (!vgpu->strange)
			log_warn("%s: %s", vgpu->record.name, err.text);
		vgpu->strange = true;
		return;
	}
	facetd_record_socket(&vgpu->record, file);
	take_back(vgpu, "listen", file, &vgpu->listen_fd);
	take_back(vgpu, "control", "control.sock", &vgpu->control_fd);
	facetd_arbitration_started(vgpu);
	come_up(vgpu);
}

static void ask_handover(struct facetd_vgpu *vgpu)
{
	char path[PATH_MAX];
	struct facet_error err;

	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, "control.sock", path);
	if (facet_varlink_request_create(
		    &(struct facet_varlink_request_config){ .event = vgpu->daemon->event,
							    .path = path,
							    .method = "io.facet.vgpu.Handover",
							    .more = true,
							    .answered = on_handover,
							    .owner = vgpu },
		    &vgpu->handover, &err))
		log_warn("%s: %s", vgpu->record.name, err.text);
}

/* --- a new process --- */

static int on_start_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct facetd_vgpu *vgpu = userdata;

	log_error("%s: facet-vgpu %d does not answer", vgpu->record.name, (int)vgpu->record.pid);
	vgpu->timer = sd_event_source_disable_unref(vgpu->timer);
	facetd_process_kill(vgpu->pidfd, SIGKILL);
	return 0;
}

static int start(struct facetd_vgpu *vgpu, struct facet_error *err)
{
	int r = facetd_launch_sockets(vgpu, err);

	vgpu->hangup = sd_event_source_disable_unref(vgpu->hangup);
	vgpu->timer = sd_event_source_disable_unref(vgpu->timer);
	/* Nothing of a machine that left meanwhile. */
	if (!facetd_held_in_use(&vgpu->held))
		facetd_held_drop(&vgpu->held);
	if (!r)
		r = facetd_launch(vgpu, err);
	if (r)
		return r;
	vgpu->phase = FACETD_STARTING;
	vgpu->record.start_time = facetd_process_start_time(vgpu->record.pid);
	facetd_vgpu_save(vgpu);
	r = watch(vgpu);
	if (r >= 0)
		r = sd_event_add_time_relative(vgpu->daemon->event, &vgpu->timer, CLOCK_MONOTONIC,
					       START_TIMEOUT_US, 0, on_start_timeout, vgpu);
	if (r < 0) {
		facetd_process_kill(vgpu->pidfd, SIGKILL);
		let_go(vgpu);
		return facet_error_set(err, r, "%s: its process cannot be watched: %s",
				       vgpu->record.name, strerror(-r));
	}
	ask_handover(vgpu);
	return 0;
}

int facetd_vgpu_create(struct facetd *daemon, const struct facetd_record *record,
		       struct facetd_vgpu **ret, struct facet_error *err)
{
	struct facetd_vgpu *vgpu;
	int r = facetd_rundir_add(&daemon->dir, record->name, err);

	if (r)
		return r;
	vgpu = facetd_vgpu_new(daemon, record);
	if (!vgpu) {
		facetd_rundir_remove(&daemon->dir, record->name);
		return facet_error_set(err, -ENOMEM, "%s: out of memory", record->name);
	}
	vgpu->fresh = true;
	if (vgpu->given) {
		r = facetd_given_take(vgpu, err);
	} else {
		r = facetd_arbitration_attach(vgpu, err);
		if (!r)
			r = start(vgpu, err);
	}
	if (r)
		facetd_vgpu_vanish(vgpu, r, err->text);
	else
		*ret = vgpu;
	return r;
}

int facetd_vgpu_adopt(struct facetd *daemon, const char *name, struct facet_error *err)
{
	struct facetd_record record;
	struct facetd_vgpu *vgpu;
	int r = facetd_record_load(&daemon->dir, name, &record, err);

	if (r)
		return r;
	vgpu = facetd_vgpu_new(daemon, &record);
	if (!vgpu)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", name);
	if (vgpu->given) {
		facetd_given_adopt(vgpu);
		return 0;
	}
	if (facetd_arbitration_attach(vgpu, err))
		log_error("%s: its limits are not enforced: %s", name, err->text);
	if (facetd_process_open(record.pid, record.start_time, &vgpu->pidfd) == 0 &&
	    watch(vgpu) >= 0) {
		/* UP even before it answers: it must not be killed for being busy now. */
		vgpu->phase = FACETD_UP;
		ask_handover(vgpu);
		log_info("%s: facet-vgpu %d was found running", name, (int)record.pid);
		return 0;
	}
	if (record.pid) {
		snprintf(vgpu->record.reason, sizeof(vgpu->record.reason),
			 "ended while facetd was away; restarted");
		vgpu->record.pid = 0;
		vgpu->record.restarts++;
	}
	start_or_give_up(vgpu);
	return 0;
}

/* --- what people ask for --- */

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct facetd_vgpu *vgpu = userdata;

	facetd_process_kill(vgpu->pidfd, SIGKILL);
	return 0;
}

static void on_stopped(void *owner, const struct facet_varlink_answer *answer, int error)
{
	struct facetd_vgpu *vgpu = owner;

	vgpu->stop = NULL;
}

void facetd_vgpu_remove(struct facetd_vgpu *vgpu)
{
	char path[PATH_MAX];

	if (vgpu->given) {
		facetd_given_release(vgpu);
		return;
	}
	if (vgpu->pidfd < 0) {
		facetd_vgpu_vanish(vgpu, 0, "");
		return;
	}
	vgpu->phase = FACETD_STOPPING;
	facetd_monitor_changed(vgpu->daemon);
	vgpu->respawn = false;
	vgpu->timer = sd_event_source_disable_unref(vgpu->timer);
	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, "control.sock", path);
	if (facet_varlink_request_create(
		    &(struct facet_varlink_request_config){ .event = vgpu->daemon->event,
							    .path = path,
							    .method = "io.facet.vgpu.Stop",
							    .answered = on_stopped,
							    .owner = vgpu },
		    &vgpu->stop, NULL) ||
	    sd_event_add_time_relative(vgpu->daemon->event, &vgpu->timer, CLOCK_MONOTONIC,
				       STOP_TIMEOUT_US, 0, on_stop_timeout, vgpu) < 0)
		facetd_process_kill(vgpu->pidfd, SIGKILL);
}

int facetd_vgpu_restart(struct facetd_vgpu *vgpu, struct facet_error *err)
{
	if (vgpu->given)
		return facetd_given_take(vgpu, err);
	memset(vgpu->deaths, 0, sizeof(vgpu->deaths));
	snprintf(vgpu->record.reason, sizeof(vgpu->record.reason), "restarted by hand");
	if (vgpu->pidfd < 0) {
		int r;

		vgpu->record.restarts++;
		r = start(vgpu, err);
		if (r) {
			snprintf(vgpu->record.reason, sizeof(vgpu->record.reason), "%s", err->text);
			give_up(vgpu);
		}
		return r;
	}
	/* Not asked but killed: it may hang, and what its guest holds is already here. */
	vgpu->phase = FACETD_STOPPING;
	vgpu->respawn = true;
	facetd_process_kill(vgpu->pidfd, SIGKILL);
	return 0;
}
