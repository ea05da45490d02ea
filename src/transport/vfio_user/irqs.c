// SPDX-License-Identifier: GPL-2.0-or-later
/* irqs.c - interrupts: the client's eventfds, masks, and what happened while they were masked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/eventfd.h"
#include "transport/vfio_user/internal.h"

/* #syscalls eventfd2 read write close fstat newfstatat fcntl */

static struct facet_vfio_user *of(struct facet_pci_host *host)
{
	return facet_container_of(host, struct facet_vfio_user, host);
}

static void signal_fd(int fd)
{
	const uint64_t one = 1;

	/* A full counter says all there is to say. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

/* What a function's vector is delivered to now. */
static int current_fd(const struct vfu_vector *vector)
{
	return vector->masked ? vector->held_fd : vector->trigger_fd;
}

/* The driver chooses one kind; the client says so by giving eventfds for it. */
static struct vfu_vector *vector_at(struct facet_vfio_user *vfu, unsigned int n)
{
	struct vfu_irq *irq = &vfu->irqs[VFIO_PCI_MSIX_IRQ_INDEX];

	if (vfu->irqs[VFIO_PCI_MSI_IRQ_INDEX].armed)
		irq = &vfu->irqs[VFIO_PCI_MSI_IRQ_INDEX];
	return n < irq->count ? &irq->vectors[n] : NULL;
}

void vfu_interrupt(struct facet_pci_host *host, unsigned int n)
{
	struct facet_vfio_user *vfu = of(host);
	struct vfu_vector *vector;

	pthread_mutex_lock(&vfu->irq_lock);
	vector = vector_at(vfu, n);
	if (vector)
		signal_fd(current_fd(vector));
	pthread_mutex_unlock(&vfu->irq_lock);
}

int vfu_vector_fd(struct facet_pci_host *host, unsigned int n)
{
	struct vfu_vector *vector = vector_at(of(host), n);

	return vector ? current_fd(vector) : -1;
}

/* Did something happen? Forgets it. */
static bool collect(struct vfu_vector *vector)
{
	uint64_t count;

	return vector->held_fd >= 0 && read(vector->held_fd, &count, sizeof(count)) > 0;
}

bool vfu_pending(struct facet_pci_host *host, unsigned int n)
{
	struct facet_vfio_user *vfu = of(host);
	struct vfu_vector *vector;
	bool pending = false;

	pthread_mutex_lock(&vfu->irq_lock);
	vector = vector_at(vfu, n);
	if (vector && vector->masked && collect(vector)) {
		pending = true;
		signal_fd(vector->held_fd);
	}
	pthread_mutex_unlock(&vfu->irq_lock);
	return pending;
}

/* A pin masks itself when it has been heard: it stays at its level until the driver has acted. */
static void fire_intx(struct facet_vfio_user *vfu)
{
	struct vfu_irq *irq = &vfu->irqs[VFIO_PCI_INTX_IRQ_INDEX];

	if (!vfu->intx_level || !irq->count || irq->vectors[0].masked ||
	    irq->vectors[0].trigger_fd < 0)
		return;
	irq->vectors[0].masked = true;
	signal_fd(irq->vectors[0].trigger_fd);
}

void vfu_set_intx(struct facet_pci_host *host, bool level)
{
	struct facet_vfio_user *vfu = of(host);

	pthread_mutex_lock(&vfu->irq_lock);
	vfu->intx_level = level;
	fire_intx(vfu);
	pthread_mutex_unlock(&vfu->irq_lock);
}

/* --- what the client wants; under the lock --- */

/* Takes @fd; -1: nobody listens any more. */
static void set_trigger(struct vfu_irq *irq, struct vfu_vector *vector, int fd)
{
	irq->armed -= vector->trigger_fd >= 0;
	irq->armed += fd >= 0;
	facet_close_ptr(&vector->trigger_fd);
	vector->trigger_fd = fd;
}

static int mask(struct vfu_vector *vector, bool counts)
{
	if (counts && vector->held_fd < 0) {
		vector->held_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vector->held_fd < 0)
			return -errno;
	}
	vector->masked = true;
	return 0;
}

static int act(struct vfu_irq *irq, struct vfu_vector *vector, uint32_t action, bool pin)
{
	switch (action) {
	case VFIO_IRQ_SET_ACTION_MASK:
		return mask(vector, !pin);
	case VFIO_IRQ_SET_ACTION_UNMASK:
		vector->masked = false; /* what it held is delivered by release() */
		return 0;
	default:
		signal_fd(current_fd(vector));
		return 0;
	}
}

/* Nobody listens: as if it had never been masked either. */
static void disarm(struct vfu_irq *irq)
{
	for (unsigned int i = 0; i < irq->count; i++) {
		set_trigger(irq, &irq->vectors[i], -1);
		collect(&irq->vectors[i]);
		irq->vectors[i].masked = false;
	}
}

static bool is_one_bit(uint32_t bits)
{
	return bits && !(bits & (bits - 1));
}

