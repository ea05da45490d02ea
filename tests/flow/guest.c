// SPDX-License-Identifier: GPL-2.0-or-later
/* guest.c - a whole vGPU with a guest on the loopback transport, for flow tests. */
#include "guest.h"

#include <errno.h>
#include <png.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	PAGE = 4096,
	/* Of one resource's pages in guest memory; room for 1024 x 768 pixels. */
	PAGES = 768,
	FIRST_PAGE = 256, /* below: the rings */
};

static void released(void *owner)
{
}

void guest_boot(struct guest *guest, const char *engine, unsigned int outputs)
{
	struct facet_display_config display = { .output_count = outputs, .released = released };
	struct facet_engine_config renderer = { .render_fd = -1 };
	struct facet_sched_config sched = { .vram_bytes = 256 << 20, .max_contexts = 16 };
	struct facet_transport_config config = { .device = "virtio-gpu",
						 .fd = -1,
						 .listen_fd = -1 };
	struct facet_error err;

	guest->fence = 0;
	for (unsigned int i = 0; i < outputs; i++)
		display.outputs[i] =
			(struct facet_output){ .connected = true, .width = 640, .height = 480 };
	assert_int_equal(facet_display_create(&display, &guest->display, &err), 0);
	renderer.display = guest->display;
	assert_int_equal(facet_engine_create(engine, &renderer, &guest->engine, &err), 0);
	sched.engine = guest->engine;
	assert_int_equal(facet_sched_create(&sched, &guest->sched, &err), 0);
	config.device_config.sched = guest->sched;
	config.device_config.display = guest->display;
	assert_int_equal(facet_transport_create("loopback", &config, &guest->transport, &err), 0);
}

void guest_halt(struct guest *guest)
{
	struct facet_usage usage;

	facet_loopback_reset(guest->transport, UINT64_MAX);
	facet_sched_usage(guest->sched, &usage);
	assert_int_equal(usage.contexts, 0);
	facet_transport_destroy(guest->transport);
	facet_sched_destroy(guest->sched);
	facet_engine_destroy(guest->engine);
	facet_display_destroy(guest->display);
}

uint32_t guest_ask(struct guest *guest, void *request, size_t size)
{
	struct wire_gpu_ctrl_hdr hdr = { 0 };
	struct wire_gpu_ctrl_hdr *req = request;
	int ticket;

	req->flags = le32_of(WIRE_GPU_FLAG_FENCE);
	req->fence_id = le64_of(++guest->fence);
	ticket = facet_loopback_send(guest->transport, WIRE_GPU_QUEUE_CONTROL, request, size, 1,
				     2048);
	assert_true(ticket >= 0);
	assert_true(facet_loopback_wait(guest->transport, WIRE_GPU_QUEUE_CONTROL, ticket, &hdr,
					sizeof(hdr)) >= (int)sizeof(hdr));
	assert_int_equal(le64_get(hdr.fence_id), guest->fence);
	return le32_get(hdr.type);
}

void guest_do(struct guest *guest, void *request, size_t size)
{
	assert_int_equal(guest_ask(guest, request, size), WIRE_GPU_RESP_OK_NODATA);
}

