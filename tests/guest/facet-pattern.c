/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shows the test picture (pattern.h) by one of several ways through the driver, writes what the
 * guest itself reads back into the share, and holds the screen until the host has looked.
 *
 * For step S and output O the picture is NAME-S-O.ppm; NAME-S.ready appears when all outputs of
 * the step are on the screen; the step ends when NAME-S.go appears (or after --hold seconds).
 */

#include "common.h"
#include "pattern.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_OUTPUTS 16
#define MAX_STEPS   16

enum way { WAY_DUMB, WAY_GL, WAY_GL_TEXTURE, WAY_GL_OFFSCREEN };
static const char *const way_names[] = { "dumb", "gl", "gl-texture", "gl-offscreen", NULL };

struct size {
	uint32_t width, height;
};

struct options {
	enum way way;
	const char *name;
	struct size steps[MAX_STEPS];
	unsigned int step_count;
	unsigned int outputs[MAX_OUTPUTS];
	unsigned int output_count;
	uint32_t tag, frames;
	bool damage, cursor;
	int cursor_x, cursor_y;
	double hold;
};

/* One output of one step. */
struct screen {
	struct output out;
	struct dumb dumb;
	struct window window;
	struct size size;
	uint32_t *picture; /* what the guest reads back, XRGB, top row first */
	uint32_t tag;      /* of the first frame */
};

static bool failed;

static const char vertex_shader[] = "attribute vec2 corner;\n"
				    "void main() { gl_Position = vec4(corner, 0.0, 1.0); }\n";

/* pattern.h in floating point; every value is an integer that highp holds exactly. */
static const char formula_shader[] =
	"precision highp float;\n"
	"uniform vec2 size;\n"
	"uniform float tag;\n"
	"void main() {\n"
	"	float x = floor(gl_FragCoord.x);\n"
	"	float y = size.y - 1.0 - floor(gl_FragCoord.y);\n"
	"	vec3 c = vec3(mod(x + 3.0 * tag, 256.0), mod(y + 5.0 * tag, 256.0),\n"
	"		      mod(floor(x / 256.0) * 64.0 + floor(y / 256.0) * 16.0 +\n"
	"			  mod(x, 16.0) * mod(y, 16.0) + 7.0 * tag, 256.0));\n"
	"	if (x == size.x - 1.0) c = vec3(255.0);\n"
	"	if (x == 0.0) c = vec3(0.0, 0.0, 255.0);\n"
	"	if (y == size.y - 1.0) c = vec3(0.0, 255.0, 0.0);\n"
	"	if (y == 0.0) c = vec3(255.0, 0.0, 0.0);\n"
	"	gl_FragColor = vec4(c / 255.0, 1.0);\n"
	"}\n";

static const char texture_shader[] =
	"precision highp float;\n"
	"uniform vec2 size;\n"
	"uniform sampler2D picture;\n"
	"void main() {\n"
	"	vec2 at = vec2(gl_FragCoord.x, size.y - gl_FragCoord.y) / size;\n"
	"	gl_FragColor = texture2D(picture, at);\n"
	"}\n";

/* --- drawing --- */

static void fill_rect(struct screen *s, struct drm_clip_rect rect, uint32_t tag)
{
	for (uint32_t y = rect.y1; y < rect.y2; y++) {
		uint32_t *row = (uint32_t *)(void *)(s->dumb.bytes + (size_t)y * s->dumb.pitch);

		for (uint32_t x = rect.x1; x < rect.x2; x++)
			row[x] = facet_pattern_pixel(x, y, s->size.width, s->size.height, tag);
	}
}

/* A small rectangle that wanders over the picture, sometimes touching its edges. */
static struct drm_clip_rect damage_rect(struct size size, uint32_t frame)
{
	uint32_t w = size.width < 37 ? size.width : 37, h = size.height < 23 ? size.height : 23;
	uint32_t x = frame * 211 % (size.width - w + 1), y = frame * 97 % (size.height - h + 1);

	if (frame % 4 == 1)
		x = size.width - w;
	if (frame % 4 == 2)
		y = size.height - h;
	return (struct drm_clip_rect){ (uint16_t)x, (uint16_t)y, (uint16_t)(x + w),
				       (uint16_t)(y + h) };
}

/* The first frame fills the screen; with damage, later ones change and announce one rectangle. */
static void draw_dumb(struct screen *s, uint32_t frame, bool damage)
{
	struct drm_clip_rect rect = { 0, 0, (uint16_t)s->size.width, (uint16_t)s->size.height };

	if (frame && damage)
		rect = damage_rect(s->size, frame);
	fill_rect(s, rect, s->tag + frame);
	if (!frame)
		output_show(&s->out, s->dumb.fb);
	if (drmModeDirtyFB(s->out.fd, s->dumb.fb, &rect, 1))
		die("output %u: damage was refused: %s", s->out.index, strerror(errno));
}

