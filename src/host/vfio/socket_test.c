// SPDX-License-Identifier: GPL-2.0-or-later
/* socket_test.c - the client of vfio-user against a server that is honest, and many that are not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "host/vfio/fake_server.h"
#include "host/vfio/socket.h"

static struct facet_error err;

enum {
	TIMEOUT_MS = 60000,
};

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static struct facet_vfio *attach(struct fake_server *server, const struct fake_lie *lie,
				 const char *capabilities)
{
	struct facet_vfio *vfio = NULL;
	int fd = fake_server_start(server, lie, capabilities);

	assert_int_equal(facet_vfio_socket_attach(fd, "peer", TIMEOUT_MS, &vfio, &err), 0);
	return vfio;
}

/* --- an honest one --- */

static void a_device_is_driven(void **state)
{
	unsigned int fds = open_fds();
	struct fake_server server;
	struct facet_vfio *vfio = attach(&server, NULL, NULL);
	struct facet_vfio_region region;
	struct facet_vfio_info info;
	uint32_t value = 0xcafe;
	void *p;

	facet_vfio_info(vfio, &info);
	assert_true(info.pci && info.resettable);
	assert_string_equal(facet_vfio_backend(vfio), "vfio-user");
	assert_int_equal(facet_vfio_region_info(vfio, 0, &region, &err), 0);
	assert_int_equal(region.size, FAKE_REGION_SIZE);
	assert_int_equal(facet_vfio_write(vfio, 0, 8, &value, 4, &err), 0);
	value = 0;
	assert_int_equal(facet_vfio_read(vfio, 0, 8, &value, 4, &err), 0);
	assert_int_equal(value, 0xcafe);
	assert_int_equal(facet_vfio_region_map(vfio, 0, 0x2000, 0x1000, &p, &err), 0);
	assert_int_equal(facet_vfio_reset(vfio, &err), 0);
	facet_vfio_close(vfio);
	*(volatile uint32_t *)p = 1; /* stays until it is unmapped */
	munmap(p, 0x1000);
	fake_server_stop(&server);
	assert_int_equal(server.commands[VFIO_USER_DEVICE_GET_REGION_INFO], 1);
	assert_int_equal(server.commands[VFIO_USER_DEVICE_RESET], 1);
	assert_int_equal(open_fds(), fds);
}

static void transfers_are_as_small_as_the_server_wants(void **state)
{
	struct fake_server server;
	struct facet_vfio *vfio =
		attach(&server, NULL, "{\"capabilities\":{\"max_data_xfer_size\":100}}");
	uint8_t out[1000], in[1000];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7);
	assert_int_equal(facet_vfio_write(vfio, 0, 3, out, sizeof(out), &err), 0);
	assert_int_equal(facet_vfio_read(vfio, 0, 3, in, sizeof(in), &err), 0);
	assert_memory_equal(in, out, sizeof(out));
	facet_vfio_close(vfio);
	fake_server_stop(&server);
	assert_int_equal(server.commands[VFIO_USER_REGION_READ], 10);
	assert_int_equal(server.commands[VFIO_USER_REGION_WRITE], 10);
}

static void interrupts_come_in_messages_that_fit(void **state)
{
	const unsigned int msix = VFIO_PCI_MSIX_IRQ_INDEX;
	struct fake_server server;
	struct facet_vfio *vfio = attach(&server, NULL, "{\"capabilities\":{\"max_msg_fds\":3}}");
	int fds[FAKE_VECTORS];

	for (int i = 0; i < FAKE_VECTORS; i++)
		fds[i] = i == 4 || i == 5 ? -1 : eventfd(0, EFD_CLOEXEC);
	assert_int_equal(facet_vfio_irq_set(vfio, msix, 0, FAKE_VECTORS, fds, &err), 0);
	for (int i = 0; i < FAKE_VECTORS; i++) {
		assert_int_equal(server.vectors[i] >= 0, fds[i] >= 0);
		if (fds[i] >= 0)
			close(fds[i]);
	}
	assert_int_equal(server.most_fds, 3);
	assert_int_equal(facet_vfio_irq_set(vfio, msix, 19, 2, fds, &err), -EINVAL);
	assert_int_equal(facet_vfio_irq_set(vfio, VFIO_PCI_MSI_IRQ_INDEX, 0, 1, fds, &err),
			 -EINVAL);
	facet_vfio_close(vfio);
	fake_server_stop(&server);
}

