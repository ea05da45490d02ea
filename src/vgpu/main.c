// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - facet-vgpu: opens what is needed, closes itself in, and serves one virtual machine. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vgpu/vgpu.h"

static int fail(const struct facet_error *err, int status)
{
	fprintf(stderr, "facet-vgpu: error: %s\n", err->text);
	return status;
}

/* A socket that nobody listens to is what a killed predecessor left. */
static bool is_stale(const struct sockaddr_un *addr)
{
	facet_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	return lstat(addr->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && fd >= 0 &&
	       connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
	       errno == ECONNREFUSED;
}

static int listen_at(const char *path, int *ret_fd, struct facet_error *err)
{
	facet_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int r;

	if (fd < 0)
		return facet_error_set(err, -errno, "no socket: %s", strerror(errno));
	if (strlen(path) >= sizeof(addr.sun_path))
		return facet_error_set(err, -ENAMETOOLONG,
				       "--socket-path %s: a socket's path has at most %zu bytes",
				       path, sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (r < 0 && errno == EADDRINUSE && is_stale(&addr) && unlink(path) == 0)
		r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (r < 0)
		return facet_error_set(
			err, -errno, "--socket-path %s: %s", path,
			errno == EADDRINUSE
				? "something is there already; remove it, or choose another"
				: strerror(errno));
	if (listen(fd, 1) < 0) {
		unlink(path);
		return facet_error_set(err, -errno, "--socket-path %s: %s", path, strerror(errno));
	}
	*ret_fd = facet_steal_fd(&fd);
	return 0;
}

/* What was left open by whoever started this program is none of a guest's business. */
static void close_others(const int *keep, size_t count)
{
	for (unsigned int from = 3;;) {
		unsigned int next = ~0U;

		for (size_t i = 0; i < count; i++)
			if (keep[i] >= (int)from && (unsigned int)keep[i] < next)
				next = keep[i];
		if (next > from)
			close_range(from, next - 1, 0);
		if (next == ~0U)
			return;
		from = next + 1;
	}
}

struct kept {
	int fds[8 + FACET_MAX_OUTPUTS + FACET_GUEST_MAX_REGIONS + 2 + 3 * FACET_HANDOVER_MAX_RINGS];
	size_t count;
};

static void keep(void *owner, int *fd)
{
	struct kept *kept = owner;

	kept->fds[kept->count++] = *fd;
}

static int note_made(char *made[FACET_PUBLISH_MAX_MADE], const char *path, struct facet_error *err)
{
	while (*made)
		made++;
	*made = strdup(path);
	return *made ? 0 : facet_error_set(err, -ENOMEM, "%s: out of memory", path);
}

static int open_all(const struct facet_vgpu_options *opts, struct facet_vgpu_fds *ret,
		    char *made[FACET_PUBLISH_MAX_MADE], struct facet_error *err)
{
	struct facet_vgpu_fds fds = {
		.listen = opts->listen_fd,
		.connected = opts->fd,
		.render = -1,
		.share = opts->share_fd,
		.doorbell = opts->doorbell_fd,
	};
	struct kept kept = { { opts->listen_fd, opts->fd, opts->control_fd, opts->share_fd,
			       opts->doorbell_fd },
			     5 };
	int r;

	for (unsigned int i = 0; i < opts->kvmfr_fd_count; i++)
		kept.fds[kept.count++] = opts->kvmfr_fds[i];
	if (opts->adopt_fd >= 0)
		fds.adopted = facet_handover_load(opts->adopt_fd, &fds.adopt);
	if (fds.adopted)
		facet_handover_each_fd(&fds.adopt, keep, &kept);
	close_others(kept.fds, kept.count);
	if (opts->render_node) {
		fds.render = open(opts->render_node, O_RDWR | O_CLOEXEC);
		if (fds.render < 0)
			return facet_error_set(err, -errno, "--render-node %s: %s",
					       opts->render_node, strerror(errno));
	}
	r = facet_publish_open(opts, fds.kvmfr, made, err);
	if (!r && opts->socket_path)
		r = listen_at(opts->socket_path, &fds.listen, err);
	if (!r && opts->socket_path)
		r = note_made(made, opts->socket_path, err);
	*ret = fds;
	return r;
}

static int serve_inside(const struct facet_vgpu_options *opts, struct facet_vgpu_fds *fds,
			const struct facet_sandbox_report *report, struct facet_error *err)
{
	struct facet_vgpu vgpu;
	int r = facet_vgpu_init(&vgpu, opts, report, fds, err);

	if (!r)
		r = facet_vgpu_run(&vgpu, err);
	facet_vgpu_fini(&vgpu);
	return r;
}

/* Files that end with this program; the keeper, if there is one, sees to it. */
static void forget(char *made[FACET_PUBLISH_MAX_MADE], bool kept)
{
	for (; *made; made++) {
		if (!kept)
			unlink(*made);
		free(*made);
	}
}

static int serve(const struct facet_vgpu_options *opts, struct facet_error *err)
{
	char *made[FACET_PUBLISH_MAX_MADE] = { NULL };
	struct facet_sandbox_report report = { 0 };
	struct facet_vgpu_fds fds;
	int r = open_all(opts, &fds, made, err);
	const struct facet_sandbox_config box = {
		.mode = opts->sandbox,
		.render_node = opts->render_node,
		.render_fd = fds.render,
		.vram_bytes = opts->vram_bytes,
		.made = (const char *const *)made,
		.with_threads = opts->share_fd >= 0,
	};

	if (!r)
		r = facet_sandbox_enter(&box, &report, err);
	if (!r)
		r = serve_inside(opts, &fds, &report, err);
	forget(made, report.kept);
	return r;
}

static void prepare(void)
{
	const char *log = getenv("FACET_LOG");
	sigset_t set;

	if (log && !strcmp(log, "debug"))
		facet_log_set(NULL, FACET_LOG_DEBUG);

	/* Nothing can be written there, in the sandbox; and a guest's shaders are not to be kept.
	 */
	setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
	struct facet_vgpu_options opts;
	struct facet_error err = { 0 };

	if (facet_vgpu_options_parse(argc, argv, &opts, &err) < 0)
		return fail(&err, 2);
	switch (opts.action) {
	case FACET_VGPU_HELP:
		return fputs(facet_vgpu_usage, stdout) < 0 || fflush(stdout);
	case FACET_VGPU_VERSION:
		return puts("facet-vgpu " FACET_VERSION) < 0 || fflush(stdout);
	case FACET_VGPU_PRINT_CAPABILITIES:
		return facet_vgpu_print_capabilities() < 0;
	case FACET_VGPU_PROBE:
		return facet_vgpu_print_probe(&opts) < 0;
	case FACET_VGPU_RUN:
		break;
	}
	prepare();
	return serve(&opts, &err) < 0 ? fail(&err, 1) : 0;
}
