// SPDX-License-Identifier: GPL-2.0-or-later
/* records.c - what a KVMFR file says of who publishes in it, and of what VM. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "display/kvmfr/publisher.h"

enum { MODEL_BYTES = 49 };

/*
 * Looking Glass's client compares the model with its own host's and warns of a VM that hides it,
 * and of one without threads on a host that has them. We know nothing of the VM's processors, so
 * it gets the host's. Asked of the processor: a sandbox may show no files.
 */
static void read_model(char *model, unsigned int *ret_threads)
{
	uint32_t r[4] = { 0 };

	snprintf(model, MODEL_BYTES, "unknown");
	*ret_threads = 1;
#if defined(__x86_64__) || defined(__i386__)
	if (__get_cpuid_count(0xb, 0, &r[0], &r[1], &r[2], &r[3]) && (r[1] & 0xffff))
		*ret_threads = r[1] & 0xffff;
	if ((uint32_t)__get_cpuid_max(0x80000000, NULL) < 0x80000004)
		return;
	for (uint32_t i = 0; i < 3; i++) {
		__get_cpuid(0x80000002 + i, &r[0], &r[1], &r[2], &r[3]);
		memcpy(model + i * sizeof(r), r, sizeof(r));
	}
	model[MODEL_BYTES - 1] = '\0';
#else
	(void)r;
#endif
}

static uint8_t at_most_255(long n)
{
	return n < 1 ? 1 : n > 255 ? 255 : (uint8_t)n;
}

static void add_record(struct kvmfr_publisher *p, enum wire_kvmfr_record type, const void *data,
		       size_t size)
{
	const struct wire_kvmfr20_record record = { .type = (uint8_t)type,
						    .size = htole32((uint32_t)size) };

	assert(p->user_size + sizeof(record) + size <= sizeof(p->user));
	memcpy(p->user + p->user_size, &record, sizeof(record));
	memcpy(p->user + p->user_size + sizeof(record), data, size);
	p->user_size += (uint32_t)(sizeof(record) + size);
}

static void add_vm(struct kvmfr_publisher *p)
{
	uint8_t data[sizeof(struct wire_kvmfr20_vm) + MODEL_BYTES] = { 0 };
	struct wire_kvmfr20_vm *vm = (struct wire_kvmfr20_vm *)data;
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int threads;

	read_model(vm->model, &threads);
	snprintf(vm->capture, sizeof(vm->capture), "facet scanout");
	vm->threads = at_most_255(cpus);
	vm->cores = at_most_255(cpus / (long)threads);
	vm->sockets = 1;
	add_record(p, WIRE_KVMFR_RECORD_VM, data, sizeof(*vm) + strlen(vm->model) + 1);
}

static void add_os(struct kvmfr_publisher *p, const char *name)
{
	uint8_t data[sizeof(struct wire_kvmfr20_os) + 128] = { 0 };
	struct wire_kvmfr20_os *os = (struct wire_kvmfr20_os *)data;

	os->os = WIRE_KVMFR_OS_OTHER;
	snprintf(os->name, 128, "%s", name ? name : "unknown");
	add_record(p, WIRE_KVMFR_RECORD_OS, data, sizeof(*os) + strlen(os->name) + 1);
}

void facet_kvmfr_records_write(struct kvmfr_publisher *p, const char *name)
{
	const struct wire_kvmfr_release *w = p->wire;
	const uint32_t version = htole32(w->kvmfr_version);

	memset(p->user, 0, sizeof(p->user));
	memcpy(p->user + w->user.magic, wire_kvmfr_magic, sizeof(wire_kvmfr_magic));
	memcpy(p->user + w->user.version, &version, sizeof(version));
	snprintf((char *)p->user + w->user.publisher, w->user.publisher_bytes, "facet %s",
		 FACET_VERSION);
	p->user_size = w->user.bytes;
	add_vm(p);
	add_os(p, name);
}