static void mappings_are_told_and_kept(void **state)
{
	static uint8_t page[8192];
	struct fake_server server;
	struct facet_vfio *vfio = attach(&server, NULL, "{\"capabilities\":{\"max_dma_maps\":2}}");
	struct facet_vfio_dma dma = { .iova = UINT64_MAX - 4095,
				      .size = 4096,
				      .address = page,
				      .fd = server.region_fd,
				      .writable = true };

	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), 0);
	assert_true(server.map_has_fd);
	assert_int_equal(server.map_flags, VFIO_DMA_MAP_FLAG_WRITE);
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), -EEXIST);
	dma.iova = 0;
	dma.fd = -1;
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), 0);
	assert_false(server.map_has_fd);
	dma.iova = 8192;
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), -ENOSPC);
	assert_int_equal(facet_vfio_dma_unmap(vfio, 0, 8192, &err), -EINVAL);
	assert_int_equal(facet_vfio_dma_unmap(vfio, 0, 4096, &err), 0);
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), 0);
	facet_vfio_close(vfio);
	fake_server_stop(&server);
}

/* --- a server that asks --- */

static uint8_t lent[2][4096];

static void ask_for_memory(struct fake_server *server, uint8_t *reply)
{
	struct {
		struct vfio_user_dma_access access;
		uint8_t data[16];
	} m = { { 0x10ff8, 16 }, "0123456789abcdef" }, back;
	const uint16_t get = VFIO_USER_DMA_READ, put = VFIO_USER_DMA_WRITE;

	/* Across two mappings, of which only the first may be written. */
	assert_int_equal(fake_server_ask(server, get, &m, 16, &back, sizeof(back)), 0);
	assert_memory_equal(back.data, "AAAAAAAABBBBBBBB", 16);
	assert_int_equal(fake_server_ask(server, put, &m, sizeof(m), &back, 16), -EFAULT);
	m.access.address = 0x10000;
	assert_int_equal(fake_server_ask(server, put, &m, sizeof(m), &back, 16), 0);
	assert_int_equal(back.access.count, 16);
	/* Of what is not there, too much, and sizes that do not match. */
	m.access.address = 0x12000;
	assert_int_equal(fake_server_ask(server, get, &m, 16, &back, sizeof(back)), -EFAULT);
	m.access.address = UINT64_MAX;
	assert_int_equal(fake_server_ask(server, get, &m, 16, &back, sizeof(back)), -EFAULT);
	m.access.address = 0x10000;
	m.access.count = UINT64_MAX;
	assert_int_equal(fake_server_ask(server, get, &m, 16, &back, sizeof(back)), -EINVAL);
	assert_int_equal(fake_server_ask(server, put, &m, sizeof(m), &back, 16), -EINVAL);
	m.access.count = 17;
	assert_int_equal(fake_server_ask(server, put, &m, sizeof(m), &back, 16), -EINVAL);
	assert_int_equal(fake_server_ask(server, get, &m, 15, &back, sizeof(back)), -EINVAL);
	assert_int_equal(fake_server_ask(server, VFIO_USER_DEVICE_RESET, &m, 0, &back, 0),
			 -ENOTSUP);
	/* Nothing, which is something. */
	m.access.count = 0;
	assert_int_equal(fake_server_ask(server, get, &m, 16, &back, 16), 0);
}

static void a_server_may_ask_for_memory(void **state)
{
	static const struct fake_lie lie = { "asks", VFIO_USER_DEVICE_RESET, ask_for_memory, 0 };
	struct fake_server server;
	struct facet_vfio *vfio = attach(&server, &lie, NULL);
	struct facet_vfio_dma dma = { .iova = 0x10000,
				      .size = 4096,
				      .address = lent[0],
				      .fd = -1,
				      .readable = true,
				      .writable = true };

	memset(lent[0], 'A', 4096);
	memset(lent[1], 'B', 4096);
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), 0);
	dma.iova = 0x11000;
	dma.address = lent[1];
	dma.writable = false;
	assert_int_equal(facet_vfio_dma_map(vfio, &dma, &err), 0);
	assert_int_equal(facet_vfio_reset(vfio, &err), 0);
	assert_memory_equal(lent[0], "0123456789abcdef", 16);
	assert_int_equal(lent[0][4095], '7'); /* what came before the part that failed */
	assert_int_equal(lent[1][0], 'B');
	facet_vfio_close(vfio);
	fake_server_stop(&server);
}

