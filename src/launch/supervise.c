// SPDX-License-Identifier: GPL-2.0-or-later
/* supervise.c - starts what a VM needs, waits for its end, takes it away again. */
#include "launch/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "launch/cpus.h"
#include "launch/process.h"
#include "launch/qmp.h"
#include "launch/vgpus.h"
#include "launch/vmdir.h"

enum {
	GREETING_MS = 60000, /* the host may be busy */
	CALL_MS = 30000,
	QUIT_MS = 5000,
	HOOK_MS = 60000,
	ANSWER = 64 << 10,
	AGAIN = 20, /* times that a facetd which does not answer is asked, 250 ms apart */
};

struct supervisor {
	const struct facet_supervisor_config *config;
	const struct facet_vm *vm;
	struct facet_vm_state state;
	struct facet_qemu_gpu *gpus;
	struct facet_cpus *cpus;
	struct facet_qmp *qmp;
	int pidfd, signal_fd;
	bool asked; /* it was told to stop */
	bool executed;
	int64_t deadline_ms;    /* of the stop that is under way; 0: none */
	unsigned int harshness; /* 0: ACPI, 1: quit, 2: SIGKILL */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- beginning --- */

static int run_hook(struct supervisor *s, const char *hook, const char *what,
		    struct facet_error *err)
{
	facet_autofree char *path = hook ? facet_vm_path(s->config->file, hook) : NULL;
	facet_autofree char *answer = NULL;
	char *argv[] = { path, s->vm->name, (char *)what, NULL };