void guest_create_2d(struct guest *guest, uint32_t id, uint32_t format, uint32_t width,
		     uint32_t height)
{
	struct wire_gpu_resource_create_2d req = {
		.hdr.type = le32_of(WIRE_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = le32_of(id),
		.format = le32_of(format),
		.width = le32_of(width),
		.height = le32_of(height),
	};

	GUEST_DO(guest, req);
	guest_attach(guest, id, (size_t)width * height * 4);
}

void guest_create_3d(struct guest *guest, uint32_t id, uint32_t format, uint32_t width,
		     uint32_t height)
{
	struct wire_gpu_resource_create_3d req = {
		.hdr.type = le32_of(WIRE_GPU_CMD_RESOURCE_CREATE_3D),
		.resource_id = le32_of(id),
		.target = le32_of(WIRE_GPU_TARGET_2D),
		.format = le32_of(format),
		.bind = le32_of(1 << 1 | 1 << 3 | 1 << 18), /* render, sample, scan out */
		.width = le32_of(width),
		.height = le32_of(height),
		.depth = le32_of(1),
		.array_size = le32_of(1),
		.flags = le32_of(WIRE_GPU_RESOURCE_FLAG_Y_0_TOP),
	};

	GUEST_DO(guest, req);
	guest_attach(guest, id, (size_t)width * height * 4);
}

/* Every resource has its own pages; each lies below the one before it. */
static uint64_t address(uint32_t id, size_t offset)
{
	uint64_t page = FIRST_PAGE + (uint64_t)id * PAGES - 1 - offset / PAGE;

	assert_true(id && offset / PAGE < PAGES);
	return page * PAGE + offset % PAGE;
}

void guest_attach(struct guest *guest, uint32_t id, size_t size)
{
	size_t count = (size + PAGE - 1) / PAGE;
	size_t bytes = sizeof(struct wire_gpu_resource_attach_backing) +
		       count * sizeof(struct wire_gpu_mem_entry);
	struct wire_gpu_resource_attach_backing *req = calloc(1, bytes);
	struct wire_gpu_mem_entry *entries = (void *)(req + 1);

	req->hdr.type = le32_of(WIRE_GPU_CMD_RESOURCE_ATTACH_BACKING);
	req->resource_id = le32_of(id);
	req->nr_entries = le32_of((uint32_t)count);
	for (size_t i = 0; i < count; i++)
		entries[i] = (struct wire_gpu_mem_entry){ le64_of(address(id, i * PAGE)),
							  le32_of(PAGE) };
	guest_do(guest, req, bytes);
	free(req);
}

void guest_write(struct guest *guest, uint32_t id, size_t offset, const void *from, size_t size)
{
	uint8_t *memory = facet_loopback_memory(guest->transport);
	const uint8_t *byte = from;

	for (; size--; offset++)
		memory[address(id, offset)] = *byte++;
}

void guest_read(struct guest *guest, uint32_t id, size_t offset, void *to, size_t size)
{
	const uint8_t *memory = facet_loopback_memory(guest->transport);
	uint8_t *byte = to;

	for (; size--; offset++)
		*byte++ = memory[address(id, offset)];
}

static struct wire_gpu_rect wire_rect(struct facet_rect r)
{
	return (struct wire_gpu_rect){ le32_of(r.x), le32_of(r.y), le32_of(r.width),
				       le32_of(r.height) };
}

void guest_show(struct guest *guest, unsigned int output, uint32_t id, struct facet_rect rect)
{
	struct wire_gpu_set_scanout req = {
		.hdr.type = le32_of(WIRE_GPU_CMD_SET_SCANOUT),
		.r = wire_rect(rect),
		.scanout_id = le32_of(output),
		.resource_id = le32_of(id),
	};

	GUEST_DO(guest, req);
}

void guest_flush(struct guest *guest, uint32_t id, struct facet_rect rect)
{
	struct wire_gpu_resource_flush req = {
		.hdr.type = le32_of(WIRE_GPU_CMD_RESOURCE_FLUSH),
		.r = wire_rect(rect),
		.resource_id = le32_of(id),
	};

	GUEST_DO(guest, req);
}

void guest_cursor(struct guest *guest, uint32_t type, unsigned int output, uint32_t id, int32_t x,
		  int32_t y)
{
	struct wire_gpu_update_cursor req = {
		.hdr.type = le32_of(type),
		.pos = { le32_of(output), le32_of((uint32_t)x), le32_of((uint32_t)y) },
		.resource_id = le32_of(id),
	};
	int ticket = facet_loopback_send(guest->transport, WIRE_GPU_QUEUE_CURSOR, &req, sizeof(req),
					 1, 0);

	assert_true(ticket >= 0);
	assert_int_equal(
		facet_loopback_wait(guest->transport, WIRE_GPU_QUEUE_CURSOR, ticket, NULL, 0), 0);
}

struct capture {
	struct facet_job job;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done;
	int status;
};

static void capture_done(struct facet_job *job, int status)
{
	struct capture *capture = job->owner;

	pthread_mutex_lock(&capture->lock);
	capture->status = status;
	capture->done = true;
	pthread_cond_signal(&capture->ended);
	pthread_mutex_unlock(&capture->lock);
}

/* The status; the PNG in @fd. */
static int capture_to(struct guest *guest, unsigned int output, bool with_cursor, int fd)
{
	struct facet_error err;
	struct capture capture = {
		.job = { .kind = FACET_JOB_CAPTURE, .done = capture_done },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER,
	};

	capture.job.owner = &capture;
	capture.job.capture.output = output;
	capture.job.capture.fd = fd;
	capture.job.capture.with_cursor = with_cursor;
	capture.job.capture.err = &err;
	assert_int_equal(facet_sched_submit(guest->sched, &capture.job), 0);
	pthread_mutex_lock(&capture.lock);
	while (!capture.done)
		pthread_cond_wait(&capture.ended, &capture.lock);
	pthread_mutex_unlock(&capture.lock);
	return capture.status;
}

static uint32_t *decode(int fd, uint32_t *ret_width, uint32_t *ret_height)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	off_t size = lseek(fd, 0, SEEK_END);
	void *file = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	uint32_t *pixels;
	uint8_t *bytes;

	assert_ptr_not_equal(file, MAP_FAILED);
	assert_true(png_image_begin_read_from_memory(&image, file, (size_t)size));
	image.format = PNG_FORMAT_RGB;
	bytes = malloc(PNG_IMAGE_SIZE(image));
	assert_true(png_image_finish_read(&image, NULL, bytes, 0, NULL));
	munmap(file, (size_t)size);
	pixels = malloc((size_t)image.width * image.height * sizeof(*pixels));
	for (size_t i = 0; i < (size_t)image.width * image.height; i++)
		pixels[i] = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 |
			    bytes[3 * i + 2];
	free(bytes);
	*ret_width = image.width;
	*ret_height = image.height;
	return pixels;
}

uint32_t *guest_picture(struct guest *guest, unsigned int output, bool with_cursor,
			uint32_t *ret_width, uint32_t *ret_height)
{
	int fd = memfd_create("picture", MFD_CLOEXEC);
	int status = capture_to(guest, output, with_cursor, fd);
	uint32_t *pixels = NULL;

	if (status)
		assert_int_equal(status, -ENODATA);
	else
		pixels = decode(fd, ret_width, ret_height);
	close(fd);
	return pixels;
}
