// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * edu_test.c - drives QEMU's `edu` device, or one like it, through facet's VFIO client: the
 * kernel's VFIO or a vfio-user socket, it is the same test. usage: edu-test [--backend NAME]
 * [--by-message] [--no-intx] [--no-reset] DEVICE. Writes TAP; ends with 1 when something was wrong.
 *
 * Registers: QEMU's docs/specs/edu.rst.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "host/vfio.h"

enum {
	BAR = VFIO_PCI_BAR0_REGION_INDEX,

	REG_ID = 0x00,
	REG_LIVE = 0x04,
	REG_FACTORIAL = 0x08,
	REG_STATUS = 0x20,
	REG_IRQ_STATUS = 0x24,
	REG_IRQ_RAISE = 0x60,
	REG_IRQ_ACK = 0x64,
	REG_DMA_FROM = 0x80,
	REG_DMA_TO = 0x88,
	REG_DMA_COUNT = 0x90,
	REG_DMA_COMMAND = 0x98,

	STATUS_COMPUTING = 0x01,
	STATUS_IRQ = 0x80,
	DMA_RUN = 1,
	DMA_TO_MEMORY = 2,
	DMA_IRQ = 4,
	IRQ_FACTORIAL = 0x001,
	IRQ_DMA = 0x100,

	BUFFER = 0x40000, /* the device's own memory, as its DMA engine sees it */
	PAGE = 4096,
	PAGES = 4,       /* of our memory; the first two get mapped */
	IOVA = 0x100000, /* the engine has 28 bits of address */
	PATIENCE_S = 60,
};

static struct facet_vfio_config config = { .root_fd = -1, .timeout_ms = 60000 };
static bool by_message, no_intx, no_reset;
static struct facet_vfio *vfio;
static struct facet_error err;
static uint8_t *memory;
static int memory_fd;
static unsigned int count, failed;

static void __attribute__((format(printf, 2, 3))) check(bool good, const char *what, ...)
{
	va_list args;

	printf("%sok %u - %s: ", good ? "" : "not ", ++count, facet_vfio_backend(vfio));
	va_start(args, what);
	vprintf(what, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	failed += !good;
}

/* What must not fail for the test to make sense. */
static void must(int r)
{
	if (r >= 0)
		return;
	printf("Bail out! %s\n", err.text);
	exit(1);
}

static uint32_t get(uint64_t reg)
{
	uint32_t value;

	must(facet_vfio_read(vfio, BAR, reg, &value, sizeof(value), &err));
	return value;
}

static void set(uint64_t reg, uint32_t value)
{
	must(facet_vfio_write(vfio, BAR, reg, &value, sizeof(value), &err));
}

/* --- waiting: never for a time, always for something --- */

static bool out_of_patience(time_t start)
{
	return time(NULL) - start > PATIENCE_S;
}

/* A little while, in which a server may ask for memory. */
static void idle(int event)
{
	struct pollfd p[] = { { .fd = event, .events = POLLIN },
			      { .fd = facet_vfio_fd(vfio), .events = POLLIN } };

	poll(p, 2, 10);
	must(facet_vfio_dispatch(vfio, &err));
}

static bool wait_event(int event)
{
	const time_t start = time(NULL);
	uint64_t n;

	while (read(event, &n, sizeof(n)) != sizeof(n)) {
		if (out_of_patience(start))
			return false;
		idle(event);
	}
	return true;
}

static bool wait_clear(uint64_t reg, uint32_t bit)
{
	const time_t start = time(NULL);

	while (get(reg) & bit) {
		if (out_of_patience(start))
			return false;
		idle(-1);
	}
	return true;
}

/* --- registers --- */

static void test_identity(void)
{
	struct facet_vfio_region bar;
	struct facet_vfio_info info;
	uint32_t ids, again;
	void *mapped;

	facet_vfio_info(vfio, &info);
	check(info.pci && info.regions > VFIO_PCI_CONFIG_REGION_INDEX, "it is a PCI device");
	must(facet_vfio_config_read(vfio, 0, 4, &ids, &err));
	must(facet_vfio_config_read(vfio, 2, 2, &again, &err));
	check(ids >> 16 == again && ids != UINT32_MAX, "configuration space: it is %04x:%04x",
	      ids & 0xffff, ids >> 16);
	must(facet_vfio_region_info(vfio, BAR, &bar, &err));
	check(bar.size >= PAGE && bar.readable && bar.writable, "BAR 0 has 0x%llx bytes",
	      (unsigned long long)bar.size);
	check((get(REG_ID) & 0xff0000ff) == 0x010000ed, "its identification is %08x", get(REG_ID));
	if (bar.area_count && bar.areas[0].offset == 0) {
		must(facet_vfio_region_map(vfio, BAR, 0, PAGE, &mapped, &err));
		check(*(volatile uint32_t *)mapped == get(REG_ID), "BAR 0 as memory says the same");
		munmap(mapped, PAGE);
	}
	check(facet_vfio_region_map(vfio, BAR, bar.size, PAGE, &mapped, &err) == -EINVAL,
	      "beyond its end there is nothing to map: %s", err.text);
}

static void test_registers(void)
{
	set(REG_LIVE, 0x12345678);
	check(get(REG_LIVE) == ~0x12345678u, "it is alive: a register comes back inverted");
	set(REG_STATUS, 0);
	set(REG_FACTORIAL, 10);
	check(wait_clear(REG_STATUS, STATUS_COMPUTING) && get(REG_FACTORIAL) == 3628800,
	      "it computes 10!");
}

/* --- interrupts --- */

static const struct {
	unsigned int index;
	const char *name;
} kinds[] = {
	{ VFIO_PCI_INTX_IRQ_INDEX, "INTx" },
	{ VFIO_PCI_MSI_IRQ_INDEX, "MSI" },
	{ VFIO_PCI_MSIX_IRQ_INDEX, "MSI-X" },
};

static bool raised(int event, uint32_t bits)
{
	bool good = wait_event(event) && (get(REG_IRQ_STATUS) & bits) == bits;

	set(REG_IRQ_ACK, bits);
	return good && !(get(REG_IRQ_STATUS) & bits);
}

static void test_interrupt(unsigned int index, const char *name)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), none = -1;
	struct facet_vfio_irq irq;
	uint64_t n;
	bool good;

	must(facet_vfio_irq_info(vfio, index, &irq, &err));
	if (!irq.count)
		goto out;
	must(facet_vfio_irq_set(vfio, index, 0, 1, &event, &err));
	set(REG_IRQ_RAISE, 0x2);
	check(raised(event, 0x2), "%s: an interrupt arrives by eventfd", name);
	if (irq.automasked)
		must(facet_vfio_irq_mask(vfio, index, 0, 1, false, &err));
	set(REG_STATUS, STATUS_IRQ);
	set(REG_FACTORIAL, 5);
	good = raised(event, IRQ_FACTORIAL);
	check(good && get(REG_FACTORIAL) == 120, "%s: another, when 5! is computed", name);
	set(REG_STATUS, 0);
	/* What came until here must not be taken for what is not to come. */
	while (read(event, &n, sizeof(n)) == sizeof(n))
		;
	must(facet_vfio_irq_set(vfio, index, 0, 1, &none, &err));
	must(facet_vfio_irq_disable(vfio, index, &err));
	set(REG_IRQ_RAISE, 0x2);
	set(REG_IRQ_ACK, 0x2);
	get(REG_IRQ_STATUS);
	check(read(event, &n, sizeof(n)) < 0, "%s: none after it was disabled", name);
	check(facet_vfio_irq_set(vfio, index, irq.count, 1, &event, &err) == -EINVAL,
	      "%s: there is no vector %u: %s", name, irq.count, err.text);
