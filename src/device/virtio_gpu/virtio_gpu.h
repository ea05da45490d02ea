/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio_gpu.h - what the files of the virtio-gpu device share. Not for outsiders. */
#ifndef FACET_DEVICE_VIRTIO_GPU_VIRTIO_GPU_H
#define FACET_DEVICE_VIRTIO_GPU_VIRTIO_GPU_H

#include <pthread.h>
#include <stdatomic.h>

#include "device/ops.h"
#include "wire/virtio_gpu.h"

/*
 * DOC: Theory of Operation
 *
 * A request is popped on the loop thread, its fixed part is copied once, looked up in the table of
 * decode.c and checked against the device's own tables of resources, contexts and outputs. The
 * tables change in the order of decoding, which is the order the engine executes in; so what was
 * true at decoding is true at execution, and memory may be uncharged when its end is decoded: the
 * engine never holds more at once than was charged at some moment.
 *
 * A command lives from its pop to its answer, which may come from any thread and after the device
 * is gone. It therefore holds a reference to struct gpu, and touches nothing of the loop's there.
 *
 * Answers that need no engine go out at once, past commands under way: virtio allows that. A
 * fenced one must not (Linux takes a fence as the end of all before it), so it goes through the
 * engine as FACET_JOB_FENCE.
 */

enum {
	GPU_MAX_DIMENSION = 16384,        /* pixels a side */
	GPU_MAX_BACKING_ENTRIES = 262144, /* 16384 x 16384 pixels in scattered pages of 4 KiB */
	GPU_MAX_SUBMIT = 16 << 20,        /* bytes; Mesa's stay below 256 KiB */
	GPU_MAX_SUBMITTED = 32 << 20,     /* bytes under way: 128 of Mesa's largest */
	GPU_FREE_TRANSFER = 16 << 20,     /* bytes; for a larger one there must be room */
	GPU_MAX_PIECES = 256 << 10,       /* of requests under way; each costs us an iovec */
	GPU_MAX_RESOURCES = 65536,        /* unless configured */
	GPU_MAX_CONTEXTS = 4096,
	GPU_MAX_COMMANDS = 4096, /* under way; full rings hold half of that */
	GPU_CAPSET_MASK = 0xff,  /* of a context's flags: which protocol it speaks */
	GPU_MAX_QUERIES = 64,    /* commands that wait for a display's answer */
};
#define GPU_MAX_BACKING_BYTES (4ULL << 30)

/* What a handler returns when it is not an answer (enum wire_gpu_type). */
enum {
	GPU_LATER = 0, /* the command answers itself, and may be gone already */
	GPU_RETRY = 1, /* nothing changed; call again with the same command */
};

/* Something of the guest's that has an id and is paid for until it ends. */
struct gpu_object {
	uint32_t id;
	atomic_uint refs;    /* of its table, and of the command that creates it */
	atomic_bool settled; /* no longer paid for: removed, or its creation failed */
	struct facet_sched *sched;
	uint64_t bytes; /* charged; a context is charged as a context */
	bool is_context;
};

/* By id. Loop thread. */
struct gpu_table {
	void *root; /* tsearch(3): a guest cannot choose ids that make it slow */
	unsigned int count;
};

struct gpu_resource {
	struct gpu_object object;
	bool is_2d;
	uint64_t blob_size; /* the guest's own bytes, without a shape; 0: it is no blob */
	uint32_t target, format, width, height, depth, array_size, last_level, nr_samples;
	bool has_backing;
	uint64_t backing_size;
	bool has_uuid;
	uint8_t uuid[16];
};

struct gpu_output {
	struct facet_output wanted; /* as the display told last */
	bool asked;                 /* the display owes an answer */
	uint32_t resource_id;       /* shown; 0: off */
	uint64_t bytes;             /* charged for the picture */

	/* Under gpu->cursor_lock. */
	unsigned int cursor_updates; /* under way */
	bool cursor_moved;           /* since the newest of them */
	int32_t cursor_x, cursor_y;
	bool cursor_visible;
};

struct gpu {
	struct facet_device device;
	struct facet_port *port;
	struct facet_sched *sched;
	struct facet_display *display;
	unsigned int max_resources;
	unsigned int output_count;

	/* Any thread. */
	atomic_uint refs;           /* the loop's, and one of each command */
	atomic_size_t submit_bytes; /* copies of command streams */
	atomic_size_t pieces;       /* of guest memory, that requests lie in */
	pthread_mutex_t cursor_lock;

