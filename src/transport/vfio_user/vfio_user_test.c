// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio_user_test.c - what a client asks about the device, its accesses and its interrupts. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transport/vfio_user/testbed.h"

/* --- version --- */

static void version_as_qemu(void **state)
{
	struct bed bed;
	const char *json;

	bed_begin(&bed, bed_qemu);
	json = (const char *)bed.client.payload + sizeof(struct vfio_user_version);
	assert_true(bed.client.size <= sizeof(bed_qemu) + sizeof(struct vfio_user_version));
	assert_int_equal(bed.client.payload[bed.client.size - 1], 0);
	assert_non_null(strstr(json, "\"max_dma_maps\":232"));
	assert_non_null(strstr(json, "\"write_multiple\":true"));
	assert_null(strstr(json, "migration"));
	assert_null(strstr(json, "twin_socket"));
	bed_end(&bed);

	bed_begin(&bed, NULL); /* a client that says nothing is told nothing */
	assert_int_equal(vfu_client_version(&bed.client, NULL), 0);
	assert_int_equal(bed.client.size, sizeof(struct vfio_user_version));
	assert_int_equal(vfu_client_version(&bed.client, NULL), EINVAL); /* once is enough */
	bed_end(&bed);
}

static void version_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"[]",
		"{\"capabilities\": 3}",
		"{\"capabilities\": {\"max_msg_fds\": \"many\"}}",
		"{\"capabilities\": {\"max_data_xfer_size\": 0}}",
		"{\"capabilities\": {\"twin_socket\": true}}",
		"{\"capabilities\": ",
	};
	const struct vfio_user_version newer = { 1, 0 };
	struct vfio_user_device_info info = { .argsz = sizeof(info) };
	struct bed bed;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(wrong); i++) {
		bed_begin(&bed, NULL);
		assert_int_equal(vfu_client_version(&bed.client, wrong[i]), EINVAL);
		assert_true(bed_hung_up(&bed));
		bed_end(&bed);
	}
	bed_begin(&bed, NULL);
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_VERSION, &newer, sizeof(newer), NULL, 0),
		EINVAL);
	assert_true(bed_hung_up(&bed));
	bed_end(&bed);
	bed_begin(&bed, NULL);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_GET_INFO, &info,
					 sizeof(info), NULL, 0),
			 EINVAL);
	assert_true(bed_hung_up(&bed));
	bed_end(&bed);
}

/* --- what it is --- */

static int region_info(struct bed *bed, uint32_t index, uint32_t argsz,
		       struct vfio_region_info *ret)
{
	const struct vfio_region_info asked = { .argsz = argsz, .index = index };
	int r = vfu_client_call(&bed->client, VFIO_USER_DEVICE_GET_REGION_INFO, &asked,
				sizeof(asked), NULL, 0);

	if (!r)
		memcpy(ret, bed->client.payload, sizeof(*ret));
	return r;
}

static void device_and_plain_regions(void **state)
{
	struct vfio_user_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info info;
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_GET_INFO, &device,
					 sizeof(device), NULL, 0),
			 0);
	memcpy(&device, bed.client.payload, sizeof(device));
	assert_int_equal(device.flags, VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	assert_int_equal(device.num_regions, VFIO_PCI_NUM_REGIONS);
	assert_int_equal(device.num_irqs, 3);
	assert_int_equal(region_info(&bed, VFIO_PCI_CONFIG_REGION_INDEX, sizeof(info), &info), 0);
	assert_int_equal(info.size, 4096);
	assert_int_equal(region_info(&bed, VFIO_PCI_ROM_REGION_INDEX, sizeof(info), &info), 0);
	assert_int_equal(info.size, 2048);
	assert_int_equal(info.flags, VFIO_REGION_INFO_FLAG_READ);
	assert_int_equal(region_info(&bed, 1, sizeof(info), &info), 0); /* upper half of BAR 0 */
	assert_int_equal(info.size, 0);
	assert_int_equal(region_info(&bed, VFIO_PCI_NUM_REGIONS, sizeof(info), &info), EINVAL);
	assert_int_equal(region_info(&bed, 0, sizeof(info) - 1, &info), EINVAL);
	bed_end(&bed);
}

