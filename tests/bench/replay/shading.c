// SPDX-License-Identifier: GPL-2.0-or-later
/* shading.c - frames of a known cost: one draw that fills the target, a loop for each pixel. */
#include "shading.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gl.h"
#include "recording.h"

static const char vertex_shader[] = "#version 330\n"
				    "out vec2 at;\n"
				    "void main() {\n"
				    "	at = vec2(gl_VertexID & 1, gl_VertexID >> 1);\n"
				    "	gl_Position = vec4(at * 4.0 - 1.0, 0.0, 1.0);\n"
				    "}\n";
/* Nothing in it can be worked out before the pixel is known, and no number grows. */
static const char fragment_shader[] = "#version 330\n"
				      "in vec2 at;\n"
				      "uniform float times;\n"
				      "out vec4 result;\n"
				      "void main() {\n"
				      "	vec4 v = vec4(at, at.yx) * 0.5;\n"
				      "	int n = int(times);\n"
				      "	for (int i = 0; i < n; i++)\n"
				      "		v = v.yzwx * v * 0.5 + vec4(0.1, 0.2, 0.3, 0.4);\n"
				      "	result = v;\n"
				      "}\n";

static const struct shading shadings[] = {
	{ "light", 512, 2, 0, "2 ms of the whole GPU a frame" },
	{ "heavy", 512, 100, 0, "one draw of 100 ms of the whole GPU" },
	{ "small", 256, 0.5, 0, "half a millisecond of the whole GPU a frame" },
	{ "tiny", 64, 0, 1, "next to nothing: as many batches as can be" },
};

const struct shading *shading_at(unsigned int number)
{
	return number < sizeof(shadings) / sizeof(shadings[0]) ? &shadings[number] : NULL;
}

const struct shading *shading_find(const char *name)
{
	for (unsigned int i = 0; shading_at(i); i++)
		if (!strcmp(shadings[i].name, name))
			return &shadings[i];
	return NULL;
}

static int prepare(const struct shading *shading, GLint *ret_times)
{
	GLuint program, array;

	program = gl_make_context() ? 0 : gl_make_program(vertex_shader, fragment_shader);
	if (!program || gl_make_framebuffer(shading->side, shading->side, 0)) {
		fprintf(stderr, "no OpenGL 3.3 on a surfaceless display\n");
		return -1;
	}
	*ret_times = glGetUniformLocation(program, "times");
	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
	return 0;
}

static void draw_frame(GLint times, int iterations)
{
	glUniform1f(times, (float)iterations);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	glFinish();
}

int shading_draw(const void *arg)
{
	const struct shading *shading = arg;
	GLint times;

	if (prepare(shading, &times))
		return 1;
	for (unsigned int i = 0; i < RECORDING_WARM_UP; i++)
		draw_frame(times, shading->iterations);
	if (recorder_mark())
		return 1;
	draw_frame(times, shading->iterations);
	return recorder_mark() || glGetError() ? 1 : 0;
}

/* Processor time of all threads: what else the machine does falls out. */
static double frame_ms(GLint times, int iterations)
{
	enum { FRAMES = 8 };
	struct timespec a, b;

	draw_frame(times, iterations);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int i = 0; i < FRAMES; i++)
		draw_frame(times, iterations);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6) /
	       FRAMES;
}

/* Two points of a straight line. */
static int measure(const struct shading *shading)
{
	const int few = 8, many = 136;
	double wanted = shading->gpu_ms * (double)sysconf(_SC_NPROCESSORS_ONLN), base, each;
	GLint times;

	if (prepare(shading, &times))
		return 0;
	base = frame_ms(times, few);
	each = (frame_ms(times, many) - base) / (many - few);
	wanted = each > 0 ? few + (wanted - base) / each : 0;
	return wanted < 1 ? 1 : (int)(wanted + 0.5);
}

int shading_calibrate(struct shading *shading)
{
	int ends[2], got, status = 0;
	pid_t pid;

	if (shading->iterations)
		return 0;
	if (pipe(ends)) {
		perror("no pipe");
		return -1;
	}
	pid = fork();
	if (!pid) {
		int iterations = measure(shading);

		_exit(write(ends[1], &iterations, sizeof(iterations)) != sizeof(iterations));
	}
	close(ends[1]);
	got = read(ends[0], &shading->iterations, sizeof(shading->iterations)) ==
	      sizeof(shading->iterations);
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (pid > 0 && got && !status && shading->iterations)
		return 0;
	fprintf(stderr, "the cost of a frame could not be measured\n");
	return -1;
}
