// SPDX-License-Identifier: GPL-2.0-or-later
/* player.c - plays recordings on a port: a frame at a time, or several in flight. */
#include "player.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/virtio_gpu.h"

static int send(struct player *player, void *data, size_t size, size_t room)
{
	struct wire_gpu_ctrl_hdr *hdr = data;

	if (le32_get(hdr->flags) & WIRE_GPU_FLAG_FENCE)
		hdr->fence_id = le64_of(++player->fence);
	player->bytes += size;
	return player->port->ops->send(player->port, data, size, room);
}

static int check(struct player *player, int got, const struct wire_gpu_ctrl_hdr *answer,
		 enum wire_gpu_type type)
{
	if (got < 0)
		return got;
	if (le32_get(answer->type) == type)
		return 0;
	if (!player->errors++)
		fprintf(stderr, "a request was answered with 0x%x\n", le32_get(answer->type));
	return -EIO;
}

static int ask(struct player *player, void *data, size_t size, void *in, size_t room,
	       enum wire_gpu_type type)
{
	int ticket = send(player, data, size, room);

	if (ticket < 0)
		return ticket;
	return check(player, player->port->ops->wait(player->port, ticket, in, room), in, type);
}

static unsigned int last_ticket(const struct player *player)
{
	return (player->ticket_first + player->ticket_count - 1) % PLAYER_MAX_WAITING;
}

/* As a guest's Mesa does: for the last one first, the others have been answered by then. */
static int await(struct player *player)
{
	struct wire_gpu_ctrl_hdr answer;

	while (player->ticket_count) {
		int ticket = player->tickets[last_ticket(player)];
		int r = player->port->ops->wait(player->port, ticket, &answer, sizeof(answer));

		player->ticket_count--;
		r = check(player, r, &answer, WIRE_GPU_RESP_OK_NODATA);
		if (r)
			return r;
	}
	return 0;
}

static int post(struct player *player, void *data, size_t size)
{
	int ticket = send(player, data, size, sizeof(struct wire_gpu_ctrl_hdr));

	if (ticket < 0)
		return ticket;
	player->ticket_count++;
	player->tickets[last_ticket(player)] = ticket;
	return 0;
}

/* @wait: where the guest has waited; else never. */
static int play_step(struct player *player, struct step *step, bool wait)
{
	int r;

	switch (step->kind) {
	case STEP_WRITE:
		memcpy(player->port->memory + step->address, step->data, step->size);
		return 0;
	case STEP_REQUEST:
		r = wait && player->ticket_count == PLAYER_MAX_WAITING ? await(player) : 0;
		return r ? r : post(player, step->data, step->size);
	default:
		return wait ? await(player) : 0;
	}
}

static int play(struct player *player, size_t at, size_t end, bool wait)
{
	int r = 0;

	while (!r && at < end) {
		struct step *step = (void *)(player->recording->steps + at);

		r = play_step(player, step, wait);
		at += recording_step_bytes(step->size);
	}
	return r;
}

int player_start(struct player *player, unsigned int take)
{
	struct wire_gpu_ctx_create create = {
		.hdr = { .type = le32_of(WIRE_GPU_CMD_CTX_CREATE),
			 .ctx_id = le32_of(RECORDING_CONTEXT) },
		.nlen = le32_of(6),
		.debug_name = "replay",
	};
	int r = player->port->ops->reset(player->port);

	player->ticket_count = player->frame_count = 0;
	if (!r)
		r = post(player, &create, sizeof(create));
	if (!r)
		r = play(player, 0, player->recording->takes[take].start, true);
	return r ? r : await(player);
}

int player_frame(struct player *player, unsigned int take)
{
	return play(player, player->recording->takes[take].start,
		    player->recording->takes[take].end, true);
}

int player_post(struct player *player, unsigned int take, int64_t now_ns)
{
	const struct take *frame = &player->recording->takes[take];
	unsigned int at = (player->frame_first + player->frame_count) % PLAYER_MAX_FRAMES;
	unsigned int before = player->ticket_count;
	int r;

	if (player->frame_count == PLAYER_MAX_FRAMES ||
	    before + frame->requests > PLAYER_MAX_WAITING)
		return -EAGAIN;
	r = play(player, frame->start, frame->end, false);
	if (r)
		return r;
	player->frames[at] = (struct player_frame){ .count = player->ticket_count - before,
						    .posted_ns = now_ns };
	player->frame_count++;
	return 0;
}

int player_done(struct player *player, int64_t *ret_posted_ns)
{
	struct player_frame *frame = &player->frames[player->frame_first];
	struct wire_gpu_ctrl_hdr answer;

	while (player->frame_count) {
		if (!frame->count) {
			*ret_posted_ns = frame->posted_ns;
			player->frame_first = (player->frame_first + 1) % PLAYER_MAX_FRAMES;
			player->frame_count--;
			return 1;
		}
		int r = player->port->ops->take(player->port, player->tickets[player->ticket_first],
						&answer, sizeof(answer));

		if (r == -EAGAIN)
			return 0;
		/* A frame that failed is over, too: whoever plays decides what follows. */
		r = check(player, r, &answer, WIRE_GPU_RESP_OK_NODATA);
		if (r && r != -EIO)
			return r;
		player->ticket_first = (player->ticket_first + 1) % PLAYER_MAX_WAITING;
		player->ticket_count--;
		frame->count--;
	}
	return 0;
}

/* One of the two sets that virgl has. */
static int get_capset(struct player *player, unsigned int number, struct capsets *ret)
{
	struct wire_gpu_get_capset_info question = {
		.hdr.type = le32_of(WIRE_GPU_CMD_GET_CAPSET_INFO),
		.capset_index = le32_of(number),
	};
	struct wire_gpu_resp_capset_info info;
	struct wire_gpu_get_capset get = { .hdr.type = le32_of(WIRE_GPU_CMD_GET_CAPSET) };
	struct {
		struct wire_gpu_resp_capset head;
		uint8_t data[sizeof(ret->data[0])];
	} set;
	size_t size;

	if (ask(player, &question, sizeof(question), &info, sizeof(info),
		WIRE_GPU_RESP_OK_CAPSET_INFO))
		return -1;
	size = le32_get(info.capset_max_size);
	get.capset_id = info.capset_id;
	get.capset_version = info.capset_max_version;
	if (le32_get(info.capset_id) != number + 1 || size > sizeof(set.data) ||
	    ask(player, &get, sizeof(get), &set, sizeof(set.head) + size, WIRE_GPU_RESP_OK_CAPSET))
		return -1;
	memcpy(ret->data[number], set.data, size);
	ret->sizes[number] = (uint32_t)size;
	return 0;
}

int player_get_caps(struct player *player, struct capsets *ret)
{
	return get_capset(player, 0, ret) || get_capset(player, 1, ret) ? -1 : 0;
}
