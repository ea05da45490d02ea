// SPDX-License-Identifier: GPL-2.0-or-later
/* schema.c - which keys there are. What their values may be stands in values.c. */
#include "launch/schema.h"

#include "launch/vm.h"

#define NEEDED   CYAML_FLAG_POINTER
#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT_(flags, key, type, member) \
	CYAML_FIELD_STRING_PTR(key, flags, struct type, member, 0, FACET_DOC_TEXT)
#define TEXT(key, type, member)   TEXT_(OPTIONAL, key, type, member)
#define NUMBER(key, type, member) CYAML_FIELD_UINT(key, CYAML_FLAG_OPTIONAL, struct type, member)
#define BOOL(key, type, member)   CYAML_FIELD_BOOL(key, CYAML_FLAG_OPTIONAL, struct type, member)
#define ENUM(key, type, member, strings)                                                    \
	CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct type, member, \
			 strings, sizeof(strings) / sizeof((strings)[0]))
#define PART(key, type, member, fields) \
	CYAML_FIELD_MAPPING(key, CYAML_FLAG_OPTIONAL, struct type, member, fields)
#define LIST(key, type, member, entry, max) \
	CYAML_FIELD_SEQUENCE(key, OPTIONAL, struct type, member, entry, 0, max)
#define ITEM(name, type, fields)                                                           \
	static const cyaml_schema_value_t name = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, \
								       struct type, fields) }

static const cyaml_strval_t formats[] = { { "raw", FACET_VM_RAW }, { "qcow2", FACET_VM_QCOW2 } };
static const cyaml_strval_t policies[] = { { "prefer", FACET_VM_PREFER },
					   { "strict", FACET_VM_STRICT },
					   { "spread", FACET_VM_SPREAD } };
static const cyaml_strval_t modes[] = { { "user", FACET_VM_USER },
					{ "bridge", FACET_VM_BRIDGE },
					{ "tap", FACET_VM_TAP } };
static const cyaml_strval_t accels[] = { { "auto", FACET_VM_ACCEL_AUTO },
					 { "kvm", FACET_VM_KVM },
					 { "tcg", FACET_VM_TCG } };

static const cyaml_schema_value_t text = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0,
							      FACET_DOC_TEXT) };

static const cyaml_schema_field_t disk_fields[] = {
	TEXT_(NEEDED, "file", facet_vm_disk, file), ENUM("format", facet_vm_disk, format, formats),
	BOOL("overlay", facet_vm_disk, overlay),    BOOL("snapshot", facet_vm_disk, snapshot),
	BOOL("readonly", facet_vm_disk, readonly),  CYAML_FIELD_END,
};
ITEM(disk, facet_vm_disk, disk_fields);

