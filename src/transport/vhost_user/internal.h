/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - the vhost-user back-end inside. Only vhost_user/ includes this. */
#ifndef FACET_VHOST_USER_INTERNAL_H
#define FACET_VHOST_USER_INTERNAL_H

#include "transport/ops.h"
#include "transport/vhost_user/channel.h"
#include "wire/virtio_ring.h"

enum {
	VU_MAX_RINGS = 16,
	VU_MAX_MISSES = 32, /* questions to the IOMMU under way */
};

#define VU_BIT(n) (1ull << (n))

/* What stands in an event of the epoll set. */
enum vu_event {
	VU_EVENT_FRONT,
	VU_EVENT_BACK,
	VU_EVENT_SINK,
	VU_EVENT_AGAIN,
	VU_EVENT_LISTEN,
	VU_EVENT_KICK, /* and up: by ring */
};

/* A ring runs while it has somebody to kick it, is enabled, and was described. */
struct vu_ring {
	struct facet_errand kicked;
	struct vhost_user *vu;
	struct facet_queue *queue;
	int kick_fd;
	bool enabled;
	bool again;   /* has something to do, others first */
	bool counted; /* as broken */
};

struct vu_miss {
	uint64_t iova;
	enum facet_guest_access access;
};

/*
 * Memory that outlives us, for a successor. Whoever changes a ring, or what is needed to find its
 * bytes, gives @serial a new number first (vu_changed): a successor that was told of an older one
 * does not touch the rings.
 */
struct vu_table {
	uint64_t magic; /* with the layout's version */
	uint64_t serial;
	uint32_t misses; /* questions to the IOMMU that have no answer yet */
	struct facet_queue_journal rings[VU_MAX_RINGS];
};

struct vhost_user {
	struct facet_transport transport;
	struct facet_port port;
	struct facet_guest_memory *memory;
	struct facet_device *device;
	struct facet_display *display; /* borrowed; NULL: none */
	int epoll_fd, listen_fd, again_fd;
	struct facet_errands *errands; /* borrowed; NULL: none */

	struct vu_channel front, back;
	uint64_t protocol_features, features;
	uint8_t status;
	bool ran;                /* since the last reset the guest's driver has used a ring */
	bool inherited;          /* the same driver has used it with a predecessor of ours */
	unsigned int complaints; /* said about this front-end */

	struct vu_miss misses[VU_MAX_MISSES]; /* in the order of the questions */
	unsigned int miss_count;
	unsigned int stale_replies; /* that will come for questions of a predecessor */

	struct facet_sink *sink;
	int sink_fd;    /* in the epoll set; the sink's */
	int display_fd; /* a dup, for handing over */

	struct vu_table *table, no_table;
	size_t table_size; /* what the device keeps lies behind it */
	int table_fd;
	int alive[2]; /* a pipe: read end for handing over, write end for our death to close */

	uint64_t drops;
	unsigned int handovers;
	unsigned int ring_count;
	struct vu_ring rings[VU_MAX_RINGS];
};

/* --- vhost_user.c --- */

int vu_watch(struct vhost_user *vu, int fd, unsigned int event);
void vu_unwatch(struct vhost_user *vu, int fd);
/* One line about what a front-end did wrong; a few for each, then silence. */
void vu_complain(struct vhost_user *vu, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes @fd, the console of the front-end; the former one is dropped. */
int vu_set_display(struct vhost_user *vu, int fd);
void vu_drop_display(struct vhost_user *vu);

/* --- handover.c --- */

int vu_table_create(struct vhost_user *vu);
void vu_table_leave(struct vhost_user *vu);
/* Something that a successor has to know is about to change. */
void vu_changed(struct vhost_user *vu);
int vu_handover(struct facet_transport *transport, struct facet_handover *ret);
/* Go on with the rings that a dead process left, or leave them for the driver's next start. */
void vu_adopt_rings(struct vhost_user *vu, struct facet_handover *given);

/* --- requests.c --- */

uint64_t vu_offered_features(const struct vhost_user *vu);
int vu_set_features(struct vhost_user *vu, uint64_t features);
/* Serve the message in vu->front. Negative: the connection is no use any more. */
int vu_serve(struct vhost_user *vu);

/* --- rings.c --- */

int vu_rings_create(struct vhost_user *vu);
void vu_rings_destroy(struct vhost_user *vu);
bool vu_rings_running(const struct vhost_user *vu);
void vu_rings_set_features(struct vhost_user *vu);
/* Start or stop each as what we were told so far demands. */
void vu_rings_update(struct vhost_user *vu);
/* Memory or the IOTLB changed: rings that could not go on may do so now. */
void vu_rings_refresh(struct vhost_user *vu);
/* Let the device look into every running ring. */
void vu_rings_kick(struct vhost_user *vu);
/* Something was kicked; and something was left over for later. */
void vu_ring_kicked(struct vhost_user *vu, unsigned int index);
void vu_rings_again(struct vhost_user *vu);
/* As after power-on: what was under way is dropped, and so are the kick descriptors. */
void vu_reset(struct vhost_user *vu);
/* Also the call and err descriptors. */
void vu_rings_forget(struct vhost_user *vu);

int vu_set_vring_num(struct vhost_user *vu, struct vu_channel *m);
int vu_set_vring_addr(struct vhost_user *vu, struct vu_channel *m);
int vu_set_vring_base(struct vhost_user *vu, struct vu_channel *m);
int vu_get_vring_base(struct vhost_user *vu, struct vu_channel *m);
int vu_set_vring_kick(struct vhost_user *vu, struct vu_channel *m);
int vu_set_vring_call(struct vhost_user *vu, struct vu_channel *m);
int vu_set_vring_err(struct vhost_user *vu, struct vu_channel *m);
int vu_set_vring_enable(struct vhost_user *vu, struct vu_channel *m);

/* --- back.c: requests of ours --- */

/* Takes @fd; the former one is dropped. */
int vu_back_open(struct vhost_user *vu, int fd);
void vu_back_close(struct vhost_user *vu);
void vu_back_dispatch(struct vhost_user *vu);
void vu_back_config_changed(struct vhost_user *vu);
void vu_back_set_iommu(struct vhost_user *vu, bool on);

#endif
