/* SPDX-License-Identifier: GPL-2.0-or-later */
/* facet-hang - one draw whose shader practically never ends, and what becomes of it. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

/*
 * Nested loops, each turn of which needs the one before: 10^13 turns. llvmpipe lets an invocation
 * make 65535 in all, some tens of milliseconds; but a picture has a hundred thousand invocations
 * and more, and there is no end of it within the hour there either.
 */
/* clang-format off */
#define ENDLESS \
	"float endless(float v)\n" \
	"{\n" \
	"	for (int a = 0; a < 30000; a++)\n" \
	"		for (int b = 0; b < 30000; b++)\n" \
	"			for (int c = 0; c < 30000; c++) {\n" \
	"				v = fract(sin(v * 3.7 + rate) * 43758.5453);\n" \
	"				v = fract(cos(v * 2.3 + rate) * 27183.7477);\n" \
	"			}\n" \
	"	return v;\n" \
	"}\n"
/* clang-format on */

static const char plain_vertex[] = "attribute vec2 at;\n"
				   "varying vec2 where;\n"
				   "void main()\n"
				   "{\n"
				   "	where = at;\n"
				   "	gl_Position = vec4(at, 0.0, 1.0);\n"
				   "}\n";
static const char endless_vertex[] = "attribute vec2 at;\n"
				     "uniform float rate;\n"
				     "varying vec2 where;\n" ENDLESS "void main()\n"
				     "{\n"
				     "	where = at;\n"
				     "	gl_Position = vec4(at, endless(at.x), 1.0);\n"
				     "}\n";
static const char plain_fragment[] = "precision highp float;\n"
				     "varying vec2 where;\n"
				     "void main()\n"
				     "{\n"
				     "	gl_FragColor = vec4(where, 1.0, 1.0);\n"
				     "}\n";
static const char endless_fragment[] =
	"precision highp float;\n"
	"uniform float rate;\n"
	"varying vec2 where;\n" ENDLESS "void main()\n"
	"{\n"
	"	gl_FragColor = vec4(endless(where.x), 0.5, 1.0, 1.0);\n"
	"}\n";

struct options {
	bool vertex;
	uint32_t width, height;
};

/* Each covers all. */
static float *many_triangles(unsigned int count)
{
	static const float corners[] = { -1, -1, 3, -1, -1, 3 };
	float *all = malloc(count * sizeof(corners));

	if (!all)
		die("no memory for %u triangles", count);
	for (unsigned int i = 0; i < count; i++)
		memcpy(all + i * 6, corners, sizeof(corners));
	return all;
}

static void draw_all(const struct options *o)
{
	static const char *const attributes[] = { "at", NULL };
	unsigned int triangles = o->vertex ? 300000 : 1;
	GLuint program = program_create(o->vertex ? endless_vertex : plain_vertex,
					o->vertex ? plain_fragment : endless_fragment, attributes);

	glUseProgram(program);
	glUniform1f(glGetUniformLocation(program, "rate"), 0.3f);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, many_triangles(triangles));
	glEnableVertexAttribArray(0);
	glDrawArrays(GL_TRIANGLES, 0, (GLsizei)triangles * 3);
}

/* The end of the draw would leave full blue; what was lost leaves what was there, or nothing. */
static int look(const struct options *o, double start)
{
	uint8_t pixel[4] = { 0 };

	glReadPixels((GLint)o->width / 2, (GLint)o->height / 2, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE,
		     pixel);
	printf("ended seconds=%.1f pixel=%02x%02x%02x%02x error=0x%x\n", now_s() - start, pixel[0],
	       pixel[1], pixel[2], pixel[3], (unsigned int)glGetError());
	if (pixel[2] == 0xff)
		return 0;
	puts("the draw was lost");
	return 3;
}

static int run(const struct options *o)
{
	double start = now_s();
	struct gl gl;

	gl_open(&gl, open_node(RENDER_NODE));
	gl_use(&gl, NULL);
	printf("renderer=%s\n", (const char *)glGetString(GL_RENDERER));
	fbo_create(o->width, o->height);
	glClearColor(0, 0, 0, 0);
	glClear(GL_COLOR_BUFFER_BIT);
	glFinish();
	puts("drawing");
	fflush(stdout);
	draw_all(o);
	return look(o, start);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "shader", 1, NULL, 's' },
		{ "size", 1, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .width = 1024, .height = 1024 };
	int letter;

	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (letter == 's' && (!strcmp(optarg, "vertex") || !strcmp(optarg, "fragment")))
			o.vertex = !strcmp(optarg, "vertex");
		else if (letter == 'w')
			parse_size(optarg, &o.width, &o.height);
		else
			die("usage: facet-hang [--shader vertex|fragment] [--size WxH]");
	}
	return run(&o);
}
