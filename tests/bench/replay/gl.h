/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gl.h - what everything drawn here needs: a context without a window, a program, a target. */
#ifndef FACET_BENCH_GL_H
#define FACET_BENCH_GL_H

#include <epoxy/gl.h>

/* OpenGL 3.3 on a surfaceless display, current. 0 or -1. */
int gl_make_context(void);
/* In use; 0 when it does not link. */
GLuint gl_make_program(const char *vertex_shader, const char *fragment_shader);
/* A texture, and depth beside it when wanted; bound. 0 or -1. */
int gl_make_framebuffer(int width, int height, int depth);

#endif
