// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio_pci_test.c - a driver's way through the PCI face of a null device, and off the way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "device/virtio_pci/virtio_pci.h"

enum {
	MEMORY = 1 << 20,
	DESC = 0x1000,
	AVAIL = 0x2000,
	USED = 0x3000,
	BUFFER = 0x8000,
	SIZE = 8,
	VECTORS = 3,
	RUNNING = WIRE_VPCI_ACKNOWLEDGE | WIRE_VPCI_DRIVER | WIRE_VPCI_FEATURES_OK |
		  WIRE_VPCI_DRIVER_OK,
};

#define AT(field) offsetof(struct wire_vpci_common, field)
#define MODERN    (1u << (VIRTIO_F_VERSION_1 - 32))
#define RESET     (1u << (VIRTIO_F_RING_RESET - 32))

struct fixture {
	struct facet_pci_host host;
	struct facet_pci *pci;
	int vectors[VECTORS];
	bool listening;
	uint8_t *memory;
};

static void interrupt(struct facet_pci_host *host, unsigned int vector)
{
	struct fixture *f = facet_container_of(host, struct fixture, host);

	assert_true(vector < VECTORS);
	if (f->listening)
		assert_int_equal(eventfd_write(f->vectors[vector], 1), 0);
}

static int vector_fd(struct facet_pci_host *host, unsigned int vector)
{
	struct fixture *f = facet_container_of(host, struct fixture, host);

	return f->listening ? f->vectors[vector] : -1;
}

static const struct facet_pci_host_ops host_ops = {
	.interrupt = interrupt,
	.vector_fd = vector_fd,
};

static uint64_t interrupts(struct fixture *f, unsigned int vector)
{
	eventfd_t count = 0;

	return eventfd_read(f->vectors[vector], &count) ? 0 : count;
}

static int set_up(void **state)
{
	const struct facet_virtio_pci_config config = { .device = "null" };
	const struct facet_guest_region region = { .size = MEMORY };
	facet_autoclose int fd = memfd_create("guest", MFD_CLOEXEC);
	struct fixture *f = calloc(1, sizeof(*f));
	struct facet_error err = { 0 };

	*state = f;
	f->host.ops = &host_ops;
	f->listening = true;
	for (int i = 0; i < VECTORS; i++)
		f->vectors[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, MEMORY), 0);
	f->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(facet_guest_memory_create(&f->host.memory), 0);
	assert_int_equal(facet_guest_memory_add(f->host.memory, &region, fd, &err), 0);
	return facet_virtio_pci.create(&config, &f->host, &f->pci, &err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_pci_destroy(f->pci);
	facet_guest_memory_destroy(f->host.memory);
	for (int i = 0; i < VECTORS; i++)
		close(f->vectors[i]);
	munmap(f->memory, MEMORY);
	free(f);
	return 0;
}

static uint64_t get(struct fixture *f, uint64_t offset, size_t size)
{
	uint64_t value = 0;

	assert_int_equal(facet_pci_bar_read(f->pci, VPCI_BAR, offset, &value, size), 0);
	return le64toh(value);
}

static void put(struct fixture *f, uint64_t offset, size_t size, uint64_t value)
{
	value = htole64(value);
	assert_int_equal(facet_pci_bar_write(f->pci, VPCI_BAR, offset, &value, size), 0);
}

static uint32_t config(struct fixture *f, unsigned int offset, size_t size)
{
	uint32_t value = 0;

	assert_int_equal(facet_pci_config_read(f->pci, offset, &value, size), 0);
	return le32toh(value);
}

static void set_config(struct fixture *f, unsigned int offset, size_t size, uint32_t value)
{
	value = htole32(value);
	assert_int_equal(facet_pci_config_write(f->pci, offset, &value, size), 0);
}

static uint8_t status(struct fixture *f)
{
	return (uint8_t)get(f, AT(device_status), 1);
}

static void set_status(struct fixture *f, uint8_t value)
{
	put(f, AT(device_status), 1, value);
}

/* As far as a driver goes before it sets up queues. */
static void agree(struct fixture *f, uint32_t low, uint32_t high)
{
	set_status(f, WIRE_VPCI_ACKNOWLEDGE | WIRE_VPCI_DRIVER);
	put(f, AT(driver_feature_select), 4, 0);
	put(f, AT(driver_feature), 4, low);
	put(f, AT(driver_feature_select), 4, 1);
	put(f, AT(driver_feature), 4, high);
	set_status(f, WIRE_VPCI_ACKNOWLEDGE | WIRE_VPCI_DRIVER | WIRE_VPCI_FEATURES_OK);
}

