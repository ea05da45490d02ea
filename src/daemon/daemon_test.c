// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon_test.c - names, records, what is held for successors, and what is believed of vGPUs. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/describe.h"
#include "daemon/gpus.h"
#include "daemon/held.h"
#include "daemon/process.h"
#include "daemon/record.h"
#include "daemon/rundir.h"

struct place {
	char path[40];
	struct facetd_rundir dir;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->path, "/tmp/facet-daemon-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	assert_int_equal(facetd_rundir_open(&place->dir, place->path, NULL, NULL), 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	facetd_rundir_close(&place->dir);
	assert_int_equal(rmdir(place->path), 0);
	free(place);
	return 0;
}

static void test_names(void **state)
{
	char name[66];

	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_true(facetd_name_valid("left"));
	assert_true(facetd_name_valid("0.A_b-c"));
	assert_true(facetd_name_valid(name));
	name[64] = 'a';
	name[65] = '\0';
	assert_false(facetd_name_valid(name));
	for (const char *const *bad = (const char *const[]){ "", ".", "..", "-x", "a/b", "a b",
							     "a\n", "\xc3\xa4", "io.facet", NULL };
	     *bad; bad++)
		assert_false(facetd_name_valid(*bad));
}

static void test_rundir(void **state)
{
	struct place *place = *state;
	struct facetd_rundir second;
	struct facet_error err;
	int fd, other;

	assert_int_equal(facetd_rundir_open(&second, place->path, NULL, &err), -EWOULDBLOCK);
	assert_non_null(strstr(err.text, "another facetd"));
	assert_int_equal(facetd_rundir_add(&place->dir, "one", NULL), 0);
	assert_int_equal(facetd_rundir_add(&place->dir, "one", NULL), -EEXIST);
	assert_int_equal(
		facetd_rundir_listen(&place->dir, "one", "vhost-user.sock", 0600, &fd, NULL), 0);
	assert_true(facetd_rundir_listens(&place->dir, "one", "vhost-user.sock", fd));
	assert_false(facetd_rundir_listens(&place->dir, "one", "control.sock", fd));
	/* Again in the same place, as after a death: the old one does not matter. */
	assert_int_equal(
		facetd_rundir_listen(&place->dir, "one", "vhost-user.sock", 0600, &other, NULL), 0);
	close(fd);
	close(other);
	facetd_rundir_remove(&place->dir, "one");
	assert_int_equal(faccessat(place->dir.fd, "one", F_OK, 0), -1);
}

static void test_record(void **state)
{
	struct place *place = *state;
	struct facetd_record saved = { .name = "one",
				       .gpu = "soft0",
				       .mechanism = "virgl",
				       .transport = "vfio-user",
				       .width = 641,
				       .height = 479,
				       .outputs = 3,
				       .created = 1700000000,
				       .pid = 77,
				       .start_time = 1ULL << 40,
				       .restarts = 2,
				       .reason = "died: \"quoted\"",
				       .type = "virgl-4",
				       .limits = { .share = { 250, 300000, 50000 },
						   .vram_bytes = 5ULL << 40,
						   .overcommit = true,
						   .eus = "0-3,6",
						   .eus_exclusive = true,
						   .hang_ms = 1500 },
				       .kvmfr = { .path = "/dev/shm/x",
						  .group = 27,
						  .files = { { 5, 1ULL << 40 }, { 5, 6 } } } };
	struct facetd_record loaded;
	struct facet_error err;
	char path[PATH_MAX];
	FILE *file;

	assert_int_equal(facetd_rundir_add(&place->dir, "one", NULL), 0);
	assert_int_equal(facetd_record_save(&place->dir, &saved, NULL), 0);
	assert_int_equal(facetd_record_load(&place->dir, "one", &loaded, &err), 0);
	assert_string_equal(loaded.reason, saved.reason);
	assert_string_equal(loaded.gpu, "soft0");
	assert_string_equal(loaded.transport, "vfio-user");
	assert_int_equal(loaded.limits.vram_bytes, saved.limits.vram_bytes);
	assert_int_equal(loaded.start_time, saved.start_time);
	assert_int_equal(loaded.outputs, 3);
	assert_string_equal(loaded.type, "virgl-4");
	assert_true(loaded.limits.overcommit);
	assert_memory_equal(&loaded.limits.share, &saved.limits.share, sizeof(struct facet_share));
	assert_string_equal(loaded.limits.eus, "0-3,6");
	assert_true(loaded.limits.eus_exclusive);
	assert_int_equal(loaded.limits.hang_ms, 1500);
	assert_string_equal(loaded.kvmfr.path, "/dev/shm/x");
	assert_int_equal(loaded.kvmfr.group, 27);
	assert_memory_equal(loaded.kvmfr.files, saved.kvmfr.files, sizeof(saved.kvmfr.files));
	saved.kvmfr.group = (gid_t)-1;
	assert_int_equal(facetd_record_save(&place->dir, &saved, NULL), 0);
	assert_int_equal(facetd_record_load(&place->dir, "one", &loaded, &err), 0);
	assert_int_equal(loaded.kvmfr.group, (gid_t)-1);
	facetd_rundir_path(&place->dir, "one", "vgpu.json", path);
	file = fopen(path, "w");
	fputs("{\"version\":1,\"name\":\"two\"}", file);
	fclose(file);
	assert_int_equal(facetd_record_load(&place->dir, "one", &loaded, &err), -EINVAL);
	facetd_rundir_remove(&place->dir, "one");
	assert_int_not_equal(facetd_record_load(&place->dir, "one", &loaded, &err), 0);
}

