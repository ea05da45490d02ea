// SPDX-License-Identifier: GPL-2.0-or-later
/* binary.c - asks a QEMU for its version and devices, once for each file. */
#include "launch/binary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "launch/process.h"
#include "launch/qmp.h"

enum { ANSWER = 256 << 10, PATIENCE_MS = 30000 };

void facet_qemu_fini(struct facet_qemu *qemu)
{
	facet_args_fini(&qemu->argv);
	free(qemu->module_dir);
	free(qemu->devices);
	*qemu = (struct facet_qemu){ 0 };
}

static char *cache_path(const char *below)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *ret = NULL;

	if (cache && cache[0] == '/')
		return asprintf(&ret, "%s/facet/%s", cache, below) < 0 ? NULL : ret;
	if (!home || home[0] != '/')
		return NULL;
	return asprintf(&ret, "%s/.cache/facet/%s", home, below) < 0 ? NULL : ret;
}

/* "guest-0123abcd" is one of "guest"; "guest-bookworm-..." is not. */
static bool is_image(const char *name, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(name, prefix, size) == 0 && name[size] == '-' && name[size + 1] &&
	       strspn(name + size + 1, "0123456789abcdef") == strlen(name + size + 1);
}

char *facet_image_find(const char *prefix)
{
	facet_autofree char *images = cache_path("images");
	DIR *dir = images ? opendir(images) : NULL;
	time_t newest = 0;
	struct dirent *entry;
	char *ret = NULL;
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		if (!is_image(entry->d_name, prefix) ||
		    fstatat(dirfd(dir), entry->d_name, &st, 0) < 0 || !S_ISDIR(st.st_mode) ||
		    (ret && st.st_mtime <= newest))
			continue;
		free(ret);
		newest = st.st_mtime;
		if (asprintf(&ret, "%s/%s", images, entry->d_name) < 0)
			ret = NULL;
	}
	if (dir)
		closedir(dir);
	return ret;
}

/* --- probing --- */

/* What a file can ask for that not every QEMU has. */
static const char *const asked_for[] = {
	"vhost-user-gpu-pci", "vfio-user-pci", "vfio-pci",
	"virtio-9p-pci",      "ivshmem-plain", "ivshmem-doorbell"
};

static int ask(const struct facet_qemu *qemu, const char *option, const char *value, char **ret,
	       struct facet_error *err)
{
	struct facet_args argv = { 0 };
	int r;

	for (unsigned int i = 0; i < qemu->argv.count; i++)
		facet_args_add(&argv, qemu->argv.items[i]);
	facet_args_add(&argv, option);
	if (value)
		facet_args_add(&argv, value);
	if (argv.failed)
		r = facet_error_set(err, -ENOMEM, "qemu: out of memory");
	else
		r = facet_process_output(argv.items, qemu->module_dir, ANSWER, PATIENCE_MS, ret,
					 err);
	facet_args_fini(&argv);
	return r;
}

/*
 * One after the other: `-device help` for all of them loads every module there is, and dies of one
 * that is of another build.
 */
static int probe_devices(struct facet_qemu *qemu, struct facet_error *err)
{
	char list[400] = "\n", option[60];
	int r = 0;

	for (size_t i = 0; !r && i < FACET_ARRAY_SIZE(asked_for); i++) {
		facet_autofree char *help = NULL;

		snprintf(option, sizeof(option), "%s,help", asked_for[i]);
		r = ask(qemu, "-device", option, &help, err);
		/* Some end with a failure when they do not know it. */
		if (r == -EIO)
			r = 0;
		snprintf(option, sizeof(option), "%s options:", asked_for[i]);
		if (help && strstr(help, option))
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s\n",
				 asked_for[i]);
	}
	if (!r && !(qemu->devices = strdup(list)))
		r = facet_error_set(err, -ENOMEM, "qemu: out of memory");
	return r;
}

static int probe(struct facet_qemu *qemu, struct facet_error *err)
{
	facet_autofree char *version = NULL;
	const char *program = qemu->argv.items[qemu->program];
	int r = ask(qemu, "--version", NULL, &version, err);

	if (r)
		return r;
	if (sscanf(version, "QEMU emulator version %u.%u", &qemu->major, &qemu->minor) != 2)
		return facet_error_set(err, -ENOEXEC, "%.100s: does not say that it is QEMU",
				       program);
	return probe_devices(qemu, err);
}

/*
 * A /dev/kvm that can be opened promises nothing: inside other hypervisors QEMU has been seen to
 * die of it as soon as it makes a vCPU. So one is made.
 */
