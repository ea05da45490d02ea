// SPDX-License-Identifier: GPL-2.0-or-later
/* pci_test.c - what stands in configuration space, and what accesses do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/checked.h"
#include "pci/pci.h"

struct thing {
	struct facet_pci pci;
	struct facet_pci_host host;
	unsigned int resets, accesses;
	uint64_t last_offset;
	size_t last_size;
	unsigned int written_at;
	bool pin;
};

static struct thing *thing_of(struct facet_pci *pci)
{
	return facet_container_of(pci, struct thing, pci);
}

static void thing_reset(struct facet_pci *pci)
{
	thing_of(pci)->resets++;
}

static void note(struct facet_pci *pci, uint64_t offset, size_t size)
{
	thing_of(pci)->accesses++;
	thing_of(pci)->last_offset = offset;
	thing_of(pci)->last_size = size;
}

static void thing_read(struct facet_pci *pci, unsigned int bar, uint64_t offset, void *buf,
		       size_t size)
{
	note(pci, offset, size);
	memset(buf, 0x77, size);
}

static void thing_write(struct facet_pci *pci, unsigned int bar, uint64_t offset, const void *buf,
			size_t size)
{
	note(pci, offset, size);
}

static void config_written(struct facet_pci *pci, unsigned int offset, unsigned int size)
{
	thing_of(pci)->written_at = offset;
}

static const struct facet_pci_ops ops = {
	.name = "thing",
	.reset = thing_reset,
	.bar_read = thing_read,
	.bar_write = thing_write,
	.config_written = config_written,
};

static void set_intx(struct facet_pci_host *host, bool level)
{
	facet_container_of(host, struct thing, host)->pin = level;
}

static bool pending(struct facet_pci_host *host, unsigned int vector)
{
	return vector == 1 || vector == 9;
}

static const struct facet_pci_host_ops host_ops = { .set_intx = set_intx, .pending = pending };

static const struct facet_pci_info plain = {
	.vendor = 0x1af4,
	.device = 0x1050,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x038000,
	.revision = 1,
	.bars[0] = { .size = 0x4000 },
	.bars[2] = { .size = 1ull << 33, .wide = true, .prefetchable = true },
	.bars[4] = { .size = 32, .io = true },
	.intx = true,
	.msi_vectors = 4,
	.msix_vectors = 10,
	.msix_table = 0x1000,
	.msix_pba = 0x2000,
	.express = true,
	.rom = "rom",
	.rom_size = 3000,
};

static void begin(struct thing *t, const struct facet_pci_info *info)
{
	struct facet_error err;

	memset(t, 0, sizeof(*t));
	t->host.ops = &host_ops;
	assert_int_equal(facet_pci_init(&t->pci, &ops, &t->host, info, &err), 0);
}

static uint32_t get(struct thing *t, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	assert_int_equal(facet_pci_config_read(&t->pci, offset, &value, size), 0);
	return value;
}

static void set(struct thing *t, unsigned int offset, uint32_t value, unsigned int size)
{
	assert_int_equal(facet_pci_config_write(&t->pci, offset, &value, size), 0);
}

static unsigned int find(struct thing *t, uint8_t id)
{
	unsigned int at = get(t, PCI_CAPABILITY_LIST, 1);

	for (int i = 0; at && i < 48; i++, at = get(t, at + 1, 1))
		if (get(t, at, 1) == id)
			return at;
	return 0;
}

static void header(void **state)
{
	struct thing t;

	begin(&t, &plain);
	assert_int_equal(get(&t, PCI_VENDOR_ID, 4), 0x10501af4);
	assert_int_equal(get(&t, PCI_CLASS_REVISION, 4), 0x03800001);
	assert_int_equal(get(&t, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
	assert_int_equal(get(&t, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(get(&t, PCI_INTERRUPT_PIN, 1), 1);
	assert_true(get(&t, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	set(&t, PCI_VENDOR_ID, 0, 4);
	set(&t, PCI_COMMAND, 0xffff, 2);
	set(&t, PCI_INTERRUPT_LINE, 0xffff, 2);
	assert_int_equal(get(&t, PCI_VENDOR_ID, 4), 0x10501af4);
	assert_int_equal(get(&t, PCI_COMMAND, 2), 0x0547);
	assert_int_equal(get(&t, PCI_INTERRUPT_LINE, 2), 0x01ff);
	assert_true(facet_pci_bus_master(&t.pci));
	assert_int_equal(facet_pci_config_write(&t.pci, 4095, "ab", 2), -EINVAL);
}

static void sizing(void **state)
{
	static const struct {
		unsigned int offset;
		uint32_t size, type;
	} expected[] = {
		{ PCI_BASE_ADDRESS_0, ~0x3fffu, 0 }, { PCI_BASE_ADDRESS_1, 0, 0 },
		{ PCI_BASE_ADDRESS_2, 0xc, 0xc },    { PCI_BASE_ADDRESS_3, ~1u, 0 },
		{ PCI_BASE_ADDRESS_4, ~31u | 1, 1 }, { PCI_BASE_ADDRESS_5, 0, 0 },
		{ PCI_ROM_ADDRESS, ~4095u | 1, 0 },
	};
	struct thing t;

	begin(&t, &plain);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(expected); i++) {
		assert_int_equal(get(&t, expected[i].offset, 4), expected[i].type);
		set(&t, expected[i].offset, ~0u, 4);
		assert_int_equal(get(&t, expected[i].offset, 4), expected[i].size);
	}
}

/* The list ends, and is the same the second time. */
static void capabilities(void **state)
{
	static const uint8_t body[] = { 0xaa, 0xbb, 0xcc }, writable[] = { 0, 0xf0, 0 };
	static const uint8_t filler[14];
	struct thing t;
	int at;

	begin(&t, &plain);
	assert_int_equal(get(&t, find(&t, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS, 2), 9);
	assert_int_equal(get(&t, find(&t, PCI_CAP_ID_MSIX) + PCI_MSIX_PBA, 4), 0x2000);
	assert_int_equal(get(&t, find(&t, PCI_CAP_ID_MSI) + PCI_MSI_FLAGS, 2), 0x84);
	assert_int_equal(get(&t, find(&t, PCI_CAP_ID_EXP) + PCI_EXP_FLAGS, 2), 2);
	assert_true(find(&t, PCI_CAP_ID_PM));
	at = facet_pci_add_capability(&t.pci, PCI_CAP_ID_VNDR, body, writable, sizeof(body));
	assert_int_equal(at, find(&t, PCI_CAP_ID_VNDR));
	set(&t, (unsigned int)at + 2, 0xffffff, 3);
	assert_int_equal(get(&t, (unsigned int)at + 2, 3), 0xccfbaa);
	assert_int_equal(t.written_at, at + 2);
	facet_pci_reset(&t.pci);
	assert_int_equal(get(&t, (unsigned int)at + 2, 3), 0xccbbaa);
	while (at > 0)
		at = facet_pci_add_capability(&t.pci, 1, filler, NULL, sizeof(filler));
	assert_int_equal(at, -ENOSPC);
	assert_int_equal(facet_pci_add_capability(&t.pci, 1, body, NULL, 1u << 20), -ENOSPC);
}

static void extended_space(void **state)
{
	struct facet_pci_info info = plain;
	struct thing t;

	begin(&t, &plain);
	assert_int_equal(get(&t, 256, 4), 0);
	assert_int_equal(facet_pci_add_extended(&t.pci, PCI_EXT_CAP_ID_DSN, 1, "12345678", NULL, 8),
			 256);
	assert_int_equal(facet_pci_add_extended(&t.pci, PCI_EXT_CAP_ID_VNDR, 1, "1234", NULL, 4),
			 268);
	assert_int_equal(get(&t, 256, 4), PCI_EXT_CAP_ID_DSN | 1 << 16 | 268 << 20);
	assert_int_equal(get(&t, 268, 4), PCI_EXT_CAP_ID_VNDR | 1 << 16);
	assert_int_equal(facet_pci_add_extended(&t.pci, 1, 1, "", NULL, 4096), -ENOSPC);
	info.express = false;
	begin(&t, &info);
	assert_int_equal(facet_pci_config_size(&t.pci), 256);
	assert_int_equal(facet_pci_add_extended(&t.pci, 1, 1, "", NULL, 0), -EINVAL);
}

static void cleared_by_ones(void **state)
{
	struct thing t;

	begin(&t, &plain);
	t.pci.config.value[PCI_STATUS + 1] |= PCI_STATUS_REC_MASTER_ABORT >> 8;
	set(&t, PCI_STATUS, 0, 2);
	assert_true(get(&t, PCI_STATUS, 2) & PCI_STATUS_REC_MASTER_ABORT);
	set(&t, PCI_STATUS, PCI_STATUS_REC_MASTER_ABORT, 2);
	assert_false(get(&t, PCI_STATUS, 2) & PCI_STATUS_REC_MASTER_ABORT);
	assert_true(get(&t, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
}

static void function_level_reset(void **state)
{
	struct thing t;
	unsigned int control;

	begin(&t, &plain);
	control = find(&t, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
	set(&t, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	set(&t, control, get(&t, control, 2) | PCI_EXP_DEVCTL_BCR_FLR, 2);
	assert_int_equal(t.resets, 1);
	assert_int_equal(get(&t, PCI_COMMAND, 2), 0);
	assert_false(get(&t, control, 2) & PCI_EXP_DEVCTL_BCR_FLR);
}

static void pin(void **state)
{
	struct thing t;
	unsigned int msix;

	begin(&t, &plain);
	msix = find(&t, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS;
	facet_pci_set_intx(&t.pci, true);
	assert_true(t.pin);
	assert_true(get(&t, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	set(&t, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
	assert_false(t.pin);
	set(&t, PCI_COMMAND, 0, 2);
	assert_true(t.pin);
	set(&t, msix, PCI_MSIX_FLAGS_ENABLE, 2);
	assert_true(facet_pci_msix_enabled(&t.pci));
	assert_false(t.pin);
	facet_pci_reset(&t.pci);
	assert_false(t.pin);
	assert_false(get(&t, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
}

/* MSI-X's table and pending bits never reach the function; what lies around them does. */
static void tables(void **state)
{
	uint8_t buf[0x1100];
	struct thing t;

	begin(&t, &plain);
	assert_int_equal(facet_pci_bar_read(&t.pci, 0, 0xff0, buf, 32), 0);
	assert_int_equal(t.accesses, 1);
	assert_int_equal(t.last_offset, 0xff0);
	assert_int_equal(t.last_size, 16);
	assert_int_equal(buf[15], 0x77);
	assert_int_equal(buf[16 + 12], PCI_MSIX_ENTRY_CTRL_MASKBIT);
	assert_int_equal(facet_pci_bar_write(&t.pci, 0, 0x1008, "\x11\x22\x33\x44", 4), 0);
	assert_int_equal(facet_pci_bar_read(&t.pci, 0, 0x1008, buf, 4), 0);
	assert_memory_equal(buf, "\x11\x22\x33\x44", 4);
	assert_int_equal(facet_pci_bar_write(&t.pci, 0, 0x2000, buf, 8), 0);
	assert_int_equal(facet_pci_bar_read(&t.pci, 0, 0x2000, buf, 8), 0);
	assert_memory_equal(buf, "\x02\x02\0\0\0\0\0\0", 8);
	assert_int_equal(t.accesses, 1);
	assert_int_equal(facet_pci_bar_read(&t.pci, 0, 0xff8, buf, sizeof(buf)), 0);
	assert_int_equal(t.accesses, 4); /* before, between, behind */
	assert_int_equal(t.last_offset, 0x2008);
	assert_int_equal(facet_pci_bar_read(&t.pci, 0, 0x3fff, buf, 2), -EINVAL);
	assert_int_equal(facet_pci_bar_read(&t.pci, 0, 0, buf, 0), -EINVAL);
	assert_int_equal(facet_pci_bar_read(&t.pci, 3, 0, buf, 4), -EINVAL);
}

static void rom(void **state)
{
	struct facet_pci_info info = plain;
	uint8_t buf[8];
	struct thing t;

	info.rom_size = 3;
	begin(&t, &info);
	assert_int_equal(facet_pci_rom_size(&t.pci), 2048);
	assert_int_equal(facet_pci_rom_read(&t.pci, 0, buf, 4), 0);
	assert_memory_equal(buf, "rom\xff", 4);
	assert_int_equal(facet_pci_rom_read(&t.pci, 2040, buf, 8), 0);
	assert_int_equal(buf[0], 0xff);
	assert_int_equal(facet_pci_rom_read(&t.pci, 2041, buf, 8), -EINVAL);
}

static void refused(void **state)
{
	struct facet_pci_info bad[] = { plain, plain, plain, plain, plain, plain,
					plain, plain, plain, plain, plain };
	struct facet_error err;
	struct thing t;

	bad[0].bars[0].size = 0x4001;
	bad[1].bars[3].size = 4096; /* upper half of BAR 2 */
	bad[2].bars[2].wide = false;
	bad[3].bars[4].size = 512;
	bad[4].msix_table = 0x3ff8;
	bad[5].msix_pba = 0x1010;
	bad[6].msix_vectors = 300;
	bad[7].msi_vectors = 3;
	bad[8].bars[0].area_count = 1;
	bad[8].bars[0].areas[0] = (struct facet_pci_area){ 0x1000, 0x1000 }; /* MSI-X's table */
	bad[9].bars[0].area_count = 1;
	bad[9].bars[0].areas[0] = (struct facet_pci_area){ 0x3000, 0x2000 };
	bad[10].doorbell_count = 1;
	bad[10].doorbells = &(struct facet_pci_doorbell){ .bar = 0, .offset = 0x3ffe, .size = 4 };
	for (size_t i = 0; i < FACET_ARRAY_SIZE(bad); i++) {
		err.text[0] = '\0';
		assert_int_equal(facet_pci_init(&t.pci, &ops, &t.host, &bad[i], &err), -EINVAL);
		assert_true(err.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header),
		cmocka_unit_test(sizing),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(extended_space),
		cmocka_unit_test(cleared_by_ones),
		cmocka_unit_test(function_level_reset),
		cmocka_unit_test(pin),
		cmocka_unit_test(tables),
		cmocka_unit_test(rom),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