	if (!hook)
		return 0;
	if (!path)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", s->vm->name);
	return facet_process_output(argv, NULL, ANSWER, HOOK_MS, &answer, err);
}

static int make_overlay(struct supervisor *s, unsigned int index, struct facet_error *err)
{
	const struct facet_vm_disk *disk = &s->vm->guest.disks[index];
	facet_autofree char *overlay = facet_qemu_overlay(s->config->directory, index);
	facet_autofree char *file = facet_vm_path(s->config->file, disk->file), *answer = NULL;
	facet_autofree char *tool = facet_qemu_img();
	const char *words[] = { tool,
				"create",
				"-q",
				"-f",
				"qcow2",
				"-F",
				disk->format == FACET_VM_QCOW2 ? "qcow2" : "raw",
				"-b",
				file,
				overlay };
	struct facet_args args = { 0 };
	int r;

	if (!tool)
		return facet_error_set(err, -ENOENT, "%s: an overlay needs qemu-img in the PATH",
				       s->vm->name);
	for (size_t i = 0; overlay && file && i < FACET_ARRAY_SIZE(words); i++)
		facet_args_add(&args, words[i]);
	if (args.failed || !args.count)
		r = facet_error_set(err, -ENOMEM, "%s: out of memory", s->vm->name);
	else
		r = facet_process_output(args.items, NULL, ANSWER, CALL_MS, &answer, err);
	facet_args_fini(&args);
	return r;
}

static int prepare(struct supervisor *s, struct facet_error *err)
{
	int r = run_hook(s, s->vm->hooks.prepare, "prepare", err);

	for (unsigned int i = 0; !r && i < s->vm->guest.disks_count; i++)
		if (s->vm->guest.disks[i].overlay)
			r = make_overlay(s, i, err);
	if (!r)
		r = facet_vgpus_create(s->config->file, s->vm, s->config->directory, &s->state,
				       s->gpus, err);
	return r;
}

static int spawn(struct supervisor *s, char *const *argv, struct facet_error *err)
{
	char path[PATH_MAX + 20];
	facet_autoclose int log = -1, ours = -1;
	struct facet_spawn how = { .argv = argv, .tied = true };
	int fds[2], r;

	snprintf(path, sizeof(path), "%s/qemu.log", s->config->directory);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return facet_error_set(err, -errno, "%s: %s", s->vm->name, strerror(errno));
	ours = fds[0];
	how.output_fd = log;
	how.fd = fds[1];
	how.module_dir = s->config->qemu->module_dir;
	r = facet_process_spawn(&how, &s->state.qemu, &s->pidfd, err);
	close(fds[1]);
	if (r)
		return r;
	s->state.qemu_start = facet_process_start_time(s->state.qemu);
	r = facet_vmdir_write(s->config->directory, &s->state, err);
	return r ? r : facet_qmp_create(facet_steal_fd(&ours), s->pidfd, GREETING_MS, &s->qmp, err);
}

static int start_qemu(struct supervisor *s, struct facet_error *err)
{
	char nodes[300];
	struct facet_args args = { 0 };
	struct facet_qemu_config config = { .file = s->config->file,
					    .vm = s->vm,
					    .qemu = s->config->qemu,
					    .directory = s->config->directory,
					    .image = s->config->image,
					    .gpus = s->gpus,
					    .supervised = true };
	int r = facet_cpus_place(s->cpus, s->vm, nodes, sizeof(nodes), err);

	if (r)
		return r;
	config.host_nodes = nodes[0] ? nodes : NULL;
	r = facet_qemu_args(&config, &args, err);
	if (!r)
		r = spawn(s, args.items, err);
	facet_args_fini(&args);
	return r;
}

static int begin_executing(struct supervisor *s, struct facet_error *err)
{
	unsigned int max = facet_vm_vcpus(s->vm);
	facet_autofree pid_t *tids = calloc(max, sizeof(*tids));
	int r;

	if (!tids)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", s->vm->name);
	r = facet_qmp_vcpus(s->qmp, tids, max, CALL_MS, err);
	if (r < 0)
		return r;
	r = facet_cpus_apply(s->cpus, s->vm, s->state.qemu, tids, (unsigned int)r, err);
	if (!r)
		r = facet_qmp_call(s->qmp, "cont", NULL, CALL_MS, NULL, err);
	if (r)
		return r;
	s->executed = true;
	s->state.phase = FACET_VM_RUNNING;
	return facet_vmdir_write(s->config->directory, &s->state, err);
}

static void init_state(struct supervisor *s)
{
	struct facet_vm_state *state = &s->state;

	state->supervisor = getpid();
	state->supervisor_start = facet_process_start_time(getpid());
	state->since = (uint64_t)time(NULL);
	state->vcpus = facet_vm_vcpus(s->vm);
	state->memory = facet_vm_memory_bytes(s->vm);
	snprintf(state->file, sizeof(state->file), "%s",
		 s->config->file_name ? s->config->file_name : "");
	snprintf(state->daemon, sizeof(state->daemon), "%s",
		 s->config->daemon ? s->config->daemon : "");
}

static int begin(struct supervisor *s, struct facet_error *err)
{
	int r;

	s->gpus = calloc(s->vm->gpus_count + 1, sizeof(*s->gpus));
	s->cpus = facet_cpus_create();
	if (!s->gpus || !s->cpus)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", s->vm->name);
	init_state(s);
	r = facet_vmdir_write(s->config->directory, &s->state, err);
	if (!r)
		r = prepare(s, err);
	if (!r)
		r = start_qemu(s, err);
	return r ? r : begin_executing(s, err);
}

/* --- stopping --- */

/* Asks less and less politely. */
static void ask(struct supervisor *s)
{
	struct facet_error err;

	if (s->harshness == 0 &&
	    facet_qmp_call(s->qmp, "system_powerdown", NULL, CALL_MS, NULL, &err) == 0)
		return;
	s->harshness = s->harshness ? s->harshness : 1;
	if (s->harshness == 1) {
		s->deadline_ms = now_ms() + QUIT_MS;
		if (facet_qmp_call(s->qmp, "quit", NULL, QUIT_MS, NULL, &err) == 0)
			return;
	}
	s->harshness = 2;
	s->deadline_ms = now_ms() + QUIT_MS;
	facet_process_signal(s->pidfd, SIGKILL, 0);
}

static void take_signal(struct supervisor *s)
{
	unsigned int seconds = s->vm->stop_seconds ? s->vm->stop_seconds : FACET_VM_STOP_SECONDS;
	struct signalfd_siginfo info;
	struct facet_error err;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_code == SI_QUEUE && info.ssi_int > 0)
		seconds = (unsigned int)info.ssi_int - 1;
	if (info.ssi_signo == SIGINT)
		seconds = 0;
	/* A second one shortens the first. */
	if (s->asked && s->harshness > 0)
		return;
	s->harshness = seconds ? 0 : 1;
	s->deadline_ms = now_ms() + (int64_t)seconds * 1000;
	s->asked = true;
	s->state.phase = FACET_VM_STOPPING;
	facet_vmdir_write(s->config->directory, &s->state, &err);
	ask(s);
}

/* Until QEMU has ended. */
static void stay(struct supervisor *s)
{
	bool qmp = true;

	for (;;) {
		struct pollfd wait[3] = { { .fd = s->pidfd, .events = POLLIN },
					  { .fd = s->signal_fd, .events = POLLIN },
					  { .fd = qmp ? facet_qmp_fd(s->qmp) : -1,
					    .events = POLLIN } };
		int64_t left = s->deadline_ms ? s->deadline_ms - now_ms() : INT32_MAX;

		if (s->deadline_ms && left <= 0) {
			s->harshness++;
			ask(s);
			continue;
		}
		if (poll(wait, 3, s->deadline_ms ? (int)left : -1) <= 0)
			continue;
		if (wait[0].revents)
			return;
		if (wait[1].revents)
			take_signal(s);
		if (wait[2].revents && qmp)
			qmp = facet_qmp_drain(s->qmp);
	}
}

/* --- ending --- */

