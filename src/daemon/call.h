/* SPDX-License-Identifier: GPL-2.0-or-later */
/* call.h - what the methods of io.facet share: arguments, errors, and waiting for others. */
#ifndef FACET_DAEMON_CALL_H
#define FACET_DAEMON_CALL_H

#include <jansson.h>

#include "daemon/vgpu.h"

enum {
	FACETD_MIN_SIDE = 64,
	FACETD_MAX_SIDE = 8192, /* pixels */
	FACETD_MIN_VRAM_MIB = 16,
	FACETD_MAX_VRAM_MIB = 1 << 20,
	FACETD_MAX_HANG_MS = 3600000,
};

struct facetd_parameter {
	const char *name;
	json_type type; /* JSON_FALSE: a boolean */
	bool required;
};

/* --- errors: each ends the call --- */

/* @error "io.facet.NotFound"; @name: the vGPU, or the argument, or NULL. */
void facetd_fail(struct facet_varlink_call *call, const char *error, const char *name,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define facetd_fail_argument(call, argument, ...) \
	facetd_fail(call, "io.facet.InvalidArgument", argument, __VA_ARGS__)

/* What arbitration refused, as @code says. @name: the vGPU's. */
void facetd_fail_limits(struct facet_varlink_call *call, const char *name, int code,
			const char *text);

/* --- arguments; false or NULL: the call has been answered with what is wrong --- */

/* Nothing but @known (which ends with a NULL name), each of its type. */
bool facetd_check(struct facet_varlink_call *call, const struct facetd_parameter *known);

/* The vGPU that the call names; one whose process can be asked now. */
struct facetd_vgpu *facetd_find(struct facet_varlink_call *call, struct facetd *daemon);
struct facetd_vgpu *facetd_find_up(struct facet_varlink_call *call, struct facetd *daemon);

/* *value stays as it is when the argument is absent. */
bool facetd_get_number(struct facet_varlink_call *call, const char *name, json_int_t min,
		       json_int_t max, json_int_t *value);
bool facetd_get_limits(struct facet_varlink_call *call, struct facetd_limits *limits);

/* NULL: absent. */
json_t *facetd_get(struct facet_varlink_call *call, const char *name);
const char *facetd_get_string(struct facet_varlink_call *call, const char *name);

/* --- waiting --- */

/*
 * Answers when the vGPU has come up, or is gone (@removal). False after an answer: somebody else
 * waits, or there is no memory.
 */
bool facetd_wait(struct facetd *daemon, struct facet_varlink_call *call, struct facetd_vgpu *vgpu,
		 bool removal);

/**
 * facetd_forward() - answer with what the vGPU's process answers.
 * @parameters: taken
 * @fd: borrowed; -1: none
 * @done: NULL: the answer is {}; else called in its stead with the text of a failure, or NULL
 * @note: given to @done
 */
typedef void (*facetd_forwarded)(struct facetd *daemon, struct facet_varlink_call *call,
				 const char *name, uint64_t note, const char *failure);
void facetd_forward(struct facet_varlink_call *call, struct facetd_vgpu *vgpu, const char *method,
		    json_t *parameters, int fd, facetd_forwarded done, uint64_t note);

/* --- the methods that do not stand in methods.c --- */

void facetd_method_create(struct facet_varlink_call *call, void *owner);
void facetd_method_set(struct facet_varlink_call *call, void *owner);
void facetd_method_set_policy(struct facet_varlink_call *call, void *owner);
void facetd_method_screenshot(struct facet_varlink_call *call, void *owner);
void facetd_method_set_output(struct facet_varlink_call *call, void *owner);

#endif