static const cyaml_schema_field_t guest_fields[] = {
	TEXT("image", facet_vm_guest, image),
	TEXT("kernel", facet_vm_guest, kernel),
	TEXT("initrd", facet_vm_guest, initrd),
	TEXT("append", facet_vm_guest, append),
	TEXT("iso", facet_vm_guest, iso),
	TEXT("firmware", facet_vm_guest, firmware),
	LIST("disks", facet_vm_guest, disks, &disk, FACET_VM_LIST),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t topology_fields[] = {
	NUMBER("sockets", facet_vm_topology, sockets),
	NUMBER("cores", facet_vm_topology, cores),
	NUMBER("threads", facet_vm_topology, threads),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t cpu_fields[] = {
	NUMBER("count", facet_vm_cpu, count),
	PART("topology", facet_vm_cpu, topology, topology_fields),
	TEXT("model", facet_vm_cpu, model),
	NUMBER("share", facet_vm_cpu, share),
	TEXT("cap", facet_vm_cpu, cap),
	TEXT("pinning", facet_vm_cpu, pinning),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t memory_fields[] = {
	TEXT("size", facet_vm_memory, size),
	TEXT("hugepages", facet_vm_memory, hugepages),
	BOOL("shared", facet_vm_memory, shared),
	TEXT("nodes", facet_vm_memory, nodes),
	ENUM("policy", facet_vm_memory, policy, policies),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t mdev_fields[] = {
	TEXT("parent", facet_vm_mdev, parent),
	TEXT("type", facet_vm_mdev, type),
	TEXT("uuid", facet_vm_mdev, uuid),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t sriov_fields[] = {
	TEXT_(NEEDED, "pf", facet_vm_sriov, pf),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t gpu_fields[] = {
	TEXT("gpu", facet_vm_gpu, gpu),
	TEXT("mechanism", facet_vm_gpu, mechanism),
	TEXT("type", facet_vm_gpu, type),
	TEXT("transport", facet_vm_gpu, transport),
	NUMBER("share", facet_vm_gpu, share),
	TEXT("cap", facet_vm_gpu, cap),
	TEXT("reservation", facet_vm_gpu, reservation),
	TEXT("vram", facet_vm_gpu, vram),
	TEXT("eus", facet_vm_gpu, eus),
	TEXT("size", facet_vm_gpu, size),
	NUMBER("outputs", facet_vm_gpu, outputs),
	TEXT("vfio", facet_vm_gpu, vfio),
	PART("sriov", facet_vm_gpu, sriov, sriov_fields),
	PART("mdev", facet_vm_gpu, mdev, mdev_fields),
	CYAML_FIELD_END,
};
ITEM(gpu, facet_vm_gpu, gpu_fields);

static const cyaml_schema_field_t display_fields[] = {
	TEXT("looking-glass", facet_vm_display, looking_glass),
	TEXT("spice", facet_vm_display, spice),
	TEXT("vnc", facet_vm_display, vnc),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t network_fields[] = {
	ENUM("mode", facet_vm_network, mode, modes),
	TEXT("bridge", facet_vm_network, bridge),
	TEXT("interface", facet_vm_network, interface),
	TEXT("mac", facet_vm_network, mac),
	LIST("ports", facet_vm_network, ports, &text, FACET_VM_LIST),
	CYAML_FIELD_END,
};
ITEM(network, facet_vm_network, network_fields);

static const cyaml_schema_field_t folder_fields[] = {
	TEXT_(NEEDED, "path", facet_vm_folder, path),
	TEXT_(NEEDED, "tag", facet_vm_folder, tag),
	BOOL("readonly", facet_vm_folder, readonly),
	CYAML_FIELD_END,
};
ITEM(folder, facet_vm_folder, folder_fields);

static const cyaml_schema_field_t ivshmem_fields[] = {
	TEXT("file", facet_vm_ivshmem, file),
	TEXT("size", facet_vm_ivshmem, size),
	TEXT("server", facet_vm_ivshmem, server),
	NUMBER("vectors", facet_vm_ivshmem, vectors),
	CYAML_FIELD_END,
};
ITEM(ivshmem, facet_vm_ivshmem, ivshmem_fields);

static const cyaml_schema_field_t hook_fields[] = {
	TEXT("prepare", facet_vm_hooks, prepare),
	TEXT("started", facet_vm_hooks, started),
	TEXT("stopped", facet_vm_hooks, stopped),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t vm_fields[] = {
	TEXT_(NEEDED, "name", facet_vm, name),
	TEXT("qemu", facet_vm, qemu),
	TEXT("machine", facet_vm, machine),
	ENUM("accel", facet_vm, accel, accels),
	NUMBER("stop-seconds", facet_vm, stop_seconds),
	BOOL("autostart", facet_vm, autostart),
	CYAML_FIELD_MAPPING("guest", CYAML_FLAG_DEFAULT, struct facet_vm, guest, guest_fields),
	PART("cpu", facet_vm, cpu, cpu_fields),
	PART("memory", facet_vm, memory, memory_fields),
	LIST("gpus", facet_vm, gpus, &gpu, FACET_VM_LIST),
	PART("display", facet_vm, display, display_fields),
	LIST("network", facet_vm, network, &network, FACET_VM_LIST),
	LIST("folders", facet_vm, folders, &folder, FACET_VM_LIST),
	LIST("ivshmem", facet_vm, ivshmem, &ivshmem, FACET_VM_LIST),
	LIST("extra", facet_vm, extra, &text, FACET_VM_EXTRA),
	PART("hooks", facet_vm, hooks, hook_fields),
	CYAML_FIELD_END,
};
ITEM(vm, facet_vm, vm_fields);

static const cyaml_schema_field_t file_fields[] = {
	CYAML_FIELD_SEQUENCE("vms", CYAML_FLAG_POINTER, struct facet_vm_list, vms, &vm, 1,
			     FACET_VM_MAX),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t facet_vm_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER,
								   struct facet_vm, vm_fields) };
const cyaml_schema_value_t facet_vm_file_schema = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_POINTER, struct facet_vm_list, file_fields) };
