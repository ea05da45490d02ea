/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The demo's scene: a turning torus over drifting veils, with the machine's name, on one output. */

#include "common.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct theme {
	float top[3], bottom[3], torus[3], text[3];
};

static const struct theme themes[] = {
	{ { 0.03f, 0.07f, 0.20f },
	  { 0.10f, 0.45f, 0.60f },
	  { 1.00f, 0.62f, 0.15f },
	  { 1, 0.95f, 0.80f } },
	{ { 0.24f, 0.04f, 0.16f },
	  { 0.85f, 0.40f, 0.25f },
	  { 0.25f, 0.85f, 0.70f },
	  { 0.90f, 1, 0.97f } },
};

static const char back_vertex[] =
	"attribute vec2 corner;\n"
	"varying vec2 at;\n"
	"void main() { at = corner * 0.5 + 0.5; gl_Position = vec4(corner, 0.0, 1.0); }\n";

/*
 * Bends the plane again and again, each time more finely: the more often, the longer the GPU works
 * for a frame. Not at all: the background is a plain gradient.
 */
static const char back_fragment[] =
	"precision highp float;\n"
	"uniform vec3 top, bottom;\n"
	"uniform float detail, time;\n"
	"varying vec2 at;\n"
	"void main() {\n"
	"	vec2 p = at * vec2(4.0, 3.0);\n"
	"	for (int i = 1; i <= 512; i++) {\n"
	"		float f = float(i);\n"
	"		if (f > detail)\n"
	"			break;\n"
	"		p.x += 0.7 / f * sin(f * p.y + time * 0.4 + 0.3 * f);\n"
	"		p.y += 0.7 / f * cos(f * p.x + time * 0.3 + 0.5 * f);\n"
	"	}\n"
	"	float veil = detail > 0.0 ? 0.5 + 0.5 * sin(2.0 * (p.x + p.y)) : 0.0;\n"
	"	vec3 colour = mix(bottom, top, at.y);\n"
	"	gl_FragColor = vec4(mix(colour, bottom + 0.12, 0.45 * veil * veil), 1.0);\n"
	"}\n";

static const char torus_vertex[] = "attribute vec3 position;\n"
				   "attribute vec3 normal;\n"
				   "uniform mat4 transform, turn;\n"
				   "varying vec3 facing;\n"
				   "void main() {\n"
				   "	gl_Position = transform * vec4(position, 1.0);\n"
				   "	facing = (turn * vec4(normal, 0.0)).xyz;\n"
				   "}\n";

static const char torus_fragment[] =
	"precision highp float;\n"
	"uniform vec3 colour;\n"
	"varying vec3 facing;\n"
	"void main() {\n"
	"	vec3 n = normalize(facing);\n"
	"	float light = max(dot(n, vec3(0.36, 0.48, 0.8)), 0.0);\n"
	"	float shine = pow(max(dot(n, vec3(0.19, 0.25, 0.95)), 0.0), 40.0);\n"
	"	float rim = pow(1.0 - abs(n.z), 3.0);\n"
	"	gl_FragColor = vec4(colour * (0.15 + 0.85 * light) + 0.6 * shine + 0.25 * rim, "
	"1.0);\n"
	"}\n";

static const char text_vertex[] =
	"attribute vec4 place;\n"
	"varying vec2 at;\n"
	"void main() { at = place.zw; gl_Position = vec4(place.xy, 0.0, 1.0); }\n";

static const char text_fragment[] =
	"precision highp float;\n"
	"uniform vec3 colour;\n"
	"uniform sampler2D text;\n"
	"varying vec2 at;\n"
	"void main() { gl_FragColor = vec4(colour, texture2D(text, at).a); }\n";

struct scene {
	const struct theme *theme;
	uint32_t width, height;
	GLuint back, torus, text;
	GLuint back_buffer, text_buffer, texture;
	float detail;
	struct mesh mesh;
};

/* --- the name --- */