static void it_may_ask_at_any_time(void **state)
{
	struct vfio_user_dma_access access = { 0x10000, 8 };
	struct vfio_user_header header = { 7, VFIO_USER_DMA_READ, 32, 0, 0 };
	struct fake_server server;
	struct facet_vfio *vfio = attach(&server, NULL, NULL);
	uint32_t value;

	assert_int_equal(facet_vfio_dispatch(vfio, &err), 0);
	/* In pieces; and nobody is to answer. */
	header.flags = VFIO_USER_NO_REPLY;
	fake_server_send(&server, &header, 9, -1, 0);
	assert_int_equal(facet_vfio_dispatch(vfio, &err), 0);
	fake_server_send(&server, (uint8_t *)&header + 9, sizeof(header) - 9, -1, 0);
	assert_int_equal(facet_vfio_dispatch(vfio, &err), 0);
	fake_server_send(&server, &access, sizeof(access), -1, 0);
	assert_int_equal(facet_vfio_dispatch(vfio, &err), 0);
	assert_int_equal(facet_vfio_read(vfio, 0, 0, &value, 4, &err), 0);
	/* A reply to nothing is the end of it. */
	header = (struct vfio_user_header){ 3, VFIO_USER_DEVICE_RESET, 16, 1, 0 };
	fake_server_send(&server, &header, sizeof(header), -1, 0);
	assert_int_equal(facet_vfio_dispatch(vfio, &err), -EPROTO);
	assert_int_equal(facet_vfio_dispatch(vfio, &err), -ENOTCONN);
	assert_int_equal(facet_vfio_read(vfio, 0, 0, &value, 4, &err), -ENOTCONN);
	assert_int_equal(facet_vfio_fd(vfio), -1);
	facet_vfio_close(vfio);
	fake_server_stop(&server);
}

/* --- servers that lie --- */

static struct vfio_user_header *header_of(uint8_t *reply)
{
	return (void *)reply;
}

static struct vfio_region_info *info_of(uint8_t *reply)
{
	return (void *)(reply + sizeof(struct vfio_user_header));
}

static void resize(struct fake_server *s, uint8_t *reply, uint32_t size)
{
	header_of(reply)->size = size;
	s->send_size = size;
}

static void size_below_header(struct fake_server *s, uint8_t *reply)
{
	header_of(reply)->size = 15;
}

static void size_of_4g(struct fake_server *s, uint8_t *reply)
{
	header_of(reply)->size = UINT32_MAX;
}

static void no_payload(struct fake_server *s, uint8_t *reply)
{
	resize(s, reply, 16);
}

static void short_payload(struct fake_server *s, uint8_t *reply)
{
	resize(s, reply, s->send_size - 1);
}

static void long_payload(struct fake_server *s, uint8_t *reply)
{
	resize(s, reply, 60000);
}

static void other_id(struct fake_server *s, uint8_t *reply)
{
	header_of(reply)->id++;
}

static void other_command(struct fake_server *s, uint8_t *reply)
{
	header_of(reply)->command = VFIO_USER_DMA_MAP;
}

static void other_type(struct fake_server *s, uint8_t *reply)
{
	header_of(reply)->flags = 7;
}

static void goes_away(struct fake_server *s, uint8_t *reply)
{
	s->send_size = 20;
	fake_server_send(s, reply, 20, -1, 0);
	shutdown(s->fd, SHUT_RDWR);
	s->silent = true;
}

static void refuses_without_reason(struct fake_server *s, uint8_t *reply)
{
	header_of(reply)->flags |= VFIO_USER_ERROR;
	resize(s, reply, 16);
}

static void refuses_strangely(struct fake_server *s, uint8_t *reply)
{
	refuses_without_reason(s, reply);
	header_of(reply)->error = UINT32_MAX;
}

