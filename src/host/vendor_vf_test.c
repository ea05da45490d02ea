// SPDX-License-Identifier: GPL-2.0-or-later
/* vendor_vf_test.c - types of VFs: no release ever ends a vGPU that is another's. */
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

#include "base/cleanup.h"
#include "host/fake_vgpu.h"
#include "host/vendor_vf.h"

#define PF    "0000:41:00.0"
#define CLAIM "var/lib/facet/host/vendor-vf/" PF ".%u"

static int set_up(void **state)
{
	static struct fake_vgpu fake;

	fake_vgpu_init(&fake);
	fake_vgpu_add_vfs(&fake);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_vgpu_fini(*state);
	return 0;
}

static int take(struct fake_vgpu *fake, unsigned int vf, const char *type, const char *token,
		struct facet_error *err)
{
	struct facet_change *change = fake_vgpu_change(fake);
	struct facet_vendor_vf ret;
	int r = facet_vendor_vf_take(change, PF, vf, type, token, &ret, err);

	facet_change_close(change);
	return r;
}

static int release(struct fake_vgpu *fake, unsigned int vf, const char *token,
		   struct facet_error *err)
{
	struct facet_change *change = fake_vgpu_change(fake);
	int r = facet_vendor_vf_release(change, PF, vf, token, false, err);

	facet_change_close(change);
	return r;
}

static unsigned int reconcile(struct fake_vgpu *fake)
{
	struct facet_change *change = fake_vgpu_change(fake);
	unsigned int forgotten;

	assert_int_equal(facet_vendor_vf_reconcile(change, &forgotten, NULL), 0);
	facet_change_close(change);
	return forgotten;
}

static enum facet_vendor_vf_state state_of(struct fake_vgpu *fake, unsigned int vf)
{
	struct facet_vendor_vf ret;

	assert_int_equal(facet_vendor_vf_look(fake->sysfs->tree, PF, vf, &ret, NULL), 0);
	return ret.state;
}

static void test_flow(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_vendor_vf *list;
	struct facet_error err;
	unsigned int count;

	assert_int_equal(take(fake, 1, "11", "one", NULL), 0);
	assert_int_equal(take(fake, 2, "NVIDIA X-8Q", "two", NULL), 0);
	assert_int_equal(fake_vgpu_type(fake, 1), 11);
	assert_int_equal(fake_vgpu_type(fake, 2), 12);
	assert_int_equal(facet_vendor_vf_list(fake->sysfs->tree, NULL, &list, &count, NULL), 0);
	assert_int_equal(count, FAKE_VFS);
	assert_int_equal(list[0].state, FACET_VENDOR_VF_FREE);
	assert_int_equal(list[1].state, FACET_VENDOR_VF_CLAIMED);
	assert_string_equal(list[1].claim.token, "one");
	assert_string_equal(list[1].vf, "0000:41:00.5");
	free(list);
	assert_int_equal(take(fake, 1, "11", "three", &err), -EBUSY);
	assert_int_equal(release(fake, 1, "two", &err), -ENOENT);
	assert_int_equal(fake_vgpu_type(fake, 1), 11);
	assert_int_equal(release(fake, 1, "one", NULL), 0);
	assert_int_equal(release(fake, 1, "one", &err), -ENOENT);
	assert_int_equal(release(fake, 2, "two", NULL), 0);
	assert_int_equal(fake->sysfs->writes, 4);
	assert_string_equal(fake->sysfs->log[0],
			    "sys/bus/pci/devices/0000:41:00.5/nvidia/current_vgpu_type=11");
	assert_string_equal(fake->sysfs->log[2],
			    "sys/bus/pci/devices/0000:41:00.5/nvidia/current_vgpu_type=0");
	assert_false(fake_exists(fake, CLAIM, 1));
}

static void test_refused(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_error err;

	assert_int_equal(take(fake, 1, "99", "one", &err), -EINVAL);
	assert_int_equal(take(fake, 1, "11", "../x", &err), -EINVAL);
	assert_int_equal(take(fake, 1, "11", "", &err), -EINVAL);
	assert_int_equal(take(fake, FAKE_VFS, "11", "one", &err), -ENOENT);
	fake_sysfs_remove(fake->sysfs, "sys/devices/pci0/0000:41:00.5/nvidia");
	assert_int_equal(take(fake, 1, "11", "one", &err), -ENOENT);
	/* A guest of another tool, before the type is written. */
	fake_vgpu_hold(fake, 4711, 42, true);
	assert_int_equal(take(fake, 2, "11", "one", &err), -EBUSY);
	assert_int_equal(fake->sysfs->writes, 0);
}

