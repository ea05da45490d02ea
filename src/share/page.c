// SPDX-License-Identifier: GPL-2.0-or-later
/* page.c - the shared page: made, mapped, opened and closed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "share/internal.h"

/* #syscalls mmap munmap fstat newfstatat futex clock_gettime */

_Static_assert(sizeof(struct facet_share_page) <= FACET_SHARE_BYTES, "one page");
/* What a facetd of before an update, and tests, rely on; else the version has to change. */
_Static_assert(offsetof(struct facet_share_page, open) == 16, "a layout of version 1");
_Static_assert(offsetof(struct facet_share_page, answered_ns) == 56, "a layout of version 1");
_Static_assert(offsetof(struct facet_share_page, backlog) == 88, "a layout of version 1");
_Static_assert(offsetof(struct facet_share_page, wait) == 136, "a layout of version 1");
_Static_assert(sizeof(struct facet_share_page) == 568, "a layout of version 1");

enum {
	/* Nobody can take the page from under our feet, or sign anything else away. */
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
};
#define MAX_CLOSED_NS ((uint64_t)FACET_SHARE_MAX_CLOSED_MS * FACET_NS_PER_MS)

static int map(int fd, struct facet_share_page **ret)
{
	void *p = mmap(NULL, FACET_SHARE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

int facet_share_create(struct facet_share_page **ret, int *ret_fd, struct facet_error *err)
{
	facet_autoclose int fd = memfd_create("facet-share", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct facet_share_page *page;

	if (fd < 0 || ftruncate(fd, FACET_SHARE_BYTES) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0 ||
	    map(fd, &page) < 0)
		return facet_error_set(err, -errno, "shared page: it cannot be made: %s",
				       strerror(errno));
	page->version = FACET_SHARE_VERSION;
	page->size = sizeof(*page);
	page->open = 1;
	page->magic = FACET_SHARE_MAGIC;
	*ret = page;
	*ret_fd = facet_steal_fd(&fd);
	return 0;
}

int facet_share_map(int fd, struct facet_share_page **ret, struct facet_error *err)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct facet_share_page *page;
	struct stat st;
	int r;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 ||
	    st.st_size != FACET_SHARE_BYTES)
		return facet_error_set(err, -EINVAL,
				       "shared page: descriptor %d is no sealed memory of %d bytes",
				       fd, FACET_SHARE_BYTES);
	r = map(fd, &page);
	if (r < 0)
		return facet_error_set(err, r, "shared page: %s", strerror(-r));
	if (page->magic != FACET_SHARE_MAGIC || page->version != FACET_SHARE_VERSION ||
	    page->size != sizeof(*page)) {
		facet_share_unmap(page);
		return facet_error_set(err, -EPROTO,
				       "shared page: it is of another version of facet; the vGPU "
				       "has to be started anew");
	}
	*ret = page;
	return 0;
}

void facet_share_unmap(struct facet_share_page *page)
{
	if (page)
		munmap(page, FACET_SHARE_BYTES);
}

uint64_t facet_share_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Not private: facetd has its own address of the word. */
void facet_share_wait(const uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(timeout_ns / 1000000000),
		.tv_nsec = (long)(timeout_ns % 1000000000),
	};

	syscall(SYS_futex, word, FUTEX_WAIT, value, timeout_ns ? &ts : NULL, NULL, 0);
}

void facet_share_wake(const uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* A date that is too far away is none that facetd would set. */
uint64_t facet_share_closed_until(const struct facet_share_page *page, uint64_t now_ns)
{
	uint64_t until;

	if (FACET_SHARE_LOAD(page->open))
		return 0;
	until = FACET_SHARE_LOAD(page->closed_until_ns);
	return until > now_ns && until - now_ns <= MAX_CLOSED_NS ? until : 0;
}

void facet_share_close_until(struct facet_share_page *page, uint64_t now_ns, uint64_t until_ns)
{
	bool was_closed = facet_share_closed_until(page, now_ns) != 0;

	FACET_SHARE_STORE(page->closed_until_ns, until_ns);
	FACET_SHARE_STORE(page->open, 0);
	if (!was_closed)
		facet_share_wake(&page->open);
}

/*
 * Whoever waits for the number that it saw does not any more. One try is enough: when somebody else
 * changed it, then after what was written before this.
 */
void facet_share_poke(struct facet_share_page *page)
{
	uint32_t open = FACET_SHARE_LOAD(page->open), next = open + 1 ? open + 1 : 1;

	/* Of a closed page nobody sleeps for ever. */
	if (open && __atomic_compare_exchange_n(&page->open, &open, next, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
		facet_share_wake(&page->open);
}

void facet_share_set_open(struct facet_share_page *page, bool open, uint64_t now_ns)
{
	uint32_t closed = 0;

	if (!open)
		facet_share_close_until(page, now_ns, now_ns + MAX_CLOSED_NS);
	else if (__atomic_compare_exchange_n(&page->open, &closed, 1, false, __ATOMIC_SEQ_CST,
					     __ATOMIC_SEQ_CST))
		facet_share_wake(&page->open);
}

/* Work that comes to an idle vGPU finds the heartbeat, or is seen here. */
void facet_share_beat(struct facet_share_page *page, uint64_t now_ns)
{
	uint64_t before = __atomic_exchange_n(&page->heartbeat_ns, now_ns, __ATOMIC_SEQ_CST);

	if (!now_ns)
		facet_share_set_open(page, true, now_ns);
	else if (!before && FACET_SHARE_LOAD(page->backlog))
		facet_share_poke(page);
}

void facet_share_answer(struct facet_share_page *page, uint64_t now_ns)
{
	FACET_SHARE_STORE(page->answered_ns, now_ns);
}
