// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio_user_test.c - what a client asks, answers and does wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "transport/vfio_user/client.h"
#include "transport/vfio_user/toy.h"
#include "transport/vfio_user/vfio_user.h"

enum { PAGE = 4096, RAM = 16 * PAGE, GPA = 0x100000 };

/* As QEMU 11.1 says it. */
static const char qemu_json[] =
	"{\"capabilities\": {\"write_multiple\": true, \"max_msg_fds\": 16, "
	"\"max_data_xfer_size\": 1048576, \"max_dma_maps\": 65535, \"pgsizes\": 4096, "
	"\"migration\": {\"max_bitmap_size\": 268435456, \"pgsize\": 4096}}}";

struct bed {
	struct facet_vfio_user *vfu;
	struct toy *toy;
	struct vfu_client client;
	int ram_fd;
	uint8_t *ram;
};

static void quiet(enum facet_log_level level, const char *area, const char *text)
{
}

static void step(void *owner)
{
	facet_vfio_user_dispatch(((struct bed *)owner)->vfu);
}

static void begin(struct bed *bed, const char *json)
{
	struct facet_error err;
	int pair[2];

	facet_log_set(quiet, FACET_LOG_ERROR);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
		facet_vfio_user_create(
			&(struct facet_vfio_user_config){ &toy_function, NULL, -1, pair[0] },
			&bed->vfu, &err),
		0);
	bed->toy = facet_container_of(facet_vfio_user_function(bed->vfu), struct toy, pci);
	vfu_client_init(&bed->client, pair[1]);
	bed->client.step = step;
	bed->client.owner = bed;
	bed->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	assert_int_equal(ftruncate(bed->ram_fd, RAM), 0);
	bed->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, bed->ram_fd, 0);
	assert_ptr_not_equal(bed->ram, MAP_FAILED);
	if (json)
		assert_int_equal(vfu_client_version(&bed->client, json), 0);
}

static void end(struct bed *bed)
{
	vfu_client_fini(&bed->client);
	facet_vfio_user_destroy(bed->vfu);
	munmap(bed->ram, RAM);
	close(bed->ram_fd);
}

static bool hung_up(struct bed *bed)
{
	return !vfu_client_receive(&bed->client);
}

static uint32_t read32(struct bed *bed, uint32_t region, uint64_t offset)
{
	uint32_t value;

	assert_int_equal(vfu_client_read(&bed->client, region, offset, &value, 4), 0);
	return value;
}

static void write32(struct bed *bed, uint32_t region, uint64_t offset, uint32_t value)
{
	assert_int_equal(vfu_client_write(&bed->client, region, offset, &value, 4, false), 0);
}

static void write64(struct bed *bed, uint64_t offset, uint64_t value)
{
	assert_int_equal(vfu_client_write(&bed->client, 0, offset, &value, 8, false), 0);
}

static void bus_master(struct bed *bed)
{
	write32(bed, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND,
		PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
}

/* --- version --- */

static void version_as_qemu(void **state)
{
	struct bed bed;
	const char *json;

	begin(&bed, qemu_json);
	json = (const char *)bed.client.payload + sizeof(struct vfio_user_version);
	assert_true(bed.client.size <= sizeof(qemu_json) + sizeof(struct vfio_user_version));
	assert_int_equal(bed.client.payload[bed.client.size - 1], 0);
	assert_non_null(strstr(json, "\"max_dma_maps\":232"));
	assert_non_null(strstr(json, "\"write_multiple\":true"));
	assert_null(strstr(json, "migration"));
	assert_null(strstr(json, "twin_socket"));
	end(&bed);

	begin(&bed, NULL); /* a client that says nothing is told nothing */
	assert_int_equal(vfu_client_version(&bed.client, NULL), 0);
	assert_int_equal(bed.client.size, sizeof(struct vfio_user_version));
	assert_int_equal(vfu_client_version(&bed.client, NULL), EINVAL); /* once is enough */
	end(&bed);
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
		begin(&bed, NULL);
		assert_int_equal(vfu_client_version(&bed.client, wrong[i]), EINVAL);
		assert_true(hung_up(&bed));
		end(&bed);
	}
	begin(&bed, NULL);
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_VERSION, &newer, sizeof(newer), NULL, 0),
		EINVAL);
	assert_true(hung_up(&bed));
	end(&bed);
	begin(&bed, NULL);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_GET_INFO, &info,
					 sizeof(info), NULL, 0),
			 EINVAL);
	assert_true(hung_up(&bed));
	end(&bed);
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

	begin(&bed, qemu_json);
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
	end(&bed);
}

