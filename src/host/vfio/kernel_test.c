// SPDX-License-Identifier: GPL-2.0-or-later
/* kernel_test.c - both ways to a device through the kernel, on a made-up tree. */
#include <dirent.h>
#include <errno.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "host/vfio.h"
#include "host/vfio/caps.h"
#include "host/vfio/fake_kernel.h"

static struct facet_error err;

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int set_up(void **state)
{
	fake_kernel_set_up();
	return 0;
}

static int tear_down(void **state)
{
	fake_kernel_tear_down();
	return 0;
}

static int try_open(const char *device, const char *backend, struct facet_vfio **ret)
{
	struct facet_vfio_config cfg = { .device = device,
					 .backend = backend,
					 .root_fd = fake_kernel.root_fd };

	err.text[0] = '\0';
	return facet_vfio_open(&cfg, ret, &err);
}

/* That it fails so, and names this; and keeps nothing open. */
static void refused(const char *device, const char *backend, int code, const char *word)
{
	struct facet_vfio *vfio = NULL;
	unsigned int fds = open_fds();

	assert_int_equal(try_open(device, backend, &vfio), code);
	assert_null(vfio);
	if (!strstr(err.text, word))
		fail_msg("'%s' does not say '%s'", err.text, word);
	assert_int_equal(open_fds(), fds);
}

/* --- one device, each way --- */

static void check_regions(struct facet_vfio *vfio)
{
	struct facet_vfio_region region;
	uint32_t value = 0x12345678, back = 0;
	volatile uint32_t *memory;
	void *p;

	assert_int_equal(facet_vfio_region_info(vfio, 0, &region, &err), 0);
	assert_int_equal(region.size, FAKE_BAR_SIZE);
	assert_int_equal(region.area_count, 2);
	assert_int_equal(facet_vfio_write(vfio, 0, 0x1000, &value, 4, &err), 0);
	assert_int_equal(facet_vfio_read(vfio, 0, 0x1000, &back, 4, &err), 0);
	assert_int_equal(back, value);
	assert_int_equal(facet_vfio_region_map(vfio, 0, 0x1000, 0x1000, &p, &err), 0);
	memory = p;
	assert_int_equal(*memory, value);
	munmap(p, 0x1000);
	assert_int_equal(facet_vfio_region_map(vfio, 0, 0x1000, 0x2000, &p, &err), -ENOTSUP);
	assert_int_equal(facet_vfio_region_map(vfio, 0, 0x4000, 0x1000, &p, &err), -ENOTSUP);
	assert_int_equal(facet_vfio_read(vfio, 0, FAKE_BAR_SIZE - 2, &back, 4, &err), -EINVAL);
	assert_int_equal(facet_vfio_read(vfio, 0, UINT64_MAX, &back, 4, &err), -EINVAL);
	assert_int_equal(facet_vfio_read(vfio, 99, 0, &back, 4, &err), -EINVAL);
	assert_int_equal(facet_vfio_read(vfio, 2, 0, &back, 4, &err), -EINVAL);
	assert_int_equal(facet_vfio_write(vfio, VFIO_PCI_ROM_REGION_INDEX, 0, &back, 4, &err),
			 -EACCES);
	assert_int_equal(facet_vfio_region_info(vfio, FAKE_BAD_REGION, &region, &err), -EPROTO);
}

static void check_config(struct facet_vfio *vfio)
{
	uint32_t value;

	assert_int_equal(facet_vfio_config_write(vfio, 0, 4, 0x11e81234, &err), 0);
	assert_int_equal(facet_vfio_config_read(vfio, 2, 2, &value, &err), 0);
	assert_int_equal(value, 0x11e8);
	assert_int_equal(facet_vfio_config_read(vfio, 1, 1, &value, &err), 0);
	assert_int_equal(value, 0x12);
	assert_int_equal(facet_vfio_config_read(vfio, 1, 2, &value, &err), -EINVAL);
	assert_int_equal(facet_vfio_config_read(vfio, 256, 4, &value, &err), -EINVAL);
	assert_int_equal(facet_vfio_enable(vfio, true, &err), 0);
	assert_int_equal(facet_vfio_config_read(vfio, 4, 2, &value, &err), 0);
	assert_int_equal(value, 6);
	assert_int_equal(facet_vfio_enable(vfio, false, &err), 0);
	assert_int_equal(facet_vfio_config_read(vfio, 4, 2, &value, &err), 0);
	assert_int_equal(value, 2);
}

