/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checked.h - sums and products of numbers a guest chose. */
#ifndef FACET_BASE_CHECKED_H
#define FACET_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/* True, with *ret written, when the exact result fits. */
#define facet_add(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define facet_sub(a, b, ret) (!__builtin_sub_overflow((a), (b), (ret)))
#define facet_mul(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))

/* Does [@start, @start + @size) lie inside [0, @limit)? No sum can wrap. */
static inline bool facet_inside(uint64_t start, uint64_t size, uint64_t limit)
{
	return start <= limit && size <= limit - start;
}

#define FACET_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
