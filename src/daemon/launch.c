// SPDX-License-Identifier: GPL-2.0-or-later
/* launch.c - what a new facet-vgpu process is told and given. */
#include "daemon/launch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/arbitration.h"
#include "daemon/kvmfr.h"
#include "daemon/process.h"

#define LOG_AREA "facetd"

enum {
	MAX_WORDS = 40 + 2 * FACETD_MAX_OUTPUTS,
	/* listen, control, share, doorbell, kvmfr, adopt; then what is held */
	OWN_FDS = 5 + FACETD_MAX_OUTPUTS,
	FIRST_FD = 3,
};

struct command {
	const char *argv[MAX_WORDS];
	unsigned int argc;
	char text[1024]; /* of the words that had to be written */
	size_t used;
	int fds[OWN_FDS + FACETD_HELD_MAX];
	unsigned int fd_count;
};

int facetd_launch_sockets(struct facetd_vgpu *vgpu, struct facet_error *err)
{
	struct facetd_rundir *dir = &vgpu->daemon->dir;
	char file[32];
	int r = 0;

	facetd_record_socket(&vgpu->record, file);
	if (vgpu->listen_fd < 0)
		r = facetd_rundir_listen(dir, vgpu->record.name, file, dir->shared ? 0660 : 0600,
					 &vgpu->listen_fd, err);
	if (!r && vgpu->control_fd < 0)
		r = facetd_rundir_listen(dir, vgpu->record.name, "control.sock", 0600,
					 &vgpu->control_fd, err);
	return r;
}

static int open_log(struct facetd_vgpu *vgpu, int *ret, struct facet_error *err)
{
	char path[PATH_MAX];

	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, "log", path);
	*ret = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (*ret < 0)
		return facet_error_set(err, -errno, "%s: %s", path, strerror(errno));
	vgpu->log_start = (uint64_t)lseek(*ret, 0, SEEK_END);
	return 0;
}

/* Room for these was counted when they were written; names are bounded by the record. */
static void add_word(struct command *command, const char *word)
{
	assert(command->argc < MAX_WORDS - 1);
	command->argv[command->argc++] = word;
}

__attribute__((format(printf, 3, 4))) static void add(struct command *command, const char *option,
						      const char *fmt, ...)
{
	char *word = command->text + command->used;
	size_t room = sizeof(command->text) - command->used;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(word, room, fmt, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < room);
	command->used += (size_t)n + 1;
	add_word(command, option);
	add_word(command, word);
}

static void add_fd(struct command *command, const char *option, int fd)
{
	if (fd < 0)
		return;
	add(command, option, "%u", FIRST_FD + command->fd_count);
	command->fds[command->fd_count++] = fd;
}

/* The successor is told the numbers under which it finds what its predecessor held. */
static int add_held(struct command *command, const struct facetd_held *held, int *ret_memfd,
		    struct facet_error *err)
{
	int r;

	if (!held->count)
		return 0;
	r = facetd_held_memfd(held, FIRST_FD + (int)command->fd_count + 1, ret_memfd);
	if (r)
		return facet_error_set(err, r, "handover: %s", strerror(-r));
	add_fd(command, "--adopt-fd", *ret_memfd);
	for (unsigned int i = 0; i < held->count; i++)
		command->fds[command->fd_count++] = held->items[i].fd;
	return 0;
}

/* A vGPU that runs is worth more than being seen: only a new one fails for that. */
static int add_kvmfr(struct command *command, struct facetd_vgpu *vgpu, int fds[FACETD_MAX_OUTPUTS],
		     struct facet_error *err)
{
	int r = facetd_kvmfr_open(vgpu, fds, err);

	if (r && vgpu->fresh)
		return r;
	if (r)
		log_warn("%s: its screens are not published: %s", vgpu->record.name, err->text);
	for (unsigned int i = 0; i < FACETD_MAX_OUTPUTS; i++)
		add_fd(command, "--kvmfr-fd", fds[i]);
	return 0;
}

static void describe(struct command *command, const struct facetd_vgpu *vgpu,
		     const struct facetd_arbitration_exec *share)
{
	const struct facetd_record *record = &vgpu->record;

	add_word(command, vgpu->daemon->program);
	add(command, "--name", "%s", record->name);
	add_fd(command, "--listen-fd", vgpu->listen_fd);
	add_fd(command, "--control-fd", vgpu->control_fd);
	add(command, "--transport", "%s", record->transport);
	add(command, "--engine", "%s", record->mechanism);
	add(command, "--size", "%ux%u", record->width, record->height);
	add(command, "--outputs", "%u", record->outputs);
	add(command, "--vram", "%" PRIu64, record->limits.vram_bytes);
	if (record->node[0])
		add(command, "--render-node", "%s", record->node);
	add_fd(command, "--share-fd", share->share_fd);
	add_fd(command, "--doorbell-fd", share->doorbell_fd);
	if (share->eu_count)
		add(command, "--eu-count", "%u", share->eu_count);
}

static int launch(struct facetd_vgpu *vgpu, struct command *command, int kvmfr[FACETD_MAX_OUTPUTS],
		  struct facet_error *err)
{
	facet_autoclose int memfd = -1, log_fd = -1;
	struct facetd_arbitration_exec share;
	int r;

	facetd_arbitration_exec(vgpu, &share);
	describe(command, vgpu, &share);
	r = add_kvmfr(command, vgpu, kvmfr, err);
	if (!r)
		r = add_held(command, &vgpu->held, &memfd, err);
	if (!r)
		r = open_log(vgpu, &log_fd, err);
	if (r)
		return r;
	return facetd_process_spawn(
		&(struct facetd_spawn){ .program = vgpu->daemon->program,
					.argv = (char *const *)command->argv,
					.fds = command->fds,
					.fd_count = command->fd_count,
					.output_fd = log_fd,
					.error_fd = log_fd,
					.cores = share.pinned ? &share.cores : NULL },
		&vgpu->record.pid, &vgpu->pidfd, err);
}

int facetd_launch(struct facetd_vgpu *vgpu, struct facet_error *err)
{
	facet_autofree struct command *command = calloc(1, sizeof(*command));
	int kvmfr[FACETD_MAX_OUTPUTS];
	int r;

	if (!command)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", vgpu->record.name);
	memset(kvmfr, -1, sizeof(kvmfr));
	r = launch(vgpu, command, kvmfr, err);
	for (unsigned int i = 0; i < FACETD_MAX_OUTPUTS; i++)
		if (kvmfr[i] >= 0)
			close(kvmfr[i]);
	return r;
}
