// SPDX-License-Identifier: GPL-2.0-or-later
/* keeper.c - the process outside the sandbox: signals in, messages and the end out. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vgpu/sandbox_stages.h"

/* What a guest can make a renderer say must not fill a disk. */
enum {
	RELAY_BURST = 64 << 10, /* bytes */
	RELAY_RATE = 8 << 10,   /* bytes a second */
	RELAY_LAST = 4 << 10,   /* of what a dead worker left behind */
	GRACE_MS = 3000,        /* from SIGTERM to SIGKILL */
};

struct keeper {
	pid_t worker;
	int signals, messages;
	const char *const *made;
	uint64_t kill_ms; /* when to lose patience; 0: not yet */
	uint64_t budget, filled_ms, dropped;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static void put(const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(STDERR_FILENO, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		size -= n;
	}
}

static void say_dropped(struct keeper *keeper)
{
	char line[96];
	int n;

	if (!keeper->dropped)
		return;
	n = snprintf(line, sizeof(line), "facet-vgpu: %llu bytes of messages were dropped here\n",
		     (unsigned long long)keeper->dropped);
	keeper->dropped = 0;
	put(line, n);
}

static void relay(struct keeper *keeper, const char *text, size_t size)
{
	uint64_t now = now_ms();

	keeper->budget += (now - keeper->filled_ms) * RELAY_RATE / 1000;
	keeper->filled_ms = now;
	if (keeper->budget > RELAY_BURST)
		keeper->budget = RELAY_BURST;
	if (size > keeper->budget) {
		keeper->dropped += size;
		return;
	}
	keeper->budget -= size;
	say_dropped(keeper);
	put(text, size);
}

/* False when the worker has closed its end. */
static bool relay_some(struct keeper *keeper)
{
	char text[4096];
	ssize_t n = read(keeper->messages, text, sizeof(text));

	if (n > 0)
		relay(keeper, text, n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* The last words tell why: they are heard whatever came before. */
static void relay_last(struct keeper *keeper)
{
	static char text[1 << 16];
	size_t size = 0, skip = 0;
	ssize_t n;

	fcntl(keeper->messages, F_SETFL, O_NONBLOCK);
	while (size < sizeof(text) &&
	       (n = read(keeper->messages, text + size, sizeof(text) - size)) > 0)
		size += n;
	if (size > RELAY_LAST) {
		skip = size - RELAY_LAST;
		keeper->dropped += skip;
	}
	say_dropped(keeper);
	put(text + skip, size - skip);
}

static void end_as(const struct keeper *keeper, int status)
{
	static const struct rlimit no_core;
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	sigset_t set;

	for (const char *const *file = keeper->made; *file; file++)
		unlink(*file);
	if (!sig)
		_exit(WEXITSTATUS(status));
	if (keeper->kill_ms)
		_exit(0); /* it was asked to end */
	dprintf(STDERR_FILENO, "facet-vgpu: error: killed by signal %d (%s)%s\n", sig,
		strsignal(sig), sig == SIGSYS ? ": a system call that its sandbox forbids" : "");
	setrlimit(RLIMIT_CORE, &no_core);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), sig);
	_exit(1);
}

static void take_signal(struct keeper *keeper)
{
	struct signalfd_siginfo info;
	int status;

	if (read(keeper->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGCHLD) {
		kill(keeper->worker, SIGTERM);
		if (!keeper->kill_ms)
			keeper->kill_ms = now_ms() + GRACE_MS;
	} else if (waitpid(keeper->worker, &status, WNOHANG) == keeper->worker) {
		relay_last(keeper);
		end_as(keeper, status);
	}
}

static int patience_ms(struct keeper *keeper)
{
	uint64_t now = now_ms();

	if (!keeper->kill_ms)
		return -1;
	if (now < keeper->kill_ms)
		return (int)(keeper->kill_ms - now);
	kill(keeper->worker, SIGKILL);
	return -1;
}

static _Noreturn void keep(struct keeper *keeper)
{
	struct pollfd fds[2] = {
		{ .fd = keeper->signals, .events = POLLIN },
		{ .fd = keeper->messages, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 2, patience_ms(keeper)) < 0)
			continue;
		if (fds[1].revents && !relay_some(keeper))
			fds[1].fd = -1; /* closed, or dying: SIGCHLD comes */
		if (fds[0].revents)
			take_signal(keeper);
	}
}

/* Root can give its child a process namespace as it is; others need users of their own for it. */
static void unshare_pids(struct facet_sandbox *box)
{
	if (geteuid() != 0)
		box->own_users = facet_sandbox_unshare_users() == 0;
	box->own_pids = (box->own_users || geteuid() == 0) && unshare(CLONE_NEWPID) == 0;
}

static int become_worker(int messages)
{
	/* Never waits for a keeper that does not read: the line is lost instead. */
	if (fcntl(messages, F_SETFL, O_NONBLOCK) < 0 || dup2(messages, STDERR_FILENO) < 0)
		return -errno;
	close(messages);
	return 0;
}

void facet_keeper_tie(void)
{
	struct pollfd keeper = { .fd = STDERR_FILENO };

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* A keeper that was gone before that has closed the pipe. */
	if (poll(&keeper, 1, 0) < 0 || (keeper.revents & POLLERR))
		_exit(1);
}

static _Noreturn void become_keeper(struct keeper *keeper, const struct facet_sandbox *box,
				    int messages)
{
	sigset_t set;

	if (box->own_users) { /* all powerful in there, and with nothing to do in there */
		capng_clear(CAPNG_SELECT_ALL);
		capng_apply(CAPNG_SELECT_CAPS);
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* What the guest's connection needs is the worker's: when it dies, all must see it. */
	keeper->messages = dup2(messages, 3);
	close_range(4, ~0U, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	keeper->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (keeper->messages < 0 || keeper->signals < 0) {
		kill(keeper->worker, SIGKILL);
		_exit(1);
	}
	keeper->budget = RELAY_BURST;
	keeper->filled_ms = now_ms();
	keep(keeper);
}

int facet_keeper_split(struct facet_sandbox *box, struct facet_error *err)
{
	struct keeper keeper = { .made = box->cfg->made };
	int ends[2];

	unshare_pids(box);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return facet_error_set(err, -errno, "sandbox: no pipe: %s", strerror(errno));
	keeper.worker = fork();
	if (keeper.worker < 0) {
		close(ends[0]);
		close(ends[1]);
		return facet_error_set(err, -errno, "sandbox: no second process: %s",
				       strerror(errno));
	}
	if (keeper.worker > 0)
		become_keeper(&keeper, box, ends[0]);
	close(ends[0]);
	return become_worker(ends[1]);
}
