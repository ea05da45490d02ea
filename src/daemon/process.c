// SPDX-License-Identifier: GPL-2.0-or-later
/* process.c - fork, exec, pidfds and /proc. */
#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	HIGH_FD = 512,   /* above what a child is given */
	LOG_TAIL = 4096, /* bytes looked at */
	PROMPT_NICE = -15,
	PROMPT_SLICE_NS = 100000,
	RESET_ON_FORK = 1,
};

static int pidfd_open_(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Only async-signal-safe calls from here to exec. */
static void child(const struct facetd_spawn *spawn)
{
	static const char why[] = "facet-vgpu: error: cannot be executed\n";
	struct sigaction act = { .sa_handler = SIG_DFL };
	unsigned int i;
	int copies[FACETD_SPAWN_MAX_FDS];
	sigset_t none;

	setsid();
	if (spawn->cores && sched_setaffinity(0, sizeof(*spawn->cores), spawn->cores) < 0)
		_exit(126);
	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &act, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(spawn->output_fd, 1) < 0 || dup2(spawn->error_fd, 2) < 0 || chdir("/") < 0)
		_exit(126);
	close(0);
	if (open("/dev/null", O_RDONLY) != 0)
		_exit(126);
	/* All out of the way first: a target number may be a source still needed. */
	for (i = 0; i < spawn->fd_count; i++)
		copies[i] = fcntl(spawn->fds[i], F_DUPFD, HIGH_FD);
	for (i = 0; i < spawn->fd_count; i++)
		if (dup2(copies[i], 3 + (int)i) < 0)
			_exit(126);
	close_range(3 + spawn->fd_count, ~0U, 0);
	execv(spawn->program, spawn->argv);
	i = (unsigned int)write(2, why, sizeof(why) - 1);
	_exit(127);
}

int facetd_process_spawn(const struct facetd_spawn *spawn, pid_t *ret_pid, int *ret_pidfd,
			 struct facet_error *err)
{
	pid_t pid;
	int pidfd;

	if (spawn->fd_count > FACETD_SPAWN_MAX_FDS)
		return facet_error_set(err, -EMFILE, "%s: too many descriptors", spawn->program);
	/* Said here, where the reason still has words. */
	if (access(spawn->program, X_OK) < 0)
		return facet_error_set(err, -errno, "%s: cannot be executed: %s", spawn->program,
				       strerror(errno));
	pid = fork();
	if (pid < 0)
		return facet_error_set(err, -errno, "no new process: %s", strerror(errno));
	if (pid == 0)
		child(spawn);
	pidfd = pidfd_open_(pid);
	if (pidfd < 0) {
		int code = -errno;

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return facet_error_set(err, code, "no pidfd: %s", strerror(-code));
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

/* As <linux/sched/types.h> has it, which cannot be included beside <sched.h>. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

static int set_scheduling(pid_t tid, struct scheduling how)
{
	how.size = sizeof(how);
	return syscall(SYS_sched_setattr, tid, &how, 0) < 0 ? -errno : 0;
}

/*
 * Behind eight threads that spin, on one core, a thread that was woken waited for 136 ms on
 * average; 9 ms with a short slice; 5 ms with a nice value of -15 as well; 0.03 ms in real time
 * (Linux 6.18). The kernel keeps the last 5 % of each second from real time.
 */
int facetd_process_be_prompt(void)
{
	int r = set_scheduling(
		0,
		(struct scheduling){ .policy = SCHED_RR, .flags = RESET_ON_FORK, .priority = 1 });

	if (r)
		r = set_scheduling(0, (struct scheduling){ .flags = RESET_ON_FORK,
							   .nice = PROMPT_NICE,
							   .runtime_ns = PROMPT_SLICE_NS });
	if (r)
		facetd_process_short_slice(0);
	return r;
}

void facetd_process_short_slice(pid_t tid)
{
	int nice = getpriority(PRIO_PROCESS, (id_t)tid);

	set_scheduling(tid, (struct scheduling){ .nice = nice, .runtime_ns = PROMPT_SLICE_NS });
}

/* The whole of a small file below /proc, NUL-terminated. */
static ssize_t read_proc(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	facet_autoclose int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	buf[n < 0 ? 0 : n] = '\0';
	return n;
}

uint64_t facetd_process_start_time(pid_t pid)
{
	char text[1024], *p, state;
	uint64_t start = 0;

	if (read_proc(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	/* The name may hold anything, also ") ": the last parenthesis ends it. */
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %c", &state) != 1 || state == 'Z' || state == 'X')
		return 0;
	p += 2;
	for (int field = 3; field < 22 && p; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (!p || sscanf(p, "%" SCNu64, &start) != 1)
		return 0;
	return start;
}

int facetd_process_open(pid_t pid, uint64_t start_time, int *ret_pidfd)
{
	facet_autoclose int fd = -1;

	if (pid <= 1 || !start_time)
		return -ESRCH;
	fd = pidfd_open_(pid);
	/* In this order: the process behind the pidfd is then the one that was looked at. */
	if (fd < 0 || facetd_process_start_time(pid) != start_time)
		return -ESRCH;
	*ret_pidfd = facet_steal_fd(&fd);
	return 0;
}

void facetd_process_end_reason(int pidfd, char *ret, size_t size)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		snprintf(ret, size, "in a way that is not known (facetd was restarted meanwhile)");
	else if (info.si_code == CLD_EXITED)
		snprintf(ret, size, "exit code %d", info.si_status);
	else
		snprintf(ret, size, "signal %d (SIG%s)", info.si_status,
			 sigabbrev_np(info.si_status) ? sigabbrev_np(info.si_status) : "?");
}

int facetd_process_kill(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

static void printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			*text = '?';
}

void facetd_process_command(pid_t pid, char *ret, size_t size)
{
	char text[256], *name;

	ret[0] = '\0';
	if (read_proc(pid, "cmdline", text, sizeof(text)) <= 0)
		return;
	name = strrchr(text, '/');
	snprintf(ret, size, "%s", name ? name + 1 : text);
	printable(ret);
}

void facetd_log_last_error(const char *path, uint64_t from, char *ret, size_t size)
{
	char text[LOG_TAIL + 1], *line, *best = NULL, *next = text;
	facet_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), start = (off_t)from;
	ssize_t n;

	ret[0] = '\0';
	/* It was emptied meanwhile, or has grown long. */
	if (start > end)
		start = 0;
	if (start < end - LOG_TAIL)
		start = end - LOG_TAIL;
	n = end <= 0 ? 0 : pread(fd, text, LOG_TAIL, start);
	if (n <= 0)
		return;
	text[n] = '\0';
	while ((line = strsep(&next, "\n")))
		if (strcasestr(line, "error"))
			best = line;
	snprintf(ret, size, "%s", best ? best : "");
	printable(ret);
}
