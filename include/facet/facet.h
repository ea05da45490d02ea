/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* facet.h - libfacet: GPUs for virtual machines, by asking facetd. */
#ifndef FACET_FACET_H
#define FACET_FACET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque; one thread at a time. */
struct facet_conn;
struct facet_events;

/*
 * Functions return 0 or a negative errno. After a failure facet_error_text() has a sentence for a
 * person. -ENOENT: no such vGPU; -EEXIST: the name is taken; -EINVAL: an argument, named by
 * facet_error_argument(); -EBUSY: in use; -ENOSPC: a limit; -EIO: the vGPU could not do it;
 * -EPROTONOSUPPORT: facetd is older than this library and knows no such call or argument;
 * -ECONNREFUSED: no facetd; others: the connection, which is then gone: facet_connect() anew.
 *
 * Structs that cross this interface begin with their size: they grow at the end. The caller sets
 * it in those that it fills; in those that the library fills it says how far they are filled.
 *
 * Parts of a GPU are in ppm, parts per million of its time: 1000000 is all of it.
 */

/**
 * facet_connect() - reach facetd.
 * @socket: path, or NULL: $FACET_SOCKET, else $XDG_RUNTIME_DIR/facet/io.facet if it is there,
 *          else /run/facet/io.facet
 * @ret: also set after a failure, so that there is somebody to ask for the text; NULL only when
 *       memory ran out
 */
int facet_connect(const char *socket, struct facet_conn **ret);
/* NULL is fine. */
void facet_close(struct facet_conn *conn);

/* The sentence, or the name of the argument ("" if it was none), of the last failure. */
const char *facet_error_text(const struct facet_conn *conn);
const char *facet_error_argument(const struct facet_conn *conn);

/* "0.1.0"; and facetd's own. */
const char *facet_version(void);
int facet_daemon_version(struct facet_conn *conn, char **ret);

/* Of the interface io.facet: what this library was made for, and what facetd answers. */
unsigned int facet_interface_version(void);
int facet_daemon_interface_version(struct facet_conn *conn, unsigned int *ret);

void facet_free(void *answer);

/* --- making, changing and removing --- */

enum facet_create_flags {
	FACET_CREATE_EUS_EXCLUSIVE = 1, /* nobody else's work runs on its execution units */
	FACET_CREATE_OVERCOMMIT = 2,    /* promise memory that the GPU does not have */
	FACET_CREATE_HANG_NEVER = 4,    /* however long a job is */
};

/* What a new vGPU shall be; zero means as its type says, or the default. */
struct facet_create {
	size_t size;
	const char *name;
	const char *gpu, *mechanism;
	uint32_t width, height; /* pixels */
	uint32_t outputs;
	uint64_t vram_bytes;
	const char *type;         /* see facet_get_types() */
	uint32_t weight;          /* 1 to 10000 */
	uint32_t cap_ppm;         /* never more */
	uint32_t reservation_ppm; /* at least */
	const char *eus;          /* execution units: "0-3,6" these, "2" that many */
	uint32_t hang_ms;         /* GPU time of one job after which the vGPU is reset */
	uint32_t flags;           /* enum facet_create_flags */
	const char *kvmfr;        /* publish its outputs in this file; "": where facetd chooses */
	const char *kvmfr_group;  /* that may read and write it */
	const char *transport;    /* "vhost-user", "vfio-user" */
};

enum facet_remove_flags {
	FACET_REMOVE_FORCE = 1, /* even if a virtual machine uses it */
};

int facet_remove(struct facet_conn *conn, const char *name, unsigned int flags);

/* Which members of struct facet_limits are meant. */
enum facet_limit {
	FACET_LIMIT_WEIGHT = 1,
	FACET_LIMIT_CAP = 2,
	FACET_LIMIT_RESERVATION = 4,
	FACET_LIMIT_VRAM = 8,
	FACET_LIMIT_EUS = 16,
	FACET_LIMIT_EUS_EXCLUSIVE = 32,
	FACET_LIMIT_HANG = 64,
	FACET_LIMIT_OVERCOMMIT = 128,
};

struct facet_limits {
	size_t size;
	uint32_t set; /* enum facet_limit; others stay as they are */
	uint32_t weight;
	uint32_t cap_ppm; /* 1000000: no cap */
	uint32_t reservation_ppm;
	uint64_t vram_bytes;
	const char *eus; /* "": all */
	uint32_t eus_exclusive;
	uint32_t hang_ms; /* 0: never */
	uint32_t overcommit;
};

/* While a virtual machine runs. */
int facet_set_limits(struct facet_conn *conn, const char *name, const struct facet_limits *limits);

/* @policy: "best-effort", "equal" or "fixed". */
int facet_set_policy(struct facet_conn *conn, const char *gpu, const char *policy);

