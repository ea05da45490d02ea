// SPDX-License-Identifier: GPL-2.0-or-later
/* vm.c - loads a file, and judges what its keys say together. */
#include "launch/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "launch/schema.h"

FACET_DEFINE_CLEANUP(struct facet_doc, facet_doc_destroy)
FACET_DEFINE_CLEANUP(struct facet_vm_file, facet_vm_file_destroy)

static void no_log(cyaml_log_t level, void *context, const char *fmt, va_list args)
{
}

static const cyaml_config_t config = { .log_fn = no_log,
				       .mem_fn = cyaml_mem,
				       .log_level = CYAML_LOG_ERROR,
				       .flags = CYAML_CFG_NO_ALIAS };

/* --- what keys say together --- */

struct judge {
	const struct facet_doc *doc;
	const struct facet_vm *vm;
	char prefix[24]; /* "vms[0]." */
	struct facet_error *err;
};

/* At the node of that name, or the nearest that is there. */
__attribute__((format(printf, 3, 4))) static int wrong(const struct judge *judge, const char *name,
						       const char *fmt, ...)
{
	char full[120], text[160];
	va_list args;
	int node;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(full, sizeof(full), "%s%s", judge->prefix, name);
	while ((node = facet_doc_find(judge->doc, full)) < 0 && strrchr(full, '.'))
		*strrchr(full, '.') = '\0';
	return facet_error_set(judge->err, -EINVAL, "%.80s:%u: %s: %s", judge->doc->path,
			       judge->doc->nodes[node < 0 ? 0 : node].line, name, text);
}

static bool given(const struct judge *judge, const char *name)
{
	char full[120];

	snprintf(full, sizeof(full), "%s%s", judge->prefix, name);
	return facet_doc_find(judge->doc, full) >= 0;
}

static int judge_guest(const struct judge *judge)
{
	const struct facet_vm_guest *guest = &judge->vm->guest;

	if (guest->image && (guest->kernel || guest->initrd))
		return wrong(judge, "guest.image",
			     "brings its own kernel: leave out kernel and initrd");
	if (!guest->image && !guest->kernel && !guest->iso && !guest->disks_count)
		return wrong(judge, "guest", "nothing to boot: give image, kernel, disks or iso");
	if (!guest->kernel && guest->initrd)
		return wrong(judge, "guest.initrd", "needs a kernel");
	if (!guest->kernel && !guest->image && guest->append)
		return wrong(judge, "guest.append", "needs a kernel");
	for (unsigned int i = 0; i < guest->disks_count; i++) {
		const struct facet_vm_disk *disk = &guest->disks[i];
		char name[40];

		snprintf(name, sizeof(name), "guest.disks[%u]", i);
		if (disk->overlay + disk->snapshot + disk->readonly > 1)
			return wrong(judge, name, "only one of overlay, snapshot, readonly");
	}
	return 0;
}

static int judge_cpu(const struct judge *judge)
{
	const struct facet_vm_cpu *cpu = &judge->vm->cpu;
	const struct facet_vm_topology *t = &cpu->topology;
	unsigned int product = (t->sockets ? t->sockets : 1) * (t->cores ? t->cores : 1) *
			       (t->threads ? t->threads : 1);

	if (given(judge, "cpu.topology") && product != facet_vm_vcpus(judge->vm))
		return wrong(
			judge, "cpu.topology",
			"sockets x cores x threads are %u, and count is %u: make them the same",
			product, facet_vm_vcpus(judge->vm));
	return 0;
}

static int judge_memory(const struct judge *judge)
{
	const struct facet_vm_memory *memory = &judge->vm->memory;
	uint64_t bytes = facet_vm_memory_bytes(judge->vm), page = 1 << 20;

	if (memory->hugepages)
		facet_units_bytes(memory->hugepages, &page);
	if (bytes % page)
		return wrong(judge, "memory.size", "must be whole %s",
			     memory->hugepages ? "hugepages" : "megabytes");
	return 0;
}

