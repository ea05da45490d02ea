// SPDX-License-Identifier: GPL-2.0-or-later
/* tree_test.c - a made-up tree that means no good, and one that is seen as it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "host/bundle.h"
#include "host/tree.h"

struct place {
	char outer[32], root[64];
	struct facet_tree *tree;
};

static void put(const char *root, const char *path, const char *text)
{
	char full[128];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void put_link(const struct place *place, const char *path, const char *target)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", place->root, path);
	assert_int_equal(symlink(target, full), 0);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->outer, "/tmp/facet-tree-XXXXXX");
	assert_non_null(mkdtemp(place->outer));
	snprintf(place->root, sizeof(place->root), "%s/root", place->outer);
	assert_int_equal(mkdir(place->root, 0700), 0);
	assert_int_equal(facet_tree_open(place->root, &place->tree, NULL), 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char command[64];

	facet_tree_close(place->tree);
	snprintf(command, sizeof(command), "rm -rf %s", place->outer);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

static void test_texts(void **state)
{
	struct place *place = *state;
	char text[16];
	int64_t number = 7;

	put(place->root, "a", "one\n");
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "%s", "a"), 3);
	assert_string_equal(text, "one");
	put(place->root, "a", "\x1b]0;x\x07\xff\n\n \n");
	facet_tree_text(place->tree, text, sizeof(text), "a");
	assert_string_equal(text, "?]0;x??");
	put(place->root, "a", "0123456789abcdefgh");
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "a"), 15);
	assert_int_equal(facet_tree_number(place->tree, &number, "a"), -EINVAL);
	assert_int_equal(facet_tree_number(place->tree, &number, "absent"), -ENOENT);
	assert_int_equal(number, 7);
	put(place->root, "a", "0x10de\n");
	assert_int_equal(facet_tree_number(place->tree, &number, "a"), 0);
	assert_int_equal(number, 0x10de);
	put(place->root, "a", "99999999999999999999");
	assert_int_equal(facet_tree_number(place->tree, &number, "a"), -EINVAL);
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "."), -EISDIR);
	assert_string_equal(text, "");
}

/* Nothing outside of the root is seen, and no pipe is waited at. */
static void test_hostile(void **state)
{
	struct place *place = *state;
	char text[64], fifo[128];

	put(place->outer, "secret", "secret");
	put_link(place, "up", "../secret");
	put_link(place, "far", "/etc/passwd");
	put_link(place, "loop", "loop");
	put_link(place, "self", "/proc/self/root/etc/passwd");
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "up"), -ENOENT);
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "far"), -ENOENT);
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "loop"), -ELOOP);
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "self"), -ENOENT);
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "../secret"), -ENOENT);
	snprintf(fifo, sizeof(fifo), "%s/fifo", place->root);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "fifo"), -EINVAL);
}

static void test_links(void **state)
{
	struct place *place = *state;
	char text[16];

	put_link(place, "driver", "../../bus/pci/drivers/nouveau");
	put_link(place, "up", "x/..");
	put_link(place, "long", "x/0123456789abcdefgh");
	assert_int_equal(facet_tree_link(place->tree, text, sizeof(text), "driver"), 0);
	assert_string_equal(text, "nouveau");
	/* It becomes a part of paths. */
	assert_int_equal(facet_tree_link(place->tree, text, sizeof(text), "up"), -EINVAL);
	assert_int_equal(facet_tree_link(place->tree, text, sizeof(text), "long"), -EINVAL);
	put(place->root, "file", "");
	assert_int_equal(facet_tree_link(place->tree, text, sizeof(text), "file"), -EINVAL);
	assert_int_equal(facet_tree_link(place->tree, text, sizeof(text), "absent"), -ENOENT);
}

static void test_lists(void **state)
{
	struct place *place = *state;
	struct facet_names names;

	put(place->root, "b", "");
	put(place->root, "a", "");
	put(place->root, ".hidden", "");
	put(place->root, "with space", "");
	put(place->root, "%s", "");
	put(place->root, "a-name-of-sixty-four-characters-is-one-too-long-for-all-of-sysfs", "");
	assert_int_equal(facet_tree_list(place->tree, &names, "."), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.items[0], "a");
	assert_string_equal(names.items[1], "b");
	facet_names_fini(&names);
	assert_int_equal(facet_tree_list(place->tree, &names, "a"), -ENOTDIR);
	assert_int_equal(names.count, 0);
}