static void region_that_is_mapped(void **state)
{
	struct vfio_region_info_cap_sparse_mmap *cap;
	struct vfio_region_info info;
	struct bed bed;
	uint8_t *area;

	begin(&bed, qemu_json);
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
	end(&bed);
}

static void doorbells(void **state)
{
	struct vfio_user_region_io_fds info = { .argsz = sizeof(info) };
	struct vfio_user_io_fd fd;
	struct bed bed;
	eventfd_t count;

	begin(&bed, qemu_json);
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
	end(&bed);
}

/* --- accesses --- */

static void accesses(void **state)
{
	struct bed bed;
	uint64_t wide;
	uint8_t byte;
	char rom[8];

	begin(&bed, qemu_json);
	write64(&bed, TOY_PLAIN, 0x1122334455667788);
	assert_int_equal(read32(&bed, 0, TOY_PLAIN + 4), 0x11223344);
	assert_int_equal(vfu_client_read(&bed.client, 0, TOY_PLAIN + 1, &byte, 1), 0);
	assert_int_equal(byte, 0x77);
	for (wide = 0; wide < 100; wide++)
		vfu_client_write(&bed.client, 0, TOY_PLAIN, &wide, 8, true);
	assert_int_equal(read32(&bed, 0, TOY_PLAIN), 99);
	assert_int_equal(read32(&bed, VFIO_PCI_CONFIG_REGION_INDEX, 0), 0xbeef1234);
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
	end(&bed);
}

static void accesses_that_lie(void **state)
{
	struct vfio_user_region_access access = { 0, 0, (1 << 20) + 1 };
	struct bed bed;

	begin(&bed, qemu_json);
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
	end(&bed);
}

static void many_writes_in_one(void **state)
{
	struct {
		uint64_t count;
		struct vfio_user_write_one one[3];
	} m = { 3, { { TOY_PLAIN, 0, 4, { 1 } }, { TOY_PLAIN + 4, 0, 2, { 2 } }, { 0, 0, 9 } } };
	struct bed bed;
	uint64_t done;

	begin(&bed, qemu_json);
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_REGION_WRITE_MULTI, &m, sizeof(m), NULL, 0),
		0);
	memcpy(&done, bed.client.payload, sizeof(done));
	assert_int_equal(done, 2); /* the third is longer than its data */
	assert_int_equal(read32(&bed, 0, TOY_PLAIN), 1);
	assert_int_equal(read32(&bed, 0, TOY_PLAIN + 4), 2);
	m.count = UINT64_MAX / 12;
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_REGION_WRITE_MULTI, &m, sizeof(m), NULL, 0),
		EINVAL);
	end(&bed);
}

static void device_reset(void **state)
{
	struct bed bed;

	begin(&bed, qemu_json);
	write64(&bed, TOY_PLAIN, 7);
	bus_master(&bed);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0), 0);
	assert_int_equal(bed.toy->resets, 1);
	assert_int_equal(read32(&bed, 0, TOY_PLAIN), 0);
	assert_false(facet_pci_bus_master(&bed.toy->pci));
	end(&bed);
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

	begin(&bed, qemu_json);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_GET_IRQ_INFO, &info,
					 sizeof(info), NULL, 0),
			 0);
	memcpy(&info, bed.client.payload, sizeof(info));
	assert_int_equal(info.count, TOY_VECTORS);
	assert_int_equal(info.flags, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE);

	write32(&bed, 0, TOY_INTERRUPT, 1); /* to nobody */
	assert_int_equal(facet_pci_vector_fd(&bed.toy->pci, 1), -1);
	assert_int_equal(set_irqs(&bed, assign, msix, 1, 2, fds, 2), 0);
	assert_int_equal(bed.toy->vector_changes, 1);
	write32(&bed, 0, TOY_INTERRUPT, 1);
	write32(&bed, 0, TOY_INTERRUPT, 2);
	write32(&bed, 0, TOY_INTERRUPT, 9); /* there is none */
	assert_int_equal(heard(fds[0]), 1);
	assert_int_equal(heard(fds[1]), 1);
	assert_int_equal(set_irqs(&bed, trigger, msix, 1, 1, NULL, 0), 0); /* by the client */
	assert_int_equal(heard(fds[0]), 1);
	assert_int_equal(set_irqs(&bed, assign, msix, 1, 1, NULL, 0), 0); /* taken away */
	assert_int_equal(facet_pci_vector_fd(&bed.toy->pci, 1), -1);
	assert_int_equal(set_irqs(&bed, trigger, msix, 0, 0, NULL, 0), 0); /* all of them */
	assert_int_equal(facet_pci_vector_fd(&bed.toy->pci, 2), -1);
	end(&bed);
	close(fds[0]);
	close(fds[1]);
}