static void enable(struct fixture *f, uint16_t queue, uint64_t desc)
{
	put(f, AT(queue_select), 2, queue);
	put(f, AT(queue_size), 2, SIZE);
	put(f, AT(queue_msix_vector), 2, 1);
	put(f, AT(queue_desc), 8, desc);
	put(f, AT(queue_driver), 4, AVAIL);
	put(f, AT(queue_device), 4, USED);
	put(f, AT(queue_enable), 2, 1);
}

static void start(struct fixture *f)
{
	agree(f, 0, MODERN | RESET);
	enable(f, 1, DESC);
	put(f, AT(config_msix_vector), 2, 0);
	set_status(f, RUNNING);
	assert_int_equal(status(f), RUNNING);
}

/* One request with room for as many bytes, in slot 0. */
static void offer(struct fixture *f, uint16_t avail_index)
{
	struct virtq_desc *desc = (struct virtq_desc *)(void *)(f->memory + DESC);
	struct virtq_avail *avail = (struct virtq_avail *)(void *)(f->memory + AVAIL);

	memcpy(f->memory + BUFFER, "facet", 6);
	memset(f->memory + BUFFER + 64, 0, 6);
	desc[0] = (struct virtq_desc){ le64_of(BUFFER), le32_of(6), le16_of(VIRTQ_DESC_F_NEXT),
				       le16_of(1) };
	desc[1] = (struct virtq_desc){ le64_of(BUFFER + 64), le32_of(6),
				       le16_of(VIRTQ_DESC_F_WRITE), le16_of(0) };
	avail->ring[(avail_index - 1) % SIZE] = le16_of(0);
	avail->idx = le16_of(avail_index);
}

static uint16_t used_index(struct fixture *f)
{
	return le16_get(((struct virtq_used *)(void *)(f->memory + USED))->idx);
}

/* --- */

static void test_identity(void **state)
{
	static const uint32_t places[] = {
		[WIRE_VPCI_COMMON] = VPCI_COMMON, [WIRE_VPCI_NOTIFY] = VPCI_NOTIFY,
		[WIRE_VPCI_ISR] = VPCI_ISR,       [WIRE_VPCI_CONFIG] = VPCI_CONFIG,
		[WIRE_VPCI_ACCESS] = 0,
	};
	struct fixture *f = *state;
	unsigned int seen = 0, at = config(f, 0x34, 1), msix = 0;

	assert_int_equal(config(f, 0, 4), 0x10401af4);
	assert_int_equal(config(f, 8, 4), 0xff000001);
	assert_int_equal(config(f, 0x3d, 1), 0); /* no pin */
	for (; at; at = config(f, at + 1, 1)) {
		uint32_t type = config(f, at + 3, 1);

		msix |= config(f, at, 1) == 0x11;
		if (config(f, at, 1) != WIRE_VPCI_CAPABILITY)
			continue;
		assert_in_range(type, WIRE_VPCI_COMMON, WIRE_VPCI_ACCESS);
		assert_int_equal(config(f, at + 8, 4), places[type]);
		assert_int_equal(config(f, at + 2, 1),
				 type == WIRE_VPCI_NOTIFY || type == WIRE_VPCI_ACCESS ? 20 : 16);
		seen |= 1u << type;
	}
	assert_int_equal(seen, 0x3e);
	assert_true(msix);
	assert_int_equal(get(f, AT(num_queues), 2), 2);
}

static void test_features(void **state)
{
	struct fixture *f = *state;

	put(f, AT(device_feature_select), 4, 1);
	assert_true(get(f, AT(device_feature), 4) & MODERN);
	put(f, AT(device_feature_select), 4, 2);
	assert_int_equal(get(f, AT(device_feature), 4), 0);
	agree(f, 0, 0); /* not virtio 1 */
	assert_false(status(f) & WIRE_VPCI_FEATURES_OK);
	agree(f, 1 << 7, MODERN); /* not offered */
	assert_false(status(f) & WIRE_VPCI_FEATURES_OK);
	agree(f, 0, MODERN | 1u << 30);
	assert_false(status(f) & WIRE_VPCI_FEATURES_OK);
	put(f, AT(driver_feature_select), 4, 2);
	put(f, AT(driver_feature), 4, UINT32_MAX);
	agree(f, 1 << VIRTIO_RING_F_EVENT_IDX, MODERN);
	assert_true(status(f) & WIRE_VPCI_FEATURES_OK);
	put(f, AT(driver_feature), 4, 0); /* too late */
	assert_int_equal(get(f, AT(driver_feature), 4), MODERN);
	set_status(f, 0);
	assert_int_equal(status(f), 0);
	assert_int_equal(get(f, AT(driver_feature), 4), 0);
}

