/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmfr.h - Looking Glass's shared memory: LGMP's queues and KVMFR's frames in them. */
#ifndef FACET_WIRE_KVMFR_H
#define FACET_WIRE_KVMFR_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

/*
 * All is little-endian; every "offset" in the memory is one of bytes from its start. Both sides
 * write, so nobody reads these structures in place: code goes by the table at the end, one load or
 * store a field, and the structures are here for the compiler to say where fields are.
 */
enum {
	WIRE_LGMP_MAGIC = 0x504d474c, /* "LGMP" */
	WIRE_LGMP_QUEUES = 5,
	WIRE_LGMP_SUBSCRIBERS = 32,
	WIRE_LGMP_CLIENT_MESSAGES = 10,
	WIRE_LGMP_CLIENT_MESSAGE_BYTES = 64,

	WIRE_KVMFR_QUEUE_POINTER = 1,
	WIRE_KVMFR_QUEUE_FRAME = 2,

	WIRE_KVMFR_MAX_DAMAGE = 64,
	WIRE_KVMFR_PAGE = 4096,
};

static const char wire_kvmfr_magic[8] = { 'K', 'V', 'M', 'F', 'R', '-', '-', '-' };

/* The kernel module's node: its size. Not with fstat. */
#define WIRE_KVMFR_IOCTL_SIZE _IO('u', 0x44)

/* --- LGMP version 6 --- */

struct wire_lgmp6_client_message {
	uint32_t size; /* 0 to 64 */
	uint8_t data[WIRE_LGMP_CLIENT_MESSAGE_BYTES];
};
static_assert(sizeof(struct wire_lgmp6_client_message) == 68, "size");

struct wire_lgmp6_queue {
	uint32_t id;
	uint32_t slots;    /* of the ring: one more than messages fit */
	uint32_t new_subs; /* clients count up, the publisher takes them all */
	uint32_t max_time; /* ms, for a subscriber to be done with a message */
	uint32_t position; /* the slot that is written next */
	uint32_t messages; /* offset of the ring */
	uint64_t timeouts[WIRE_LGMP_SUBSCRIBERS];
	uint32_t client_ids[WIRE_LGMP_SUBSCRIBERS];
	uint32_t lock;         /* 0 free, 1 held; for start, count, deadline, subs */
	uint64_t subs;         /* high half: a bit a subscriber; low half: those given up */
	uint32_t start;        /* the oldest pending slot */
	uint64_t deadline;     /* ms, of the message there */
	uint32_t count;        /* messages pending */
	uint32_t client_lock;  /* for the five below */
	uint32_t client_free;  /* client messages that still fit */
	uint32_t client_next;  /* the one that is written next */
	uint32_t client_sent;  /* serial */
	uint32_t client_acted; /* serial; clients wait for it */
	struct wire_lgmp6_client_message client_messages[WIRE_LGMP_CLIENT_MESSAGES];
};
static_assert(offsetof(struct wire_lgmp6_queue, timeouts) == 24, "offset");
static_assert(offsetof(struct wire_lgmp6_queue, lock) == 408, "offset");
static_assert(offsetof(struct wire_lgmp6_queue, subs) == 416, "offset");
static_assert(offsetof(struct wire_lgmp6_queue, deadline) == 432, "offset");
static_assert(offsetof(struct wire_lgmp6_queue, client_messages) == 464, "offset");
static_assert(sizeof(struct wire_lgmp6_queue) == 1144, "size");

struct wire_lgmp6_header {
	uint32_t magic; /* written last */
	uint32_t version;
	uint32_t session;   /* another one: the publisher started again */
	uint64_t timestamp; /* ms of the publisher's clock: it lives while this changes */
	uint32_t queue_count;
	struct wire_lgmp6_queue queues[WIRE_LGMP_QUEUES];
	uint32_t user_size; /* bytes that follow; after them, memory is the publisher's */
	uint8_t user[];
};
static_assert(offsetof(struct wire_lgmp6_header, timestamp) == 16, "offset");
static_assert(offsetof(struct wire_lgmp6_header, queues) == 32, "offset");
static_assert(offsetof(struct wire_lgmp6_header, user) == 5756, "offset");

