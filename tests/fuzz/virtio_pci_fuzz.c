// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio_pci_fuzz.c - a hostile driver of a virtio PCI function: bytes become accesses to its BARs
 * and configuration space, writes to guest memory, memory that goes and comes, and resets. The
 * first byte picks the device: odd ones are a virtio-gpu with the null engine.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "device/device.h"
#include "wire/virtio_pci.h"
#include "wire/virtio_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 20, VECTORS = 3, MAX_ACCESS = 16 };

struct host {
	struct facet_pci_host host;
	struct facet_pci *pci;
	struct facet_display *display;
	struct facet_engine *engine;
	struct facet_sched *sched;
	int memory_fd, vector_fd;
	bool there; /* the memory */
	uint8_t *base;
};

/* What is left of the input; past its end there are zeros. */
struct input {
	const uint8_t *at, *end;
};

static uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static void bytes(struct input *in, uint8_t *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = byte(in);
}

static void interrupt(struct facet_pci_host *host, unsigned int vector)
{
	if (vector >= VECTORS)
		abort();
}

static bool pending(struct facet_pci_host *host, unsigned int vector)
{
	return vector & 1;
}

static int vector_fd(struct facet_pci_host *host, unsigned int vector)
{
	return vector ? facet_container_of(host, struct host, host)->vector_fd : -1;
}

static const struct facet_pci_host_ops host_ops = {
	.interrupt = interrupt,
	.pending = pending,
	.vector_fd = vector_fd,
};

static void released(void *owner)
{
}

static void change_memory(struct host *host)
{
	const struct facet_guest_region region = { .size = MEMORY };

	if (host->there)
		facet_guest_memory_clear(host->host.memory);
	else if (facet_guest_memory_add(host->host.memory, &region, host->memory_fd, NULL))
		abort();
	host->there = !host->there;
	if (host->pci)
		host->pci->ops->memory_changed(host->pci);
}

static void boot(struct host *host, bool gpu)
{
	struct facet_display_config display = { .output_count = 2, .released = released };
	struct facet_engine_config engine = { .render_fd = -1 };
	struct facet_sched_config sched = { .vram_bytes = 64 << 20, .max_contexts = 4 };
	struct facet_virtio_pci_config config = { .device = gpu ? "virtio-gpu" : "null" };
	int r = facet_display_create(&display, &host->display, NULL);

	engine.display = host->display;
	if (!r)
		r = facet_engine_create("2d", &engine, &host->engine, NULL);
	sched.engine = host->engine;
	if (!r)
		r = facet_sched_create(&sched, &host->sched, NULL);
	config.device_config.sched = host->sched;
	config.device_config.display = host->display;
	host->host.ops = &host_ops;
	host->vector_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	host->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (r || ftruncate(host->memory_fd, MEMORY) ||
	    facet_guest_memory_create(&host->host.memory))
		abort();
	host->base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, host->memory_fd, 0);
	change_memory(host);
	if (host->base == MAP_FAILED ||
	    facet_virtio_pci.create(&config, &host->host, &host->pci, NULL))
		abort();
}

static struct host *host_of(bool gpu)
{
	static struct host hosts[2];

	if (!hosts[gpu].pci)
		boot(&hosts[gpu], gpu);
	return &hosts[gpu];
}

/* A driver that is right so far: what is worth reaching lies behind it. */
static void start_queue(struct host *host, struct input *in)
{
	static const uint32_t places[] = { 0x1000, 0x2000, 0x3000 };
	const uint8_t queue = byte(in) & 1, status = 0xf;
	const uint32_t one = htole32(1);
	const uint16_t size = htole16(8), enable = htole16(1);

#define SET(field, value)                                                                  \
	facet_pci_bar_write(host->pci, 0, offsetof(struct wire_vpci_common, field), value, \
			    sizeof(*(value)))
	SET(driver_feature_select, &one);
	SET(driver_feature, &(uint32_t){ htole32(1 | 1 << (VIRTIO_F_RING_RESET - 32)) });
	SET(device_status, &(uint8_t){ 0xb });
	SET(queue_select, &(uint16_t){ htole16(queue) });
	SET(queue_size, &size);
	SET(queue_msix_vector, &enable);
	SET(queue_desc, &(uint32_t){ htole32(places[0] + queue * 0x4000) });
	SET(queue_driver, &(uint32_t){ htole32(places[1] + queue * 0x4000) });
	SET(queue_device, &(uint32_t){ htole32(places[2] + queue * 0x4000) });
	SET(queue_enable, &enable);
	SET(device_status, &status);
#undef SET
}

static void touch_bar(struct host *host, struct input *in, bool writes)
{
	uint8_t buf[MAX_ACCESS];
	unsigned int bar = byte(in) % 3;
	uint64_t offset = (uint64_t)(byte(in) & 0x3f) << 8;
	size_t size;

	offset += byte(in);
	size = byte(in) % MAX_ACCESS;
	bytes(in, buf, writes ? size : 0);
	if (writes)
		facet_pci_bar_write(host->pci, bar, offset, buf, size);
	else
		facet_pci_bar_read(host->pci, bar, offset, buf, size);
}

static void touch_config(struct host *host, struct input *in, bool writes)
{
	uint8_t buf[MAX_ACCESS];
	uint64_t offset = byte(in);
	size_t size = byte(in) % 9;

	bytes(in, buf, writes ? size : 0);
	if (writes)
		facet_pci_config_write(host->pci, offset, buf, size);
	else
		facet_pci_config_read(host->pci, offset, buf, size);
}

static void scribble(struct host *host, struct input *in)
{
	size_t at = (size_t)byte(in) << 8, size;

	at += byte(in);
	size = byte(in);
	bytes(in, host->base + at, size);
}

static void kick(struct host *host, struct input *in)
{
	uint8_t queue = byte(in) % 3;

	facet_pci_bar_write(host->pci, 0, 0x3000 + 4ULL * queue, &queue, 1);
	host->pci->ops->dispatch(host->pci);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct host *host = host_of(byte(&in) & 1);

	memset(host->base, 0, 1 << 17);
	while (in.at < in.end) {
		uint8_t op = byte(&in);

		switch (op % 10) {
		case 0:
		case 1:
			touch_bar(host, &in, op & 1);
			break;
		case 2:
		case 3:
			touch_config(host, &in, op & 1);
			break;
		case 4:
		case 5:
			scribble(host, &in);
			break;
		case 6:
			start_queue(host, &in);
			break;
		case 7:
			kick(host, &in);
			break;
		case 8:
			host->pci->ops->vectors_changed(host->pci);
			break;
		case 9:
			change_memory(host);
			break;
		}
	}
	if (!host->there)
		change_memory(host);
	facet_pci_reset(host->pci);
	return 0;
}