static void test_queue(void **state)
{
	struct fixture *f = *state;

	start(f);
	offer(f, 1);
	put(f, VPCI_NOTIFY, 2, 0); /* another queue, which is not enabled */
	assert_int_equal(used_index(f), 0);
	put(f, VPCI_NOTIFY + VPCI_NOTIFY_STEP, 2, 1);
	assert_int_equal(used_index(f), 1);
	assert_string_equal((char *)f->memory + BUFFER + 64, "facet");
	assert_int_equal(interrupts(f, 1), 1);
	assert_int_equal(interrupts(f, 0), 0);
	put(f, VPCI_NOTIFY + VPCI_NOTIFY_STEP, 4, 0x20001); /* with what notification data adds */
	assert_int_equal(interrupts(f, 1), 0);
	assert_int_equal(get(f, VPCI_ISR, 1), WIRE_VPCI_ISR_QUEUE);
	/* All is forgotten at a reset, of the device or of the function. */
	facet_pci_reset(f->pci);
	assert_int_equal(status(f), 0);
	put(f, AT(queue_select), 2, 1);
	assert_int_equal(get(f, AT(queue_enable), 2), 0);
	assert_int_equal(get(f, AT(queue_desc), 4), 0);
	offer(f, 2);
	put(f, VPCI_NOTIFY + VPCI_NOTIFY_STEP, 2, 1);
	assert_int_equal(used_index(f), 1);
}

static void test_queue_registers(void **state)
{
	struct fixture *f = *state;

	agree(f, 0, MODERN);
	put(f, AT(queue_select), 2, 1);
	put(f, AT(queue_size), 2, 12);
	assert_int_equal(get(f, AT(queue_size), 2), FACET_QUEUE_MAX_SIZE);
	put(f, AT(queue_size), 2, 2048);
	assert_int_equal(get(f, AT(queue_size), 2), FACET_QUEUE_MAX_SIZE);
	put(f, AT(queue_msix_vector), 2, VECTORS);
	assert_int_equal(get(f, AT(queue_msix_vector), 2), WIRE_VPCI_NO_VECTOR);
	put(f, AT(config_msix_vector), 2, 7);
	assert_int_equal(get(f, AT(config_msix_vector), 2), WIRE_VPCI_NO_VECTOR);
	enable(f, 1, DESC);
	assert_int_equal(get(f, AT(queue_enable), 2), 1);
	put(f, AT(queue_desc), 4, 0xdead0000); /* it runs there already */
	assert_int_equal(get(f, AT(queue_desc), 4), DESC);
	put(f, AT(queue_reset), 2, 1); /* not agreed on */
	assert_int_equal(get(f, AT(queue_enable), 2), 1);
	put(f, AT(queue_select), 2, 2); /* there is none */
	assert_int_equal(get(f, AT(queue_size), 2), 0);
	put(f, AT(queue_enable), 2, 1);
	put(f, AT(queue_size), 1, 8); /* half a register */
	put(f, 62, 4, 8);
	assert_int_equal(status(f) & WIRE_VPCI_NEEDS_RESET, 0);
	enable(f, 0, DESC + 1);
	assert_true(status(f) & WIRE_VPCI_NEEDS_RESET);
}

static void test_queue_reset(void **state)
{
	struct fixture *f = *state;

	start(f);
	offer(f, 1);
	put(f, VPCI_NOTIFY + VPCI_NOTIFY_STEP, 2, 1);
	put(f, AT(queue_select), 2, 1);
	put(f, AT(queue_reset), 2, 1);
	assert_int_equal(get(f, AT(queue_reset), 2), 0); /* done already */
	assert_int_equal(get(f, AT(queue_enable), 2), 0);
	memset(f->memory + AVAIL, 0, 0x2000);
	interrupts(f, 1);
	offer(f, 1);
	enable(f, 1, DESC); /* what lies there is seen without a kick */
	assert_int_equal(used_index(f), 1);
	assert_int_equal(interrupts(f, 1), 1);
	assert_int_equal(status(f), RUNNING);
}

static void test_status(void **state)
{
	struct fixture *f = *state;

	set_status(f, WIRE_VPCI_ACKNOWLEDGE | WIRE_VPCI_NEEDS_RESET);
	assert_int_equal(status(f), WIRE_VPCI_ACKNOWLEDGE);
	set_status(f, WIRE_VPCI_DRIVER_OK);
	assert_true(status(f) & WIRE_VPCI_NEEDS_RESET);
	set_status(f, 0);
	start(f);
	((struct virtq_avail *)(void *)(f->memory + AVAIL))->idx = le16_of(SIZE + 1);
	put(f, VPCI_NOTIFY + VPCI_NOTIFY_STEP, 2, 1);
	assert_true(status(f) & WIRE_VPCI_NEEDS_RESET);
	assert_int_equal(interrupts(f, 0), 1);
	assert_true(get(f, VPCI_ISR, 1) & WIRE_VPCI_ISR_CONFIG);
	assert_false(get(f, VPCI_ISR, 1) & WIRE_VPCI_ISR_CONFIG);
	set_status(f, 0);
	memset(f->memory, 0, MEMORY);
	start(f);
	set_status(f, WIRE_VPCI_FAILED);
	offer(f, 1);
	put(f, VPCI_NOTIFY + VPCI_NOTIFY_STEP, 2, 1);
	assert_int_equal(used_index(f), 0);
}