struct wire_lgmp6_message {
	uint32_t user; /* flags */
	uint32_t size;
	uint32_t offset;
	uint32_t pending; /* a bit a subscriber that is not done */
};
static_assert(sizeof(struct wire_lgmp6_message) == 16, "size");

/* --- KVMFR version 20 --- */

struct wire_kvmfr20_user {
	char magic[8];
	uint32_t version;
	char publisher[32];
	uint32_t features; /* 1: the pointer can be placed */
	uint8_t records[];
};
static_assert(sizeof(struct wire_kvmfr20_user) == 48, "size");

/* One after the other, not aligned, up to the end of the user data. */
struct wire_kvmfr20_record {
	uint8_t type; /* enum wire_kvmfr_record */
	uint8_t pad[3];
	uint32_t size; /* of what follows */
};
static_assert(sizeof(struct wire_kvmfr20_record) == 8, "size");

enum wire_kvmfr_record { WIRE_KVMFR_RECORD_VM = 1, WIRE_KVMFR_RECORD_OS = 2 };

struct wire_kvmfr20_vm {
	uint8_t uuid[16]; /* all zero: not known */
	char capture[32];
	uint8_t threads, cores, sockets;
	char model[]; /* a text, with its end */
};
static_assert(sizeof(struct wire_kvmfr20_vm) == 51, "size");

struct wire_kvmfr20_os {
	uint8_t os; /* enum wire_kvmfr_os */
	char name[];
};
enum wire_kvmfr_os { WIRE_KVMFR_OS_LINUX, WIRE_KVMFR_OS_WINDOWS = 3, WIRE_KVMFR_OS_OTHER = 4 };

struct wire_kvmfr20_frame {
	uint32_t format_version; /* another one: type, a size or HDR changed */
	uint32_t serial;         /* of the picture */
	uint32_t type;           /* enum wire_kvmfr_type */
	uint32_t screen_width, screen_height;
	uint32_t data_width, data_height; /* texels in a line; lines */
	uint32_t frame_width, frame_height;
	uint32_t rotation; /* a hint; pixels are not turned by it */
	uint32_t stride;   /* texels */
	uint32_t pitch;    /* the same in bytes */
	uint32_t offset;   /* from here to how many bytes are valid: u32; pixels follow it */
	uint32_t damage_count;
	struct {
		uint32_t x, y, width, height;
	} damage[WIRE_KVMFR_MAX_DAMAGE]; /* against the frame before; no count: all of it */
	uint32_t flags;                  /* enum wire_kvmfr_frame_flags */
};
static_assert(offsetof(struct wire_kvmfr20_frame, damage) == 56, "offset");
static_assert(sizeof(struct wire_kvmfr20_frame) == 1084, "size");

enum wire_kvmfr_frame_flags {
	WIRE_KVMFR_TRUNCATED = 4, /* the memory has no room for all lines */
	WIRE_KVMFR_HDR = 8,
	WIRE_KVMFR_HDR_PQ = 16,
};

/* Pixels as bytes in memory. */
enum wire_kvmfr_type {
	WIRE_KVMFR_BGRA = 1,
	WIRE_KVMFR_RGBA = 2,
	WIRE_KVMFR_RGBA10 = 3,  /* u32: R in the lowest ten bits, G, B, A in the highest two */
	WIRE_KVMFR_RGBA16F = 4, /* four half floats */
	WIRE_KVMFR_BGR_32 = 5,  /* B G R, without gaps, in texels of four bytes */
	WIRE_KVMFR_RGB_24 = 6,  /* R G B, without gaps */
};

/* With every pointer message, as its user field. */
enum wire_kvmfr_pointer_flags {
	WIRE_KVMFR_POINTER_POSITION = 1, /* x, y are valid */
	WIRE_KVMFR_POINTER_VISIBLE = 2,
	WIRE_KVMFR_POINTER_SHAPE = 4, /* all else is valid */
};

struct wire_kvmfr20_pointer {
	int16_t x, y;  /* of the image's top left, in the guest's pixels */
	uint32_t type; /* enum wire_kvmfr_pointer_type */
	int8_t hot_x, hot_y;
	uint8_t pad[2];
	uint32_t width, height;
	uint32_t pitch; /* bytes */
	uint8_t image[];
};
static_assert(offsetof(struct wire_kvmfr20_pointer, width) == 12, "offset");
static_assert(sizeof(struct wire_kvmfr20_pointer) == 24, "size");