static void region_that_is_mapped(void **state)
{
	struct vfio_region_info_cap_sparse_mmap *cap;
	struct vfio_region_info info;
	struct bed bed;
	uint8_t *area;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(region_info(&bed, 0, sizeof(info), &info), 0);
	assert_int_equal(bed.client.size, sizeof(info)); /* no room for more */
	assert_int_equal(info.argsz, sizeof(info) + sizeof(*cap) + sizeof(cap->areas[0]));
	assert_int_equal(info.cap_offset, sizeof(info)); /* QEMU refuses 0 here */
	assert_int_equal(region_info(&bed, 0, info.argsz, &info), 0);
	assert_int_equal(info.flags, VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
					     VFIO_REGION_INFO_FLAG_MMAP |
					     VFIO_REGION_INFO_FLAG_CAPS);
	cap = (void *)(bed.client.payload + sizeof(info));
	assert_int_equal(cap->header.id, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	assert_int_equal(cap->nr_areas, 1);
	assert_int_equal(cap->areas[0].offset, TOY_AREA);
	assert_int_equal(bed.client.fd_count, 1);
	area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, bed.client.fds[0],
		    (off_t)(info.offset + cap->areas[0].offset));
	assert_ptr_not_equal(area, MAP_FAILED);
	memcpy(area + 8, "mapped", 7);
	assert_memory_equal(bed.toy->area + 8, "mapped", 7);
	munmap(area, PAGE);
	bed_end(&bed);
}

static void doorbells(void **state)
{
	struct vfio_user_region_io_fds info = { .argsz = sizeof(info) };
	struct vfio_user_io_fd fd;
	struct bed bed;
	eventfd_t count;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_GET_REGION_IO_FDS, &info,
					 sizeof(info), NULL, 0),
			 0);
	memcpy(&info, bed.client.payload, sizeof(info));
	assert_int_equal(info.count, 0); /* no room, but so much is needed: */
	assert_int_equal(info.argsz, sizeof(info) + sizeof(fd));
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_GET_REGION_IO_FDS, &info,
					 sizeof(info), NULL, 0),
			 0);
	memcpy(&info, bed.client.payload, sizeof(info));
	memcpy(&fd, bed.client.payload + sizeof(info), sizeof(fd));
	assert_int_equal(info.count, 1);
	assert_int_equal(fd.offset, TOY_DOORBELL);
	assert_int_equal(fd.flags, VFIO_USER_IO_FD_DATAMATCH);
	assert_int_equal(bed.client.fd_count, 1);
	eventfd_write(bed.client.fds[0], 3);
	assert_int_equal(eventfd_read(bed.toy->doorbell.fd, &count), 0);
	assert_int_equal(count, 3);
	bed_end(&bed);
}

/* --- accesses --- */

static void accesses(void **state)
{
	struct bed bed;
	uint64_t wide;
	uint8_t byte;
	char rom[8];

	bed_begin(&bed, bed_qemu);
	bed_write64(&bed, TOY_PLAIN, 0x1122334455667788);
	assert_int_equal(bed_read32(&bed, 0, TOY_PLAIN + 4), 0x11223344);
	assert_int_equal(vfu_client_read(&bed.client, 0, TOY_PLAIN + 1, &byte, 1), 0);
	assert_int_equal(byte, 0x77);
	for (wide = 0; wide < 100; wide++)
		vfu_client_write(&bed.client, 0, TOY_PLAIN, &wide, 8, true);
	assert_int_equal(bed_read32(&bed, 0, TOY_PLAIN), 99);
	assert_int_equal(bed_read32(&bed, VFIO_PCI_CONFIG_REGION_INDEX, 0), 0xbeef1234);
	assert_int_equal(vfu_client_read(&bed.client, VFIO_PCI_ROM_REGION_INDEX, 0, rom, 8), 0);
	assert_memory_equal(rom, "\x55\xaa rom\0\xff", 8);
	assert_int_equal(vfu_client_read(&bed.client, 0, TOY_BAR_SIZE - 4, &wide, 8), EINVAL);
	assert_int_equal(vfu_client_read(&bed.client, 0, UINT64_MAX - 3, &wide, 8), EINVAL);
	assert_int_equal(vfu_client_read(&bed.client, 1, 0, &wide, 8), EINVAL);
	assert_int_equal(vfu_client_read(&bed.client, 77, 0, &wide, 8), EINVAL);
	assert_int_equal(
		vfu_client_write(&bed.client, VFIO_PCI_ROM_REGION_INDEX, 0, &wide, 8, false),
		EINVAL);
	assert_int_equal(vfu_client_read(&bed.client, VFIO_PCI_CONFIG_REGION_INDEX, 4092, &wide, 8),
			 EINVAL);
	bed_end(&bed);
}

