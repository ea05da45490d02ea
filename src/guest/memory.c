// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.c - maps guest memory and turns guest addresses into pointers. */
#include "guest/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "guest/iotlb.h"

/* #syscalls mmap munmap madvise fcntl close fstat fstatfs newfstatat */

enum {
	MISSES_AHEAD = 16, /* pages asked for at once, when a long range is not known */
};

/* One mmap(). Views share it. */
struct mapping {
	atomic_uint refs;
	void *base;
	size_t length;
	int fd; /* kept for a successor of this process */
};

struct placed {
	struct facet_guest_region region;
	uint8_t *host;
	struct mapping *mapping;
};

/* Never changed once it can be seen; sorted by guest address. */
struct facet_guest_view {
	atomic_uint refs;
	unsigned int count;
	struct placed at[];
};

struct facet_guest_memory {
	pthread_mutex_t lock; /* of @view the pointer: it is replaced on the loop thread only */
	struct facet_guest_view *view;
	struct facet_guest_view *empty; /* so that forgetting all can never fail */
	bool has_iommu;
	struct facet_guest_iommu iommu;
	struct facet_iotlb iotlb;
};

static void mapping_unref(struct mapping *mapping)
{
	if (atomic_fetch_sub(&mapping->refs, 1) != 1)
		return;
	munmap(mapping->base, mapping->length);
	close(mapping->fd);
	free(mapping);
}

static struct facet_guest_view *view_alloc(unsigned int count)
{
	struct facet_guest_view *view = calloc(1, sizeof(*view) + count * sizeof(view->at[0]));

	if (view)
		atomic_init(&view->refs, 1);
	return view;
}

struct facet_guest_view *facet_guest_view_share(struct facet_guest_view *view)
{
	atomic_fetch_add(&view->refs, 1);
	return view;
}

struct facet_guest_view *facet_guest_view_ref(struct facet_guest_memory *mem)
{
	struct facet_guest_view *view;

	pthread_mutex_lock(&mem->lock);
	view = facet_guest_view_share(mem->view);
	pthread_mutex_unlock(&mem->lock);
	return view;
}

void facet_guest_view_unref(struct facet_guest_view *view)
{
	if (!view || atomic_fetch_sub(&view->refs, 1) != 1)
		return;
	for (unsigned int i = 0; i < view->count; i++)
		mapping_unref(view->at[i].mapping);
	free(view);
}

/* Takes @next. */
static void publish(struct facet_guest_memory *mem, struct facet_guest_view *next)
{
	struct facet_guest_view *old;

	pthread_mutex_lock(&mem->lock);
	old = mem->view;
	mem->view = next;
	pthread_mutex_unlock(&mem->lock);
	facet_guest_view_unref(old);
}

int facet_guest_memory_create(struct facet_guest_memory **ret)
{
	struct facet_guest_memory *mem = calloc(1, sizeof(*mem));

	if (!mem)
		return -ENOMEM;
	mem->empty = view_alloc(0);
	if (!mem->empty) {
		free(mem);
		return -ENOMEM;
	}
	mem->view = facet_guest_view_share(mem->empty);
	pthread_mutex_init(&mem->lock, NULL);
	*ret = mem;
	return 0;
}

void facet_guest_memory_destroy(struct facet_guest_memory *mem)
{
	if (!mem)
		return;
	facet_guest_view_unref(mem->view);
	facet_guest_view_unref(mem->empty);
	facet_iotlb_fini(&mem->iotlb);
	pthread_mutex_destroy(&mem->lock);
	free(mem);
}

unsigned int facet_guest_memory_count(const struct facet_guest_memory *mem)
{
	return mem->view->count;
}

void facet_guest_memory_region(const struct facet_guest_memory *mem, unsigned int index,
			       struct facet_guest_region *ret, int *ret_fd)
{
	*ret = mem->view->at[index].region;
	*ret_fd = mem->view->at[index].mapping->fd;
}

