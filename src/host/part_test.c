// SPDX-License-Identifier: GPL-2.0-or-later
/* part_test.c - parts are given to one at a time, whoever dies or interferes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/fake_sysfs.h"
#include "host/holders.h"
#include "host/part_internal.h"

#define PF  "0000:03:00.0"
#define GPU "0000:04:00.0"

enum { VFS = 4 };

struct place {
	struct fake_sysfs *fake;
	struct facet_parts *parts;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	place->fake = fake_sysfs_create();
	fake_sysfs_add_device(place->fake, PF, 0x030000, "xe", 10);
	fake_sysfs_add_driver(place->fake, "vfio-pci");
	fake_sysfs_add_sriov(place->fake, PF, 2 * VFS, "vfio-pci");
	fake_sysfs_add_device(place->fake, GPU, 0x030000, "vfio-pci", 11);
	fake_sysfs_add_device(place->fake, "0000:04:00.1", 0x040300, "vfio-pci", 11);
	assert_int_equal(facet_parts_open_tree(place->fake->tree, &place->parts, NULL), 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	facet_parts_close(place->parts);
	fake_sysfs_destroy(place->fake);
	free(place);
	return 0;
}

static void enable(struct place *place, unsigned int count)
{
	char text[16];

	snprintf(text, sizeof(text), "%u\n", count);
	assert_int_equal(facet_tree_write(place->fake->tree, text,
					  "sys/bus/pci/devices/" PF "/sriov_numvfs"),
			 0);
}

static int take_as(struct facet_parts *parts, const char *gpu, enum facet_mechanism mechanism,
		   const char *type, struct facet_part *ret, struct facet_error *err)
{
	char token[FACET_PART_TOKEN];

	facet_part_token(token);
	return facet_part_take(parts,
			       &(struct facet_part_request){ .gpu = gpu,
							     .mechanism = mechanism,
							     .type = type,
							     .owner = "desk",
							     .keeper = "/run/facet",
							     .token = token },
			       ret, err);
}

static int take_vf(struct place *place, struct facet_part *ret, struct facet_error *err)
{
	return take_as(place->parts, PF, FACET_SRIOV, NULL, ret, err);
}

static unsigned int count_parts(struct place *place)
{
	struct facet_part *list;
	unsigned int count;

	assert_int_equal(facet_parts_list(place->parts, &list, &count, NULL), 0);
	free(list);
	return count;
}

static void test_each_once(void **state)
{
	struct place *place = *state;
	struct facet_part parts[VFS], more;
	struct facet_error err;

	assert_int_equal(take_vf(place, &more, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "facet sriov set " PF " --vfs"));
	enable(place, VFS);
	for (int i = 0; i < VFS; i++) {
		assert_int_equal(take_vf(place, &parts[i], &err), 0);
		assert_int_equal(parts[i].vf, i);
		assert_int_equal(parts[i].group, 100 + i);
		assert_int_equal(facet_part_verify(place->parts, parts[i].token, &more, &err), 0);
		assert_string_equal(more.bdf, parts[i].bdf);
	}
	assert_int_equal(take_vf(place, &more, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "desk"));
	assert_int_equal(count_parts(place), VFS);
	assert_int_equal(facet_part_release(place->parts, parts[2].token, &err), 0);
	assert_int_equal(facet_part_release(place->parts, parts[2].token, &err), -ENOENT);
	assert_int_equal(take_vf(place, &more, &err), 0);
	assert_int_equal(more.vf, 2);
	/* The token of who had it before is nobody's. */
	assert_int_equal(facet_part_release(place->parts, parts[2].token, &err), -ENOENT);
	assert_int_equal(facet_part_verify(place->parts, more.token, &more, &err), 0);
}

static void test_wrong(void **state)
{
	struct place *place = *state;
	struct facet_part part;
	struct facet_error err;

	assert_int_equal(take_as(place->parts, "0000:09:00.0", FACET_SRIOV, NULL, &part, &err),
			 -EINVAL);
	assert_int_equal(take_as(place->parts, GPU, FACET_SRIOV, NULL, &part, &err), -EINVAL);
	assert_non_null(strstr(err.text, "SR-IOV"));
	assert_int_equal(take_as(place->parts, PF, FACET_SRIOV, "x", &part, &err), -EINVAL);
	assert_int_equal(take_as(place->parts, PF, FACET_VIRGL, NULL, &part, &err), -EINVAL);
	assert_int_equal(count_parts(place), 0);
}