enum wire_kvmfr_pointer_type {
	WIRE_KVMFR_POINTER_COLOUR,     /* B G R A, premultiplied */
	WIRE_KVMFR_POINTER_MONOCHROME, /* a bit a pixel: rows of AND, then as many of XOR */
	WIRE_KVMFR_POINTER_MASKED,     /* alpha 0: put, else: XOR */
};

/* --- the table: a release of Looking Glass, and where it has its fields --- */

struct wire_kvmfr_format {
	uint32_t type;
	uint32_t bits;        /* of a pixel */
	uint32_t texel_bytes; /* what data_width and stride count */
};

struct wire_kvmfr_release {
	const char *name;
	uint32_t lgmp_version, kvmfr_version;
	struct {
		uint32_t magic, version, session, timestamp, queue_count, queues, user_size, user;
	} lgmp;
	struct {
		uint32_t bytes; /* of one queue */
		uint32_t id, slots, new_subs, max_time, position, messages, timeouts, client_ids;
		uint32_t lock, subs, start, deadline, count;
		uint32_t client_lock, client_free, client_next, client_sent, client_acted;
		uint32_t client_messages, client_message_bytes;
	} queue;
	struct {
		uint32_t bytes, user, size, offset, pending;
	} message;
	struct {
		uint32_t bytes, magic, version, publisher, publisher_bytes, features;
	} user;
	struct {
		uint32_t bytes, format_version, serial, type;
		uint32_t screen_width, screen_height, data_width, data_height;
		uint32_t frame_width, frame_height, rotation, stride, pitch, offset;
		uint32_t damage_count, damage, flags;
	} frame;
	struct {
		uint32_t bytes, x, y, type, hot_x, hot_y, width, height, pitch;
	} pointer;
	struct wire_kvmfr_format formats[6];
};

#define WIRE_LGMP6_HEADER(field)    offsetof(struct wire_lgmp6_header, field)
#define WIRE_LGMP6_QUEUE(field)     offsetof(struct wire_lgmp6_queue, field)
#define WIRE_LGMP6_MESSAGE(field)   offsetof(struct wire_lgmp6_message, field)
#define WIRE_KVMFR20_USER(field)    offsetof(struct wire_kvmfr20_user, field)
#define WIRE_KVMFR20_FRAME(field)   offsetof(struct wire_kvmfr20_frame, field)
#define WIRE_KVMFR20_POINTER(field) offsetof(struct wire_kvmfr20_pointer, field)