static void masked_vectors_wait(void **state)
{
	int fd = eventfd(0, 0);
	struct bed bed;

	begin(&bed, qemu_json);
	assert_int_equal(set_irqs(&bed, assign, msix, 2, 1, &fd, 1), 0);
	assert_int_equal(set_irqs(&bed, mask, msix, 2, 1, NULL, 0), 0);
	assert_int_equal(read32(&bed, TOY_MSIX_BAR, TOY_PBA), 0);
	eventfd_write(facet_pci_vector_fd(&bed.toy->pci, 2), 1); /* as a queue does it */
	assert_int_equal(heard(fd), 0);
	assert_int_equal(read32(&bed, TOY_MSIX_BAR, TOY_PBA), 1 << 2);
	assert_int_equal(read32(&bed, TOY_MSIX_BAR, TOY_PBA), 1 << 2); /* looking changes nothing */
	assert_int_equal(set_irqs(&bed, unmask, msix, 2, 1, NULL, 0), 0);
	assert_int_equal(heard(fd), 1);
	assert_int_equal(read32(&bed, TOY_MSIX_BAR, TOY_PBA), 0);
	end(&bed);
	close(fd);
}

static void pin(void **state)
{
	const uint32_t intx = VFIO_PCI_INTX_IRQ_INDEX, config = VFIO_PCI_CONFIG_REGION_INDEX;
	int fd = eventfd(0, 0);
	struct bed bed;

	begin(&bed, qemu_json);
	assert_int_equal(set_irqs(&bed, assign, intx, 0, 1, &fd, 1), 0);
	write32(&bed, 0, TOY_PIN, 1);
	assert_int_equal(heard(fd), 1);
	assert_true(read32(&bed, config, PCI_COMMAND) >> 16 & PCI_STATUS_INTERRUPT);
	write32(&bed, 0, TOY_PIN, 0);
	write32(&bed, 0, TOY_PIN, 1);
	assert_int_equal(heard(fd), 0); /* it has masked itself */
	assert_int_equal(set_irqs(&bed, unmask, intx, 0, 1, NULL, 0), 0);
	assert_int_equal(heard(fd), 1); /* and is still up */
	write32(&bed, config, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(set_irqs(&bed, unmask, intx, 0, 1, NULL, 0), 0);
	assert_int_equal(heard(fd), 0);
	end(&bed);
	close(fd);
}

static void irqs_refused(void **state)
{
	int fds[2] = { eventfd(0, 0), memfd_create("no", 0) };
	struct bed bed;

	begin(&bed, qemu_json);
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
	end(&bed);
	close(fds[0]);
	close(fds[1]);
}

/* --- DMA --- */

static void dma_begin(struct bed *bed, uint64_t address, uint64_t size, uint32_t command)
{
	write64(bed, TOY_DMA_ADDRESS, address);
	write64(bed, TOY_DMA_SIZE, size);
	write32(bed, 0, TOY_DMA_COMMAND, command);
}

static int dma_result(struct bed *bed, unsigned int count)
{
	assert_int_equal(read32(bed, 0, TOY_DMA_COUNT), count);
	return (int)read32(bed, 0, TOY_DMA_RESULT);
}

static int unmap(struct bed *bed, uint64_t address, uint64_t size, uint32_t flags)
{
	const struct vfio_user_dma_unmap gone = { sizeof(gone), flags, address, size };

	return vfu_client_call(&bed->client, VFIO_USER_DMA_UNMAP, &gone, sizeof(gone), NULL, 0);
}

static void dma_shared(void **state)
{
	struct bed bed;

	begin(&bed, qemu_json);
	bus_master(&bed);
	assert_int_equal(vfu_client_map(&bed.client, GPA, 8 * PAGE, bed.ram_fd, 0), 0);
	assert_int_equal(
		vfu_client_map(&bed.client, GPA + 8 * PAGE, 8 * PAGE, bed.ram_fd, 8 * PAGE), 0);
	assert_int_equal(bed.toy->memory_changes, 2);
	memset(bed.ram + 8 * PAGE - 50, 0x5a, 100);
	dma_begin(&bed, GPA + 8 * PAGE - 50, 100, 1); /* over the border of both */
	assert_int_equal(dma_result(&bed, 1), 0);
	assert_memory_equal(bed.toy->buffer, bed.ram + 8 * PAGE - 50, 100);
	dma_begin(&bed, GPA, 100, 2);
	assert_int_equal(dma_result(&bed, 2), 0);
	assert_memory_equal(bed.ram, bed.toy->buffer, 100);
	dma_begin(&bed, GPA + RAM - 50, 100, 2); /* past the end */
	assert_int_equal(dma_result(&bed, 3), -EFAULT);
	dma_begin(&bed, UINT64_MAX - 50, 100, 2);
	assert_int_equal(dma_result(&bed, 4), -EFAULT);
	write32(&bed, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 0);
	dma_begin(&bed, GPA, 100, 2);
	assert_int_equal(dma_result(&bed, 5), -EPERM);
	end(&bed);
}

static void maps(void **state)
{
	struct facet_vfio_user_status status;
	struct facet_guest_view *view;
	struct bed bed;

	begin(&bed, qemu_json);
	assert_int_equal(vfu_client_map(&bed.client, GPA, PAGE, bed.ram_fd, 0), 0);
	assert_int_equal(vfu_client_map(&bed.client, GPA, PAGE, bed.ram_fd, 0), EEXIST);
	assert_int_equal(vfu_client_map(&bed.client, GPA - PAGE, 3 * PAGE, -1, 0), EEXIST);
	assert_int_equal(vfu_client_map(&bed.client, GPA + 1, PAGE, -1, 0), EINVAL);
	assert_int_equal(vfu_client_map(&bed.client, GPA, 0, -1, 0), EINVAL);
	assert_int_equal(vfu_client_map(&bed.client, UINT64_MAX - PAGE + 1, 2 * PAGE, -1, 0),
			 EINVAL);
	assert_int_equal(vfu_client_map(&bed.client, 4 * GPA, PAGE, bed.ram_fd, RAM), EINVAL);
	assert_int_equal(vfu_client_map(&bed.client, 2 * GPA, PAGE, -1, 0), 0);
	facet_vfio_user_status(bed.vfu, &status);
	assert_int_equal(status.maps, 2);
	assert_int_equal(status.regions, 1);
	/* A range ends what lies in it, maybe nothing; not a part of a mapping. */
	assert_int_equal(unmap(&bed, GPA, PAGE / 2, 0), EINVAL);
	assert_int_equal(unmap(&bed, GPA + PAGE, 4 * PAGE, 0), 0);
	assert_int_equal(unmap(&bed, GPA, 0, 0), EINVAL);
	facet_vfio_user_status(bed.vfu, &status);
	assert_int_equal(status.maps, 2);
	view = facet_guest_view_ref(bed.toy->pci.host->memory); /* a job that is under way */
	assert_int_equal(unmap(&bed, GPA, PAGE, 0), 0);
	assert_int_equal(bed.client.size, sizeof(struct vfio_user_dma_unmap));
	facet_guest_view_unref(view);
	assert_int_equal(vfu_client_map(&bed.client, GPA, PAGE, bed.ram_fd, PAGE), 0);
	assert_int_equal(unmap(&bed, 0, 2 * GPA, 0), 0);
	facet_vfio_user_status(bed.vfu, &status);
	assert_int_equal(status.maps, 1);
	assert_int_equal(status.regions, 0);
	assert_int_equal(unmap(&bed, 0, 0, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP), EINVAL);
	assert_int_equal(unmap(&bed, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 0);
	facet_vfio_user_status(bed.vfu, &status);
	assert_int_equal(status.maps + status.regions, 0);
	for (uint64_t i = 0; i < FACET_GUEST_MAX_REGIONS; i++)
		assert_int_equal(vfu_client_map(&bed.client, i * PAGE, PAGE, -1, 0), 0);
	assert_int_equal(vfu_client_map(&bed.client, GPA, PAGE, -1, 0), ENOSPC);
	end(&bed);
}

/* The next of the server's requests is this one. */
static void expect_request(struct bed *bed, int fd, uint16_t command, uint64_t address,
			   uint64_t count)
{
	struct vfio_user_dma_access access;

	assert_true(vfu_client_receive_on(&bed->client, fd));
	assert_int_equal(bed->client.header.flags, VFIO_USER_TYPE_COMMAND);
	assert_int_equal(bed->client.header.command, command);
	memcpy(&access, bed->client.payload, sizeof(access));
	assert_int_equal(access.address, address);
	assert_int_equal(access.count, count);
}

static void answer_read(struct bed *bed, int fill, size_t size)
{
	static uint8_t reply[sizeof(struct vfio_user_dma_access) + TOY_BUFFER_SIZE];

	memcpy(reply, bed->client.payload, sizeof(struct vfio_user_dma_access));
	memset(reply + sizeof(struct vfio_user_dma_access), fill, size);
	assert_true(vfu_client_answer(&bed->client, reply,
				      sizeof(struct vfio_user_dma_access) + size, 0));
}

static void dma_by_message(void **state)
{
	const size_t head = sizeof(struct vfio_user_dma_access);
	struct bed bed;

	begin(&bed, "{\"capabilities\": {\"max_data_xfer_size\": 4096}}");
	bus_master(&bed);
	assert_int_equal(vfu_client_map(&bed.client, GPA, RAM, -1, 0), 0);
	/* The reply to the write comes first: who wrote may hold what answering us needs. */
	dma_begin(&bed, GPA + 100, 5000, 1);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_READ, GPA + 100, 4096);
	answer_read(&bed, 'a', 4096);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_READ, GPA + 4196, 904);
	answer_read(&bed, 'b', 904);
	assert_int_equal(dma_result(&bed, 1), 0);
	assert_int_equal(bed.toy->buffer[4095], 'a');
	assert_int_equal(bed.toy->buffer[4999], 'b');
	dma_begin(&bed, GPA, 64, 2);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_WRITE, GPA, 64);
	assert_int_equal(bed.client.size, head + 64);
	assert_memory_equal(bed.client.payload + head, bed.toy->buffer, 64);
	assert_true(vfu_client_answer(&bed.client, NULL, 0, 0)); /* QEMU 10.1 sends no payload */
	assert_int_equal(dma_result(&bed, 2), 0);
	dma_begin(&bed, GPA, 64, 2);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_WRITE, GPA, 64);
	assert_true(vfu_client_answer(&bed.client, NULL, 0, EFAULT));
	assert_int_equal(dma_result(&bed, 3), -EIO);
	end(&bed);
}

