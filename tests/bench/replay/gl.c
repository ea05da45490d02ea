// SPDX-License-Identifier: GPL-2.0-or-later
/* gl.c - what everything drawn here needs: a context without a window, a program, a target. */
#include "gl.h"

#include <epoxy/egl.h>

int gl_make_context(void)
{
	static const EGLint wanted[] = { EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE,
					 EGL_OPENGL_BIT, EGL_NONE };
	static const EGLint version[] = { EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION,
					  3, EGL_NONE };
	EGLDisplay display =
		eglGetPlatformDisplayEXT(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	EGLContext context;
	EGLConfig config;
	EGLint count;

	if (!eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_API) ||
	    !eglChooseConfig(display, wanted, &config, 1, &count) || !count)
		return -1;
	context = eglCreateContext(display, config, EGL_NO_CONTEXT, version);
	return eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context) ? 0 : -1;
}

static void add_shader(GLuint program, GLenum kind, const char *text)
{
	GLuint shader = glCreateShader(kind);

	glShaderSource(shader, 1, &text, NULL);
	glCompileShader(shader);
	glAttachShader(program, shader);
}

GLuint gl_make_program(const char *vertex_shader, const char *fragment_shader)
{
	GLuint program = glCreateProgram();
	GLint linked;

	add_shader(program, GL_VERTEX_SHADER, vertex_shader);
	add_shader(program, GL_FRAGMENT_SHADER, fragment_shader);
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &linked);
	glUseProgram(program);
	return linked ? program : 0;
}

static void make_texture(GLenum format, GLenum attachment, int width, int height)
{
	GLuint name;

	glGenTextures(1, &name);
	glBindTexture(GL_TEXTURE_2D, name);
	glTexStorage2D(GL_TEXTURE_2D, 1, format, width, height);
	glFramebufferTexture2D(GL_FRAMEBUFFER, attachment, GL_TEXTURE_2D, name, 0);
}

int gl_make_framebuffer(int width, int height, int depth)
{
	GLuint name;

	glGenFramebuffers(1, &name);
	glBindFramebuffer(GL_FRAMEBUFFER, name);
	make_texture(GL_RGBA8, GL_COLOR_ATTACHMENT0, width, height);
	if (depth)
		make_texture(GL_DEPTH24_STENCIL8, GL_DEPTH_STENCIL_ATTACHMENT, width, height);
	glViewport(0, 0, width, height);
	return glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE ? 0 : -1;
}