/* Loads @text as the record of "one": the code, and the sentence. */
static int load(struct place *place, const char *text, struct facetd_record *ret,
		struct facet_error *err)
{
	char path[PATH_MAX];
	FILE *file;

	facetd_rundir_path(&place->dir, "one", "vgpu.json", path);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	return facetd_record_load(&place->dir, "one", ret, err);
}

#define COMMON                                                                                 \
	"\"name\":\"one\",\"gpu\":\"soft0\",\"node\":\"\",\"mechanism\":\"2d\",\"width\":64,"  \
	"\"height\":65,\"outputs\":1,\"created\":5,\"pid\":7,\"start_time\":8,\"restarts\":0," \
	"\"reason\":\"\""

#define LIMITS                                                                                 \
	",\"type\":\"\",\"limits\":{\"weight\":7,\"cap_ppm\":1,\"reservation_ppm\":0,\"eus\":" \
	"\"\","                                                                                \
	"\"eus_exclusive\":false,\"hang_ms\":0,\"vram_bytes\":0,\"overcommit\":false}"

/* What the last version wrote is still read; what a later one will write is not guessed at. */
static void test_record_versions(void **state)
{
	struct place *place = *state;
	struct facetd_record r;
	struct facet_error err;
	static const char *const wrong[] = {
		"{\"version\":2," COMMON "}",
		"{\"version\":2," COMMON ",\"type\":\"\",\"limits\":{}}",
		"{\"version\":2," COMMON ",\"type\":\"\",\"limits\":{\"weight\":0,\"cap_ppm\":1,"
		"\"reservation_ppm\":0,\"eus\":\"\",\"eus_exclusive\":false,\"hang_ms\":0,"
		"\"vram_bytes\":0,\"overcommit\":false}}",
		"{\"version\":3," COMMON LIMITS ",\"kvmfr\":{}}",
		"{\"version\":3," COMMON LIMITS ",\"kvmfr\":{\"path\":\"x\",\"group\":1,"
		"\"files\":[]}}",
		"{\"version\":3," COMMON LIMITS ",\"kvmfr\":{\"path\":\"/x\",\"group\":-2,"
		"\"files\":[]}}",
		"{\"version\":3," COMMON LIMITS ",\"kvmfr\":{\"path\":\"/x\",\"group\":1,"
		"\"files\":[[1]]}}",
		"{\"version\":1," COMMON "}",
		"{\"version\":1," COMMON ",\"vram_bytes\":4096,\"transport\":\"carrier pigeon\"}",
		"{\"version\":0," COMMON "}",
		"{" COMMON "}",
		"[]",
		"",
	};

	assert_int_equal(facetd_rundir_add(&place->dir, "one", NULL), 0);
	assert_int_equal(load(place, "{\"version\":1," COMMON ",\"vram_bytes\":4096}", &r, &err),
			 0);
	assert_int_equal(r.limits.vram_bytes, 4096);
	assert_int_equal(r.height, 65);
	assert_int_equal(r.limits.share.weight, FACET_WEIGHT_DEFAULT);
	assert_int_equal(r.limits.share.cap_ppm, FACET_SHARE_ALL);
	assert_int_equal(r.limits.hang_ms, FACETD_HANG_MS);
	assert_true(r.limits.overcommit);
	assert_string_equal(r.transport, "vhost-user"); /* there was no other */
	assert_int_equal(load(place, "{\"version\":2," COMMON LIMITS "}", &r, &err), 0);
	assert_int_equal(r.limits.share.weight, 7);
	assert_string_equal(r.kvmfr.path, "");
	assert_int_equal(load(place, "{\"version\":3," COMMON LIMITS ",\"kvmfr\":null}", &r, &err),
			 0);
	assert_string_equal(r.kvmfr.path, "");
	assert_int_equal(load(place, "{\"version\":4}", &r, &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.text, "version 4"));
	assert_non_null(strstr(err.text, "up to 3"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(load(place, wrong[i], &r, &err), -EINVAL);
	facetd_rundir_remove(&place->dir, "one");
}

/* Descriptors as they come with an answer. */
struct source {
	int left;
	bool strange;
};

static int next_fd(void *owner)
{
	struct source *source = owner;

	if (source->left-- <= 0)
		return -1;
	return source->strange ? open("/proc/self/status", O_RDONLY | O_CLOEXEC)
			       : memfd_create("held", MFD_CLOEXEC);
}

static int take_from(struct facetd_held *held, const char *text, struct source source)
{
	json_t *parameters = json_loads(text, 0, NULL);
	int r = facetd_held_take(held, parameters, next_fd, &source, NULL);

	json_decref(parameters);
	return r;
}

static int take(struct facetd_held *held, const char *text, int fds)
{
	return take_from(held, text, (struct source){ fds });
}

static void test_held(void **state)
{
	struct facetd_held *held = calloc(1, sizeof(*held));
	char text[512] = "";
	json_t *told;
	int fd;

	assert_int_equal(
		take(held, "{\"fds\":[\"listen\",\"vhost-user\"],\"state\":{\"a\":[1]}}", 2), 0);
	assert_int_equal(held->count, 2);
	fd = facetd_held_fd(held, "vhost-user");
	assert_true(fd >= 0);
	/* What a process in a guest's hands may try: nothing changes. */
	assert_int_equal(take(held, "{\"fds\":[\"a\",\"b\"],\"state\":{}}", 1), -EPROTO);
	assert_int_equal(take(held, "{\"fds\":[\"a\",\"a\"],\"state\":{}}", 2), -EPROTO);
	assert_int_equal(take(held, "{\"fds\":[1],\"state\":{}}", 1), -EPROTO);
	assert_int_equal(take(held, "{\"fds\":{},\"state\":{}}", 0), -EPROTO);
	assert_int_equal(take(held, "{\"fds\":[]}", 0), -EPROTO);
	assert_int_equal(take(held,
			      "{\"fds\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"],"
			      "\"state\":{}}",
			      1),
			 -EPROTO);
	assert_int_equal(facetd_held_fd(held, "vhost-user"), fd);
	assert_int_equal(facetd_held_memfd(held, 6, &fd), 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	told = json_loads(text, 0, NULL);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(told, "fds"), "vhost-user")), 7);
	assert_int_equal(json_array_size(json_object_get(json_object_get(told, "state"), "a")), 1);
	json_decref(told);
	assert_int_equal(take(held, "{\"fds\":[\"listen\"],\"state\":{}}", 1), 0);
	assert_int_equal(facetd_held_fd(held, "vhost-user"), -1);
	/* A file of who knows whom is not kept; nor is all refused for it. */
	assert_int_equal(
		take_from(held, "{\"fds\":[\"memory0\"],\"state\":{}}", (struct source){ 1, true }),
		0);
	assert_int_equal(held->count, 0);
	facetd_held_fini(held);
	free(held);
}