/* Rows of a texture must not be narrower than GL's default alignment expects: one byte each. */
static GLuint text_texture(const char *name)
{
	GLsizei length = (GLsizei)strlen(name), width = length * (GLYPH_WIDTH + 1);
	uint8_t *alpha = calloc((size_t)width, GLYPH_HEIGHT);
	GLuint texture;

	if (!alpha)
		die("no memory for the name");
	for (GLsizei x = 0; x < width; x++) {
		for (GLsizei y = 0; y < GLYPH_HEIGHT; y++) {
			if (glyph_pixel(name[x / (GLYPH_WIDTH + 1)],
					(unsigned int)(x % (GLYPH_WIDTH + 1)), (unsigned int)y))
				alpha[y * width + x] = 255;
		}
	}
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_ALPHA, width, GLYPH_HEIGHT, 0, GL_ALPHA, GL_UNSIGNED_BYTE,
		     alpha);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	free(alpha);
	return texture;
}

/* In whole pixels per font pixel, as large as fits a sixth of the height, near the bottom. */
static GLuint text_quad(const struct scene *s, const char *name)
{
	uint32_t columns = (uint32_t)strlen(name) * (GLYPH_WIDTH + 1);
	uint32_t scale = s->height / 6 / GLYPH_HEIGHT;
	GLuint buffer;

	if (scale * columns > s->width * 9 / 10)
		scale = s->width * 9 / 10 / columns;
	if (!scale)
		scale = 1;
	float w = 2 * (float)(scale * columns) / (float)s->width;
	float h = 2 * (float)(scale * GLYPH_HEIGHT) / (float)s->height;
	float x = -w / 2, y = -0.92f;
	float quad[6][4] = { { x, y, 0, 1 }, { x + w, y, 1, 1 },     { x + w, y + h, 1, 0 },
			     { x, y, 0, 1 }, { x + w, y + h, 1, 0 }, { x, y + h, 0, 0 } };

	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, sizeof(quad), quad, GL_STATIC_DRAW);
	return buffer;
}

/* --- drawing --- */

static void set_colour(GLuint program, const char *name, const float *colour)
{
	glUniform3fv(glGetUniformLocation(program, name), 1, colour);
}

static void draw_flat(GLuint buffer, GLint floats, GLsizei count)
{
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glDisableVertexAttribArray(1);
	glEnableVertexAttribArray(0);
	glVertexAttribPointer(0, floats, GL_FLOAT, GL_FALSE, 0, NULL);
	glDrawArrays(GL_TRIANGLES, 0, count);
}

static void draw_torus(const struct scene *s, float angle)
{
	struct mat4 turn = mat4_multiply(mat4_rotate(angle, 0.2f, 1, 0),
					 mat4_rotate(angle * 0.7f, 1, 0, 0.3f));
	struct mat4 place = mat4_multiply(mat4_translate(0, 0.4f, -5), turn);
	struct mat4 all = mat4_multiply(
		mat4_perspective(0.8f, (float)s->width / (float)s->height, 1, 20), place);

	glUseProgram(s->torus);
	glUniformMatrix4fv(glGetUniformLocation(s->torus, "transform"), 1, GL_FALSE, all.m);
	glUniformMatrix4fv(glGetUniformLocation(s->torus, "turn"), 1, GL_FALSE, turn.m);
	set_colour(s->torus, "colour", s->theme->torus);
	mesh_draw(&s->mesh);
}

static void draw(const struct scene *s, float angle)
{
	glViewport(0, 0, (GLsizei)s->width, (GLsizei)s->height);
	glClear(GL_DEPTH_BUFFER_BIT);

	glDisable(GL_DEPTH_TEST);
	glUseProgram(s->back);
	set_colour(s->back, "top", s->theme->top);
	set_colour(s->back, "bottom", s->theme->bottom);
	glUniform1f(glGetUniformLocation(s->back, "detail"), s->detail);
	glUniform1f(glGetUniformLocation(s->back, "time"), angle);
	draw_flat(s->back_buffer, 2, 3);

	glEnable(GL_DEPTH_TEST);
	draw_torus(s, angle);

	glDisable(GL_DEPTH_TEST);
	glEnable(GL_BLEND);
	glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
	glUseProgram(s->text);
	set_colour(s->text, "colour", s->theme->text);
	glBindTexture(GL_TEXTURE_2D, s->texture);
	draw_flat(s->text_buffer, 4, 6);
	glDisable(GL_BLEND);
}

