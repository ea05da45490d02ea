// SPDX-License-Identifier: GPL-2.0-or-later
/* firmware.c - a guest in 64 KiB: gives the PCI functions of bus 0 their addresses, tests those it
 * knows, tells the serial console, and ends the machine by isa-debug-exit. */
#include "firmware.h"

#define SERIAL         0x3f8
#define EXIT           0x501
#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc

#define MEMORY_FIRST 0x80000000u
#define MEMORY_LAST  0xdfffffffu
#define PORTS_FIRST  0xc000u

/* In ticks: half a minute, or a few seconds for what may well not come. */
#define PATIENCE        (1ull << 36)
#define LITTLE_PATIENCE (1ull << 34)

/* --- the machine --- */

uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static bool poll(volatile uint32_t *word, uint32_t mask, uint32_t value, uint64_t patience)
{
	uint64_t begin = ticks();

	while ((*word & mask) != value)
		if (ticks() - begin > patience)
			return false;
	return true;
}

bool wait_for(volatile uint32_t *word, uint32_t mask, uint32_t value)
{
	return poll(word, mask, value, PATIENCE);
}

bool hope_for(volatile uint32_t *word, uint32_t mask, uint32_t value)
{
	return poll(word, mask, value, LITTLE_PATIENCE);
}

void *memset(void *to, int value, size_t count)
{
	for (size_t i = 0; i < count; i++)
		((volatile uint8_t *)to)[i] = (uint8_t)value;
	return to;
}

void *memcpy(void *to, const void *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}

/* --- the console --- */

void seen(const char *text)
{
	for (; *text; text++) {
		while (!(in8(SERIAL + 5) & 0x20))
			;
		out8(SERIAL, (uint8_t)*text);
	}
}

void seen_hex(uint32_t value, unsigned int digits)
{
	char text[2] = "";

	while (digits--) {
		text[0] = "0123456789abcdef"[value >> 4 * digits & 15];
		seen(text);
	}
}

/* --- PCI --- */

static void config_select(const struct device *dev, unsigned int offset)
{
	out32(CONFIG_ADDRESS, 1u << 31 | (uint32_t)dev->slot << 11 | (uint32_t)dev->function << 8 |
				      (offset & 0xfc));
}

uint32_t config_read(const struct device *dev, unsigned int offset)
{
	config_select(dev, offset);
	return in32(CONFIG_DATA);
}

void config_write(const struct device *dev, unsigned int offset, uint32_t value)
{
	config_select(dev, offset);
	out32(CONFIG_DATA, value);
}

unsigned int config_capability(const struct device *dev, uint8_t id)
{
	unsigned int offset = config_read(dev, 0x34) & 0xfc;

	if (!(config_read(dev, 4) >> 16 & 0x10))
		return 0;
	for (unsigned int left = 48; offset && left; left--) {
		uint32_t head = config_read(dev, offset);

		if ((uint8_t)head == id)
			return offset;
		offset = head >> 8 & 0xfc;
	}
	return 0;
}

/* Sizes are powers of two, and each stands at a multiple of itself. */
static uint32_t place(uint32_t *next, uint32_t last, uint32_t size)
{
	uint32_t address = (*next + size - 1) & ~(size - 1);

	if (!size || address < *next || address > last || size - 1 > last - address)
		return 0;
	*next = address + size;
	return address;
}

static void assign_bars(struct device *dev, uint32_t *memory, uint32_t *ports)
{
	for (unsigned int i = 0; i < BARS; i++) {
		unsigned int offset = 0x10 + 4 * i;
		uint32_t mask;
		bool io, wide;

		config_write(dev, offset, ~0u);
		mask = config_read(dev, offset);
		io = mask & 1;
		wide = !io && (mask & 6) == 4;
		if (mask) {
			dev->size[i] = io ? (~(mask & ~3u) + 1) & 0xffff : ~(mask & ~15u) + 1;
			dev->bar[i] =
				place(io ? ports : memory, io ? 0xffff : MEMORY_LAST, dev->size[i]);
		}
		config_write(dev, offset, dev->bar[i]);
		if (wide && i + 1 < BARS)
			config_write(dev, 0x10 + 4 * ++i, 0);
	}
	config_write(dev, 4, (config_read(dev, 4) & 0xffff) | 7);
}

static void show(const struct device *dev)
{
	seen("firmware: ");
	seen_hex(dev->slot, 2);
	seen(".");
	seen_hex(dev->function, 1);
	seen(" ");
	seen_hex(dev->vendor, 4);
	seen(":");
	seen_hex(dev->id, 4);
	seen(" class ");
	seen_hex(dev->class, 6);
	for (unsigned int i = 0; i < BARS; i++) {
		if (!dev->size[i])
			continue;
		seen(" bar");
		seen_hex(i, 1);
		seen("=");
		seen_hex(dev->bar[i], 8);
		seen("+");
		seen_hex(dev->size[i], 8);
	}
	seen("\n");
}

/* --- the tests --- */

static const struct test *find(const struct device *dev)
{
	for (unsigned int i = 0; i < test_count; i++) {
		const struct test *test = &tests[i];

		if (test->vendor ? test->vendor == dev->vendor && test->id == dev->id
				 : test->class == dev->class)
			return test;
	}
	return NULL;
}

/* Whether it did badly. */
static bool run(const struct device *dev)
{
	const struct test *test = find(dev);
	const char *fault;

	if (!test)
		return false;
	seen("firmware: ");
	seen(test->name);
	seen(":");
	fault = test->run(dev);
	seen(fault ? " FAILED: " : " ok");
	seen(fault ? fault : "");
	seen("\n");
	return fault;
}

static bool probe(struct device *dev, uint32_t *memory, uint32_t *ports)
{
	uint32_t id = config_read(dev, 0);

	if ((uint16_t)id == 0xffff)
		return false;
	dev->vendor = (uint16_t)id;
	dev->id = (uint16_t)(id >> 16);
	dev->class = config_read(dev, 8) >> 8;
	if ((config_read(dev, 0xc) >> 16 & 0x7f) == 0) /* not a bridge */
		assign_bars(dev, memory, ports);
	show(dev);
	return true;
}

void main(void)
{
	uint32_t memory = MEMORY_FIRST, ports = PORTS_FIRST;
	unsigned int faults = 0;

	for (unsigned int slot = 0; slot < 32; slot++) {
		for (unsigned int function = 0; function < 8; function++) {
			struct device dev = { .slot = (uint8_t)slot,
					      .function = (uint8_t)function };

			if (probe(&dev, &memory, &ports))
				faults += run(&dev);
			else if (!function)
				break;
			if (!function && !(config_read(&dev, 0xc) >> 16 & 0x80))
				break;
		}
	}
	seen(faults ? "firmware: FAILED\n" : "firmware: done\n");
	out8(EXIT, (uint8_t)(faults + 1));
}