static void check_dma(struct facet_vfio *vfio, unsigned int flags)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));
	struct facet_vfio_dma dma = {
		.iova = 0x100000, .size = sizeof(page), .address = page, .fd = -1, .readable = true
	};

	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), 0);
	assert_int_equal(fake_kernel.iova, 0x100000);
	assert_int_equal(fake_kernel.map_flags, flags);
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), -EEXIST);
	assert_int_equal(facet_vfio_dma_unmap(vfio, 0x200000, 4096, &err), -EINVAL);
	assert_int_equal(facet_vfio_dma_unmap(vfio, 0x100000, 4096, &err), 0);
	assert_int_equal(fake_kernel.size, 0);
	dma.iova = 1;
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), -EINVAL);
	dma.iova = UINT64_MAX - 4094;
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), -EINVAL);
	dma.iova = dma.size = 0;
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), -EINVAL);
}

static void check_interrupts(struct facet_vfio *vfio)
{
	const int fds[] = { 40, -1, 41 };

	assert_int_equal(facet_vfio_irq_set(vfio, VFIO_PCI_MSI_IRQ_INDEX, 1, 3, fds, &err), 0);
	assert_int_equal(fake_kernel.irq_flags,
			 VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(fake_kernel.irq_start, 1);
	assert_int_equal(fake_kernel.irq_count, 3);
	assert_memory_equal(fake_kernel.irq_fds, fds, sizeof(fds));
	assert_int_equal(facet_vfio_irq_set(vfio, VFIO_PCI_MSI_IRQ_INDEX, 2, 3, fds, &err),
			 -EINVAL);
	assert_int_equal(facet_vfio_irq_mask(vfio, VFIO_PCI_MSI_IRQ_INDEX, 0, 1, true, &err),
			 -ENOTSUP);
	assert_int_equal(facet_vfio_irq_mask(vfio, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, true, &err), 0);
	assert_int_equal(fake_kernel.irq_flags, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK);
	assert_int_equal(facet_vfio_irq_disable(vfio, VFIO_PCI_MSI_IRQ_INDEX, &err), 0);
	assert_int_equal(fake_kernel.irq_count, 0);
	assert_int_equal(facet_vfio_irq_disable(vfio, 99, &err), -EINVAL);
}

static void check_device(const char *backend, bool chosen, unsigned int map_flags)
{
	unsigned int fds = open_fds();
	struct facet_vfio_info info;
	struct facet_vfio *vfio;

	assert_int_equal(try_open("03:00.0", chosen ? NULL : backend, &vfio), 0);
	assert_string_equal(facet_vfio_backend(vfio), backend);
	assert_string_equal(facet_vfio_name(vfio), FAKE_ADDRESS);
	facet_vfio_info(vfio, &info);
	assert_true(info.pci && info.resettable && !info.noiommu);
	check_regions(vfio);
	check_config(vfio);
	check_dma(vfio, map_flags);
	check_interrupts(vfio);
	assert_int_equal(facet_vfio_reset(vfio, &err), 0);
	assert_int_equal(fake_kernel.resets, 1);
	assert_int_equal(facet_vfio_fd(vfio), -1);
	assert_int_equal(facet_vfio_dispatch(vfio, &err), 0);
	facet_vfio_close(vfio);
	assert_int_equal(open_fds(), fds);
}

static void a_group_is_opened(void **state)
{
	check_device("group", false, VFIO_DMA_MAP_FLAG_READ);
}

static void a_cdev_is_preferred(void **state)
{
	check_device("cdev", true, 1 << 0 | 1 << 2); /* IOMMU_IOAS_MAP_FIXED_IOVA, _READABLE */
	assert_true(fake_kernel.attached);
}

static void without_iommufd_the_group_is_chosen(void **state)
{
	fake_kernel_remove("dev/iommu");
	check_device("group", true, VFIO_DMA_MAP_FLAG_READ);
	refused(FAKE_ADDRESS, "cdev", -ENOENT, "/dev/iommu");
}

/* --- what is in the way --- */

static void addresses_are_checked(void **state)
{
	static const char *const wrong[] = { "3:0.0",         "0000:03:00.8", "0000:03:20.0",
					     "0000:03:00.0 ", "-000:03:00.0", "..",
					     "03:00.0\n",     "0x00:03:00.0", "a" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused(wrong[i], NULL, -EINVAL, "neither a PCI address");
	refused("", NULL, -EINVAL, "no device");
	refused(FAKE_ADDRESS, "uio", -EINVAL, "'uio'");
	refused("0000:04:00.0", NULL, -ENODEV, "no PCI device 0000:04:00.0");
}

static void drivers_are_named(void **state)
{
	fake_kernel_remove("sys/bus/pci/devices/" FAKE_ADDRESS "/vfio-dev");
	fake_kernel_link("sys/bus/pci/devices/" FAKE_ADDRESS "/driver", "../drivers/nvme");
	refused(FAKE_ADDRESS, "group", -EBUSY, "the driver nvme");
	fake_kernel_remove("sys/bus/pci/devices/" FAKE_ADDRESS "/driver");
	refused(FAKE_ADDRESS, "group", -ENOENT, "no driver");
	/* A driver of VFIO's that is not vfio-pci. */
	fake_kernel_link("sys/bus/pci/devices/" FAKE_ADDRESS "/driver", "../drivers/mlx5_vfio_pci");
	fake_kernel_file("sys/bus/pci/devices/" FAKE_ADDRESS "/vfio-dev/vfio0/dev");
	check_device("group", false, VFIO_DMA_MAP_FLAG_READ);
}

static void add_member(const char *address, const char *driver)
{
	char path[128], target[64];

	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/7/devices/%s", address);
	fake_kernel_file(path);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", address);
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	fake_kernel_link(path, target);
}

static void who_is_in_the_way_is_said(void **state)
{
	fake_kernel.viable = false;
	refused(FAKE_ADDRESS, "group", -EBUSY, "group 7 of " FAKE_ADDRESS " is not free");
	add_member("0000:03:00.1", "snd_hda_intel");
	add_member("0000:03:00.2", "pci-stub");
	add_member("0000:00:01.0", "pcieport");
	refused(FAKE_ADDRESS, "group", -EBUSY, ": 0000:03:00.1 (driver snd_hda_intel); bind");
	fake_kernel.bind_errno = EPERM; /* Linux 6.12 */
	refused(FAKE_ADDRESS, "cdev", -EBUSY, ": 0000:03:00.1 (driver snd_hda_intel); bind");
	/* More than a sentence holds. */
	for (char c = 'a'; c <= 'f'; c++)
		add_member((char[]){ '0', '0', '0', '0', ':', '0', '3', ':', '0', '0', '.', c, 0 },
			   "a_driver_with_quite_a_long_name");
	refused(FAKE_ADDRESS, "group", -EBUSY, "a_driver_with_quite_a_long_name");
}

static void what_is_missing_is_said(void **state)
{
	fake_kernel.device_errno = EACCES;
	refused(FAKE_ADDRESS, "group", -EACCES, "token");
	fake_kernel.set_iommu_errno = EPERM;
	refused(FAKE_ADDRESS, "group", -EPERM, "does not remap interrupts");
	fake_kernel.bind_errno = EPERM;
	refused(FAKE_ADDRESS, "cdev", -EPERM, "does not remap interrupts");
	fake_kernel.bind_errno = EINVAL; /* Linux 6.12 */
	refused(FAKE_ADDRESS, "cdev", -EBUSY, "another process");
	fake_kernel.bind_errno = ENOTTY;
	refused(FAKE_ADDRESS, "cdev", -ENOTTY, "cannot be taken");
	fake_kernel.extension = VFIO_TYPE1_IOMMU;
	refused(FAKE_ADDRESS, "group", -ENOENT, "vfio_iommu_type1");
	fake_kernel_remove("dev/vfio/7");
	refused(FAKE_ADDRESS, "group", -ENOENT, "/dev/vfio/7 is not there");
	fake_kernel_remove("dev/vfio/devices");
	refused(FAKE_ADDRESS, "cdev", -ENOENT, "use its group");
	fake_kernel_remove("sys/bus/pci/devices/" FAKE_ADDRESS "/iommu_group");
	refused(FAKE_ADDRESS, "group", -ENOENT, "no IOMMU group");
	/* vfio-pci's probe fails then. */
	fake_kernel_remove("sys/bus/pci/devices/" FAKE_ADDRESS "/driver");
	fake_kernel_remove("sys/bus/pci/devices/" FAKE_ADDRESS "/vfio-dev");
	refused(FAKE_ADDRESS, "group", -ENOENT, "has no driver and no IOMMU group");
}

static void no_iommu_has_to_be_asked_for(void **state)
{
	struct facet_vfio_config cfg = { .device = FAKE_ADDRESS,
					 .backend = "group",
					 .root_fd = fake_kernel.root_fd,
					 .noiommu = true };
	struct facet_vfio_dma dma = { .size = 4096, .address = &cfg, .readable = true };
	struct facet_vfio_info info;
	struct facet_vfio *vfio;

	fake_kernel_remove("dev/vfio/7");
	fake_kernel_file("dev/vfio/noiommu-7");
	fake_kernel.extension = VFIO_NOIOMMU_IOMMU;
	refused(FAKE_ADDRESS, "group", -EPERM, "has to be asked for");
	assert_int_equal(facet_vfio_open(&cfg, &vfio, &err), 0);
	facet_vfio_info(vfio, &info);
	assert_true(info.noiommu);
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), -ENOTSUP);
	facet_vfio_close(vfio);
}

