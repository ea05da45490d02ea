// SPDX-License-Identifier: GPL-2.0-or-later
/* filter.c - looks through a command stream for what the library would not survive or forget. */
#include <errno.h>

#include "base/checked.h"
#include "base/log.h"
#include "engine/virgl/virgl.h"

#define LOG_AREA "virgl"

/*
 * virglrenderer checks its commands, but its transfers calculate with 32 bits and signs, so a box
 * or stride of 2^31 and more gets past its checks; and it keeps what PIPE_RESOURCE_CREATE makes
 * until the process ends. The stream is our copy: what was checked here is what will run.
 */
enum {
	CMD_CREATE_OBJECT = 1,
	CMD_DESTROY_OBJECT = 3,
	CMD_INLINE_WRITE = 9,
	CMD_SET_SUB_CONTEXT = 28,
	CMD_CREATE_SUB_CONTEXT = 29,
	CMD_DESTROY_SUB_CONTEXT = 30,
	CMD_TRANSFER3D = 43,
	CMD_COPY_TRANSFER3D = 45,
	CMD_PIPE_RESOURCE_CREATE = 48, /* blobs only, which no guest is offered */
	CMD_VIDEO_FIRST = 53,          /* the library was not told to have video */
	CMD_VIDEO_LAST = 61,

	TRANSFER_WORDS = 13,
	COPY_TRANSFER_WORDS = 14,
	INLINE_WRITE_WORDS = 11, /* before the data */

	OBJECT_SHADER = 4,
	SHADER_WORDS = 5,
	MAX_SHADER_BYTES = 1 << 20, /* of text; the largest of real programs have some 100 KiB */
};
#define SHADER_CONTINUED (1U << 31)

/* Words 1 to 11 are the same in the three. */
static void decode(const uint32_t *words, struct facet_virgl_transfer *ret)
{
	ret->level = words[2];
	ret->stride = words[4];
	ret->layer_stride = words[5];
	ret->box =
		(struct facet_box){ words[6], words[7], words[8], words[9], words[10], words[11] };
	ret->offset = 0;
	ret->size = 0;
}

/* Of the resource whose guest memory the command will read or write; counted as a use of it. */
static uint64_t backing_size(struct facet_virgl *virgl, uint32_t id)
{
	struct facet_resource *res = facet_scene_find(&virgl->scene, id);

	if (!res || !res->backing)
		return 0;
	if (!res->pixels)
		facet_virgl_count_transfer(virgl, res);
	return res->backing->size;
}

static bool is_sane(struct facet_virgl *virgl, uint32_t command, const uint32_t *words,
		    uint32_t count)
{
	struct facet_virgl_transfer transfer;
	const struct facet_resource *res;

	if (count < INLINE_WRITE_WORDS || (command == CMD_TRANSFER3D && count < TRANSFER_WORDS) ||
	    (command == CMD_COPY_TRANSFER3D && count < COPY_TRANSFER_WORDS))
		return false;
	decode(words, &transfer);
	res = facet_scene_find(&virgl->scene, words[1]);
	if (!res)
		return false;
	if (command == CMD_INLINE_WRITE) {
		transfer.size = (uint64_t)(count - INLINE_WRITE_WORDS) * 4;
	} else if (command == CMD_TRANSFER3D) {
		transfer.offset = words[12];
		transfer.size = backing_size(virgl, words[1]);
	} else {
		transfer.offset = words[13];
		transfer.size = backing_size(virgl, words[12]);
	}
	return facet_virgl_transfer_is_sane(res, &transfer);
}

static bool is_copy(uint32_t command)
{
	return command == CMD_INLINE_WRITE || command == CMD_TRANSFER3D ||
	       command == CMD_COPY_TRANSFER3D;
}

/* The whole text's length is told with its first part. */
static int create_object(struct facet_virgl *virgl, struct facet_virgl_subs *subs,
			 const uint32_t *words, uint32_t count)
{
	bool is_shader = (words[0] >> 8 & 0xff) == OBJECT_SHADER;
	uint32_t size;

	if (!count || (is_shader && count < SHADER_WORDS))
		return -EINVAL;
	if (!is_shader)
		return facet_virgl_object_add(virgl, subs, words[1], facet_virgl_object_bytes());
	size = words[3];
	if (size & SHADER_CONTINUED)
		return 0;
	/* A compiler takes a thousand times as much, for a while. */
	if (size > MAX_SHADER_BYTES)
		return -ENOMEM;
	return facet_virgl_object_add(virgl, subs, words[1], facet_virgl_shader_bytes(size));
}

/* What makes things in a context and ends them. 0, -EINVAL or -ENOMEM. */
static int account(struct facet_virgl *virgl, struct facet_virgl_subs *subs, const uint32_t *words,
		   uint32_t count)
{
	switch (words[0] & 0xff) {
	case CMD_CREATE_OBJECT:
		return create_object(virgl, subs, words, count);
	case CMD_DESTROY_OBJECT:
		if (count)
			facet_virgl_object_remove(virgl, subs, words[1]);
		return 0;
	case CMD_SET_SUB_CONTEXT:
		if (count)
			facet_virgl_sub_choose(subs, words[1]);
		return 0;
	case CMD_CREATE_SUB_CONTEXT:
		return count ? facet_virgl_sub_add(virgl, subs, words[1]) : -EINVAL;
	case CMD_DESTROY_SUB_CONTEXT:
		if (count)
			facet_virgl_sub_remove(virgl, subs, words[1]);
		return 0;
	default:
		return 0;
	}
}

/* 0, -EINVAL, or -ENOMEM when the guest has had its share. */
static int check_command(struct facet_virgl *virgl, struct facet_virgl_subs *subs,
			 const uint32_t *words, uint32_t count)
{
	uint32_t command = words[0] & 0xff;

	if (command == CMD_PIPE_RESOURCE_CREATE ||
	    (command >= CMD_VIDEO_FIRST && command <= CMD_VIDEO_LAST))
		return -EINVAL;
	if (is_copy(command))
		return is_sane(virgl, command, words, count) ? 0 : -EINVAL;
	return account(virgl, subs, words, count);
}

int facet_virgl_check_commands(struct facet_virgl *virgl, struct facet_virgl_subs *subs,
			       const uint32_t *words, size_t count)
{
	size_t at = 0;

	while (at < count) {
		uint32_t length = words[at] >> 16;
		int r = -EINVAL;

		if (length < count - at)
			r = check_command(virgl, subs, words + at, length);
		if (r) {
			log_guest("command %u of %u words at word %zu is refused", words[at] & 0xff,
				  length, at);
			return r;
		}
		at += (size_t)length + 1;
	}
	return 0;
}
