// SPDX-License-Identifier: GPL-2.0-or-later
/* admission_test.c - who fits beside whom, and what the kernel is told about those that do. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/fake_place.h"

/* --- admission --- */

static int admit(struct fake_place *place, struct facetd_limits limits, const char *words)
{
	struct facet_error err = { .text = "" };
	int r = facetd_arbitration_admit(&place->daemon, "soft0", NULL, &limits, &err);

	if (words && !strstr(err.text, words))
		fail_msg("'%s' is not in '%s'", words, err.text);
	return r;
}

static void test_vram(void **state)
{
	struct facetd_arbitration_config all = { .soft_vram_bytes = 1ULL << 30,
						 .overcommit = true };
	struct facetd_limits limits = FACETD_LIMITS_DEFAULT, more = limits, unknown = limits;
	struct fake_place *place = *state;
	struct facetd_gpu_state gpu;
	struct facet_error err;
	struct facetd_vgpu *vgpu;

	assert_int_equal(admit(place, limits, NULL), 0);
	fake_vgpu_attach(place, &limits);
	vgpu = fake_vgpu_attach(place, &limits);
	assert_int_equal(facetd_arbitration_gpu(&place->daemon, "soft0", &gpu, NULL), 0);
	assert_int_equal(gpu.vgpus, 2);
	assert_int_equal(gpu.vram_bytes, 1ULL << 30);
	assert_int_equal(gpu.vram_given_bytes, 1ULL << 30);
	assert_int_equal(admit(place, limits, "of which 0 MiB are left"), -ENOSPC);
	/* In exchange for its own it fits, but not with more. */
	more.vram_bytes += 1;
	assert_int_equal(facetd_arbitration_set(vgpu, &limits, &err), 0);
	assert_int_equal(facetd_arbitration_set(vgpu, &more, &err), -ENOSPC);
	assert_int_equal(vgpu->record.limits.vram_bytes, limits.vram_bytes);
	limits.vram_bytes /= 2;
	assert_int_equal(facetd_arbitration_set(vgpu, &limits, &err), 0);
	assert_int_equal(admit(place, limits, NULL), 0);
	/* A driver that tells nothing is no reason to refuse. */
	unknown.vram_bytes = 1ULL << 43;
	assert_int_equal(
		facetd_arbitration_admit(&place->daemon, "renderD128", NULL, &unknown, &err), 0);
	place->daemon.arbitration->overcommit = all.overcommit;
	assert_int_equal(admit(place, unknown, NULL), 0);
}

static void test_eus(void **state)
{
	struct fake_place *place = *state;
	struct facetd_limits limits = fake_limits("2", false);
	struct facetd_vgpu *any, *pinned, *own;
	struct facet_error err;
	cpu_set_t cores;

	/* A host of eight. */
	CPU_ZERO(&cores);
	for (int i = 0; i < 8; i++)
		CPU_SET(i, &cores);
	place->daemon.arbitration->cores = cores;
	assert_int_equal(admit(place, fake_limits("9", false), "soft0 has 8"), -EINVAL);
	assert_int_equal(admit(place, fake_limits("6-8", false), "soft0 has 0-7"), -EINVAL);
	assert_int_equal(admit(place, fake_limits("6-", false), "must be a list"), -EINVAL);
	assert_int_equal(admit(place, fake_limits("", true), "say which"), -EINVAL);
	assert_int_equal(
		facetd_arbitration_admit(&place->daemon, "renderD128", NULL, &limits, &err),
		-EOPNOTSUPP);
	any = fake_vgpu_attach(place, &(struct facetd_limits){ .share = limits.share });
	assert_false(any->arbitrated->pinned);
	pinned = fake_vgpu_attach(place, &limits);
	assert_string_equal(pinned->record.limits.eus, "0-1");
	/* Not where the other is; and the rest of the world makes room. */
	limits = fake_limits("1", true);
	own = fake_vgpu_attach(place, &limits);
	assert_string_equal(own->record.limits.eus, "2-2");
	assert_true(any->arbitrated->pinned);
	assert_int_equal(CPU_COUNT(&any->arbitrated->cores), 7);
	assert_false(CPU_ISSET(2, &any->arbitrated->cores));
	assert_int_equal(admit(place, fake_limits("1-2", false), "others have them"), -ENOSPC);
	assert_int_equal(admit(place, fake_limits("1-3", true), "3-7"), -ENOSPC);
	assert_int_equal(admit(place, fake_limits("6", true), "others have them"), -ENOSPC);
	assert_int_equal(admit(place, fake_limits("5", true), NULL), 0);
	/* Everything: nothing would be left for the one that has no list. */
	facetd_arbitration_detach(pinned);
	facetd_arbitration_detach(own);
	assert_false(any->arbitrated->pinned);
	assert_int_equal(admit(place, fake_limits("0-7", true), "nothing of soft0"), -ENOSPC);
	facetd_arbitration_detach(any);
	limits = fake_limits("0-7", true);
	fake_vgpu_attach(place, &limits);
	assert_int_equal(admit(place, fake_limits("", false), "of any"), -ENOSPC);
}

