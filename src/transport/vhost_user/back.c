// SPDX-License-Identifier: GPL-2.0-or-later
/* back.c - what the back-end asks of the front-end: IOMMU lookups, a look at the configuration. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "transport/vhost_user/internal.h"

int vu_back_open(struct vhost_user *vu, int fd)
{
	int r;

	vu_back_close(vu);
	vu_channel_open(&vu->back, fd);
	r = vu_watch(vu, fd, VU_EVENT_BACK);
	if (r < 0)
		vu_channel_close(&vu->back);
	vu_changed(vu);
	return r;
}

/* Nobody will answer what was asked: what waits for it must find that out. */
static void forget_misses(struct vhost_user *vu)
{
	vu->stale_replies = 0;
	vu->table->misses = 0;
	if (!vu->miss_count)
		return;
	vu->miss_count = 0;
	vu_rings_kick(vu);
}

void vu_back_close(struct vhost_user *vu)
{
	if (vu->back.fd < 0)
		return;
	vu_unwatch(vu, vu->back.fd);
	vu_channel_close(&vu->back);
	vu_changed(vu);
	forget_misses(vu);
}

void vu_back_config_changed(struct vhost_user *vu)
{
	const struct vhost_user_header header = { VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
						  VHOST_USER_VERSION, 0 };

	if (!(vu->protocol_features & VU_BIT(VHOST_USER_PROTOCOL_F_CONFIG)))
		return;
	/* If it does not fit, many like it wait to be read, and one is enough. */
	vu_channel_send(&vu->back, &header, NULL);
}

static bool asked(const struct vhost_user *vu, uint64_t iova, enum facet_guest_access access)
{
	for (unsigned int i = 0; i < vu->miss_count; i++) {
		if (vu->misses[i].iova == iova && vu->misses[i].access == access)
			return true;
	}
	return false;
}

/* Each question wants an answer: it tells when an address is nobody's. */
static int miss(void *owner, uint64_t iova, enum facet_guest_access access)
{
	const struct vhost_user_header header = { VHOST_USER_BACKEND_IOTLB_MSG,
						  VHOST_USER_VERSION | VHOST_USER_NEED_REPLY,
						  sizeof(struct vhost_user_iotlb) };
	const struct vhost_user_iotlb iotlb = { .iova = iova,
						.perm = (uint8_t)access,
						.type = VHOST_IOTLB_MISS };
	struct vhost_user *vu = owner;
	int r;

	if (!(vu->protocol_features & VU_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)))
		return -ENOTSUP;
	/* When the last answer is there all rings look again, and ask what is still missing. */
	if (asked(vu, iova, access) || vu->miss_count == VU_MAX_MISSES)
		return 0;
	vu->table->misses++;
	r = vu_channel_send(&vu->back, &header, &iotlb);
	if (r < 0) {
		vu->table->misses--;
		return r;
	}
	vu->misses[vu->miss_count++] = (struct vu_miss){ iova, access };
	return 0;
}

void vu_back_set_iommu(struct vhost_user *vu, bool on)
{
	const struct facet_guest_iommu iommu = { miss, vu };

	facet_guest_memory_set_iommu(vu->memory, on ? &iommu : NULL);
}

static int take_reply(struct vhost_user *vu)
{
	const struct vhost_user_header *header = &vu->back.header;
	struct vu_miss first = vu->misses[0];

	if (header->request != VHOST_USER_BACKEND_IOTLB_MSG ||
	    !(header->flags & VHOST_USER_REPLY) || header->size != sizeof(uint64_t) ||
	    vu->back.fd_count || (!vu->miss_count && !vu->stale_replies))
		return -EPROTO;
	vu->table->misses--;
	/* Answers come in the order of the questions: a dead predecessor's first. */
	if (vu->stale_replies) {
		vu->stale_replies--;
		return 0;
	}
	vu->miss_count--;
	memmove(&vu->misses[0], &vu->misses[1], vu->miss_count * sizeof(first));
	facet_guest_iotlb_settle(vu->memory, first.iova, first.access, !vu->back.payload.u64);
	if (vu->miss_count)
		return 0;
	vu_rings_refresh(vu);
	vu_rings_kick(vu);
	return 0;
}

void vu_back_dispatch(struct vhost_user *vu)
{
	int r;

	while (vu->back.fd >= 0) {
		r = vu_channel_receive(&vu->back);
		if (!r)
			return;
		if (r > 0)
			r = take_reply(vu);
		vu_channel_done(&vu->back);
		if (r == -EPROTO)
			vu_complain(vu, "the front-end answered what was not asked; "
					"its back-end request socket is closed");
		if (r < 0)
			vu_back_close(vu);
	}
}
