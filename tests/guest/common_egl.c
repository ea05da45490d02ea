/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EGL and GBM for the guest programs: a context on a DRM node, and windows that are outputs. */

#include "common.h"

#include <EGL/eglext.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static EGLConfig find_config(EGLDisplay display)
{
	static const EGLint wanted[] = { EGL_SURFACE_TYPE,
					 EGL_WINDOW_BIT,
					 EGL_RENDERABLE_TYPE,
					 EGL_OPENGL_ES2_BIT,
					 EGL_RED_SIZE,
					 8,
					 EGL_GREEN_SIZE,
					 8,
					 EGL_BLUE_SIZE,
					 8,
					 EGL_DEPTH_SIZE,
					 16,
					 EGL_NONE };
	EGLConfig configs[256];
	EGLint count = 0, visual;

	eglChooseConfig(display, wanted, configs, 256, &count);
	for (EGLint i = 0; i < count; i++) {
		if (eglGetConfigAttrib(display, configs[i], EGL_NATIVE_VISUAL_ID, &visual) &&
		    visual == GBM_FORMAT_XRGB8888)
			return configs[i];
	}
	die("EGL offers no XRGB8888 configuration");
}

void gl_open(struct gl *gl, int fd)
{
	static const EGLint version[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };

	gl->gbm = gbm_create_device(fd);
	if (!gl->gbm)
		die("GBM does not know this card: %s", strerror(errno));
	gl->display = eglGetPlatformDisplay(EGL_PLATFORM_GBM_KHR, gl->gbm, NULL);
	if (!gl->display || !eglInitialize(gl->display, NULL, NULL))
		die("EGL did not start: error 0x%x", (unsigned int)eglGetError());
	eglBindAPI(EGL_OPENGL_ES_API);
	gl->config = find_config(gl->display);
	gl->context = eglCreateContext(gl->display, gl->config, EGL_NO_CONTEXT, version);
	if (!gl->context)
		die("no GLES 2 context: EGL error 0x%x", (unsigned int)eglGetError());
}

void gl_close(struct gl *gl)
{
	eglMakeCurrent(gl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(gl->display, gl->context);
	eglTerminate(gl->display);
	gbm_device_destroy(gl->gbm);
}

void gl_use(struct gl *gl, struct window *window)
{
	EGLSurface surface = window ? window->egl : EGL_NO_SURFACE;

	if (!eglMakeCurrent(gl->display, surface, surface, gl->context))
		die("the context could not be made current: EGL error 0x%x",
		    (unsigned int)eglGetError());
}

void window_open(struct window *window, struct gl *gl, struct output *out)
{
	*window = (struct window){ .out = out };
	window->surface =
		gbm_surface_create(gl->gbm, out->mode.hdisplay, out->mode.vdisplay,
				   GBM_FORMAT_XRGB8888, GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING);
	if (!window->surface)
		die("no surface of %ux%u: %s", out->mode.hdisplay, out->mode.vdisplay,
		    strerror(errno));
	window->egl =
		eglCreatePlatformWindowSurface(gl->display, gl->config, window->surface, NULL);
	if (!window->egl)
		die("no window surface: EGL error 0x%x", (unsigned int)eglGetError());
}

void window_close(struct window *window, struct gl *gl)
{
	gl_use(gl, NULL);
	if (window->shown)
		gbm_surface_release_buffer(window->surface, window->shown);
	eglDestroySurface(gl->display, window->egl);
	gbm_surface_destroy(window->surface);
}

static void forget_fb(struct gbm_bo *bo, void *data)
{
	drmModeRmFB(gbm_device_get_fd(gbm_bo_get_device(bo)), (uint32_t)(uintptr_t)data);
}

/* A buffer keeps its framebuffer number for as long as it lives. */
static uint32_t fb_of(struct gbm_bo *bo)
{
	uint32_t fb = (uint32_t)(uintptr_t)gbm_bo_get_user_data(bo);
	uint32_t handles[4] = { gbm_bo_get_handle(bo).u32 };
	uint32_t pitches[4] = { gbm_bo_get_stride(bo) }, offsets[4] = { 0 };

	if (fb)
		return fb;
	if (drmModeAddFB2(gbm_device_get_fd(gbm_bo_get_device(bo)), gbm_bo_get_width(bo),
			  gbm_bo_get_height(bo), DRM_FORMAT_XRGB8888, handles, pitches, offsets,
			  &fb, 0))
		die("a framebuffer of %ux%u was refused: %s", gbm_bo_get_width(bo),
		    gbm_bo_get_height(bo), strerror(errno));
	gbm_bo_set_user_data(bo, (void *)(uintptr_t)fb, forget_fb);
	return fb;
}

void window_present(struct window *window, struct gl *gl)
{
	if (!eglSwapBuffers(gl->display, window->egl))
		die("buffers could not be swapped: EGL error 0x%x", (unsigned int)eglGetError());
	window->next = gbm_surface_lock_front_buffer(window->surface);
	if (!window->next)
		die("no front buffer: %s", strerror(errno));
	if (window->started)
		output_flip(window->out, fb_of(window->next));
	else
		output_show(window->out, fb_of(window->next));
	window->started = true;
	if (window->shown)
		gbm_surface_release_buffer(window->surface, window->shown);
	window->shown = window->next;
}

GLuint fbo_create(uint32_t width, uint32_t height)
{
	GLuint texture, depth, fbo;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, (GLsizei)width, (GLsizei)height, 0, GL_RGBA,
		     GL_UNSIGNED_BYTE, NULL);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glGenRenderbuffers(1, &depth);
	glBindRenderbuffer(GL_RENDERBUFFER, depth);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH_COMPONENT16, (GLsizei)width,
			      (GLsizei)height);
	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_RENDERBUFFER, depth);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		die("an off-screen target of %ux%u is not complete", width, height);
	glBindTexture(GL_TEXTURE_2D, 0);
	glViewport(0, 0, (GLsizei)width, (GLsizei)height);
	return fbo;
}
