// SPDX-License-Identifier: GPL-2.0-or-later
/* probe.c - asks a host what its files do not say. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "host/probe.h"

enum {
	CONFIG_LIMIT = 2 << 20,
	PROGRAM_MS = 5000,
	STATUS_LIMIT = FACET_TREE_FILE,
};

/* What a name of an answer ends with: "option/VFIO" is about VFIO. */
static const char *about(const char *name)
{
	return strchr(name, '/') + 1;
}

/* --- the kernel --- */

/* Of the running kernel; the caller frees it. */
static char *read_config(struct facet_tree *tree, char *ret_file, size_t file_size,
			 size_t *ret_size)
{
	facet_autofree uint8_t *data = NULL;
	char release[FACET_TREE_NAME];
	size_t size;

	snprintf(ret_file, file_size, "/proc/config.gz");
	if (facet_tree_bytes(tree, &data, &size, "proc/config.gz") == 0)
		return facet_gunzip(data, size, CONFIG_LIMIT, ret_size);
	facet_tree_text(tree, release, sizeof(release), "proc/sys/kernel/osrelease");
	if (!*release || strchr(release, '/'))
		return NULL;
	snprintf(ret_file, file_size, "/boot/config-%s", release);
	if (facet_tree_bytes(tree, &data, ret_size, "boot/config-%s", release) < 0)
		return NULL;
	return (char *)facet_steal(data);
}

static int ask_option(struct facet_tree *tree, const char *name, char *ret, size_t size)
{
	facet_autofree char *config = NULL;
	char file[128];
	size_t n;

	config = read_config(tree, file, sizeof(file), &n);
	if (!config)
		return snprintf(ret, size, "%d", FACET_OPTION_UNKNOWN);
	return snprintf(ret, size, "%d %s", facet_parse_option(config, n, about(name)), file);
}

enum facet_option facet_probe_option(struct facet_tree *tree, const char *option, char *ret_file,
				     size_t size)
{
	char name[FACET_TREE_NAME], text[160], *file;
	int r;

	snprintf(name, sizeof(name), "option/%s", option);
	facet_tree_probe(tree, text, sizeof(text), name, ask_option);
	file = strchr(text, ' ');
	snprintf(ret_file, size, "%s", file ? file + 1 : "/proc/config.gz");
	r = atoi(text);
	return r >= FACET_OPTION_UNKNOWN && r <= FACET_OPTION_BUILT_IN ? (enum facet_option)r
								       : FACET_OPTION_UNKNOWN;
}

static int ask_module(struct facet_tree *tree, const char *name, char *ret, size_t size)
{
	static const char *const lists[] = { "modules.builtin", "modules.dep" };
	enum facet_module found = FACET_MODULE_UNKNOWN;
	char release[FACET_TREE_NAME];

	if (facet_tree_exists(tree, "sys/module/%s", about(name)))
		return snprintf(ret, size, "%d", FACET_MODULE_LOADED);
	facet_tree_text(tree, release, sizeof(release), "proc/sys/kernel/osrelease");
	for (unsigned int i = 0; *release && !strchr(release, '/') && i < 2; i++) {
		facet_autofree uint8_t *data = NULL;
		size_t n;

		if (facet_tree_bytes(tree, &data, &n, "lib/modules/%s/%s", release, lists[i]) < 0)
			continue;
		if (found < FACET_MODULE_AVAILABLE)
			found = facet_parse_module((char *)data, n, about(name))
					? (i ? FACET_MODULE_AVAILABLE : FACET_MODULE_LOADED)
					: FACET_MODULE_ABSENT;
	}
	return snprintf(ret, size, "%d", found);
}

enum facet_module facet_probe_module(struct facet_tree *tree, const char *module)
{
	char name[FACET_TREE_NAME], text[16];
	int r;

	snprintf(name, sizeof(name), "module/%s", module);
	facet_tree_probe(tree, text, sizeof(text), name, ask_module);
	r = atoi(text);
	return r >= FACET_MODULE_UNKNOWN && r <= FACET_MODULE_LOADED ? (enum facet_module)r
								     : FACET_MODULE_UNKNOWN;
}

bool facet_probe_argument(struct facet_tree *tree, const char *word, char *ret, size_t size)
{
	char text[4096], *state = NULL, *at;
	bool found = false;

	facet_tree_text(tree, text, sizeof(text), "proc/cmdline");
	for (at = strtok_r(text, " \n", &state); at; at = strtok_r(NULL, " \n", &state)) {
		if (strncmp(at, word, strlen(word)) != 0)
			continue;
		snprintf(ret, size, "%s", at + strlen(word));
		found = true;
	}
	return found;
}

static int ask_kvm(struct facet_tree *tree, const char *name, char *ret, size_t size)
{
	facet_autoclose int fd = -1, machine = -1;
	int code = 0;

	if (!facet_tree_is_real(tree))
		return -ENODATA;
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	machine = fd < 0 ? -1 : ioctl(fd, KVM_CREATE_VM, 0L);
	if (machine < 0)
		code = errno;
	return snprintf(ret, size, "%d", code);
}

int facet_probe_kvm(struct facet_tree *tree)
{
	char text[16];
	int r = facet_tree_probe(tree, text, sizeof(text), "kvm", ask_kvm);

	return r < 0 ? -ENODATA : -abs(atoi(text));
}

/* --- programs and packages --- */

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What comes out of @fd until its end, in time. */
static void read_output(int fd, char *ret, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	long long end = now_ms() + PROGRAM_MS, left;
	size_t got = 0;
	ssize_t n = 1;

	while (n > 0 && got < size - 1 && (left = end - now_ms()) > 0 && poll(&p, 1, (int)left) > 0)
		got += (size_t)((n = read(fd, ret + got, size - 1 - got)) > 0 ? n : 0);
	ret[got] = '\0';
}

/* A program that ends neither by itself nor when its output is not wanted any more is killed. */
static void run_program(const char *program, char *ret, size_t size)
{
	int out[2];
	pid_t pid;

	ret[0] = '\0';
	if (pipe2(out, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		/* Some print their version as they print errors. */
		if (null < 0 || dup2(null, 0) < 0 || dup2(out[1], 1) < 0 || dup2(out[1], 2) < 0)
			_exit(127);
		execlp(program, program, "--version", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	if (pid > 0) {
		read_output(out[0], ret, size);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(out[0]);
}

static int ask_program(struct facet_tree *tree, const char *name, char *ret, size_t size)
{
	if (!facet_tree_is_real(tree))
		return -ENOENT;
	run_program(about(name), ret, size);
	ret[strcspn(ret, "\n")] = '\0';
	return *ret ? 0 : -ENOENT;
}

int facet_probe_program(struct facet_tree *tree, const char *program, char *ret, size_t size)
{
	char name[FACET_TREE_NAME];

	snprintf(name, sizeof(name), "program/%s", program);
	return facet_tree_probe(tree, ret, size, name, ask_program) > 0 ? 0 : -ENOENT;
}

static int ask_package(struct facet_tree *tree, const char *name, char *ret, size_t size)
{
	facet_autofree uint8_t *status = NULL;
	size_t n;

	if (facet_tree_bytes(tree, &status, &n, "var/lib/dpkg/status") < 0)
		return -ENOENT;
	return facet_parse_package((char *)status, n, about(name), ret, size);
}

int facet_probe_package(struct facet_tree *tree, const char *package, char *ret, size_t size)
{
	char name[FACET_TREE_NAME];

	snprintf(name, sizeof(name), "package/%s", package);
	return facet_tree_probe(tree, ret, size, name, ask_package) > 0 ? 0 : -ENOENT;
}
