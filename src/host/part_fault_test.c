// SPDX-License-Identifier: GPL-2.0-or-later
/* part_fault_test.c - two clients, a kernel that refuses, programs that die, and foreign hands. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/fake_sysfs.h"
#include "host/part_internal.h"

#define PF  "0000:03:00.0"
#define GPU "0000:04:00.0"

enum { VFS = 3, CLIENTS = 2, HELD = 8, STEPS = 240, MAX_WRITES = 24 };

struct place {
	struct fake_sysfs *fake;
	struct facet_parts *clients[CLIENTS];
	/* What each was given and has not given back. */
	struct facet_part held[CLIENTS][HELD];
	unsigned int count[CLIENTS];
	unsigned int seed;
	unsigned int taken, refused, died; /* how often */
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	place->fake = fake_sysfs_create();
	fake_sysfs_add_driver(place->fake, "vfio-pci");
	fake_sysfs_add_device(place->fake, PF, 0x030000, "xe", 10);
	fake_sysfs_add_sriov(place->fake, PF, 2 * VFS, "");
	fake_sysfs_add_device(place->fake, GPU, 0x030000, "nouveau", 11);
	fake_sysfs_add_device(place->fake, "0000:04:00.1", 0x040300, "snd_hda_intel", 11);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(facet_parts_open_tree(place->fake->tree, &place->clients[i], NULL),
				 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	for (int i = 0; i < CLIENTS; i++)
		facet_parts_close(place->clients[i]);
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
	place->fake->writes = 0;
}

static int take(struct facet_parts *parts, const char *gpu, enum facet_mechanism mechanism,
		const char *token, struct facet_part *ret, struct facet_error *err)
{
	return facet_part_take(parts,
			       &(struct facet_part_request){ .gpu = gpu,
							     .mechanism = mechanism,
							     .owner = "desk",
							     .keeper = "/run/facet",
							     .token = token },
			       ret, err);
}

static const char *driver_of(struct place *place, const char *bdf)
{
	return fake_sysfs_get(place->fake, "sys/bus/pci/devices/%s/driver", bdf);
}

/* The host has its devices again, and nothing is written down. */
static void assert_as_before(struct place *place)
{
	struct facet_part *list;
	unsigned int count;

	assert_int_equal(facet_parts_list(place->clients[1], &list, &count, NULL), 0);
	free(list);
	assert_int_equal(count, 0);
	assert_string_equal(driver_of(place, GPU), "nouveau");
	assert_string_equal(driver_of(place, "0000:04:00.1"), "snd_hda_intel");
	assert_string_equal(driver_of(place, PF), "xe");
}

static void test_bound(void **state)
{
	struct place *place = *state;
	char token[FACET_PART_TOKEN];
	struct facet_part part;
	struct facet_error err;

	facet_part_token(token);
	assert_int_equal(take(place->clients[0], GPU, FACET_VFIO, token, &part, &err), 0);
	assert_string_equal(part.driver, "vfio-pci");
	assert_string_equal(driver_of(place, GPU), "vfio-pci");
	assert_string_equal(driver_of(place, "0000:04:00.1"), "vfio-pci");
	assert_int_equal(facet_part_release(place->clients[1], token, &err), 0);
	assert_as_before(place);
	/* A VF was with nobody, and is VFIO's from then on. */
	enable(place, 1);
	facet_part_token(token);
	assert_int_equal(take(place->clients[0], PF, FACET_SRIOV, token, &part, &err), 0);
	assert_string_equal(driver_of(place, part.bdf), "vfio-pci");
	assert_int_equal(facet_part_release(place->clients[1], token, &err), 0);
	assert_string_equal(driver_of(place, part.bdf), "vfio-pci");
}

/* The kernel refuses each write in turn: nothing is taken, and all is as it was. */
static void test_refused(void **state)
{
	struct place *place = *state;
	char token[FACET_PART_TOKEN];
	struct facet_part part;
	struct facet_error err;
	unsigned int at = 0;
	int r = -EIO;

	while (r) {
		facet_part_token(token);
		place->fake->writes = 0;
		place->fake->fail_at = ++at;
		place->fake->fail_with = -EIO;
		r = take(place->clients[0], GPU, FACET_VFIO, token, &part, &err);
		place->fake->fail_at = 0;
		if (r)
			assert_as_before(place);
		assert_true(at < MAX_WRITES);
	}
	assert_true(at > 4);
	assert_int_equal(facet_part_release(place->clients[0], token, &err), 0);
	assert_as_before(place);
}

