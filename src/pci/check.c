// SPDX-License-Identifier: GPL-2.0-or-later
/* check.c - does a function's description make sense? */
#include <errno.h>

#include "base/checked.h"
#include "pci/internal.h"

enum {
	PAGE = 4096,
	SMALLEST_MEMORY = 16,
	SMALLEST_IO = 4,
	LARGEST_IO = 256,
	LARGEST_ROM = 16 << 20,
	MOST_MSI = 32,
	MSIX_ENTRY = 16,
};

static bool is_power(uint64_t n)
{
	return n && !(n & (n - 1));
}

uint32_t pci_pba_size(const struct facet_pci_info *info)
{
	return (info->msix_vectors + 63u) / 64 * 8;
}

static int check_areas(const struct facet_pci_bar *bar, unsigned int n, struct facet_error *err)
{
	const struct facet_pci_area *a;

	if (bar->area_count > FACET_PCI_MAX_AREAS || bar->fd_offset % PAGE)
		return facet_error_set(err, -EINVAL, "BAR %u: at most %d areas, in whole pages", n,
				       FACET_PCI_MAX_AREAS);
	for (unsigned int i = 0; i < bar->area_count; i++) {
		a = &bar->areas[i];
		if (bar->io || !a->size || a->offset % PAGE || a->size % PAGE ||
		    !facet_inside(a->offset, a->size, bar->size))
			return facet_error_set(err, -EINVAL,
					       "BAR %u: area %u is not whole pages of memory in it",
					       n, i);
	}
	return 0;
}

static int check_bar(const struct facet_pci_info *info, unsigned int n, struct facet_error *err)
{
	const struct facet_pci_bar *bar = &info->bars[n];
	const uint64_t least = bar->io ? SMALLEST_IO : SMALLEST_MEMORY;

	if (!bar->size)
		return 0;
	if (!is_power(bar->size) || bar->size < least || (bar->io && bar->size > LARGEST_IO))
		return facet_error_set(err, -EINVAL, "BAR %u: a size of %llu bytes is not possible",
				       n, (unsigned long long)bar->size);
	if (bar->io && (bar->wide || bar->prefetchable))
		return facet_error_set(err, -EINVAL, "BAR %u: that is for memory only", n);
	if (bar->wide && (n == FACET_PCI_BARS - 1 || info->bars[n + 1].size))
		return facet_error_set(err, -EINVAL, "BAR %u: 64 bits need the next one as well",
				       n);
	if (!bar->wide && bar->size > 1u << 31)
		return facet_error_set(err, -EINVAL, "BAR %u: 32 bits address up to 2 GiB", n);
	return check_areas(bar, n, err);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_msix(const struct facet_pci_info *info, struct facet_error *err)
{
	const uint32_t table = info->msix_vectors * (uint32_t)MSIX_ENTRY, pba = pci_pba_size(info);
	const struct facet_pci_bar *bar;

	if (!info->msix_vectors)
		return 0;
	if (info->msix_vectors > FACET_PCI_MAX_VECTORS || info->msix_bar >= FACET_PCI_BARS)
		return facet_error_set(err, -EINVAL, "MSI-X: %u vectors in BAR %u; up to %d in 0-5",
				       info->msix_vectors, info->msix_bar, FACET_PCI_MAX_VECTORS);
	bar = &info->bars[info->msix_bar];
	if (bar->io || info->msix_table % 8 || info->msix_pba % 8 ||
	    !facet_inside(info->msix_table, table, bar->size) ||
	    !facet_inside(info->msix_pba, pba, bar->size) ||
	    overlap(info->msix_table, table, info->msix_pba, pba))
		return facet_error_set(err, -EINVAL, "MSI-X: its tables do not fit into BAR %u",
				       info->msix_bar);
	for (unsigned int i = 0; i < bar->area_count; i++)
		if (overlap(bar->areas[i].offset, bar->areas[i].size, info->msix_table, table) ||
		    overlap(bar->areas[i].offset, bar->areas[i].size, info->msix_pba, pba))
			return facet_error_set(err, -EINVAL,
					       "MSI-X: its tables cannot be in an area that "
					       "the client maps");
	return 0;
}

static int check_rest(const struct facet_pci_info *info, struct facet_error *err)
{
	const struct facet_pci_doorbell *d;

	if (info->msi_vectors && (!is_power(info->msi_vectors) || info->msi_vectors > MOST_MSI))
		return facet_error_set(err, -EINVAL, "MSI: %u vectors; 1, 2, 4 .. 32 are possible",
				       info->msi_vectors);
	if (info->rom_size > LARGEST_ROM || (info->rom && !info->rom_size))
		return facet_error_set(err, -EINVAL, "option ROM: %zu bytes; up to 16 MiB fit",
				       info->rom_size);
	for (unsigned int i = 0; i < info->doorbell_count; i++) {
		d = &info->doorbells[i];
		if (d->bar >= FACET_PCI_BARS || !(d->size ? is_power(d->size) : true) ||
		    d->size > 8 ||
		    !facet_inside(d->offset, d->size ? d->size : 1, info->bars[d->bar].size))
			return facet_error_set(err, -EINVAL, "doorbell %u is in no BAR", i);
	}
	return 0;
}

int pci_check(const struct facet_pci_info *info, struct facet_error *err)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < FACET_PCI_BARS; i++)
		r = check_bar(info, i, err);
	if (!r)
		r = check_msix(info, err);
	return r ? r : check_rest(info, err);
}
