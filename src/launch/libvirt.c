// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt.c - prints domain XML. */
#include "launch/libvirt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "launch/binary.h"
#include "launch/qemu.h"

struct writer {
	FILE *to;
	const struct facet_vm_file *file;
	const struct facet_vm *vm;
	bool failed;
};

/* A text that may hold anything, in an element or an attribute. */
static void print_text(const struct writer *w, const char *text)
{
	for (; *text; text++)
		if (*text == '&')
			fputs("&amp;", w->to);
		else if (*text == '<')
			fputs("&lt;", w->to);
		else if (*text == '>')
			fputs("&gt;", w->to);
		else if (*text == '\'')
			fputs("&apos;", w->to);
		else
			fputc(*text, w->to);
}

/* @before, @text with what XML minds written otherwise, and @after. */
static void print(const struct writer *w, const char *before, const char *text, const char *after)
{
	fputs(before, w->to);
	print_text(w, text);
	fputs(after, w->to);
}

static void print_path(struct writer *w, const char *before, const char *path, const char *after)
{
	facet_autofree char *full = facet_vm_path(w->file, path);

	if (full)
		print(w, before, full, after);
	else
		w->failed = true;
}

static bool has_vgpu(const struct facet_vm *vm)
{
	for (unsigned int i = 0; i < vm->gpus_count; i++)
		if (facet_vm_gpu_is_vgpu(&vm->gpus[i]))
			return true;
	return false;
}

static void print_memory(const struct writer *w)
{
	const struct facet_vm_memory *memory = &w->vm->memory;

	fprintf(w->to, "  <memory unit='MiB'>%" PRIu64 "</memory>\n",
		facet_vm_memory_bytes(w->vm) >> 20);
	fputs("  <memoryBacking>\n", w->to);
	if (memory->hugepages)
		fprintf(w->to, "    <hugepages><page size='%c' unit='%s'/></hugepages>\n",
			memory->hugepages[0], memory->hugepages[1] == 'G' ? "GiB" : "MiB");
	fputs("    <source type='memfd'/>\n", w->to);
	if (memory->shared || has_vgpu(w->vm))
		fputs("    <access mode='shared'/>\n", w->to);
	fputs("  </memoryBacking>\n", w->to);
}

static void print_cpus(const struct writer *w)
{
	const struct facet_vm_cpu *cpu = &w->vm->cpu;
	bool pinned = cpu->pinning && cpu->pinning[0] >= '0' && cpu->pinning[0] <= '9';

	fprintf(w->to, "  <vcpu placement='static'");
	if (pinned)
		fprintf(w->to, " cpuset='%s'", cpu->pinning);
	fprintf(w->to, ">%u</vcpu>\n", facet_vm_vcpus(w->vm));
	if (cpu->share || cpu->cap) {
		fputs("  <cputune>\n", w->to);
		if (cpu->share)
			fprintf(w->to, "    <shares>%u</shares>\n", cpu->share);
		if (cpu->cap)
			fprintf(w->to,
				"    <global_period>100000</global_period>\n"
				"    <global_quota>%" PRIu64 "</global_quota>\n",
				facet_vm_cpu_cap_ppm(w->vm) / 10);
		fputs("  </cputune>\n", w->to);
	}
	if (w->vm->memory.nodes && w->vm->memory.nodes[0] >= '0' && w->vm->memory.nodes[0] <= '9')
		fprintf(w->to, "  <numatune><memory mode='strict' nodeset='%s'/></numatune>\n",
			w->vm->memory.nodes);
}

static void print_model(const struct writer *w)
{
	const struct facet_vm_topology *t = &w->vm->cpu.topology;

	if (w->vm->cpu.model && strcmp(w->vm->cpu.model, "max") != 0 &&
	    strcmp(w->vm->cpu.model, "host") != 0)
		print(w, "  <cpu mode='custom'>\n    <model>", w->vm->cpu.model, "</model>\n");
	else
		fputs("  <cpu mode='maximum'>\n", w->to);
	if (t->sockets || t->cores || t->threads)
		fprintf(w->to, "    <topology sockets='%u' cores='%u' threads='%u'/>\n",
			t->sockets ? t->sockets : 1, t->cores ? t->cores : 1,
			t->threads ? t->threads : 1);
	fputs("  </cpu>\n", w->to);
}

static void print_firmware(struct writer *w, const char *firmware)
{
	const char *uefi = facet_qemu_uefi();

	if (!firmware || strcmp(firmware, "seabios") == 0)
		return;
	if (strcmp(firmware, "uefi") != 0)
		print_path(w, "    <loader readonly='yes' type='pflash'>", firmware, "</loader>\n");
	else if (uefi)
		print(w, "    <loader readonly='yes' type='pflash'>", uefi, "</loader>\n");
}

