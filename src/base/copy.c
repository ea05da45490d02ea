// SPDX-License-Identifier: GPL-2.0-or-later
/* copy.c - large copies, past the caches. */
#include "base/copy.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	BLOCK = 64, /* a line of the cache, written at once */
	AHEAD = 2, /* rows of a picture: no prefetcher of a processor's guesses where the next is */
};

#ifdef __SSE2__
static void stream_block(uint8_t *to, const uint8_t *from)
{
	const __m128i *in = (const __m128i *)(const void *)from;
	__m128i *out = (__m128i *)(void *)to;
	const __m128i v0 = _mm_loadu_si128(in), v1 = _mm_loadu_si128(in + 1),
		      v2 = _mm_loadu_si128(in + 2), v3 = _mm_loadu_si128(in + 3);

	_mm_stream_si128(out, v0);
	_mm_stream_si128(out + 1, v1);
	_mm_stream_si128(out + 2, v2);
	_mm_stream_si128(out + 3, v3);
}

/* @ahead: how far on what is read soon lies; 0: nothing is. */
static void stream(uint8_t *to, const uint8_t *from, size_t bytes, size_t ahead)
{
	size_t at = (BLOCK - ((uintptr_t)to & (BLOCK - 1))) & (BLOCK - 1);

	at = at < bytes ? at : bytes;
	memcpy(to, from, at);
	for (; at + BLOCK <= bytes; at += BLOCK) {
		if (ahead)
			_mm_prefetch((const char *)from + at + ahead, _MM_HINT_NTA);
		stream_block(to + at, from + at);
	}
	memcpy(to + at, from + at, bytes - at);
}

static void finish(void)
{
	_mm_sfence(); /* such stores are not ordered with others */
}
#else
static void stream(uint8_t *to, const uint8_t *from, size_t bytes, size_t ahead)
{
	memcpy(to, from, bytes);
}

static void finish(void)
{
}
#endif

void facet_copy_past_caches(void *to, const void *from, size_t bytes)
{
	stream(to, from, bytes, 0);
	finish();
}

static void stream_lines(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride,
			 size_t bytes, size_t rows)
{
	size_t ahead;

	for (size_t y = 0; y < rows; y++, to += to_stride, from += from_stride) {
		ahead = y + AHEAD < rows ? AHEAD * from_stride : 0;
		if (ahead) /* another page: its address is looked up meanwhile */
			__builtin_prefetch(to + AHEAD * to_stride, 0, 0);
		stream(to, from, bytes, ahead);
	}
	finish();
}

void facet_copy_lines(void *to, size_t to_stride, const void *from, size_t from_stride,
		      size_t bytes, size_t rows)
{
	const bool cold = bytes * rows >= FACET_COPY_COLD_BYTES;

	if (to_stride == bytes && from_stride == bytes) {
		bytes *= rows;
		rows = rows > 0;
	}
	if (cold) {
		stream_lines(to, to_stride, from, from_stride, bytes, rows);
		return;
	}
	for (size_t y = 0; y < rows; y++)
		memcpy((uint8_t *)to + y * to_stride, (const uint8_t *)from + y * from_stride,
		       bytes);
}
