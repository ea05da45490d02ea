// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio.c - checks what callers ask for, and hands it to the way a device was opened. */
#include "host/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "host/vfio/ops.h"
#include "host/vfio/place.h"
#include "wire/endian.h"

static const struct facet_vfio_ops *const backends[] = {
	&facet_vfio_cdev,
	&facet_vfio_group,
	&facet_vfio_socket,
};

struct facet_vfio *facet_vfio_new(const struct facet_vfio_ops *ops, size_t size, const char *name)
{
	struct facet_vfio *vfio = calloc(1, size);

	if (!vfio)
		return NULL;
	vfio->ops = ops;
	snprintf(vfio->name, sizeof(vfio->name), "%s", name);
	for (unsigned int i = 0; i < FACET_VFIO_MAX_INDEX; i++)
		vfio->slots[i].fd = -1;
	return vfio;
}

/* --- opening --- */

static const struct facet_vfio_ops *choose(const struct facet_vfio_config *cfg, int root_fd)
{
	if (cfg->backend) {
		for (size_t i = 0; i < FACET_ARRAY_SIZE(backends); i++) {
			if (!strcmp(backends[i]->name, cfg->backend))
				return backends[i];
		}
		return NULL;
	}
	if (strchr(cfg->device, '/'))
		return &facet_vfio_socket;
	return facet_vfio_place_has_cdev(root_fd, cfg->device) ? &facet_vfio_cdev
							       : &facet_vfio_group;
}

int facet_vfio_open(const struct facet_vfio_config *cfg, struct facet_vfio **ret,
		    struct facet_error *err)
{
	const struct facet_vfio_ops *ops;
	facet_autoclose int own = -1;
	int root_fd = cfg->root_fd;

	if (!cfg->device || !cfg->device[0])
		return facet_error_set(err, -EINVAL, "no device was named");
	if (root_fd < 0) {
		own = root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (own < 0)
			return facet_error_set(err, -errno, "cannot open /: %m");
	}
	ops = choose(cfg, root_fd);
	if (!ops)
		return facet_error_set(err, -EINVAL,
				       "'%s' is no way to a device: cdev, group and vfio-user are",
				       cfg->backend);
	return ops->open(cfg, root_fd, ret, err);
}

void facet_vfio_close(struct facet_vfio *vfio)
{
	if (vfio)
		vfio->ops->close(vfio);
}

const char *facet_vfio_backend(const struct facet_vfio *vfio)
{
	return vfio->ops->name;
}

const char *facet_vfio_name(const struct facet_vfio *vfio)
{
	return vfio->name;
}

void facet_vfio_info(const struct facet_vfio *vfio, struct facet_vfio_info *ret)
{
	*ret = vfio->info;
}

/* --- regions --- */

static int find(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_slot **ret,
		struct facet_error *err)
{
	struct facet_vfio_slot slot = { .fd = -1 };
	int r;

	if (index >= vfio->info.regions || index >= FACET_VFIO_MAX_INDEX)
		return facet_error_set(err, -EINVAL, "%s has no region %u", vfio->name, index);
	if (!vfio->slots[index].known) {
		r = vfio->ops->region(vfio, index, &slot, err);
		if (r < 0)
			return r;
		slot.known = true;
		vfio->slots[index] = slot;
	}
	*ret = &vfio->slots[index];
	return 0;
}

int facet_vfio_region_info(struct facet_vfio *vfio, unsigned int index,
			   struct facet_vfio_region *ret, struct facet_error *err)
{
	struct facet_vfio_slot *slot;
	int r = find(vfio, index, &slot, err);

	if (r == 0)
		*ret = slot->region;
	return r;
}

static int find_range(struct facet_vfio *vfio, unsigned int index, uint64_t offset, uint64_t size,
		      struct facet_vfio_slot **ret, struct facet_error *err)
{
	int r = find(vfio, index, ret, err);

	if (r < 0)
		return r;
	if (!size || !facet_inside(offset, size, (*ret)->region.size))
		return facet_error_set(err, -EINVAL,
				       "%s: region %u has 0x%llx bytes; there are no 0x%llx at "
				       "0x%llx",
				       vfio->name, index, (unsigned long long)(*ret)->region.size,
				       (unsigned long long)size, (unsigned long long)offset);
	return 0;
}

