// SPDX-License-Identifier: GPL-2.0-or-later
/* vm_fuzz.c - files of virtual machines as people may write them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launch/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facet_error err = { .text = "" };
	struct facet_vm_file *file = NULL;

	if (size > 16384)
		return 0;
	/* What is refused is refused with a sentence that has the line. */
	if (facet_vm_parse("f", (const char *)data, size, &file, &err)) {
		if (file || strncmp(err.text, "f:", 2) != 0 || err.text[2] < '1' ||
		    err.text[2] > '9')
			abort();
		return 0;
	}
	for (unsigned int i = 0; i < file->vms_count; i++) {
		const struct facet_vm *vm = &file->vms[i];

		if (!vm->name || !vm->name[0] || !facet_vm_vcpus(vm) || !facet_vm_memory_bytes(vm))
			abort();
	}
	facet_vm_file_destroy(file);
	return 0;
}
