// SPDX-License-Identifier: GPL-2.0-or-later
/* probe.c - facet doctor --probe: opens a device as QEMU would, and looks whether it answers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/host.h"
#include "host/bind.h"
#include "host/vfio.h"

enum { BARS = 6, DMA_IOVA = 1 << 20 };

struct probe {
	const struct cli *cli;
	struct facet_vfio *vfio;
	json_t *steps; /* NULL: for people */
	uint32_t id;   /* device and vendor */
	bool failed;
};

/* What a step found. */
__attribute__((format(printf, 4, 5))) static void say(struct probe *probe, const char *step,
						      bool ok, const char *fmt, ...)
{
	char text[300];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	probe->failed |= !ok;
	if (probe->steps)
		json_array_append_new(probe->steps, json_pack("{ss sb ss}", "step", step, "ok", ok,
							      "found", text));
	else
		printf("%-6s  %-10s  %s\n", ok ? "ok" : "cannot", step, text);
}

static void probe_ids(struct probe *probe)
{
	uint32_t class = 0;
	struct facet_error err;
	int r = facet_vfio_config_read(probe->vfio, PCI_VENDOR_ID, 4, &probe->id, &err);

	if (r == 0)
		r = facet_vfio_config_read(probe->vfio, PCI_CLASS_REVISION, 4, &class, &err);
	if (r < 0)
		say(probe, "config", false, "%s", err.text);
	else if (probe->id == UINT32_MAX)
		say(probe, "config", false, "reads as all ones: the device does not answer");
	else
		say(probe, "config", true, "%04x:%04x, class %04x", probe->id & 0xffff,
		    probe->id >> 16, class >> 16);
}

/* In words: how the first page of a BAR is reached by memory. */
static const char *map_page(struct probe *probe, unsigned int bar,
			    const struct facet_vfio_region *region)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at;

	if (!region->area_count || region->areas[0].size < page)
		return "cannot be mapped";
	if (facet_vfio_region_map(probe->vfio, bar, region->areas[0].offset, page, &at, NULL) < 0)
		return "could not be mapped";
	munmap(at, page);
	return "mapped";
}

static void probe_bar(struct probe *probe, unsigned int bar)
{
	struct facet_vfio_region region;
	struct facet_error err;
	char step[8], size[16];
	uint32_t value;
	int r = facet_vfio_region_info(probe->vfio, bar, &region, &err);

	if (r == 0 && !region.size)
		return;
	snprintf(step, sizeof(step), "bar%u", bar);
	if (r == 0 && region.readable && region.size >= sizeof(value))
		r = facet_vfio_read(probe->vfio, bar, 0, &value, sizeof(value), &err);
	if (r < 0) {
		say(probe, step, false, "%s", err.text);
		return;
	}
	cli_format_bytes(size, sizeof(size), region.size);
	if (region.readable && region.size >= sizeof(value))
		say(probe, step, true, "%s, begins with %08x, %s", size, value,
		    map_page(probe, bar, &region));
	else
		say(probe, step, true, "%s, not to be read", size);
}

static void probe_irqs(struct probe *probe)
{
	static const char *const names[] = { "INTx", "MSI", "MSI-X" };
	char text[80] = "";
	struct facet_vfio_irq irq;
	struct facet_error err;

	for (unsigned int i = VFIO_PCI_INTX_IRQ_INDEX; i <= VFIO_PCI_MSIX_IRQ_INDEX; i++) {
		if (facet_vfio_irq_info(probe->vfio, i, &irq, &err) < 0) {
			say(probe, "interrupts", false, "%s", err.text);
			return;
		}
		if (irq.count)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u %s",
				 *text ? ", " : "", irq.count, names[i]);
	}
	say(probe, "interrupts", true, "%s", *text ? text : "none");
}

/* A page that the device may reach: whether IOMMU and RLIMIT_MEMLOCK allow it. */
static void probe_dma(struct probe *probe)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct facet_vfio_dma dma = { .iova = DMA_IOVA,
					    .size = page,
					    .address = memory,
					    .fd = -1,
					    .readable = true,
					    .writable = true };
	struct facet_error err;
	int r;

	if (memory == MAP_FAILED)
		return;
	r = facet_vfio_dma_map(probe->vfio, &dma, &err);
	if (r == 0)
		r = facet_vfio_dma_unmap(probe->vfio, DMA_IOVA, page, &err);
	say(probe, "dma", r == 0, "%s", r == 0 ? "a page was mapped and unmapped" : err.text);
	munmap(memory, page);
}

static void probe_reset(struct probe *probe, const struct facet_vfio_info *info)
{
	struct facet_error err;
	uint32_t id = 0;
	int r;

	if (!info->resettable) {
		say(probe, "reset", true, "it has none: what one guest leaves the next one finds");
		return;
	}
	r = facet_vfio_reset(probe->vfio, &err);
	if (r == 0)
		r = facet_vfio_config_read(probe->vfio, PCI_VENDOR_ID, 4, &id, &err);
	if (r < 0)
		say(probe, "reset", false, "%s", err.text);
	else if (id != probe->id)
		say(probe, "reset", false, "it did not come back: %04x:%04x", id & 0xffff,
		    id >> 16);
	else
		say(probe, "reset", true, "it is as after power-on");
}

static void probe_all(struct probe *probe)
{
	struct facet_vfio_info info;
	struct facet_error err;

	facet_vfio_info(probe->vfio, &info);
	say(probe, "open", true, "by %s%s", facet_vfio_backend(probe->vfio),
	    info.noiommu ? ", without an IOMMU" : "");
	probe_ids(probe);
	if (facet_vfio_enable(probe->vfio, false, &err) < 0)
		say(probe, "enable", false, "%s", err.text);
	for (unsigned int bar = 0; bar < BARS; bar++)
		probe_bar(probe, bar);
	probe_irqs(probe);
	if (!info.noiommu)
		probe_dma(probe);
	probe_reset(probe, &info);
}

/* A function by its address, or by its PF; a vfio-user socket by its path. */
static int find(const struct cli *cli, const char *root, char ret[FACET_HOST_BDF])
{
	struct facet_tree *tree;
	struct facet_error err;
	int r;

	if (facet_tree_open(root, &tree, &err) < 0)
		return cli_wrong(cli, "%s", err.text);
	r = facet_bind_find(tree, cli_value(cli, "probe"), ret, &err);
	facet_tree_close(tree);
	return r < 0 ? cli_wrong(cli, "%s", err.text) : 0;
}

int cli_run_probe(const struct cli *cli)
{
	const char *device = cli_value(cli, "probe"), *root = cli_value(cli, "root");
	facet_autoclose int root_fd = open(root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct facet_vfio_config cfg = { .device = device, .root_fd = root_fd };
	struct probe probe = { .cli = cli };
	char bdf[FACET_HOST_BDF];
	struct facet_error err;

	if (device[0] != '/' && device[0] != '.') {
		if (find(cli, root ? root : "/", bdf))
			return CLI_WRONG;
		cfg.device = bdf;
	}
	if (facet_vfio_open(&cfg, &probe.vfio, &err) < 0)
		return cli_error(cli, "%s", err.text);
	probe.steps = cli->json ? json_array() : NULL;
	probe_all(&probe);
	facet_vfio_close(probe.vfio);
	if (cli->json)
		cli_print_json(json_pack("{ss sb so}", "device", cfg.device, "ok", !probe.failed,
					 "steps", probe.steps));
	return cli_flush() || probe.failed ? CLI_FAILED : 0;
}