/* Everything that makes a claim stale; none of it may end in a 0 for somebody else's. */
static void test_stale(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_error err;

	assert_int_equal(take(fake, 0, "11", "one", NULL), 0);
	fake_vgpu_renew_vfs(fake);
	fake_vgpu_set_type(fake, 0, 11); /* the same VF by name, the same type */
	assert_int_equal(state_of(fake, 0), FACET_VENDOR_VF_FOREIGN);
	assert_int_equal(release(fake, 0, "one", &err), -ESTALE);
	assert_non_null(strstr(err.text, "SR-IOV was off and on again"));
	assert_int_equal(fake_vgpu_type(fake, 0), 11);
	assert_int_equal(release(fake, 0, "one", NULL), -ENOENT);

	assert_int_equal(take(fake, 1, "11", "one", NULL), 0);
	fake_vgpu_set_type(fake, 1, 12);
	assert_int_equal(release(fake, 1, "one", &err), -ESTALE);
	assert_int_equal(fake_vgpu_type(fake, 1), 12);

	assert_int_equal(take(fake, 2, "11", "one", NULL), 0);
	fake_sysfs_put(fake->sysfs, "0f0f0f0f-0000-4000-8000-000000000002\n",
		       "proc/sys/kernel/random/boot_id");
	assert_int_equal(release(fake, 2, "one", &err), -ESTALE);
	assert_int_equal(fake_vgpu_type(fake, 2), 11);

	/* It was freed, and the next one took it here. */
	assert_int_equal(take(fake, 3, "11", "one", NULL), 0);
	fake_vgpu_set_type(fake, 3, 0);
	assert_int_equal(state_of(fake, 3), FACET_VENDOR_VF_LOST);
	assert_int_equal(take(fake, 3, "11", "two", NULL), 0);
	assert_int_equal(release(fake, 3, "one", &err), -ENOENT);
	assert_int_equal(fake_vgpu_type(fake, 3), 11);
}

static void test_closed(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_error err;

	assert_int_equal(take(fake, 0, "11", "one", NULL), 0);
	fake_sysfs_put(fake->sysfs, "{", CLAIM, 0);
	assert_int_equal(state_of(fake, 0), FACET_VENDOR_VF_UNKNOWN);
	assert_int_equal(release(fake, 0, "one", &err), -EIO);
	assert_int_equal(reconcile(fake), 0);
	assert_true(fake_exists(fake, CLAIM, 0));

	assert_int_equal(take(fake, 1, "11", "one", NULL), 0);
	fake_sysfs_put(fake->sysfs, "?\n",
		       "sys/devices/pci0/0000:41:00.5/nvidia/current_vgpu_type");
	assert_int_equal(release(fake, 1, "one", &err), -EIO);
	assert_int_equal(take(fake, 1, "11", "two", &err), -EIO);
	assert_int_equal(reconcile(fake), 0);

	assert_int_equal(take(fake, 2, "11", "one", NULL), 0);
	fake_sysfs_put(fake->sysfs, "", "proc/sys/kernel/random/boot_id");
	assert_int_equal(release(fake, 2, "one", &err), -ESTALE);
	assert_int_equal(take(fake, 3, "11", "one", &err), -EIO);
	assert_int_equal(fake_vgpu_type(fake, 2), 11);
	assert_int_equal(fake->sysfs->writes, 3);
}

static void test_held(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_change *change;
	struct facet_error err;

	assert_int_equal(take(fake, 1, "11", "one", NULL), 0);
	fake_vgpu_hold(fake, 4711, 41, true);
	assert_int_equal(release(fake, 1, "one", &err), -EBUSY);
	assert_non_null(strstr(err.text, "4711"));
	fake_vgpu_hold(fake, 4711, 41, false);
	fake_sysfs_link(fake->sysfs, "anon_inode:[vfio-device]", "proc/4711/fd/9");
	assert_int_equal(release(fake, 1, "one", &err), -EBUSY);
	change = fake_vgpu_change(fake);
	assert_int_equal(facet_vendor_vf_release(change, PF, 1, "one", true, NULL), 0);
	facet_change_close(change);
	assert_int_equal(fake_vgpu_type(fake, 1), 0);
}

