// SPDX-License-Identifier: GPL-2.0-or-later
/* recorded.c - the scene drawn by stock Mesa's virgl driver, so that it can be recorded. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "recording.h"
#include "vtest.h"

enum {
	WARM_UP = 5, /* frames, until each is like the one before */
};

static int renderer_fd = -1;

/*
 * Mesa's virpipe looks for its renderer in one place in /tmp, the whole machine's. This connect()
 * is the one that it finds: it leads to the process that started this one.
 */
__attribute__((visibility("default"))) int connect(int fd, __CONST_SOCKADDR_ARG address,
						   socklen_t size)
{
	if (renderer_fd >= 0)
		return dup2(renderer_fd, fd) < 0 ? -1 : 0;
	return (int)syscall(SYS_connect, fd, address.__sockaddr__, size);
}

/* Said on Mesa's own connection, so it arrives behind all that was drawn and waited for. */
static int mark(void)
{
	const uint32_t out[] = { 0, VTEST_MARK };

	return write(renderer_fd, out, sizeof(out)) == sizeof(out) ? 0 : -1;
}

static int draw(void)
{
	struct scene_side *side;

	setenv("GALLIUM_DRIVER", "virpipe", 1);
	side = scene_direct_side();
	if (!side)
		return 1;
	for (unsigned int take = 0; take < SCENE_TAKES; take++)
		if (side->run(side, take, WARM_UP) < 0 || mark() || side->run(side, take, 1) < 0 ||
		    mark())
			return 1;
	return 0;
}

int recorder_start(int *ret_fd, pid_t *ret_pid)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -1;
	*ret_pid = fork();
	if (!*ret_pid) {
		close(ends[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		renderer_fd = ends[1];
		_exit(draw());
	}
	close(ends[1]);
	*ret_fd = ends[0];
	return *ret_pid < 0 ? -1 : 0;
}