static void print_os(struct writer *w, const char *image)
{
	const struct facet_vm_guest *guest = &w->vm->guest;

	fprintf(w->to, "  <os>\n    <type arch='x86_64' machine='%s'>hvm</type>\n",
		w->vm->machine ? w->vm->machine : "q35");
	print_firmware(w, guest->firmware);
	if (image) {
		print(w, "    <kernel>", image, "/vmlinuz</kernel>\n");
		print(w, "    <initrd>", image, "/initrd</initrd>\n");
		print(w, "    <cmdline>console=ttyS0 panic=-1 quiet ",
		      guest->append ? guest->append : "", "</cmdline>\n");
	}
	if (guest->kernel)
		print_path(w, "    <kernel>", guest->kernel, "</kernel>\n");
	if (guest->initrd)
		print_path(w, "    <initrd>", guest->initrd, "</initrd>\n");
	if (guest->kernel && guest->append)
		print(w, "    <cmdline>", guest->append, "</cmdline>\n");
	fputs("  </os>\n  <features><acpi/></features>\n", w->to);
}

/* --- devices --- */

/* "vda" to "vdz", then "vdaa". */
static void disk_name(unsigned int index, char ret[static 8])
{
	if (index < 26)
		snprintf(ret, 8, "vd%c", 'a' + (char)index);
	else
		snprintf(ret, 8, "vda%c", 'a' + (char)(index % 26));
}

static void print_disks(struct writer *w, const char *image)
{
	const struct facet_vm_guest *guest = &w->vm->guest;
	unsigned int index = 0;
	char name[8];

	if (image) {
		disk_name(index++, name);
		print(w,
		      "    <disk type='file' device='disk'>\n      <driver name='qemu' "
		      "type='raw'/>\n"
		      "      <source file='",
		      image, "/root.erofs'/>\n");
		fprintf(w->to,
			"      <target dev='%s' bus='virtio'/>\n      <readonly/>\n    </disk>\n",
			name);
	}
	for (unsigned int i = 0; i < guest->disks_count; i++) {
		const struct facet_vm_disk *disk = &guest->disks[i];

		disk_name(index++, name);
		fprintf(w->to,
			"    <disk type='file' device='disk'>\n      <driver name='qemu' "
			"type='%s'/>\n",
			disk->format == FACET_VM_QCOW2 ? "qcow2" : "raw");
		print_path(w, "      <source file='", disk->file, "'/>\n");
		fprintf(w->to, "      <target dev='%s' bus='virtio'/>\n", name);
		if (disk->overlay || disk->snapshot)
			fputs("      <transient/>\n", w->to);
		if (disk->readonly)
			fputs("      <readonly/>\n", w->to);
		fputs("    </disk>\n", w->to);
	}
	if (!guest->iso)
		return;
	print_path(w, "    <disk type='file' device='cdrom'>\n      <source file='", guest->iso,
		   "'/>\n");
	fputs("      <target dev='sda' bus='sata'/>\n      <readonly/>\n    </disk>\n", w->to);
}

static void print_networks(const struct writer *w)
{
	for (unsigned int i = 0; i < w->vm->network_count; i++) {
		const struct facet_vm_network *n = &w->vm->network[i];

		if (n->mode == FACET_VM_BRIDGE)
			print(w, "    <interface type='bridge'>\n      <source bridge='", n->bridge,
			      "'/>\n");
		else if (n->mode == FACET_VM_TAP)
			print(w, "    <interface type='ethernet'>\n      <target dev='",
			      n->interface, "' managed='no'/>\n");
		else
			fputs("    <interface type='user'>\n", w->to);
		if (n->mac)
			print(w, "      <mac address='", n->mac, "'/>\n");
		fputs("      <model type='virtio'/>\n    </interface>\n", w->to);
		for (unsigned int p = 0; p < n->ports_count; p++)
			print(w, "    <!-- libvirt forwards no ports of type 'user': ", n->ports[p],
			      " -->\n");
	}
}

static void print_vgpu(const struct writer *w, const struct facet_vm_gpu *gpu, bool first)
{
	fprintf(w->to,
		"    <video>\n      <driver name='vhostuser'/>\n"
		"      <model type='virtio' heads='%u'%s/>\n    </video>\n",
		gpu->outputs ? gpu->outputs : 1, first ? " primary='yes'" : "");
	if (gpu->share || gpu->cap || gpu->vram)
		fputs("    <!-- its share, cap and vram are facetd's, which libvirt does not ask "
		      "-->\n",
		      w->to);
}

