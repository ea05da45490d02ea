/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_gvt_internal.h - what the module's files share: types and pool, the vGPU, its VFIO. */
#ifndef FAKE_GVT_INTERNAL_H
#define FAKE_GVT_INTERNAL_H

#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/vfio.h>

#include "fake_gvt.h"

#define GVT_TYPES           3
#define VGPU_REGISTERS_SIZE PAGE_SIZE
#define VGPU_CONFIG_SIZE    256

/* What all vGPUs of a GPU share. */
struct gvt_share {
	unsigned int low_gm_mb, high_gm_mb, fences;
};

struct gvt_type {
	struct mdev_type type;
	struct gvt_share share;
	unsigned int width, height, weight;
};

struct gvt_gpu {
	struct mdev_parent parent;
	struct gvt_type types[GVT_TYPES];
	struct mdev_type *list[GVT_TYPES];
	struct mutex lock; /* of what follows */
	struct gvt_share free;
	unsigned int next_id;
};

struct vgpu {
	struct vfio_device vdev;
	struct gvt_gpu *gpu;
	const struct gvt_type *type;
	unsigned int id;

	struct mutex lock; /* of what follows */
	u8 config[VGPU_CONFIG_SIZE];
	u8 writable[VGPU_CONFIG_SIZE];
	u32 registers[FAKE_GVT_REGISTERS / 4];
	void *picture;
	size_t picture_size;
	struct eventfd_ctx *trigger;
	struct page *pinned;
	dma_addr_t pinned_at;
};

/* fake_gvt_parent.c */
int gvt_take(struct gvt_gpu *gpu, const struct gvt_share *share, unsigned int *ret_id);
void gvt_give_back(struct gvt_gpu *gpu, const struct gvt_share *share);

/* fake_gvt_vgpu.c; all with the vGPU's lock held */
void vgpu_reset(struct vgpu *vgpu);
void vgpu_write_config(struct vgpu *vgpu, unsigned int offset, const u8 *data, size_t count);
u32 vgpu_read_register(struct vgpu *vgpu, unsigned int offset);
void vgpu_write_register(struct vgpu *vgpu, unsigned int offset, u32 value);
int vgpu_signal(struct vgpu *vgpu);
void vgpu_unpin(struct vgpu *vgpu);

/* fake_gvt_vfio.c */
extern const struct vfio_device_ops vgpu_ops;

#endif
