/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes all it can get and tells how far it got. It must end by itself, with the guest alive.
 *
 * The kernel creates resources without waiting for the device, so a refusal shows only as a line
 * in the kernel's log: every way looks there after each step.
 */

#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libdrm/virtgpu_drm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

/* Gallium's numbers, which the device is spoken to in. */
#define PIPE_TEXTURE_2D             2
#define PIPE_BIND_RENDER_TARGET     (1 << 1)
#define VIRGL_FORMAT_B8G8R8A8_UNORM 1

struct bomb {
	unsigned int limit, reached;
	uint32_t size;
	int log;
	const char *end; /* why it stopped */
	char line[256];
};

/* --- what the kernel says --- */

static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* Has the device refused a command since the last look? The first such line is kept. */
static bool refused(struct bomb *bomb)
{
	char record[1024];
	ssize_t n;

	while ((n = read(bomb->log, record, sizeof(record) - 1)) > 0) {
		char *text;

		record[n] = '\0';
		text = strchr(record, ';');
		if (!text || (!strstr(text, "response 0x") && !strstr(text, "Out of memory")))
			continue;
		snprintf(bomb->line, sizeof(bomb->line), "%.*s", (int)strcspn(text + 1, "\n"),
			 text + 1);
		return true;
	}
	return false;
}

static size_t available_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return (size_t)kib * 1024;
}

/* The question each way asks before its next step. */
static bool go_on(struct bomb *bomb, size_t needs_bytes)
{
	if (refused(bomb))
		bomb->end = "the device refused";
	else if (bomb->reached >= bomb->limit)
		bomb->end = "limit of this run";
	else if (available_bytes() < needs_bytes + ((size_t)128 << 20))
		bomb->end = "the guest's own memory";
	return !bomb->end;
}

/* --- ways --- */

static void bomb_dumb(struct bomb *bomb)
{
	int fd = open_node(CARD);
	struct dumb dumb;

	while (go_on(bomb, (size_t)bomb->size * bomb->size * 4)) {
		int r = dumb_create(fd, bomb->size, bomb->size, &dumb);

		if (r) {
			bomb->end = strerror(-r);
			return;
		}
		memset(dumb.bytes, 0x5a, dumb.size);
		dumb_add_fb(fd, &dumb, bomb->size, bomb->size);
		bomb->reached++;
	}
}

static bool wait_idle(int fd, uint32_t handle)
{
	struct drm_virtgpu_3d_wait wait = { .handle = handle };

	return !drmIoctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &wait) || errno == EBUSY;
}

/* Textures that cost the guest a page each and the host all their pixels. */
static void bomb_resources(struct bomb *bomb)
{
	int fd = open_node(RENDER_NODE);

	while (go_on(bomb, 4096)) {
		struct drm_virtgpu_resource_create create = {
			.target = PIPE_TEXTURE_2D,
			.format = VIRGL_FORMAT_B8G8R8A8_UNORM,
			.bind = PIPE_BIND_RENDER_TARGET,
			.width = bomb->size,
			.height = bomb->size,
			.depth = 1,
			.array_size = 1,
			.size = 4096,
		};

		if (drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create) ||
		    !wait_idle(fd, create.bo_handle)) {
			bomb->end = strerror(errno);
			return;
		}
		bomb->reached++;
	}
}

static void bomb_contexts(struct bomb *bomb)
{
	while (go_on(bomb, 1 << 20)) {
		struct drm_virtgpu_resource_create create = {
			.target = PIPE_TEXTURE_2D,
			.format = VIRGL_FORMAT_B8G8R8A8_UNORM,
			.bind = PIPE_BIND_RENDER_TARGET,
			.width = 16,
			.height = 16,
			.depth = 1,
			.array_size = 1,
			.size = 4096,
		};
		int fd = open(RENDER_NODE, O_RDWR | O_CLOEXEC);

		/* A file has a context from its first 3D command on. */
		if (fd < 0 || drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create) ||
		    !wait_idle(fd, create.bo_handle)) {
			bomb->end = strerror(errno);
			return;
		}
		bomb->reached++;
	}
}

static void bomb_textures(struct bomb *bomb)
{
	GLsizei size = (GLsizei)bomb->size;
	struct gl gl;

	gl_open(&gl, open_node(RENDER_NODE));
	gl_use(&gl, NULL);
	while (go_on(bomb, (size_t)bomb->size * bomb->size * 4)) {
		GLuint fbo = fbo_create(bomb->size, bomb->size);
		uint8_t pixel[4];
		GLenum error;

		glBindFramebuffer(GL_FRAMEBUFFER, fbo);
		glClearColor(1, 0, 0, 1);
		glClear(GL_COLOR_BUFFER_BIT);
		glReadPixels(size - 1, size - 1, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
		error = glGetError();
		if (error) {
			snprintf(bomb->line, sizeof(bomb->line), "GL error 0x%x", error);
			bomb->end = "GL refused";
			return;
		}
		bomb->reached++;
	}
}

static const struct way {
	const char *name;
	void (*run)(struct bomb *bomb);
	uint32_t size;
} ways[] = {
	{ "dumb", bomb_dumb, 2048 },
	{ "resources", bomb_resources, 4096 },
	{ "contexts", bomb_contexts, 0 },
	{ "textures", bomb_textures, 2048 },
};

static const char usage[] =
	"usage: facet-bomb dumb|resources|contexts|textures [--limit N] [--size PIXELS]";

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "limit", 1, NULL, 'l' },
					       { "size", 1, NULL, 's' },
					       { NULL, 0, NULL, 0 } };
	struct bomb bomb = { .limit = 1000 };
	const struct way *way = NULL;
	int letter;

	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (letter == 'l')
			bomb.limit = (unsigned int)strtoul(optarg, NULL, 10);
		else if (letter == 's')
			bomb.size = (uint32_t)strtoul(optarg, NULL, 10);
		else
			die("%s", usage);
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && optind < argc; i++) {
		if (!strcmp(argv[optind], ways[i].name))
			way = &ways[i];
	}
	if (!way)
		die("%s", usage);
	if (!bomb.size)
		bomb.size = way->size;
	bomb.log = open_log();
	way->run(&bomb);
	printf("bomb=%s reached=%u size=%u end=%s", way->name, bomb.reached, bomb.size, bomb.end);
	printf("%s%s\n", *bomb.line ? " said=" : "", bomb.line);
	return 0;
}
