// SPDX-License-Identifier: GPL-2.0-or-later
/* api.c - libfacet as a C program uses it, against the facetd at FACET_SOCKET. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "facet/facet.h"

static int set_up(void **state)
{
	struct facet_conn *conn;

	assert_int_equal(facet_connect(NULL, &conn), 0);
	*state = conn;
	return 0;
}

static int tear_down(void **state)
{
	facet_close(*state);
	return 0;
}

static void kvmfr_path(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "/dev/shm/facet-api-%d-%s", (int)getpid(), name);
}

static void create(struct facet_conn *conn, const char *name)
{
	char path[80];
	struct facet_create wanted = { .size = sizeof(wanted),
				       .name = name,
				       .type = "virgl-8",
				       .weight = 9,
				       .vram_bytes = 32 << 20,
				       .eus = "0-0",
				       .kvmfr = path,
				       .flags = FACET_CREATE_HANG_NEVER };
	char *json;

	kvmfr_path(name, path, sizeof(path));
	assert_int_equal(facet_create(conn, &wanted, &json), 0);
	assert_non_null(strstr(json, name));
	facet_free(json);
}

static void test_gpus_and_types(void **state)
{
	struct facet_conn *conn = *state;
	struct facet_gpu_info **gpus;
	struct facet_type_info **types;
	int i;

	assert_int_equal(facet_get_gpus(conn, &gpus), 0);
	for (i = 0; gpus[i] && strcmp(gpus[i]->name, "soft0") != 0; i++)
		;
	assert_non_null(gpus[i]);
	assert_int_equal(gpus[i]->size, sizeof(*gpus[i]));
	assert_string_equal(gpus[i]->policy, "best-effort");
	assert_non_null(strstr(gpus[i]->mechanisms, "2d"));
	assert_true(gpus[i]->eus > 0 && gpus[i]->vram_bytes > 0);
	facet_free(gpus);
	assert_int_equal(facet_get_types(conn, &types), 0);
	for (i = 0; types[i] && strcmp(types[i]->name, "virgl-4") != 0; i++)
		;
	assert_non_null(types[i]);
	assert_int_equal(types[i]->weight, 25);
	assert_int_equal(types[i]->reservation_ppm, 250000);
	assert_int_equal(types[i]->builtin, 1);
	assert_true(types[i]->fit <= 4);
	facet_free(types);
}

static void test_life(void **state)
{
	struct facet_conn *conn = *state;
	struct facet_limits limits = { .size = sizeof(limits),
				       .set = FACET_LIMIT_CAP | FACET_LIMIT_EUS,
				       .cap_ppm = 250000,
				       .eus = "" };
	struct facet_vgpu_info **vgpus, *one;
	struct facet_stats **stats;
	int null = open("/dev/null", O_WRONLY);
	char path[80];

	create(conn, "one");
	create(conn, "two");
	assert_int_equal(facet_get_vgpus(conn, &vgpus), 0);
	assert_string_equal(vgpus[0]->name, "one");
	assert_string_equal(vgpus[1]->type, "virgl-8");
	kvmfr_path("two", path, sizeof(path));
	assert_string_equal(vgpus[1]->kvmfr, path);
	assert_int_equal(access(path, R_OK | W_OK), 0);
	assert_int_equal(vgpus[1]->weight, 9);
	assert_int_equal(vgpus[1]->hang_ms, 0);
	assert_string_equal(vgpus[1]->eus, "0-0");
	assert_null(vgpus[2]);
	facet_free(vgpus);
	assert_int_equal(facet_set_limits(conn, "two", &limits), 0);
	assert_int_equal(facet_get_vgpu(conn, "two", &one), 0);
	assert_int_equal(one->cap_ppm, 250000);
	assert_int_equal(one->weight, 9);
	assert_string_equal(one->eus, "");
	assert_int_equal(one->vram_bytes, 32 << 20);
	assert_true(one->pid > 0);
	facet_free(one);
	assert_int_equal(facet_get_stats(conn, &stats), 0);
	assert_string_equal(stats[1]->name, "two");
	assert_string_equal(stats[1]->state, "idle");
	assert_int_equal(stats[1]->answers, 1);
	assert_int_equal(stats[1]->vram_quota_bytes, 32 << 20);
	assert_true(stats[1]->cpu_ns > 0);
	assert_null(stats[2]);
	facet_free(stats);
	/* Nothing is shown, and the sentence says so. */
	assert_int_equal(facet_screenshot(conn, "two", 0, 1, null), -EIO);
	assert_non_null(strstr(facet_error_text(conn), "nothing is shown"));
	close(null);
	assert_int_equal(facet_remove(conn, "one", 0), 0);
	assert_int_equal(facet_remove(conn, "two", 0), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_failures(void **state)
{
	struct facet_conn *conn = *state;
	struct facet_create wanted = { .size = sizeof(wanted), .name = "x", .outputs = 99 };
	struct facet_limits limits = { .size = sizeof(limits), .set = FACET_LIMIT_WEIGHT };
	struct facet_vgpu_info *one;
	struct {
		struct facet_create known;
		char later[16];
	} newer = { .known = { .size = sizeof(newer), .name = "x" } };
	char *json;

	assert_int_equal(facet_get_vgpu(conn, "ghost", &one), -ENOENT);
	assert_non_null(strstr(facet_error_text(conn), "ghost"));
	assert_int_equal(facet_create(conn, &wanted, &json), -EINVAL);
	assert_string_equal(facet_error_argument(conn), "outputs");
	wanted.size = 8;
	assert_int_equal(facet_create(conn, &wanted, &json), -EINVAL);
	assert_int_equal(facet_set_limits(conn, "ghost", &limits), -ENOENT);
	limits.size = 0;
	assert_int_equal(facet_set_limits(conn, "ghost", &limits), -EINVAL);
	assert_int_equal(facet_set_policy(conn, "soft0", "magic"), -EINVAL);
	assert_int_equal(facet_set_policy(conn, "soft0",
					  "a-policy-whose-name-is-far-longer-than-any-there-is"),
			 -EINVAL);
	/* A program of tomorrow that wants nothing new is served; one that does is told. */
	newer.later[3] = 1;
	assert_int_equal(facet_create(conn, &newer.known, &json), -EINVAL);
	assert_non_null(strstr(facet_error_text(conn), "later version"));
	newer.later[3] = 0;
	assert_int_equal(facet_create(conn, &newer.known, &json), 0);
	facet_free(json);
	/* One of yesterday, before limits. */
	wanted = (struct facet_create){ .size = offsetof(struct facet_create, type), .name = "x" };
	wanted.weight = 77777;
	assert_int_equal(facet_create(conn, &wanted, &json), -EEXIST);
	assert_int_equal(facet_remove(conn, "x", FACET_REMOVE_FORCE), 0);
}

static void next(struct facet_events *events, const char *event, const char *name)
{
	struct facet_event got = { .size = sizeof(got) };

	do {
		assert_int_equal(facet_events_next(events, 60000, &got), 0);
	} while (strcmp(got.event, event) != 0);
	assert_string_equal(got.name, name);
}

static void test_events(void **state)
{
	struct facet_conn *conn = *state;
	struct facet_event event = { .size = sizeof(event) };
	struct facet_events *events;
	struct pollfd p;

	assert_int_equal(facet_events_open(conn, &events), 0);
	next(events, "ready", "");
	assert_int_equal(facet_events_next(events, 0, &event), -ETIMEDOUT);
	create(conn, "seen");
	p = (struct pollfd){ .fd = facet_events_fd(events), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 60000), 1);
	next(events, "added", "seen");
	assert_int_equal(facet_remove(conn, "seen", 0), 0);
	next(events, "removed", "seen");
	event.size = 0;
	assert_int_equal(facet_events_next(events, 0, &event), -EINVAL);
	facet_events_close(events);
	facet_events_close(NULL);
}

static void test_versions(void **state)
{
	struct facet_conn *conn = *state;
	unsigned int interface;
	char *version;

	assert_int_equal(facet_daemon_version(conn, &version), 0);
	assert_string_equal(version, facet_version());
	facet_free(version);
	assert_int_equal(facet_daemon_interface_version(conn, &interface), 0);
	assert_int_equal(interface, facet_interface_version());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gpus_and_types, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