static bool has_vgpu_keys(const struct facet_vm_gpu *gpu)
{
	return gpu->gpu || gpu->mechanism || gpu->transport || gpu->share || gpu->cap ||
	       gpu->reservation || gpu->vram || gpu->eus || gpu->size || gpu->outputs || gpu->type;
}

static int judge_gpu(const struct judge *judge, unsigned int i)
{
	const struct facet_vm_gpu *gpu = &judge->vm->gpus[i];
	uint32_t cap = 1000000, reservation = 0;
	char name[40], below[40];
	bool mdev;

	snprintf(name, sizeof(name), "gpus[%u]", i);
	snprintf(below, sizeof(below), "gpus[%u].mdev", i);
	mdev = given(judge, below);
	if (!!gpu->vfio + !!gpu->sriov.pf + mdev > 1)
		return wrong(judge, name, "only one of vfio, sriov, mdev");
	if ((mdev || !facet_vm_gpu_is_vgpu(gpu)) && has_vgpu_keys(gpu))
		return wrong(judge, name,
			     "a device of the host's: vfio, sriov and mdev take no other keys");
	if (mdev && !gpu->mdev.uuid && !(gpu->mdev.parent && gpu->mdev.type))
		return wrong(judge, below, "needs a uuid, or parent and type");
	if (gpu->cap)
		facet_units_percent(gpu->cap, &cap);
	if (gpu->reservation)
		facet_units_percent(gpu->reservation, &reservation);
	if (reservation > cap)
		return wrong(judge, name, "reservation %s is more than the cap %s",
			     gpu->reservation, gpu->cap ? gpu->cap : "100%");
	return 0;
}

static int judge_network(const struct judge *judge, unsigned int i)
{
	const struct facet_vm_network *network = &judge->vm->network[i];
	char name[60];

	snprintf(name, sizeof(name), "network[%u]", i);
	if (network->bridge && network->mode != FACET_VM_BRIDGE)
		return wrong(judge, name, "bridge needs `mode: bridge`");
	if (network->mode == FACET_VM_BRIDGE && !network->bridge)
		return wrong(judge, name, "mode bridge needs the bridge's name: `bridge: br0`");
	if (network->interface && network->mode != FACET_VM_TAP)
		return wrong(judge, name, "interface needs `mode: tap`");
	if (network->mode == FACET_VM_TAP && !network->interface)
		return wrong(judge, name, "mode tap needs the interface's name: `interface: tap0`");
	if (network->ports_count && network->mode != FACET_VM_USER)
		return wrong(judge, name, "ports need `mode: user`");
	return 0;
}

static int judge_ivshmem(const struct judge *judge, unsigned int i)
{
	const struct facet_vm_ivshmem *region = &judge->vm->ivshmem[i];
	uint64_t bytes = 0;
	char name[60];

	snprintf(name, sizeof(name), "ivshmem[%u]", i);
	if (!region->file == !region->server)
		return wrong(judge, name, "needs either a file, or a server");
	if (region->server && region->size)
		return wrong(judge, name, "size: the server chooses it");
	if (region->file && !region->size)
		return wrong(judge, name, "a file needs a size: `size: 32M`");
	if (region->vectors && !region->server)
		return wrong(judge, name, "vectors need a server");
	if (region->size)
		facet_units_bytes(region->size, &bytes);
	if (bytes & (bytes - 1))
		return wrong(judge, name, "size %s: must be a power of two", region->size);
	return 0;
}

static int judge_folders(const struct judge *judge)
{
	const struct facet_vm *vm = judge->vm;
	char name[60];

	for (unsigned int i = 0; i < vm->folders_count; i++)
		for (unsigned int j = 0; j < i; j++)
			if (strcmp(vm->folders[i].tag, vm->folders[j].tag) == 0) {
				snprintf(name, sizeof(name), "folders[%u].tag", i);
				return wrong(judge, name, "%s is taken by folders[%u]",
					     vm->folders[i].tag, j);
			}
	return 0;
}