/* While the server waits for an answer it serves, and what is late is nobody's. */
static void dma_and_requests_cross(void **state)
{
	struct vfio_user_header question;
	struct bed bed;
	uint8_t payload[16];

	begin(&bed, qemu_json);
	bus_master(&bed);
	assert_int_equal(vfu_client_map(&bed.client, GPA, RAM, -1, 0), 0);
	dma_begin(&bed, GPA, 16, 1);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_READ, GPA, 16);
	question = bed.client.header;
	memcpy(payload, bed.client.payload, sizeof(payload));
	write64(&bed, TOY_PLAIN, 42);
	assert_int_equal(read32(&bed, 0, TOY_PLAIN), 42);
	assert_int_equal(read32(&bed, 0, TOY_DMA_COUNT), 0);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0), 0);
	bed.client.header = question;
	memcpy(bed.client.payload, payload, sizeof(payload));
	answer_read(&bed, 'x', 16);
	assert_int_equal(read32(&bed, 0, TOY_DMA_COUNT), 0);
	assert_int_equal(bed.toy->buffer[0], 0);

	/* An answer of the wrong size is no answer. */
	bus_master(&bed);
	dma_begin(&bed, GPA, 16, 1);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_READ, GPA, 16);
	answer_read(&bed, 'y', 15);
	assert_true(hung_up(&bed));
	end(&bed);
}