static void test_policies(void **state)
{
	struct facetd_arbitration_config cfg = { .soft_vram_bytes = 1ULL << 30 };
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facet_error err;

	assert_int_equal(facetd_arbitration_policy(&place->daemon, "soft0"),
			 FACET_POLICY_BEST_EFFORT);
	limits.share.weight = 60;
	fake_vgpu_attach(place, &limits);
	fake_vgpu_attach(place, &limits);
	/* 120 % are not to be had. */
	assert_int_equal(
		facetd_arbitration_set_policy(&place->daemon, "soft0", FACET_POLICY_FIXED, &err),
		-ENOSPC);
	assert_int_equal(facetd_arbitration_policy(&place->daemon, "soft0"),
			 FACET_POLICY_BEST_EFFORT);
	limits.share.weight = 40;
	assert_int_equal(facetd_arbitration_set(place->vgpus[1], &limits, &err), 0);
	assert_int_equal(
		facetd_arbitration_set_policy(&place->daemon, "soft0", FACET_POLICY_FIXED, &err),
		0);
	limits.share.weight = 1;
	assert_int_equal(admit(place, limits, "weight 1"), -ENOSPC);
	/* The next facetd remembers, until it is told otherwise. */
	for (int i = 0; i < 2; i++)
		facetd_arbitration_detach(place->vgpus[i]);
	fake_place_end(place);
	fake_place_begin(place, &cfg);
	assert_int_equal(facetd_arbitration_policy(&place->daemon, "soft0"), FACET_POLICY_FIXED);
	assert_int_equal(facetd_arbitration_set_policy(&place->daemon, "soft0",
						       FACET_POLICY_BEST_EFFORT, &err),
			 0);
	limits.hang_ms = 1;
	assert_int_equal(admit(place, limits, "hang 1 ms"), -EINVAL);
	limits = fake_limits("", false);
	limits.share.cap_ppm = 0;
	assert_int_equal(admit(place, limits, "cap"), -EINVAL);
}

/* --- what the kernel is told --- */

static void put(const struct fake_place *place, const char *file, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", place->path, file);
	if (!text) {
		assert_int_equal(mkdir(path, 0700), 0);
		return;
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static uint64_t number_in(const struct fake_place *place, const char *file)
{
	char path[PATH_MAX];
	long long number = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", place->path, file);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lld", &number), 1);
	fclose(f);
	return (uint64_t)number;
}

static const char *why(struct facetd_vgpu *vgpu, const char *what)
{
	static struct facetd_enforcement enforcement;

	for (unsigned int i = 0; facetd_arbitration_enforcement(vgpu, i, &enforcement); i++)
		if (strcmp(enforcement.what, what) == 0)
			return enforcement.why;
	return "";
}

static void make_groups(struct fake_place *place)
{
	put(place, "cpu", NULL);
	put(place, "cpu/facet-test-v0", NULL);
	put(place, "cpu/facet-test-v0/cgroup.procs", "");
	put(place, "cpu/facet-test-v0/cpu.cfs_quota_us", "");
	put(place, "cpu/facet-test-v0/cpu.cfs_period_us", "");
	put(place, "memory", NULL);
	put(place, "memory/facet-test-v0", NULL);
	put(place, "memory/facet-test-v0/cgroup.procs", "");
	put(place, "memory/facet-test-v0/memory.limit_in_bytes", "");
	put(place, "memory/facet-test-v0/memory.usage_in_bytes", "0");
}

static void test_backing(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facetd_vgpu *vgpu;
	char command[64];
	int ram;

	make_groups(place);
	facet_cgroups_init(&place->daemon.arbitration->cgroups, place->daemon.dir.fd,
			   "2:memory:/\n1:cpu:/\n", "test");
	limits.share.cap_ppm = 300000;
	vgpu = fake_vgpu_attach(place, &limits);
	fake_vgpu_start(vgpu, fake_work_rest);
	assert_int_equal(number_in(place, "cpu/facet-test-v0/cgroup.procs"), vgpu->record.pid);
	/* 32 % of one core, in each 20 ms. */
	assert_int_equal(number_in(place, "cpu/facet-test-v0/cpu.cfs_quota_us"), 6400);
	assert_non_null(strstr(why(vgpu, "cap"), "32.0 %"));
	/* The guest's memory is not known: whoever touches it first must not be ended for it. */
	assert_int_equal(number_in(place, "memory/facet-test-v0/memory.limit_in_bytes"), -1);
	ram = memfd_create("ram", MFD_CLOEXEC);
	assert_int_equal(ftruncate(ram, 3ULL << 30), 0);
	fake_vgpu_hold(vgpu, "memory0", ram);
	facetd_arbitration_started(vgpu);
	assert_int_equal(number_in(place, "memory/facet-test-v0/memory.limit_in_bytes"),
			 (3ULL << 30) + (384ULL << 20) + limits.vram_bytes);
	assert_non_null(strstr(why(vgpu, "memory"), "3072 of them the guest's"));
	/* Without a cap the quota goes, and the vGPU's account says so. */
	limits.share.cap_ppm = FACET_SHARE_ALL;
	put(place, "cpu/facet-test-v0/cpu.cfs_quota_us", "");
	assert_int_equal(facetd_arbitration_set(vgpu, &limits, NULL), 0);
	assert_int_equal(number_in(place, "cpu/facet-test-v0/cpu.cfs_quota_us"), -1);
	assert_string_equal(why(vgpu, "cap"), "");
	snprintf(command, sizeof(command), "rm -r %s/*", place->path);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_vram, fake_place_set_up, fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_eus, fake_place_set_up, fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_policies, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_backing, fake_place_set_up,
						fake_place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
