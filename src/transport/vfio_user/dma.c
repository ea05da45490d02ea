// SPDX-License-Identifier: GPL-2.0-or-later
/* dma.c - the client's memory: what it shares, and messages for what it does not. */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "transport/vfio_user/internal.h"

enum { PAGE = VFIO_USER_DEFAULT_PGSIZES };

static struct facet_vfio_user *of(struct facet_pci_host *host)
{
	return facet_container_of(host, struct facet_vfio_user, host);
}

/* --- maps --- */

static void memory_changed(struct facet_vfio_user *vfu)
{
	if (vfu->pci->ops->memory_changed)
		vfu->pci->ops->memory_changed(vfu->pci);
}

static struct facet_guest_region region_of(const struct vfu_map *map, uint64_t fd_offset)
{
	/* There are no addresses of the client's own in this protocol. */
	return (struct facet_guest_region){ map->address, map->address, map->size, fd_offset };
}

static int check_map(const struct facet_vfio_user *vfu, const struct vfio_user_dma_map *map)
{
	uint64_t last;

	if (map->argsz < sizeof(*map) ||
	    map->flags & ~(uint32_t)(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE) ||
	    !map->size || map->address % PAGE || map->size % PAGE ||
	    !facet_add(map->address, map->size - 1, &last))
		return -EINVAL;
	for (unsigned int i = 0; i < vfu->map_count; i++) {
		const struct vfu_map *m = &vfu->maps[i];

		if (m->address <= last && map->address <= m->address + (m->size - 1))
			return -EEXIST;
	}
	return vfu->map_count < VFU_MAX_MAPS ? 0 : -ENOSPC;
}

int vfu_dma_map(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	const uint32_t both = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	const struct vfu_message *m = request->message;
	struct facet_guest_region region;
	struct vfio_user_dma_map map;
	struct facet_error err;
	struct vfu_map *new;
	int r;

	if (!vfu_take(request, &map, sizeof(map)) || m->fd_count > 1)
		return -EINVAL;
	r = check_map(vfu, &map);
	if (r < 0)
		return r;
	new = &vfu->maps[vfu->map_count];
	*new = (struct vfu_map){ map.address, map.size, map.flags, false };
	/* Memory that may only be read is not mapped: a stray write of ours would succeed. */
	if (m->fd_count && map.flags == both) {
		region = region_of(new, map.offset);
		r = facet_guest_memory_add(vfu->host.memory, &region, m->fds[0], &err);
		if (r < 0) {
			vfu_complain(vfu, "%s", err.text);
			return r;
		}
		new->shared = true;
	}
	vfu->map_count++;
	if (new->shared)
		memory_changed(vfu);
	return 0;
}

static void unmap(struct facet_vfio_user *vfu, struct vfu_map *map)
{
	struct facet_guest_region region = region_of(map, 0);
	bool shared = map->shared;

	/* Jobs under way hold views, which keep the mapping until they are done. */
	if (shared)
		facet_guest_memory_remove(vfu->host.memory, &region, NULL);
	*map = vfu->maps[--vfu->map_count];
	if (shared)
		memory_changed(vfu);
}

/*
 * Everything that lies inside, which may be nothing: with an IOMMU in the guest, QEMU ends what the
 * guest's kernel mapped page by page with a few ranges that cover the address space.
 */
static int unmap_range(struct facet_vfio_user *vfu, uint64_t address, uint64_t size)
{
	uint64_t last;

	if (!size || !facet_add(address, size - 1, &last))
		return -EINVAL;
	for (unsigned int i = 0; i < vfu->map_count; i++) {
		const struct vfu_map *m = &vfu->maps[i];
		const uint64_t m_last = m->address + (m->size - 1);

		if (m->address <= last && address <= m_last &&
		    (m->address < address || m_last > last))
			return -EINVAL; /* a part of one */
	}
	for (unsigned int i = vfu->map_count; i-- > 0;) {
		const struct vfu_map *m = &vfu->maps[i];

		if (m->address >= address && m->address <= last)
			unmap(vfu, &vfu->maps[i]); /* the last takes its place, and was seen */
	}
	return 0;
}