out:
	close(event);
}

/* --- DMA --- */

static struct facet_vfio_dma dma_of(uint64_t iova, unsigned int page, unsigned int pages)
{
	return (struct facet_vfio_dma){ .iova = iova,
					.size = pages * PAGE,
					.address = memory + page * PAGE,
					.fd = by_message ? -1 : memory_fd,
					.fd_offset = page * PAGE,
					.readable = true,
					.writable = true };
}

static bool run_dma(uint32_t from, uint32_t to, uint32_t command)
{
	set(REG_DMA_FROM, from);
	set(REG_DMA_TO, to);
	set(REG_DMA_COUNT, PAGE);
	set(REG_DMA_COMMAND, DMA_RUN | command);
	return wait_clear(REG_DMA_COMMAND, DMA_RUN);
}

static bool load(uint64_t iova)
{
	return run_dma((uint32_t)iova, BUFFER, 0);
}

static bool store(uint64_t iova)
{
	return run_dma(BUFFER, (uint32_t)iova, DMA_TO_MEMORY);
}

static void fill(unsigned int page, uint32_t seed)
{
	uint32_t word;

	for (unsigned int i = 0; i < PAGE; i += sizeof(word)) {
		word = (seed + i) * 2654435761u;
		memcpy(memory + page * PAGE + i, &word, sizeof(word));
	}
}

static bool blank(unsigned int page)
{
	for (unsigned int i = 0; i < PAGE; i++) {
		if (memory[page * PAGE + i])
			return false;
	}
	return true;
}