static void upload_picture(struct size size, uint32_t tag)
{
	uint8_t *rgba = malloc((size_t)size.width * size.height * 4), *p = rgba;

	if (!rgba)
		die("no memory for a texture of %ux%u", size.width, size.height);
	for (uint32_t y = 0; y < size.height; y++) {
		for (uint32_t x = 0; x < size.width; x++, p += 4) {
			uint32_t c = facet_pattern_pixel(x, y, size.width, size.height, tag);

			p[0] = c >> 16 & 255;
			p[1] = c >> 8 & 255;
			p[2] = c & 255;
			p[3] = 255;
		}
	}
	glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, (GLsizei)size.width, (GLsizei)size.height, 0,
		     GL_RGBA, GL_UNSIGNED_BYTE, rgba);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	free(rgba);
}

static GLuint pattern_program(enum way way)
{
	static const char *const attributes[] = { "corner", NULL };
	static const float corners[] = { -1, -1, 3, -1, -1, 3 }; /* one triangle covers it all */
	GLuint program = program_create(
		vertex_shader, way == WAY_GL_TEXTURE ? texture_shader : formula_shader, attributes);
	GLuint buffer, texture;

	glUseProgram(program);
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, sizeof(corners), corners, GL_STATIC_DRAW);
	glEnableVertexAttribArray(0);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glDisable(GL_DITHER);
	return program;
}

static void draw_gl(struct screen *s, GLuint program, enum way way, uint32_t frame)
{
	if (way == WAY_GL_TEXTURE)
		upload_picture(s->size, s->tag + frame);
	glViewport(0, 0, (GLsizei)s->size.width, (GLsizei)s->size.height);
	glUniform2f(glGetUniformLocation(program, "size"), (float)s->size.width,
		    (float)s->size.height);
	glUniform1f(glGetUniformLocation(program, "tag"), (float)(s->tag + frame));
	glDrawArrays(GL_TRIANGLES, 0, 3);
}

/* --- reading back --- */

static void allocate_picture(struct screen *s)
{
	free(s->picture);
	s->picture = malloc((size_t)s->size.width * s->size.height * 4);
	if (!s->picture)
		die("no memory for a picture of %ux%u", s->size.width, s->size.height);
}

static void read_dumb(struct screen *s)
{
	allocate_picture(s);
	for (uint32_t y = 0; y < s->size.height; y++)
		memcpy(s->picture + (size_t)y * s->size.width,
		       s->dumb.bytes + (size_t)y * s->dumb.pitch, (size_t)s->size.width * 4);
}

static void read_gl(struct screen *s)
{
	size_t row = (size_t)s->size.width * 4;
	uint8_t *rgba = malloc(row * s->size.height);

	if (!rgba)
		die("no memory for a picture of %ux%u", s->size.width, s->size.height);
	allocate_picture(s);
	glPixelStorei(GL_PACK_ALIGNMENT, 1);
	glReadPixels(0, 0, (GLsizei)s->size.width, (GLsizei)s->size.height, GL_RGBA,
		     GL_UNSIGNED_BYTE, rgba);
	for (uint32_t y = 0; y < s->size.height; y++) {
		const uint8_t *p = rgba + (s->size.height - 1 - y) * row;
		uint32_t *to = s->picture + (size_t)y * s->size.width;

		for (uint32_t x = 0; x < s->size.width; x++, p += 4)
			to[x] = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	}
	free(rgba);
}

/* The tag a pixel was last drawn with. */
static uint32_t tag_at(const struct options *o, const struct screen *s, uint32_t x, uint32_t y)
{
	if (!o->damage)
		return s->tag + o->frames - 1;
	for (uint32_t frame = o->frames - 1; frame; frame--) {
		struct drm_clip_rect r = damage_rect(s->size, frame);

		if (x >= r.x1 && x < r.x2 && y >= r.y1 && y < r.y2)
			return s->tag + frame;
	}
	return s->tag;
}

