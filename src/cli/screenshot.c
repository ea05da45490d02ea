// SPDX-License-Identifier: GPL-2.0-or-later
/* screenshot.c - facet screenshot: what an output, or somebody in a KVMFR file, shows now. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

/* A new file beside the wanted one: nobody ever sees half a picture under its name. */
static char temporary[PATH_MAX];

/* Whoever loses patience finds no litter. The signal itself comes again when this returns. */
static void on_signal(int sig)
{
	unlink(temporary);
	raise(sig);
}

static int open_beside(const struct cli *cli, const char *file)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	if (snprintf(temporary, PATH_MAX, "%s.XXXXXX", file) >= PATH_MAX) {
		cli_error(cli, "%.40s...: the name is too long", file);
		return -1;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		cli_error(cli, "%s: cannot be written: %s", file, strerror(errno));
	else
		fchmod(fd, 0666 & ~mask);
	return fd;
}

static int shoot(struct cli *cli, unsigned int output, int cursor, int fd)
{
	const char *kvmfr = cli_value(cli, "kvmfr");
	int r;

	if (kvmfr)
		return cli_picture(cli, kvmfr, cursor, fd);
	r = facet_screenshot(cli->conn, cli->arguments[0], output, cursor, fd);
	return r ? cli_failed(cli, r) : 0;
}

/* A device or a pipe is written to; nothing may take its place. */
static bool is_special(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 && !S_ISREG(st.st_mode);
}

static int to_special(struct cli *cli, unsigned int output, int cursor, const char *file)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return cli_error(cli, "%s: cannot be written: %s", file, strerror(errno));
	r = shoot(cli, output, cursor, fd);
	close(fd);
	return r;
}

static int to_file(struct cli *cli, unsigned int output, int cursor, const char *file)
{
	int fd, r;

	if (is_special(file))
		return to_special(cli, output, cursor, file);
	fd = open_beside(cli, file);
	if (fd < 0)
		return CLI_FAILED;
	r = shoot(cli, output, cursor, fd);
	if (!r && rename(temporary, file) < 0)
		r = cli_error(cli, "%s: cannot be written: %s", file, strerror(errno));
	if (r)
		unlink(temporary);
	close(fd);
	return r;
}

static int run(struct cli *cli)
{
	const char *kvmfr = cli_value(cli, "kvmfr"), *file = cli->arguments[cli->count - 1];
	int cursor = !cli_value(cli, "no-cursor"), r;
	uint32_t output = 0;

	if (kvmfr ? cli->count != 1 : cli->count != 2)
		return cli_wrong(cli, "give NAME FILE.png, or --kvmfr FILE FILE.png");
	if (kvmfr && cli_value(cli, "output"))
		return cli_wrong(cli, "--output: each output has a KVMFR file of its own");
	if (cli_number(cli, "output", 0, 15, &output))
		return CLI_WRONG;
	if (strcmp(file, "-") != 0) {
		r = to_file(cli, output, cursor, file);
	} else if (isatty(STDOUT_FILENO)) {
		r = cli_wrong(cli, "-: a PNG is not for a terminal: redirect it into a file");
	} else {
		r = shoot(cli, output, cursor, STDOUT_FILENO);
	}
	if (!r && cli->json && strcmp(file, "-") != 0)
		return cli_print_json(json_pack("{s:s, s:i}", "file", file, "output", (int)output));
	return r;
}

const struct cli_verb cli_screenshot = {
	.name = "screenshot",
	.arguments = "NAME FILE.png",
	.summary = "Write what an output shows as PNG (- is standard output)",
	.min = 1,
	.max = 2,
	.options = {
		{ "output", "K", "which: 0 is the first (0)" },
		{ "kvmfr", "FILE", "not of a vGPU: what somebody publishes for Looking Glass there" },
		{ "no-cursor", NULL, "without the mouse pointer" },
	},
	.run = run,
};
