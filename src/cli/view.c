// SPDX-License-Identifier: GPL-2.0-or-later
/* view.c - facet view NAME: Looking Glass's client on a vGPU's screen. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "cli/cli.h"
#include "wire/kvmfr.h"

#define CLIENT "looking-glass-client"

enum { VERSION_MS = 20000, OWN_WORDS = 4 };

/* --- the client --- */

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int find_client(const struct cli *cli, char ret[static PATH_MAX])
{
	const char *given = cli_value(cli, "client"), *path = getenv("PATH");

	if (given && (size_t)snprintf(ret, PATH_MAX, "%s", given) < PATH_MAX && is_program(given))
		return 0;
	if (given)
		return cli_error(cli, "--client %s: no program is there", given);
	for (const char *end; path && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		if (snprintf(ret, PATH_MAX, "%.*s/" CLIENT, (int)(end - path), path) < PATH_MAX &&
		    is_program(ret))
			return 0;
	}
	return cli_error(cli,
			 "there is no " CLIENT " in PATH: install release %s of Looking Glass "
			 "(Debian sid: apt install " CLIENT "), or name it with --client",
			 wire_kvmfr_b7.name);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Up to the end, or to the line we look for. */
static void read_some(int fd, char *text, size_t size)
{
	int64_t end = now_ms() + VERSION_MS, left;
	size_t used = 0;

	text[0] = '\0';
	while (used + 1 < size && !strstr(text, "Locking Method") && (left = end - now_ms()) > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&p, 1, (int)left) > 0 ? read(fd, text + used, size - used - 1) : 0;

		if (n <= 0)
			return;
		used += (size_t)n;
		text[used] = '\0';
	}
}

/*
 * It has no option that tells its version, but begins with it whatever it is asked for:
 * "... | Looking Glass (B7)".
 */