static void refuses(struct fake_server *s, uint8_t *reply)
{
	refuses_without_reason(s, reply);
	header_of(reply)->error = EBUSY;
}

static void many_fds(struct fake_server *s, uint8_t *reply)
{
	s->fd_count = 40;
}

static void some_fds(struct fake_server *s, uint8_t *reply)
{
	s->fd_count = VFIO_USER_MAX_FDS;
}

static void other_access(struct fake_server *s, uint8_t *reply)
{
	reply[sizeof(struct vfio_user_header) + 8]++;
}

static void other_region(struct fake_server *s, uint8_t *reply)
{
	info_of(reply)->index = 3;
}

static void caps_in_a_circle(struct fake_server *s, uint8_t *reply)
{
	struct vfio_info_cap_header *cap = (void *)(info_of(reply) + 1);

	cap->next = sizeof(struct vfio_region_info);
}

static void caps_beyond_the_end(struct fake_server *s, uint8_t *reply)
{
	info_of(reply)->cap_offset = s->send_size - 16 - 4;
}

static void area_beyond_the_end(struct fake_server *s, uint8_t *reply)
{
	info_of(reply)->size = 0x2fff;
}

static void other_major(struct fake_server *s, uint8_t *reply)
{
	reply[sizeof(struct vfio_user_header)] = 1;
}

static void newer_minor(struct fake_server *s, uint8_t *reply)
{
	reply[sizeof(struct vfio_user_header) + 2] = 9;
}

static void no_json(struct fake_server *s, uint8_t *reply)
{
	strcpy((char *)reply + sizeof(struct vfio_user_header) + 4, "{\"capabilities\":");
	resize(s, reply, 60);
}

static void json_array(struct fake_server *s, uint8_t *reply)
{
	strcpy((char *)reply + sizeof(struct vfio_user_header) + 4, "[1]");
	resize(s, reply, 24);
}

static void long_json(struct fake_server *s, uint8_t *reply)
{
	memset(reply + sizeof(struct vfio_user_header) + 4, '[', 10000);
	resize(s, reply, 10000);
}

static const struct fake_lie lies[] = {
	{ "size below the header's", VFIO_USER_VERSION, size_below_header, -EPROTO },
	{ "4 GiB", VFIO_USER_VERSION, size_of_4g, -EPROTO },
	{ "another major version", VFIO_USER_VERSION, other_major, -EPROTO },
	{ "a newer minor version", VFIO_USER_VERSION, newer_minor, -EPROTO },
	{ "no version", VFIO_USER_VERSION, no_payload, -EPROTO },
	{ "no JSON", VFIO_USER_VERSION, no_json, -EPROTO },
	{ "JSON of another kind", VFIO_USER_VERSION, json_array, -EPROTO },
	{ "much JSON", VFIO_USER_VERSION, long_json, -EPROTO },
	{ "refuses the version", VFIO_USER_VERSION, refuses, -EBUSY },
	{ "40 descriptors", VFIO_USER_DEVICE_GET_INFO, many_fds, -EPROTO },
	{ "little information", VFIO_USER_DEVICE_GET_INFO, short_payload, -EPROTO },
	{ "much information", VFIO_USER_DEVICE_GET_INFO, long_payload, 0 },
	{ "another id", VFIO_USER_DEVICE_GET_INFO, other_id, -EPROTO },
	{ "another command", VFIO_USER_DEVICE_GET_INFO, other_command, -EPROTO },
	{ "another type", VFIO_USER_DEVICE_GET_INFO, other_type, -EPROTO },
	{ "goes away", VFIO_USER_DEVICE_GET_INFO, goes_away, -ECONNRESET },
	{ "another region", VFIO_USER_DEVICE_GET_REGION_INFO, other_region, -EPROTO },
	{ "capabilities in a circle", VFIO_USER_DEVICE_GET_REGION_INFO, caps_in_a_circle, -EPROTO },
	{ "capabilities too far", VFIO_USER_DEVICE_GET_REGION_INFO, caps_beyond_the_end, -EPROTO },
	{ "area outside", VFIO_USER_DEVICE_GET_REGION_INFO, area_beyond_the_end, -EPROTO },
	{ "short region", VFIO_USER_DEVICE_GET_REGION_INFO, short_payload, -EPROTO },
	{ "long region", VFIO_USER_DEVICE_GET_REGION_INFO, long_payload, -EPROTO },
	{ "16 descriptors", VFIO_USER_DEVICE_GET_REGION_INFO, some_fds, 0 },
	{ "short interrupts", VFIO_USER_DEVICE_GET_IRQ_INFO, short_payload, -EPROTO },
	{ "descriptors for nothing", VFIO_USER_DEVICE_GET_IRQ_INFO, some_fds, 0 },
	{ "no data", VFIO_USER_REGION_READ, no_payload, -EPROTO },
	{ "little data", VFIO_USER_REGION_READ, short_payload, -EPROTO },
	{ "much data", VFIO_USER_REGION_READ, long_payload, -EPROTO },
	{ "data of another place", VFIO_USER_REGION_READ, other_access, -EPROTO },
	{ "refuses without reason", VFIO_USER_REGION_READ, refuses_without_reason, -EIO },
	{ "refuses strangely", VFIO_USER_REGION_WRITE, refuses_strangely, -EIO },
	{ "goes away in a write", VFIO_USER_REGION_WRITE, goes_away, -ECONNRESET },
	{ "refuses interrupts", VFIO_USER_DEVICE_SET_IRQS, refuses, -EBUSY },
	{ "refuses a mapping", VFIO_USER_DMA_MAP, refuses, -EBUSY },
	{ "refuses to unmap", VFIO_USER_DMA_UNMAP, refuses, -EBUSY },
	{ "refuses a reset", VFIO_USER_DEVICE_RESET, refuses, -EBUSY },
};

