// SPDX-License-Identifier: GPL-2.0-or-later
/* handover_fuzz.c - a successor whose predecessor was in a guest's hands: its state, table and
 * memory are the input's. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "device/virtio_gpu/virtio_gpu.h"
#include "transport/vhost_user/internal.h"
#include "vgpu/vgpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	QUOTA = 16 << 20,
	MEMORY = 1 << 16,
	HEADER = 4,
	STEPS = 8,
};

struct input {
	const uint8_t *state, *table, *memory;
	size_t state_size, table_size, memory_size;
};

/* The ends that are not handed over. */
struct keeper {
	int front, back, kick;
};

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

/* Sizes of the state and of the start of the table, 2 bytes each; then these, then memory. */
static struct input split(const uint8_t *data, size_t size)
{
	struct input in = { .state = data + HEADER };
	size_t rest = size - HEADER;

	in.state_size = data[0] | (size_t)data[1] << 8;
	if (in.state_size > rest)
		in.state_size = rest;
	rest -= in.state_size;
	in.table = in.state + in.state_size;
	in.table_size = data[2] | (size_t)data[3] << 8;
	if (in.table_size > rest)
		in.table_size = rest;
	in.memory = in.table + in.table_size;
	in.memory_size = size - HEADER - in.state_size - in.table_size;
	if (in.memory_size > MEMORY)
		in.memory_size = MEMORY;
	return in;
}

static int file_of(const void *bytes, size_t used, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
	    pwrite(fd, bytes, used, 0) != (ssize_t)used ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		__builtin_trap();
	return fd;
}

static int socket_with(int *ret_end)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		__builtin_trap();
	*ret_end = pair[1];
	return pair[0];
}

/* What nobody holds the other end of any more. */
static int dead_pipe(void)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		__builtin_trap();
	close(pair[1]);
	return pair[0];
}

/* What facetd would write for a successor: descriptors of its own, a state that it did not read. */
static int describe(const struct input *in, struct keeper *keeper)
{
	int kick = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	int fd = memfd_create("handover", MFD_CLOEXEC);

	keeper->kick = dup(kick);
	dprintf(fd,
		"{\"fds\":{\"vhost-user\":%d,\"backend\":%d,\"alive\":%d,\"rings\":%d,"
		"\"memory0\":%d,\"kick0\":%d,\"call0\":%d,\"kick1\":%d,\"err1\":%d},\"state\":",
		socket_with(&keeper->front), socket_with(&keeper->back), dead_pipe(),
		file_of(in->table, in->table_size, sizeof(struct vu_table) + facet_gpu_keep_size()),
		file_of(in->memory, in->memory_size, MEMORY), kick,
		eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), dup(kick),
		eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	if (write(fd, in->state, in->state_size) < 0 || write(fd, "}", 1) < 0)
		__builtin_trap();
	return fd;
}

static void released(void *owner)
{
}

/* What the device stands on; kept from one input to the next. */
static const struct facet_device_config *device_config(void)
{
	static struct facet_device_config config;
	struct facet_display_config display = { .output_count = 2, .released = released };
	struct facet_engine_config renderer = { .render_fd = -1 };
	struct facet_sched_config sched = { .vram_bytes = QUOTA, .max_contexts = 4 };
	struct facet_error err;

	if (config.sched)
		return &config;
	if (facet_display_create(&display, &config.display, &err) < 0)
		__builtin_trap();
	renderer.display = config.display;
	if (facet_engine_create("2d", &renderer, &sched.engine, &err) < 0 ||
	    facet_sched_create(&sched, &config.sched, &err) < 0)
		__builtin_trap();
	return &config;
}

static void serve(const struct facet_transport_config *cfg, const struct keeper *keeper)
{
	struct facet_transport *transport;
	uint64_t one = 1;

	if (facet_transport_create("vhost-user", cfg, &transport, &(struct facet_error){ 0 }) < 0)
		return;
	for (unsigned int i = 0; i < STEPS; i++) {
		facet_transport_dispatch(transport);
		(void)!write(keeper->kick, &one, sizeof(one));
	}
	facet_transport_destroy(transport);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facet_handover given;
	const struct facet_transport_config cfg = {
		.device = "virtio-gpu",
		.device_config = *device_config(),
		.listen_fd = -1,
		.fd = -1,
		.adopt = &given,
	};
	struct keeper keeper;
	struct input in;
	int before, fd;

	if (size < HEADER)
		return 0;
	facet_log_set(drop_log, FACET_LOG_ERROR);
	in = split(data, size);
	before = dup(0);
	close(before);
	fd = describe(&in, &keeper);
	if (facet_handover_load(fd, &given))
		serve(&cfg, &keeper);
	/* What was not taken is closed by the program at its start. */
	close_range(before, ~0U, 0);
	return 0;
}