/* The index of the first region that ends after @gpa. */
static unsigned int search(const struct facet_guest_view *view, uint64_t gpa)
{
	unsigned int low = 0, high = view->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (view->at[mid].region.gpa + (view->at[mid].region.size - 1) < gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int check_region(const struct facet_guest_memory *mem,
			const struct facet_guest_region *region, struct facet_error *err)
{
	const struct facet_guest_view *view = mem->view;
	uint64_t end;
	unsigned int i;

	if (!region->size || !facet_add(region->gpa, region->size - 1, &end) ||
	    !facet_add(region->user_addr, region->size - 1, &end))
		return facet_error_set(
			err, -EINVAL, "memory region at 0x%llx: %llu bytes do not fit there",
			(unsigned long long)region->gpa, (unsigned long long)region->size);
	if (view->count >= FACET_GUEST_MAX_REGIONS)
		return facet_error_set(err, -ENOSPC,
				       "memory region at 0x%llx: all %d slots are in use",
				       (unsigned long long)region->gpa, FACET_GUEST_MAX_REGIONS);
	i = search(view, region->gpa);
	if (i < view->count && view->at[i].region.gpa <= region->gpa + (region->size - 1))
		return facet_error_set(err, -EEXIST,
				       "memory region at 0x%llx overlaps the one at 0x%llx",
				       (unsigned long long)region->gpa,
				       (unsigned long long)view->at[i].region.gpa);
	return 0;
}

/* Huge pages must be mapped whole. */
static uint64_t page_size_of(int fd, const struct stat *st)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Beyond the end of its file a mapping would kill us with SIGBUS: so measure first. */
static int map_region(const struct facet_guest_region *region, int fd, struct placed *ret,
		      struct facet_error *err)
{
	uint64_t page, start, end;
	struct mapping *mapping;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    !facet_inside(region->fd_offset, region->size, (uint64_t)st.st_size))
		return facet_error_set(
			err, -EINVAL, "memory region at 0x%llx: its file does not hold %llu bytes",
			(unsigned long long)region->gpa, (unsigned long long)region->size);
	page = page_size_of(fd, &st);
	start = region->fd_offset & ~(page - 1);
	end = (region->fd_offset + region->size + page - 1) & ~(page - 1);
	mapping = malloc(sizeof(*mapping));
	if (!mapping)
		return facet_error_set(err, -ENOMEM, "no memory to describe a guest memory region");
	mapping->length = end - start;
	mapping->base = mmap(NULL, mapping->length, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_NORESERVE, fd, (off_t)start);
	mapping->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (mapping->base == MAP_FAILED || mapping->fd < 0) {
		facet_error_set(err, -errno, "memory region at 0x%llx: cannot map it: %m",
				(unsigned long long)region->gpa);
		if (mapping->base != MAP_FAILED)
			munmap(mapping->base, mapping->length);
		if (mapping->fd >= 0)
			close(mapping->fd);
		free(mapping);
		return err ? err->code : -EIO;
	}
	/* A guest's memory has no place in our core dumps. */
	madvise(mapping->base, mapping->length, MADV_DONTDUMP);
	atomic_init(&mapping->refs, 1);
	*ret = (struct placed){ *region, (uint8_t *)mapping->base + (region->fd_offset - start),
				mapping };
	return 0;
}

static void copy_placed(struct placed *to, const struct placed *from, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		to[i] = from[i];
		atomic_fetch_add(&to[i].mapping->refs, 1);
	}
}

int facet_guest_memory_add(struct facet_guest_memory *mem, const struct facet_guest_region *region,
			   int fd, struct facet_error *err)
{
	const struct facet_guest_view *old = mem->view;
	struct facet_guest_view *next;
	unsigned int i;
	int r;

	r = check_region(mem, region, err);
	if (r < 0)
		return r;
	next = view_alloc(old->count + 1);
	if (!next)
		return facet_error_set(err, -ENOMEM, "no memory to describe a guest memory region");
	i = search(old, region->gpa);
	r = map_region(region, fd, &next->at[i], err);
	if (r < 0) {
		free(next);
		return r;
	}
	copy_placed(next->at, old->at, i);
	copy_placed(next->at + i + 1, old->at + i, old->count - i);
	next->count = old->count + 1;
	publish(mem, next);
	return 0;
}

