// SPDX-License-Identifier: GPL-2.0-or-later
/* sandbox_syscalls.c - the list of allowed system calls; see scripts/seccomp-list. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "vgpu/sandbox_stages.h"

#include "syscalls.h"

/*
 * What the libraries below us need.
 *
 * The C library: memory, threads, time, and its way out of a failed assertion.
 * #syscalls brk mmap munmap mremap mprotect madvise
 * #syscalls futex set_robust_list rseq rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
 * #syscalls exit exit_group gettid getpid sched_yield restart_syscall
 * #syscalls clock_gettime clock_nanosleep clock_getres nanosleep gettimeofday getrandom sysinfo
 * #syscalls read write readv writev pread64 pwrite64 lseek close dup fcntl newfstatat fstat statx
 * #syscalls ppoll getuid geteuid getgid getegid uname getrusage times prlimit64
 * #syscalls:x86_64 poll time access readlink stat lstat
 *
 * The loader, when GL is first needed.
 * #syscalls readlinkat faccessat faccessat2 getdents64 getcwd
 *
 * Mesa and LLVM: threads on processors, and what they know about those.
 * #syscalls sched_getaffinity sched_setaffinity getcpu get_mempolicy
 * #syscalls sched_setscheduler sched_getscheduler sched_getparam
 * #syscalls sched_get_priority_min sched_get_priority_max membarrier
 *
 * Mesa: memory that can be handed on.
 * #syscalls memfd_create ftruncate fallocate
 */

/* Not in the list: there are rules about their arguments below. clone3 has none that can be seen.
 */
/* #syscalls:careful openat clone clone3 tgkill prctl ioctl */

/*
 * Who calls one of these is not a guest's renderer any more: end the process. Everything that is
 * neither here nor in the list fails as if the kernel did not have it, so that a library newer than
 * this list finds another way.
 */
static const int deadly[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(socket),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(capset),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(personality),
	SCMP_SYS(mknodat),
	SCMP_SYS(linkat),
	SCMP_SYS(symlinkat),
};

static const uint64_t new_namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
				       CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

struct rule {
	int syscall;
	struct scmp_arg_cmp arg;
};

static int add_list(scmp_filter_ctx filter, uint32_t action, const int *list, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = seccomp_rule_add(filter, action, list[i], 0);
	return r;
}

static int add_rules(scmp_filter_ctx filter, const struct rule *rules, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].syscall, 1,
					   &rules[i].arg);
	return r;
}

/* Threads, not processes. clone3 hides its flags: without it, the C library takes clone. */
static int add_threads(scmp_filter_ctx filter)
{
	int r = seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | new_namespaces, CLONE_THREAD));

	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return r;
}

/* Files to read; a GPU's node also to write. Signals to oneself (abort). Names of threads. */
static int add_careful(scmp_filter_ctx filter, bool gpu)
{
	const uint64_t open_mask = O_CREAT | O_TRUNC | (gpu ? 0 : O_ACCMODE);
	const struct rule rules[] = {
		{ SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, open_mask, O_RDONLY) },
		{ SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()) },
		{ SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME) },
		{ SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_GET_NAME) },
		{ SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_VMA) },
	};
	const struct rule gpu_rules[] = {
		/* DRM, dma-buf and sync files number theirs by these letters. */
		{ SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, 'd' << 8) },
		{ SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, 'b' << 8) },
		{ SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, '>' << 8) },
	};
	int r = add_rules(filter, rules, FACET_ARRAY_SIZE(rules));

	if (!r && gpu)
		r = add_rules(filter, gpu_rules, FACET_ARRAY_SIZE(gpu_rules));
	return r;
}

static int add_all(scmp_filter_ctx filter, bool gpu)
{
	int r = add_list(filter, SCMP_ACT_ALLOW, allowed_syscalls,
			 FACET_ARRAY_SIZE(allowed_syscalls));

	if (!r)
		r = add_list(filter, SCMP_ACT_KILL_PROCESS, deadly, FACET_ARRAY_SIZE(deadly));
	if (!r)
		r = add_threads(filter);
	if (!r)
		r = add_careful(filter, gpu);
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return r;
}

void facet_sandbox_syscalls(struct facet_sandbox *box, struct facet_sandbox_stage *stage)
{
	bool gpu = box->cfg->render_fd >= 0;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = filter ? add_all(filter, gpu) : -ENOMEM;

	/* A 32-bit call on a 64-bit machine has other numbers: the filter's own action is death. */
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r < 0)
		facet_sandbox_missing(stage, "%s", strerror(-r));
	else
		facet_sandbox_in_force(stage, "%zu allowed, %d more with some arguments",
				       FACET_ARRAY_SIZE(allowed_syscalls), gpu ? 5 : 4);
}