int facet_vfio_read(struct facet_vfio *vfio, unsigned int region, uint64_t offset, void *to,
		    size_t size, struct facet_error *err)
{
	struct facet_vfio_slot *slot;
	int r = find_range(vfio, region, offset, size, &slot, err);

	if (r < 0)
		return r;
	if (!slot->region.readable)
		return facet_error_set(err, -EACCES, "%s: region %u cannot be read", vfio->name,
				       region);
	return vfio->ops->read(vfio, region, offset, to, size, err);
}

int facet_vfio_write(struct facet_vfio *vfio, unsigned int region, uint64_t offset,
		     const void *from, size_t size, struct facet_error *err)
{
	struct facet_vfio_slot *slot;
	int r = find_range(vfio, region, offset, size, &slot, err);

	if (r < 0)
		return r;
	if (!slot->region.writable)
		return facet_error_set(err, -EACCES, "%s: region %u cannot be written", vfio->name,
				       region);
	return vfio->ops->write(vfio, region, offset, from, size, err);
}

static bool mappable(const struct facet_vfio_region *region, uint64_t offset, uint64_t size)
{
	for (unsigned int i = 0; i < region->area_count; i++) {
		if (offset >= region->areas[i].offset &&
		    facet_inside(offset - region->areas[i].offset, size, region->areas[i].size))
			return true;
	}
	return false;
}

