// SPDX-License-Identifier: GPL-2.0-or-later
/* launch.c - the side of who runs and stops VMs: forks supervisors, signals them, sweeps. */
#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "launch/binary.h"
#include "launch/cpus.h"
#include "launch/process.h"
#include "launch/supervise.h"
#include "launch/vgpus.h"

enum { KILL_MS = 10000, GONE_TRIES = 100 };

/* --- sweeping --- */

/* The threads of one that was killed go one by one, and hold its control groups until then. */
static void wait_gone(pid_t pid)
{
	for (unsigned int i = 0; i < GONE_TRIES && pid > 1 && kill(pid, 0) == 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

static void kill_left(pid_t pid, uint64_t start)
{
	facet_autoclose int pidfd = facet_process_open(pid, start);

	if (pidfd >= 0) {
		facet_process_signal(pidfd, SIGKILL, 0);
		facet_process_wait(pidfd, KILL_MS);
	}
	if (start)
		wait_gone(pid);
}

/* With the lock of all. @crashed: also one that is kept for its logs. */
static int sweep_one(const char *name, bool crashed, struct facet_error *err)
{
	facet_autofree struct facet_vm_state *state = calloc(1, sizeof(*state));
	facet_autoclose int lock = -1;
	char path[PATH_MAX];
	int r = facet_vmdir_path(name, path, err);

	if (r)
		return r;
	if (!state)
		return facet_error_set(err, -ENOMEM, "%.60s: out of memory", name);
	lock = facet_vmdir_take(path);
	if (lock < 0)
		return lock == -EBUSY
			       ? 0
			       : facet_error_set(err, lock, "%.100s: %s", path, strerror(-lock));
	/* Without one, nothing was begun. */
	if (facet_vmdir_read(path, state, NULL) == 0) {
		if (state->phase == FACET_VM_CRASHED && !crashed)
			return 0;
		kill_left(state->qemu, state->qemu_start);
		r = facet_vgpus_remove(state, err);
	}
	if (!r)
		r = facet_vmdir_remove(path);
	return r;
}

static int sweep(const char *only, struct facet_error *err)
{
	facet_autoclose int lock = facet_vmdir_lock(err);
	char **names = lock < 0 ? NULL : facet_vmdir_list();
	int r = lock < 0 ? lock : 0, code;

	for (char **name = names; name && *name; name++) {
		struct facet_error why;

		if (!only || strcmp(only, *name) == 0) {
			code = sweep_one(*name, only != NULL, &why);
			if (code && !r)
				r = facet_error_set(err, code, "%s", why.text);
		}
		free(*name);
	}
	free(names);
	if (lock >= 0)
		facet_cpus_sweep();
	return r;
}

int facet_launch_sweep(struct facet_error *err)
{
	return sweep(NULL, err);
}

/* --- running --- */

/* What the supervisor says by the pipe: nothing is good news, else a sentence. */
static int hear(int fd, const struct facet_vm *vm, struct facet_error *err)
{
	char text[sizeof(err->text)] = "", done = 0;
	size_t size = 0;
	ssize_t n;

	while (size < sizeof(text) - 1 &&
	       ((n = read(fd, text + size, sizeof(text) - 1 - size)) > 0 ||
		(n < 0 && errno == EINTR)))
		size += n > 0 ? (size_t)n : 0;
	done = size ? text[0] : 0;
	if (done == '+')
		return 0;
	return facet_error_set(err, -EIO, "%s",
			       size > 1 ? text + 1 : "its supervisor ended without a word");
}

static int run_supervisor(struct facet_supervisor_config *config, struct facet_error *err)
{
	facet_autoclose int from = -1;
	int fds[2], r;
	pid_t pid;

	if (config->foreground)
		return facet_supervise(config, err);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return facet_error_set(err, -errno, "a pipe: %s", strerror(errno));
	from = fds[0];
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(from);
		config->ready_fd = fds[1];
		/* Twice: nobody is to wait for it. */
		setsid();
		pid = fork();
		if (pid == 0)
			r = facet_supervise(config, err);
		_exit(pid < 0 || (pid == 0 && r) ? 1 : 0);
	}
	close(fds[1]);
	if (pid < 0)
		return facet_error_set(err, -errno, "no new process: %s", strerror(errno));
	waitpid(pid, NULL, 0);
	return hear(from, config->vm, err);
}

static int open_directory(const struct facet_vm *vm, struct facet_supervisor_config *config,
			  struct facet_error *err)
{
	facet_autoclose int all = -1;
	int r = sweep(vm->name, err);

	if (r)
		return r;
	all = facet_vmdir_lock(err);
	return all < 0 ? all
		       : facet_vmdir_create(vm->name, config->directory, &config->lock_fd, err);
}

static int find_image(const struct facet_vm *vm, char **ret, struct facet_error *err)
{
	if (!vm->guest.image)
		return 0;
	*ret = facet_image_find("guest");
	return *ret ? 0
		    : facet_error_set(err, -ENOENT,
				      "%s: guest.image %s: not there yet: run "
				      "scripts/guest-image",
				      vm->name, vm->guest.image);
}

int facet_launch_run(const struct facet_vm_file *file, const struct facet_vm *vm,
		     const struct facet_launch_options *options, struct facet_error *err)
{
	facet_autofree char *image = NULL;
	struct facet_qemu qemu = { 0 };
	struct facet_supervisor_config config = { .file = file,
						  .vm = vm,
						  .qemu = &qemu,
						  .daemon = options->daemon,
						  .file_name = options->file_name,
						  .foreground = options->foreground,
						  .ready_fd = -1 };
	facet_autofree char *program = vm->qemu ? facet_vm_path(file, vm->qemu) : NULL;
	int r = find_image(vm, &image, err);

	if (!r)
		r = facet_qemu_find(program, &qemu, err);
	if (!r)
		r = facet_qemu_check(&qemu, vm, err);
	if (!r)
		r = open_directory(vm, &config, err);
	if (!r) {
		config.image = image;
		r = run_supervisor(&config, err);
		close(config.lock_fd);
	}
	facet_qemu_fini(&qemu);
	return r;
}

/* --- stopping --- */

int facet_launch_stop(const char *name, int seconds, struct facet_error *err)
{
	facet_autofree struct facet_vm_state *state = calloc(1, sizeof(*state));
	facet_autoclose int pidfd = -1;
	char path[PATH_MAX];
	int r = facet_vmdir_path(name, path, err);

	if (r)
		return r;
	if (!state)
		return facet_error_set(err, -ENOMEM, "%.60s: out of memory", name);
	if (access(path, F_OK) < 0)
		return facet_error_set(err, -ENOENT, "%.60s: no such VM runs: see `facet ps`",
				       name);
	if (facet_vmdir_read(path, state, NULL) == 0)
		pidfd = facet_process_open(state->supervisor, state->supervisor_start);
	if (pidfd >= 0) {
		facet_process_signal(pidfd, seconds == 0 ? SIGINT : SIGTERM, seconds + 1);
		if (seconds < 0)
			seconds = 3600;
		if (!facet_process_wait(pidfd, (seconds + 60) * 1000)) {
			facet_process_signal(pidfd, SIGKILL, 0);
			facet_process_wait(pidfd, KILL_MS);
		}
	}
	return sweep(name, err);
}

/* --- only looking --- */

/* As facetd would, if it is asked: its socket lies beside us. */
static int think_of_gpus(const struct facet_vm *vm, struct facet_qemu_gpu *gpus,
			 struct facet_error *err)
{
	char base[PATH_MAX], name[80];
	int r = facet_vmdir_base(base, err);

	if (r)
		return r;
	base[strlen(base) - strlen("/vm")] = '\0';
	for (unsigned int i = 0; i < vm->gpus_count; i++) {
		const struct facet_vm_gpu *gpu = &vm->gpus[i];
		uint32_t width = 1280, height = 800;

		if (facet_vm_gpu_is_part(gpu))
			return facet_error_set(
				err, -EOPNOTSUPP,
				"%s: gpus[%u]: which part of %s it gets is known when it runs: "
				"`facet create` one, and name it by vfio or mdev.uuid",
				vm->name, i, gpu->sriov.pf ? gpu->sriov.pf : gpu->mdev.parent);
		if (!facet_vm_gpu_is_vgpu(gpu))
			continue;
		if (gpu->size)
			facet_units_size(gpu->size, &width, &height);
		facet_vm_gpu_name(vm, i, name);
		gpus[i] = (struct facet_qemu_gpu){
			.vfio_user = gpu->transport && strcmp(gpu->transport, "vfio-user") == 0,
			.width = width,
			.height = height,
			.outputs = gpu->outputs ? gpu->outputs : 1
		};
		if (asprintf(&gpus[i].socket, "%s/%s/%s.sock", base, name,
			     gpus[i].vfio_user ? "vfio-user" : "vhost-user") < 0)
			return facet_error_set(err, -ENOMEM, "%s: out of memory", vm->name);
	}
	return 0;
}

int facet_launch_args(const struct facet_vm_file *file, const struct facet_vm *vm,
		      struct facet_args *ret, struct facet_error *err)
{
	facet_autofree char *image = NULL,
			    *program = vm->qemu ? facet_vm_path(file, vm->qemu) : NULL;
	struct facet_qemu_gpu *gpus = calloc(vm->gpus_count + 1, sizeof(*gpus));
	struct facet_qemu qemu = { 0 };
	struct facet_qemu_config config = { .file = file, .vm = vm, .qemu = &qemu, .gpus = gpus };
	char directory[PATH_MAX];
	int r = gpus ? find_image(vm, &image, err)
		     : facet_error_set(err, -ENOMEM, "%s: out of memory", vm->name);

	if (!r)
		r = facet_vmdir_path(vm->name, directory, err);
	if (!r)
		r = facet_qemu_find(program, &qemu, err);
	if (!r)
		r = think_of_gpus(vm, gpus, err);
	config.directory = directory;
	config.image = image;
	if (!r)
		r = facet_qemu_args(&config, ret, err);
	facet_vgpus_fini(gpus, vm->gpus_count);
	facet_qemu_fini(&qemu);
	return r;
}
