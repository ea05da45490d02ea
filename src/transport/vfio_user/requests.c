// SPDX-License-Identifier: GPL-2.0-or-later
/* requests.c - what a client asks: what the device is, and accesses to it. */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "transport/vfio_user/internal.h"

bool vfu_take(const struct vfu_request *request, void *to, size_t size)
{
	if (request->message->size < size)
		return false;
	memcpy(to, request->message->payload, size);
	return true;
}

void vfu_give(struct vfu_request *request, const void *from, size_t size)
{
	memcpy(request->out + request->out_size, from, size);
	request->out_size += size;
}

static int get_info(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	struct vfio_user_device_info info;

	if (!vfu_take(request, &info, sizeof(info)) || info.argsz < sizeof(info))
		return -EINVAL;
	info = (struct vfio_user_device_info){
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFU_IRQS,
	};
	vfu_give(request, &info, sizeof(info));
	return 0;
}

/* --- regions --- */

static void describe_bar(const struct facet_pci_bar *bar, struct vfio_region_info *info)
{
	info->size = bar->size;
	if (!bar->size)
		return;
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (bar->area_count) {
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
		info->offset = bar->fd_offset;
	}
}

static bool maps_whole(const struct facet_pci_bar *bar)
{
	return bar->area_count == 1 && bar->areas[0].size == bar->size;
}

/* The list of areas that may be mapped, where that is not all of it. */
static size_t describe_areas(const struct facet_pci_bar *bar, struct vfio_region_info *info,
			     uint8_t *caps)
{
	const struct vfio_region_info_cap_sparse_mmap sparse = {
		.header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 },
		.nr_areas = bar->area_count,
	};
	const size_t area = sizeof(sparse.areas[0]);

	if (!bar->area_count || maps_whole(bar))
		return 0;
	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	info->cap_offset = sizeof(*info); /* also when it is cut off: QEMU checks it before argsz */
	memcpy(caps, &sparse, sizeof(sparse));
	for (unsigned int i = 0; i < bar->area_count; i++)
		memcpy(caps + sizeof(sparse) + i * area, &bar->areas[i], area);
	return sizeof(sparse) + bar->area_count * area;
}