static void memory_that_may_only_be_read(void **state)
{
	const struct vfio_user_dma_map map = { sizeof(map), VFIO_DMA_MAP_FLAG_READ, 0, GPA, PAGE };
	struct facet_vfio_user_status status;
	struct bed bed;

	begin(&bed, qemu_json);
	bus_master(&bed);
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_DMA_MAP, &map, sizeof(map), &bed.ram_fd, 1),
		0);
	facet_vfio_user_status(bed.vfu, &status);
	assert_int_equal(status.regions, 0);
	dma_begin(&bed, GPA, 64, 2);
	assert_int_equal(dma_result(&bed, 1), -EPERM);
	end(&bed);
}

static void twin_socket(void **state)
{
	struct bed bed;
	int twin, main_fd;

	begin(&bed, "{\"capabilities\": {\"twin_socket\": {\"supported\": true}}}");
	assert_int_equal(bed.client.fd_count, 1);
	assert_non_null(strstr((char *)bed.client.payload + 4, "\"fd_index\":0"));
	main_fd = bed.client.fd;
	twin = bed.client.fds[0];
	bed.client.fd_count = 0;
	bus_master(&bed);
	assert_int_equal(vfu_client_map(&bed.client, GPA, RAM, -1, 0), 0);
	dma_begin(&bed, GPA, 64, 2);
	expect_request(&bed, twin, VFIO_USER_DMA_WRITE, GPA, 64);
	bed.client.fd = twin;
	assert_true(vfu_client_answer(&bed.client, NULL, 0, 0));
	bed.client.fd = main_fd;
	facet_vfio_user_dispatch(bed.vfu); /* there is no order between the two */
	assert_int_equal(dma_result(&bed, 1), 0);
	close(twin);
	assert_true(hung_up(&bed)); /* it cannot do without */
	end(&bed);
}

