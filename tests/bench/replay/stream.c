// SPDX-License-Identifier: GPL-2.0-or-later
/* stream.c - the scene as a guest's Mesa would send it: virgl command streams. */
#include "stream.h"

#include <assert.h>
#include <string.h>

#include "scene.h"

enum {
	CREATE_OBJECT = 1,
	BIND_OBJECT = 2,
	SET_VIEWPORT = 4,
	SET_FRAMEBUFFER = 5,
	SET_VERTEX_BUFFERS = 6,
	CLEAR = 7,
	DRAW_VBO = 8,
	SET_CONSTANTS = 12,
	BIND_SHADER = 31,

	BLEND = 1,
	RASTERIZER = 2,
	DSA = 3,
	SHADER = 4,
	VERTEX_ELEMENTS = 5,
	SURFACE = 8,

	VERTEX = 0, /* shader types */
	FRAGMENT = 1,

	HANDLE_BLEND = 10,
	HANDLE_RASTERIZER,
	HANDLE_DSA,
	HANDLE_VERTEX_SHADER,
	HANDLE_FRAGMENT_SHADER,
	HANDLE_ELEMENTS,
	HANDLE_COLOUR,
	HANDLE_DEPTH,

	FORMAT_R32G32B32_FLOAT = 30,
	TRIANGLES = 4,
};

/* The same arithmetic as the shaders of direct.c. */
static const char vertex_shader[] =
	"VERT\n"
	"DCL IN[0]\n"
	"DCL OUT[0], POSITION\n"
	"DCL OUT[1], GENERIC[0]\n"
	"DCL CONST[0..3]\n"
	"DCL TEMP[0]\n"
	"IMM[0] FLT32 {    1.0000,     0.0000,     0.0000,     0.0000}\n"
	"  0: MOV TEMP[0].xyz, IN[0].xyzz\n"
	"  1: MOV TEMP[0].w, IMM[0].xxxx\n"
	"  2: DP4 OUT[0].x, TEMP[0], CONST[0]\n"
	"  3: DP4 OUT[0].y, TEMP[0], CONST[1]\n"
	"  4: DP4 OUT[0].z, TEMP[0], CONST[2]\n"
	"  5: DP4 OUT[0].w, TEMP[0], CONST[3]\n"
	"  6: MOV OUT[1], TEMP[0]\n"
	"  7: END\n";
static const char fragment_shader[] =
	"FRAG\n"
	"DCL IN[0], GENERIC[0], PERSPECTIVE\n"
	"DCL OUT[0], COLOR\n"
	"DCL CONST[0..1]\n"
	"DCL TEMP[0..1]\n"
	"IMM[0] FLT32 {    0.0000,    32.0000,     0.2000,     1.0000}\n"
	"  0: DP3 TEMP[0].x, IN[0].xyzz, IN[0].xyzz\n"
	"  1: RSQ TEMP[0].x, TEMP[0].xxxx\n"
	"  2: MUL TEMP[0].xyz, IN[0].xyzz, TEMP[0].xxxx\n"
	"  3: DP3 TEMP[1].x, TEMP[0].xyzz, CONST[0].xyzz\n"
	"  4: MAX TEMP[1].x, TEMP[1].xxxx, IMM[0].xxxx\n"
	"  5: POW TEMP[1].y, TEMP[1].xxxx, IMM[0].yyyy\n"
	"  6: ADD TEMP[1].x, TEMP[1].xxxx, IMM[0].zzzz\n"
	"  7: MAD TEMP[0].xyz, CONST[1].xyzz, TEMP[1].xxxx, TEMP[1].yyyy\n"
	"  8: MOV TEMP[0].w, IMM[0].wwww\n"
	"  9: MOV OUT[0], TEMP[0]\n"
	" 10: END\n";

static void add(struct stream *stream, const uint32_t *words, size_t count)
{
	assert(stream->count + count <= sizeof(stream->words) / 4);
	memcpy(stream->words + stream->count, words, count * 4);
	stream->count += count;
}

/* One command: its name, the object it is about, and the words that follow. */
#define ADD(stream, command, object, ...)                                        \
	do {                                                                     \
		const uint32_t _words[] = { __VA_ARGS__ };                       \
		const uint32_t _count = sizeof(_words) / 4;                      \
		const uint32_t _head = (command) | (object) << 8 | _count << 16; \
                                                                                 \
		add(stream, &_head, 1);                                          \
		add(stream, _words, _count);                                     \
	} while (0)

static uint32_t word(float f)
{
	uint32_t w;

	memcpy(&w, &f, sizeof(w));
	return w;
}