static void report(const struct options *o, struct screen *s, unsigned int step)
{
	uint32_t bad = 0, bad_x = 0, bad_y = 0, w = s->size.width, h = s->size.height;
	char path[256];

	for (uint32_t y = 0; y < h; y++) {
		for (uint32_t x = 0; x < w; x++) {
			uint32_t want = facet_pattern_pixel(x, y, w, h, tag_at(o, s, x, y));

			if ((s->picture[(size_t)y * w + x] & 0xffffff) == want)
				continue;
			if (!bad++) {
				bad_x = x;
				bad_y = y;
			}
		}
	}
	snprintf(path, sizeof(path), "%s-%u-%u.ppm", o->name, step, s->out.index);
	write_ppm(path, s->picture, w, h);
	printf("pattern=%s way=%s size=%ux%u tag=%u wrong_pixels=%u", path, way_names[o->way], w, h,
	       s->tag + o->frames - 1, bad);
	if (bad)
		printf(" first_wrong=%u,%u is=%06x", bad_x, bad_y,
		       s->picture[(size_t)bad_y * w + bad_x] & 0xffffff);
	printf("\n");
	fflush(stdout);
	failed |= bad;
}

/* --- steps --- */

static void place_cursor(const struct options *o, struct output *out)
{
	struct dumb cursor;
	int r = dumb_create(out->fd, FACET_CURSOR_SIZE, FACET_CURSOR_SIZE, &cursor);

	if (r)
		die("no buffer for a cursor: %s", strerror(-r));
	for (uint32_t y = 0; y < FACET_CURSOR_SIZE; y++) {
		for (uint32_t x = 0; x < FACET_CURSOR_SIZE; x++)
			((uint32_t *)(void *)(cursor.bytes + (size_t)y * cursor.pitch))[x] =
				facet_pattern_cursor(x, y);
	}
	if (drmModeSetCursor2(out->fd, out->crtc, cursor.handle, FACET_CURSOR_SIZE,
			      FACET_CURSOR_SIZE, 3, 5) ||
	    drmModeMoveCursor(out->fd, out->crtc, o->cursor_x, o->cursor_y))
		die("output %u: the cursor was refused: %s", out->index, strerror(errno));
	printf("cursor=%d,%d output=%u\n", o->cursor_x, o->cursor_y, out->index);
}

static void wait_for_host(const struct options *o, unsigned int step)
{
	char path[256];
	double end = now_s() + o->hold;
	FILE *file;

	snprintf(path, sizeof(path), "%s-%u.ready", o->name, step);
	file = fopen(path, "w");
	if (!file || fclose(file))
		die("%s: %s", path, strerror(errno));
	snprintf(path, sizeof(path), "%s-%u.go", o->name, step);
	while (access(path, F_OK) && (o->hold < 0 || now_s() < end))
		usleep(50000);
}

static void step_dumb(const struct options *o, struct screen *screens)
{
	for (unsigned int i = 0; i < o->output_count; i++) {
		struct screen *s = &screens[i];
		struct dumb old = s->dumb;
		int r = dumb_create(s->out.fd, s->size.width, s->size.height, &s->dumb);

		if (r)
			die("no buffer of %ux%u: %s", s->size.width, s->size.height, strerror(-r));
		dumb_add_fb(s->out.fd, &s->dumb, s->size.width, s->size.height);
		for (uint32_t frame = 0; frame < o->frames; frame++)
			draw_dumb(s, frame, o->damage);
		if (old.bytes)
			dumb_destroy(s->out.fd, &old);
		read_dumb(s);
	}
}

static void step_gl(const struct options *o, struct gl *gl, struct screen *screens)
{
	for (unsigned int i = 0; i < o->output_count; i++) {
		struct screen *s = &screens[i];
		struct window old = s->window;
		GLuint program;

		window_open(&s->window, gl, &s->out);
		gl_use(gl, &s->window);
		program = pattern_program(o->way);
		for (uint32_t frame = 0; frame < o->frames; frame++) {
			draw_gl(s, program, o->way, frame);
			if (frame == o->frames - 1)
				read_gl(s);
			window_present(&s->window, gl);
		}
		if (old.surface)
			window_close(&old, gl);
	}
}

static void prepare(const struct options *o, struct screen *screens, unsigned int step)
{
	for (unsigned int i = 0; i < o->output_count; i++) {
		struct screen *s = &screens[i];

		output_set_size(&s->out, o->steps[step].width, o->steps[step].height);
		s->size = (struct size){ s->out.mode.hdisplay, s->out.mode.vdisplay };
		s->tag = o->tag + 32 * step + 16 * s->out.index;
	}
}

