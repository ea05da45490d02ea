// SPDX-License-Identifier: GPL-2.0-or-later
/* console.c - facet console NAME: the guest's serial console on this terminal. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/vm.h"

enum { LEAVE = 0x1d }; /* Ctrl-] */

static bool put(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		size -= (size_t)n;
	}
	return true;
}

/* False: it is over. */
static bool pass(int from, int to, bool keys)
{
	char text[4096], *leave;
	ssize_t n = read(from, text, sizeof(text));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	leave = keys ? memchr(text, LEAVE, (size_t)n) : NULL;
	return put(to, text, leave ? (size_t)(leave - text) : (size_t)n) && !leave;
}

static void talk(int fd)
{
	struct pollfd wait[2] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
	bool more = true;

	while (more) {
		if (poll(wait, 2, -1) < 0)
			continue;
		if (wait[0].revents)
			more = pass(fd, 1, false);
		/* Without a terminal, the end of what is sent is not the end of what comes. */
		if (more && wait[1].revents && !pass(0, fd, isatty(0))) {
			more = !isatty(0);
			wait[1].fd = -1;
		}
	}
}

static int run(struct cli *cli)
{
	facet_autoclose int fd = cli_vm_socket(cli, cli->arguments[0], "console");
	struct termios old, raw;
	bool terminal = isatty(0) && tcgetattr(0, &old) == 0;

	if (fd < 0)
		return CLI_FAILED;
	if (terminal) {
		fprintf(stderr, "%s: Ctrl-] leaves\r\n", cli->arguments[0]);
		raw = old;
		cfmakeraw(&raw);
		tcsetattr(0, TCSADRAIN, &raw);
	}
	talk(fd);
	if (terminal)
		tcsetattr(0, TCSADRAIN, &old);
	return 0;
}

const struct cli_verb cli_console = {
	.name = "console",
	.arguments = "NAME",
	.summary = "The serial console of a virtual machine (Ctrl-] leaves)",
	.min = 1,
	.max = 1,
	.alone = true,
	.run = run,
};