static void test_reconcile(void **state)
{
	struct fake_vgpu *fake = *state;

	for (unsigned int i = 0; i < FAKE_VFS; i++)
		assert_int_equal(take(fake, i, "11", "one", NULL), 0);
	assert_int_equal(reconcile(fake), 0);
	fake_vgpu_set_type(fake, 0, 0);
	fake_vgpu_set_type(fake, 1, 12);
	fake_sysfs_remove(fake->sysfs, "sys/devices/pci0/" PF "/virtfn2");
	/* Its driver is away for now: nobody can tell. */
	fake_sysfs_remove(fake->sysfs, "sys/devices/pci0/0000:41:00.7/nvidia");
	assert_int_equal(reconcile(fake), 3);
	assert_true(fake_exists(fake, CLAIM, 3));
	assert_int_equal(fake->sysfs->writes, 4);
}

static void test_claims(void **state)
{
	struct facet_vendor_vf_claim claim = {
		.token = "a-B_3.x",
		.boot = "0f0f0f0f-0000-4000-8000-000000000001",
		.pf = PF,
		.index = 3,
		.vf = "0000:41:00.7",
		.instance = UINT64_MAX,
		.type = UINT32_MAX,
	}, again;
	facet_autofree char *text = facet_vendor_vf_claim_format(&claim), *second = NULL;

	assert_int_equal(facet_vendor_vf_claim_parse(text, strlen(text), &again), 0);
	second = facet_vendor_vf_claim_format(&again);
	assert_string_equal(text, second);
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(facet_vendor_vf_claim_parse(text, n, &again), -EINVAL);
}

/* --- a fault at each write --- */

enum fault { FULL, INTERRUPTED, SHORT, DONE_SHORT, DIE, DIE_BEHIND, FAULTS };

static void set_fault(struct fake_vgpu *fake, enum fault fault, bool on)
{
	static const int codes[FAULTS] = { -ENOSPC, -EINTR, -EIO, -EIO };

	fake->sysfs->writes = 0;
	fake->sysfs->fail_at = on && fault != DONE_SHORT;
	fake->sysfs->fail_with = codes[fault];
	fake->sysfs->fail_after = fault == DIE_BEHIND;
	fake->lie_at = on && fault == DONE_SHORT;
	fake->lie_with = codes[fault];
}

static int run(struct fake_vgpu *fake, bool taking)
{
	return taking ? take(fake, 0, "11", "one", NULL) : release(fake, 0, "one", NULL);
}

