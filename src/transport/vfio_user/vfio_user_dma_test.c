// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio_user_dma_test.c - DMA both ways, and clients that do strange things to their sockets. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/vfio_user/testbed.h"

/* --- DMA --- */

static void dma_begin(struct bed *bed, uint64_t address, uint64_t size, uint32_t command)
{
	bed_write64(bed, TOY_DMA_ADDRESS, address);
	bed_write64(bed, TOY_DMA_SIZE, size);
	bed_write32(bed, 0, TOY_DMA_COMMAND, command);
}

static int dma_result(struct bed *bed, unsigned int count)
{
	assert_int_equal(bed_read32(bed, 0, TOY_DMA_COUNT), count);
	return (int)bed_read32(bed, 0, TOY_DMA_RESULT);
}

static int unmap(struct bed *bed, uint64_t address, uint64_t size, uint32_t flags)
{
	const struct vfio_user_dma_unmap gone = { sizeof(gone), flags, address, size };

	return vfu_client_call(&bed->client, VFIO_USER_DMA_UNMAP, &gone, sizeof(gone), NULL, 0);
}

static void dma_shared(void **state)
{
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	bed_bus_master(&bed);
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
	bed_write32(&bed, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 0);
	dma_begin(&bed, GPA, 100, 2);
	assert_int_equal(dma_result(&bed, 5), -EPERM);
	bed_end(&bed);
}

static void maps(void **state)
{
	struct facet_vfio_user_status status;
	struct facet_guest_view *view;
	struct bed bed;

	bed_begin(&bed, bed_qemu);
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
	bed_end(&bed);
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

	bed_begin(&bed, "{\"capabilities\": {\"max_data_xfer_size\": 4096}}");
	bed_bus_master(&bed);
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
	assert_true(vfu_client_answer(&bed.client, NULL, 0, 0)); /* early QEMUs send no payload */
	assert_int_equal(dma_result(&bed, 2), 0);
	dma_begin(&bed, GPA, 64, 2);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_WRITE, GPA, 64);
	assert_true(vfu_client_answer(&bed.client, NULL, 0, EFAULT));
	assert_int_equal(dma_result(&bed, 3), -EIO);
	bed_end(&bed);
}

/* While the server waits for an answer it serves, and what is late is nobody's. */
static void dma_and_requests_cross(void **state)
{
	struct vfio_user_header question;
	struct bed bed;
	uint8_t payload[16];

	bed_begin(&bed, bed_qemu);
	bed_bus_master(&bed);
	assert_int_equal(vfu_client_map(&bed.client, GPA, RAM, -1, 0), 0);
	dma_begin(&bed, GPA, 16, 1);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_READ, GPA, 16);
	question = bed.client.header;
	memcpy(payload, bed.client.payload, sizeof(payload));
	bed_write64(&bed, TOY_PLAIN, 42);
	assert_int_equal(bed_read32(&bed, 0, TOY_PLAIN), 42);
	assert_int_equal(bed_read32(&bed, 0, TOY_DMA_COUNT), 0);
	assert_int_equal(vfu_client_call(&bed.client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0), 0);
	bed.client.header = question;
	memcpy(bed.client.payload, payload, sizeof(payload));
	answer_read(&bed, 'x', 16);
	assert_int_equal(bed_read32(&bed, 0, TOY_DMA_COUNT), 0);
	assert_int_equal(bed.toy->buffer[0], 0);

	/* An answer of the wrong size is no answer. */
	bed_bus_master(&bed);
	dma_begin(&bed, GPA, 16, 1);
	expect_request(&bed, bed.client.fd, VFIO_USER_DMA_READ, GPA, 16);
	answer_read(&bed, 'y', 15);
	assert_true(bed_hung_up(&bed));
	bed_end(&bed);
}

static void memory_that_may_only_be_read(void **state)
{
	const struct vfio_user_dma_map map = { sizeof(map), VFIO_DMA_MAP_FLAG_READ, 0, GPA, PAGE };
	struct facet_vfio_user_status status;
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	bed_bus_master(&bed);
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_DMA_MAP, &map, sizeof(map), &bed.ram_fd, 1),
		0);
	facet_vfio_user_status(bed.vfu, &status);
	assert_int_equal(status.regions, 0);
	dma_begin(&bed, GPA, 64, 2);
	assert_int_equal(dma_result(&bed, 1), -EPERM);
	bed_end(&bed);
}

