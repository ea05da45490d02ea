/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_vgpu.h - tests: what makes vGPUs in a made-up kernel: mediated devices, types of VFs. */
#ifndef FACET_HOST_FAKE_VGPU_H
#define FACET_HOST_FAKE_VGPU_H

#include "host/change.h"
#include "host/fake_sysfs.h"

enum {
	FAKE_VFS = 4,
};

/* One at a time in a process. */
struct fake_vgpu {
	struct fake_sysfs *sysfs; /* its faults come before ours */
	unsigned int lie_at;      /* the write that is done, and said to have failed; 0: none */
	int lie_with;             /* negative errno */
	/* Called before a type is written to a VF. */
	void (*watch)(void *data, unsigned int vf, uint32_t type);
	void *watch_data;
};

void fake_vgpu_init(struct fake_vgpu *fake);
void fake_vgpu_fini(struct fake_vgpu *fake);
bool fake_exists(struct fake_vgpu *fake, const char *path, ...)
	__attribute__((format(printf, 2, 3)));

/* 0000:00:02.0 with GVT-g: a pool of 8 of the smallest; V5_8 takes 1, V5_4 2, V5_2 4. */
void fake_vgpu_add_gvtg(struct fake_vgpu *fake);
/* 0000:41:00.0 with FAKE_VFS VFs of driver nvidia: types 11 ("NVIDIA X-4Q") and 12. */
void fake_vgpu_add_vfs(struct fake_vgpu *fake);
/* SR-IOV off and on: other VFs of the same names, without a type. */
void fake_vgpu_renew_vfs(struct fake_vgpu *fake);
/* Another tool writes. */
void fake_vgpu_set_type(struct fake_vgpu *fake, unsigned int vf, uint32_t type);
uint32_t fake_vgpu_type(struct fake_vgpu *fake, unsigned int vf);
/* Process @pid has group @group open, or has it no more. */
void fake_vgpu_hold(struct fake_vgpu *fake, int pid, int group, bool open);
/* Begins to change it; what was left half done is undone. */
struct facet_change *fake_vgpu_change(struct fake_vgpu *fake);

#endif
