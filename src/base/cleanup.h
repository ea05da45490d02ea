/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cleanup.h - scope-bound release of what a function holds. */
#ifndef FACET_BASE_CLEANUP_H
#define FACET_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void facet_close_ptr(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void facet_free_ptr(void *p)
{
	free(*(void **)p);
}

#define facet_autofree  __attribute__((cleanup(facet_free_ptr)))
#define facet_autoclose __attribute__((cleanup(facet_close_ptr)))

/* After FACET_DEFINE_CLEANUP(struct x, x_destroy): facet_auto(x_destroy) struct x *x = NULL; */
#define FACET_DEFINE_CLEANUP(type, destroy)        \
	static inline void destroy##_ptr(type **p) \
	{                                          \
		if (*p)                            \
			destroy(*p);               \
	}
#define facet_auto(destroy) __attribute__((cleanup(destroy##_ptr)))

/* Hand a held descriptor to its next owner. */
static inline int facet_steal_fd(int *fd)
{
	int f = *fd;

	*fd = -1;
	return f;
}

/* Hand a held pointer to its next owner. */
#define facet_steal(p)                              \
	({                                          \
		__typeof__(p) *_q = &(p), _v = *_q; \
		*_q = NULL;                         \
		_v;                                 \
	})

#endif
