// SPDX-License-Identifier: GPL-2.0-or-later
/* layout.c - builds configuration space (PCI 3.0 chapter 6, PCI Express 5.0 chapter 7). */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/checked.h"
#include "pci/internal.h"

/* One register: what it says, which bits may be written, which are cleared by writing 1. */
struct reg {
	uint16_t offset;
	uint8_t size;
	uint32_t value, writable, clearable;
};

void pci_put(struct facet_pci_config *config, unsigned int offset, uint32_t value,
	     unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		config->value[offset + i] = config->initial[offset + i] =
			(uint8_t)(value >> (8 * i));
}

uint32_t pci_get(const struct facet_pci_config *config, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint32_t)config->value[offset + i] << (8 * i);
	return value;
}

static void put_regs(struct facet_pci_config *config, unsigned int base, const struct reg *regs,
		     size_t count)
{
	for (const struct reg *r = regs; r < regs + count; r++) {
		pci_put(config, base + r->offset, r->value, r->size);
		for (unsigned int i = 0; i < r->size; i++) {
			config->writable[base + r->offset + i] = (uint8_t)(r->writable >> (8 * i));
			config->clearable[base + r->offset + i] =
				(uint8_t)(r->clearable >> (8 * i));
		}
	}
}

static void put_header(struct facet_pci *pci)
{
	const struct facet_pci_info *info = &pci->info;
	const uint16_t command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
				 PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE;
	const uint16_t errors = PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
				PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT |
				PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY;
	const struct reg regs[] = {
		{ PCI_VENDOR_ID, 2, info->vendor, 0, 0 },
		{ PCI_DEVICE_ID, 2, info->device, 0, 0 },
		{ PCI_COMMAND, 2, 0, command, 0 },
		{ PCI_STATUS, 2, 0, 0, errors },
		{ PCI_CLASS_REVISION, 4, info->class_code << 8 | info->revision, 0, 0 },
		{ PCI_CACHE_LINE_SIZE, 1, 0, 0xff, 0 },
		{ PCI_SUBSYSTEM_VENDOR_ID, 2, info->subsystem_vendor, 0, 0 },
		{ PCI_SUBSYSTEM_ID, 2, info->subsystem, 0, 0 },
		{ PCI_INTERRUPT_LINE, 1, 0, 0xff, 0 },
		{ PCI_INTERRUPT_PIN, 1, info->intx, 0, 0 },
	};

	put_regs(&pci->config, 0, regs, FACET_ARRAY_SIZE(regs));
}