static void test_process(void **state)
{
	struct place *place = *state;
	char path[PATH_MAX], text[100];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), pidfd, again;
	struct facet_error err;
	uint64_t start;
	siginfo_t info;
	FILE *file;
	pid_t pid;

	assert_int_equal(
		facetd_process_spawn(
			&(struct facetd_spawn){
				.program = "/bin/sh",
				.argv = (char *const[]){ (char *)"sh", (char *)"-c",
							 (char *)"read x <&3; exit 7", NULL },
				.fds = &null,
				.fd_count = 1,
				.output_fd = null,
				.error_fd = null },
			&pid, &pidfd, &err),
		0);
	start = facetd_process_start_time(getpid());
	assert_true(start > 0);
	assert_int_equal(facetd_process_open(getpid(), start, &again), 0);
	close(again);
	assert_int_equal(facetd_process_open(getpid(), start + 1, &again), -ESRCH);
	assert_int_equal(facetd_process_open(1, start, &again), -ESRCH);
	assert_int_equal(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT), 0);
	facetd_process_end_reason(pidfd, text, sizeof(text));
	assert_string_equal(text, "exit code 7");
	close(pidfd);
	close(null);
	assert_int_equal(facetd_process_spawn(&(struct facetd_spawn){ .program = "/nowhere" }, &pid,
					      &pidfd, &err),
			 -ENOENT);
	snprintf(path, sizeof(path), "%s/log", place->path);
	file = fopen(path, "w");
	fputs("hello\nfacet-vgpu: error: no GL \033[1m\nlast words\n", file);
	fclose(file);
	facetd_log_last_error(path, 0, text, sizeof(text));
	assert_string_equal(text, "facet-vgpu: error: no GL ?[1m");
	facetd_log_last_error(path, 40, text, sizeof(text));
	assert_string_equal(text, "");
	facetd_log_last_error(path, 1 << 20, text, sizeof(text));
	assert_string_equal(text, "facet-vgpu: error: no GL ?[1m");
	unlink(path);
	facetd_log_last_error(path, 0, text, sizeof(text));
	assert_string_equal(text, "");
}