/* What it returned; -EL3RST: it died. */
static int run_with(struct fake_vgpu *fake, enum fault fault, bool taking)
{
	int status, r;
	pid_t pid;

	set_fault(fake, fault, true);
	if (fault < DIE) {
		r = run(fake, taking);
	} else {
		pid = fork();
		if (pid == 0) {
			run(fake, taking);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		r = -EL3RST;
	}
	set_fault(fake, fault, false);
	return r;
}

static void test_faults(void **state)
{
	struct fake_vgpu *fake = *state;
	int r;

	for (enum fault fault = FULL; fault < FAULTS; fault++) {
		r = run_with(fake, fault, true);
		assert_int_equal(r == 0, fault == DONE_SHORT);
		/* It is ours, or there is nothing; never a vGPU that nobody answers for. */
		assert_int_equal(state_of(fake, 0) == FACET_VENDOR_VF_CLAIMED,
				 fake_vgpu_type(fake, 0) == 11);
		reconcile(fake);
		if (!fake_vgpu_type(fake, 0))
			assert_int_equal(run(fake, true), 0);
		r = run_with(fake, fault, false);
		assert_int_equal(r == 0, fault == DONE_SHORT);
		reconcile(fake);
		if (fake_vgpu_type(fake, 0))
			assert_int_equal(run(fake, false), 0);
		assert_int_equal(state_of(fake, 0), FACET_VENDOR_VF_FREE);
	}
}

/* --- random doings of two owners, another tool, guests, a rebooting admin, and death --- */

enum {
	OWNERS = 2,
	STEPS = 400,
	SEEDS = 3,
};

enum who { NOBODY, FIRST_OWNER, FOREIGN = FIRST_OWNER + OWNERS };

/* Shared with the children that die. */
struct model {
	enum who who[FAKE_VFS]; /* whose vGPU it truly is */
	enum who acting;
	unsigned int wrong;
	bool held[FAKE_VFS];
};

static void watch(void *data, unsigned int vf, uint32_t type)
{
	struct model *model = data;

	if (type)
		model->wrong += model->who[vf] != NOBODY;
	else
		model->wrong += model->who[vf] != model->acting || model->held[vf];
	model->who[vf] = type ? model->acting : NOBODY;
}

static const char *const tokens[OWNERS] = { "one", "two" };

static void act(struct fake_vgpu *fake, struct model *model, unsigned int vf, unsigned int owner)
{
	bool killed = random() % 8 == 0, taking = random() % 2;
	const char *type = random() % 2 ? "11" : "12";
	int status;
	pid_t pid;

	model->acting = (enum who)(FIRST_OWNER + owner);
	fake->sysfs->writes = 0;
	if (!killed) {
		if (taking)
			take(fake, vf, type, tokens[owner], NULL);
		else
			release(fake, vf, tokens[owner], NULL);
		return;
	}
	fake->sysfs->fail_at = 1;
	fake->sysfs->fail_with = 0;
	fake->sysfs->fail_after = random() % 2;
	pid = fork();
	if (pid == 0) {
		if (taking)
			take(fake, vf, type, tokens[owner], NULL);
		else
			release(fake, vf, tokens[owner], NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fake->sysfs->fail_at = 0;
}

/* A foreign tool is seen when it writes what is not ours, or when we look in between. */
static void act_foreign(struct fake_vgpu *fake, struct model *model, unsigned int vf)
{
	if (model->held[vf])
		return;
	fake_vgpu_set_type(fake, vf, 0);
	model->who[vf] = NOBODY;
	reconcile(fake);
	if (random() % 2) {
		fake_vgpu_set_type(fake, vf, random() % 2 ? 11 : 12);
		model->who[vf] = FOREIGN;
	}
}

static void renew(struct fake_vgpu *fake, struct model *model)
{
	for (unsigned int i = 0; i < FAKE_VFS; i++)
		if (model->held[i])
			return;
	fake_vgpu_renew_vfs(fake);
	for (unsigned int i = 0; i < FAKE_VFS; i++) {
		model->who[i] = random() % 3 ? NOBODY : FOREIGN;
		if (model->who[i] == FOREIGN)
			fake_vgpu_set_type(fake, i, random() % 2 ? 11 : 12);
	}
}

static void step(struct fake_vgpu *fake, struct model *model)
{
	unsigned int vf = (unsigned int)random() % FAKE_VFS;

	switch (random() % 10) {
	case 0:
		renew(fake, model);
		break;
	case 1:
		act_foreign(fake, model, vf);
		break;
	case 2:
		model->held[vf] = model->who[vf] != NOBODY && !model->held[vf];
		fake_vgpu_hold(fake, 5000 + (int)vf, 40 + (int)vf, model->held[vf]);
		break;
	case 3:
		reconcile(fake);
		break;
	default:
		act(fake, model, vf, (unsigned int)random() % OWNERS);
	}
	assert_int_equal(model->wrong, 0);
}

/* Nothing of the owners' is left when they have given all back. */
static void end(struct fake_vgpu *fake, struct model *model)
{
	for (unsigned int i = 0; i < FAKE_VFS; i++) {
		fake_vgpu_hold(fake, 5000 + (int)i, 40 + (int)i, false);
		model->held[i] = false;
		for (unsigned int owner = 0; owner < OWNERS; owner++) {
			model->acting = (enum who)(FIRST_OWNER + owner);
			release(fake, i, tokens[owner], NULL);
		}
		assert_true(model->who[i] == NOBODY || model->who[i] == FOREIGN);
		assert_int_equal(fake_vgpu_type(fake, i) != 0, model->who[i] == FOREIGN);
		assert_false(fake_exists(fake, CLAIM, i));
	}
	assert_int_equal(model->wrong, 0);
}

static void test_random(void **state)
{
	struct fake_vgpu fake;
	struct model *model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(model, MAP_FAILED);
	for (unsigned int seed = 0; seed < SEEDS; seed++) {
		srandom(seed);
		*model = (struct model){ 0 };
		fake_vgpu_init(&fake);
		fake_vgpu_add_vfs(&fake);
		fake.watch = watch;
		fake.watch_data = model;
		for (unsigned int i = 0; i < STEPS; i++)
			step(&fake, model);
		end(&fake, model);
		fake_vgpu_fini(&fake);
	}
	munmap(model, sizeof(*model));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reconcile, set_up, tear_down),
		cmocka_unit_test(test_claims),
		cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