static void test_dma(void)
{
	struct facet_vfio_dma dma = dma_of(IOVA, 0, 2);

	memset(memory, 0, PAGES * PAGE);
	fill(0, 1);
	must(facet_vfio_dma_map(vfio, &dma, &err));
	check(load(IOVA) && store(IOVA + PAGE) && !memcmp(memory, memory + PAGE, PAGE),
	      "DMA: a page goes into the device and back out to another");
	check(facet_vfio_dma_map(vfio, &dma, &err) == -EEXIST, "DMA: not mapped twice: %s",
	      err.text);
	check(facet_vfio_dma_unmap(vfio, IOVA + 2 * PAGE, PAGE, &err) == -EINVAL,
	      "DMA: what is not mapped is not unmapped: %s", err.text);

	check(store(IOVA + 2 * PAGE) && blank(2) && blank(3),
	      "DMA: to an address that is not mapped leaves the memory behind it alone");
	must(facet_vfio_dma_unmap(vfio, IOVA, 2 * PAGE, &err));
	memset(memory, 0, 2 * PAGE);
	check(store(IOVA) && blank(0) && blank(1), "DMA: nor does it write what was unmapped");

	dma = dma_of(IOVA, 0, 1);
	dma.writable = false;
	must(facet_vfio_dma_map(vfio, &dma, &err));
	check(store(IOVA) && blank(0), "DMA: nor what is mapped for reading only");
	must(facet_vfio_dma_unmap(vfio, IOVA, PAGE, &err));

	dma = dma_of(IOVA, 3, 1);
	must(facet_vfio_dma_map(vfio, &dma, &err));
	fill(3, 7);
	check(load(IOVA), "DMA: and the device still loads");
	memset(memory + 3 * PAGE, 0, PAGE);
	fill(0, 7);
	check(store(IOVA) && !memcmp(memory, memory + 3 * PAGE, PAGE), "DMA: and stores");
	must(facet_vfio_dma_unmap(vfio, IOVA, PAGE, &err));
}

static void test_dma_interrupt(void)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct facet_vfio_dma dma = dma_of(IOVA, 0, 1);
	struct facet_vfio_irq irq;

	for (size_t i = sizeof(kinds) / sizeof(kinds[0]); i-- > 0;) {
		must(facet_vfio_irq_info(vfio, kinds[i].index, &irq, &err));
		if (!irq.count)
			continue;
		must(facet_vfio_dma_map(vfio, &dma, &err));
		must(facet_vfio_irq_set(vfio, kinds[i].index, 0, 1, &event, &err));
		check(run_dma(IOVA, BUFFER, DMA_IRQ) && raised(event, IRQ_DMA),
		      "%s: an interrupt when DMA is done", kinds[i].name);
		must(facet_vfio_irq_disable(vfio, kinds[i].index, &err));
		must(facet_vfio_dma_unmap(vfio, IOVA, PAGE, &err));
		break;
	}
	close(event);
}

/* --- the rest --- */

static void test_reset(void)
{
	struct facet_vfio_info info;
	int r;

	facet_vfio_info(vfio, &info);
	r = facet_vfio_reset(vfio, &err);
	if (no_reset)
		check(r == -ENOTSUP && !info.resettable, "no reset, and that is said: %s",
		      err.text);
	else
		check(r == 0, "it is reset%s%s", r ? ": " : "", r ? err.text : "");
	must(facet_vfio_enable(vfio, true, &err));
	test_registers();
}

static void open_device(void)
{
	must(facet_vfio_open(&config, &vfio, &err));
	must(facet_vfio_enable(vfio, true, &err));
}

static void test_second_user(void)
{
	struct facet_vfio_dma dma = dma_of(IOVA, 0, 1);

	must(facet_vfio_dma_map(vfio, &dma, &err));
	facet_vfio_close(vfio);
	open_device();
	check((get(REG_ID) & 0xff) == 0xed, "closed and opened again, it is there");
	memset(memory, 0, PAGE);
	check(store(IOVA) && blank(0), "and what was mapped before is not");
}

static void all_tests(void)
{
	open_device();
	test_identity();
	test_registers();
	for (size_t i = no_intx; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		test_interrupt(kinds[i].index, kinds[i].name);
	test_dma();
	test_dma_interrupt();
	test_reset();
	test_second_user();
	facet_vfio_close(vfio);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--backend") && i + 1 < argc)
			config.backend = argv[++i];
		else if (!strcmp(argv[i], "--by-message"))
			by_message = true;
		else if (!strcmp(argv[i], "--no-intx"))
			no_intx = true;
		else if (!strcmp(argv[i], "--no-reset"))
			no_reset = true;
		else if (argv[i][0] != '-' && !config.device)
			config.device = argv[i];
		else
			goto usage;
	}
	if (!config.device)
		goto usage;
	memory_fd = memfd_create("edu-test", MFD_CLOEXEC);
	if (memory_fd < 0 || ftruncate(memory_fd, PAGES * PAGE) < 0)
		return 1;
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	if (memory == MAP_FAILED)
		return 1;
	all_tests();
	printf("1..%u\n", count);
	return failed ? 1 : 0;
usage:
	fprintf(stderr,
		"usage: %s [--backend NAME] [--by-message] [--no-intx] [--no-reset] DEVICE\n",
		argv[0]);
	return 2;
}