/* A device that is given whole has no parts, and its group is with it. */
static void test_whole(void **state)
{
	struct place *place = *state;
	struct facet_part_facts facts;
	struct facet_part part, other;
	struct facet_error err;

	assert_int_equal(take_as(place->parts, GPU, FACET_VFIO, NULL, &part, &err), 0);
	facet_part_facts(place->parts, &part, &facts);
	assert_true(facts.vga);
	assert_int_equal(facts.function_count, 2);
	assert_string_equal(facts.functions[1], "0000:04:00.1");
	assert_int_equal(take_as(place->parts, GPU, FACET_VFIO, NULL, &other, &err), -ENOSPC);
	/* Of one group: one owner. */
	assert_int_equal(take_as(place->parts, "0000:04:00.1", FACET_VFIO, NULL, &other, &err),
			 -ENOSPC);
	assert_non_null(strstr(err.text, "desk"));
	assert_int_equal(facet_part_release(place->parts, part.token, &err), 0);
	enable(place, 1);
	assert_int_equal(take_as(place->parts, PF, FACET_VFIO, NULL, &other, &err), -EBUSY);
	assert_int_equal(take_vf(place, &part, &err), 0);
	enable(place, 0);
	/* Its VF has gone, but nobody gave it back. */
	assert_int_equal(take_as(place->parts, PF, FACET_VFIO, NULL, &other, &err), -ENOSPC);
	assert_int_equal(facet_part_release(place->parts, part.token, &err), -ESTALE);
}

/* What somebody else has done something to is his. */
static void test_foreign(void **state)
{
	struct place *place = *state;
	struct facet_part part, other;
	struct facet_error err;
	unsigned int writes;

	enable(place, 2);
	assert_int_equal(take_vf(place, &part, &err), 0);
	fake_sysfs_link(place->fake, "../../../../bus/pci/drivers/xe",
			"sys/bus/pci/devices/%s/driver", part.bdf);
	assert_int_equal(facet_part_verify(place->parts, part.token, &other, &err), -ESTALE);
	assert_non_null(strstr(err.text, "xe"));
	writes = place->fake->writes;
	assert_int_equal(facet_part_release(place->parts, part.token, &err), -ESTALE);
	assert_int_equal(place->fake->writes, writes);
	assert_string_equal(fake_sysfs_get(place->fake, "sys/bus/pci/devices/%s/driver", part.bdf),
			    "xe");
	/* And it is not given to anybody: this host uses it. */
	assert_int_equal(take_vf(place, &other, &err), 0);
	assert_int_equal(other.vf, 1);
	assert_int_equal(take_vf(place, &part, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "facet vfio bind"));
}

/* A VF's path comes again; what is there then is another device. */
static void test_again(void **state)
{
	struct place *place = *state;
	struct facet_part part, other;
	struct facet_error err;

	enable(place, 1);
	assert_int_equal(take_vf(place, &part, &err), 0);
	/* The kernel gives no number again; this file system might. */
	part.inode++;
	assert_int_equal(facet_part_check_device(place->parts, &part, &err), -ESTALE);
	assert_non_null(strstr(err.text, "another device has its name"));
	enable(place, 0);
	assert_int_equal(facet_part_verify(place->parts, part.token, &other, &err), -ESTALE);
}

static void open_by_somebody(struct place *place, int group)
{
	char target[64];

	snprintf(target, sizeof(target), "/dev/vfio/%d", group);
	fake_sysfs_link(place->fake, target, "proc/4711/fd/5");
	fake_sysfs_put(place->fake, "qemu-system-x86\n", "proc/4711/comm");
}

static void test_in_use(void **state)
{
	struct place *place = *state;
	struct facet_holders holders;
	struct facet_part part, other;
	struct facet_error err;

	enable(place, 2);
	/* Somebody who does not know of us. */
	open_by_somebody(place, 100);
	assert_int_equal(take_vf(place, &part, &err), 0);
	assert_int_equal(part.vf, 1);
	open_by_somebody(place, 101);
	facet_part_holders(place->parts, &part, &holders);
	assert_int_equal(holders.pid, 4711);
	assert_int_equal(facet_part_release(place->parts, part.token, &err), -EBUSY);
	assert_non_null(strstr(err.text, "4711"));
	assert_int_equal(facet_part_verify(place->parts, part.token, &other, &err), 0);
	fake_sysfs_remove(place->fake, "proc/4711");
	assert_int_equal(facet_part_release(place->parts, part.token, &err), 0);
}

/* Left half done by who died. */
static void test_unfinished(void **state)
{
	struct place *place = *state;
	struct facet_part part, other;
	struct facet_error err;

	enable(place, 1);
	assert_int_equal(take_vf(place, &part, &err), 0);
	part.ready = false;
	assert_int_equal(facet_part_replace(place->parts, &part, &err), 0);
	assert_int_equal(facet_part_verify(place->parts, part.token, &other, &err), -EINPROGRESS);
	assert_int_equal(take_vf(place, &other, &err), 0);
	assert_string_equal(other.bdf, part.bdf);
	assert_int_equal(facet_part_verify(place->parts, part.token, &part, &err), -ENOENT);
	assert_int_equal(count_parts(place), 1);
}