static void print_host_device(const struct writer *w, const struct facet_vm_gpu *gpu)
{
	unsigned int domain, bus, slot, function;

	if (gpu->vfio && sscanf(gpu->vfio, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4)
		fprintf(w->to,
			"    <hostdev mode='subsystem' type='pci' managed='yes'>\n      <source>\n"
			"        <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
			"function='0x%x'/>\n"
			"      </source>\n    </hostdev>\n",
			domain, bus, slot, function);
	else if (gpu->mdev.uuid)
		fprintf(w->to,
			"    <hostdev mode='subsystem' type='mdev' model='vfio-pci'>\n"
			"      <source><address uuid='%s'/></source>\n    </hostdev>\n",
			gpu->mdev.uuid);
	else
		fputs("    <!-- a virtual function or mdev of the host's: make it, and name it "
		      "here "
		      "-->\n",
		      w->to);
}

static void print_gpus(const struct writer *w)
{
	bool first = true;

	for (unsigned int i = 0; i < w->vm->gpus_count; i++)
		if (facet_vm_gpu_is_vgpu(&w->vm->gpus[i])) {
			print_vgpu(w, &w->vm->gpus[i], first);
			first = false;
		} else {
			print_host_device(w, &w->vm->gpus[i]);
		}
	/* Else libvirt adds one of its own. */
	if (first)
		fputs("    <video><model type='none'/></video>\n", w->to);
}

static void print_folders(struct writer *w)
{
	for (unsigned int i = 0; i < w->vm->folders_count; i++) {
		const struct facet_vm_folder *f = &w->vm->folders[i];

		print_path(
			w,
			"    <filesystem type='mount' accessmode='passthrough' multidevs='remap'>\n"
			"      <source dir='",
			f->path, "'/>\n");
		print(w, "      <target dir='", f->tag, "'/>\n");
		fputs(f->readonly ? "      <readonly/>\n    </filesystem>\n"
				  : "    </filesystem>\n",
		      w->to);
	}
}

static void print_regions(struct writer *w)
{
	for (unsigned int i = 0; i < w->vm->ivshmem_count; i++) {
		const struct facet_vm_ivshmem *r = &w->vm->ivshmem[i];

		fprintf(w->to, "    <shmem name='ivshmem%u'>\n", i);
		if (r->server) {
			fputs("      <model type='ivshmem-doorbell'/>\n", w->to);
			print_path(w, "      <server path='", r->server, "'/>\n");
			fprintf(w->to, "      <msi vectors='%u'/>\n", r->vectors ? r->vectors : 1);
		} else {
			/* libvirt names the file itself, in /dev/shm. */
			uint64_t bytes = 0;

			facet_units_bytes(r->size, &bytes);
			fprintf(w->to,
				"      <model type='ivshmem-plain'/>\n      <size unit='B'>%" PRIu64
				"</size>\n",
				bytes);
		}
		fputs("    </shmem>\n", w->to);
	}
}

static void print_graphics(struct writer *w, const char *type, const char *text)
{
	if (!facet_vm_wanted(text))
		return;
	fprintf(w->to, "    <graphics type='%s'>\n      <listen type='socket'", type);
	if (strcmp(text, "true") != 0)
		print_path(w, " socket='", text, "'");
	fputs("/>\n    </graphics>\n", w->to);
}

static void print_extra(const struct writer *w)
{
	if (!w->vm->extra_count)
		return;
	fputs("  <qemu:commandline>\n", w->to);
	for (unsigned int i = 0; i < w->vm->extra_count; i++)
		print(w, "    <qemu:arg value='", w->vm->extra[i], "'/>\n");
	fputs("  </qemu:commandline>\n", w->to);
}

int facet_libvirt_write(FILE *to, const struct facet_vm_file *file, const struct facet_vm *vm,
			struct facet_error *err)
{
	facet_autofree char *image = vm->guest.image ? facet_image_find("guest") : NULL;
	struct writer w = { .to = to, .file = file, .vm = vm };
	bool kvm = vm->accel == FACET_VM_KVM || access("/dev/kvm", R_OK | W_OK) == 0;

	if (vm->guest.image && !image)
		return facet_error_set(err, -ENOENT,
				       "%s: guest.image: not there yet: run scripts/guest-image",
				       vm->name);
	fprintf(to, "<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n",
		kvm && vm->accel != FACET_VM_TCG ? "kvm" : "qemu");
	print(&w, "  <name>", vm->name, "</name>\n");
	print_memory(&w);
	print_cpus(&w);
	print_os(&w, image);
	print_model(&w);
	fputs("  <devices>\n", to);
	print_disks(&w, image);
	print_networks(&w);
	fputs("    <serial type='pty'/>\n", to);
	print_graphics(&w, "spice", vm->display.spice);
	print_graphics(&w, "vnc", vm->display.vnc);
	print_gpus(&w);
	print_folders(&w);
	print_regions(&w);
	fputs("  </devices>\n", to);
	print_extra(&w);
	fputs("</domain>\n", to);
	return w.failed ? facet_error_set(err, -ENOMEM, "%s: out of memory", vm->name) : 0;
}