static void test_long_path(void **state)
{
	struct place *place = *state;
	char path[FACET_TREE_PATH + 1], text[8];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "%s", path),
			 -ENAMETOOLONG);
	assert_false(facet_tree_exists(place->tree, "%s", path));
}

static int answer(struct facet_tree *tree, const char *name, char *ret, size_t size)
{
	return snprintf(ret, size, "asked for %s\n", name);
}

static void test_records(void **state)
{
	struct place *place = *state;
	const struct facet_record *records;
	unsigned int count;
	char text[32];

	put(place->root, "a", "whole");
	put_link(place, "l", "x/y");
	facet_tree_record(place->tree);
	facet_tree_text(place->tree, text, 3, "a");
	facet_tree_text(place->tree, text, sizeof(text), "a");
	facet_tree_link(place->tree, text, sizeof(text), "l");
	facet_tree_text(place->tree, text, sizeof(text), "absent");
	facet_tree_exists(place->tree, ".");
	assert_int_equal(facet_tree_probe(place->tree, text, sizeof(text), "p", answer), 11);
	assert_string_equal(text, "asked for p");
	assert_int_equal(facet_tree_records(place->tree, &records, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(records[0].kind, FACET_RECORD_DIRECTORY);
	assert_string_equal(records[1].content, "whole"); /* of two the longer */
	assert_string_equal(records[2].path, "facet-probe/p");
	assert_string_equal(records[3].content, "x/y");
}

/* What tells whose it is has gone from names, contents and where links lead. */
static void test_bundle(void **state)
{
	static const char secret[] = "c0ffee00-0000-4000-8000-0000000000aa";
	struct place *place = *state;
	facet_autofree char *tar = NULL;
	char text[64];
	size_t size;
	FILE *out;

	put(place->root, secret, secret);
	put_link(place, "l", secret);
	facet_tree_record(place->tree);
	assert_int_equal(facet_tree_text(place->tree, text, sizeof(text), "%s", secret), 36);
	assert_int_equal(facet_tree_link(place->tree, text, sizeof(text), "l"), 0);
	out = open_memstream(&tar, &size);
	assert_int_equal(facet_bundle_write(place->tree, out, NULL), 3);
	fclose(out);
	assert_null(memmem(tar, size, secret, strlen(secret)));
	assert_non_null(memmem(tar, size, "../00000000-0000-0000-0000-000000000001", 39));
}

static void test_probe_of_another(void **state)
{
	struct place *place = *state;
	struct facet_tree *tree;
	char text[32], path[128];

	snprintf(path, sizeof(path), "%s/facet-probe", place->root);
	assert_int_equal(mkdir(path, 0700), 0);
	put(place->root, "facet-probe/p", "told");
	snprintf(path, sizeof(path), "%s/facet-probe/errno", place->root);
	assert_int_equal(mkdir(path, 0700), 0);
	put(place->root, "facet-probe/errno/x", "13\n");
	assert_int_equal(facet_tree_open(place->root, &tree, NULL), 0);
	assert_false(facet_tree_is_real(tree));
	assert_int_equal(facet_tree_probe(tree, text, sizeof(text), "p", answer), 4);
	assert_string_equal(text, "told");
	assert_int_equal(facet_tree_text(tree, text, sizeof(text), "x"), -EACCES);
	facet_tree_close(tree);
}

static void test_open(void **state)
{
	struct facet_error err;
	struct facet_tree *tree;

	assert_int_equal(facet_tree_open("/nonexistent/place", &tree, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/place"));
	assert_int_equal(facet_tree_open("/", &tree, &err), 0);
	assert_true(facet_tree_is_real(tree));
	assert_true(facet_tree_exists(tree, "proc/self/limits"));
	facet_tree_close(tree);
	facet_tree_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_texts),  TEST(test_hostile),          TEST(test_links),
		TEST(test_lists),  TEST(test_long_path),        TEST(test_records),
		TEST(test_bundle), TEST(test_probe_of_another), cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