	/* Loop thread. */
	uint64_t features; /* that the driver accepted */
	uint32_t events;   /* WIRE_GPU_EVENT_* not yet cleared */
	struct gpu_table resources, contexts;
	struct gpu_output outputs[FACET_MAX_OUTPUTS];
	struct facet_list queries; /* commands that wait for the display */
	unsigned int query_count;
	struct gpu_command *stalled[WIRE_GPU_QUEUES];
	/* Made before the first job after a reset, so that a reset cannot fail. NULL: no need. */
	struct facet_job *reset_job;
};

union gpu_request {
	struct wire_gpu_ctrl_hdr hdr;
	struct wire_gpu_resource resource;
	struct wire_gpu_resource_create_2d create_2d;
	struct wire_gpu_set_scanout set_scanout;
	struct wire_gpu_resource_flush flush;
	struct wire_gpu_transfer_to_host_2d transfer_2d;
	struct wire_gpu_resource_attach_backing attach_backing;
	struct wire_gpu_resource_create_blob create_blob;
	struct wire_gpu_set_scanout_blob scanout_blob;
	struct wire_gpu_get_edid get_edid;
	struct wire_gpu_get_capset_info get_capset_info;
	struct wire_gpu_get_capset get_capset;
	struct wire_gpu_ctx_create ctx_create;
	struct wire_gpu_resource_create_3d create_3d;
	struct wire_gpu_transfer_host_3d transfer_3d;
	struct wire_gpu_submit_3d submit_3d;
	struct wire_gpu_update_cursor cursor;
};

struct gpu_backing;

struct gpu_command {
	struct facet_job job;
	struct gpu *gpu;
	struct facet_chain *chain; /* NULL: our own command, that nobody waits for; see keep.c */
	unsigned int pieces;       /* of the chain */
	unsigned int queue;
	union gpu_request request; /* the one copy; zero past the end of what the guest sent */
	size_t request_size;       /* bytes of it */

	uint32_t response; /* when all goes well */
	void *payload;     /* follows the header of such an answer */
	size_t payload_size;

	struct gpu_object *object; /* that this command creates */
	void *submit;              /* copy of a command stream */
	size_t submit_size;
	uint64_t transfer_bytes; /* charged while it is under way */

	const struct wire_gpu_mem_entry *entries; /* of our own ATTACH_BACKING */
	size_t entries_at;                        /* in the chain of others */
	struct gpu_backing *backing;              /* being put together */
	uint32_t backing_entry;                   /* next to translate */

	struct facet_list query_link;
	uint32_t waits_for; /* outputs */
};

/* --- command.c --- */

/* Takes @chain; NULL: no memory, and the chain was given back. */
struct gpu_command *facet_gpu_command_create(struct gpu *gpu, unsigned int queue,
					     struct facet_chain *chain);
/* One without a chain; NULL: no memory. */
struct gpu_command *facet_gpu_command_own(struct gpu *gpu);
/* Without an answer. */
void facet_gpu_command_drop(struct gpu_command *cmd);
/* Room for what follows the header; NULL: no memory. */
void *facet_gpu_command_payload(struct gpu_command *cmd, size_t size);
/* The end of the command. Any thread. */
void facet_gpu_command_answer(struct gpu_command *cmd, uint32_t type);
/* The same for answers that the engine does not give: a fenced one waits its turn. */
void facet_gpu_command_finish(struct gpu_command *cmd, uint32_t type);
/* Hands cmd->job over. GPU_LATER, or an error to answer: then nothing happened. */
uint32_t facet_gpu_command_submit(struct gpu_command *cmd, enum facet_job_kind kind);
void facet_gpu_unref(struct gpu *gpu);

/* --- decode.c --- */

/* False: try again later (GPU_RETRY). */
bool facet_gpu_decode(struct gpu_command *cmd);

/* --- object.c --- */

void facet_gpu_object_init(struct gpu_object *object, uint32_t id, struct facet_sched *sched,
			   uint64_t bytes, bool is_context);
void facet_gpu_object_unref(struct gpu_object *object);
/* Uncharges, once. Any thread. */
void facet_gpu_object_settle(struct gpu_object *object);
/* NULL also when the creation has failed by now. */
struct gpu_object *facet_gpu_table_find(struct gpu_table *table, uint32_t id);
/* Takes a reference. 0 or -ENOMEM. */
int facet_gpu_table_add(struct gpu_table *table, struct gpu_object *object);
void facet_gpu_table_remove(struct gpu_table *table, struct gpu_object *object);
void facet_gpu_table_clear(struct gpu_table *table);

/* --- resource.c, format.c --- */

/* NULL: there is none. */
struct gpu_resource *facet_gpu_resource_find(struct gpu *gpu, uint32_t id);
/* 0, or the error that says why no resource can have this id now. */
uint32_t facet_gpu_check_new_id(struct gpu *gpu, uint32_t id);
/* Charges for a copy of @model, hands it to the engine, and enters it into the table. */
uint32_t facet_gpu_enter_resource(struct gpu_command *cmd, enum facet_job_kind kind, uint32_t id,
				  const struct gpu_resource *model);
