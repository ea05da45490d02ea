// SPDX-License-Identifier: GPL-2.0-or-later
/* bind_test.c - groups that go to VFIO and come back, also when it goes wrong. */
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

#include "host/bind.h"
#include "host/fake_sysfs.h"

#define GPU    "0000:03:00.0"
#define AUDIO  "0000:03:00.1"
#define BRIDGE "0000:00:01.0"
#define DEVICE "sys/bus/pci/devices/"
#define HOOK   "etc/initramfs-tools/hooks/facet-vfio"

static int set_up(void **state)
{
	struct fake_sysfs *fake = fake_sysfs_create();

	fake_sysfs_add_device(fake, BRIDGE, 0x060400, "pcieport", 7);
	fake_sysfs_add_device(fake, GPU, 0x030000, "nouveau", 7);
	fake_sysfs_add_device(fake, AUDIO, 0x040300, "snd_hda_intel", 7);
	fake_sysfs_add_device(fake, "0000:00:02.0", 0x030000, "i915", -1);
	fake_sysfs_add_driver(fake, "vfio-pci");
	*state = fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_sysfs_destroy(*state);
	return 0;
}

static struct facet_change *open_change(struct fake_sysfs *fake)
{
	const struct facet_change_config cfg = { .tree = fake->tree };
	struct facet_change *change = NULL;

	assert_int_equal(facet_change_open(&cfg, &change, NULL), 0);
	return change;
}

static int bind(struct fake_sysfs *fake, const char *bdf, bool forced, struct facet_error *err)
{
	const struct facet_bind_options options = { .forced = forced };
	struct facet_change *change = open_change(fake);
	int r = facet_bind(change, bdf, &options, err);

	facet_change_close(change);
	return r;
}

static void assert_drivers(struct fake_sysfs *fake, const char *gpu, const char *audio)
{
	assert_string_equal(fake_sysfs_get(fake, DEVICE GPU "/driver"), gpu);
	assert_string_equal(fake_sysfs_get(fake, DEVICE AUDIO "/driver"), audio);
	assert_string_equal(fake_sysfs_get(fake, DEVICE BRIDGE "/driver"), "pcieport");
}

static void assert_host_has_it(struct fake_sysfs *fake)
{
	assert_drivers(fake, "nouveau", "snd_hda_intel");
	assert_string_equal(fake_sysfs_get(fake, DEVICE GPU "/driver_override"), "(null)");
	assert_string_equal(fake_sysfs_get(fake, DEVICE AUDIO "/driver_override"), "(null)");
}

static void test_order(void **state)
{
	static const char *const expected[] = {
		"sys/bus/pci/drivers/nouveau/unbind=" GPU,
		DEVICE GPU "/driver_override=vfio-pci",
		"sys/bus/pci/drivers_probe=" GPU,
		"sys/bus/pci/drivers/snd_hda_intel/unbind=" AUDIO,
		DEVICE AUDIO "/driver_override=vfio-pci",
		"sys/bus/pci/drivers_probe=" AUDIO,
	};
	struct fake_sysfs *fake = *state;

	assert_int_equal(bind(fake, GPU, false, NULL), 0);
	assert_int_equal(fake->writes, 6);
	for (unsigned int i = 0; i < 6; i++)
		assert_string_equal(fake->log[i], expected[i]);
	assert_drivers(fake, "vfio-pci", "vfio-pci");
	/* Nothing is left to do. */
	assert_int_equal(bind(fake, AUDIO, false, NULL), 0);
	assert_int_equal(fake->writes, 6);
}

static void test_back(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_change *change;

	assert_int_equal(bind(fake, GPU, false, NULL), 0);
	change = open_change(fake);
	assert_int_equal(facet_unbind(change, AUDIO, false, NULL), 0);
	facet_change_close(change);
	assert_host_has_it(fake);
}

/* Whatever write fails, and however: the host has its devices, and the next run works. */
static void test_failures(void **state)
{
	static const int codes[] = { -EIO, -EBUSY, -EINTR, -ENODEV, -ENOSPC };
	struct fake_sysfs *fake = *state;

	for (unsigned int at = 2; at <= 13; at++)
		for (unsigned int i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			fake->fail_at = fake->writes + at / 2;
			fake->fail_with = codes[i];
			fake->fail_after = at & 1;
			assert_int_equal(bind(fake, GPU, false, NULL), codes[i]);
			fake->fail_at = 0;
			assert_host_has_it(fake);
		}
	assert_int_equal(bind(fake, GPU, false, NULL), 0);
	assert_drivers(fake, "vfio-pci", "vfio-pci");
}