/* Who cannot tell whose a part is gives none away. */
static void test_damaged(void **state)
{
	struct place *place = *state;
	struct facet_part part;
	struct facet_error err;

	enable(place, 2);
	assert_int_equal(take_vf(place, &part, &err), 0);
	fake_sysfs_put(place->fake, "{\"version\": 1", "run/facet-parts/" PF ".vf1.json");
	assert_int_equal(take_vf(place, &part, &err), -EINVAL);
	assert_non_null(strstr(err.text, PF ".vf1.json"));
	fake_sysfs_remove(place->fake, "run/facet-parts/" PF ".vf1.json");
	assert_int_equal(take_vf(place, &part, &err), 0);
	assert_int_equal(part.vf, 1);
}

/* --- many at a time --- */

/* Of one process: takes and gives back, and looks whether it is alone with what it has. */
static void rush(const char *root, int *holders, unsigned int seed)
{
	struct facet_parts *parts;
	struct facet_part part, again;
	struct facet_error err;
	int r;

	if (facet_parts_open(root, &parts, &err))
		_exit(2);
	for (int i = 0; i < 40; i++) {
		r = take_as(parts, rand_r(&seed) % 5 ? PF : GPU,
			    rand_r(&seed) % 5 ? FACET_SRIOV : FACET_VFIO, NULL, &part, &err);
		if (r == -ENOSPC || r == -EINVAL || r == -EBUSY)
			continue;
		if (r)
			_exit(3);
		if (__atomic_fetch_add(&holders[part.vf + 1], 1, __ATOMIC_SEQ_CST) != 0)
			_exit(4);
		if (facet_part_verify(parts, part.token, &again, &err))
			_exit(5);
		__atomic_fetch_sub(&holders[part.vf + 1], 1, __ATOMIC_SEQ_CST);
		if (facet_part_release(parts, part.token, &err))
			_exit(6);
	}
	facet_parts_close(parts);
	_exit(0);
}

static void test_processes(void **state)
{
	struct place *place = *state;
	int *holders = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	enable(place, 2);
	for (unsigned int i = 0; i < 4; i++)
		if (fork() == 0)
			rush(place->fake->root, holders, i);
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	munmap(holders, 4096);
	assert_int_equal(count_parts(place), 0);
}

static void test_parser(void **state)
{
	static const char good[] =
		"{\"version\":1,\"token\":\"00112233445566778899aabbccddeeff\",\"mechanism\":"
		"\"gvtg-hw\",\"gpu\":\"0000:00:02.0\",\"bdf\":\"\",\"uuid\":"
		"\"83b8f4f2-509f-382f-3c1e-e6bfe0fa1001\",\"parent\":\"0000:00:02.0\",\"vf\":-1,"
		"\"type\":\"i915-GVTg_V5_4\",\"type_name\":\"\",\"driver\":\"\",\"group\":-1,"
		"\"bound\":false,\"inode\":7,\"owner\":\"desk\",\"keeper\":\"/run/"
		"facet\",\"ready\":"
		"true}";
	static const struct {
		const char *from, *to;
	} bad[] = {
		{ "\"version\":1", "\"version\":2" },
		{ "0011", "00g1" },
		{ "gvtg-hw", "virgl" },
		{ "\"gpu\":\"0000:00:02.0\"", "\"gpu\":\"\"" },
		{ "\"bdf\":\"\"", "\"bdf\":\"x\"" },
		{ "83b8", "../8" },
		{ "V5_4", "V5/4" },
		{ "\"desk\"", "\"../x\"" },
		{ "\"vf\":-1", "\"vf\":-2" },
		{ "\"ready\":true", "\"ready\":1" },
	};
	struct facet_part part;
	char text[sizeof(good) + 32];

	assert_int_equal(facet_part_parse(good, strlen(good), &part), 0);
	assert_int_equal(part.mechanism, FACET_GVTG);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = strstr(good, bad[i].from);

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, bad[i].to,
			 at + strlen(bad[i].from));
		assert_int_equal(facet_part_parse(text, strlen(text), &part), -EINVAL);
	}
	for (size_t i = 0; i < strlen(good); i++)
		assert_int_equal(facet_part_parse(good, i, &part), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_in_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unfinished, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_processes, set_up, tear_down),
		cmocka_unit_test(test_parser),
	};

	return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}
