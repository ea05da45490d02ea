// SPDX-License-Identifier: GPL-2.0-or-later
/* stop.c - stops the renderer's running threads, by a signal whose handler waits. */
#include <errno.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/preempt.h"
#include "share/internal.h"

/* #syscalls gettid rt_sigaction rt_sigprocmask rt_sigreturn tgkill prctl getpid sched_yield futex
 */

enum {
	/* From the end of its handler a thread uses so much at most to wait for work again. */
	SLIVER_NS = 10 * 1000,
	NAME_BYTES = 16, /* of a thread's */
};

struct range {
	uintptr_t start, end;
};

/* Code in which no thread is stopped: see share.h. Written before the handler is installed. */
enum { NEVER_IN = 3 };
static struct range never_in[NEVER_IN];

static _Atomic(struct facet_stop_point *) current;
static atomic_uint inside; /* handlers that may look at it */
static _Thread_local volatile sig_atomic_t is_engine;

static uintptr_t interrupted_at(const void *context)
{
	const ucontext_t *uc = context;

#if defined(__x86_64__)
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)uc->uc_mcontext.pc;
#else
	/* Where it was is not known, so it is everywhere: nothing is stopped inside a job. */
	return uc ? never_in[0].start : 0;
#endif
}

static bool may_stop_at(uintptr_t address)
{
	for (int i = 0; i < NEVER_IN; i++)
		if (address >= never_in[i].start && address < never_in[i].end)
			return false;
	return true;
}

/* Threads that the renderer has named after the engine's by not naming them at all are its own. */
static bool may_stop_thread(const struct facet_stop_point *point)
{
	char name[NAME_BYTES + 1] = "";

	if (is_engine)
		return facet_preemptible;
	return prctl(PR_GET_NAME, name) == 0 && facet_stop_is_name(name, point->engine_name);
}

/* The gate's thread looks whether this one is held. NULL: it is not in the list any more. */
static struct facet_stop_thread *own_place(struct facet_stop_list *list)
{
	const pid_t tid = (pid_t)syscall(SYS_gettid);

	for (unsigned int i = 0; i < list->count; i++)
		if (list->threads[i].tid == tid)
			return &list->threads[i];
	return NULL;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) < 0
		       ? 0
		       : (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void hold(struct facet_stop_point *point, struct facet_stop_thread *place)
{
	const struct facet_share_page *page = point->page;
	uint64_t now, until;
	bool held = false;

	while (!atomic_load(&point->released)) {
		now = facet_share_now();
		until = facet_share_closed_until(page, now);
		if (!until)
			break;
		if (!held) {
			held = true;
			atomic_store(&place->held, true);
			atomic_fetch_add(&point->stops, 1);
		}
		facet_share_wait(&page->open, 0, until - now);
	}
	atomic_store(&place->held, false);
}

static void stop_here(struct facet_stop_point *point, const void *context)
{
	struct facet_stop_thread *place = own_place(point->list);

	if (!place)
		return;
	if (may_stop_at(interrupted_at(context)) && may_stop_thread(point))
		hold(point, place);
	atomic_store(&place->used_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct facet_stop_point *point;
	int saved = errno;

	atomic_fetch_add(&inside, 1);
	point = atomic_load(&current);
	if (point && info->si_code == SI_TKILL)
		stop_here(point, context);
	atomic_fetch_sub(&inside, 1);
	errno = saved;
}

struct search {
	uintptr_t address;
	struct range found;
};

static int look_in(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;
	struct range range = { UINTPTR_MAX, 0 };
	bool here = false;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + header->p_vaddr;
		uintptr_t end = start + header->p_memsz;

		if (header->p_type != PT_LOAD)
			continue;
		here |= search->address >= start && search->address < end;
		if (!(header->p_flags & PF_X))
			continue;
		range.start = start < range.start ? start : range.start;
		range.end = end > range.end ? end : range.end;
	}
	if (here)
		search->found = range;
	return here;
}

/* The code of the object that has this address. */
static struct range code_around(uintptr_t address)
{
	struct search search = { .address = address };

	dl_iterate_phdr(look_in, &search);
	return search.found;
}

int facet_stop_install(struct facet_stop_point *point)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_RESTART };
	struct facet_stop_point *none = NULL;

	/* malloc may be somebody else's than the C library's: a sanitizer's. */
	never_in[0] = code_around((uintptr_t)gnu_get_libc_version);
	never_in[1] = code_around((uintptr_t)malloc);
	never_in[2] = code_around(getauxval(AT_BASE));
	/* In the program itself, as clang's are: then all our code would be out of bounds. */
	if (never_in[1].start == code_around((uintptr_t)facet_stop_install).start)
		never_in[1] = (struct range){ 0 };
	if (!never_in[0].end)
		return -ENOTSUP;
	if (!atomic_compare_exchange_strong(&current, &none, point))
		return -EBUSY;
	sigfillset(&action.sa_mask);
	return sigaction(FACET_STOP_SIGNAL, &action, NULL) < 0 ? -errno : 0;
}

/* The handler stays: signals may be under way. */
void facet_stop_remove(void)
{
	atomic_store(&current, NULL);
	while (atomic_load(&inside))
		sched_yield();
}

void facet_stop_enter(void)
{
	sigset_t set;

	is_engine = 1;
	/* Threads that are started from here on find it so, too. */
	sigemptyset(&set);
	sigaddset(&set, FACET_STOP_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* As the kernel numbers the clocks of threads; pthread_getcpuclockid() wants more than a number. */
static clockid_t clock_of(pid_t tid)
{
	const unsigned int per_thread_sched = 4 | 2;

	return (clockid_t)(~(unsigned int)tid << 3 | per_thread_sched);
}

bool facet_stop_running(struct facet_stop_list *list, const char *engine_name)
{
	const pid_t pid = getpid();
	bool any = false;

	facet_stop_list_refresh(list, engine_name);
	for (unsigned int i = 0; i < list->count; i++) {
		struct facet_stop_thread *thread = &list->threads[i];
		pid_t tid = thread->tid;
		uint64_t used;

		if (!tid || atomic_load(&thread->held))
			continue;
		used = clock_ns(clock_of(tid));
		if (!used) {
			list->seen = 0; /* it is gone: another may have come for it */
			continue;
		}
		if (used < thread->used_ns + SLIVER_NS)
			continue;
		atomic_store(&thread->used_ns, used);
		syscall(SYS_tgkill, pid, tid, FACET_STOP_SIGNAL);
		any = true;
	}
	return any;
}