static void twin_socket(void **state)
{
	struct bed bed;
	int twin, main_fd;

	bed_begin(&bed, "{\"capabilities\": {\"twin_socket\": {\"supported\": true}}}");
	assert_int_equal(bed.client.fd_count, 1);
	assert_non_null(strstr((char *)bed.client.payload + 4, "\"fd_index\":0"));
	main_fd = bed.client.fd;
	twin = bed.client.fds[0];
	bed.client.fd_count = 0;
	bed_bus_master(&bed);
	assert_int_equal(vfu_client_map(&bed.client, GPA, RAM, -1, 0), 0);
	dma_begin(&bed, GPA, 64, 2);
	expect_request(&bed, twin, VFIO_USER_DMA_WRITE, GPA, 64);
	bed.client.fd = twin;
	assert_true(vfu_client_answer(&bed.client, NULL, 0, 0));
	bed.client.fd = main_fd;
	facet_vfio_user_dispatch(bed.vfu); /* there is no order between the two */
	assert_int_equal(dma_result(&bed, 1), 0);
	close(twin);
	assert_true(bed_hung_up(&bed)); /* it cannot do without */
	bed_end(&bed);
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

	bed_begin(&bed, bed_qemu);
	for (int i = 0; i < 3; i++)
		vfu_client_write(&bed.client, 0, TOY_PLAIN, &value, 8, true);
	assert_true(vfu_client_send(&bed.client, &header, &map, sizeof(map), &bed.ram_fd, 1));
	vfu_client_write(&bed.client, 0, TOY_PLAIN, &value, 8, true);
	assert_true(vfu_client_receive(&bed.client));
	assert_int_equal(bed.client.header.flags, VFIO_USER_TYPE_REPLY);
	assert_int_equal(bed_read32(&bed, 0, TOY_PLAIN), 1);
	facet_vfio_user_status(bed.vfu, &status);
	assert_int_equal(status.regions, 1);
	bed_end(&bed);
}

static void too_many_descriptors(void **state)
{
	struct vfio_user_header header = { .command = VFIO_USER_DEVICE_RESET,
					   .size = sizeof(header) };
	int fds[VFIO_USER_MAX_FDS + 1];
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	for (unsigned int i = 0; i < FACET_ARRAY_SIZE(fds); i++)
		fds[i] = bed.ram_fd;
	assert_true(vfu_client_send(&bed.client, &header, NULL, 0, fds, FACET_ARRAY_SIZE(fds)));
	assert_true(bed_hung_up(&bed));
	bed_end(&bed);
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
		bed_begin(&bed, bed_qemu);
		assert_true(vfu_client_send(&bed.client, &wrong[i], NULL, 0, NULL, 0));
		assert_true(bed_hung_up(&bed));
		facet_vfio_user_status(bed.vfu, &status);
		assert_int_equal(status.drops, 1);
		bed_end(&bed);
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

	bed_begin(&bed, bed_qemu);
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
	bed_end(&bed);
}

static void byte_by_byte(void **state)
{
	struct {
		struct vfio_user_header header;
		struct vfio_user_region_access access;
	} m = { { .id = 5, .command = VFIO_USER_REGION_READ, .size = sizeof(m) }, { 0, 0, 8 } };
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	for (size_t i = 0; i < sizeof(m); i++) {
		assert_int_equal(send(bed.client.fd, (char *)&m + i, 1, 0), 1);
		facet_vfio_user_dispatch(bed.vfu);
	}
	assert_true(vfu_client_receive(&bed.client));
	assert_int_equal(bed.client.header.id, 5);
	bed_end(&bed);
}

static void gone_in_mid_message(void **state)
{
	const struct vfio_user_header half = { .command = VFIO_USER_REGION_WRITE, .size = 4096 };
	const struct vfio_irq_set set = { sizeof(set),
					  VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
					  VFIO_PCI_MSIX_IRQ_INDEX, 0, 1 };
	struct facet_vfio_user_status status;
	int fd = eventfd(0, 0);
	struct bed bed;

	bed_begin(&bed, bed_qemu);
	bed_bus_master(&bed);
	assert_int_equal(
		vfu_client_call(&bed.client, VFIO_USER_DEVICE_SET_IRQS, &set, sizeof(set), &fd, 1),
		0);
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
	bed_end(&bed);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
