/* SPDX-License-Identifier: GPL-2.0-or-later */
/* testbed.h - a server with a toy, and its client, in one thread. For cmocka's tests. */
#ifndef FACET_VFIO_USER_TESTBED_H
#define FACET_VFIO_USER_TESTBED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/checked.h"
#include "transport/vfio_user/client.h"
#include "transport/vfio_user/toy.h"
#include "transport/vfio_user/vfio_user.h"

enum { PAGE = 4096, RAM = 16 * PAGE, GPA = 0x100000 };

struct bed {
	struct facet_vfio_user *vfu;
	struct toy *toy;
	struct vfu_client client;
	int ram_fd;
	uint8_t *ram;
};

/* What QEMU 11.1 says first. */
extern const char bed_qemu[194];

/* With a client that has said @json; NULL: nothing yet. */
void bed_begin(struct bed *bed, const char *json);
void bed_end(struct bed *bed);
bool bed_hung_up(struct bed *bed);
uint32_t bed_read32(struct bed *bed, uint32_t region, uint64_t offset);
void bed_write32(struct bed *bed, uint32_t region, uint64_t offset, uint32_t value);
/* Of BAR 0. */
void bed_write64(struct bed *bed, uint64_t offset, uint64_t value);
void bed_bus_master(struct bed *bed);

#endif