/* Beyond the end of a file there is memory that kills who touches it. */
static bool long_enough(const struct facet_vfio_slot *slot, uint64_t offset, uint64_t size)
{
	struct stat st;

	if (!slot->foreign)
		return true;
	return fstat(slot->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	       facet_inside(offset, size, (uint64_t)st.st_size);
}

int facet_vfio_region_map(struct facet_vfio *vfio, unsigned int region, uint64_t offset,
			  size_t size, void **ret, struct facet_error *err)
{
	struct facet_vfio_slot *slot;
	int prot, r = find_range(vfio, region, offset, size, &slot, err);
	uint64_t at;
	void *p;

	if (r < 0)
		return r;
	if (slot->fd < 0 || !mappable(&slot->region, offset, size))
		return facet_error_set(err, -ENOTSUP,
				       "%s: region %u cannot be mapped at 0x%llx; read and write "
				       "it",
				       vfio->name, region, (unsigned long long)offset);
	if (!facet_add(slot->base, offset, &at) || at > INT64_MAX || !long_enough(slot, at, size))
		return facet_error_set(err, -EPROTO,
				       "%s: region %u is larger than the file behind it",
				       vfio->name, region);
	prot = (slot->region.readable ? PROT_READ : 0) | (slot->region.writable ? PROT_WRITE : 0);
	p = mmap(NULL, size, prot, MAP_SHARED, slot->fd, (off_t)at);
	if (p == MAP_FAILED)
		return facet_error_set(err, -errno, "%s: region %u cannot be mapped: %m",
				       vfio->name, region);
	*ret = p;
	return 0;
}

/* --- configuration space --- */

int facet_vfio_config_read(struct facet_vfio *vfio, unsigned int offset, unsigned int size,
			   uint32_t *ret, struct facet_error *err)
{
	le32 value = { 0 };
	int r;

	if ((size != 1 && size != 2 && size != 4) || offset % size)
		return facet_error_set(err, -EINVAL,
				       "configuration space has no register of %u bytes at 0x%x",
				       size, offset);
	r = facet_vfio_read(vfio, VFIO_PCI_CONFIG_REGION_INDEX, offset, &value, size, err);
	if (r == 0)
		*ret = le32_get(value);
	return r;
}

int facet_vfio_config_write(struct facet_vfio *vfio, unsigned int offset, unsigned int size,
			    uint32_t value, struct facet_error *err)
{
	const le32 raw = le32_of(value);

	if ((size != 1 && size != 2 && size != 4) || offset % size)
		return facet_error_set(err, -EINVAL,
				       "configuration space has no register of %u bytes at 0x%x",
				       size, offset);
	return facet_vfio_write(vfio, VFIO_PCI_CONFIG_REGION_INDEX, offset, &raw, size, err);
}

int facet_vfio_enable(struct facet_vfio *vfio, bool bus_master, struct facet_error *err)
{
	const uint32_t memory = 1 << 1, master = 1 << 2;
	const unsigned int command = 4;
	uint32_t value = 0;
	int r = facet_vfio_config_read(vfio, command, 2, &value, err);

	if (r < 0)
		return r;
	value = (value & ~master) | memory | (bus_master ? master : 0);
	return facet_vfio_config_write(vfio, command, 2, value, err);
}

/* --- DMA --- */

int facet_vfio_dma_map(struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
		       struct facet_error *err)
{
	uint64_t last;

	if (vfio->info.noiommu)
		return facet_error_set(err, -ENOTSUP,
				       "%s has no IOMMU: there is nothing to map memory in",
				       vfio->name);
	if (!dma->size || !facet_add(dma->iova, dma->size - 1, &last) || dma->size > SIZE_MAX ||
	    !dma->address || !(dma->readable || dma->writable))
		return facet_error_set(err, -EINVAL,
				       "%s: a mapping for DMA has a size, memory, and a direction",
				       vfio->name);
	return vfio->ops->dma_map(vfio, dma, err);
}

int facet_vfio_dma_unmap(struct facet_vfio *vfio, uint64_t iova, uint64_t size,
			 struct facet_error *err)
{
	uint64_t last;

	if (!size || !facet_add(iova, size - 1, &last))
		return facet_error_set(err, -EINVAL, "%s: nothing can be mapped there", vfio->name);
	return vfio->ops->dma_unmap(vfio, iova, size, err);
}

/* --- interrupts --- */

int facet_vfio_irq_info(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_irq *ret,
			struct facet_error *err)
{
	if (index >= vfio->info.irqs || index >= FACET_VFIO_MAX_INDEX)
		return facet_error_set(err, -EINVAL, "%s has no interrupts of index %u", vfio->name,
				       index);
	return vfio->ops->irq(vfio, index, ret, err);
}

static int set_irqs(struct facet_vfio *vfio, uint32_t flags, unsigned int index, unsigned int start,
		    unsigned int count, const int *fds, struct facet_error *err)
{
	struct facet_vfio_irq irq;
	int r = facet_vfio_irq_info(vfio, index, &irq, err);

	if (r < 0)
		return r;
	if (!count || !facet_inside(start, count, irq.count) || count > FACET_VFIO_MAX_VECTORS)
		return facet_error_set(err, -EINVAL,
				       "%s: index %u has %u vectors; there are no %u at %u",
				       vfio->name, index, irq.count, count, start);
	if (fds && !irq.eventfd)
		return facet_error_set(err, -ENOTSUP, "%s: index %u knows no eventfds", vfio->name,
				       index);
	if (!fds && !irq.maskable)
		return facet_error_set(err, -ENOTSUP, "%s: index %u cannot be masked", vfio->name,
				       index);
	return vfio->ops->set_irqs(vfio, flags, index, start, count, fds, err);
}

int facet_vfio_irq_set(struct facet_vfio *vfio, unsigned int index, unsigned int start,
		       unsigned int count, const int *fds, struct facet_error *err)
{
	const uint32_t flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;

	return set_irqs(vfio, flags, index, start, count, fds, err);
}

int facet_vfio_irq_mask(struct facet_vfio *vfio, unsigned int index, unsigned int start,
			unsigned int count, bool mask, struct facet_error *err)
{
	const uint32_t flags = VFIO_IRQ_SET_DATA_NONE |
			       (mask ? VFIO_IRQ_SET_ACTION_MASK : VFIO_IRQ_SET_ACTION_UNMASK);

	return set_irqs(vfio, flags, index, start, count, NULL, err);
}

int facet_vfio_irq_disable(struct facet_vfio *vfio, unsigned int index, struct facet_error *err)
{
	const uint32_t flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;

	if (index >= vfio->info.irqs)
		return facet_error_set(err, -EINVAL, "%s has no interrupts of index %u", vfio->name,
				       index);
	return vfio->ops->set_irqs(vfio, flags, index, 0, 0, NULL, err);
}

/* --- the rest --- */

int facet_vfio_reset(struct facet_vfio *vfio, struct facet_error *err)
{
	if (!vfio->info.resettable)
		return facet_error_set(err, -ENOTSUP, "%s has no reset of its own", vfio->name);
	return vfio->ops->reset(vfio, err);
}

int facet_vfio_fd(const struct facet_vfio *vfio)
{
	return vfio->ops->fd ? vfio->ops->fd(vfio) : -1;
}

int facet_vfio_dispatch(struct facet_vfio *vfio, struct facet_error *err)
{
	return vfio->ops->dispatch ? vfio->ops->dispatch(vfio, err) : 0;
}
