// SPDX-License-Identifier: GPL-2.0-or-later
/* handover.c - what is kept for a successor, and how one goes on with rings that run. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/eventfd.h"
#include "base/log.h"
#include "transport/vhost_user/internal.h"

#define LOG_AREA "vhost-user"

/* #syscalls memfd_create ftruncate fcntl fstat newfstatat mmap munmap pipe2 poll ppoll close */

enum {
	DEATH_MS = 2000, /* from the signal that kills a process to its end, on a busy host */
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
};

static const uint64_t magic = 0x6661636574000001; /* "facet", layout 1 */

static int map_table(const struct vhost_user *vu, int fd, struct vu_table **ret)
{
	void *at = mmap(NULL, vu->table_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

static void lend_keep(struct vhost_user *vu)
{
	bool none = vu->table_size == sizeof(*vu->table);

	vu->port.keep = none ? NULL : vu->table + 1;
}

int vu_table_create(struct vhost_user *vu)
{
	int r;

	vu->table_size = sizeof(*vu->table) + facet_device_virtio(vu->device)->keep_size;
	if (pipe2(vu->alive, O_CLOEXEC) < 0)
		return -errno;
	vu->table_fd = memfd_create("facet-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* A successor must be able to read to the end of it, whatever we do to it later. */
	if (vu->table_fd < 0 || ftruncate(vu->table_fd, (off_t)vu->table_size) < 0 ||
	    fcntl(vu->table_fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	r = map_table(vu, vu->table_fd, &vu->table);
	if (r < 0)
		return r;
	vu->table->magic = magic;
	vu->table->serial = 1;
	lend_keep(vu);
	return 0;
}

/* If we are only to be replaced, a successor goes on from what the table says now. */
void vu_table_leave(struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->ring_count; i++)
		facet_queue_abandon(vu->rings[i].queue);
	if (vu->table)
		munmap(vu->table, vu->table_size);
	vu->table = &vu->no_table;
	vu->port.keep = NULL;
	facet_close_ptr(&vu->table_fd);
	facet_close_ptr(&vu->alive[0]);
	facet_close_ptr(&vu->alive[1]);
}

void vu_changed(struct vhost_user *vu)
{
	__atomic_store_n(&vu->table->serial, vu->table->serial + 1, __ATOMIC_SEQ_CST);
	vu->handovers++;
}

static void describe_ring(const struct vu_ring *ring, struct facet_handover_ring *ret)
{
	*ret = (struct facet_handover_ring){
		.kick_fd = ring->kick_fd,
		.call_fd = facet_queue_call(ring->queue),
		.err_fd = facet_queue_err(ring->queue),
		.enabled = ring->enabled,
	};
	facet_queue_describe(ring->queue, &ret->size, &ret->rings);
}

int vu_handover(struct facet_transport *transport, struct facet_handover *ret)
{
	struct vhost_user *vu = facet_container_of(transport, struct vhost_user, transport);

	facet_handover_init(ret);
	if (vu->front.fd < 0)
		return -ENOTCONN;
	ret->front_fd = vu->front.fd;
	ret->back_fd = vu->back.fd;
	ret->display_fd = vu->display_fd;
	ret->protocol_features = vu->protocol_features;
	ret->region_count = facet_guest_memory_count(vu->memory);
	for (unsigned int i = 0; i < ret->region_count; i++)
		facet_guest_memory_region(vu->memory, i, &ret->regions[i].region,
					  &ret->regions[i].fd);
	if (vu->ring_count > FACET_HANDOVER_MAX_RINGS)
		return 0;
	ret->table_fd = vu->table_fd;
	ret->alive_fd = vu->alive[0];
	ret->serial = vu->table->serial;
	ret->features = vu->features;
	ret->status = vu->status;
	ret->ran = vu->ran;
	ret->ring_count = vu->ring_count;
	for (unsigned int i = 0; i < vu->ring_count; i++)
		describe_ring(&vu->rings[i], &ret->rings[i]);
	return 0;
}

/* --- the successor; all it is given comes from a process that a guest may have had in hand --- */

static int open_table(const struct vhost_user *vu, int fd, struct vu_table **ret)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 ||
	    st.st_size != (off_t)vu->table_size)
		return -EINVAL;
	return map_table(vu, fd, ret);
}

/* Somebody dying may still answer the guest; two that do would write over each other. */
static bool has_died(int alive_fd)
{
	struct pollfd p = { .fd = alive_fd };

	return alive_fd >= 0 && poll(&p, 1, DEATH_MS) == 1 && (p.revents & POLLHUP);
}

/* NULL, or why the rings cannot be taken over. */
static const char *objection(const struct vhost_user *vu, const struct facet_handover *given,
			     const struct vu_table *table)
{
	if (table->magic != magic)
		return "it had another layout";
	if (given->ring_count != vu->ring_count)
		return "it had other queues";
	if (!has_died(given->alive_fd))
		return "it has not ended";
	if (__atomic_load_n(&table->serial, __ATOMIC_SEQ_CST) != given->serial)
		return "they have changed since it told";
	return NULL;
}

static void use_table(struct vhost_user *vu, struct vu_table *table, int fd)
{
	munmap(vu->table, vu->table_size);
	close(vu->table_fd);
	vu->table = table;
	vu->table_fd = fd;
	lend_keep(vu);
}

/* None is fine. */
static bool is_good(int fd)
{
	return fd < 0 || facet_eventfd_check(fd);
}

static int adopt_ring(struct vhost_user *vu, unsigned int i, struct facet_handover *given,
		      struct facet_queue_journal *journal)
{
	struct facet_handover_ring *from = &given->rings[i];
	struct vu_ring *ring = &vu->rings[i];
	int r = 0;

	if (!is_good(from->kick_fd) || !is_good(from->call_fd) || !is_good(from->err_fd))
		return -EINVAL;
	if (from->size) {
		r = facet_queue_set_size(ring->queue, from->size);
		if (!r)
			r = facet_queue_set_rings(ring->queue, &from->rings);
	}
	if (r < 0)
		return r;
	if (given->ran)
		facet_queue_resume(ring->queue, journal);
	else
		facet_queue_set_journal(ring->queue, journal);
	facet_queue_set_call(ring->queue, facet_steal_fd(&from->call_fd));
	facet_queue_set_err(ring->queue, facet_steal_fd(&from->err_fd));
	ring->kick_fd = facet_steal_fd(&from->kick_fd);
	ring->enabled = from->enabled;
	return 0;
}

static void resume_device(struct vhost_user *vu)
{
	if (!(vu->features & VU_BIT(VIRTIO_F_IOMMU_PLATFORM))) {
		facet_device_resume(vu->device);
		return;
	}
	/* What it kept lies behind an IOMMU that has told us nothing yet. */
	facet_device_reset(vu->device);
	facet_device_set_features(vu->device, vu->features);
}

/* Should we die before we told anything, what was told to us still holds: no new serial. */
static int adopt_all(struct vhost_user *vu, struct facet_handover *given, struct vu_table *table)
{
	int r = vu_set_features(vu, given->features);

	for (unsigned int i = 0; !r && i < vu->ring_count; i++)
		r = adopt_ring(vu, i, given, &table->rings[i]);
	if (r < 0)
		return r;
	use_table(vu, table, facet_steal_fd(&given->table_fd));
	vu->status = given->status;
	vu->ran = vu->inherited = given->ran;
	if (vu->ran)
		resume_device(vu);
	vu_rings_update(vu);
	return 0;
}

/* Ours is used, and the other is left so that nobody after us adopts from it. */
static void refuse(struct vhost_user *vu, struct vu_table *table, const char *why)
{
	for (unsigned int i = 0; i < vu->ring_count; i++)
		facet_queue_set_journal(vu->rings[i].queue, &vu->table->rings[i]);
	vu_reset(vu);
	vu_rings_forget(vu);
	table->serial = 0;
	munmap(table, vu->table_size);
	log_warn("the guest's driver has to start anew: the rings of the process before cannot be "
		 "taken over, %s",
		 why);
}

void vu_adopt_rings(struct vhost_user *vu, struct facet_handover *given)
{
	struct vu_table *table;
	const char *why;
	uint32_t misses;

	if (given->table_fd < 0)
		return;
	if (open_table(vu, given->table_fd, &table) < 0) {
		log_warn("the table of the rings is none: the guest's driver has to start anew");
		return;
	}
	misses = __atomic_load_n(&table->misses, __ATOMIC_RELAXED);
	vu->stale_replies = misses <= VU_MAX_MISSES ? misses : 0;
	why = objection(vu, given, table);
	if (!why && adopt_all(vu, given, table) < 0)
		why = "they make no sense";
	if (why)
		refuse(vu, table, why);
	else if (vu->ran)
		log_info("the rings of the process before were taken over");
}