/* Everything that can be asked; what the call with this command gives, 0 when there is none. */
static int use(struct facet_vfio *vfio, uint16_t command)
{
	const struct facet_vfio_dma dma = { 0x1000, sizeof(lent), lent, -1, 0, true, true };
	static int results[VFIO_USER_COMMANDS];
	struct facet_vfio_region region;
	struct facet_vfio_irq irq;
	uint64_t value = 0;
	int event = eventfd(0, EFD_CLOEXEC);

	results[VFIO_USER_DEVICE_GET_REGION_INFO] = facet_vfio_region_info(vfio, 0, &region, &err);
	results[VFIO_USER_REGION_READ] = facet_vfio_read(vfio, 0, 0, &value, 8, &err);
	results[VFIO_USER_REGION_WRITE] = facet_vfio_write(vfio, 0, 0, &value, 8, &err);
	results[VFIO_USER_DEVICE_GET_IRQ_INFO] =
		facet_vfio_irq_info(vfio, VFIO_PCI_MSIX_IRQ_INDEX, &irq, &err);
	results[VFIO_USER_DEVICE_SET_IRQS] =
		facet_vfio_irq_set(vfio, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &event, &err);
	results[VFIO_USER_DMA_MAP] = facet_vfio_dma_map(vfio, &dma, &err);
	results[VFIO_USER_DMA_UNMAP] = facet_vfio_dma_unmap(vfio, 0x1000, sizeof(lent), &err);
	results[VFIO_USER_DEVICE_RESET] = facet_vfio_reset(vfio, &err);
	close(event);
	return results[command];
}

static void lies_are_found_out(void **state)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(lies); i++) {
		struct facet_vfio *vfio = NULL;
		unsigned int fds = open_fds();
		struct fake_server server;
		int fd = fake_server_start(&server, &lies[i], NULL);
		int r = facet_vfio_socket_attach(fd, "peer", TIMEOUT_MS, &vfio, &err);

		if (r == 0)
			r = use(vfio, lies[i].command);
		if (lies[i].expected && r != lies[i].expected)
			fail_msg("%s: %d, not %d (%s)", lies[i].name, r, lies[i].expected,
				 err.text);
		facet_vfio_close(vfio);
		fake_server_stop(&server);
		assert_int_equal(open_fds(), fds);
	}
}

/* A file that ends before the region does would kill who touches what is not there. */
static void short_file(struct fake_server *s, uint8_t *reply)
{
	if (ftruncate(s->region_fd, 0x2800) < 0)
		abort();
}

