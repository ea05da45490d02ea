// SPDX-License-Identifier: GPL-2.0-or-later
/* parse_test.c - texts of drivers, configurations and packages; and what a bundle leaves out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/bundle.h"
#include "host/inventory.h"
#include "host/probe.h"

static void test_gvtg(void **state)
{
	struct facet_host_gvtg type = { 0 };

	assert_true(facet_host_parse_gvtg("low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\n"
					  "resolution: 1920x1200\nweight: 4",
					  &type));
	assert_true(type.known);
	assert_int_equal(type.low_mib, 128);
	assert_int_equal(type.high_mib, 512);
	assert_int_equal(type.fences, 4);
	assert_int_equal(type.width, 1920);
	assert_int_equal(type.height, 1200);
	assert_int_equal(type.weight, 4);
	/* Another's text, a line too few, and a number that is none. */
	assert_false(facet_host_parse_gvtg("num_heads=4, framebuffer=1024M", &type));
	assert_false(facet_host_parse_gvtg("low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\n"
					   "weight: 4",
					   &type));
	assert_false(facet_host_parse_gvtg("low_gm_size: -1MB\nhigh_gm_size: 512MB\nfence: 4\n"
					   "resolution: 1920x1200\nweight: 4",
					   &type));
}

static void test_creatable(void **state)
{
	struct facet_host_type types[2];

	assert_int_equal(facet_host_parse_creatable("ID    : vGPU Name\n"
						    "1145  : NVIDIA L40S-1B\n"
						    "1155  : NVIDIA L40S-6Q\n"
						    "1156  : one too many\n",
						    types, 2),
			 2);
	assert_string_equal(types[0].id, "1145");
	assert_string_equal(types[0].name, "NVIDIA L40S-1B");
	assert_string_equal(types[1].id, "1155");
	assert_int_equal(types[1].available, -1);
	assert_int_equal(facet_host_parse_creatable("", types, 2), 0);
	assert_int_equal(facet_host_parse_creatable("none\n: x\n7 x\n", types, 2), 0);
}

static void test_resources(void **state)
{
	struct facet_host_bar bars[FACET_HOST_BARS] = { 0 };
	bool rom = false;

	facet_host_parse_resources("0xde000000 0xdeffffff 0x40200\n"
				   "0xc0000000 0xcfffffff 0x14220c\n"
				   "0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x0 0x0\n"
				   "0xdf000000 0xdf07ffff 0x46200\n",
				   bars, &rom);
	assert_int_equal(bars[0].size, 16 << 20);
	assert_int_equal(bars[1].size, 256 << 20);
	assert_int_equal(bars[2].size, 0);
	assert_true(rom);
	memset(bars, 0, sizeof(bars));
	facet_host_parse_resources("0x2 0x1 0x1\nno numbers\n", bars, &rom);
	assert_int_equal(bars[0].size + bars[1].size, 0);
}

static void test_choice(void **state)
{
	char word[8];

	facet_host_parse_choice("[low] normal high", word, sizeof(word));
	assert_string_equal(word, "low");
	facet_host_parse_choice("low [normal] high", word, sizeof(word));
	assert_string_equal(word, "normal");
	facet_host_parse_choice("]low[", word, sizeof(word));
	assert_string_equal(word, "]low[");
	facet_host_parse_choice("[much too long for it]", word, sizeof(word));
	assert_string_equal(word, "much to");
}

static void test_drivers(void **state)
{
	assert_true(facet_host_driver_is_vfio("vfio-pci"));
	assert_true(facet_host_driver_is_vfio("mlx5_vfio_pci"));
	assert_true(facet_host_driver_is_vfio("xe-vfio-pci"));
	assert_false(facet_host_driver_is_vfio("vfio"));
	assert_false(facet_host_driver_is_vfio(""));
	assert_false(facet_host_driver_blocks("pcieport"));
	assert_false(facet_host_driver_blocks("pci-stub"));
	assert_false(facet_host_driver_blocks(""));
	assert_true(facet_host_driver_blocks("shpchp"));
}

static void test_options(void **state)
{
	static const char config[] = "CONFIG_VFIO=m\n# CONFIG_IOMMUFD is not set\nCONFIG_PCI=y\n"
				     "CONFIG_VFIO_PCI_CORE=m\nCONFIG_HZ=250";

	assert_int_equal(facet_parse_option(config, strlen(config), "PCI"), FACET_OPTION_BUILT_IN);
	assert_int_equal(facet_parse_option(config, strlen(config), "VFIO"), FACET_OPTION_MODULE);
	assert_int_equal(facet_parse_option(config, strlen(config), "IOMMUFD"), FACET_OPTION_OFF);
	assert_int_equal(facet_parse_option(config, strlen(config), "VFIO_PCI"), FACET_OPTION_OFF);
	assert_int_equal(facet_parse_option(config, strlen(config), "HZ"), FACET_OPTION_OFF);
	assert_int_equal(facet_parse_option(config, 3, "PCI"), FACET_OPTION_OFF);
}