/* All or none: looked at before anything is changed. */
static int check_set(struct facet_vfio_user *vfu, const struct vfu_message *m,
		     const struct vfio_irq_set *set)
{
	const uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	const uint32_t data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

	if (set->flags & ~(uint32_t)(VFIO_IRQ_SET_ACTION_TYPE_MASK | VFIO_IRQ_SET_DATA_TYPE_MASK) ||
	    !is_one_bit(action) || !is_one_bit(data) || set->index >= VFU_IRQS ||
	    !facet_inside(set->start, set->count, vfu->irqs[set->index].count))
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_BOOL && m->size < sizeof(*set) + set->count)
		return -EINVAL;
	if (data != VFIO_IRQ_SET_DATA_EVENTFD)
		return m->fd_count ? -EINVAL : 0;
	/* To be told of masks, or to unmask by an eventfd: not offered by QEMU's kind of server. */
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTSUP;
	if (m->fd_count && m->fd_count != set->count)
		return -EINVAL;
	for (unsigned int i = 0; i < m->fd_count; i++)
		if (!facet_eventfd_check(m->fds[i]))
			return -EINVAL;
	return 0;
}

static int apply(struct facet_vfio_user *vfu, const struct vfu_message *m,
		 const struct vfio_irq_set *set)
{
	const uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	const uint8_t *wanted = m->payload + sizeof(*set);
	struct vfu_irq *irq = &vfu->irqs[set->index];
	int r = 0;

	if (!set->count && !set->start && set->flags & VFIO_IRQ_SET_DATA_NONE &&
	    action == VFIO_IRQ_SET_ACTION_TRIGGER)
		disarm(irq);
	for (uint32_t i = 0; !r && i < set->count; i++) {
		struct vfu_vector *vector = &irq->vectors[set->start + i];

		if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
			set_trigger(irq, vector, m->fd_count ? facet_steal_fd(&m->fds[i]) : -1);
		else if (set->flags & VFIO_IRQ_SET_DATA_NONE || wanted[i])
			r = act(irq, vector, action, set->index == VFIO_PCI_INTX_IRQ_INDEX);
	}
	return r;
}

/*
 * What came while these were masked. Not before the function has let go of the descriptors that it
 * had for that time: another thread may have written to one until then.
 */
static void release(struct facet_vfio_user *vfu, const struct vfio_irq_set *set)
{
	struct vfu_irq *irq = &vfu->irqs[set->index];

	pthread_mutex_lock(&vfu->irq_lock);
	for (uint32_t i = 0; i < set->count; i++) {
		struct vfu_vector *vector = &irq->vectors[set->start + i];

		if (!vector->masked && collect(vector))
			signal_fd(vector->trigger_fd);
	}
	pthread_mutex_unlock(&vfu->irq_lock);
}

int vfu_set_irqs(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	struct vfio_irq_set set;
	int r;

	if (!vfu_take(request, &set, sizeof(set)))
		return -EINVAL;
	r = check_set(vfu, request->message, &set);
	if (r < 0)
		return r;
	pthread_mutex_lock(&vfu->irq_lock);
	r = apply(vfu, request->message, &set);
	fire_intx(vfu);
	pthread_mutex_unlock(&vfu->irq_lock);
	if (set.index != VFIO_PCI_INTX_IRQ_INDEX && vfu->pci->ops->vectors_changed)
		vfu->pci->ops->vectors_changed(vfu->pci);
	if (set.flags & VFIO_IRQ_SET_ACTION_UNMASK)
		release(vfu, &set);
	return r;
}

int vfu_get_irq_info(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	struct vfio_irq_info info;

	if (!vfu_take(request, &info, sizeof(info)) || info.argsz < sizeof(info) ||
	    info.index >= VFU_IRQS)
		return -EINVAL;
	info.argsz = sizeof(info);
	info.count = vfu->irqs[info.index].count;
	info.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_AUTOMASKED;
	vfu_give(request, &info, sizeof(info));
	return 0;
}

int vfu_irqs_init(struct facet_vfio_user *vfu)
{
	const struct facet_pci_info *info = &vfu->pci->info;
	const unsigned int counts[] = { info->intx, info->msi_vectors, info->msix_vectors };

	for (unsigned int i = 0; i < VFU_IRQS; i++) {
		struct vfu_irq *irq = &vfu->irqs[i];

		irq->vectors = calloc(counts[i], sizeof(*irq->vectors));
		if (counts[i] && !irq->vectors)
			return -ENOMEM;
		irq->count = counts[i];
		for (unsigned int v = 0; v < irq->count; v++)
			irq->vectors[v] = (struct vfu_vector){ .trigger_fd = -1, .held_fd = -1 };
	}
	return 0;
}

void vfu_irqs_forget(struct facet_vfio_user *vfu)
{
	pthread_mutex_lock(&vfu->irq_lock);
	for (unsigned int i = 0; i < VFU_IRQS; i++)
		disarm(&vfu->irqs[i]);
	pthread_mutex_unlock(&vfu->irq_lock);
	if (vfu->pci->ops->vectors_changed)
		vfu->pci->ops->vectors_changed(vfu->pci);
}

void vfu_irqs_fini(struct facet_vfio_user *vfu)
{
	for (unsigned int i = 0; i < VFU_IRQS; i++) {
		disarm(&vfu->irqs[i]);
		for (unsigned int v = 0; v < vfu->irqs[i].count; v++)
			facet_close_ptr(&vfu->irqs[i].vectors[v].held_fd);
		free(vfu->irqs[i].vectors);
	}
}
