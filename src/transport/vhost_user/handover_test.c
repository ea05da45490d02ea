// SPDX-License-Identifier: GPL-2.0-or-later
/* handover_test.c - one process dies under a front-end, the next goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "transport/vhost_user/front.h"

static void dup_one(void *owner, int *fd)
{
	if (*fd >= 0)
		*fd = dup(*fd);
}

/* One process dies, the next goes on with its sockets; without its rings. */
static void a_successor_is_served_too(void **state)
{
	struct front *f = *state;
	struct facet_transport_config cfg = { .device = "null", .listen_fd = -1, .fd = -1 };
	struct facet_transport_status status;
	struct facet_handover kept;
	struct facet_error err;

	front_negotiate(f);
	front_add_memory(f);
	front_start_driver(f, FRONT_FEATURES);
	facet_transport_status(f->transport, &status);
	assert_true(status.handovers > 0);
	assert_int_equal(facet_transport_handover(f->transport, &kept), 0);
	assert_int_equal(kept.display_fd, -1);
	assert_int_equal(kept.protocol_features, FRONT_PROTOCOL);
	assert_true(kept.region_count > 0);
	facet_handover_each_fd(&kept, dup_one, NULL);
	close(facet_steal_fd(&kept.table_fd));
	facet_transport_destroy(f->transport);
	cfg.adopt = &kept;
	assert_int_equal(facet_transport_create("vhost-user", &cfg, &f->transport, &err), 0);
	/* The front-end stops the driver that it believes to be running, and starts it anew. */
	front_set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	assert_int_equal(front_get_base(f, 0), 0);
	assert_int_equal(front_acked(f, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	/* As QEMU does: memory that was told once is not told again. */
	front_start_driver(f, FRONT_FEATURES);
	front_offer(f, 0, "born again");
	assert_true(front_answered(f, 0, "born again"));
	assert_int_equal(front_acked(f, VHOST_USER_SET_CONFIG,
				     &(struct vhost_user_config){ 0, 1, 0, "x" }, 13, NULL, 0),
			 0);
	front_receive(f->back, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, 0, NULL, 0);
}

/* --- a successor that goes on with the rings --- */

/* What somebody who keeps it would have. */
static void keep(struct front *f, struct facet_handover *kept, struct vu_table **ret)
{
	assert_int_equal(facet_transport_handover(f->transport, kept), 0);
	facet_handover_each_fd(kept, dup_one, NULL);
	*ret = mmap(NULL, sizeof(**ret), PROT_READ | PROT_WRITE, MAP_SHARED, kept->table_fd, 0);
	assert_ptr_not_equal(*ret, MAP_FAILED);
}

/* True when the rings were taken over. */
static bool succeed(struct front *f, struct facet_handover *kept, struct vu_table *table)
{
	struct facet_transport_config cfg = {
		.device = "null", .listen_fd = -1, .fd = -1, .adopt = kept
	};
	struct facet_transport_status status;
	struct facet_error err;

	munmap(table, sizeof(*table));
	facet_transport_destroy(f->transport);
	assert_int_equal(facet_transport_create("vhost-user", &cfg, &f->transport, &err), 0);
	facet_transport_status(f->transport, &status);
	assert_true(status.inherited || !status.running);
	return status.inherited;
}

/* As if the null device had taken the last request and not answered it. */
static void unanswer(struct front *f, struct vu_table *table, uint32_t i)
{
	struct virtq_used *used = (void *)(f->base + i * RINGS + USED);
	uint16_t idx = (uint16_t)(le16_get(used->idx) - 1);

	used->idx = le16_of(idx);
	table->rings[i].used = idx;
	table->rings[i].taken[le32_get(used->ring[idx % SIZE].id)] = 1;
}

static void running_rings_are_taken_over(void **state)
{
	struct front *f = *state;
	struct facet_handover kept;
	struct vu_table *table;
	uint64_t count;

	front_negotiate(f);
	front_add_memory(f);
	front_start_driver(f, FRONT_FEATURES);
	front_set_u64(f, VHOST_USER_SET_STATUS, 15);
	front_offer(f, 0, "first");
	assert_true(front_answered(f, 0, "first"));
	front_offer(f, 1, "second");
	assert_true(front_answered(f, 1, "second"));
	keep(f, &kept, &table);
	unanswer(f, table, 1);
	memset(f->base + RINGS + DATA + 256, 'x', 8);
	assert_true(succeed(f, &kept, table));
	/* What was under way is given back, and not executed. */
	front_dispatch(f);
	assert_int_equal(((struct virtq_used *)(void *)(f->base + RINGS + USED))->idx.raw, 1);
	assert_int_equal(read(f->call[1], &count, 8), 8);
	assert_memory_equal(f->base + RINGS + DATA + 256, "xxxxxxxx", 8);
	front_offer(f, 1, "third");
	assert_true(front_answered(f, 1, "third"));
	front_offer(f, 0, "fourth");
	assert_true(front_answered(f, 0, "fourth"));
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_STATUS), 15);
	/* The front-end notices nothing: it pauses, and goes on. */
	assert_int_equal(front_get_base(f, 0), 2);
	assert_int_equal(front_get_base(f, 1), 2);
	front_start_ring(f, 0, 2, FRONT_USER);
	front_offer(f, 0, "fifth");
	assert_true(front_answered(f, 0, "fifth"));
}