/* In a process that dies at write @at, before it or behind it. True: it came through. */
static bool die_at(struct place *place, unsigned int at, bool behind, const char *token,
		   const char *release)
{
	struct facet_part part;
	struct facet_error err;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		place->fake->writes = 0;
		place->fake->fail_at = at;
		place->fake->fail_with = 0;
		place->fake->fail_after = behind;
		if (release)
			_exit(facet_part_release(place->clients[0], release, &err) ? 2 : 1);
		_exit(take(place->clients[0], GPU, FACET_VFIO, token, &part, &err) ? 2 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 2);
	return WEXITSTATUS(status) == 1;
}

/* Whoever comes next puts it right: who died by name, or who wants the same. */
static void test_died_taking(void **state)
{
	struct place *place = *state;
	char token[FACET_PART_TOKEN], next[FACET_PART_TOKEN];
	struct facet_part part;
	struct facet_error err;
	bool through = false;
	int r;

	for (unsigned int at = 1; !through; at++) {
		assert_true(at < MAX_WRITES);
		for (int behind = 0; behind < 2; behind++) {
			facet_part_token(token);
			through = die_at(place, at, behind, token, NULL);
			r = facet_part_verify(place->clients[1], token, &part, &err);
			assert_true(through ? r == 0 : r == -EINPROGRESS);
			facet_part_token(next);
			if (at % 2 == 0 && !through) {
				r = take(place->clients[1], GPU, FACET_VFIO, next, &part, &err);
				assert_int_equal(r, 0);
				assert_int_equal(facet_part_release(place->clients[1], token, &err),
						 -ENOENT);
				strcpy(token, next);
			}
			assert_int_equal(facet_part_release(place->clients[1], token, &err), 0);
			assert_as_before(place);
		}
	}
}

static void test_died_releasing(void **state)
{
	struct place *place = *state;
	char token[FACET_PART_TOKEN];
	struct facet_part part;
	struct facet_error err;
	bool through = false;
	int r;

	for (unsigned int at = 1; !through; at++) {
		assert_true(at < MAX_WRITES);
		facet_part_token(token);
		assert_int_equal(take(place->clients[0], GPU, FACET_VFIO, token, &part, &err), 0);
		through = die_at(place, at, at % 2, NULL, token);
		r = facet_part_release(place->clients[1], token, &err);
		assert_int_equal(r, through ? -ENOENT : 0);
		assert_as_before(place);
	}
}

/* --- random interleavings --- */

static unsigned int chance(struct place *place, unsigned int n)
{
	return (unsigned int)rand_r(&place->seed) % n;
}

static void forget(struct place *place, unsigned int client, unsigned int i)
{
	place->held[client][i] = place->held[client][--place->count[client]];
}

/* What never may be, whatever happened. */
static void assert_one_each(struct place *place)
{
	struct facet_part *list;
	unsigned int count;

	assert_int_equal(facet_parts_list(place->clients[0], &list, &count, NULL), 0);
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int k = i + 1; k < count; k++) {
			assert_string_not_equal(list[i].bdf, list[k].bdf);
			assert_string_not_equal(list[i].token, list[k].token);
			assert_false(strcmp(list[i].gpu, list[k].gpu) == 0 &&
				     (list[i].mechanism == FACET_VFIO ||
				      list[k].mechanism == FACET_VFIO));
		}
	free(list);
}

/* Those of both clients that are as they were left are of different devices. */
static void assert_held(struct place *place)
{
	const struct facet_part *all[CLIENTS * HELD];
	struct facet_part part;
	unsigned int count = 0;

	for (unsigned int c = 0; c < CLIENTS; c++)
		for (unsigned int i = 0; i < place->count[c]; i++) {
			const struct facet_part *mine = &place->held[c][i];

			if (facet_part_verify(place->clients[c], mine->token, &part, NULL))
				continue;
			assert_string_equal(part.bdf, mine->bdf);
			assert_string_equal(driver_of(place, mine->bdf), "vfio-pci");
			all[count++] = mine;
		}
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int k = i + 1; k < count; k++)
			assert_string_not_equal(all[i]->bdf, all[k]->bdf);
}

