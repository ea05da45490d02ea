/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copy.h - large copies of what is cold and will not be read again here. */
#ifndef FACET_BASE_COPY_H
#define FACET_BASE_COPY_H

#include <stddef.h>

/*
 * A picture is larger than the caches that it would fill: stored past them it costs half as much,
 * and leaves them to the renderer. What is small is copied plainly: who looks next finds it there.
 */
enum { FACET_COPY_COLD_BYTES = 512 << 10 };

/* @rows of @bytes each, @to_stride and @from_stride bytes apart. Visible to all when it returns. */
void facet_copy_lines(void *to, size_t to_stride, const void *from, size_t from_stride,
		      size_t bytes, size_t rows);

/* memcpy, by stores that leave the caches alone where the processor has them. */
void facet_copy_past_caches(void *to, const void *from, size_t bytes);

#endif
