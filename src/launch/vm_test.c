// SPDX-License-Identifier: GPL-2.0-or-later
/* vm_test.c - a file as it should be; wrong ones are in tests/vm/. */
#include "launch/vm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char full[] =
	"name: desk\n"
	"accel: tcg\n"
	"guest:\n"
	"  kernel: /boot/vmlinuz\n"
	"  append: quiet\n"
	"  disks:\n"
	"  - file: a.qcow2\n"
	"    format: qcow2\n"
	"    overlay: true\n"
	"cpu: {count: 4, topology: {cores: 2, threads: 2}, share: 50, cap: 150%, pinning: 0-3}\n"
	"memory: {size: 2G, hugepages: 2M, nodes: auto, policy: strict}\n"
	"gpus:\n"
	"- {share: 70, cap: 50%, vram: 256M, size: 800x600}\n"
	"- {vfio: 0000:01:00.0}\n"
	"display: {looking-glass: true, spice: /tmp/spice}\n"
	"network:\n"
	"- {mode: user, ports: [\"tcp:2222:22\"]}\n"
	"folders: [{path: share, tag: files}]\n"
	"extra: [-device, virtio-rng-pci]\n";

static void parse(const char *text, struct facet_vm_file **ret)
{
	struct facet_error err = { .text = "" };
	int r = facet_vm_parse("dir/f.yaml", text, strlen(text), ret, &err);

	if (r)
		print_error("%s\n", err.text);
	assert_int_equal(r, 0);
}

static void test_full(void **state)
{
	struct facet_vm_file *file;
	struct facet_vm *vm;
	char name[80];

	parse(full, &file);
	vm = file->vms;
	assert_int_equal(file->vms_count, 1);
	assert_string_equal(vm->name, "desk");
	assert_int_equal(vm->accel, FACET_VM_TCG);
	assert_int_equal(vm->guest.disks_count, 1);
	assert_int_equal(vm->guest.disks[0].format, FACET_VM_QCOW2);
	assert_true(vm->guest.disks[0].overlay);
	assert_int_equal(facet_vm_vcpus(vm), 4);
	assert_int_equal(facet_vm_cpu_cap_ppm(vm), 1500000);
	assert_int_equal(facet_vm_memory_bytes(vm), 2ULL << 30);
	assert_int_equal(vm->memory.policy, FACET_VM_STRICT);
	assert_int_equal(vm->gpus_count, 2);
	assert_true(facet_vm_gpu_is_vgpu(&vm->gpus[0]));
	assert_false(facet_vm_gpu_is_vgpu(&vm->gpus[1]));
	facet_vm_gpu_name(vm, 1, name);
	assert_string_equal(name, "desk.1");
	assert_string_equal(vm->network[0].ports[0], "tcp:2222:22");
	assert_string_equal(vm->extra[1], "virtio-rng-pci");
	facet_vm_file_destroy(file);
}

static void test_several(void **state)
{
	struct facet_vm_file *file;

	parse("vms:\n- {name: a, guest: {image: debian}}\n- {name: b, guest: {image: debian}}\n",
	      &file);
	assert_int_equal(file->vms_count, 2);
	assert_string_equal(file->vms[1].name, "b");
	assert_int_equal(facet_vm_vcpus(&file->vms[0]), 1);
	facet_vm_file_destroy(file);
}

static void test_paths(void **state)
{
	struct facet_vm_file *file;
	char *path;

	parse("name: a\nguest: {image: debian}\n", &file);
	path = facet_vm_path(file, "x");
	assert_int_equal(path[0], '/');
	assert_non_null(strstr(path, "/dir/x"));
	free(path);
	path = facet_vm_path(file, "/x");
	assert_string_equal(path, "/x");
	free(path);
	facet_vm_file_destroy(file);
}

static void test_wrong(void **state)
{
	static const char text[] = "name: a\nguest: {image: debian}\ngpus:\n- vram: 1\n";
	struct facet_vm_file *file = NULL;
	struct facet_error err;

	assert_int_equal(facet_vm_parse("f", text, strlen(text), &file, &err), -EINVAL);
	assert_string_equal(err.text, "f:4: gpus[0].vram 1: must be a size from 16M to 1T, such as "
				      "512M");
	assert_null(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