/* @connected: 1, 0, or -1: as it is. @width, @height: 0: as they are. */
int facet_set_output(struct facet_conn *conn, const char *name, unsigned int output, int connected,
		     uint32_t width, uint32_t height);

/* A PNG into @fd, which stays the caller's. @cursor: 0 without. */
int facet_screenshot(struct facet_conn *conn, const char *name, unsigned int output, int cursor,
		     int fd);

/* --- looking: arrays of pointers that end with NULL, in one piece of memory: facet_free() --- */

struct facet_gpu_info {
	size_t size;
	const char *name, *driver, *address, *node;
	const char *policy;     /* "best-effort", "equal", "fixed" */
	const char *mechanisms; /* those that work, separated by spaces, best first */
	uint32_t vgpus, eus;
	uint32_t share_free_ppm;
	uint64_t vram_bytes, vram_free_bytes;
};

struct facet_type_info {
	size_t size;
	const char *name, *gpu, *mechanism, *eus;
	uint32_t weight, cap_ppm, reservation_ppm;
	uint32_t width, height, outputs; /* at most */
	uint32_t hang_ms, eus_exclusive, builtin;
	uint32_t fit; /* how many more there is room for now */
	uint64_t vram_bytes;
};

struct facet_vgpu_info {
	size_t size;
	const char *name, *gpu, *mechanism;
	const char *type;   /* "": none */
	const char *state;  /* "starting", "idle", "connected", "running", ... */
	const char *reason; /* how its last process ended, or "" */
	const char *socket, *log;
	const char *guest_command, *eus;
	uint32_t width, height, outputs;
	uint32_t weight, cap_ppm, reservation_ppm, hang_ms, eus_exclusive, overcommit;
	uint32_t pid, guest_pid; /* 0: none */
	uint32_t restarts;
	uint64_t created; /* seconds since 1970 */
	uint64_t vram_bytes;
	const char *kvmfr; /* the file where output 0 is published, or "" */
	const char *transport;
};

/* Counters; see Counters and Measured in io.facet(7) for when they begin anew. */
struct facet_stats {
	size_t size;
	const char *name, *gpu, *state;
	uint32_t answers; /* its process did: what follows cpu_ns is of now */
	uint32_t restarts;
	uint32_t used_ppm, entitled_ppm;
	uint64_t used_ns, throttled_ns, preempts, resets;
	uint64_t wait_p50_us, wait_p99_us, latency_p50_us, latency_p99_us;
	uint64_t cpu_ns, rss_bytes;
	uint64_t jobs, frames, busy_ns, wait_ns, queued;
	uint64_t vram_bytes, vram_peak_bytes, vram_quota_bytes;
};

int facet_get_gpus(struct facet_conn *conn, struct facet_gpu_info ***ret);
int facet_get_types(struct facet_conn *conn, struct facet_type_info ***ret);
int facet_get_vgpus(struct facet_conn *conn, struct facet_vgpu_info ***ret);
int facet_get_stats(struct facet_conn *conn, struct facet_stats ***ret);
/* One, not an array. */
int facet_get_vgpu(struct facet_conn *conn, const char *name, struct facet_vgpu_info **ret);

/* --- what happens, as it happens --- */

struct facet_event {
	size_t size; /* sizeof(struct facet_event), set by the caller */
	/*
	 * "present": was there already. "ready": these were all; no name. Then "added", "removed",
	 * "state", "limits".
	 */
	const char *event;
	const char *name, *state, *reason;
};

/* On a connection of its own to where @conn goes, which is not needed afterwards. */
int facet_events_open(struct facet_conn *conn, struct facet_events **ret);
void facet_events_close(struct facet_events *events); /* NULL is fine */
/* For poll(): when it is readable, call facet_events_next() until -ETIMEDOUT. */
int facet_events_fd(const struct facet_events *events);
/*
 * @timeout_ms: -1: wait for ever. The strings stay until the next call. -ETIMEDOUT: nothing came;
 * others: it is over, facetd ended or we were too slow.
 */
int facet_events_next(struct facet_events *events, int timeout_ms, struct facet_event *ret);

/* --- the same as JSON --- */

/*
 * Texts as the interface io.facet describes them (io.facet(7)), in memory of the caller's: release
 * it with facet_free(). Fields may be added in later versions.
 */
int facet_list_gpus(struct facet_conn *conn, char **ret_json);
int facet_list_types(struct facet_conn *conn, char **ret_json);
int facet_create(struct facet_conn *conn, const struct facet_create *create, char **ret_json);
int facet_list(struct facet_conn *conn, char **ret_json);
int facet_show(struct facet_conn *conn, const char *name, char **ret_json);
int facet_stats(struct facet_conn *conn, char **ret_json);
int facet_restart(struct facet_conn *conn, const char *name, char **ret_json);

#ifdef __cplusplus
}
#endif

#endif