int facet_guest_memory_remove(struct facet_guest_memory *mem,
			      const struct facet_guest_region *region, struct facet_error *err)
{
	const struct facet_guest_view *old = mem->view;
	const struct facet_guest_region *found;
	struct facet_guest_view *next;
	unsigned int i = search(old, region->gpa);

	found = i < old->count ? &old->at[i].region : NULL;
	if (!found || found->gpa != region->gpa || found->size != region->size ||
	    found->user_addr != region->user_addr)
		return facet_error_set(err, -EINVAL, "memory region at 0x%llx: there is none such",
				       (unsigned long long)region->gpa);
	next = view_alloc(old->count - 1);
	if (!next)
		return facet_error_set(err, -ENOMEM, "no memory to forget a guest memory region");
	copy_placed(next->at, old->at, i);
	copy_placed(next->at + i, old->at + i + 1, old->count - i - 1);
	next->count = old->count - 1;
	publish(mem, next);
	return 0;
}

void facet_guest_memory_clear(struct facet_guest_memory *mem)
{
	publish(mem, facet_guest_view_share(mem->empty));
}

/* A pointer to @addr and, in *size, how much of it lies there. NULL: not the guest's. */
static void *by_gpa(const struct facet_guest_view *view, uint64_t addr, uint64_t *size)
{
	unsigned int i = search(view, addr);
	const struct placed *p = &view->at[i];
	uint64_t offset;

	if (i == view->count || addr < p->region.gpa)
		return NULL;
	offset = addr - p->region.gpa;
	if (*size > p->region.size - offset)
		*size = p->region.size - offset;
	return p->host + offset;
}

static void *by_user_addr(const struct facet_guest_view *view, uint64_t addr, uint64_t *size)
{
	const struct placed *p;
	uint64_t offset;

	for (p = view->at; p < view->at + view->count; p++) {
		offset = addr - p->region.user_addr;
		if (addr < p->region.user_addr || offset >= p->region.size)
			continue;
		if (*size > p->region.size - offset)
			*size = p->region.size - offset;
		return p->host + offset;
	}
	return NULL;
}

void *facet_guest_user_pointer(struct facet_guest_memory *mem, uint64_t user_addr, uint64_t size)
{
	uint64_t have = size;
	void *p = by_user_addr(mem->view, user_addr, &have);

	return have == size ? p : NULL;
}

static bool known(const struct facet_guest_memory *mem, uint64_t iova,
		  enum facet_guest_access access)
{
	const struct facet_iotlb_range *range = facet_iotlb_find(&mem->iotlb, iova);

	return range && (!range->perm || (range->perm & access) == (unsigned int)access);
}

/* Ask for the page that is missing, and for some that will be missed next. */
static int ask(struct facet_guest_memory *mem, uint64_t addr, uint64_t size,
	       enum facet_guest_access access)
{
	uint64_t page = addr & ~(uint64_t)(FACET_GUEST_IOMMU_PAGE - 1), end = addr + (size - 1);

	if (mem->iommu.miss(mem->iommu.owner, page, access) < 0)
		return -EFAULT;
	for (unsigned int i = 1; i < MISSES_AHEAD; i++) {
		page += FACET_GUEST_IOMMU_PAGE;
		if (page > end || page < addr)
			break;
		if (!known(mem, page, access) &&
		    mem->iommu.miss(mem->iommu.owner, page, access) < 0)
			break;
	}
	return -EAGAIN;
}

static int by_iova(struct facet_guest_memory *mem, uint64_t addr, enum facet_guest_access access,
		   struct iovec *ret, uint64_t size)
{
	const struct facet_iotlb_range *range = facet_iotlb_find(&mem->iotlb, addr);
	uint64_t have = size;

	if (!range || !known(mem, addr, access))
		return ask(mem, addr, size, access);
	if (!range->perm)
		return -EFAULT;
	if (have - 1 > range->last - addr)
		have = range->last - addr + 1;
	ret->iov_base = by_user_addr(mem->view, range->user_addr + (addr - range->first), &have);
	ret->iov_len = have;
	return ret->iov_base ? 0 : -EFAULT;
}

/* The first contiguous piece of a range; @size is not 0 and the sum was checked. */
static int first_piece(struct facet_guest_memory *mem, uint64_t addr, uint64_t size,
		       enum facet_guest_access access, struct iovec *ret)
{
	uint64_t have = size;

