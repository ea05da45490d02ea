// SPDX-License-Identifier: GPL-2.0-or-later
/* loopback_test.c - round trips through the loopback transport and the null device. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transport/loopback/loopback.h"
#include "wire/virtio_ring.h"

static int set_up(void **state)
{
	const struct facet_transport_config cfg = { .device = "null", .listen_fd = -1, .fd = -1 };
	struct facet_transport *transport;
	struct facet_error err;

	assert_int_equal(facet_transport_create("loopback", &cfg, &transport, &err), 0);
	*state = transport;
	return 0;
}

static int tear_down(void **state)
{
	facet_transport_destroy(*state);
	return 0;
}

static void echo(struct facet_transport *transport, unsigned int queue, size_t size,
		 unsigned int pieces)
{
	uint8_t *out = malloc(size), *in = calloc(1, size);
	int ticket;

	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(i * 7 + size);
	ticket = facet_loopback_send(transport, queue, out, size, pieces, size);
	assert_true(ticket >= 0);
	assert_int_equal(facet_loopback_wait(transport, queue, ticket, in, size), size);
	assert_memory_equal(in, out, size);
	free(out);
	free(in);
}

static void requests_come_back(void **state)
{
	const uint64_t features[] = { 0, 1ull << VIRTIO_RING_F_INDIRECT_DESC,
				      1ull << VIRTIO_RING_F_EVENT_IDX, UINT64_MAX };

	for (size_t f = 0; f < sizeof(features) / sizeof(features[0]); f++) {
		facet_loopback_reset(*state, features[f]);
		for (unsigned int i = 1; i < 600; i++)
			echo(*state, i % 2, i * 13, 1 + i % 11);
		echo(*state, 0, 3000000, 200);
	}
}

static void a_full_ring_says_so(void **state)
{
	int tickets[256], ticket;
	unsigned int count = 0;
	char in[8];

	facet_loopback_reset(*state, 0);
	while ((ticket = facet_loopback_send(*state, 0, "12345678", 8, 3, 8)) >= 0)
		tickets[count++] = ticket;
	assert_int_equal(ticket, -ENOSPC);
	assert_int_equal(count, 256 / 4);
	while (count) {
		assert_int_equal(facet_loopback_wait(*state, 0, tickets[--count], in, 8), 8);
		assert_memory_equal(in, "12345678", 8);
	}
	assert_int_equal(facet_loopback_wait(*state, 0, tickets[0], in, 8), -EINVAL);
	echo(*state, 0, 100, 1);
}

static void a_reset_forgets(void **state)
{
	struct facet_transport_status status;

	assert_true(facet_loopback_send(*state, 0, "1", 1, 1, 1) >= 0);
	assert_int_equal(facet_loopback_send(*state, 2, "1", 1, 1, 1), -EINVAL);
	facet_loopback_reset(*state, 1ull << VIRTIO_F_VERSION_1 | 1ull << 60);
	facet_transport_status(*state, &status);
	assert_true(status.connected && status.running);
	assert_int_equal(status.features, 1ull << VIRTIO_F_VERSION_1);
	assert_int_equal(status.regions, 1);
	echo(*state, 0, 5000, 2);
}

static void memory_is_the_guests(void **state)
{
	uint8_t *base = facet_loopback_memory(*state);
	uint64_t a, b;

	a = facet_loopback_alloc(*state, 10);
	b = facet_loopback_alloc(*state, 10);
	assert_int_equal(b - a, 4096);
	memset(base + a, 1, 4096);
	assert_non_null(facet_loopback_device(*state));
	assert_int_equal(facet_loopback_config_changes(*state), 0);
	facet_device_config_write(facet_loopback_device(*state), 0, "abcd", 4);
	assert_int_equal(facet_loopback_config_changes(*state), 1);
}

/* Overwriting everything the driver has in memory must break queues and nothing else. */
static void scribbling_breaks_queues_only(void **state)
{
	uint32_t *base = facet_loopback_memory(*state);
	struct facet_transport_status status;
	unsigned int seed = 1;

	for (int round = 0; round < 200; round++) {
		facet_loopback_reset(*state, UINT64_MAX);
		facet_loopback_send(*state, 0, "abc", 3, 1, 3);
		for (int i = 0; i < 65536 / 4; i++)
			base[i] = (uint32_t)rand_r(&seed);
		facet_transport_dispatch(*state);
	}
	facet_transport_status(*state, &status);
	assert_int_equal(status.drops, 1);
	facet_loopback_reset(*state, UINT64_MAX);
	echo(*state, 0, 100, 1);
}

static void unknown_names_are_refused(void **state)
{
	const struct facet_transport_config cfg = { .device = "no such",
						    .listen_fd = -1,
						    .fd = -1 };
	struct facet_transport *transport = NULL;
	struct facet_error err;

	assert_int_equal(facet_transport_create("no such", &cfg, &transport, &err), -EINVAL);
	assert_int_equal(facet_transport_create("loopback", &cfg, &transport, &err), -EINVAL);
	assert_int_equal(facet_transport_create("vhost-user", &cfg, &transport, &err), -EINVAL);
	assert_null(transport);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(requests_come_back),
		TEST(a_full_ring_says_so),
		TEST(a_reset_forgets),
		TEST(memory_is_the_guests),
		TEST(scribbling_breaks_queues_only),
		TEST(unknown_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
