// SPDX-License-Identifier: GPL-2.0-or-later
/* libvfio.c - LibVF.IO described a VM by one YAML file, too; its keys become ours. */
#include "launch/libvfio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "launch/document.h"

FACET_DEFINE_CLEANUP(struct facet_doc, facet_doc_destroy)

struct conversion {
	const struct facet_doc *doc;
	FILE *to, *remarks;
};

/* NULL: not there, or a YAML null. */
static const char *text_of(const struct conversion *c, int parent, const char *key)
{
	int node = parent < 0 ? -1 : facet_doc_child(c->doc, parent, key);
	const char *text = node < 0 ? NULL : c->doc->nodes[node].text;

	return !text || !text[0] || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ? NULL
											: text;
}

static unsigned int number_of(const struct conversion *c, int parent, const char *key,
			      unsigned int max)
{
	const char *text = text_of(c, parent, key);
	uint64_t number = 1;

	if (text && facet_units_number(text, 1, max, &number))
		fprintf(c->remarks, "%s %.40s: not a number up to %u: taken as 1\n", key, text,
			max);
	return (unsigned int)number;
}

/* In quotes: whatever it holds, it is one text. */
static void print_text(const struct conversion *c, const char *text)
{
	fputc('\'', c->to);
	for (; *text; text++)
		if (*text == '\'')
			fputs("''", c->to);
		else
			fputc(*text < 0x20 ? ' ' : *text, c->to);
	fputc('\'', c->to);
}

static void convert_name(const struct conversion *c)
{
	const char *name = text_of(c, 0, "name");
	unsigned int size = 0;

	fputs("name: ", c->to);
	for (const char *p = name ? name : "vm"; *p && size < 48; p++, size++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
			     (*p >= 'A' && *p <= 'Z');

		fputc(plain || (size && strchr("_.-", *p)) ? *p : size ? '-' : 'x', c->to);
	}
	fputc('\n', c->to);
}

static void convert_guest(const struct conversion *c)
{
	int container = facet_doc_child(c->doc, 0, "container");
	const char *kernel = text_of(c, container, "kernel"), *iso = text_of(c, container, "iso");

	fputs("guest:\n  firmware: uefi\n", c->to);
	if (iso) {
		fputs("  iso: ", c->to);
		print_text(c, iso);
		fputc('\n', c->to);
	}
	if (kernel || !iso) {
		fputs("  disks:\n  - format: qcow2\n    file: ", c->to);
		print_text(c, kernel ? kernel : "disk.qcow2");
		fputc('\n', c->to);
		fprintf(c->remarks,
			"container.kernel %.60s: the guest's disk: say in guest.disks where it "
			"is\n",
			kernel ? kernel : "(none)");
	}
	if (text_of(c, container, "initialSize"))
		fprintf(c->remarks, "container.initialSize: make the disk by qemu-img create\n");
}

static void convert_size(const struct conversion *c)
{
	int cpus = facet_doc_child(c->doc, 0, "cpus");
	unsigned int cores = number_of(c, cpus, "cores", 64);
	unsigned int sockets = number_of(c, cpus, "sockets", 4);
	unsigned int threads = number_of(c, cpus, "threads", 4);

	fprintf(c->to,
		"cpu:\n  count: %u\n  topology: {sockets: %u, cores: %u, threads: %u}\n"
		"memory: {size: %uM}\n",
		cores * sockets * threads, sockets, cores, threads,
		text_of(c, cpus, "ramAlloc") ? number_of(c, cpus, "ramAlloc", 1 << 24) : 4096);
}

/* A GPU is a list of mappings with one key each. */
static const char *gpu_text(const struct conversion *c, int gpu, const char *key)
{
	const char *text = text_of(c, gpu, key);

	for (int i = gpu + 1; !text && i < c->doc->count; i++)
		if (c->doc->nodes[i].parent == gpu)
			text = text_of(c, i, key);
	return text;
}

/* False: nothing of ours can be said of it. */
static bool convert_gpu(const struct conversion *c, int gpu, bool first)
{
	const char *type = gpu_text(c, gpu, "gpuType"), *mdev = gpu_text(c, gpu, "mdevType");
	const char *parent = gpu_text(c, gpu, "parentPort");
	unsigned int index = c->doc->nodes[gpu].index;

	if (gpu_text(c, gpu, "maxVRam") || gpu_text(c, gpu, "minVRam"))
		fprintf(c->remarks, "gpus[%u]: maxVRam, minVRam: the type decides that\n", index);
	if (type && strcmp(type, "sysfsdev") == 0 && mdev && parent && strlen(parent) == 12) {
		fprintf(c->to, "%s- mdev: {parent: ", first ? "gpus:\n" : "");
		print_text(c, parent);
		fputs(", type: ", c->to);
		print_text(c, mdev);
		fputs("}\n", c->to);
		return true;
	}
	if (type && strcmp(type, "sriovdev") == 0)
		fprintf(c->remarks,
			"gpus[%u]: sriovdev: enable a virtual function, and name it: `vfio: "
			"ADDRESS`\n",
			index);
	else
		fprintf(c->remarks,
			"gpus[%u]: an mdev of type %.40s: make it, and name it: `mdev: {uuid: "
			"UUID}`\n",
			index, mdev ? mdev : "(none)");
	return false;
}

