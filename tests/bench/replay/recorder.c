// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * recorder.c - a renderer for Mesa's virpipe that renders nothing: it writes down what a guest's
 * kernel would ask of virtio-gpu instead. Nothing that the scene does depends on an answer.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "recording.h"
#include "vtest.h"
#include "wire/virtio_gpu.h"

enum {
	MAX_RESOURCES = 256,
	MAX_WORDS = 64 << 10,
};

struct resource {
	uint32_t id; /* 0: none */
	struct backing backing;
	uint8_t *shared, *known; /* the guest's bytes, and as much of them as is recorded */
};

struct recorder {
	int fd;
	const struct capsets *caps;
	struct backing free;
	struct recording *recording;
	struct backing picture;
	bool inside; /* a take */
	struct resource resources[MAX_RESOURCES];
	uint32_t words[MAX_WORDS];
};

static int receive(struct recorder *recorder, void *data, size_t size)
{
	/* Asked for nothing, it would wait for something. */
	return !size || recv(recorder->fd, data, size, MSG_WAITALL) == (ssize_t)size ? 0 : -1;
}

static int answer(struct recorder *recorder, const void *data, size_t size)
{
	return send(recorder->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

static int answer_word(struct recorder *recorder, uint32_t command, uint32_t word)
{
	const uint32_t out[] = { 1, command, word };

	return answer(recorder, out, sizeof(out));
}

static int answer_fd(struct recorder *recorder, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char none = 0;
	struct iovec iov = { .iov_base = &none, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(recorder->fd, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int answer_caps(struct recorder *recorder, unsigned int set)
{
	const uint32_t head[] = { recorder->caps->sizes[set] + 1, set + 1 };

	if (answer(recorder, head, sizeof(head)))
		return -1;
	return answer(recorder, recorder->caps->data[set], recorder->caps->sizes[set]);
}

/*
 * Writes down a request, whose header is first in @data (NULL: the caller fills in the rest), and
 * returns it. What a guest's kernel waits for has a fence.
 */
static void *record(struct recorder *recorder, enum wire_gpu_type type, bool fenced,
		    const void *data, size_t size)
{
	struct wire_gpu_ctrl_hdr *hdr =
		recording_add(recorder->recording, STEP_REQUEST, 0, data, size);

	*hdr = (struct wire_gpu_ctrl_hdr){ .type = le32_of(type),
					   .flags = le32_of(fenced ? WIRE_GPU_FLAG_FENCE : 0),
					   .ctx_id = le32_of(RECORDING_CONTEXT) };
	if (recorder->inside)
		recorder->recording->takes[recorder->recording->take_count].requests++;
	return hdr;
}

/* Answers with so much memory. */
static void *share_memory(struct recorder *recorder, uint32_t size)
{
	int fd = memfd_create("recorder", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, size) && !answer_fd(recorder, fd))
		memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return memory;
}

/* This protocol knows no fences and has a small resource for each; a guest's kernel has them. */
static int create_fence(struct recorder *recorder, uint32_t size)
{
	void *memory = share_memory(recorder, size);

	return memory == MAP_FAILED ? -1 : munmap(memory, size);
}

static struct resource *find(struct recorder *recorder, uint32_t id)
{
	for (unsigned int i = 0; i < MAX_RESOURCES; i++)
		if (recorder->resources[i].id == id)
			return &recorder->resources[i];
	return NULL;
}

/* The guest writes into its memory without a word; this is looked for before each request. */
static void record_writes(struct recorder *recorder)
{
	for (unsigned int r = 0; r < MAX_RESOURCES; r++) {
		struct resource *resource = &recorder->resources[r];
		uint32_t size, at = 0;

		if (!resource->id)
			continue;
		for (unsigned int i = 0; at < resource->backing.size; i++, at += size) {
			uint64_t address = backing_piece(&resource->backing, i, &size);

			if (!memcmp(resource->known + at, resource->shared + at, size))
				continue;
			memcpy(resource->known + at, resource->shared + at, size);
			recording_add(recorder->recording, STEP_WRITE, address,
				      resource->known + at, size);
		}
	}
}

static void record_backing(struct recorder *recorder, const struct resource *resource)
{
	unsigned int count = backing_pieces(&resource->backing);
	struct wire_gpu_resource_attach_backing *head;
	struct wire_gpu_mem_entry *entries;
	uint64_t address;
	uint32_t size;

	head = record(recorder, WIRE_GPU_CMD_RESOURCE_ATTACH_BACKING, false, NULL,
		      sizeof(*head) + count * sizeof(*entries));
	head->resource_id = le32_of(resource->id);
	head->nr_entries = le32_of(count);
	entries = (void *)(head + 1);
	for (unsigned int i = 0; i < count; i++) {
		address = backing_piece(&resource->backing, i, &size);
		entries[i] = (struct wire_gpu_mem_entry){ le64_of(address), le32_of(size) };
	}
}

static int make_backing(struct recorder *recorder, struct resource *resource, uint32_t size)
{
	uint32_t whole = (size + RECORDING_PIECE - 1) / RECORDING_PIECE * RECORDING_PIECE;

	if (whole > recorder->free.size)
		return -1;
	resource->backing = (struct backing){ recorder->free.address, size };
	recorder->free.address += whole;
	recorder->free.size -= whole;
	resource->known = calloc(1, size);
	resource->shared = share_memory(recorder, size);
	if (!resource->known || resource->shared == MAP_FAILED)
		return -1;
	record_backing(recorder, resource);
	return 0;
}

static int create_resource(struct recorder *recorder)
{
	const struct vtest_create *in = (const void *)recorder->words;
	struct wire_gpu_resource_create_3d create = {
		.resource_id = le32_of(in->id),
		.target = le32_of(in->target),
		.format = le32_of(in->format),
		.bind = le32_of(in->bind),
		.width = le32_of(in->width),
		.height = le32_of(in->height),
		.depth = le32_of(in->depth),
		.array_size = le32_of(in->array_size),
		.last_level = le32_of(in->last_level),
		.nr_samples = le32_of(in->nr_samples),
	};
	struct wire_gpu_resource attach = { .resource_id = le32_of(in->id) };
	struct resource *resource = find(recorder, 0);

	if (in->bind == VTEST_FENCE_BIND && in->width == VTEST_FENCE_WIDTH)
		return create_fence(recorder, in->size);
	if (!in->id || !resource)
		return -1;
	resource->id = in->id;
	record(recorder, WIRE_GPU_CMD_RESOURCE_CREATE_3D, false, &create, sizeof(create));
	record(recorder, WIRE_GPU_CMD_CTX_ATTACH_RESOURCE, false, &attach, sizeof(attach));
	return in->size ? make_backing(recorder, resource, in->size) : 0;
}

static int unref_resource(struct recorder *recorder)
{
	struct wire_gpu_resource unref = { .resource_id = le32_of(recorder->words[0]) };
	struct resource *resource = find(recorder, recorder->words[0]);

	if (!resource) /* a fence */
		return 0;
	record(recorder, WIRE_GPU_CMD_RESOURCE_UNREF, false, &unref, sizeof(unref));
	if (resource->backing.size)
		munmap(resource->shared, resource->backing.size);
	free(resource->known);
	*resource = (struct resource){ 0 };
	return 0;
}

static int transfer(struct recorder *recorder, enum wire_gpu_type type)
{
	const struct vtest_transfer *in = (const void *)recorder->words;
	struct wire_gpu_transfer_host_3d out = {
		.box = { le32_of(in->x), le32_of(in->y), le32_of(in->z), le32_of(in->width),
			 le32_of(in->height), le32_of(in->depth) },
		.offset = le64_of(in->offset),
		.resource_id = le32_of(in->id),
		.level = le32_of(in->level),
	};
	const struct resource *resource = find(recorder, in->id);

	if (!resource)
		return -1;
	if (type == WIRE_GPU_CMD_TRANSFER_FROM_HOST_3D)
		recorder->picture = resource->backing;
	record(recorder, type, true, &out, sizeof(out));
	return 0;
}

static void submit(struct recorder *recorder, size_t bytes)
{
	struct wire_gpu_submit_3d *head;

	head = record(recorder, WIRE_GPU_CMD_SUBMIT_3D, true, NULL, sizeof(*head) + bytes);
	head->size = le32_of((uint32_t)bytes);
	head->padding = le32_of(0);
	memcpy(head + 1, recorder->words, bytes);
}

static int busy_wait(struct recorder *recorder)
{
	const struct vtest_busy_wait *in = (const void *)recorder->words;

	if (in->flags & VTEST_FLAG_WAIT)
		recording_add(recorder->recording, STEP_WAIT, 0, NULL, 0);
	return answer_word(recorder, VTEST_BUSY_WAIT, 0);
}

/* Every take has two: before and behind the frame that is to be repeated. */
static int mark(struct recorder *recorder)
{
	struct recording *recording = recorder->recording;
	struct take *take = &recording->takes[recording->take_count];

	if (recording->take_count == RECORDING_MAX_TAKES)
		return -1;
	recorder->inside = !recorder->inside;
	if (recorder->inside) {
		take->start = recording->size;
		return 0;
	}
	take->end = recording->size;
	take->picture = recorder->picture;
	recording->take_count++;
	/* Nothing was asked of us: this Mesa draws with something else. */
	return take->requests ? 0 : -1;
}

static int serve(struct recorder *recorder, enum vtest_command command, size_t bytes)
{
	static const uint32_t ping[] = { 0, VTEST_PING };

	switch (command) {
	case VTEST_CREATE_RENDERER:
		return 0;
	case VTEST_PING:
		return answer(recorder, ping, sizeof(ping));
	case VTEST_PROTOCOL_VERSION:
		return answer_word(recorder, command, VTEST_VERSION);
	case VTEST_GET_CAPS:
		return answer_caps(recorder, 0);
	case VTEST_GET_CAPS2:
		return answer_caps(recorder, 1);
	case VTEST_RESOURCE_CREATE:
		return create_resource(recorder);
	case VTEST_RESOURCE_UNREF:
		return unref_resource(recorder);
	case VTEST_TRANSFER_PUT:
		return transfer(recorder, WIRE_GPU_CMD_TRANSFER_TO_HOST_3D);
	case VTEST_TRANSFER_GET:
		return transfer(recorder, WIRE_GPU_CMD_TRANSFER_FROM_HOST_3D);
	case VTEST_SUBMIT:
		submit(recorder, bytes);
		return 0;
	case VTEST_BUSY_WAIT:
		return busy_wait(recorder);
	case VTEST_MARK:
		return mark(recorder);
	}
	return -1;
}

int recorder_run(int fd, const struct capsets *caps, const struct backing *memory,
		 struct recording *ret)
{
	static struct recorder recorder;
	struct vtest_header head;

	recorder.fd = fd;
	recorder.caps = caps;
	recorder.free = *memory;
	recorder.recording = ret;
	while (!receive(&recorder, &head, sizeof(head))) {
		size_t unit = head.command == VTEST_CREATE_RENDERER ? 1 : 4;

		if (head.length > MAX_WORDS ||
		    receive(&recorder, recorder.words, head.length * unit))
			return -1;
		record_writes(&recorder);
		if (serve(&recorder, head.command, head.length * unit)) {
			fprintf(stderr, "cannot record command %u\n", head.command);
			return -1;
		}
	}
	return recorder.inside ? -1 : 0;
}