/* --- sockets --- */

/* Messages that come together, and only one of them with a descriptor. */
static void descriptors_in_a_flock(void **state)
{
	const struct vfio_user_dma_map map = { sizeof(map),
					       VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE, 0,
					       GPA, PAGE };
	struct vfio_user_header header = { .command = VFIO_USER_DMA_MAP,
					   .size = sizeof(header) + sizeof(map) };
	struct facet_vfio_user_status status;
	struct bed bed;
	uint64_t value = 1;

	begin(&bed, qemu_json);
	for (int i = 0; i < 3; i++)
		vfu_client_write(&bed.client, 0, TOY_PLAIN, &value, 8, true);
	assert_true(vfu_client_send(&bed.client, &header, &map, sizeof(map), &bed.ram_fd, 1));
	vfu_client_write(&bed.client, 0, TOY_PLAIN, &value, 8, true);
	assert_true(vfu_client_receive(&bed.client));
	assert_int_equal(bed.client.header.flags, VFIO_USER_TYPE_REPLY);
	assert_int_equal(read32(&bed, 0, TOY_PLAIN), 1);
	facet_vfio_user_status(bed.vfu, &status);
	assert_int_equal(status.regions, 1);
	end(&bed);
}

static void too_many_descriptors(void **state)
{
	struct vfio_user_header header = { .command = VFIO_USER_DEVICE_RESET,
					   .size = sizeof(header) };
	int fds[VFIO_USER_MAX_FDS + 1];
	struct bed bed;

	begin(&bed, qemu_json);
	for (unsigned int i = 0; i < FACET_ARRAY_SIZE(fds); i++)
		fds[i] = bed.ram_fd;
	assert_true(vfu_client_send(&bed.client, &header, NULL, 0, fds, FACET_ARRAY_SIZE(fds)));
	assert_true(hung_up(&bed));
	end(&bed);
}