static bool reap(struct supervisor *s)
{
	siginfo_t info = { 0 };

	if (s->pidfd < 0)
		return true;
	facet_process_signal(s->pidfd, SIGKILL, 0);
	waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED);
	close(s->pidfd);
	s->pidfd = -1;
	s->state.qemu = 0;
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return true;
	if (info.si_code == CLD_EXITED)
		snprintf(s->state.reason, sizeof(s->state.reason), "QEMU ended with exit code %d",
			 info.si_status);
	else
		snprintf(s->state.reason, sizeof(s->state.reason), "QEMU was ended by SIG%s",
			 sigabbrev_np(info.si_status) ?: "?");
	return s->asked;
}

/* facetd may be about to come back. */
static int remove_vgpus(struct supervisor *s, struct facet_error *err)
{
	int r = facet_vgpus_remove(&s->state, err);

	for (unsigned int i = 0; r && i < AGAIN; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 250000000 }, NULL);
		r = facet_vgpus_remove(&s->state, err);
	}
	return r;
}

/* Of a crash, only what tells about it stays. */
static void keep_logs(const char *directory)
{
	static const char *const files[] = { "console", "qmp", "spice", "vnc", NULL };
	char path[PATH_MAX + 40];

	for (const char *const *file = files; *file; file++) {
		snprintf(path, sizeof(path), "%s/%s", directory, *file);
		unlink(path);
	}
	for (unsigned int i = 0; i < FACET_VM_LIST; i++) {
		facet_autofree char *overlay = facet_qemu_overlay(directory, i);

		if (overlay)
			unlink(overlay);
	}
}

/* A socket that the file names lies elsewhere; QEMU removes it, unless it was killed. */
static void remove_socket(const struct supervisor *s, const char *text)
{
	facet_autofree char *path = NULL;

	if (!facet_vm_wanted(text) || strcmp(text, "true") == 0)
		return;
	path = facet_vm_path(s->config->file, text);
	if (path)
		unlink(path);
}

static void end(struct supervisor *s, bool keep)
{
	struct facet_error err;
	int r;

	facet_qmp_destroy(s->qmp);
	facet_cpus_destroy(s->cpus);
	if (s->executed) {
		remove_socket(s, s->vm->display.spice);
		remove_socket(s, s->vm->display.vnc);
	}
	r = remove_vgpus(s, &err);
	run_hook(s, s->vm->hooks.stopped, "stopped", &err);
	facet_vgpus_fini(s->gpus, s->vm->gpus_count);
	s->state.phase = keep && !r ? FACET_VM_CRASHED : FACET_VM_ENDED;
	if (!keep && !r && facet_vmdir_remove(s->config->directory) == 0)
		return;
	keep_logs(s->config->directory);
	facet_vmdir_write(s->config->directory, &s->state, &err);
}

/* --- all of it --- */

/* What libraries say goes where somebody may look for it. */
static void detach(const char *directory)
{
	facet_autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = -1;
	char path[PATH_MAX + 20];

	snprintf(path, sizeof(path), "%s/supervisor.log", directory);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(null, 0);
	dup2(null, 1);
	dup2(log < 0 ? null : log, 2);
	if (chdir("/") < 0)
		return;
}

static void tell(const struct facet_supervisor_config *config, const char *sign, const char *text)
{
	if (config->ready_fd < 0)
		return;
	if (write(config->ready_fd, sign, 1) != 1 ||
	    write(config->ready_fd, text, strlen(text)) != (ssize_t)strlen(text))
		return; /* nobody waits for it any more */
	close(config->ready_fd);
}

/* The last words of QEMU say more than that it has ended. */
static void add_last_words(const struct supervisor *s, struct facet_error *err)
{
	char log[160];
	size_t size = strlen(err->text);

	facet_vmdir_tail(s->config->directory, "qemu.log", log, sizeof(log));
	if (log[0])
		snprintf(err->text + size, sizeof(err->text) - size, ": %s",
			 strrchr(log, '\n') ? strrchr(log, '\n') + 1 : log);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int facet_supervise(struct facet_supervisor_config *config, struct facet_error *err)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	struct facet_error why;
	bool orderly;
	int r;

	if (!s)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", config->vm->name);
	s->config = config;
	s->vm = config->vm;
	s->pidfd = -1;
	s->signal_fd = open_signals();
	if (!config->foreground)
		detach(config->directory);
	r = begin(s, err);
	if (r) {
		reap(s);
		add_last_words(s, err);
		end(s, false);
		tell(config, "-", err->text);
	} else {
		tell(config, "+", "");
		if (run_hook(s, s->vm->hooks.started, "started", &why))
			fprintf(stderr, "hooks.started: %s\n", why.text);
		stay(s);
		orderly = reap(s);
		if (!orderly)
			r = facet_error_set(err, -EIO, "%s: %s", s->vm->name, s->state.reason);
		end(s, !orderly);
	}
	close(s->signal_fd);
	free(s);
	return r;
}