static bool ask_version(const char *client, char *ret, size_t size)
{
	static const char before[] = "Looking Glass (";
	char text[4096], *version;
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(client, client, "--help", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (pid > 0) {
		read_some(ends[0], text, sizeof(text));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	version = pid > 0 ? strstr(text, before) : NULL;
	if (!version)
		return false;
	version += strlen(before);
	snprintf(ret, size, "%.*s", (int)strcspn(version, ")\r\n"), version);
	return true;
}

/* What others understand, so far as it has a name. */
static unsigned int kvmfr_of(const char *release)
{
	static const struct {
		const char *name;
		unsigned int version;
	} known[] = { { "B4", 10 }, { "B5", 14 }, { "B6", 19 } };

	for (size_t i = 0; i < FACET_ARRAY_SIZE(known); i++)
		if (strncmp(release, known[i].name, strlen(known[i].name)) == 0)
			return known[i].version;
	return 0;
}

/* A "+" says that the release was changed where it was built. */
static int check_version(const struct cli *cli, const char *client, char *version, size_t size)
{
	const struct wire_kvmfr_release *ours = &wire_kvmfr_b7;
	size_t length = strlen(ours->name);
	char other[32] = "";

	if (!ask_version(client, version, size))
		return cli_error(cli, "%s: does not tell its version, as release %s does", client,
				 ours->name);
	if (strncmp(version, ours->name, length) == 0 &&
	    (!version[length] || strcmp(version + length, "+") == 0))
		return 0;
	if (kvmfr_of(version))
		snprintf(other, sizeof(other), " (KVMFR %u)", kvmfr_of(version));
	return cli_error(cli,
			 "%s is release %s%s of Looking Glass, which cannot read this: screens "
			 "are published for release %s (KVMFR %u, LGMP %u); install that",
			 client, version, other, ours->name, ours->kvmfr_version,
			 ours->lgmp_version);
}

/* --- what it is to show --- */

static int find_file(const struct cli *cli, const json_t *vgpu, char ret[static PATH_MAX])
{
	const char *file = cli_string(vgpu, "kvmfr"), *name = cli_string(vgpu, "name");
	uint32_t output = 0, outputs = (uint32_t)cli_integer(vgpu, "outputs");

	if (!file[0])
		return cli_error(cli,
				 "vGPU %s publishes no screens: make it with `facet create %s "
				 "--kvmfr`",
				 name, name);
	if (cli_number(cli, "output", 0, outputs - 1, &output))
		return CLI_WRONG;
	if (output)
		snprintf(ret, PATH_MAX, "%s.%u", file, output);
	else
		snprintf(ret, PATH_MAX, "%s", file);
	/* The client writes there, too: what it is done with. */
	if (access(ret, R_OK | W_OK) == 0)
		return 0;
	return cli_error(cli, "%s: %s%s", ret, strerror(errno),
			 errno == EACCES ? "; `facet create --kvmfr-group` lets others watch" : "");
}

static bool listens(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = strlen(path) < sizeof(address.sun_path);

	if (yes)
		strcpy(address.sun_path, path);
	yes = yes && fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	if (fd >= 0)
		close(fd);
	return yes;
}

/* Where keys and mouse go: "" if nowhere. */
static int find_spice(const struct cli *cli, const json_t *vgpu, char ret[static PATH_MAX])
{
	const char *given = cli_value(cli, "spice");

	ret[0] = '\0';
	if (given && strcmp(given, "none") == 0)
		return 0;
	if (given)
		snprintf(ret, PATH_MAX, "%s", given);
	else
		cli_spice_socket(vgpu, ret, PATH_MAX);
	if (listens(ret))
		return 0;
	if (given)
		return cli_error(cli, "--spice %s: nobody listens there", given);
	ret[0] = '\0';
	return 0;
}

/* --- starting it --- */

static int print_command(char *const *argv, const char *version)
{
	json_t *words = json_array();

	for (; *argv; argv++)
		json_array_append_new(words, json_string(*argv));
	return cli_print_json(json_pack("{s:s, s:o}", "version", version, "command", words));
}

static int start(struct cli *cli, char *client, const char *file, const char *spice,
		 const char *version)
{
	static char shm[PATH_MAX + 16], host[PATH_MAX + 16], port[] = "spice:port=0";
	char *argv[OWN_WORDS + CLI_MAX_ARGUMENTS + 1] = { client, shm, host };
	unsigned int argc = 3;

	snprintf(shm, sizeof(shm), "app:shmFile=%s", file);
	snprintf(host, sizeof(host), spice[0] ? "spice:host=%s" : "spice:enable=no", spice);
	if (spice[0])
		argv[argc++] = port;
	for (unsigned int i = 1; i < cli->count; i++)
		argv[argc++] = (char *)cli->arguments[i];
	if (cli->json)
		return print_command(argv, version);
	if (!spice[0])
		fputs("facet view: no SPICE socket: you can look, but keys and mouse go nowhere "
		      "(see `facet qemu-args --spice`)\n",
		      stderr);
	execv(client, argv);
	return cli_error(cli, "%s: %s", client, strerror(errno));
}

static int run(struct cli *cli)
{
	char client[PATH_MAX], file[PATH_MAX], spice[PATH_MAX], version[64] = "", *answer;
	json_t *vgpu;
	int r;

	if (getuid() == 0)
		return cli_error(cli, CLIENT " refuses to run as root: do this as the user whose "
					     "desktop it is for");
	r = facet_show(cli->conn, cli->arguments[0], &answer);
	if (r)
		return cli_failed(cli, r);
	vgpu = cli_parse(cli, answer);
	if (!vgpu)
		return CLI_FAILED;
	r = find_file(cli, vgpu, file);
	if (!r)
		r = find_spice(cli, vgpu, spice);
	json_decref(vgpu);
	if (!r)
		r = find_client(cli, client);
	if (!r)
		r = check_version(cli, client, version, sizeof(version));
	return r ? r : start(cli, client, file, spice, version);
}

const struct cli_verb cli_view = {
	.name = "view",
	.arguments = "NAME [-- ARG...]",
	.summary = "Watch and use a vGPU's screen with Looking Glass",
	.min = 1,
	.max = CLI_MAX_ARGUMENTS,
	.options = {
		{ "output", "K", "which: 0 is the first (0)" },
		{ "client", "PATH", "the " CLIENT " to start (the one in PATH)" },
		{ "spice", "SOCKET", "of QEMU, for keys and mouse (see qemu-args); none: only look" },
	},
	.run = run,
};