static void test_packages(void **state)
{
	static const char status[] =
		"Package: a\nStatus: deinstall ok config-files\nVersion: 1\n\n"
		"Package: ab\nStatus: install ok installed\nVersion: 1:2.3-4\n";
	char version[16];

	assert_int_equal(facet_parse_package(status, strlen(status), "ab", version, 16), 0);
	assert_string_equal(version, "1:2.3-4");
	assert_int_equal(facet_parse_package(status, strlen(status), "a", version, 16), -ENOENT);
	assert_int_equal(facet_parse_package(status, strlen(status), "b", version, 16), -ENOENT);
}

static void test_modules(void **state)
{
	static const char list[] = "kernel/vfio/pci/vfio-pci.ko.xz: kernel/vfio/other.ko.xz\n"
				   "kernel/mdev.ko\nnothing\n";

	assert_true(facet_parse_module(list, strlen(list), "vfio_pci"));
	assert_true(facet_parse_module(list, strlen(list), "mdev"));
	assert_false(facet_parse_module(list, strlen(list), "other"));
	assert_false(facet_parse_module(list, strlen(list), "vfio"));
	assert_false(facet_parse_module(list, strlen(list), "nothing"));
}

static void test_versions(void **state)
{
	assert_int_equal(facet_probe_version("QEMU emulator version 10.1.2 (Debian 1:10.1)"),
			 10001);
	assert_int_equal(facet_probe_version("1:7.2+dfsg-7"), 7002);
	assert_int_equal(facet_probe_version("6.12.48+deb13-amd64"), 6012);
	assert_int_equal(facet_probe_version("no number"), 0);
	assert_int_equal(facet_probe_version("99999999999999999999"), 0);
}

/* "CONFIG_PCI=y\n", by gzip -n. */
static const uint8_t zipped[] = {
	0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x73,
	0xf6, 0xf7, 0x73, 0xf3, 0x74, 0x8f, 0x0f, 0x70, 0xf6, 0xb4, 0xad,
	0xe4, 0x02, 0x00, 0x25, 0x51, 0xf0, 0x19, 0x0d, 0x00, 0x00, 0x00
};

static void test_gunzip(void **state)
{
	size_t size;
	char *text = facet_gunzip(zipped, sizeof(zipped), 64, &size);

	assert_non_null(text);
	assert_int_equal(size, 13);
	assert_string_equal(text, "CONFIG_PCI=y\n");
	free(text);
	/* Torn, too large, and none. */
	assert_null(facet_gunzip(zipped, sizeof(zipped) - 4, 64, &size));
	assert_null(facet_gunzip(zipped, sizeof(zipped), 12, &size));
	assert_null(facet_gunzip((const uint8_t *)"text", 4, 64, &size));
}

static void expect_scrubbed(struct facet_scrub *scrub, const char *path, const char *text,
			    const char *wanted)
{
	char out[256];
	size_t n = facet_scrub_file(scrub, path, text, strlen(text), out, sizeof(out));

	assert_string_equal(out, wanted);
	assert_int_equal(n, strlen(wanted));
}

static void test_scrub(void **state)
{
	struct facet_scrub *scrub = facet_scrub_create("tower", "ada");
	char out[64];

	assert_non_null(scrub);
	expect_scrubbed(scrub, "proc/self/cgroup", "0::/ada/tower-1/adapter/towers",
			"0::/user/host-1/adapter/towers");
	/* In /sys the same letters are a word of a driver. */
	expect_scrubbed(scrub, "sys/x/name", "ada", "ada");
	expect_scrubbed(scrub, "sys/x",
			"c0ffee00-0000-4000-8000-0000000000aa C0FFEE00-0000-4000-"
			"8000-0000000000AA c0ffee00-0000-4000-8000-0000000000ab",
			"00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000001 "
			"00000000-0000-0000-0000-000000000002");
	expect_scrubbed(scrub, "sys/x", "52:54:00:12:34:56 0000:52:54.0",
			"00:00:00:00:00:00 0000:52:54.0");
	expect_scrubbed(scrub, "proc/cmdline", "root=/dev/sda ip=10.1.2.3 iommu=pt quiet kvm.x=1",
			"iommu=pt kvm.x=1 ");
	expect_scrubbed(scrub, "proc/self/status", "Name:\tx\nUid:\t1000\nCapEff:\t00ff\nPid:\t1\n",
			"CapEff:\t00ff\n");
	assert_int_equal(facet_scrub_path(scrub, "proc/cmdline", out, sizeof(out)), 12);
	assert_string_equal(out, "proc/cmdline");
	/* What does not fit is cut. */
	assert_int_equal(facet_scrub_file(scrub, "x", "0123456789", 10, out, 5), 4);
	assert_string_equal(out, "0123");
	facet_scrub_destroy(scrub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gvtg),      cmocka_unit_test(test_creatable),
		cmocka_unit_test(test_resources), cmocka_unit_test(test_choice),
		cmocka_unit_test(test_drivers),   cmocka_unit_test(test_options),
		cmocka_unit_test(test_packages),  cmocka_unit_test(test_modules),
		cmocka_unit_test(test_versions),  cmocka_unit_test(test_gunzip),
		cmocka_unit_test(test_scrub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