static bool kvm_works(const struct facet_qemu *qemu)
{
	static const char *const words[] = {
		"-nodefaults",
		"-no-user-config",
		"-display",
		"none",
		"-machine",
		"q35",
		"-accel",
		"kvm",
		"-cpu",
		"max",
		"-S",
		"-chardev",
		"socket,id=facet-qmp,fd=3",
		"-qmp",
		"chardev:facet-qmp",
	};
	facet_autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC), pidfd = -1;
	struct facet_spawn spawn = { .module_dir = qemu->module_dir,
				     .output_fd = null,
				     .tied = true };
	struct facet_qmp *qmp = NULL;
	struct facet_args args = { 0 };
	int fds[2], r = -1;
	siginfo_t info;
	pid_t pid;

	if (access("/dev/kvm", R_OK | W_OK) < 0 || null < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	facet_args_add(&args, qemu->argv.items[0]);
	for (unsigned int i = 1; i < qemu->argv.count; i++)
		facet_args_add(&args, qemu->argv.items[i]);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(words); i++)
		facet_args_add(&args, words[i]);
	spawn.argv = args.items;
	spawn.fd = fds[1];
	if (!args.failed)
		r = facet_process_spawn(&spawn, &pid, &pidfd, NULL);
	close(fds[1]);
	if (r == 0) {
		r = facet_qmp_create(fds[0], pidfd, PATIENCE_MS, &qmp, NULL);
		facet_qmp_destroy(qmp);
		facet_process_signal(pidfd, SIGKILL, 0);
		waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
	} else {
		close(fds[0]);
	}
	facet_args_fini(&args);
	return r == 0;
}

/* --- the cache: "PATH SIZE MTIME BOOT", "MAJOR.MINOR KVM", then the devices --- */

/* KVM may work after the next boot, or no more. */
static void boot_id(char ret[static 40])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || fscanf(file, "%36s", ret) != 1)
		ret[0] = '\0';
	if (file)
		fclose(file);
}