static void accesses_that_lie(void **state)
{
	struct vfio_user_region_access access = { 0, 0, (1 << 20) + 1 };
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_REGION_READ, &access,
					 sizeof(access), NULL, 0),
			 EINVAL); /* more than a reply may carry */
	access.count = 8;
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_REGION_WRITE, &access,
					 sizeof(access), NULL, 0),
			 EINVAL); /* the data is not there */
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_REGION_READ, &access, 15, NULL, 0),
			 EINVAL);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_FEATURE, &access,
					 sizeof(access), NULL, 0),
			 EOPNOTSUPP); /* no migration */
	assert_int_equal(
		vfu_client_call(&bed.client, (enum vfio_user_command)999, NULL, 0, NULL, 0),
		EOPNOTSUPP);
	bed_end(&bed);
}

static void many_writes_in_one(void **state)
{
	struct {
		uint64_t count;
		struct vfio_user_write_one one[3];
	} m = { 3, { { TOY_PLAIN, 0, 4, { 1 } }, { TOY_PLAIN + 4, 0, 2, { 2 } }, { 0, 0, 9 } } };
	struct bed bed;
	uint64_t done;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_REGION_WRITE_MULTI, &m, sizeof(m), NULL, 0),
		0);
	memcpy(&done, bed.client.payload, sizeof(done));
	assert_int_equal(done, 2); /* the third is longer than its data */
	assert_int_equal(bed_read32(&bed, 0, TOY_PLAIN), 1);
	assert_int_equal(bed_read32(&bed, 0, TOY_PLAIN + 4), 2);
	m.count = UINT64_MAX / 12;
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_REGION_WRITE_MULTI, &m, sizeof(m), NULL, 0),
		EINVAL);
	bed_end(&bed);
}

static void device_reset(void **state)
{
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	bed_write64(&bed, TOY_PLAIN, 7);
	bed_bus_master(&bed);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0), 0);
	assert_int_equal(bed.toy->resets, 1);
	assert_int_equal(bed_read32(&bed, 0, TOY_PLAIN), 0);
	assert_false(facet_pci_bus_master(&bed.toy->pci));
	bed_end(&bed);
}

/* --- interrupts --- */

static int set_irqs(struct bed *bed, uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
		    const int *fds, unsigned int fd_count)
{
	const struct vfio_irq_set set = { sizeof(set), flags, index, start, count };

	return vfu_client_call(&bed->client, VFIO_USER_DEVICE_SET_IRQS, &set, sizeof(set), fds,
			       fd_count);
}

/* How often since it was last looked at? */
static unsigned int heard(int fd)
{
	eventfd_t count = 0;

	return poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0) == 1 && !eventfd_read(fd, &count)
		       ? (unsigned int)count
		       : 0;
}

static const uint32_t assign = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
static const uint32_t trigger = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
static const uint32_t mask = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK;
static const uint32_t unmask = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK;
static const uint32_t msix = VFIO_PCI_MSIX_IRQ_INDEX;

static void msix_vectors(void **state)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = msix };
	int fds[2] = { eventfd(0, 0), eventfd(0, 0) };
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_GET_IRQ_INFO, &info,
					 sizeof(info), NULL, 0),
			 0);
	memcpy(&info, bed.client.payload, sizeof(info));
	assert_int_equal(info.count, TOY_VECTORS);
	assert_int_equal(info.flags, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE);

	bed_write32(&bed, 0, TOY_INTERRUPT, 1); /* to nobody */
	assert_int_equal(facet_pci_vector_fd(&bed.toy->pci, 1), -1);
	assert_int_equal(set_irqs(&bed, assign, msix, 1, 2, fds, 2), 0);
	assert_int_equal(bed.toy->vector_changes, 1);
	bed_write32(&bed, 0, TOY_INTERRUPT, 1);
	bed_write32(&bed, 0, TOY_INTERRUPT, 2);
	bed_write32(&bed, 0, TOY_INTERRUPT, 9); /* there is none */
	assert_int_equal(heard(fds[0]), 1);
	assert_int_equal(heard(fds[1]), 1);
	assert_int_equal(set_irqs(&bed, trigger, msix, 1, 1, NULL, 0), 0); /* by the client */
	assert_int_equal(heard(fds[0]), 1);
	assert_int_equal(set_irqs(&bed, assign, msix, 1, 1, NULL, 0), 0); /* taken away */
	assert_int_equal(facet_pci_vector_fd(&bed.toy->pci, 1), -1);
	assert_int_equal(set_irqs(&bed, trigger, msix, 0, 0, NULL, 0), 0); /* all of them */
	assert_int_equal(facet_pci_vector_fd(&bed.toy->pci, 2), -1);
	bed_end(&bed);
	close(fds[0]);
	close(fds[1]);
}

