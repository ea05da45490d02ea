// SPDX-License-Identifier: GPL-2.0-or-later
/* space.c - accesses to a function: its configuration space, its BARs, its ROM. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "pci/internal.h"

enum { MSIX_ENTRY = 16 };

static void reset_msix(struct facet_pci *pci)
{
	memset(pci->msix_table, 0, sizeof(pci->msix_table));
	for (unsigned int i = 0; i < pci->info.msix_vectors; i++)
		pci->msix_table[i * MSIX_ENTRY + PCI_MSIX_ENTRY_VECTOR_CTRL] =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

int facet_pci_init(struct facet_pci *pci, const struct facet_pci_ops *ops,
		   struct facet_pci_host *host, const struct facet_pci_info *info,
		   struct facet_error *err)
{
	int r = pci_check(info, err);

	if (r < 0)
		return r;
	pci->ops = ops;
	pci->host = host;
	pci->info = *info;
	pci->intx_level = false;
	reset_msix(pci);
	return pci_layout(pci, err);
}

void facet_pci_destroy(struct facet_pci *pci)
{
	if (pci && pci->ops->destroy)
		pci->ops->destroy(pci);
	else
		free(pci);
}

size_t facet_pci_config_size(const struct facet_pci *pci)
{
	return pci->info.express ? PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE;
}

size_t facet_pci_rom_size(const struct facet_pci *pci)
{
	size_t size = 2048; /* the smallest that its BAR can say */

	if (!pci->info.rom)
		return 0;
	while (size < pci->info.rom_size)
		size *= 2;
	return size;
}

static uint16_t command(const struct facet_pci *pci)
{
	return (uint16_t)pci_get(&pci->config, PCI_COMMAND, 2);
}

bool facet_pci_bus_master(const struct facet_pci *pci)
{
	return command(pci) & PCI_COMMAND_MASTER;
}

bool facet_pci_msix_enabled(const struct facet_pci *pci)
{
	const struct facet_pci_config *c = &pci->config;

	return c->msix && pci_get(c, c->msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE;
}

bool facet_pci_msi_enabled(const struct facet_pci *pci)
{
	const struct facet_pci_config *c = &pci->config;

	return c->msi && pci_get(c, c->msi + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE;
}

/* Tell the host what the pin does now that something which matters to it may have changed. */
static void update_intx(struct facet_pci *pci)
{
	uint8_t *status = &pci->config.value[PCI_STATUS];

	*status = (uint8_t)((*status & ~PCI_STATUS_INTERRUPT) |
			    (pci->intx_level ? PCI_STATUS_INTERRUPT : 0));
	if (pci->info.intx)
		pci->host->ops->set_intx(
			pci->host, pci->intx_level && !(command(pci) & PCI_COMMAND_INTX_DISABLE) &&
					   !facet_pci_msi_enabled(pci) &&
					   !facet_pci_msix_enabled(pci));
}

void facet_pci_set_intx(struct facet_pci *pci, bool level)
{
	if (level == pci->intx_level)
		return;
	pci->intx_level = level;
	update_intx(pci);
}

void facet_pci_reset(struct facet_pci *pci)
{
	memcpy(pci->config.value, pci->config.initial, sizeof(pci->config.value));
	reset_msix(pci);
	pci->intx_level = false;
	update_intx(pci);
	pci->ops->reset(pci);
}

static bool touches(uint64_t offset, size_t size, unsigned int reg, unsigned int reg_size)
{
	return reg && offset < reg + reg_size && reg < offset + size;
}

int facet_pci_config_read(struct facet_pci *pci, uint64_t offset, void *buf, size_t size)
{
	if (!facet_inside(offset, size, facet_pci_config_size(pci)))
		return -EINVAL;
	if (pci->ops->config_read)
		pci->ops->config_read(pci, (unsigned int)offset, (unsigned int)size);
	memcpy(buf, pci->config.value + offset, size);
	return 0;
}

int facet_pci_config_write(struct facet_pci *pci, uint64_t offset, const void *buf, size_t size)
{
	struct facet_pci_config *c = &pci->config;
	const uint8_t *in = buf;
	unsigned int flr;

	if (!facet_inside(offset, size, facet_pci_config_size(pci)))
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		uint8_t *value = &c->value[offset + i];

		*value &= (uint8_t) ~(c->clearable[offset + i] & in[i]);
		*value = (uint8_t)((*value & ~c->writable[offset + i]) |
				   (in[i] & c->writable[offset + i]));
	}

	/* What has an effect beyond its bit. */
	flr = c->express ? c->express + PCI_EXP_DEVCTL + 1u : 0;
	if (touches(offset, size, flr, 1) && in[flr - offset] & PCI_EXP_DEVCTL_BCR_FLR >> 8) {
		facet_pci_reset(pci);
		return 0;
	}
	if (touches(offset, size, PCI_COMMAND, 2) ||
	    touches(offset, size, c->msi ? c->msi + PCI_MSI_FLAGS : 0, 2) ||
	    touches(offset, size, c->msix ? c->msix + PCI_MSIX_FLAGS : 0, 2))
		update_intx(pci);
	if (pci->ops->config_written)
		pci->ops->config_written(pci, (unsigned int)offset, (unsigned int)size);
	return 0;
}

/* Who answers for the bytes at @offset of @bar, and how many of them? */
enum keeper { FUNCTION, MSIX_TABLE, MSIX_PBA };

static enum keeper keeper_of(const struct facet_pci *pci, unsigned int bar, uint64_t offset,
			     size_t size, size_t *ret_size)
{
	const struct facet_pci_info *info = &pci->info;
	const struct {
		uint64_t start, size;
	} kept[] = {
		[MSIX_TABLE] = { info->msix_table, info->msix_vectors * (uint64_t)MSIX_ENTRY },
		[MSIX_PBA] = { info->msix_pba, pci_pba_size(info) },
	};

	*ret_size = size;
	if (!info->msix_vectors || bar != info->msix_bar)
		return FUNCTION;
	for (enum keeper k = MSIX_TABLE; k <= MSIX_PBA; k++) {
		if (offset >= kept[k].start && offset - kept[k].start < kept[k].size) {
			uint64_t left = kept[k].size - (offset - kept[k].start);

			*ret_size = left < size ? left : size;
			return k;
		}
		if (offset < kept[k].start && kept[k].start - offset < *ret_size)
			*ret_size = kept[k].start - offset;
	}
	return FUNCTION;
}

static void read_pba(struct facet_pci *pci, uint64_t offset, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		out[i] = 0;
		for (unsigned int bit = 0; bit < 8; bit++) {
			uint64_t vector = (offset + i) * 8 + bit;

			if (vector < pci->info.msix_vectors &&
			    pci->host->ops->pending(pci->host, (unsigned int)vector))
				out[i] |= (uint8_t)(1u << bit);
		}
	}
}

