// SPDX-License-Identifier: GPL-2.0-or-later
/* account_test.c - what the filter of command streams charges for, without a renderer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/virgl/virgl.h"

static uint32_t command(uint32_t name, uint32_t object, uint32_t length)
{
	return name | object << 8 | length << 16;
}

/* Not of a renderer: a real one costs newer renderers most of a second. */
static void sub_contexts_have_an_end(void **state)
{
	struct facet_virgl virgl = { 0 };
	struct facet_virgl_subs subs[3] = { 0 };
	uint32_t words[2] = { command(29, 0, 1) };
	unsigned int made = 0;

	for (unsigned int i = 0; i < 3; i++)
		for (words[1] = 1; words[1] < 1000; words[1]++)
			made += facet_virgl_check_commands(&virgl, &subs[i], words, 2) == 0;
	assert_int_equal(subs[0].count, FACET_VIRGL_MAX_SUBS);
	assert_int_equal(made, FACET_VIRGL_MAX_ALL_SUBS);
	words[0] = command(30, 0, 1);
	words[1] = 5;
	assert_int_equal(facet_virgl_check_commands(&virgl, &subs[0], words, 2), 0);
	words[0] = command(29, 0, 1);
	words[1] = 1;
	assert_int_equal(facet_virgl_check_commands(&virgl, &subs[2], words, 2), 0);
	words[1] = 2;
	assert_int_equal(facet_virgl_check_commands(&virgl, &subs[2], words, 2), -ENOMEM);
}

struct purse {
	struct facet_engine_account account;
	uint64_t used, max;
};

static int charge(struct facet_engine_account *account, uint64_t bytes)
{
	struct purse *purse = facet_container_of(account, struct purse, account);

	if (bytes > purse->max - purse->used)
		return -EDQUOT;
	purse->used += bytes;
	return 0;
}

static void uncharge(struct facet_engine_account *account, uint64_t bytes)
{
	struct purse *purse = facet_container_of(account, struct purse, account);

	assert_true(bytes <= purse->used);
	purse->used -= bytes;
}

static void objects_are_paid_for(void **state)
{
	struct purse purse = { { charge, uncharge }, 0, 64 << 20 };
	struct facet_virgl virgl = { .engine.account = &purse.account };
	struct facet_virgl_subs subs = { 0 };
	uint32_t surface[3] = { command(1, 8, 2), 7 }, shader[6] = { command(1, 4, 5), 8, 0, 1000 };
	uint32_t end[2] = { command(3, 0, 1), 7 }, choose[2] = { command(28, 0, 1), 5 };
	uint32_t add[2] = { command(29, 0, 1), 5 }, drop[2] = { command(30, 0, 1), 5 };
	uint64_t one, all;

#define CHECK(words) \
	facet_virgl_check_commands(&virgl, &subs, words, sizeof(words) / sizeof((words)[0]))
	assert_int_equal(CHECK(surface), 0);
	one = purse.used;
	assert_true(one > 0);
	assert_int_equal(CHECK(surface), 0); /* in the place of the first */
	assert_int_equal(purse.used, one);
	assert_int_equal(CHECK(shader), 0);
	all = purse.used;
	assert_true(all - one > one);
	shader[3] |= 1U << 31; /* more of its text */
	assert_int_equal(CHECK(shader), 0);
	assert_int_equal(purse.used, all);
	/* Handles are a sub-context's own. */
	assert_int_equal(CHECK(add), 0);
	assert_true(purse.used > all + (1 << 20));
	assert_int_equal(CHECK(choose), 0);
	assert_int_equal(CHECK(end), 0);
	assert_int_equal(CHECK(surface), 0);
	assert_true(purse.used > all + (1 << 20) + one);
	/* Somewhere that is not: nothing ends, the library stays where it is. */
	choose[1] = 99;
	assert_int_equal(CHECK(choose), 0);
	assert_int_equal(CHECK(drop), 0);
	assert_int_equal(purse.used, all);
	assert_int_equal(CHECK(end), 0);
	assert_int_equal(purse.used, all - one);
	/* And there is an end. */
	for (shader[1] = 100; CHECK(shader) == 0 && shader[1] < 10000; shader[1]++)
		shader[3] = 5000;
	assert_in_range(shader[1], 110, 9999);
	assert_int_equal(CHECK(shader), -ENOMEM);
	assert_int_equal(CHECK(add), -ENOMEM);
	facet_virgl_subs_clear(&virgl, &subs);
	assert_int_equal(purse.used, 0);
	shader[3] = 2 << 20;
	assert_int_equal(CHECK(shader), -ENOMEM);
	assert_int_equal(purse.used, 0);
#undef CHECK
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sub_contexts_have_an_end),
		cmocka_unit_test(objects_are_paid_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