static void a_paused_guest_goes_on_with_a_successor(void **state)
{
	struct front *f = *state;
	struct facet_handover kept;
	struct vu_table *table;

	front_negotiate(f);
	front_add_memory(f);
	front_start_driver(f, FRONT_FEATURES);
	front_offer(f, 0, "before");
	assert_true(front_answered(f, 0, "before"));
	assert_int_equal(front_get_base(f, 0), 1);
	assert_int_equal(front_get_base(f, 1), 0);
	front_offer(f, 0, "meanwhile");
	keep(f, &kept, &table);
	assert_true(succeed(f, &kept, table));
	front_start_ring(f, 0, 1, FRONT_USER);
	front_start_ring(f, 1, 0, FRONT_USER);
	front_dispatch(f);
	assert_true(front_answered(f, 0, "meanwhile"));
}

static void rings_of_another_moment_are_left_alone(void **state)
{
	struct front *f = *state;
	struct facet_handover kept;
	struct vu_table *table;

	front_negotiate(f);
	front_add_memory(f);
	front_start_driver(f, FRONT_FEATURES);
	front_offer(f, 0, "before");
	keep(f, &kept, &table);
	/* The driver was stopped, and the keeper did not hear of it any more. */
	assert_int_equal(front_get_base(f, 0), 1);
	unanswer(f, table, 0);
	assert_false(succeed(f, &kept, table));
	front_dispatch(f);
	assert_int_equal(le16_get(((struct virtq_used *)(void *)(f->base + USED))->idx), 0);
	front_start_driver(f, FRONT_FEATURES);
	front_offer(f, 0, "anew");
	assert_true(front_answered(f, 0, "anew"));
}

static void nonsense(struct facet_handover *kept, struct vu_table *table, unsigned int kind)
{
	static const char junk[] = "no table";

	switch (kind) {
	case 0:
		table->magic++;
		break;
	case 1:
		kept->ring_count = 1;
		close(kept->rings[1].kick_fd);
		close(kept->rings[1].call_fd);
		break;
	case 2:
		kept->rings[1].size = 3;
		break;
	case 3:
		kept->rings[1].rings.avail = 1;
		break;
	case 4:
		close(kept->table_fd);
		kept->table_fd = memfd_create("unsealed", MFD_CLOEXEC);
		assert_int_equal(write(kept->table_fd, junk, sizeof(junk)), sizeof(junk));
		break;
	case 5:
		kept->features |= BIT(VIRTIO_F_RING_PACKED);
		break;
	case 6: /* its writing end stays open: somebody lives */
		close(kept->alive_fd);
		kept->alive_fd = eventfd(0, EFD_CLOEXEC);
		break;
	default:
		for (unsigned int i = 0; i < 2; i++) {
			close(kept->rings[i].kick_fd);
			kept->rings[i].kick_fd = memfd_create("no eventfd", MFD_CLOEXEC);
		}
		break;
	}
}

static void nonsense_is_not_taken_over(void **state)
{
	unsigned int before = front_open_fds();
	struct facet_handover kept;
	struct vu_table *table;
	struct front *f;
	void *s;

	for (unsigned int kind = 0; kind < 8; kind++) {
		front_set_up(&s);
		f = s;
		front_negotiate(f);
		front_add_memory(f);
		front_start_driver(f, FRONT_FEATURES);
		front_offer(f, 0, "before");
		keep(f, &kept, &table);
		nonsense(&kept, table, kind);
		assert_false(succeed(f, &kept, table));
		front_start_driver(f, FRONT_FEATURES);
		front_offer(f, 0, "anew");
		assert_true(front_answered(f, 0, "anew"));
		front_tear_down(&s);
		assert_int_equal(front_open_fds(), before);
	}
}

/* The answer to the dead one's question comes first, and must not be taken for ours. */
static void a_successor_asks_the_iommu_anew(void **state)
{
	struct vhost_user_iotlb all = { .size = 0, .type = VHOST_IOTLB_INVALIDATE };
	struct front *f = *state;
	struct facet_handover kept;
	struct vu_table *table;

	front_negotiate(f);
	front_add_memory(f);
	front_set_u64(f, VHOST_USER_SET_FEATURES, FRONT_FEATURES | BIT(VIRTIO_F_IOMMU_PLATFORM));
	front_start_ring(f, 0, 0, 0);
	front_set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_offer(f, 0, "first");
	while (front_answer_miss(f, true))
		;
	assert_true(front_answered(f, 0, "first"));
	assert_int_equal(front_acked(f, VHOST_USER_IOTLB_MSG, &all, sizeof(all), NULL, 0), 0);
	keep(f, &kept, &table);
	assert_int_equal(table->misses, 1);
	unanswer(f, table, 0);
	memset(f->base + DATA + 256, 'x', 8);
	assert_true(succeed(f, &kept, table));
	while (front_answer_miss(f, true))
		;
	assert_int_equal(le16_get(((struct virtq_used *)(void *)(f->base + USED))->idx), 1);
	assert_memory_equal(f->base + DATA + 256, "xxxxxxxx", 8);
	front_offer(f, 0, "second");
	assert_true(front_answered(f, 0, "second"));
	assert_int_equal(front_get_base(f, 0), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, front_set_up, front_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_successor_is_served_too),
		TEST(running_rings_are_taken_over),
		TEST(a_paused_guest_goes_on_with_a_successor),
		TEST(rings_of_another_moment_are_left_alone),
		cmocka_unit_test(nonsense_is_not_taken_over),
		TEST(a_successor_asks_the_iommu_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