static int judge_display(const struct judge *judge)
{
	const struct facet_vm *vm = judge->vm;
	bool vgpu = false;

	for (unsigned int i = 0; i < vm->gpus_count; i++)
		vgpu |= facet_vm_gpu_is_vgpu(&vm->gpus[i]);
	if (facet_vm_wanted(vm->display.looking_glass) && !vgpu)
		return wrong(judge, "display.looking-glass", "needs a vGPU below gpus");
	return 0;
}

static int judge_vm(const struct judge *judge)
{
	const struct facet_vm *vm = judge->vm;
	int r = judge_guest(judge);

	if (!r)
		r = judge_cpu(judge);
	if (!r)
		r = judge_memory(judge);
	for (unsigned int i = 0; !r && i < vm->gpus_count; i++)
		r = judge_gpu(judge, i);
	for (unsigned int i = 0; !r && i < vm->network_count; i++)
		r = judge_network(judge, i);
	for (unsigned int i = 0; !r && i < vm->ivshmem_count; i++)
		r = judge_ivshmem(judge, i);
	if (!r)
		r = judge_folders(judge);
	return r ? r : judge_display(judge);
}

static int judge_file(const struct facet_doc *doc, const struct facet_vm_file *file, bool several,
		      struct facet_error *err)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < file->vms_count; i++) {
		struct judge judge = { .doc = doc, .vm = &file->vms[i], .err = err };

		if (several)
			snprintf(judge.prefix, sizeof(judge.prefix), "vms[%u].", i);
		r = judge_vm(&judge);
		for (unsigned int j = 0; !r && j < i; j++)
			if (strcmp(file->vms[i].name, file->vms[j].name) == 0)
				r = wrong(&judge, "name", "%s is the name of vms[%u] already",
					  file->vms[i].name, j);
	}
	return r;
}

/* --- loading --- */

/* Where the files are that @path names beside itself. */
static char *directory_of(const char *path)
{
	char here[PATH_MAX], *ret = NULL;
	const char *slash = strrchr(path, '/');
	size_t size = slash ? (size_t)(slash - path) : 0;

	if (path[0] == '/')
		return strndup(path, size ? size : 1);
	if (!getcwd(here, sizeof(here)) ||
	    asprintf(&ret, "%s%s%.*s", here, size ? "/" : "", (int)size, path) < 0)
		return NULL;
	return ret;
}

static int load(const char *text, size_t size, bool several, struct facet_vm_file *file)
{
	struct facet_vm_list *list = NULL;
	struct facet_vm *vm = NULL;
	cyaml_err_t code;

	code = cyaml_load_data((const uint8_t *)text, size, &config,
			       several ? &facet_vm_file_schema : &facet_vm_schema,
			       several ? (cyaml_data_t **)&list : (cyaml_data_t **)&vm, NULL);
	if (code != CYAML_OK)
		return code == CYAML_ERR_OOM ? -ENOMEM : -EINVAL;
	file->vms = several ? list->vms : vm;
	file->vms_count = several ? list->vms_count : 1;
	free(list);
	return 0;
}

int facet_vm_parse(const char *path, const char *text, size_t size, struct facet_vm_file **ret,
		   struct facet_error *err)
{
	facet_auto(facet_doc_destroy) struct facet_doc *doc = NULL;
	facet_auto(facet_vm_file_destroy) struct facet_vm_file *file = calloc(1, sizeof(*file));
	bool several;
	int r = facet_doc_read(path, text, size, false, &doc, err);

