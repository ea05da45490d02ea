// SPDX-License-Identifier: GPL-2.0-or-later
/* recorded.c - something drawn by stock Mesa's virgl driver, so that it can be recorded. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "player.h"
#include "recording.h"
#include "vtest.h"

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
int recorder_mark(void)
{
	const uint32_t out[] = { 0, VTEST_MARK };

	return write(renderer_fd, out, sizeof(out)) == sizeof(out) ? 0 : -1;
}

int recorder_start(int (*draw)(const void *arg), const void *arg, struct recorder_process *ret)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		perror("no socket to record");
		return -1;
	}
	ret->pid = fork();
	if (!ret->pid) {
		close(ends[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		renderer_fd = ends[1];
		setenv("GALLIUM_DRIVER", "virpipe", 1);
		_exit(draw(arg));
	}
	close(ends[1]);
	ret->fd = ends[0];
	if (ret->pid < 0)
		perror("no process to record");
	return ret->pid < 0 ? -1 : 0;
}

int recorder_finish(const struct recorder_process *process, struct player *player,
		    unsigned int takes, struct recording *ret)
{
	struct backing memory = { .address = PORT_RESOURCES,
				  .size = PORT_REQUESTS - PORT_RESOURCES };
	static struct capsets caps;
	int status, r;

	r = player_get_caps(player, &caps) || recorder_run(process->fd, &caps, &memory, ret);
	close(process->fd);
	if (r)
		kill(process->pid, SIGKILL);
	waitpid(process->pid, &status, 0);
	if (!r && !status && ret->take_count == takes)
		return 0;
	fprintf(stderr, "Mesa's virpipe could not be recorded\n");
	return -1;
}
