// SPDX-License-Identifier: GPL-2.0-only
/* fake_gvt_vgpu.c - the vGPU itself: configuration space, registers, what its commands do. */
#include <linux/eventfd.h>
#include <linux/highmem.h>

#include "fake_gvt_internal.h"

#define MSI_CAP 0x40
/* What one command moves at most. */
#define DMA_MAX 65536

/* --- configuration space ---------------------------------------------------------------------- */

static void vgpu_put(u8 *at, u32 value, unsigned int bytes)
{
	for (; bytes; bytes--, value >>= 8)
		*at++ = (u8)value;
}

static void vgpu_init_bar(struct vgpu *vgpu, unsigned int offset, size_t size, u32 flags)
{
	vgpu_put(&vgpu->config[offset], flags, 4);
	vgpu_put(&vgpu->writable[offset], ~(u32)(size - 1), 4);
}

static void vgpu_init_config(struct vgpu *vgpu)
{
	u8 *config = vgpu->config;

	memset(config, 0, VGPU_CONFIG_SIZE);
	vgpu_put(&config[PCI_VENDOR_ID], FAKE_GVT_VENDOR, 2);
	vgpu_put(&config[PCI_DEVICE_ID], FAKE_GVT_DEVICE, 2);
	vgpu_put(&config[PCI_STATUS], PCI_STATUS_CAP_LIST, 2);
	vgpu_put(&config[PCI_CLASS_DEVICE], PCI_CLASS_DISPLAY_OTHER, 2);
	vgpu_put(&config[PCI_CAPABILITY_LIST], MSI_CAP, 1);
	vgpu_put(&config[MSI_CAP], PCI_CAP_ID_MSI, 1);
	vgpu_put(&config[MSI_CAP + PCI_MSI_FLAGS], PCI_MSI_FLAGS_64BIT, 2);
	vgpu_put(&vgpu->writable[PCI_COMMAND], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	vgpu_put(&vgpu->writable[PCI_INTERRUPT_LINE], 0xff, 1);
	vgpu_put(&vgpu->writable[MSI_CAP + PCI_MSI_FLAGS], PCI_MSI_FLAGS_ENABLE, 2);
	vgpu_put(&vgpu->writable[MSI_CAP + PCI_MSI_ADDRESS_LO], ~3u, 4);
	vgpu_put(&vgpu->writable[MSI_CAP + PCI_MSI_ADDRESS_HI], ~0u, 4);
	vgpu_put(&vgpu->writable[MSI_CAP + PCI_MSI_DATA_64], 0xffff, 2);
	vgpu_init_bar(vgpu, PCI_BASE_ADDRESS_0, VGPU_REGISTERS_SIZE, 0);
	vgpu_init_bar(vgpu, PCI_BASE_ADDRESS_2, vgpu->picture_size, PCI_BASE_ADDRESS_MEM_PREFETCH);
}

void vgpu_write_config(struct vgpu *vgpu, unsigned int offset, const u8 *data, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		u8 mask = vgpu->writable[offset + i];

		vgpu->config[offset + i] &= ~mask;
		vgpu->config[offset + i] |= data[i] & mask;
	}
}

/* --- registers -------------------------------------------------------------------------------- */

void vgpu_unpin(struct vgpu *vgpu)
{
	if (vgpu->pinned)
		vfio_unpin_pages(&vgpu->vdev, vgpu->pinned_at, 1);
	vgpu->pinned = NULL;
}

static int vgpu_pin(struct vgpu *vgpu, dma_addr_t address)
{
	struct page *page;
	int r;

	if (vgpu->pinned)
		return -EBUSY;
	address = ALIGN_DOWN(address, PAGE_SIZE);
	r = vfio_pin_pages(&vgpu->vdev, address, 1, IOMMU_READ | IOMMU_WRITE, &page);
	if (r != 1)
		return r < 0 ? r : -EFAULT;
	vgpu->pinned = page;
	vgpu->pinned_at = address;
	return 0;
}