static void random_take(struct place *place, unsigned int client)
{
	bool whole = chance(place, 3) == 0;
	char token[FACET_PART_TOKEN];
	struct facet_part part;
	struct facet_error err;
	int r;

	if (place->count[client] == HELD)
		return;
	facet_part_token(token);
	r = take(place->clients[client], whole ? GPU : PF, whole ? FACET_VFIO : FACET_SRIOV, token,
		 &part, &err);
	if (r == 0) {
		place->held[client][place->count[client]++] = part;
		place->taken++;
	} else {
		place->refused++;
		assert_string_not_equal(err.text, "");
	}
}

/* Sometimes with a token that it had before. */
static void random_release(struct place *place, unsigned int client)
{
	unsigned int i = place->count[client] ? chance(place, place->count[client]) : 0;
	char token[FACET_PART_TOKEN];
	struct facet_error err;
	int r;

	if (!place->count[client])
		return;
	strcpy(token, place->held[client][i].token);
	r = facet_part_release(place->clients[client], token, &err);
	if (r == 0 || r == -ESTALE || r == -ENOENT) {
		forget(place, client, i);
		assert_int_equal(facet_part_release(place->clients[client], token, &err), -ENOENT);
	}
}

static void random_death(struct place *place, unsigned int client)
{
	unsigned int i = place->count[client] ? chance(place, place->count[client]) : 0;
	char token[FACET_PART_TOKEN];
	struct facet_part part;
	bool release = place->count[client] && chance(place, 2);

	if (!release && place->count[client] == HELD)
		return;
	facet_part_token(token);
	if (release)
		strcpy(token, place->held[client][i].token);
	if (fork() == 0) {
		place->fake->writes = 0;
		place->fake->fail_at = 1 + chance(place, 10);
		place->fake->fail_with = 0;
		place->fake->fail_after = chance(place, 2);
		if (release)
			facet_part_release(place->clients[client], token, NULL);
		else
			take(place->clients[client], GPU, FACET_VFIO, token, &part, NULL);
		_exit(0);
	}
	assert_true(wait(NULL) > 0);
	place->died++;
	/* Its facetd comes back, and asks what became of the token that it had written down. */
	if (!release && facet_part_verify(place->clients[client], token, &part, NULL) == 0)
		place->held[client][place->count[client]++] = part;
	else if (!release)
		facet_part_release(place->clients[client], token, NULL);
}

static void random_step(struct place *place)
{
	unsigned int client = chance(place, CLIENTS);

	place->fake->writes = 0;
	switch (chance(place, 12)) {
	case 0:
		place->fake->fail_at = 1 + chance(place, 8);
		place->fake->fail_with = -EIO;
		chance(place, 2) ? random_take(place, client) : random_release(place, client);
		place->fake->fail_at = 0;
		place->fake->fail_with = 0;
		break;
	case 1:
	case 2:
		random_death(place, client);
		break;
	case 3:
		/* Another tool, which asks nobody. */
		enable(place, 0);
		enable(place, 1 + chance(place, VFS));
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		random_release(place, client);
		break;
	default:
		random_take(place, client);
		break;
	}
}

static void test_random(void **state)
{
	struct place *place = *state;

	for (unsigned int seed = 1; seed < 4; seed++) {
		place->seed = seed;
		for (unsigned int step = 0; step < STEPS / 3; step++) {
			random_step(place);
			assert_one_each(place);
			assert_held(place);
		}
	}
	/* It was a test of something. */
	assert_true(place->taken > 20 && place->refused > 5 && place->died > 5);
	for (unsigned int client = 0; client < CLIENTS; client++)
		while (place->count[client]) {
			facet_part_release(place->clients[client], place->held[client][0].token,
					   NULL);
			forget(place, client, 0);
		}
	enable(place, 0);
	assert_as_before(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_died_taking, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_died_releasing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("part_fault", tests, NULL, NULL);
}
