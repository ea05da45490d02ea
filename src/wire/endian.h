/* SPDX-License-Identifier: GPL-2.0-or-later */
/* endian.h - little-endian integers that the compiler will not mix with ours. */
#ifndef FACET_WIRE_ENDIAN_H
#define FACET_WIRE_ENDIAN_H

#include <endian.h>
#include <stdint.h>

typedef struct {
	uint16_t raw;
} le16;
typedef struct {
	uint32_t raw;
} le32;
typedef struct {
	uint64_t raw;
} le64;

static inline uint16_t le16_get(le16 v)
{
	return le16toh(v.raw);
}
static inline uint32_t le32_get(le32 v)
{
	return le32toh(v.raw);
}
static inline uint64_t le64_get(le64 v)
{
	return le64toh(v.raw);
}
static inline le16 le16_of(uint16_t v)
{
	le16 r = { htole16(v) };
	return r;
}
static inline le32 le32_of(uint32_t v)
{
	le32 r = { htole32(v) };
	return r;
}
static inline le64 le64_of(uint64_t v)
{
	le64 r = { htole64(v) };
	return r;
}

#endif