/* --- what is said of a region --- */

struct said {
	struct vfio_region_info info;
	struct fake_sparse first, second;
	struct vfio_region_sparse_mmap_area areas[40];
};

static struct said good(void)
{
	return (struct said){
		.info = { .argsz = sizeof(struct said),
			  .flags = VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS,
			  .cap_offset = offsetof(struct said, first),
			  .size = 0x10000 },
		.first = { { 77, 1, offsetof(struct said, second) }, 0, 0 },
		.second = { { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 }, 1, 0 },
		.areas = { { 0x1000, 0x2000 } },
	};
}

static void capabilities_are_checked(void **state)
{
	struct facet_vfio_slot slot = { .fd = -1 };
	struct said said = good();

	assert_int_equal(facet_vfio_caps_region(&said, sizeof(said), &slot), 0);
	assert_int_equal(slot.region.area_count, 1);
	assert_int_equal(slot.region.areas[0].offset, 0x1000);
	said.second.nr_areas = 40; /* more than are kept, most of them of no size */
	for (int i = 0; i < 40; i++)
		said.areas[i].size = 0x1000;
	assert_int_equal(facet_vfio_caps_region(&said, sizeof(said), &slot), 0);
	assert_int_equal(slot.region.area_count, FACET_VFIO_MAX_AREAS);
	said.second.nr_areas = 41;
	assert_int_equal(facet_vfio_caps_region(&said, sizeof(said), &slot), -EPROTO);
	said = good();
	said.areas[0].size = UINT64_MAX;
	assert_int_equal(facet_vfio_caps_region(&said, sizeof(said), &slot), -EPROTO);
	said = good();
	said.second.header.next = offsetof(struct said, first);
	assert_int_equal(facet_vfio_caps_region(&said, sizeof(said), &slot), -EPROTO);
	said = good();
	said.first.header.next = sizeof(said) - 4;
	assert_int_equal(facet_vfio_caps_region(&said, sizeof(said), &slot), -EPROTO);
	said = good();
	assert_int_equal(facet_vfio_caps_region(&said, offsetof(struct said, areas) - 1, &slot),
			 -EPROTO);
	assert_int_equal(facet_vfio_caps_region(&said, sizeof(said.info) - 1, &slot), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_group_is_opened, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cdev_is_preferred, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_iommufd_the_group_is_chosen, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(addresses_are_checked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(drivers_are_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_in_the_way_is_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_missing_is_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_iommu_has_to_be_asked_for, set_up, tear_down),
		cmocka_unit_test(capabilities_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