static void no_file(struct fake_server *s, uint8_t *reply)
{
	if (dup3(s->fd, s->region_fd, O_CLOEXEC) < 0)
		abort();
}

static void forgotten_fd(struct fake_server *s, uint8_t *reply)
{
	s->fd_count = 0;
}

static void far_away(struct fake_server *s, uint8_t *reply)
{
	info_of(reply)->offset = UINT64_MAX - 0x1000;
}

static void files_are_looked_at_before_they_are_mapped(void **state)
{
	static const struct fake_lie files[] = {
		{ "short", VFIO_USER_DEVICE_GET_REGION_INFO, short_file, -EPROTO },
		{ "a socket", VFIO_USER_DEVICE_GET_REGION_INFO, no_file, -EPROTO },
		{ "forgotten", VFIO_USER_DEVICE_GET_REGION_INFO, forgotten_fd, -ENOTSUP },
		{ "far away", VFIO_USER_DEVICE_GET_REGION_INFO, far_away, -EPROTO },
	};
	struct fake_server server;
	struct facet_vfio *vfio;
	void *p;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(files); i++) {
		vfio = attach(&server, &files[i], NULL);
		assert_int_equal(facet_vfio_region_map(vfio, 0, 0x2000, 0x1000, &p, &err),
				 files[i].expected);
		facet_vfio_close(vfio);
		fake_server_stop(&server);
	}
}

/* --- servers that take their time --- */

static void says_nothing(struct fake_server *s, uint8_t *reply)
{
	s->silent = true;
}

static void asks_for_ever(struct fake_server *s, uint8_t *reply)
{
	const struct vfio_user_dma_access access = { 0, 8 };
	uint8_t back[24];

	while (fake_server_ask(s, VFIO_USER_DMA_READ, &access, 16, back, 24) != -ECONNRESET)
		;
	s->silent = true;
}

static void every_wait_ends(void **state)
{
	static const struct fake_lie slow[] = {
		{ "silent", VFIO_USER_DEVICE_GET_INFO, says_nothing, -ETIMEDOUT },
		{ "asks for ever", VFIO_USER_DEVICE_GET_INFO, asks_for_ever, -ETIMEDOUT },
	};
	struct facet_vfio *vfio = NULL;
	struct fake_server server;
	int fd;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(slow); i++) {
		fd = fake_server_start(&server, &slow[i], NULL);
		assert_int_equal(facet_vfio_socket_attach(fd, "peer", 200, &vfio, &err),
				 -ETIMEDOUT);
		assert_null(vfio);
		fake_server_stop(&server);
	}
}

/* --- by its path --- */

static int try_path(const char *path)
{
	struct facet_vfio_config cfg = { .device = path, .root_fd = -1, .timeout_ms = 200 };
	struct facet_vfio *vfio = NULL;
	int r = facet_vfio_open(&cfg, &vfio, &err);

	assert_null(vfio);
	return r;
}

static void a_socket_is_opened_by_its_path(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/facet-vfio-XXXXXX", path[64], far[200];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	strcpy(address.sun_path, path);
	assert_int_equal(try_path(path), -ENOENT);
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	assert_int_equal(try_path(path), -ECONNREFUSED);
	assert_non_null(strstr(err.text, "none listens there"));
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(try_path(path), -ETIMEDOUT); /* nobody answers */
	assert_int_equal(try_path(path), -ETIMEDOUT); /* nobody even accepts */
	memset(far, 'a', sizeof(far) - 1);
	far[0] = '/';
	far[sizeof(far) - 1] = '\0';
	assert_int_equal(try_path(far), -ENAMETOOLONG);
	close(fd);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_driven),
		cmocka_unit_test(transfers_are_as_small_as_the_server_wants),
		cmocka_unit_test(interrupts_come_in_messages_that_fit),
		cmocka_unit_test(mappings_are_told_and_kept),
		cmocka_unit_test(a_server_may_ask_for_memory),
		cmocka_unit_test(it_may_ask_at_any_time),
		cmocka_unit_test(lies_are_found_out),
		cmocka_unit_test(files_are_looked_at_before_they_are_mapped),
		cmocka_unit_test(every_wait_ends),
		cmocka_unit_test(a_socket_is_opened_by_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