static char *cache_file(const char *program, const struct stat *st, char header[static 4500])
{
	uint64_t hash = 14695981039346656037u;
	char name[40], boot[40];

	boot_id(boot);
	snprintf(header, 4500, "%s %lld %lld.%09ld %s\n", program, (long long)st->st_size,
		 (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, boot);
	for (const char *p = program; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
	snprintf(name, sizeof(name), "qemu-%016" PRIx64 ".probe", hash);
	return cache_path(name);
}

static bool read_cache(const char *path, const char *header, struct facet_qemu *qemu)
{
	facet_autofree char *text = calloc(1, ANSWER);
	size_t size = strlen(header);
	FILE *file = text ? fopen(path, "re") : NULL;
	unsigned int kvm;
	int used = 0;

	if (!file)
		return false;
	if (fread(text, 1, ANSWER - 1, file) > 0 && strncmp(text, header, size) == 0 &&
	    sscanf(text + size, "%u.%u %u%n", &qemu->major, &qemu->minor, &kvm, &used) == 3 &&
	    used) {
		qemu->kvm = kvm;
		qemu->devices = strdup(text + size + used);
	}
	fclose(file);
	return qemu->devices != NULL;
}

/* That it could not be kept is no failure. */
static void write_cache(const char *path, const char *header, const struct facet_qemu *qemu)
{
	facet_autofree char *fresh = NULL;
	FILE *file;

	if (asprintf(&fresh, "%s.%d", path, (int)getpid()) < 0)
		return;
	file = fopen(fresh, "wxe");
	if (!file)
		return;
	fprintf(file, "%s%u.%u %u%s", header, qemu->major, qemu->minor, qemu->kvm, qemu->devices);
	if (fclose(file) != 0 || rename(fresh, path) < 0)
		unlink(fresh);
}

static int probe_cached(struct facet_qemu *qemu, struct facet_error *err)
{
	const char *program = qemu->argv.items[qemu->program];
	facet_autofree char *path = NULL;
	char header[4500];
	struct stat st;
	int r;

	if (stat(program, &st) < 0)
		return facet_error_set(err, -errno, "qemu: %.120s: %s", program, strerror(errno));
	path = cache_file(program, &st, header);
	if (path && read_cache(path, header, qemu))
		return 0;
	r = probe(qemu, err);
	qemu->kvm = !r && kvm_works(qemu);
	if (!r && path)
		write_cache(path, header, qemu);
	return r;
}

/* --- choosing --- */

static char *find_in_path(const char *name)
{
	facet_autofree char *dirs = strdup(getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin");
	char *next = dirs, *dir, *ret = NULL;

	while (dirs && (dir = strsep(&next, ":"))) {
		if (dir[0] != '/' || asprintf(&ret, "%s/%s", dir, name) < 0)
			continue;
		if (access(ret, X_OK) == 0)
			return ret;
		free(ret);
	}
	return NULL;
}

char *facet_qemu_img(void)
{
	return find_in_path("qemu-img");
}

/* Their firmware lies beside them. */
static void add_data(struct facet_qemu *qemu)
{
	int root =
		(int)(strlen(qemu->argv.items[qemu->program]) - strlen("/bin/qemu-system-x86_64"));

	facet_args_add(&qemu->argv, "-L");
	facet_args_addf(&qemu->argv, "%.*s/share/qemu", root, qemu->argv.items[qemu->program]);
	facet_args_add(&qemu->argv, "-L");
	facet_args_addf(&qemu->argv, "%.*s/share/seabios", root, qemu->argv.items[qemu->program]);
}

/* In a Debian tree that is not ours: with that tree's own libraries and data. */
static bool use_unpacked(struct facet_qemu *qemu)
{
	facet_autofree char *image = facet_image_find("qemu"), *libraries = NULL;

	if (!image || asprintf(&libraries, "%s/root/usr/lib/x86_64-linux-gnu", image) < 0)
		return false;
	facet_qemu_fini(qemu);
	facet_args_addf(&qemu->argv, "%s/ld-linux-x86-64.so.2", libraries);
	facet_args_add(&qemu->argv, "--library-path");
	facet_args_add(&qemu->argv, libraries);
	facet_args_addf(&qemu->argv, "%s/root/usr/bin/qemu-system-x86_64", image);
	qemu->program = 3;
	add_data(qemu);
	if (asprintf(&qemu->module_dir, "%s/qemu", libraries) < 0)
		qemu->module_dir = NULL;
	return !qemu->argv.failed && qemu->module_dir;
}

static bool attaches_vgpus(const struct facet_qemu *qemu)
{
	return qemu->kvm || qemu->major >= 9;
}

int facet_qemu_find(const char *path, struct facet_qemu *ret, struct facet_error *err)
{
	const char *wanted = path ? path : getenv("FACET_QEMU");
	facet_autofree char *found = wanted ? strdup(wanted) : find_in_path("qemu-system-x86_64");
	struct facet_qemu qemu = { 0 };
	int r = -ENOENT;

	if (found) {
		facet_args_add(&qemu.argv, found);
		r = qemu.argv.failed ? -ENOMEM : probe_cached(&qemu, err);
	} else {
		facet_error_set(err, r,
				"qemu-system-x86_64: not in the PATH: install it, or name it "
				"by `qemu:`");
	}
	if (!wanted && (r || !attaches_vgpus(&qemu)) && use_unpacked(&qemu))
		r = probe_cached(&qemu, err);
	if (r)
		facet_qemu_fini(&qemu);
	else
		*ret = qemu;
	return r;
}

bool facet_qemu_has(const struct facet_qemu *qemu, const char *device)
{
	char line[80];

	snprintf(line, sizeof(line), "\n%s\n", device);
	return strstr(qemu->devices, line) != NULL;
}

static int need(const struct facet_qemu *qemu, const struct facet_vm *vm, const char *device,
		struct facet_error *err)
{
	if (facet_qemu_has(qemu, device))
		return 0;
	return facet_error_set(err, -ENODEV, "%s: QEMU %u.%u here has no device %s", vm->name,
			       qemu->major, qemu->minor, device);
}

static int check_gpu(const struct facet_qemu *qemu, const struct facet_vm *vm,
		     const struct facet_vm_gpu *gpu, struct facet_error *err)
{
	if (!facet_vm_gpu_is_vgpu(gpu))
		return need(qemu, vm, "vfio-pci", err);
	if (gpu->transport && strcmp(gpu->transport, "vfio-user") == 0)
		return need(qemu, vm, "vfio-user-pci", err);
	if (!attaches_vgpus(qemu))
		return facet_error_set(
			err, -ENODEV,
			"%s: QEMU %u.%u attaches a vhost-user GPU only with KVM, which "
			"is not here: take 9.0 or newer (`qemu: PATH`)",
			vm->name, qemu->major, qemu->minor);
	return need(qemu, vm, "vhost-user-gpu-pci", err);
}

int facet_qemu_check(const struct facet_qemu *qemu, const struct facet_vm *vm,
		     struct facet_error *err)
{
	int r = 0;

	if (vm->accel == FACET_VM_KVM && !qemu->kvm)
		return facet_error_set(err, -ENODEV,
				       "%s: accel kvm: /dev/kvm is not there or not ours to use",
				       vm->name);
	for (unsigned int i = 0; !r && i < vm->gpus_count; i++)
		r = check_gpu(qemu, vm, &vm->gpus[i], err);
	if (!r && (vm->folders_count))
		r = need(qemu, vm, "virtio-9p-pci", err);
	for (unsigned int i = 0; !r && i < vm->ivshmem_count; i++)
		r = need(qemu, vm, vm->ivshmem[i].server ? "ivshmem-doorbell" : "ivshmem-plain",
			 err);
	return r;
}