	if (mem->has_iommu)
		return by_iova(mem, addr, access, ret, size);
	ret->iov_base = by_gpa(mem->view, addr, &have);
	ret->iov_len = have;
	return ret->iov_base ? 0 : -EFAULT;
}

int facet_guest_translate(struct facet_guest_memory *mem, gpa_t addr, uint64_t size,
			  enum facet_guest_access access, struct iovec *iov, unsigned int max)
{
	uint64_t at = addr.addr, end;
	unsigned int count = 0;
	struct iovec piece;
	int r;

	if (size && !facet_add(at, size - 1, &end))
		return -EFAULT;
	for (; size; size -= piece.iov_len, at += piece.iov_len) {
		r = first_piece(mem, at, size, access, &piece);
		if (r < 0)
			return r;
		if (count &&
		    (uint8_t *)iov[count - 1].iov_base + iov[count - 1].iov_len == piece.iov_base) {
			iov[count - 1].iov_len += piece.iov_len;
			continue;
		}
		if (count == max)
			return -E2BIG;
		iov[count++] = piece;
	}
	return (int)count;
}

int facet_guest_read(struct facet_guest_memory *mem, gpa_t from, void *to, size_t size)
{
	uint64_t at = from.addr, end;
	uint8_t *out = to;
	struct iovec piece;
	int r;

	if (size && !facet_add(at, size - 1, &end))
		return -EFAULT;
	for (; size; size -= piece.iov_len, at += piece.iov_len, out += piece.iov_len) {
		r = first_piece(mem, at, size, FACET_GUEST_READ, &piece);
		if (r < 0)
			return r;
		memcpy(out, piece.iov_base, piece.iov_len);
	}
	return 0;
}

int facet_guest_write(struct facet_guest_memory *mem, gpa_t to, const void *from, size_t size)
{
	uint64_t at = to.addr, end;
	const uint8_t *in = from;
	struct iovec piece;
	int r;

	if (size && !facet_add(at, size - 1, &end))
		return -EFAULT;
	for (; size; size -= piece.iov_len, at += piece.iov_len, in += piece.iov_len) {
		r = first_piece(mem, at, size, FACET_GUEST_WRITE, &piece);
		if (r < 0)
			return r;
		memcpy(piece.iov_base, in, piece.iov_len);
	}
	return 0;
}

void facet_guest_memory_set_iommu(struct facet_guest_memory *mem,
				  const struct facet_guest_iommu *iommu)
{
	mem->has_iommu = iommu;
	if (iommu)
		mem->iommu = *iommu;
	facet_iotlb_clear(&mem->iotlb);
}

int facet_guest_iotlb_update(struct facet_guest_memory *mem, uint64_t iova, uint64_t size,
			     uint64_t user_addr, unsigned int perm)
{
	struct facet_iotlb_range range = { iova, 0, user_addr, perm & 3 };
	uint64_t end;

	if (!mem->has_iommu || !size || !facet_add(iova, size - 1, &range.last) ||
	    !facet_add(user_addr, size - 1, &end))
		return -EINVAL;
	return facet_iotlb_insert(&mem->iotlb, &range);
}

void facet_guest_iotlb_invalidate(struct facet_guest_memory *mem, uint64_t iova, uint64_t size)
{
	uint64_t last;

	if (!size)
		facet_iotlb_clear(&mem->iotlb);
	else if (facet_add(iova, size - 1, &last))
		facet_iotlb_remove(&mem->iotlb, iova, last);
	else
		facet_iotlb_remove(&mem->iotlb, iova, UINT64_MAX);
}

void facet_guest_iotlb_settle(struct facet_guest_memory *mem, uint64_t iova,
			      enum facet_guest_access access, bool granted)
{
	struct facet_iotlb_range nothing = { iova, iova + (FACET_GUEST_IOMMU_PAGE - 1), 0, 0 };

	if (granted && !facet_iotlb_find(&mem->iotlb, iova))
		return;
	if (mem->has_iommu && !known(mem, iova, access))
		facet_iotlb_insert(&mem->iotlb, &nothing);
}
