/* SPDX-License-Identifier: GPL-2.0-or-later */
/* front.h - for this transport's tests: a front-end in miniature, its guest and its rings. */
#ifndef FACET_VHOST_USER_FRONT_H
#define FACET_VHOST_USER_FRONT_H

#include "transport/vhost_user/internal.h"

enum {
	MEMORY = 1 << 20,
	SIZE = 16,
	DESC = 0x1000,
	AVAIL = 0x2000,
	USED = 0x3000,
	DATA = 0x4000,
	RINGS = 0x10000, /* from one ring's places to the next ring's */
};

#define BIT(n) (1ull << (n))

#define FRONT_USER     0x7e0000000000ull
#define FRONT_FEATURES (BIT(VHOST_USER_F_PROTOCOL_FEATURES) | BIT(VIRTIO_F_VERSION_1))
#define FRONT_PROTOCOL (BIT(0) | BIT(3) | BIT(5) | BIT(9) | BIT(13) | BIT(15) | BIT(16))

struct front {
	struct facet_transport *transport;
	int fd, back; /* our ends */
	int memory, kick[2], call[2];
	uint8_t *base;
	uint16_t next[2];
};

/* A set-up and its undoing for cmocka. */
int front_set_up(void **state);
int front_tear_down(void **state);

void front_send_raw(int to, const void *bytes, size_t size, const int *fds, unsigned int count);
void front_send_fds(struct front *f, uint32_t request, uint32_t flags, const void *payload,
		    uint32_t size, const int *fds, unsigned int count);
void front_receive(int from, uint32_t request, uint32_t flags, void *payload, uint32_t size);
/* A request that is acknowledged: 0 for success. */
uint64_t front_acked(struct front *f, uint32_t request, const void *payload, uint32_t size,
		     const int *fds, unsigned int count);
uint64_t front_get_u64(struct front *f, uint32_t request);
void front_set_u64(struct front *f, uint32_t request, uint64_t value);
void front_set_state(struct front *f, uint32_t request, uint32_t index, uint32_t num);
uint32_t front_get_base(struct front *f, uint32_t index);
unsigned int front_open_fds(void);
void front_negotiate(struct front *f);
void front_add_memory(struct front *f);
void front_start_ring(struct front *f, uint32_t i, uint16_t base, uint64_t origin);
void front_start_driver(struct front *f, uint64_t features);
void front_offer(struct front *f, uint32_t i, const char *text);
bool front_answered(struct front *f, uint32_t i, const char *text);
/* Answer one question of the back-end as QEMU does: the update first, then "done". */
bool front_answer_miss(struct front *f, bool grant);
void front_dispatch(struct front *f);

#endif
