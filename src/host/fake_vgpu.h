/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_vgpu.h - a kernel of files for tests: mediated devices, types of VFs, and faults. */
#ifndef FACET_HOST_FAKE_VGPU_H
#define FACET_HOST_FAKE_VGPU_H

#include "host/edit.h"

/* What becomes of one of the calls. */
enum fake_fault {
	FAKE_NONE,
	FAKE_FAIL,        /* not done: fault_errno */
	FAKE_INTERRUPTED, /* not done: EINTR */
	FAKE_DONE_EINTR,  /* done: EINTR all the same */
	FAKE_SHORT,       /* not done, and said to be half done */
	FAKE_DONE_SHORT,  /* done, and said to be half done */
	FAKE_KILL,        /* the process ends before it */
	FAKE_KILL_BEHIND, /* and behind it */
	FAKE_FAULT_COUNT,
};

enum {
	FAKE_KILLED = 77, /* its exit code */
	FAKE_VFS = 4,
};

struct fake_vgpu {
	char root[64];
	unsigned int calls; /* so far */
	unsigned int at;    /* the call, from 1, that has the fault */
	enum fake_fault fault;
	int fault_errno;
	/* Of all writes to the kernel, "PATH=TEXT\n", without "sys/". */
	char log[4096];
	/* Called before a type is written to a VF. */
	void (*watch)(void *data, unsigned int vf, uint32_t type);
	void *watch_data;
};

extern const struct facet_edit_calls fake_vgpu_calls;

/* A host in a new directory: boot id, /proc, and nothing that makes vGPUs. */
void fake_vgpu_init(struct fake_vgpu *fake);
void fake_vgpu_fini(struct fake_vgpu *fake);

/* A file, with its directories. */
void fake_put(struct fake_vgpu *fake, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* A link, in place of one that is there. */
void fake_link(struct fake_vgpu *fake, const char *target, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
void fake_delete(struct fake_vgpu *fake, const char *path, ...)
	__attribute__((format(printf, 2, 3)));
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

int fake_vgpu_edit(struct fake_vgpu *fake, struct facet_edit **ret);

#endif