bool facet_gpu_format_is_2d(uint32_t format);
/* Host memory a resource takes, an upper estimate; UINT64_MAX when it does not fit a number. */
uint64_t facet_gpu_resource_bytes(const struct gpu_resource *res);
/* What a renderer may need for a moment to copy a box, an upper estimate. */
uint64_t facet_gpu_box_bytes(const struct gpu_resource *res, const struct facet_box *box);

/* --- output.c --- */

void facet_gpu_output_init(struct gpu *gpu);
void facet_gpu_output_fini(struct gpu *gpu);
/* Drops the commands that wait for an answer. */
void facet_gpu_output_reset(struct gpu *gpu);

/* --- scanout.c --- */

struct facet_rect facet_gpu_rect_get(const struct wire_gpu_rect *r);
/* Shows cmd->job.resource_id; a blob by cmd->job.scanout.layout. */
uint32_t facet_gpu_show(struct gpu_command *cmd, unsigned int output,
			const struct facet_rect *rect);
uint32_t facet_gpu_turn_off(struct gpu_command *cmd, unsigned int output);
void facet_gpu_scanout_forget(struct gpu *gpu, unsigned int output);

/* --- cursor.c --- */

/* An UPDATE_CURSOR has been executed. Any thread. */
void facet_gpu_cursor_done(struct gpu *gpu, unsigned int output);
void facet_gpu_cursor_reset(struct gpu *gpu);

/* --- capset.c --- */

/* NULL: the engine has none of this number. */
const struct facet_capset *facet_gpu_capset_find(const struct gpu *gpu, uint32_t id);

/* --- backing.c --- */

/*
 * Begins cmd->backing out of @count entries at cmd->entries_at, or goes on after the IOMMU was
 * asked. 0: it is whole; GPU_RETRY; or the error to answer.
 */
uint32_t facet_gpu_backing_build(struct gpu_command *cmd, uint32_t count);
/* As the engine takes it. */
struct facet_backing *facet_gpu_backing_base(struct gpu_backing *backing);
void facet_gpu_backing_drop(struct gpu_backing *backing);
/* Copies entries of an ATTACH_BACKING from @first on; false: the guest sent fewer. */
bool facet_gpu_backing_entries(const struct gpu_command *cmd, uint32_t first,
			       struct wire_gpu_mem_entry *to, uint32_t count);

/* --- keep.c: what survives the process, in port->keep; loop thread --- */

size_t facet_gpu_keep_size(void);
void facet_gpu_keep_create(const struct gpu_command *cmd);
void facet_gpu_keep_attach(const struct gpu_command *cmd, uint32_t count);
void facet_gpu_keep_detach(struct gpu *gpu, uint32_t id);
void facet_gpu_keep_remove(struct gpu *gpu, uint32_t id);
void facet_gpu_keep_scanout(struct gpu *gpu, unsigned int output, uint32_t id,
			    const struct facet_rect *rect);
void facet_gpu_keep_clear(struct gpu *gpu);
/* Makes again what a dead process had. */
void facet_gpu_keep_resume(struct gpu *gpu);

/* --- edid.c --- */

/* Makes an EDID for a screen that prefers the size. Return: its bytes, at most FACET_MAX_EDID. */
size_t facet_gpu_edid(uint8_t *edid, unsigned int output, uint32_t width, uint32_t height);

/* --- handlers, by file; loop thread; see decode.c for what was checked before --- */

typedef uint32_t facet_gpu_handler(struct gpu_command *cmd);

facet_gpu_handler facet_gpu_create_2d, facet_gpu_create_3d, facet_gpu_unref_resource,
	facet_gpu_assign_uuid;
facet_gpu_handler facet_gpu_attach_backing, facet_gpu_detach_backing;
facet_gpu_handler facet_gpu_create_blob, facet_gpu_set_scanout_blob;
facet_gpu_handler facet_gpu_transfer_to_host_2d, facet_gpu_transfer_to_host_3d,
	facet_gpu_transfer_from_host_3d;
facet_gpu_handler facet_gpu_set_scanout, facet_gpu_flush;
facet_gpu_handler facet_gpu_get_display_info, facet_gpu_get_edid;
facet_gpu_handler facet_gpu_get_capset_info, facet_gpu_get_capset;
facet_gpu_handler facet_gpu_create_context, facet_gpu_destroy_context, facet_gpu_attach_resource,
	facet_gpu_detach_resource, facet_gpu_submit_3d;
facet_gpu_handler facet_gpu_update_cursor, facet_gpu_move_cursor;

#endif
