/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.h - the scene as a guest's Mesa would send it: virgl command streams. */
#ifndef FACET_BENCH_STREAM_H
#define FACET_BENCH_STREAM_H

#include <stddef.h>
#include <stdint.h>

enum {
	STREAM_COLOUR = 1, /* resources that the streams refer to */
	STREAM_DEPTH,
	STREAM_VERTICES,

	STREAM_FORMAT_COLOUR = 1, /* B8G8R8A8_UNORM */
	STREAM_FORMAT_DEPTH = 20, /* S8_UINT_Z24_UNORM */
	STREAM_FORMAT_BYTES = 64, /* R8_UNORM */
	STREAM_BIND_DEPTH = 1 << 0,
	STREAM_BIND_COLOUR = 1 << 1,
	STREAM_BIND_VERTICES = 1 << 4,
};

struct stream {
	size_t count;
	uint32_t words[8192];
};

/* Objects, shaders and state: once. */
void stream_make_setup(struct stream *stream);
/* One frame of @draws spheres. */
void stream_make_frame(struct stream *stream, unsigned int draws);

#endif
