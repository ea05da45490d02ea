/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The benchmark rows: small off-screen scenes, all in highp, each frame waited for. */

#include "common.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char vertex_shader[] = "attribute vec3 position;\n"
				    "attribute vec3 normal;\n"
				    "uniform mat4 transform;\n"
				    "uniform mat4 turn;\n"
				    "varying vec3 facing;\n"
				    "void main() {\n"
				    "	gl_Position = transform * vec4(position, 1.0);\n"
				    "	facing = (turn * vec4(normal, 0.0)).xyz;\n"
				    "}\n";

/* highp throughout: llvmpipe turns mediump into slow half floats, which virgl never sees. */
static const char fragment_shader[] =
	"precision highp float;\n"
	"uniform vec3 colour;\n"
	"varying vec3 facing;\n"
	"void main() {\n"
	"	vec3 n = normalize(facing);\n"
	"	float light = max(dot(n, vec3(0.36, 0.48, 0.8)), 0.0);\n"
	"	float shine = pow(max(dot(n, vec3(0.16, 0.24, 0.95)), 0.0), 24.0);\n"
	"	gl_FragColor = vec4(colour * (0.2 + 0.8 * light) + vec3(0.4 * shine), 1.0);\n"
	"}\n";

struct scene {
	struct mesh cube, sphere;
	GLint transform, turn, colour;
	uint32_t width, height;
	uint8_t *pixels;
};

static void draw_one(const struct scene *s, const struct mesh *mesh, struct mat4 place, float angle,
		     float hue)
{
	struct mat4 turn = mat4_rotate(angle, 0.3f, 1, 0.2f);
	struct mat4 view = mat4_perspective(0.8f, (float)s->width / (float)s->height, 1, 20);
	struct mat4 all = mat4_multiply(view, mat4_multiply(place, turn));

	glUniformMatrix4fv(s->transform, 1, GL_FALSE, all.m);
	glUniformMatrix4fv(s->turn, 1, GL_FALSE, turn.m);
	glUniform3f(s->colour, 0.5f + 0.5f * cosf(hue), 0.5f + 0.5f * cosf(hue + 2.1f),
		    0.5f + 0.5f * cosf(hue + 4.2f));
	mesh_draw(mesh);
}

static void draw_small(const struct scene *s, unsigned int frame)
{
	draw_one(s, &s->cube, mat4_translate(0, 0, -6), (float)frame * 0.05f, 0);
}

static void draw_sphere(const struct scene *s, unsigned int frame)
{
	draw_one(s, &s->sphere, mat4_translate(0, 0, -3), (float)frame * 0.05f, 1);
}

static void draw_many(const struct scene *s, unsigned int frame)
{
	for (int i = 0; i < 64; i++) {
		float x = (float)(i % 8) - 3.5f, y = (float)(i / 8) - 3.5f;
		struct mat4 place = mat4_translate(x * 1.15f, y * 0.9f, -10);

		draw_one(s, &s->cube, mat4_multiply(place, mat4_scale(0.32f)),
			 (float)frame * 0.05f + (float)i, (float)i * 0.1f);
	}
}

static void finish(const struct scene *s)
{
	glFinish();
}

static void read_back(const struct scene *s)
{
	glReadPixels(0, 0, (GLsizei)s->width, (GLsizei)s->height, GL_RGBA, GL_UNSIGNED_BYTE,
		     s->pixels);
}

static const struct row {
	const char *name;
	uint32_t width, height;
	void (*draw)(const struct scene *scene, unsigned int frame);
	void (*end)(const struct scene *scene);
} all_rows[] = {
	{ "small", 320, 240, draw_small, finish },
	{ "sphere", 640, 480, draw_sphere, finish },
	{ "draws", 640, 480, draw_many, finish },
	{ "readpixels", 640, 480, draw_small, read_back },
};

#define ROW_COUNT (sizeof(all_rows) / sizeof(all_rows[0]))

struct options {
	const char *row;
	double seconds;
	unsigned int frames;
	bool checksum;
};

static void render(const struct row *row, const struct scene *scene, unsigned int frame)
{
	glClearColor(0.1f, 0.1f, 0.15f, 1);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT);
	row->draw(scene, frame);
	row->end(scene);
}

static void run_row(const struct row *row, struct scene *scene, const struct options *o)
{
	const char *renderer = (const char *)glGetString(GL_RENDERER);
	unsigned int frames = 0;
	double start, spent;

	scene->width = row->width;
	scene->height = row->height;
	scene->pixels = malloc((size_t)row->width * row->height * 4);
	if (!scene->pixels)
		die("no memory for %ux%u pixels", row->width, row->height);
	fbo_create(row->width, row->height);
	render(row, scene, 0); /* shaders are compiled at the first use */
	start = now_s();
	do {
		render(row, scene, ++frames);
		spent = now_s() - start;
	} while (o->frames ? frames < o->frames : spent < o->seconds);
	printf("row=%s fps=%.1f frames=%u ms=%.2f renderer=%s\n", row->name, frames / spent, frames,
	       spent * 1000 / frames, renderer);
	if (o->checksum) {
		render(row, scene, 7); /* a fixed frame, however many were drawn */
		read_back(scene);
		printf("checksum=%08x row=%s\n",
		       crc32_of(scene->pixels, (size_t)row->width * row->height * 4), row->name);
	}
	fflush(stdout);
	free(scene->pixels);
}

static void scene_open(struct scene *scene)
{
	static const char *const attributes[] = { "position", "normal", NULL };
	GLuint program = program_create(vertex_shader, fragment_shader, attributes);

	glUseProgram(program);
	*scene = (struct scene){
		.cube = mesh_cube(),
		.sphere = mesh_sphere(64, 64),
		.transform = glGetUniformLocation(program, "transform"),
		.turn = glGetUniformLocation(program, "turn"),
		.colour = glGetUniformLocation(program, "colour"),
	};
	glEnable(GL_DEPTH_TEST);
	glDisable(GL_DITHER);
	glPixelStorei(GL_PACK_ALIGNMENT, 1);
}

static const char usage[] =
	"usage: facet-frames [--row small|sphere|draws|readpixels] [--seconds S | --frames N]\n"
	"                    [--checksum]";

static void take_option(struct options *o, int letter)
{
	switch (letter) {
	case 'r':
		o->row = optarg;
		break;
	case 's':
		o->seconds = strtod(optarg, NULL);
		break;
	case 'f':
		o->frames = (unsigned int)strtoul(optarg, NULL, 10);
		break;
	case 'c':
		o->checksum = true;
		break;
	default:
		die("%s", usage);
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "row", 1, NULL, 'r' },    { "seconds", 1, NULL, 's' },
		{ "frames", 1, NULL, 'f' }, { "checksum", 0, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .seconds = 5 };
	struct scene scene;
	bool any = false;
	struct gl gl;
	int letter;

	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1)
		take_option(&o, letter);
	gl_open(&gl, open_node(RENDER_NODE));
	gl_use(&gl, NULL);
	scene_open(&scene);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (o.row && strcmp(o.row, all_rows[i].name))
			continue;
		run_row(&all_rows[i], &scene, &o);
		if (!any)
			printf("first_frames uptime=%.1f\n", uptime_s());
		any = true;
	}
	gl_close(&gl);
	if (!any)
		die("there is no row '%s'\n%s", o.row, usage);
	return 0;
}