static int vgpu_to_pinned(struct vgpu *vgpu, dma_addr_t address, const void *from, u32 length)
{
	unsigned int offset = offset_in_page(address);
	void *page;

	if (!vgpu->pinned || vgpu->pinned_at != address - offset)
		return -ENXIO;
	if (length > PAGE_SIZE - offset)
		return -EINVAL;
	page = kmap_local_page(vgpu->pinned);
	memcpy(page + offset, from, length);
	kunmap_local(page);
	return 0;
}

int vgpu_signal(struct vgpu *vgpu)
{
	if (!vgpu->trigger)
		return -ENXIO;
#ifdef HAVE_SIGNAL_OF_ONE
	eventfd_signal(vgpu->trigger);
#else
	eventfd_signal(vgpu->trigger, 1);
#endif
	return 0;
}

/* As of a real one, DMA needs its bus-master bit. */
static int vgpu_command(struct vgpu *vgpu, u32 command)
{
	u32 *registers = vgpu->registers;
	u32 offset = registers[FAKE_GVT_OFFSET / 4], length = registers[FAKE_GVT_LENGTH / 4];
	dma_addr_t address = registers[FAKE_GVT_ADDRESS_LOW / 4] |
			     (u64)registers[FAKE_GVT_ADDRESS_HIGH / 4] << 32;
	void *data;

	if (!(vgpu->config[PCI_COMMAND] & PCI_COMMAND_MASTER))
		return -EPERM;
	if (length > DMA_MAX || offset > vgpu->picture_size - length)
		return -EINVAL;
	data = vgpu->picture + offset;
	switch (command) {
	case FAKE_GVT_TO_GUEST:
	case FAKE_GVT_FROM_GUEST:
		return vfio_dma_rw(&vgpu->vdev, address, data, length,
				   command == FAKE_GVT_TO_GUEST);
	case FAKE_GVT_PIN:
		return vgpu_pin(vgpu, address);
	case FAKE_GVT_UNPIN:
		vgpu_unpin(vgpu);
		return 0;
	case FAKE_GVT_TO_PINNED:
		return vgpu_to_pinned(vgpu, address, data, length);
	case FAKE_GVT_INTERRUPT:
		return vgpu_signal(vgpu);
	}
	return -EINVAL;
}

u32 vgpu_read_register(struct vgpu *vgpu, unsigned int offset)
{
	switch (offset) {
	case FAKE_GVT_MAGIC:
		return FAKE_GVT_IS;
	case FAKE_GVT_SIZE:
		return vgpu->type->width << 16 | vgpu->type->height;
	case FAKE_GVT_COMMAND:
		return !!vgpu->pinned;
	}
	return offset < FAKE_GVT_REGISTERS ? vgpu->registers[offset / 4] : 0;
}

void vgpu_write_register(struct vgpu *vgpu, unsigned int offset, u32 value)
{
	if (offset == FAKE_GVT_COMMAND)
		vgpu->registers[FAKE_GVT_RESULT / 4] = -vgpu_command(vgpu, value);
	else if (offset >= FAKE_GVT_ADDRESS_LOW && offset <= FAKE_GVT_LENGTH)
		vgpu->registers[offset / 4] = value;
}

/* A picture to recognise: red grows to the right, green downwards, blue is the vGPU's number. */
void vgpu_reset(struct vgpu *vgpu)
{
	u32 width = vgpu->type->width, height = vgpu->type->height, *pixel = vgpu->picture;

	vgpu_init_config(vgpu);
	memset(vgpu->registers, 0, sizeof(vgpu->registers));
	for (u32 y = 0; y < height; y++)
		for (u32 x = 0; x < width; x++)
			*pixel++ =
				x * 256 / width << 16 | y * 256 / height << 8 | (vgpu->id & 0xff);
}