static void test_config(void **state)
{
	struct fixture *f = *state;
	uint64_t generation = get(f, AT(config_generation), 1);

	start(f);
	put(f, VPCI_CONFIG + 4, 4, 0x12345678);
	assert_int_equal(get(f, VPCI_CONFIG + 4, 4), 0x12345678);
	assert_int_equal(get(f, VPCI_CONFIG + 16, 8), 0); /* past its end */
	put(f, VPCI_CONFIG + 14, 8, UINT64_MAX);
	assert_int_not_equal(get(f, AT(config_generation), 1), generation);
	assert_int_equal(interrupts(f, 0), 2);
}

static void test_access(void **state)
{
	struct fixture *f = *state;
	unsigned int at = config(f, 0x34, 1);

	while (config(f, at, 1) != WIRE_VPCI_CAPABILITY || config(f, at + 3, 1) != WIRE_VPCI_ACCESS)
		at = config(f, at + 1, 1);
	set_config(f, at + 4, 1, VPCI_BAR);
	set_config(f, at + 8, 4, AT(num_queues));
	set_config(f, at + 12, 4, 2);
	assert_int_equal(config(f, at + 16, 2), 2);
	set_config(f, at + 8, 4, AT(queue_select));
	set_config(f, at + 16, 4, 1);
	assert_int_equal(get(f, AT(queue_select), 2), 1);
	set_config(f, at + 8, 4, AT(queue_select) + 1); /* at no register's begin */
	set_config(f, at + 16, 4, 0);
	set_config(f, at + 8, 4, AT(queue_select));
	set_config(f, at + 12, 4, 3);
	set_config(f, at + 16, 4, 0);
	set_config(f, at + 8, 4, VPCI_BAR_SIZE);
	set_config(f, at + 12, 4, 4);
	set_config(f, at + 16, 4, 0);
	set_config(f, at + 4, 1, VPCI_MSIX_BAR);
	set_config(f, at + 8, 4, 0);
	set_config(f, at + 16, 4, 0);
	assert_int_equal(get(f, AT(queue_select), 2), 1);
}

/* Vectors go away and come back while the device answers. */
static void test_vectors(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->listening = false;
	facet_virtio_pci.vectors_changed(f->pci);
	offer(f, 1);
	put(f, VPCI_NOTIFY + VPCI_NOTIFY_STEP, 2, 1);
	assert_int_equal(used_index(f), 1);
	f->listening = true;
	assert_int_equal(interrupts(f, 1), 0);
	facet_virtio_pci.vectors_changed(f->pci);
	assert_int_equal(interrupts(f, 1), 1);
	facet_virtio_pci.vectors_changed(f->pci);
	assert_int_equal(interrupts(f, 1), 0);
}

/* More than one kick takes: the rest comes by the function's own descriptor. */
static void test_many(void **state)
{
	enum { MANY = 256 };
	struct fixture *f = *state;
	struct virtq_avail *avail = (struct virtq_avail *)(void *)(f->memory + AVAIL);

	agree(f, 0, MODERN);
	put(f, AT(queue_select), 2, 1);
	put(f, AT(queue_size), 2, MANY);
	put(f, AT(queue_desc), 4, DESC);
	put(f, AT(queue_driver), 4, 0x10000);
	put(f, AT(queue_device), 4, USED);
	put(f, AT(queue_enable), 2, 1);
	offer(f, 1);
	avail = (struct virtq_avail *)(void *)(f->memory + 0x10000);
	avail->idx = le16_of(MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		struct virtq_desc *desc = (struct virtq_desc *)(void *)(f->memory + DESC) + i;

		*desc = (struct virtq_desc){ le64_of(BUFFER), le32_of(6), le16_of(0), le16_of(0) };
		avail->ring[i] = le16_of((uint16_t)i);
	}
	set_status(f, RUNNING);
	assert_in_range(used_index(f), 1, MANY - 1);
	for (unsigned int i = 0; i < MANY && used_index(f) < MANY; i++)
		facet_virtio_pci.dispatch(f->pci);
	assert_int_equal(used_index(f), MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_features, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_queue_registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_queue_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_config, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_access, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_vectors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