static void masked_vectors_wait(void **state)
{
	int fd = eventfd(0, 0);
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(set_irqs(&bed, assign, msix, 2, 1, &fd, 1), 0);
	assert_int_equal(set_irqs(&bed, mask, msix, 2, 1, NULL, 0), 0);
	assert_int_equal(bed_read32(&bed, TOY_MSIX_BAR, TOY_PBA), 0);
	eventfd_write(facet_pci_vector_fd(&bed.toy->pci, 2), 1); /* as a queue does it */
	assert_int_equal(heard(fd), 0);
	assert_int_equal(bed_read32(&bed, TOY_MSIX_BAR, TOY_PBA), 1 << 2);
	assert_int_equal(bed_read32(&bed, TOY_MSIX_BAR, TOY_PBA),
			 1 << 2); /* looking changes nothing */
	assert_int_equal(set_irqs(&bed, unmask, msix, 2, 1, NULL, 0), 0);
	assert_int_equal(heard(fd), 1);
	assert_int_equal(bed_read32(&bed, TOY_MSIX_BAR, TOY_PBA), 0);
	/* Held back until the function has changed over to the other descriptor. */
	assert_int_equal(set_irqs(&bed, mask, msix, 2, 1, NULL, 0), 0);
	bed.toy->late_fd = dup(facet_pci_vector_fd(&bed.toy->pci, 2));
	assert_int_equal(set_irqs(&bed, unmask, msix, 2, 1, NULL, 0), 0);
	assert_int_equal(heard(fd), 1);
	bed_end(&bed);
	close(fd);
}

static void pin(void **state)
{
	const uint32_t intx = VFIO_PCI_INTX_IRQ_INDEX, config = VFIO_PCI_CONFIG_REGION_INDEX;
	int fd = eventfd(0, 0);
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(set_irqs(&bed, assign, intx, 0, 1, &fd, 1), 0);
	bed_write32(&bed, 0, TOY_PIN, 1);
	assert_int_equal(heard(fd), 1);
	assert_true(bed_read32(&bed, config, PCI_COMMAND) >> 16 & PCI_STATUS_INTERRUPT);
	bed_write32(&bed, 0, TOY_PIN, 0);
	bed_write32(&bed, 0, TOY_PIN, 1);
	assert_int_equal(heard(fd), 0); /* it has masked itself */
	assert_int_equal(set_irqs(&bed, unmask, intx, 0, 1, NULL, 0), 0);
	assert_int_equal(heard(fd), 1); /* and is still up */
	bed_write32(&bed, config, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(set_irqs(&bed, unmask, intx, 0, 1, NULL, 0), 0);
	assert_int_equal(heard(fd), 0);
	bed_end(&bed);
	close(fd);
}

static void irqs_refused(void **state)
{
	int fds[2] = { eventfd(0, 0), memfd_create("no", 0) };
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	assert_int_equal(set_irqs(&bed, trigger, 3, 0, 0, NULL, 0), EINVAL);
	assert_int_equal(set_irqs(&bed, trigger, msix, 4, 1, NULL, 0), EINVAL);
	assert_int_equal(set_irqs(&bed, trigger, msix, UINT32_MAX, 2, NULL, 0), EINVAL);
	assert_int_equal(set_irqs(&bed, assign, msix, 0, 2, fds, 1), EINVAL);
	assert_int_equal(set_irqs(&bed, assign, msix, 0, 2, fds, 2), EINVAL); /* a file */
	assert_int_equal(set_irqs(&bed, trigger, msix, 0, 1, fds, 1), EINVAL);
	assert_int_equal(set_irqs(&bed, trigger | mask, msix, 0, 1, NULL, 0), EINVAL);
	assert_int_equal(set_irqs(&bed, 0, msix, 0, 1, NULL, 0), EINVAL);
	assert_int_equal(set_irqs(&bed, VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, msix,
				  0, 4, NULL, 0),
			 EINVAL); /* without its booleans */
	assert_int_equal(set_irqs(&bed, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, 0,
				  0, 1, fds, 1),
			 ENOTSUP);
	bed_end(&bed);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_as_qemu),
		cmocka_unit_test(version_refused),
		cmocka_unit_test(device_and_plain_regions),
		cmocka_unit_test(region_that_is_mapped),
		cmocka_unit_test(doorbells),
		cmocka_unit_test(accesses),
		cmocka_unit_test(accesses_that_lie),
		cmocka_unit_test(many_writes_in_one),
		cmocka_unit_test(device_reset),
		cmocka_unit_test(msix_vectors),
		cmocka_unit_test(masked_vectors_wait),
		cmocka_unit_test(pin),
		cmocka_unit_test(irqs_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