int vfu_dma_unmap(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	struct vfio_user_dma_unmap gone;
	int r;

	if (!vfu_take(request, &gone, sizeof(gone)) || gone.argsz < sizeof(gone) ||
	    gone.flags & ~(uint32_t)VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	if (gone.flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		if (gone.address || gone.size)
			return -EINVAL;
		while (vfu->map_count)
			unmap(vfu, &vfu->maps[vfu->map_count - 1]);
	} else {
		r = unmap_range(vfu, gone.address, gone.size);
		if (r < 0)
			return r;
	}
	vfu_give(request, &gone, sizeof(gone));
	return 0;
}

/* --- transfers --- */

static void finish(struct facet_pci_dma *dma, int result)
{
	facet_list_remove(&dma->link);
	dma->done(dma, result);
}

void vfu_dma_forget(struct facet_vfio_user *vfu)
{
	struct facet_list *link;

	while ((link = facet_list_pop(&vfu->dmas)))
		finish(facet_container_of(link, struct facet_pci_dma, link), -ENOTCONN);
	vfu->map_count = 0;
	facet_guest_memory_clear(vfu->host.memory);
	memory_changed(vfu);
}

static const struct vfu_map *map_at(const struct facet_vfio_user *vfu, uint64_t address)
{
	for (unsigned int i = 0; i < vfu->map_count; i++)
		if (address >= vfu->maps[i].address &&
		    address - vfu->maps[i].address < vfu->maps[i].size)
			return &vfu->maps[i];
	return NULL;
}

static struct vfu_channel *channel(struct facet_vfio_user *vfu)
{
	return vfu->twin.fd >= 0 ? &vfu->twin : &vfu->main;
}

static void *data_at(const struct facet_pci_dma *dma)
{
	return (uint8_t *)dma->data + dma->finished;
}

/* The next piece of @dma, of @size bytes, as a message. */
static int ask(struct facet_vfio_user *vfu, struct facet_pci_dma *dma, size_t size)
{
	const struct vfio_user_dma_access access = { dma->address + dma->finished, size };
	struct vfu_channel *to = channel(vfu);
	struct vfio_user_header header = {
		.id = vfu->next_id++,
		.command = dma->to_guest ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
		.size = (uint32_t)(sizeof(header) + sizeof(access) + (dma->to_guest ? size : 0)),
	};

	memcpy(vfu_channel_payload(to), &access, sizeof(access));
	if (dma->to_guest)
		memcpy(vfu_channel_payload(to) + sizeof(access), data_at(dma), size);
	dma->id = header.id;
	dma->asked = size;
	if (vfu_channel_send(to, &header, NULL, 0) < 0)
		return -ENOTCONN;
	vfu_update_waits(vfu);
	return 0;
}

/* Copy what is shared, up to the first byte that is not: then 1, with the size of that piece. */
static int copy_shared(struct facet_vfio_user *vfu, struct facet_pci_dma *dma, size_t *ret_size)
{
	const uint32_t need = dma->to_guest ? VFIO_DMA_MAP_FLAG_WRITE : VFIO_DMA_MAP_FLAG_READ;
	const struct vfu_map *map;
	uint64_t at, left;
	int r = 0;

	for (; !r && dma->finished < dma->size; dma->finished += left) {
		if (!facet_add(dma->address, dma->finished, &at))
			return -EFAULT;
		map = map_at(vfu, at);
		if (!map)
			return -EFAULT;
		if (!(map->flags & need))
			return -EPERM;
		left = map->size - (at - map->address);
		if (left > dma->size - dma->finished)
			left = dma->size - dma->finished;
		if (!map->shared) {
			*ret_size = left < vfu->client_xfer ? left : vfu->client_xfer;
			return 1;
		}
		if (dma->to_guest)
			r = facet_guest_write(vfu->host.memory, (gpa_t){ at }, data_at(dma), left);
		else
			r = facet_guest_read(vfu->host.memory, (gpa_t){ at }, data_at(dma), left);
	}
	return r;
}

/*
 * Not while a reply is being built in the same place; and its client may be a virtual CPU that
 * holds the lock which answering us takes.
 */
static bool can_ask(struct facet_vfio_user *vfu)
{
	return !vfu_channel_blocked(channel(vfu)) && !(vfu->serving && vfu->twin.fd < 0);
}

/* Go on with @dma until it is finished, or there is something to wait for. */
static void advance(struct facet_vfio_user *vfu, struct facet_pci_dma *dma)
{
	size_t size = 0;
	int r = copy_shared(vfu, dma, &size);

	if (r == 1 && !can_ask(vfu))
		return;
	if (r == 1)
		r = ask(vfu, dma, size) < 0 ? -ENOTCONN : 1;
	if (r != 1)
		finish(dma, r);
}

void vfu_dma(struct facet_pci_host *host, struct facet_pci *pci, struct facet_pci_dma *dma)
{
	struct facet_vfio_user *vfu = of(host);

	dma->finished = dma->asked = 0;
	facet_list_init(&dma->link);
	if (!vfu->agreed || !facet_pci_bus_master(pci)) {
		dma->done(dma, vfu->agreed ? -EPERM : -ENOTCONN);
		return;
	}
	facet_list_append(&vfu->dmas, &dma->link);
	advance(vfu, dma);
}

void vfu_dma_cancel(struct facet_pci_host *host, struct facet_pci_dma *dma)
{
	/* An answer that still comes is nobody's. */
	if (dma->link.next)
		facet_list_remove(&dma->link);
}

/* The next that has nothing under way. */
static struct facet_pci_dma *waiting(struct facet_vfio_user *vfu)
{
	struct facet_list *link;

	facet_list_for_each(link, &vfu->dmas)
	{
		struct facet_pci_dma *dma = facet_container_of(link, struct facet_pci_dma, link);

		if (!dma->asked)
			return dma;
	}
	return NULL;
}

void vfu_dma_resume(struct facet_vfio_user *vfu)
{
	struct facet_pci_dma *dma;

	while (can_ask(vfu) && (dma = waiting(vfu)))
		advance(vfu, dma);
}

static struct facet_pci_dma *asked_as(struct facet_vfio_user *vfu, uint16_t id)
{
	struct facet_list *link;

	facet_list_for_each(link, &vfu->dmas)
	{
		struct facet_pci_dma *dma = facet_container_of(link, struct facet_pci_dma, link);

		if (dma->asked && dma->id == id)
			return dma;
	}
	return NULL;
}

int vfu_dma_reply(struct facet_vfio_user *vfu, const struct vfu_message *m)
{
	struct facet_pci_dma *dma = asked_as(vfu, m->header.id);
	const size_t head = sizeof(struct vfio_user_dma_access);
	size_t size;

	if (!dma)
		return 0; /* it was cancelled */
	size = dma->asked;
	if (m->header.flags & VFIO_USER_ERROR) {
		finish(dma, -EIO);
		return 0;
	}
	if (m->header.command != (dma->to_guest ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ) ||
	    (!dma->to_guest && m->size != head + size))
		return -EPROTO;
	if (!dma->to_guest)
		memcpy(data_at(dma), m->payload + head, size);
	dma->asked = 0;
	dma->finished += size;
	advance(vfu, dma);
	return 0;
}
