// SPDX-License-Identifier: GPL-2.0-or-later
/* renderer.c - loads and unloads virglrenderer, and learns what it is. */
#define VIRGL_RENDERER_UNSTABLE_APIS 1

#include <ctype.h>
#include <dlfcn.h>
#include <epoxy/gl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virgl/virglrenderer.h>

#include "base/log.h"
#include "base/preempt.h"
#include "engine/virgl/virgl.h"

#define LOG_AREA "virgl"

/*
 * What EGL, Mesa and LLVM call while they load and run, beyond what everybody needs. llvmpipe
 * compiles shaders: memory must be allowed to become executable.
 *
 * #syscalls openat newfstatat fstat stat lstat statx access faccessat faccessat2 readlink
 * #syscalls readlinkat getdents64 lseek pread64 statfs fstatfs fcntl dup dup3
 * #syscalls mmap munmap mremap mprotect madvise brk memfd_create ftruncate fallocate
 * #syscalls clone clone3 set_robust_list rseq futex prctl gettid getpid sched_yield
 * #syscalls sched_getaffinity sched_setaffinity sched_setscheduler sched_getscheduler
 * #syscalls getpriority setpriority getcpu membarrier sysinfo uname prlimit64 getrandom
 * #syscalls getuid geteuid getgid getegid rt_sigaction rt_sigprocmask clock_gettime
 * #syscalls clock_getres clock_nanosleep nanosleep eventfd2 poll ppoll
 * #syscalls:gpu ioctl kcmp
 */

enum {
	CAPSET_VIRGL = 1,
	CAPSET_VIRGL2 = 2,
};

/*
 * Mesa reads these when it is loaded. A sandboxed process has no place for a shader cache, and a
 * guest without a GPU of ours must get llvmpipe, not whatever GPU this host happens to have.
 */
void facet_virgl_environment(bool software, unsigned int threads)
{
	char number[16];

	setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
	if (!software)
		return;
	setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
	setenv("GALLIUM_DRIVER", "llvmpipe", 0);
	snprintf(number, sizeof(number), "%u", threads);
	if (threads)
		setenv("LP_NUM_THREADS", number, 1);
}

/* May be asked before the library is initialised, which is what keeps us small. */
void facet_virgl_read_caps(struct facet_engine_caps *caps)
{
	for (uint32_t id = CAPSET_VIRGL; id <= CAPSET_VIRGL2; id++) {
		struct facet_capset *set = &caps->capsets[caps->capset_count];

		set->id = id;
		virgl_renderer_get_cap_set(id, &set->max_version, &set->max_size);
		if (set->max_size)
			caps->capset_count++;
	}
}

static void write_fence(void *cookie, uint32_t fence)
{
	struct facet_virgl *virgl = cookie;
	bool was = facet_preempt_set(false);

	facet_fences_retire(&virgl->fences, fence);
	facet_preempt_set(was);
}

static void write_context_fence(void *cookie, uint32_t context, uint32_t ring, uint64_t fence)
{
	/* We make none: one order of fences over all contexts is what the guest sees. */
}

/* The library closes what it gets. */
static int get_drm_fd(void *cookie)
{
	struct facet_virgl *virgl = cookie;

	return virgl->render_fd < 0 ? -1 : fcntl(virgl->render_fd, F_DUPFD_CLOEXEC, 3);
}

static struct virgl_renderer_callbacks callbacks = {
	.version = 3,
	.write_fence = write_fence,
	.get_drm_fd = get_drm_fd,
	.write_context_fence = write_context_fence,
};

/* What the library says is nearly always about a guest's mistake. */
static void __attribute__((format(printf, 1, 0))) on_log(const char *fmt, va_list args)
{
	bool was = facet_preempt_set(false);
	char text[256];

	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	if (text[0])
		log_guest("%s", text);
	facet_preempt_set(was);
}

/* As the guest's glxinfo says it: virglrenderer capitalises llvmpipe, the guest's Mesa adds virgl.
 */
static void learn_name(struct facet_virgl *virgl)
{
	const char *gl = (const char *)glGetString(GL_RENDERER);
	char *lower;

	snprintf(virgl->name, sizeof(virgl->name), "virgl (%s)", gl ? gl : "unknown");
	lower = strstr(virgl->name, "llvmpipe");
	for (size_t i = 0; lower && i < strlen("llvmpipe"); i++)
		lower[i] = (char)toupper((unsigned char)lower[i]);
	virgl->renderer = virgl->name;
	log_info("renderer loaded: %s", virgl->name);
}

/*
 * Creating a texture of a format that has no storage fails only after the library has made a GL
 * object that it then forgets. So know the formats: in capset 1, after the version, there are four
 * masks of 16 words: for sampling, rendering, depth and vertices.
 */
static void learn_formats(struct facet_virgl *virgl)
{
	uint32_t version, size;
	uint32_t *caps;

	virgl_renderer_get_cap_set(CAPSET_VIRGL, &version, &size);
	caps = calloc(1, size + 65 * sizeof(*caps));
	if (!caps)
		return;
	virgl_renderer_fill_caps(CAPSET_VIRGL, version, caps);
	for (int mask = 0; mask < 3; mask++)
		for (int i = 0; i < 16; i++)
			virgl->formats[i] |= caps[1 + mask * 16 + i];
	free(caps);
}

static int find_driver(struct dl_phdr_info *info, size_t size, void *arg)
{
	char *name = arg;

	if (!strstr(info->dlpi_name, "/dri/") && !strstr(info->dlpi_name, "/libgallium"))
		return 0;
	snprintf(name, PATH_MAX, "%s", info->dlpi_name);
	return 1;
}

/*
 * Mesa's driver keeps memory for its next use in variables of its own. EGL would take it out of
 * the process with its display, and that memory would be lost each time.
 */
static void keep_driver(void)
{
	char name[PATH_MAX];

	if (dl_iterate_phdr(find_driver, name))
		dlopen(name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

int facet_virgl_load(struct facet_virgl *virgl)
{
	int flags =
		VIRGL_RENDERER_USE_EGL | VIRGL_RENDERER_THREAD_SYNC | VIRGL_RENDERER_ASYNC_FENCE_CB;
	int r;

	if (virgl->loaded)
		return 0;
	if (virgl->failed)
		return -EIO;
	if (virgl->render_fd < 0)
		flags |= VIRGL_RENDERER_USE_SURFACELESS;
	virgl_set_debug_callback(on_log);
	r = virgl_renderer_init(virgl, flags, &callbacks);
	if (r) {
		virgl->failed = true;
		log_error("virglrenderer cannot start (%d): this guest has no OpenGL; is Mesa "
			  "installed (libgl1-mesa-dri, libegl-mesa0)?",
			  r);
		return -EIO;
	}
	keep_driver();
	virgl->loaded = true;
	virgl->fences.threaded = virgl_renderer_get_poll_fd() >= 0;
	virgl_renderer_force_ctx_0();
	learn_name(virgl);
	learn_formats(virgl);
	return 0;
}

void facet_virgl_unload(struct facet_virgl *virgl)
{
	if (!virgl->loaded)
		return;
	virgl_renderer_cleanup(virgl);
	virgl->loaded = false;
	virgl->fences.threaded = false;
	facet_fences_abandon(&virgl->fences);
}