static void scene_open(struct scene *s, const char *name)
{
	static const char *const corner[] = { "corner", NULL }, *const place[] = { "place", NULL };
	static const char *const solid[] = { "position", "normal", NULL };
	static const float corners[] = { -1, -1, 3, -1, -1, 3 };

	s->back = program_create(back_vertex, back_fragment, corner);
	s->torus = program_create(torus_vertex, torus_fragment, solid);
	s->text = program_create(text_vertex, text_fragment, place);
	glGenBuffers(1, &s->back_buffer);
	glBindBuffer(GL_ARRAY_BUFFER, s->back_buffer);
	glBufferData(GL_ARRAY_BUFFER, sizeof(corners), corners, GL_STATIC_DRAW);
	s->text_buffer = text_quad(s, name);
	s->texture = text_texture(name);
	s->mesh = mesh_torus(1.0f, 0.42f, 48, 24);
}

/* --- running --- */

struct options {
	const char *name;
	unsigned int theme, output, frames, detail;
	uint32_t width, height;
	double seconds;
};

static void run(const struct options *o)
{
	struct scene scene = { .theme = &themes[o->theme], .detail = (float)o->detail };
	struct output out;
	struct window window;
	struct gl gl;
	unsigned int frames = 0, counted = 0;
	double start = now_s(), first, last, now;
	int fd = open_node(CARD);

	output_open(&out, fd, o->output);
	output_set_size(&out, o->width, o->height);
	scene.width = out.mode.hdisplay;
	scene.height = out.mode.vdisplay;
	gl_open(&gl, fd);
	window_open(&window, &gl, &out);
	gl_use(&gl, &window);
	printf("renderer=%s\n", (const char *)glGetString(GL_RENDERER));
	scene_open(&scene, o->name);
	draw(&scene, 0);
	window_present(&window, &gl);
	printf("first_frame uptime=%.2f size=%ux%u\n", uptime_s(), scene.width, scene.height);
	fflush(stdout);
	first = last = now_s();
	do {
		now = now_s();
		draw(&scene, (float)(now - first));
		window_present(&window, &gl);
		frames++;
		now = now_s();
		if (now - last >= 1) {
			printf("fps=%.1f\n", (frames - counted) / (now - last));
			fflush(stdout);
			counted = frames;
			last = now;
		}
	} while (o->frames ? frames < o->frames : now - start < o->seconds);
	printf("scene=%s frames=%u fps_mean=%.1f\n", o->name, frames, frames / (now - first));
}

static const char usage[] = "usage: facet-scene [--name TEXT] [--theme A|B] [--size WxH] [--output "
			    "K] [--detail 0..512]\n"
			    "                   [--seconds S | --frames N]";

static void take_option(struct options *o, int letter)
{
	switch (letter) {
	case 'n':
		o->name = optarg;
		break;
	case 't':
		o->theme = !strcasecmp(optarg, "b");
		break;
	case 'w':
		parse_size(optarg, &o->width, &o->height);
		break;
	case 'o':
		o->output = (unsigned int)strtoul(optarg, NULL, 10);
		break;
	case 'd':
		o->detail = (unsigned int)strtoul(optarg, NULL, 10);
		break;
	case 'f':
		o->frames = (unsigned int)strtoul(optarg, NULL, 10);
		break;
	case 's':
		o->seconds = strtod(optarg, NULL);
		break;
	default:
		die("%s", usage);
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "name", 1, NULL, 'n' },    { "theme", 1, NULL, 't' },  { "size", 1, NULL, 'w' },
		{ "output", 1, NULL, 'o' },  { "detail", 1, NULL, 'd' }, { "frames", 1, NULL, 'f' },
		{ "seconds", 1, NULL, 's' }, { NULL, 0, NULL, 0 },
	};
	struct options o = { .name = "facet", .seconds = 10 };
	int letter;

	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1)
		take_option(&o, letter);
	if (!*o.name)
		die("the name is empty\n%s", usage);
	run(&o);
	return 0;
}