static void run_on_screen(const struct options *o)
{
	struct screen screens[MAX_OUTPUTS] = { 0 };
	int fd = open_node(CARD);
	struct gl gl;

	for (unsigned int i = 0; i < o->output_count; i++)
		output_open(&screens[i].out, fd, o->outputs[i]);
	if (o->way != WAY_DUMB) {
		gl_open(&gl, fd);
		gl_use(&gl, NULL);
		printf("renderer=%s\n", (const char *)glGetString(GL_RENDERER));
	}
	for (unsigned int step = 0; step < o->step_count; step++) {
		prepare(o, screens, step);
		if (o->way == WAY_DUMB)
			step_dumb(o, screens);
		else
			step_gl(o, &gl, screens);
		for (unsigned int i = 0; i < o->output_count; i++) {
			if (o->cursor)
				place_cursor(o, &screens[i].out);
			report(o, &screens[i], step);
		}
		wait_for_host(o, step);
	}
}

static void run_off_screen(const struct options *o)
{
	struct screen s = { 0 };
	struct gl gl;

	gl_open(&gl, open_node(RENDER_NODE));
	gl_use(&gl, NULL);
	printf("renderer=%s\n", (const char *)glGetString(GL_RENDERER));
	for (unsigned int step = 0; step < o->step_count; step++) {
		s.size = o->steps[step].width ? o->steps[step] : (struct size){ 1280, 800 };
		s.tag = o->tag + 32 * step;
		fbo_create(s.size.width, s.size.height);
		draw_gl(&s, pattern_program(o->way), o->way, o->frames - 1);
		read_gl(&s);
		report(o, &s, step);
		if (o->hold)
			wait_for_host(o, step);
	}
	gl_close(&gl);
}

/* --- options --- */

static const char usage[] =
	"usage: facet-pattern [dumb|gl|gl-texture|gl-offscreen] [options]\n"
	"  --name NAME      names the files in the current folder (pattern)\n"
	"  --size WxH       one step of that size (the output's preferred size)\n"
	"  --modes A,B,..   one step for each size\n"
	"  --output A,B,..  outputs, counted from 0; all show at once (0)\n"
	"  --tag N          shifts the picture's colours (0)\n"
	"  --frames N       draws N frames, each with the next tag (1)\n"
	"  --damage         dumb: each later frame changes one small rectangle\n"
	"  --cursor X,Y     puts the test cursor there\n"
	"  --hold SECONDS   end of each step if no .go file appears (never)";

static void parse_list(char *text, void (*take)(struct options *, const char *), struct options *o)
{
	char *save = NULL;

	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save))
		take(o, word);
}

static void take_size(struct options *o, const char *word)
{
	struct size *size = &o->steps[o->step_count++];

	if (o->step_count > MAX_STEPS)
		die("too many steps");
	parse_size(word, &size->width, &size->height);
}

static void take_output(struct options *o, const char *word)
{
	if (o->output_count == MAX_OUTPUTS)
		die("too many outputs");
	o->outputs[o->output_count++] = (unsigned int)strtoul(word, NULL, 10);
}

static void take_option(struct options *o, int letter)
{
	switch (letter) {
	case 'n':
		o->name = optarg;
		break;
	case 's':
		parse_list(optarg, take_size, o);
		break;
	case 'o':
		parse_list(optarg, take_output, o);
		break;
	case 't':
		o->tag = (uint32_t)strtoul(optarg, NULL, 10);
		break;
	case 'f':
		o->frames = (uint32_t)strtoul(optarg, NULL, 10);
		break;
	case 'd':
		o->damage = true;
		break;
	case 'c':
		o->cursor = sscanf(optarg, "%d,%d", &o->cursor_x, &o->cursor_y) == 2;
		break;
	case 'h':
		o->hold = strtod(optarg, NULL);
		break;
	default:
		die("%s", usage);
	}
}

static void take_way(struct options *o, const char *word)
{
	for (int i = 0; way_names[i]; i++) {
		if (!strcmp(word, way_names[i])) {
			o->way = (enum way)i;
			return;
		}
	}
	die("'%s' is no way to draw\n%s", word, usage);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "name", 1, NULL, 'n' },   { "size", 1, NULL, 's' },   { "modes", 1, NULL, 's' },
		{ "output", 1, NULL, 'o' }, { "tag", 1, NULL, 't' },    { "frames", 1, NULL, 'f' },
		{ "damage", 0, NULL, 'd' }, { "cursor", 1, NULL, 'c' }, { "hold", 1, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .name = "pattern", .frames = 1, .hold = -1 };
	int letter;

	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1)
		take_option(&o, letter);
	if (optind < argc)
		take_way(&o, argv[optind]);
	if (!o.frames || (o.damage && o.way != WAY_DUMB))
		die("%s", usage);
	if (!o.step_count)
		o.step_count = 1;
	if (!o.output_count)
		o.output_count = 1;
	if (o.way == WAY_GL_OFFSCREEN)
		run_off_screen(&o);
	else
		run_on_screen(&o);
	return failed ? 2 : 0;
}