static void no_messages(void **state)
{
	static const struct vfio_user_header wrong[] = {
		{ .command = VFIO_USER_DEVICE_RESET, .size = 15 },
		{ .command = VFIO_USER_DEVICE_RESET, .size = UINT32_MAX },
		{ .command = VFIO_USER_DEVICE_RESET, .size = 16, .flags = 5 },
	};
	struct facet_vfio_user_status status;
	struct bed bed;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(wrong); i++) {
		begin(&bed, qemu_json);
		assert_true(vfu_client_send(&bed.client, &wrong[i], NULL, 0, NULL, 0));
		assert_true(hung_up(&bed));
		facet_vfio_user_status(bed.vfu, &status);
		assert_int_equal(status.drops, 1);
		end(&bed);
	}
}

/* A client that asks and asks and does not read is not served further, and not remembered. */
static void flood(void **state)
{
	struct {
		struct vfio_user_header header;
		struct vfio_user_region_access access;
	} m = { { .command = VFIO_USER_REGION_READ, .size = sizeof(m) },
		{ TOY_BUFFER, 0, TOY_BUFFER_SIZE } };
	struct facet_vfio_user_status status;
	unsigned int sent = 0, received = 0;
	struct bed bed;

	begin(&bed, qemu_json);
	while (sent < 100000 &&
	       send(bed.client.fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(m)) {
		sent++;
		facet_vfio_user_dispatch(bed.vfu);
	}
	assert_in_range(sent, 1, 99999);
	facet_vfio_user_status(bed.vfu, &status);
	assert_in_range(status.sent, 1, 64);
	for (; received < sent; received++) {
		assert_true(vfu_client_receive(&bed.client));
		assert_int_equal(bed.client.size, sizeof(m.access) + TOY_BUFFER_SIZE);
	}
	end(&bed);
}

static void byte_by_byte(void **state)
{
	struct {
		struct vfio_user_header header;
		struct vfio_user_region_access access;
	} m = { { .id = 5, .command = VFIO_USER_REGION_READ, .size = sizeof(m) }, { 0, 0, 8 } };
	struct bed bed;

	begin(&bed, qemu_json);
	for (size_t i = 0; i < sizeof(m); i++) {
		assert_int_equal(send(bed.client.fd, (char *)&m + i, 1, 0), 1);
		facet_vfio_user_dispatch(bed.vfu);
	}
	assert_true(vfu_client_receive(&bed.client));
	assert_int_equal(bed.client.header.id, 5);
	end(&bed);
}

static void gone_in_mid_message(void **state)
{
	const struct vfio_user_header half = { .command = VFIO_USER_REGION_WRITE, .size = 4096 };
	struct facet_vfio_user_status status;
	int fd = eventfd(0, 0);
	struct bed bed;

	begin(&bed, qemu_json);
	bus_master(&bed);
	assert_int_equal(set_irqs(&bed, assign, msix, 0, 1, &fd, 1), 0);
	assert_int_equal(vfu_client_map(&bed.client, GPA, RAM, -1, 0), 0);
	dma_begin(&bed, GPA, 64, 1);
	assert_true(vfu_client_send(&bed.client, &half, "half", 4, &bed.ram_fd, 1));
	facet_vfio_user_dispatch(bed.vfu);
	close(bed.client.fd);
	bed.client.fd = -1;
	assert_int_equal(facet_vfio_user_dispatch(bed.vfu), -ENOTCONN);
	facet_vfio_user_status(bed.vfu, &status);
	assert_false(status.connected);
	assert_int_equal(status.maps, 0);
	assert_int_equal(bed.toy->resets, 1);
	assert_int_equal(facet_pci_vector_fd(&bed.toy->pci, 0), -1);
	end(&bed);
	close(fd);
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
		cmocka_unit_test(dma_shared),
		cmocka_unit_test(maps),
		cmocka_unit_test(dma_by_message),
		cmocka_unit_test(dma_and_requests_cross),
		cmocka_unit_test(memory_that_may_only_be_read),
		cmocka_unit_test(twin_socket),
		cmocka_unit_test(descriptors_in_a_flock),
		cmocka_unit_test(too_many_descriptors),
		cmocka_unit_test(no_messages),
		cmocka_unit_test(flood),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(gone_in_mid_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