static const struct wire_kvmfr_release wire_kvmfr_b7 = {
	.name = "B7",
	.lgmp_version = 6,
	.kvmfr_version = 20,
	.lgmp = {
		.magic = WIRE_LGMP6_HEADER(magic),
		.version = WIRE_LGMP6_HEADER(version),
		.session = WIRE_LGMP6_HEADER(session),
		.timestamp = WIRE_LGMP6_HEADER(timestamp),
		.queue_count = WIRE_LGMP6_HEADER(queue_count),
		.queues = WIRE_LGMP6_HEADER(queues),
		.user_size = WIRE_LGMP6_HEADER(user_size),
		.user = WIRE_LGMP6_HEADER(user),
	},
	.queue = {
		.bytes = sizeof(struct wire_lgmp6_queue),
		.id = WIRE_LGMP6_QUEUE(id),
		.slots = WIRE_LGMP6_QUEUE(slots),
		.new_subs = WIRE_LGMP6_QUEUE(new_subs),
		.max_time = WIRE_LGMP6_QUEUE(max_time),
		.position = WIRE_LGMP6_QUEUE(position),
		.messages = WIRE_LGMP6_QUEUE(messages),
		.timeouts = WIRE_LGMP6_QUEUE(timeouts),
		.client_ids = WIRE_LGMP6_QUEUE(client_ids),
		.lock = WIRE_LGMP6_QUEUE(lock),
		.subs = WIRE_LGMP6_QUEUE(subs),
		.start = WIRE_LGMP6_QUEUE(start),
		.deadline = WIRE_LGMP6_QUEUE(deadline),
		.count = WIRE_LGMP6_QUEUE(count),
		.client_lock = WIRE_LGMP6_QUEUE(client_lock),
		.client_free = WIRE_LGMP6_QUEUE(client_free),
		.client_next = WIRE_LGMP6_QUEUE(client_next),
		.client_sent = WIRE_LGMP6_QUEUE(client_sent),
		.client_acted = WIRE_LGMP6_QUEUE(client_acted),
		.client_messages = WIRE_LGMP6_QUEUE(client_messages),
		.client_message_bytes = sizeof(struct wire_lgmp6_client_message),
	},
	.message = {
		.bytes = sizeof(struct wire_lgmp6_message),
		.user = WIRE_LGMP6_MESSAGE(user),
		.size = WIRE_LGMP6_MESSAGE(size),
		.offset = WIRE_LGMP6_MESSAGE(offset),
		.pending = WIRE_LGMP6_MESSAGE(pending),
	},
	.user = {
		.bytes = sizeof(struct wire_kvmfr20_user),
		.magic = WIRE_KVMFR20_USER(magic),
		.version = WIRE_KVMFR20_USER(version),
		.publisher = WIRE_KVMFR20_USER(publisher),
		.publisher_bytes = sizeof(((struct wire_kvmfr20_user *)0)->publisher),
		.features = WIRE_KVMFR20_USER(features),
	},
	.frame = {
		.bytes = sizeof(struct wire_kvmfr20_frame),
		.format_version = WIRE_KVMFR20_FRAME(format_version),
		.serial = WIRE_KVMFR20_FRAME(serial),
		.type = WIRE_KVMFR20_FRAME(type),
		.screen_width = WIRE_KVMFR20_FRAME(screen_width),
		.screen_height = WIRE_KVMFR20_FRAME(screen_height),
		.data_width = WIRE_KVMFR20_FRAME(data_width),
		.data_height = WIRE_KVMFR20_FRAME(data_height),
		.frame_width = WIRE_KVMFR20_FRAME(frame_width),
		.frame_height = WIRE_KVMFR20_FRAME(frame_height),
		.rotation = WIRE_KVMFR20_FRAME(rotation),
		.stride = WIRE_KVMFR20_FRAME(stride),
		.pitch = WIRE_KVMFR20_FRAME(pitch),
		.offset = WIRE_KVMFR20_FRAME(offset),
		.damage_count = WIRE_KVMFR20_FRAME(damage_count),
		.damage = WIRE_KVMFR20_FRAME(damage),
		.flags = WIRE_KVMFR20_FRAME(flags),
	},
	.pointer = {
		.bytes = sizeof(struct wire_kvmfr20_pointer),
		.x = WIRE_KVMFR20_POINTER(x),
		.y = WIRE_KVMFR20_POINTER(y),
		.type = WIRE_KVMFR20_POINTER(type),
		.hot_x = WIRE_KVMFR20_POINTER(hot_x),
		.hot_y = WIRE_KVMFR20_POINTER(hot_y),
		.width = WIRE_KVMFR20_POINTER(width),
		.height = WIRE_KVMFR20_POINTER(height),
		.pitch = WIRE_KVMFR20_POINTER(pitch),
	},
	.formats = {
		{ WIRE_KVMFR_BGRA, 32, 4 },
		{ WIRE_KVMFR_RGBA, 32, 4 },
		{ WIRE_KVMFR_RGBA10, 32, 4 },
		{ WIRE_KVMFR_RGBA16F, 64, 8 },
		{ WIRE_KVMFR_BGR_32, 24, 4 },
		{ WIRE_KVMFR_RGB_24, 24, 3 },
	},
};

/*
 * The size that Looking Glass asks people to give the memory: two pictures of 32-bit pixels and
 * 10 MiB, up to the next power of two (what a PCI BAR needs). 1920x1080: 32 MiB.
 */
static inline uint64_t facet_kvmfr_size(uint32_t width, uint32_t height)
{
	const uint64_t need = (uint64_t)width * height * 4 * 2 + (10 << 20);
	uint64_t size = 1 << 20;

	while (size < need)
		size *= 2;
	return size;
}

#endif