static void make(const char *root, const char *file, const char *content)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	if (!content) {
		assert_int_equal(mkdir(path, 0700), 0);
	} else {
		f = fopen(path, "w");
		fputs(content, f);
		fclose(f);
	}
}

static void test_gpus(void **state)
{
	struct place *place = *state;
	struct facetd_gpu gpus[FACETD_MAX_GPUS];
	static const char *const dirs[] = { "class",
					    "class/drm",
					    "class/drm/card0",
					    "class/drm/renderD129",
					    "class/drm/renderD128",
					    "0000:00:02.0",
					    "i915" };
	char link[PATH_MAX], command[PATH_MAX + 16];

	assert_int_equal(facetd_gpus_list("/nowhere", gpus), 1);
	assert_string_equal(gpus[0].name, "soft0");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make(place->path, dirs[i], NULL);
	make(place->path, "0000:00:02.0/vendor", "0x8086\n");
	make(place->path, "0000:00:02.0/device", "0x1912\n");
	snprintf(link, sizeof(link), "%s/0000:00:02.0/driver", place->path);
	assert_int_equal(symlink("../i915", link), 0);
	snprintf(link, sizeof(link), "%s/class/drm/renderD128/device", place->path);
	assert_int_equal(symlink("../../../0000:00:02.0", link), 0);
	assert_int_equal(facetd_gpus_list(place->path, gpus), 3);
	assert_string_equal(gpus[0].name, "renderD128");
	assert_string_equal(gpus[0].driver, "i915");
	assert_string_equal(gpus[0].address, "0000:00:02.0 8086:1912");
	assert_string_equal(gpus[0].node, "/dev/dri/renderD128");
	assert_string_equal(gpus[1].name, "renderD129");
	assert_string_equal(gpus[2].name, "soft0");
	snprintf(command, sizeof(command), "rm -r %s/*", place->path);
	assert_int_equal(system(command), 0);
}

/* A Status as facet-vgpu sends it; @broken takes the place of a field. */
static json_t *status(const char *field, json_t *broken)
{
	json_t *json = json_loads(
		"{\"name\":\"x\",\"engine\":\"virgl\",\"renderer\":\"virgl \\u001b[31m\","
		"\"connected\":true,\"running\":true,\"drops\":0,\"regions\":2,\"uptime_ns\":1,"
		"\"cpu_ns\":1,\"rss_bytes\":1,\"pid\":3,"
		"\"usage\":{\"jobs\":1,\"busy_ns\":1,\"wait_ns\":1,\"flushes\":1,\"vram_bytes\":1,"
		"\"vram_peak_bytes\":1,\"vram_quota_bytes\":1,\"contexts\":1,\"queued\":1},"
		"\"outputs\":[{\"connected\":true,\"width\":1,\"height\":1,\"x\":0,\"y\":0}],"
		"\"sandbox\":[]}",
		0, NULL);

	assert_non_null(json);
	if (field)
		json_object_set_new(json, field, broken);
	return json;
}

static void test_status_is_not_trusted(void **state)
{
	json_t *answer = status(NULL, NULL), *good = facetd_describe_status(answer), *many;
	static const char *const fields[] = { "engine", "connected", "drops",
					      "usage",  "outputs",   "sandbox" };

	assert_non_null(good);
	assert_string_equal(json_string_value(json_object_get(good, "renderer")), "virgl ?[31m");
	assert_null(json_object_get(good, "pid"));
	json_decref(good);
	json_decref(answer);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		answer = status(fields[i], json_integer(-1));
		assert_null(facetd_describe_status(answer));
		json_decref(answer);
	}
	many = json_array();
	for (int i = 0; i < 1000; i++)
		json_array_append_new(many, json_object());
	answer = status("outputs", many);
	assert_null(facetd_describe_status(answer));
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_rundir, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_record_versions, set_up, tear_down),
		cmocka_unit_test(test_held),
		cmocka_unit_test_setup_teardown(test_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gpus, set_up, tear_down),
		cmocka_unit_test(test_status_is_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