static int check_access(const struct facet_pci *pci, unsigned int bar, uint64_t offset, size_t size)
{
	if (bar >= FACET_PCI_BARS || !size || size > FACET_PCI_MAX_ACCESS ||
	    !facet_inside(offset, size, pci->info.bars[bar].size))
		return -EINVAL;
	return 0;
}

int facet_pci_bar_read(struct facet_pci *pci, unsigned int bar, uint64_t offset, void *buf,
		       size_t size)
{
	int r = check_access(pci, bar, offset, size);
	uint8_t *out = buf;

	for (size_t n = 0; !r && size; offset += n, out += n, size -= n) {
		switch (keeper_of(pci, bar, offset, size, &n)) {
		case FUNCTION:
			pci->ops->bar_read(pci, bar, offset, out, n);
			break;
		case MSIX_TABLE:
			memcpy(out, pci->msix_table + (offset - pci->info.msix_table), n);
			break;
		case MSIX_PBA:
			read_pba(pci, offset - pci->info.msix_pba, out, n);
			break;
		}
	}
	return r;
}

int facet_pci_bar_write(struct facet_pci *pci, unsigned int bar, uint64_t offset, const void *buf,
			size_t size)
{
	int r = check_access(pci, bar, offset, size);
	const uint8_t *in = buf;

	for (size_t n = 0; !r && size; offset += n, in += n, size -= n) {
		switch (keeper_of(pci, bar, offset, size, &n)) {
		case FUNCTION:
			pci->ops->bar_write(pci, bar, offset, in, n);
			break;
		case MSIX_TABLE:
			memcpy(pci->msix_table + (offset - pci->info.msix_table), in, n);
			break;
		case MSIX_PBA: /* read only */
			break;
		}
	}
	return r;
}

int facet_pci_rom_read(struct facet_pci *pci, uint64_t offset, void *buf, size_t size)
{
	size_t have;

	if (!facet_inside(offset, size, facet_pci_rom_size(pci)))
		return -EINVAL;
	memset(buf, 0xff, size); /* beyond what there is */
	have = offset < pci->info.rom_size ? pci->info.rom_size - (size_t)offset : 0;
	if (have)
		memcpy(buf, (const uint8_t *)pci->info.rom + offset, have < size ? have : size);
	return 0;
}
