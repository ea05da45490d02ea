// SPDX-License-Identifier: GPL-2.0-or-later
/* window.c - a second view of a resource's scattered guest pages, in which they lie side by side.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <virgl/virglrenderer.h>

#include "engine/virgl/virgl.h"

/*
 * The library copies through memory of its own when the pages behind a resource are not one piece:
 * a frame that the guest reads back is written twice. So pages that are used again and again are
 * mapped once more, in their order. That costs a system call a piece, which a resource that is
 * filled once would not earn back.
 *
 * #syscalls mmap mremap munmap
 */
enum {
	WORTH_TRANSFERS = 3,
	WORTH_BYTES = 64 << 10,
	MAX_PIECES = 1024,      /* of one window */
	MAX_ALL_PIECES = 16384, /* a process may have 65530 mappings */
};

static size_t whole_pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) & ~(page - 1);
}

/* Only the last piece may end inside a page. */
static bool fits_pages(const struct facet_backing *backing)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (unsigned int i = 0; i < backing->count; i++) {
		const struct iovec *piece = &backing->iov[i];

		if ((uintptr_t)piece->iov_base % page ||
		    (i + 1 < backing->count && piece->iov_len % page))
			return false;
	}
	return true;
}

/* An old size of 0 makes mremap() map shared pages a second time. */
static bool map_pieces(const struct facet_backing *backing, uint8_t *at)
{
	for (unsigned int i = 0; i < backing->count; i++) {
		size_t size = whole_pages(backing->iov[i].iov_len);

		if (mremap(backing->iov[i].iov_base, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) ==
		    MAP_FAILED)
			return false;
		at += size;
	}
	return true;
}

static bool open_window(struct facet_virgl *virgl, struct facet_resource *res)
{
	const struct facet_backing *backing = res->backing;
	size_t size = whole_pages(backing->size);
	void *base;

	if (backing->count > MAX_PIECES || virgl->window_pieces + backing->count > MAX_ALL_PIECES ||
	    !fits_pages(backing))
		return false;
	base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return false;
	if (!map_pieces(backing, base)) {
		munmap(base, size);
		return false;
	}
	madvise(base, size, MADV_DONTDUMP);
	res->window = (struct iovec){ base, backing->size };
	virgl->window_pieces += backing->count;
	return true;
}

void facet_virgl_count_transfer(struct facet_virgl *virgl, struct facet_resource *res)
{
	struct iovec *iov;
	int count;

	if (!res->backing || res->backing->count < 2 || res->backing->size < WORTH_BYTES ||
	    res->transfers > WORTH_TRANSFERS)
		return;
	if (++res->transfers <= WORTH_TRANSFERS || !open_window(virgl, res))
		return;
	virgl_renderer_resource_detach_iov((int)res->id, &iov, &count);
	virgl_renderer_resource_attach_iov((int)res->id, &res->window, 1);
}

void facet_virgl_close_window(struct facet_virgl *virgl, struct facet_resource *res)
{
	res->transfers = 0;
	if (!res->window.iov_base)
		return;
	munmap(res->window.iov_base, whole_pages(res->window.iov_len));
	res->window = (struct iovec){ 0 };
	virgl->window_pieces -= res->backing->count;
}