static void die_at(struct fake_sysfs *fake, unsigned int write, bool after)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fake->fail_at = fake->writes + write;
		fake->fail_with = 0;
		fake->fail_after = after;
		bind(fake, GPU, false, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_killed(void **state)
{
	struct fake_sysfs *fake = *state;

	for (unsigned int i = 0; i < 12; i++) {
		die_at(fake, 1 + i / 2, i & 1);
		facet_change_close(open_change(fake));
		assert_host_has_it(fake);
	}
	die_at(fake, 4, true);
	assert_int_equal(bind(fake, GPU, false, NULL), 0);
	assert_drivers(fake, "vfio-pci", "vfio-pci");
}

static void assert_refused(struct fake_sysfs *fake, const char *bdf, int code, const char *words)
{
	struct facet_error err;

	assert_int_equal(bind(fake, bdf, false, &err), code);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	assert_host_has_it(fake);
}

static void test_refusals(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_error err;

	assert_refused(fake, "0000:00:02.0", -ENODEV, "no IOMMU group");
	assert_refused(fake, "0000:09:00.0", -ENODEV, "no such PCI device");
	assert_refused(fake, BRIDGE, -EINVAL, "a bridge");
	fake_sysfs_put(fake, "1\n", DEVICE GPU "/boot_vga");
	assert_refused(fake, GPU, -EBUSY, "booted with it");
	fake_sysfs_put(fake, "0\n", DEVICE GPU "/boot_vga");
	fake_sysfs_put(fake, "", DEVICE GPU "/drm/card1/dev");
	fake_sysfs_put(fake, "Xorg\n", "proc/812/comm");
	fake_sysfs_link(fake, "/dev/dri/card1", "proc/812/fd/9");
	assert_refused(fake, GPU, -EBUSY, "in use by Xorg (process 812)");
	fake_sysfs_remove(fake, "proc/812");
	fake_sysfs_put(fake, "up\n", DEVICE AUDIO "/net/eth3/operstate");
	assert_refused(fake, GPU, -EBUSY, "network eth3");
	fake_sysfs_remove(fake, DEVICE AUDIO "/net");
	fake_sysfs_put(fake, "x", DEVICE AUDIO "/nvme/nvme0/dev");
	fake_sysfs_put(fake, "", "sys/class/block/nvme0n1p2/dev");
	fake_sysfs_put(fake, "/dev/nvme0n1p20 /x ext4\n/dev/nvme0n1p2 / ext4 rw 0 0\n",
		       "proc/mounts");
	assert_refused(fake, GPU, -EBUSY, "/dev/nvme0n1p2, mounted at /");
	fake_sysfs_remove(fake, "proc/mounts");
	fake_sysfs_put(fake, "/dev/nvme0n1p2 partition 1 0 -2\n", "proc/swaps");
	assert_refused(fake, GPU, -EBUSY, "swap on /dev/nvme0n1p2");
	fake_sysfs_put(fake, "", "sys/class/block/nvme0n1p2/holders/dm-3/dev");
	assert_refused(fake, GPU, -EBUSY, "dm-3");
	fake_sysfs_put(fake, "2\n", DEVICE GPU "/sriov_numvfs");
	assert_refused(fake, GPU, -EBUSY, "2 VFs need its driver");
	fake_sysfs_remove(fake, DEVICE BRIDGE "/driver");
	fake_sysfs_link(fake, "../../drivers/shpchp", DEVICE BRIDGE "/driver");
	assert_int_equal(bind(fake, GPU, true, &err), -EBUSY);
	assert_non_null(strstr(err.text, "bridge " BRIDGE " is with driver shpchp"));
	fake_sysfs_remove(fake, DEVICE BRIDGE "/driver");
	fake_sysfs_link(fake, "../../drivers/pcieport", DEVICE BRIDGE "/driver");
	assert_int_equal(bind(fake, GPU, true, NULL), 0);
	fake_sysfs_remove(fake, "sys/bus/pci/drivers/vfio-pci");
	fake_sysfs_add_device(fake, "0000:05:00.0", 0x030000, "radeon", 9);
	assert_int_equal(bind(fake, "0000:05:00.0", false, NULL), -ENOENT);
}

static void test_held(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_change *change;
	struct facet_error err;

	assert_int_equal(bind(fake, GPU, false, NULL), 0);
	fake_sysfs_put(fake, "qemu\n", "proc/33/comm");
	fake_sysfs_link(fake, "/dev/vfio/7", "proc/33/fd/4");
	change = open_change(fake);
	assert_int_equal(facet_unbind(change, GPU, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "qemu"));
	assert_drivers(fake, "vfio-pci", "vfio-pci");
	assert_int_equal(facet_unbind(change, GPU, true, NULL), 0);
	assert_host_has_it(fake);
	facet_change_close(change);
}

/* With the device that it was asked of, all that go with it. */
static void test_persistent(void **state)
{
	struct fake_sysfs *fake = *state;
	const struct facet_bind_options options = { .persist = true };
	struct facet_change *change = open_change(fake);

	fake_sysfs_put(fake, "", "etc/initramfs-tools/modules");
	assert_int_equal(facet_bind(change, GPU, &options, NULL), 0);
	assert_true(facet_bind_persists(fake->tree, GPU));
	assert_non_null(
		strstr(fake_sysfs_get(fake, "etc/udev/rules.d/10-facet-vfio-" AUDIO ".rules"),
		       "KERNEL==\"" AUDIO "\", ATTR{vendor}==\"0x1234\", "
		       "ATTR{device}==\"0x5678\", ATTR{driver_override}=\"vfio-pci\", "
		       "RUN+=\"/bin/sh -c 'modprobe -q vfio_pci; echo " AUDIO
		       " >/sys/bus/pci/drivers_probe'\""));
	assert_non_null(strstr(fake_sysfs_get(fake, "etc/modprobe.d/facet-vfio-" GPU ".conf"),
			       "softdep nouveau pre: vfio_pci"));
	assert_true(facet_tree_exists(fake->tree, HOOK));
	/* Again, when VFIO has it: what it has to wait for is still known. */
	assert_int_equal(facet_bind(change, GPU, &options, NULL), 0);
	assert_true(facet_tree_exists(fake->tree, "etc/modprobe.d/facet-vfio-" GPU ".conf"));
	assert_int_equal(facet_unbind(change, AUDIO, false, NULL), 0);
	assert_false(facet_bind_persists(fake->tree, GPU));
	assert_false(facet_bind_persists(fake->tree, AUDIO));
	assert_false(facet_tree_exists(fake->tree, "etc/modprobe.d/facet-vfio-" GPU ".conf"));
	assert_false(facet_tree_exists(fake->tree, HOOK));
	assert_host_has_it(fake);
	facet_change_close(change);
}

/* No file is left of what failed. */
static void test_persistent_failed(void **state)
{
	struct fake_sysfs *fake = *state;
	const struct facet_bind_options options = { .persist = true };
	struct facet_change *change = open_change(fake);
	struct facet_error err;

	for (unsigned int at = 1; at <= 6; at++) {
		fake->fail_at = fake->writes + at;
		fake->fail_with = -EIO;
		assert_int_equal(facet_bind(change, GPU, &options, NULL), -EIO);
		assert_false(facet_bind_persists(fake->tree, GPU));
		assert_false(facet_bind_persists(fake->tree, AUDIO));
		assert_host_has_it(fake);
	}
	fake->fail_at = 0;
	fake_sysfs_put(fake, "N", "sys/module/nouveau/parameters/modeset");
	assert_int_equal(facet_bind(change, GPU, &options, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "part of the kernel"));
	assert_false(facet_bind_persists(fake->tree, GPU));
	facet_change_close(change);
}

static void test_variants(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_change *change = open_change(fake);
	char driver[FACET_TREE_NAME];

	fake_sysfs_put(fake, "pci:v00001234d00005678sv00000000sd00000000bc03sc00i00\n",
		       DEVICE GPU "/modalias");
	fake_sysfs_put(fake,
		       "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
		       "alias vfio_pci:v00001234d00005678sv*sd*bc*sc*i* some_vfio_pci\n"
		       "alias pci:v00001234d00005678sv*sd*bc*sc*i* nouveau\n",
		       "lib/modules/6.12.0/modules.alias");
	assert_int_equal(facet_bind_choose(change, GPU, NULL, driver, NULL), 0);
	assert_string_equal(driver, "vfio-pci");
	fake_sysfs_add_driver(fake, "some-vfio-pci");
	fake_sysfs_put(fake, "", "sys/module/some_vfio_pci/drivers/pci:some-vfio-pci");
	assert_int_equal(facet_bind_choose(change, GPU, NULL, driver, NULL), 0);
	assert_string_equal(driver, "some-vfio-pci");
	assert_int_equal(facet_bind_choose(change, GPU, "vfio-pci", driver, NULL), 0);
	assert_string_equal(driver, "vfio-pci");
	assert_int_equal(facet_bind_choose(change, GPU, "nouveau", driver, NULL), -EINVAL);
	facet_change_close(change);
	assert_int_equal(bind(fake, GPU, false, NULL), 0);
	assert_drivers(fake, "some-vfio-pci", "vfio-pci");
}

static void test_names(void **state)
{
	struct fake_sysfs *fake = *state;
	char bdf[FACET_HOST_BDF];

	fake_sysfs_link(fake, "../" AUDIO, DEVICE GPU "/virtfn1");
	assert_int_equal(facet_bind_find(fake->tree, GPU, bdf, NULL), 0);
	assert_string_equal(bdf, GPU);
	assert_int_equal(facet_bind_find(fake->tree, GPU "/virtfn1", bdf, NULL), 0);
	assert_string_equal(bdf, AUDIO);
	assert_int_equal(facet_bind_find(fake->tree, GPU "/virtfn2", bdf, NULL), -ENODEV);
	assert_int_equal(facet_bind_find(fake->tree, GPU "/driver", bdf, NULL), -EINVAL);
	assert_int_equal(facet_bind_find(fake->tree, "../../../etc", bdf, NULL), -EINVAL);
	assert_int_equal(facet_bind_find(fake->tree, "0000:77:00.0", bdf, NULL), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_persistent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_persistent_failed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_variants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