static void convert_gpus(const struct conversion *c)
{
	int gpus = facet_doc_child(c->doc, 0, "gpus");
	bool first = true;

	for (int i = gpus + 1; gpus >= 0 && i < c->doc->count; i++)
		if (c->doc->nodes[i].parent == gpus && convert_gpu(c, i, first))
			first = false;
}

static bool is_true(const struct conversion *c, const char *key)
{
	const char *text = text_of(c, 0, key);

	return text && strcmp(text, "true") == 0;
}

static void convert_display(const struct conversion *c)
{
	const char *how = text_of(c, 0, "introspect");

	if (is_true(c, "spice")) {
		fputs("display: {spice: true}\n", c->to);
		fputs("spice: by a socket in the machine's directory; spicePort is not used\n",
		      c->remarks);
	}
	if (how && strcmp(how, "looking-glass") == 0) {
		fputs("ivshmem:\n- {file: /dev/shm/looking-glass, size: 128M}\n", c->to);
		fputs("introspect looking-glass: the guest's own host program writes there: "
		      "`facet view --kvmfr /dev/shm/looking-glass`\n",
		      c->remarks);
	}
}

static void convert_network(const struct conversion *c)
{
	const char *ssh = text_of(c, 0, "sshPort"), *folder = text_of(c, 0, "shareddir");
	int connectivity = facet_doc_child(c->doc, 0, "connectivity");
	int ports = connectivity < 0 ? -1 : facet_doc_child(c->doc, connectivity, "exposedPorts");
	uint64_t port;

	fputs("network:\n- mode: user\n", c->to);
	if (ssh && facet_units_number(ssh, 1, 65535, &port) == 0)
		fprintf(c->to, "  ports: ['tcp:%s:22']\n", ssh);
	for (int i = ports + 1; ports >= 0 && i < c->doc->count; i++)
		if (c->doc->nodes[i].parent == ports) {
			fputs("connectivity.exposedPorts: add them to network[0].ports\n",
			      c->remarks);
			break;
		}
	if (folder) {
		fputs("folders:\n- tag: shared\n  path: ", c->to);
		print_text(c, folder);
		fputc('\n', c->to);
	}
}

/* {arg: "-set", values: [...]} */
static void convert_commands(const struct conversion *c)
{
	int commands = facet_doc_child(c->doc, 0, "commands");
	bool first = true;

	for (int i = commands + 1; commands >= 0 && i < c->doc->count; i++) {
		const struct facet_doc_node *node = &c->doc->nodes[i];
		bool ours = node->text && node->text[0];

		for (int p = node->parent; ours && p != commands; p = c->doc->nodes[p].parent)
			ours = p >= 0;
		if (!ours)
			continue;
		fputs(first ? "extra:\n- " : "- ", c->to);
		print_text(c, node->text);
		fputc('\n', c->to);
		first = false;
	}
}

static void remark_rest(const struct conversion *c)
{
	static const char *const known[] = { "name",         "container", "cpus",      "gpus",
					     "introspect",   "spice",     "spicePort", "sshPort",
					     "connectivity", "shareddir", "commands",  NULL };
	const char *const *k;

	for (int i = 1; i < c->doc->count; i++) {
		const struct facet_doc_node *node = &c->doc->nodes[i];

		if (node->parent != 0)
			continue;
		for (k = known; *k && strcmp(*k, node->key) != 0; k++)
			;
		if (!*k)
			fprintf(c->remarks, "%.40s: has no meaning here\n", node->key);
	}
}

int facet_libvfio_convert(const char *path, const char *text, size_t size, FILE *to, FILE *remarks,
			  struct facet_error *err)
{
	facet_auto(facet_doc_destroy) struct facet_doc *doc = NULL;
	struct conversion c = { .to = to, .remarks = remarks };
	int r = facet_doc_read(path, text, size, true, &doc, err);

	if (r)
		return r;
	if (doc->nodes[0].kind != FACET_DOC_MAPPING || facet_doc_child(doc, 0, "cpus") < 0 ||
	    facet_doc_child(doc, 0, "gpus") < 0)
		return facet_error_set(err, -EINVAL,
				       "%.80s:1: not a file of LibVF.IO: it has cpus and gpus",
				       path);
	c.doc = doc;
	convert_name(&c);
	convert_guest(&c);
	convert_size(&c);
	convert_gpus(&c);
	convert_display(&c);
	convert_network(&c);
	convert_commands(&c);
	remark_rest(&c);
	return 0;
}
