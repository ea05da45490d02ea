// SPDX-License-Identifier: GPL-2.0-or-later
/* direct.c - the scene in plain OpenGL: what is recorded; and what there is to reach. */
#include <stdio.h>

#include "gl.h"
#include "scene.h"

static const char vertex_shader[] =
	"#version 330\n"
	"layout(location = 0) in vec3 position;\n"
	"uniform vec4 rows[4];\n"
	"out vec3 normal;\n"
	"void main() {\n"
	"	vec4 p = vec4(position, 1.0);\n"
	"	gl_Position = vec4(dot(p, rows[0]), dot(p, rows[1]), dot(p, rows[2]),"
	" dot(p, rows[3]));\n"
	"	normal = position;\n"
	"}\n";
static const char fragment_shader[] =
	"#version 330\n"
	"in vec3 normal;\n"
	"uniform vec4 light, colour;\n"
	"out vec4 result;\n"
	"void main() {\n"
	"	vec3 n = normal * inversesqrt(dot(normal, normal));\n"
	"	float d = max(dot(n, light.xyz), 0.0);\n"
	"	result = vec4(colour.xyz * (d + 0.2) + pow(d, 32.0), 1.0);\n"
	"}\n";

struct direct {
	struct scene_side side;
	GLint rows, light, colour;
	uint32_t pixels[SCENE_WIDTH * SCENE_HEIGHT];
};

static int make_program(struct direct *direct)
{
	GLuint program = gl_make_program(vertex_shader, fragment_shader);

	direct->rows = glGetUniformLocation(program, "rows");
	direct->light = glGetUniformLocation(program, "light");
	direct->colour = glGetUniformLocation(program, "colour");
	return program ? 0 : -1;
}

static void make_vertices(void)
{
	static scene_mesh mesh;
	GLuint buffer, array;

	scene_make_mesh(mesh);
	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, sizeof(mesh), mesh, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
}

static void draw_frame(struct direct *direct, unsigned int draws)
{
	glClearColor(0.1f, 0.1f, 0.2f, 1);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
	for (unsigned int i = 0; i < draws; i++) {
		struct scene_draw draw;

		scene_make_draw(draws, i, &draw);
		glUniform4fv(direct->rows, 4, draw.matrix[0]);
		glUniform4fv(direct->light, 1, draw.light);
		glUniform4fv(direct->colour, 1, draw.colour);
		glDrawArrays(GL_TRIANGLES, 0, SCENE_VERTICES);
	}
}

static int64_t run(struct scene_side *side, unsigned int take, unsigned int frames)
{
	struct direct *direct = (struct direct *)side;
	int64_t start = scene_now();

	for (unsigned int i = 0; i < frames; i++) {
		draw_frame(direct, scene_takes[take].draws);
		/* In the order that the texture has: reading BGRA costs a tenth more. */
		if (scene_takes[take].read_back)
			glReadPixels(0, 0, SCENE_WIDTH, SCENE_HEIGHT, GL_RGBA, GL_UNSIGNED_BYTE,
				     direct->pixels);
		else
			glFinish();
	}
	return glGetError() ? -1 : scene_now() - start;
}

struct scene_side *scene_direct_side(void)
{
	static struct direct direct = { .side.run = run };

	direct.side.pixels = direct.pixels;
	if (gl_make_context() || make_program(&direct) ||
	    gl_make_framebuffer(SCENE_WIDTH, SCENE_HEIGHT, 1)) {
		fprintf(stderr, "no OpenGL 3.3 on a surfaceless display\n");
		return NULL;
	}
	glEnable(GL_DEPTH_TEST);
	make_vertices();
	return &direct.side;
}
