/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest programs share: a KMS output, an EGL context on it, meshes, and small helpers. */
#ifndef FACET_TESTS_GUEST_COMMON_H
#define FACET_TESTS_GUEST_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <EGL/egl.h>
#include <GLES2/gl2.h>
#include <gbm.h>
#include <xf86drmMode.h>

#define CARD        "/dev/dri/card0"
#define RENDER_NODE "/dev/dri/renderD128"

/* --- common_util.c --- */

/* Prints "program: ..." to standard error and exits with 1: a test's script sees it. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
double now_s(void);    /* monotonic */
double uptime_s(void); /* since the kernel started */
int open_node(const char *path);
void parse_size(const char *text, uint32_t *ret_width, uint32_t *ret_height);
uint32_t crc32_of(const void *data, size_t size);
void write_ppm(const char *path, const uint32_t *xrgb, uint32_t width, uint32_t height);

/* --- common_kms.c --- */

struct output {
	int fd;
	unsigned int index;
	uint32_t connector;
	uint32_t crtc;
	drmModeModeInfo mode;
};

/* A framebuffer in plain memory, mapped. */
struct dumb {
	uint32_t handle, pitch, fb;
	size_t size;
	uint8_t *bytes;
};

unsigned int output_count(int fd);
void output_open(struct output *out, int fd, unsigned int index);
/* Takes the output's own mode of that size, or makes one up; 0x0 means the preferred mode. */
void output_set_size(struct output *out, uint32_t width, uint32_t height);
void output_show(struct output *out, uint32_t fb);
/* Shows fb by a page flip and returns when the driver says that it is on the screen. */
void output_flip(struct output *out, uint32_t fb);

/* Returns 0 or a negative errno; bpp is 32. */
int dumb_create(int fd, uint32_t width, uint32_t height, struct dumb *ret_dumb);
void dumb_destroy(int fd, struct dumb *dumb);
void dumb_add_fb(int fd, struct dumb *dumb, uint32_t width, uint32_t height);

/* --- common_egl.c --- */

/* An EGL context on a DRM node; with a surface when it draws to an output. */
struct gl {
	struct gbm_device *gbm;
	EGLDisplay display;
	EGLConfig config;
	EGLContext context;
};

struct window {
	struct output *out;
	struct gbm_surface *surface;
	EGLSurface egl;
	struct gbm_bo *shown, *next;
	bool started;
};

void gl_open(struct gl *gl, int fd);
void gl_close(struct gl *gl);
void gl_use(struct gl *gl, struct window *window); /* NULL: no surface */
void window_open(struct window *window, struct gl *gl, struct output *out);
void window_close(struct window *window, struct gl *gl);
/* Puts the frame just drawn on the screen. */
void window_present(struct window *window, struct gl *gl);
/* An off-screen RGBA target, bound. */
GLuint fbo_create(uint32_t width, uint32_t height);

/* --- common_gl.c --- */

struct mesh {
	GLuint buffer;
	GLsizei count;
};

struct mat4 {
	float m[16];
};

GLuint program_create(const char *vertex, const char *fragment, const char *const *attributes);
/* Position (attribute 0) and normal (attribute 1), as triangles. */
struct mesh mesh_torus(float ring, float tube, int segments, int sides);
struct mesh mesh_sphere(int segments, int rings);
struct mesh mesh_cube(void);
void mesh_draw(const struct mesh *mesh);

struct mat4 mat4_multiply(struct mat4 a, struct mat4 b);
struct mat4 mat4_rotate(float angle, float x, float y, float z);
struct mat4 mat4_translate(float x, float y, float z);
struct mat4 mat4_scale(float s);
struct mat4 mat4_perspective(float fov_y, float aspect, float near, float far);

/* --- common_font.c --- */

#define GLYPH_WIDTH  5
#define GLYPH_HEIGHT 7

/* Is the pixel (x, y) of the character set? Unknown characters are blank. */
bool glyph_pixel(char character, unsigned int x, unsigned int y);

#endif
