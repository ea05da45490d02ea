/* SPDX-License-Identifier: GPL-2.0-or-later */
/* firmware.h - what the tests of devices in devices.c get. One processor, no interrupts, no paging:
 * an address of ours is one on the bus. */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARS 6

struct device {
	uint8_t slot, function;
	uint16_t vendor, id;
	uint32_t class;     /* class, subclass, interface */
	uint32_t bar[BARS]; /* 0: none, or one that found no room */
	uint32_t size[BARS];
};

/* Says what it saw by seen(); NULL when all is well, else what is not. */
struct test {
	uint16_t vendor, id; /* 0: by class */
	uint32_t class;
	const char *name;
	const char *(*run)(const struct device *dev);
};

extern const struct test tests[];
extern const unsigned int test_count;

void seen(const char *text);
void seen_hex(uint32_t value, unsigned int digits);

/* gcc calls them even here. */
void *memset(void *to, int value, size_t count);
void *memcpy(void *to, const void *from, size_t count);

uint8_t in8(uint16_t port);
void out8(uint16_t port, uint8_t value);
uint32_t config_read(const struct device *dev, unsigned int offset);
void config_write(const struct device *dev, unsigned int offset, uint32_t value);
/* Of a capability in configuration space; 0 where there is none. */
unsigned int config_capability(const struct device *dev, uint8_t id);

static inline volatile uint32_t *at(uint32_t base, uint32_t offset)
{
	return (volatile uint32_t *)(uintptr_t)(base + offset);
}

/* Polls until the bits of mask are those of value; false after a long time: a busy host is not an
 * error. hope_for() is for what not every host does. */
bool wait_for(volatile uint32_t *word, uint32_t mask, uint32_t value);
bool hope_for(volatile uint32_t *word, uint32_t mask, uint32_t value);

#endif
