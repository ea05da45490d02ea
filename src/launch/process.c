// SPDX-License-Identifier: GPL-2.0-or-later
/* process.c - fork, exec, pidfds. */
#include "launch/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { PIDFD_HIGH = 512 };

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Only async-signal-safe calls from here to exec; the environment was made before. */
static void child(const struct facet_spawn *spawn, char *const *environment, pid_t parent)
{
	static const char why[] = "facet: cannot be executed\n";
	struct sigaction act = { .sa_handler = SIG_DFL };
	sigset_t none;
	int fd = -1;

	setsid();
	if (spawn->tied && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(126);
	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &act, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (spawn->fd >= 0)
		fd = fcntl(spawn->fd, F_DUPFD, PIDFD_HIGH);
	if (dup2(spawn->output_fd, 1) < 0 || dup2(spawn->output_fd, 2) < 0)
		_exit(126);
	close(0);
	if (open("/dev/null", O_RDONLY) != 0 || (spawn->fd >= 0 && dup2(fd, 3) < 0))
		_exit(126);
	close_range(spawn->fd >= 0 ? 4 : 3, ~0U, 0);
	execve(spawn->argv[0], spawn->argv, environment);
	if (write(2, why, sizeof(why) - 1) < 0)
		_exit(126);
	_exit(127);
}

/* Ours, with that variable; the array is malloc()ed, its texts but @variable are not. */
static char **make_environment(char *variable)
{
	size_t count = 0, n = 0;
	char **ret;

	while (environ[count])
		count++;
	ret = calloc(count + 2, sizeof(*ret));
	for (size_t i = 0; ret && i < count; i++)
		if (!variable || strncmp(environ[i], "QEMU_MODULE_DIR=", 16) != 0)
			ret[n++] = environ[i];
	if (ret)
		ret[n] = variable;
	return ret;
}

int facet_process_spawn(const struct facet_spawn *spawn, pid_t *ret_pid, int *ret_pidfd,
			struct facet_error *err)
{
	facet_autofree char *variable = NULL;
	facet_autofree char **environment = NULL;
	pid_t pid, parent = getpid();
	int pidfd;

	if (spawn->module_dir && asprintf(&variable, "QEMU_MODULE_DIR=%s", spawn->module_dir) < 0)
		variable = NULL;
	environment = make_environment(variable);
	if (!environment || (spawn->module_dir && !variable))
		return facet_error_set(err, -ENOMEM, "%.100s: out of memory", spawn->argv[0]);
	if (access(spawn->argv[0], X_OK) < 0)
		return facet_error_set(err, -errno, "%.100s: cannot be executed: %s",
				       spawn->argv[0], strerror(errno));
	pid = fork();
	if (pid < 0)
		return facet_error_set(err, -errno, "no new process: %s", strerror(errno));
	if (pid == 0)
		child(spawn, environment, parent);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
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

/* -ETIMEDOUT, -EFBIG, or 0 at its end. */
static int read_all(int fd, char *text, size_t max, int patience_ms)
{
	int64_t end = now_ms() + patience_ms;
	size_t size = 0;
	ssize_t n;

	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&wait, 1, (int)left) <= 0)
			continue;
		n = read(fd, text + size, max - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		size += (size_t)n;
		if (size == max)
			return -EFBIG;
	}
	text[size] = '\0';
	return n < 0 ? -errno : 0;
}

static const char *last_line(char *text)
{
	size_t size = strlen(text);

	while (size && text[size - 1] == '\n')
		text[--size] = '\0';
	return strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
}

int facet_process_output(char *const *argv, const char *module_dir, size_t max, int patience_ms,
			 char **ret, struct facet_error *err)
{
	facet_autofree char *text = calloc(1, max + 1);
	facet_autoclose int from = -1, pidfd = -1;
	struct facet_spawn spawn = {
		.argv = argv, .module_dir = module_dir, .fd = -1, .tied = true
	};
	siginfo_t info = { 0 };
	int fds[2], r;
	pid_t pid;

	if (!text || pipe2(fds, O_CLOEXEC) < 0)
		return facet_error_set(err, -ENOMEM, "%.100s: cannot be run", argv[0]);
	from = fds[0];
	spawn.output_fd = fds[1];
	r = facet_process_spawn(&spawn, &pid, &pidfd, err);
	close(fds[1]);
	if (r)
		return r;
	r = read_all(from, text, max, patience_ms);
	if (r)
		facet_process_signal(pidfd, SIGKILL, 0);
	waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
	if (r)
		return facet_error_set(err, r, "%.100s %.40s: %s", argv[0], argv[1] ? argv[1] : "",
				       strerror(-r));
	if (info.si_code != CLD_EXITED || info.si_status != 0)
		return facet_error_set(err, -EIO, "%.100s failed: %.100s", argv[0],
				       last_line(text));
	*ret = facet_steal(text);
	return 0;
}

uint64_t facet_process_start_time(pid_t pid)
{
	char path[40], text[1024], *p, state;
	facet_autoclose int fd = -1;
	uint64_t start = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name may hold anything, also ") ": the last parenthesis ends it. */
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %c", &state) != 1 || state == 'Z' || state == 'X')
		return 0;
	p += 2;
	for (int field = 3; field < 22 && p; field++)
		p = (p = strchr(p, ' ')) ? p + 1 : NULL;
	return p && sscanf(p, "%" SCNu64, &start) == 1 ? start : 0;
}

int facet_process_open(pid_t pid, uint64_t start_time)
{
	facet_autoclose int fd = -1;

	if (pid <= 1 || !start_time)
		return -1;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* In this order: the process behind the pidfd is then the one that was looked at. */
	if (fd < 0 || facet_process_start_time(pid) != start_time)
		return -1;
	return facet_steal_fd(&fd);
}

int facet_process_signal(int pidfd, int signal, int value)
{
	siginfo_t info = { .si_signo = signal, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	return syscall(SYS_pidfd_send_signal, pidfd, signal, &info, 0) < 0 ? -errno : 0;
}

bool facet_process_wait(int pidfd, int patience_ms)
{
	int64_t end = now_ms() + patience_ms, left;
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };

	while ((left = end - now_ms()) >= 0)
		if (poll(&wait, 1, (int)left) > 0)
			return true;
	return false;
}