static void add_shader(struct stream *stream, uint32_t handle, uint32_t type, const char *text)
{
	uint32_t bytes = (uint32_t)strlen(text) + 1, count = (bytes + 3) / 4;
	uint32_t head[] = {
		CREATE_OBJECT | SHADER << 8 | (5 + count) << 16, handle, type, bytes, 300, 0
	};
	uint32_t copy[512] = { 0 };

	assert(bytes <= sizeof(copy));
	memcpy(copy, text, bytes);
	add(stream, head, 6);
	add(stream, copy, count);
	ADD(stream, BIND_SHADER, 0, handle, type);
}

static void add_state(struct stream *stream)
{
	const uint32_t write_rgba = 0xfu << 27, less = 1 << 2, on = 1 << 0 | 1 << 1;
	const uint32_t depth_clip = 1 << 1, ccw = 1 << 15, half_pixel = 1 << 29;

	ADD(stream, CREATE_OBJECT, BLEND, HANDLE_BLEND, 0, 0, write_rgba, 0, 0, 0, 0, 0, 0, 0);
	ADD(stream, BIND_OBJECT, BLEND, HANDLE_BLEND);
	ADD(stream, CREATE_OBJECT, DSA, HANDLE_DSA, on | less, 0, 0, 0);
	ADD(stream, BIND_OBJECT, DSA, HANDLE_DSA);
	ADD(stream, CREATE_OBJECT, RASTERIZER, HANDLE_RASTERIZER, depth_clip | ccw | half_pixel,
	    word(1), 0, 0, word(1), 0, 0, 0);
	ADD(stream, BIND_OBJECT, RASTERIZER, HANDLE_RASTERIZER);
}

void stream_make_setup(struct stream *stream)
{
	const float half_width = SCENE_WIDTH / 2.0f, half_height = SCENE_HEIGHT / 2.0f;

	stream->count = 0;
	ADD(stream, CREATE_OBJECT, SURFACE, HANDLE_COLOUR, STREAM_COLOUR, STREAM_FORMAT_COLOUR, 0,
	    0);
	ADD(stream, CREATE_OBJECT, SURFACE, HANDLE_DEPTH, STREAM_DEPTH, STREAM_FORMAT_DEPTH, 0, 0);
	ADD(stream, SET_FRAMEBUFFER, 0, 1, HANDLE_DEPTH, HANDLE_COLOUR);
	add_state(stream);
	add_shader(stream, HANDLE_VERTEX_SHADER, VERTEX, vertex_shader);
	add_shader(stream, HANDLE_FRAGMENT_SHADER, FRAGMENT, fragment_shader);
	ADD(stream, CREATE_OBJECT, VERTEX_ELEMENTS, HANDLE_ELEMENTS, 0, 0, 0,
	    FORMAT_R32G32B32_FLOAT);
	ADD(stream, BIND_OBJECT, VERTEX_ELEMENTS, HANDLE_ELEMENTS);
	ADD(stream, SET_VERTEX_BUFFERS, 0, 12, 0, STREAM_VERTICES);
	ADD(stream, SET_VIEWPORT, 0, 0, word(half_width), word(half_height), word(0.5f),
	    word(half_width), word(half_height), word(0.5f));
}

static void add_constants(struct stream *stream, uint32_t type, const float *values, uint32_t count)
{
	uint32_t head[] = { SET_CONSTANTS | (2 + count) << 16, type, 0 };

	add(stream, head, 3);
	for (uint32_t i = 0; i < count; i++)
		add(stream, &(uint32_t){ word(values[i]) }, 1);
}

void stream_make_frame(struct stream *stream, unsigned int draws)
{
	const uint32_t depth_stencil_colour = 1 | 2 | 4;
	const uint32_t one[2] = { 0, 0x3ff00000 }; /* as double */

	stream->count = 0;
	ADD(stream, CLEAR, 0, depth_stencil_colour, word(0.1f), word(0.1f), word(0.2f), word(1),
	    one[0], one[1], 0);
	for (unsigned int i = 0; i < draws; i++) {
		struct scene_draw draw;

		scene_make_draw(draws, i, &draw);
		add_constants(stream, VERTEX, draw.matrix[0], 16);
		add_constants(stream, FRAGMENT, draw.light, 8);
		ADD(stream, DRAW_VBO, 0, 0, SCENE_VERTICES, TRIANGLES, 0, 1, 0, 0, 0, 0, 0,
		    SCENE_VERTICES - 1, 0);
	}
}
