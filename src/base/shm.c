// SPDX-License-Identifier: GPL-2.0-or-later
/* shm.c - maps shared files and survives their becoming shorter. */
#include "base/shm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* #syscalls mmap munmap rt_sigaction rt_sigprocmask rt_sigreturn */

enum { MAX_RANGES = 64 };

/* Read by the handler in any thread; .start is written last and cleared first. */
struct facet_shm_range {
	atomic_uintptr_t start; /* 0: not used */
	atomic_uintptr_t end;
	atomic_bool torn;
};

static struct facet_shm_range ranges[MAX_RANGES];
static pthread_mutex_t ranges_lock = PTHREAD_MUTEX_INITIALIZER;
static bool installed; /* under the lock */
static struct sigaction former;
static uintptr_t page_size;

/* --- the handler: only what is safe in one --- */

static bool patch(uintptr_t address)
{
	uintptr_t start, end, page = address & ~(page_size - 1);

	for (int i = 0; i < MAX_RANGES; i++) {
		start = atomic_load(&ranges[i].start);
		end = atomic_load(&ranges[i].end);
		if (!start || address < start || address >= end)
			continue;
		/* What follows is behind the file's end as well: one fault, not one a page. */
		if (mmap((void *)page, end - page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			return false;
		atomic_store(&ranges[i].torn, true);
		return true;
	}
	return false;
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
	const bool sent = info->si_code <= 0;

	if (former.sa_flags & SA_SIGINFO) {
		former.sa_sigaction(sig, info, context);
	} else if (former.sa_handler == SIG_IGN && sent) {
		return;
	} else if (former.sa_handler == SIG_DFL || former.sa_handler == SIG_IGN) {
		/* The access is repeated after this, and ends the process as it should. */
		signal(sig, SIG_DFL);
		if (sent)
			raise(sig);
	} else {
		former.sa_handler(sig);
	}
}

static void on_bus_error(int sig, siginfo_t *info, void *context)
{
	const int saved = errno;

	if (info->si_code <= 0 || !patch((uintptr_t)info->si_addr))
		pass_on(sig, info, context);
	errno = saved;
}

/* --- everything else --- */

static int install(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	if (installed)
		return 0;
	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, NULL, &former) < 0 || sigaction(SIGBUS, &action, NULL) < 0)
		return -errno;
	installed = true;
	return 0;
}

static struct facet_shm_range *take_range(void *base, uint64_t size)
{
	for (int i = 0; i < MAX_RANGES; i++) {
		if (atomic_load(&ranges[i].start))
			continue;
		atomic_store(&ranges[i].torn, false);
		atomic_store(&ranges[i].end, (uintptr_t)base + size);
		atomic_store(&ranges[i].start, (uintptr_t)base);
		return &ranges[i];
	}
	return NULL;
}

int facet_shm_map(int fd, uint64_t size, struct facet_shm *ret)
{
	struct facet_shm shm = { .size = size };
	int r;

	shm.base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shm.base == MAP_FAILED)
		return -errno;
	pthread_mutex_lock(&ranges_lock);
	r = install();
	if (r == 0) {
		shm.range = take_range(shm.base, size);
		r = shm.range ? 0 : -ENFILE;
	}
	pthread_mutex_unlock(&ranges_lock);
	if (r < 0) {
		munmap(shm.base, size);
		return r;
	}
	*ret = shm;
	return 0;
}

void facet_shm_unmap(struct facet_shm *shm)
{
	if (!shm->base)
		return;
	atomic_store(&shm->range->start, 0);
	munmap(shm->base, shm->size);
	*shm = (struct facet_shm){ 0 };
}

bool facet_shm_torn(const struct facet_shm *shm)
{
	return atomic_load(&shm->range->torn);
}

int facet_shm_mend(struct facet_shm *shm, int fd)
{
	atomic_store(&shm->range->torn, false);
	if (mmap(shm->base, shm->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED) {
		atomic_store(&shm->range->torn, true);
		return -errno;
	}
	return 0;
}

void facet_shm_thread(void)
{
	static _Thread_local bool done;
	sigset_t set;

	if (done)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	done = true;
}
