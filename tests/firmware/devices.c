// SPDX-License-Identifier: GPL-2.0-or-later
/* devices.c - the devices that the firmware knows, and what it does with each: registers, memory,
 * DMA in both directions, an interrupt. */
#include "../kmod/fake_gvt.h"
#include "firmware.h"

#define PAGE 4096

static uint32_t page[4][PAGE / 4] __attribute__((aligned(PAGE)));
static volatile uint32_t interrupt;

static uint32_t address(const volatile void *of)
{
	return (uint32_t)(uintptr_t)of;
}

static void fill(uint32_t *words, unsigned int count, uint32_t seed)
{
	for (unsigned int i = 0; i < count; i++)
		words[i] = seed = seed * 1664525 + 1013904223;
}

static bool same(const volatile uint32_t *a, const volatile uint32_t *b, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* A message-signalled interrupt is a write. This one is to go to memory, where it can be seen. */
static bool take_interrupt(const struct device *dev)
{
	unsigned int msi = config_capability(dev, 5);
	bool wide = config_read(dev, msi) >> 16 & 0x80;

	if (!msi)
		return false;
	interrupt = 0;
	config_write(dev, msi + 4, address(&interrupt));
	if (wide)
		config_write(dev, msi + 8, 0);
	config_write(dev, msi + (wide ? 12 : 8), 0x4711);
	config_write(dev, msi, config_read(dev, msi) | 1u << 16);
	return true;
}

/* --- QEMU's edu --- */

static bool edu_copy(uint32_t base, uint32_t from, uint32_t to, uint32_t bytes, uint32_t back)
{
	*at(base, 0x80) = from;
	*at(base, 0x84) = 0;
	*at(base, 0x88) = to;
	*at(base, 0x8c) = 0;
	*at(base, 0x90) = bytes;
	*at(base, 0x94) = 0;
	*at(base, 0x98) = 1 | back;
	return wait_for(at(base, 0x98), 1, 0);
}

static const char *edu(const struct device *dev)
{
	uint32_t base = dev->bar[0];

	if ((*at(base, 0) & 0xffff) != 0x00ed)
		return "its identification";
	*at(base, 8) = 10;
	if (!wait_for(at(base, 0x20), 1, 0) || *at(base, 8) != 3628800)
		return "10 factorial";
	seen(" registers");
	fill(page[0], PAGE / 4, 1);
	if (!edu_copy(base, address(page[0]), 0x40000, PAGE, 0) ||
	    !edu_copy(base, 0x40000, address(page[1]), PAGE, 2))
		return "DMA does not end";
	if (!same(page[0], page[1], PAGE / 4))
		return "DMA brought back something else";
	seen(" dma");
	if (!take_interrupt(dev))
		return "no MSI";
	*at(base, 0x60) = 1;
	if (!wait_for(&interrupt, ~0u, 0x4711))
		return "the interrupt did not come";
	*at(base, 0x64) = 1;
	seen(" msi");
	return NULL;
}

/* --- pictures: bochs-display, mbochs, mdpy --- */

static const char *memory_holds(uint32_t base)
{
	fill(page[0], PAGE / 4, 2);
	for (unsigned int i = 0; i < PAGE / 4; i++)
		*at(base, 4 * i) = page[0][i];
	if (!same(at(base, 0), page[0], PAGE / 4))
		return "its memory";
	seen(" memory");
	return NULL;
}

static const char *bochs(const struct device *dev)
{
	/* A register of 16 bits: VBE_DISPI_INDEX_ID. */
	uint16_t id = *(volatile uint16_t *)at(dev->bar[2], 0x500);

	if (id >> 4 != 0xb0c)
		return "its identification";
	seen(" registers");
	return memory_holds(dev->bar[0]);
}

static const char *mdpy(const struct device *dev)
{
	return memory_holds(dev->bar[0]);
}

/* --- mtty, two of whose ports are 16550s that hear themselves --- */

static const char *mtty(const struct device *dev)
{
	uint16_t port = (uint16_t)dev->bar[0];

	if (!port)
		return "no ports";
	out8(port + 2, 1); /* FIFO on */
	out8(port, 'v');
	if (!(in8(port + 5) & 1) || in8(port) != 'v')
		return "nothing came back";
	seen(" registers");
	return NULL;
}

/* --- NVMe: Identify by the admin queues --- */

static const char *nvme(const struct device *dev)
{
	uint32_t base = dev->bar[0], *command = page[0], *done = page[1], *data = page[2];
	char text[2] = "";

	*at(base, 0x14) = 0;
	if (!wait_for(at(base, 0x1c), 1, 0))
		return "does not stop";
	memset(done, 0, PAGE);
	*at(base, 0x24) = 7 << 16 | 7;
	*at(base, 0x28) = address(command);
	*at(base, 0x2c) = 0;
	*at(base, 0x30) = address(done);
	*at(base, 0x34) = 0;
	*at(base, 0x14) = 4 << 20 | 6 << 16 | 1;
	if (!wait_for(at(base, 0x1c), 1, 1))
		return "is not ready (a VF may be offline)";
	seen(" registers");
	memset(command, 0, 64);
	command[0] = 1 << 16 | 6;
	command[6] = address(data);
	command[10] = 1;
	*at(base, 0x1000) = 1;
	if (!wait_for((volatile uint32_t *)&done[3], 1 << 16, 1 << 16))
		return "Identify does not end";
	if (done[3] >> 17)
		return "Identify failed";
	if ((uint16_t)data[0] != dev->vendor)
		return "Identify brought another vendor";
	seen(" dma serial=");
	for (const char *c = (const char *)data + 4; c < (const char *)data + 24; c++) {
		text[0] = *c > ' ' && *c < 127 ? *c : 0;
		seen(text);
	}
	return NULL;
}

/* --- Intel's 82576 as a VF: asks its PF for an address, then sends a frame --- */

enum {
	IGB_MAILBOX = 0xc40,
	IGB_REQUEST = 1,
	IGB_ACKNOWLEDGE = 2,
	IGB_MINE = 4,
	IGB_ANSWER = 0x10,
	IGB_MESSAGE = 0x800,
	IGB_RESET_MESSAGE = 1,
	IGB_TX = 0x3800,
};

static const char *igb_vf_send(uint32_t base)
{
	uint32_t *ring = page[0], *frame = page[1];

	fill(frame, 16, 3);
	memset(frame, 0xff, 6);
	memset(ring, 0, PAGE);
	ring[0] = address(frame);
	ring[2] = 0x2b300000 | 64; /* RS, IFCS, EOP of an advanced data descriptor */
	ring[3] = 64 << 14;
	*at(base, IGB_TX) = address(ring);
	*at(base, IGB_TX + 4) = 0;
	*at(base, IGB_TX + 8) = 128;
	*at(base, IGB_TX + 0x28) |= 1 << 25;
	*at(base, IGB_TX + 0x18) = 1;
	if (!wait_for((volatile uint32_t *)&ring[3], 1, 1))
		return "the frame was not sent";
	seen(" dma");
	return NULL;
}

static const char *igb_vf(const struct device *dev)
{
	uint32_t base = dev->bar[0], low, high;

	*at(base, IGB_MAILBOX) = IGB_MINE;
	if (!wait_for(at(base, IGB_MAILBOX), IGB_MINE, IGB_MINE))
		return "its mailbox";
	*at(base, IGB_MESSAGE) = IGB_RESET_MESSAGE;
	if (*at(base, IGB_MESSAGE) != IGB_RESET_MESSAGE)
		return "its mailbox' memory";
	seen(" registers");
	*at(base, IGB_MAILBOX) = IGB_REQUEST;
	if (!hope_for(at(base, IGB_MAILBOX), IGB_ANSWER, IGB_ANSWER)) {
		seen(" silent-pf"); /* another driver has it than igb */
		return NULL;
	}
	low = *at(base, IGB_MESSAGE + 4);
	high = *at(base, IGB_MESSAGE + 8);
	*at(base, IGB_MAILBOX) = IGB_ACKNOWLEDGE;
	seen(" mac=");
	for (unsigned int i = 0; i < 6; i++)
		seen_hex((i < 4 ? low >> 8 * i : high >> 8 * (i - 4)) & 0xff, 2);
	return igb_vf_send(base);
}

/* --- the fake vGPU of tests/kmod --- */

static bool gvt(uint32_t base, uint32_t command)
{
	*at(base, FAKE_GVT_COMMAND) = command;
	return *at(base, FAKE_GVT_RESULT) == 0;
}

static const char *gvt_pin(uint32_t base)
{
	*at(base, FAKE_GVT_ADDRESS_LOW) = address(page[2]);
	if (!gvt(base, FAKE_GVT_PIN) || *at(base, FAKE_GVT_COMMAND) != 1)
		return "a page cannot be pinned";
	if (!gvt(base, FAKE_GVT_TO_PINNED) || !same(page[2], page[0], PAGE / 4))
		return "the pinned page is another";
	seen(" pin");
	return NULL;
}

static const char *fake_gvt(const struct device *dev)
{
	uint32_t base = dev->bar[0];
	const char *fault;

	if (*at(base, FAKE_GVT_MAGIC) != FAKE_GVT_IS)
		return "its identification";
	seen(" registers size=");
	seen_hex(*at(base, FAKE_GVT_SIZE), 8);
	fill(page[0], PAGE / 4, 4);
	*at(base, FAKE_GVT_LENGTH) = PAGE;
	*at(base, FAKE_GVT_OFFSET) = dev->size[2] - PAGE; /* behind the picture */
	*at(base, FAKE_GVT_ADDRESS_LOW) = address(page[0]);
	if (!gvt(base, FAKE_GVT_FROM_GUEST) ||
	    !same(at(dev->bar[2], dev->size[2] - PAGE), page[0], PAGE / 4))
		return "DMA from memory";
	*at(base, FAKE_GVT_ADDRESS_LOW) = address(page[1]);
	if (!gvt(base, FAKE_GVT_TO_GUEST) || !same(page[1], page[0], PAGE / 4))
		return "DMA to memory";
	seen(" dma");
	fault = gvt_pin(base);
	if (fault)
		return fault;
	if (!take_interrupt(dev) || !gvt(base, FAKE_GVT_INTERRUPT) ||
	    !wait_for(&interrupt, ~0u, 0x4711))
		return "the interrupt did not come";
	seen(" msi");
	return NULL;
}

const struct test tests[] = {
	{ 0x1234, 0x11e8, 0, "edu", edu },
	{ 0x1234, 0x1111, 0, "bochs", bochs },
	{ 0x1b36, 0x000f, 0, "mdpy", mdpy },
	{ 0x4348, 0x3253, 0, "mtty", mtty },
	{ 0x8086, 0x10ca, 0, "igb-vf", igb_vf },
	{ FAKE_GVT_VENDOR, FAKE_GVT_DEVICE, 0, "fake-gvt", fake_gvt },
	{ 0, 0, 0x010802, "nvme", nvme },
};
const unsigned int test_count = sizeof(tests) / sizeof(tests[0]);