/* Sizing is a matter of which bits stay 0. */
static void put_bars(struct facet_pci *pci)
{
	for (unsigned int i = 0; i < FACET_PCI_BARS; i++) {
		const struct facet_pci_bar *bar = &pci->info.bars[i];
		const uint64_t mask = ~(bar->size - 1);
		const uint32_t type =
			bar->io ? PCI_BASE_ADDRESS_SPACE_IO
				: (bar->wide ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
					  (bar->prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
		const struct reg regs[] = {
			{ 0, 4, type, (uint32_t)mask & (bar->io ? ~0x3u : ~0xfu), 0 },
			{ 4, 4, 0, (uint32_t)(mask >> 32), 0 },
		};

		if (bar->size)
			put_regs(&pci->config, PCI_BASE_ADDRESS_0 + 4 * i, regs, bar->wide ? 2 : 1);
	}
	if (facet_pci_rom_size(pci)) {
		const struct reg rom = { PCI_ROM_ADDRESS, 4, 0,
					 ~((uint32_t)facet_pci_rom_size(pci) - 1) |
						 PCI_ROM_ADDRESS_ENABLE,
					 0 };

		put_regs(&pci->config, 0, &rom, 1);
	}
}

/* Room for @size bytes in the list; the offset, or -ENOSPC. */
static int chain_capability(struct facet_pci_config *config, uint8_t id, unsigned int size)
{
	const unsigned int at = config->next;

	if (size > PCI_CFG_SPACE_SIZE - at)
		return -ENOSPC;
	pci_put(config, config->last ? config->last + 1u : PCI_CAPABILITY_LIST, at, 1);
	pci_put(config, at, id, 1);
	pci_put(config, PCI_STATUS, pci_get(config, PCI_STATUS, 2) | PCI_STATUS_CAP_LIST, 2);
	config->last = (uint16_t)at;
	config->next = (uint16_t)((at + size + 3) & ~3u);
	return (int)at;
}

static int put_capability(struct facet_pci *pci, uint8_t id, unsigned int size,
			  const struct reg *regs, size_t count, uint16_t *ret_at)
{
	int at = chain_capability(&pci->config, id, size);

	if (at < 0)
		return at;
	put_regs(&pci->config, (unsigned int)at, regs, count);
	*ret_at = (uint16_t)at;
	return 0;
}

/* An endpoint with a link of one lane at 2.5 GT/s: there is none, but drivers read it. */
static int put_express(struct facet_pci *pci)
{
	const struct reg regs[] = {
		{ PCI_EXP_FLAGS, 2, 2, 0, 0 },
		{ PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR, 0, 0 },
		{ PCI_EXP_DEVCTL, 2,
		  PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ_512B,
		  0xffff & ~PCI_EXP_DEVCTL_BCR_FLR, 0 },
		{ PCI_EXP_DEVSTA, 2, 0, 0,
		  PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED | PCI_EXP_DEVSTA_FED |
			  PCI_EXP_DEVSTA_URD },
		{ PCI_EXP_LNKCAP, 4, PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4, 0, 0 },
		{ PCI_EXP_LNKCTL, 2, 0, PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES,
		  0 },
		{ PCI_EXP_LNKSTA, 2, PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1, 0, 0 },
		{ PCI_EXP_LNKCAP2, 4, PCI_EXP_LNKCAP2_SLS_2_5GB, 0, 0 },
		{ PCI_EXP_LNKCTL2, 2, PCI_EXP_LNKCTL2_TLS_2_5GT, PCI_EXP_LNKCTL2_TLS, 0 },
	};

	return put_capability(pci, PCI_CAP_ID_EXP, PCI_CAP_EXP_ENDPOINT_SIZEOF_V2, regs,
			      FACET_ARRAY_SIZE(regs), &pci->config.express);
}

/* D0 and D3hot; coming back from that loses nothing. */
static int put_power(struct facet_pci *pci)
{
	const struct reg regs[] = {
		{ PCI_PM_PMC, 2, 3, 0, 0 },
		{ PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET, PCI_PM_CTRL_STATE_MASK, 0 },
	};

	return put_capability(pci, PCI_CAP_ID_PM, PCI_PM_SIZEOF, regs, FACET_ARRAY_SIZE(regs),
			      &pci->config.pm);
}

static int put_msi(struct facet_pci *pci)
{
	const uint32_t capable = (uint32_t)__builtin_ctz(pci->info.msi_vectors) << 1;
	const struct reg regs[] = {
		{ PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT | capable,
		  PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE, 0 },
		{ PCI_MSI_ADDRESS_LO, 4, 0, ~3u, 0 },
		{ PCI_MSI_ADDRESS_HI, 4, 0, ~0u, 0 },
		{ PCI_MSI_DATA_64, 2, 0, 0xffff, 0 },
	};

	return put_capability(pci, PCI_CAP_ID_MSI, PCI_MSI_DATA_64 + 2, regs,
			      FACET_ARRAY_SIZE(regs), &pci->config.msi);
}

static int put_msix(struct facet_pci *pci)
{
	const struct facet_pci_info *info = &pci->info;
	const struct reg regs[] = {
		{ PCI_MSIX_FLAGS, 2, info->msix_vectors - 1u,
		  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 0 },
		{ PCI_MSIX_TABLE, 4, info->msix_table | info->msix_bar, 0, 0 },
		{ PCI_MSIX_PBA, 4, info->msix_pba | info->msix_bar, 0, 0 },
	};

	return put_capability(pci, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF, regs,
			      FACET_ARRAY_SIZE(regs), &pci->config.msix);
}

int pci_layout(struct facet_pci *pci, struct facet_error *err)
{
	int r;

	memset(&pci->config, 0, sizeof(pci->config));
	pci->config.next = PCI_STD_HEADER_SIZEOF;
	pci->config.next_extended = PCI_CFG_SPACE_SIZE;
	put_header(pci);
	put_bars(pci);
	r = put_power(pci);
	if (!r && pci->info.express)
		r = put_express(pci);
	if (!r && pci->info.msi_vectors)
		r = put_msi(pci);
	if (!r && pci->info.msix_vectors)
		r = put_msix(pci);
	if (r < 0)
		return facet_error_set(err, r, "%s: its capabilities do not fit", pci->ops->name);
	return 0;
}

static void put_body(struct facet_pci_config *config, unsigned int at, const void *body,
		     const void *writable, unsigned int size)
{
	memcpy(config->value + at, body, size);
	memcpy(config->initial + at, body, size);
	if (writable)
		memcpy(config->writable + at, writable, size);
}

int facet_pci_add_capability(struct facet_pci *pci, uint8_t id, const void *body,
			     const void *writable, unsigned int size)
{
	int at = size > PCI_CFG_SPACE_SIZE ? -ENOSPC : chain_capability(&pci->config, id, size + 2);

	if (at >= 0)
		put_body(&pci->config, (unsigned int)at + 2, body, writable, size);
	return at;
}

int facet_pci_add_extended(struct facet_pci *pci, uint16_t id, uint8_t version, const void *body,
			   const void *writable, unsigned int size)
{
	struct facet_pci_config *config = &pci->config;
	const unsigned int at = config->next_extended;

	if (!pci->info.express)
		return -EINVAL;
	if (size > PCI_CFG_SPACE_EXP_SIZE || size + 4 > PCI_CFG_SPACE_EXP_SIZE - at)
		return -ENOSPC;
	if (config->last_extended)
		pci_put(config, config->last_extended,
			(pci_get(config, config->last_extended, 4) & 0xfffff) | at << 20, 4);
	pci_put(config, at, id | (version & 0xfu) << 16, 4);
	put_body(config, at + 4, body, writable, size);
	config->last_extended = (uint16_t)at;
	config->next_extended = (uint16_t)((at + 4 + size + 3) & ~3u);
	return (int)at;
}