	if (r)
		return r;
	several = doc->nodes[0].kind == FACET_DOC_MAPPING && facet_doc_find(doc, "vms") >= 0;
	r = facet_doc_check(doc, several ? &facet_vm_file_schema : &facet_vm_schema,
			    facet_vm_check_scalar, err);
	if (r)
		return r;
	if (!file || !(file->directory = directory_of(path)))
		return facet_error_set(err, -ENOMEM, "%.80s: out of memory", path);
	r = load(text, size, several, file);
	if (r)
		return facet_error_set(err, r, "%.80s:1: libcyaml does not take it", path);
	r = judge_file(doc, file, several, err);
	if (!r)
		*ret = facet_steal(file);
	return r;
}

int facet_vm_load(const char *path, struct facet_vm_file **ret, struct facet_error *err)
{
	facet_autofree char *text = NULL;
	size_t size;
	int r = facet_vm_read(path, &text, &size, err);

	return r ? r : facet_vm_parse(path, text, size, ret, err);
}

int facet_vm_read(const char *path, char **ret, size_t *ret_size, struct facet_error *err)
{
	facet_autofree char *text = malloc(FACET_VM_FILE + 1);
	facet_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t size = 0;
	ssize_t n = 1;

	if (fd < 0 || !text)
		return facet_error_set(err, -errno, "%.120s: %s", path, strerror(errno));
	while (n > 0 && size <= FACET_VM_FILE) {
		n = read(fd, text + size, FACET_VM_FILE + 1 - size);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			size += (size_t)n;
	}
	if (n < 0)
		return facet_error_set(err, -errno, "%.120s: %s", path, strerror(errno));
	if (size > FACET_VM_FILE)
		return facet_error_set(err, -EINVAL,
				       "%.120s:1: too large: a file has at most %d KiB", path,
				       FACET_VM_FILE >> 10);
	*ret = facet_steal(text);
	*ret_size = size;
	return 0;
}

void facet_vm_file_destroy(struct facet_vm_file *file)
{
	struct facet_vm_list *list;

	if (!file)
		return;
	/* As one that libcyaml has loaded, which is how it knows what to free. */
	list = file->vms ? calloc(1, sizeof(*list)) : NULL;
	if (list) {
		*list = (struct facet_vm_list){ .vms = file->vms, .vms_count = file->vms_count };
		cyaml_free(&config, &facet_vm_file_schema, list, 0);
	}
	free(file->directory);
	free(file);
}

/* --- conversions --- */

char *facet_vm_path(const struct facet_vm_file *file, const char *path)
{
	char *ret = NULL;

	if (path[0] == '/')
		return strdup(path);
	return asprintf(&ret, "%s/%s", file->directory, path) < 0 ? NULL : ret;
}

unsigned int facet_vm_vcpus(const struct facet_vm *vm)
{
	return vm->cpu.count ? vm->cpu.count : 1;
}

uint64_t facet_vm_memory_bytes(const struct facet_vm *vm)
{
	uint64_t bytes = 1ULL << 30;

	if (vm->memory.size)
		facet_units_bytes(vm->memory.size, &bytes);
	return bytes;
}

uint64_t facet_vm_cpu_cap_ppm(const struct facet_vm *vm)
{
	return vm->cpu.cap ? strtoull(vm->cpu.cap, NULL, 10) * 10000 : 0;
}

bool facet_vm_gpu_is_vgpu(const struct facet_vm_gpu *gpu)
{
	return !gpu->vfio && !gpu->sriov.pf && !gpu->mdev.parent && !gpu->mdev.type &&
	       !gpu->mdev.uuid;
}

bool facet_vm_gpu_is_part(const struct facet_vm_gpu *gpu)
{
	return gpu->sriov.pf || (gpu->mdev.parent && !gpu->mdev.uuid);
}

void facet_vm_gpu_name(const struct facet_vm *vm, unsigned int index, char ret[static 80])
{
	if (index)
		snprintf(ret, 80, "%.48s.%u", vm->name, index);
	else
		snprintf(ret, 80, "%.48s", vm->name);
}

bool facet_vm_wanted(const char *text)
{
	return text && strcmp(text, "false") != 0;
}