static int get_region_info(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	uint8_t caps[sizeof(struct vfio_region_info_cap_sparse_mmap) +
		     FACET_PCI_MAX_AREAS * sizeof(struct vfio_region_sparse_mmap_area)];
	const struct facet_pci_bar *bar = NULL;
	struct vfio_region_info asked, info;
	size_t caps_size = 0;

	if (!vfu_take(request, &asked, sizeof(asked)) || asked.argsz < sizeof(info) ||
	    asked.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info = (struct vfio_region_info){ .index = asked.index };
	switch (asked.index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
		info.size = facet_pci_config_size(vfu->pci);
		break;
	case VFIO_PCI_ROM_REGION_INDEX:
		info.size = facet_pci_rom_size(vfu->pci);
		info.flags = info.size ? VFIO_REGION_INFO_FLAG_READ : 0;
		break;
	case VFIO_PCI_VGA_REGION_INDEX:
		break;
	default:
		bar = &vfu->pci->info.bars[asked.index];
		describe_bar(bar, &info);
		caps_size = describe_areas(bar, &info, caps);
	}
	info.argsz = (uint32_t)(sizeof(info) + caps_size);
	vfu_give(request, &info, sizeof(info));
	if (info.argsz <= asked.argsz)
		vfu_give(request, caps, caps_size);
	if (info.flags & VFIO_REGION_INFO_FLAG_MMAP && vfu->client_fds)
		request->out_fds[request->out_fd_count++] = bar->fd;
	return 0;
}

static int get_region_io_fds(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	const struct facet_pci_info *pci = &vfu->pci->info;
	struct vfio_user_region_io_fds info;
	struct vfio_user_io_fd fds[VFIO_USER_MAX_FDS];
	uint32_t room, count = 0;

	if (!vfu_take(request, &info, sizeof(info)) || info.argsz < sizeof(info) || info.flags ||
	    info.count || info.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	room = (info.argsz - (uint32_t)sizeof(info)) / (uint32_t)sizeof(fds[0]);
	for (unsigned int i = 0; i < pci->doorbell_count && count < vfu->client_fds; i++) {
		const struct facet_pci_doorbell *d = &pci->doorbells[i];

		if (d->bar != info.index)
			continue;
		fds[count] = (struct vfio_user_io_fd){
			.offset = d->offset,
			.size = d->size,
			.fd_index = count,
			.type = VFIO_USER_IO_FD_TYPE_IOEVENTFD,
			.flags = (d->match ? VFIO_USER_IO_FD_DATAMATCH : 0) |
				 (pci->bars[d->bar].io ? VFIO_USER_IO_FD_PIO : 0),
			.datamatch = d->value,
		};
		request->out_fds[count++] = d->fd;
	}
	info.argsz = (uint32_t)(sizeof(info) + count * sizeof(fds[0]));
	info.count = count <= room ? count : 0;
	request->out_fd_count = info.count;
	vfu_give(request, &info, sizeof(info));
	vfu_give(request, fds, info.count * sizeof(fds[0]));
	return 0;
}

/* --- accesses --- */

static int region_read(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	struct vfio_user_region_access access;
	uint8_t *to;
	int r;

	if (!vfu_take(request, &access, sizeof(access)) || access.count > VFU_MAX_XFER)
		return -EINVAL;
	vfu_give(request, &access, sizeof(access));
	to = request->out + request->out_size;
	switch (access.region) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		r = facet_pci_config_read(vfu->pci, access.offset, to, access.count);
		break;
	case VFIO_PCI_ROM_REGION_INDEX:
		r = facet_pci_rom_read(vfu->pci, access.offset, to, access.count);
		break;
	default:
		r = facet_pci_bar_read(vfu->pci, access.region, access.offset, to, access.count);
	}
	request->out_size += access.count;
	return r;
}

static int write_one(struct facet_vfio_user *vfu, uint32_t region, uint64_t offset,
		     const void *data, size_t size)
{
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return facet_pci_config_write(vfu->pci, offset, data, size);
	return facet_pci_bar_write(vfu->pci, region, offset, data, size);
}

static int region_write(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	struct vfio_user_region_access access;

	if (!vfu_take(request, &access, sizeof(access)) ||
	    access.count > request->message->size - sizeof(access))
		return -EINVAL;
	vfu_give(request, &access, sizeof(access));
	return write_one(vfu, access.region, access.offset,
			 request->message->payload + sizeof(access), access.count);
}

/* What was written before the first that cannot be, stays written: the count tells. */
static int region_write_multi(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	const uint8_t *at = request->message->payload + sizeof(uint64_t);
	struct vfio_user_write_one one;
	uint64_t count, done;

	if (!vfu_take(request, &count, sizeof(count)) ||
	    count > (request->message->size - sizeof(count)) / sizeof(one))
		return -EINVAL;
	for (done = 0; done < count; done++) {
		memcpy(&one, at + done * sizeof(one), sizeof(one));
		if (one.count > sizeof(one.data) ||
		    write_one(vfu, one.region, one.offset, one.data, one.count) < 0)
			break;
	}
	vfu_give(request, &done, sizeof(done));
	return 0;
}

static int device_reset(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	facet_pci_reset(vfu->pci);
	return 0;
}

/* --- all of them --- */

static int (*const handlers[VFIO_USER_COMMANDS])(struct facet_vfio_user *, struct vfu_request *) = {
	[VFIO_USER_VERSION] = vfu_version,
	[VFIO_USER_DMA_MAP] = vfu_dma_map,
	[VFIO_USER_DMA_UNMAP] = vfu_dma_unmap,
	[VFIO_USER_DEVICE_GET_INFO] = get_info,
	[VFIO_USER_DEVICE_GET_REGION_INFO] = get_region_info,
	[VFIO_USER_DEVICE_GET_REGION_IO_FDS] = get_region_io_fds,
	[VFIO_USER_DEVICE_GET_IRQ_INFO] = vfu_get_irq_info,
	[VFIO_USER_DEVICE_SET_IRQS] = vfu_set_irqs,
	[VFIO_USER_REGION_READ] = region_read,
	[VFIO_USER_REGION_WRITE] = region_write,
	[VFIO_USER_DEVICE_RESET] = device_reset,
	[VFIO_USER_REGION_WRITE_MULTI] = region_write_multi,
};

static int handle(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	const uint16_t command = request->message->header.command;

	if (!vfu->agreed && command != VFIO_USER_VERSION)
		return -EINVAL;
	if (command >= VFIO_USER_COMMANDS || !handlers[command])
		return -EOPNOTSUPP;
	return handlers[command](vfu, request);
}

static int reply(struct facet_vfio_user *vfu, struct vfu_request *request, int result)
{
	struct vfio_user_header header = {
		.id = request->message->header.id,
		.command = request->message->header.command,
		.flags = VFIO_USER_TYPE_REPLY | (result < 0 ? VFIO_USER_ERROR : 0),
		.error = result < 0 ? (uint32_t)-result : 0,
	};

	if (result < 0)
		request->out_size = request->out_fd_count = 0;
	header.size = (uint32_t)(sizeof(header) + request->out_size);
	return vfu_channel_send(&vfu->main, &header, request->out_fds, request->out_fd_count);
}

int vfu_serve(struct facet_vfio_user *vfu, const struct vfu_message *message)
{
	struct vfu_request request = { .message = message, .out = vfu_channel_payload(&vfu->main) };
	facet_autoclose int ours = -1;
	int result, r = 0;

	vfu->serving = true;
	result = handle(vfu, &request);
	vfu->serving = false;
	if (message->header.command == VFIO_USER_VERSION && request.out_fd_count)
		ours = request.out_fds[0]; /* the client's end of the twin: sent, not kept */
	if (result < 0)
		vfu->drops++;
	if (!(message->header.flags & VFIO_USER_NO_REPLY))
		r = reply(vfu, &request, result);
	if (r < 0)
		return r;
	vfu_dma_resume(vfu);
	/* Without a version there is nothing to talk about. */
	return vfu->agreed ? 0 : -EPROTO;
}
