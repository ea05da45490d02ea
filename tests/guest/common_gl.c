/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shaders, meshes and matrices of the guest programs' scenes. */

#include "common.h"

#include <math.h>
#include <stdlib.h>

static GLuint compile(GLenum kind, const char *source)
{
	GLuint shader = glCreateShader(kind);
	char log[1024] = "";
	GLint ok;

	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
	glGetShaderInfoLog(shader, sizeof(log), NULL, log);
	if (!ok)
		die("a shader did not compile: %s", log);
	return shader;
}

GLuint program_create(const char *vertex, const char *fragment, const char *const *attributes)
{
	GLuint program = glCreateProgram();
	char log[1024] = "";
	GLint ok;

	glAttachShader(program, compile(GL_VERTEX_SHADER, vertex));
	glAttachShader(program, compile(GL_FRAGMENT_SHADER, fragment));
	for (GLuint i = 0; attributes[i]; i++)
		glBindAttribLocation(program, i, attributes[i]);
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &ok);
	glGetProgramInfoLog(program, sizeof(log), NULL, log);
	if (!ok)
		die("a program did not link: %s", log);
	return program;
}

struct vertex {
	float position[3], normal[3];
};

typedef struct vertex (*surface_fn)(const float *shape, float u, float v);

static struct vertex torus_point(const float *shape, float u, float v)
{
	float cu = cosf(u), su = sinf(u), cv = cosf(v), sv = sinf(v);
	float r = shape[0] + shape[1] * cv;

	return (struct vertex){ { r * cu, r * su, shape[1] * sv }, { cv * cu, cv * su, sv } };
}

static struct vertex sphere_point(const float *shape, float u, float v)
{
	float cv = cosf(v / 2), sv = sinf(v / 2);
	float x = sv * cosf(u), y = cv, z = sv * sinf(u);

	return (struct vertex){ { x, y, z }, { x, y, z } };
}

static struct mesh upload(struct vertex *vertices, int count)
{
	struct mesh mesh = { .count = count };

	glGenBuffers(1, &mesh.buffer);
	glBindBuffer(GL_ARRAY_BUFFER, mesh.buffer);
	glBufferData(GL_ARRAY_BUFFER, (GLsizeiptr)(sizeof(*vertices) * (size_t)count), vertices,
		     GL_STATIC_DRAW);
	free(vertices);
	return mesh;
}

/* Two triangles for each cell of a grid that goes once around in both directions. */
static struct mesh mesh_of(surface_fn point, const float *shape, int nu, int nv)
{
	static const int corner[6][2] = {
		{ 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 0 }, { 1, 1 }, { 0, 1 }
	};
	struct vertex *vertices = malloc(sizeof(*vertices) * (size_t)(nu * nv * 6));
	const float turn = 2 * (float)M_PI;
	int n = 0;

	if (!vertices)
		die("no memory for a mesh of %d cells", nu * nv);
	for (int i = 0; i < nu * nv; i++) {
		for (int c = 0; c < 6; c++) {
			int u = i / nv + corner[c][0], v = i % nv + corner[c][1];

			vertices[n++] = point(shape, turn * (float)u / (float)nu,
					      turn * (float)v / (float)nv);
		}
	}
	return upload(vertices, n);
}

struct mesh mesh_torus(float ring, float tube, int segments, int sides)
{
	float shape[2] = { ring, tube };

	return mesh_of(torus_point, shape, segments, sides);
}

struct mesh mesh_sphere(int segments, int rings)
{
	return mesh_of(sphere_point, NULL, segments, rings);
}

struct mesh mesh_cube(void)
{
	static const float corner[6][2] = { { -1, -1 }, { 1, -1 }, { 1, 1 },
					    { -1, -1 }, { 1, 1 },  { -1, 1 } };
	struct vertex *vertices = calloc(36, sizeof(*vertices));

	if (!vertices)
		die("no memory for a cube");
	for (int i = 0; i < 36; i++) {
		int axis = i / 12;
		float side = i / 6 % 2 ? 1 : -1;

		vertices[i].position[axis] = side;
		vertices[i].position[(axis + 1) % 3] = corner[i % 6][0] * side;
		vertices[i].position[(axis + 2) % 3] = corner[i % 6][1];
		vertices[i].normal[axis] = side;
	}
	return upload(vertices, 36);
}

void mesh_draw(const struct mesh *mesh)
{
	glBindBuffer(GL_ARRAY_BUFFER, mesh->buffer);
	glEnableVertexAttribArray(0);
	glEnableVertexAttribArray(1);
	glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, sizeof(struct vertex),
			      (void *)offsetof(struct vertex, position));
	glVertexAttribPointer(1, 3, GL_FLOAT, GL_FALSE, sizeof(struct vertex),
			      (void *)offsetof(struct vertex, normal));
	glDrawArrays(GL_TRIANGLES, 0, mesh->count);
}

/* Column-major, as GL takes them. */
struct mat4 mat4_multiply(struct mat4 a, struct mat4 b)
{
	struct mat4 r = { { 0 } };

	for (int i = 0; i < 16; i++) {
		for (int k = 0; k < 4; k++)
			r.m[i] += a.m[k * 4 + i % 4] * b.m[i / 4 * 4 + k];
	}
	return r;
}

struct mat4 mat4_rotate(float angle, float x, float y, float z)
{
	float length = sqrtf(x * x + y * y + z * z), c = cosf(angle), s = sinf(angle), d = 1 - c;

	x /= length;
	y /= length;
	z /= length;
	return (struct mat4){ { x * x * d + c, y * x * d + z * s, x * z * d - y * s, 0,
				x * y * d - z * s, y * y * d + c, y * z * d + x * s, 0,
				x * z * d + y * s, y * z * d - x * s, z * z * d + c, 0, 0, 0, 0,
				1 } };
}

struct mat4 mat4_translate(float x, float y, float z)
{
	return (struct mat4){ { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, x, y, z, 1 } };
}

struct mat4 mat4_scale(float s)
{
	return (struct mat4){ { s, 0, 0, 0, 0, s, 0, 0, 0, 0, s, 0, 0, 0, 0, 1 } };
}

struct mat4 mat4_perspective(float fov_y, float aspect, float near, float far)
{
	float f = 1 / tanf(fov_y / 2), depth = near - far;

	return (struct mat4){ { f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / depth, -1, 0,
				0, 2 * far * near / depth, 0 } };
}
