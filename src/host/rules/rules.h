/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules.h - what a rule of the doctor is, and what it may use. */
#ifndef FACET_HOST_RULES_RULES_H
#define FACET_HOST_RULES_RULES_H

#include "host/doctor.h"
#include "host/probe.h"

#define BIT(mechanism) (1u << (mechanism))
/* All that give away a device of the PCI bus, and those whose memory an IOMMU has to guard. */
#define BY_DEVICE (BIT(FACET_VFIO) | BIT(FACET_SRIOV) | BIT(FACET_VENDOR_VF))
#define BY_MDEV   (BIT(FACET_MDEV) | BIT(FACET_GVTG))
#define BY_VFIO   (BY_DEVICE | BY_MDEV)

struct facet_exam {
	struct facet_tree *tree;
	const struct facet_host *host;
	const struct facet_host_gpu *gpu; /* NULL in a rule about the host */
	const struct facet_rule *rule;
	struct facet_diagnosis *diagnosis;
};

/* It says at most one thing about a subject, by facet_say(); nothing where it does not apply. */
struct facet_rule {
	const char *name;
	const char *about;
	enum facet_abi_id abi;
	unsigned int mechanisms;
	void (*check)(struct facet_exam *exam);
};

/* Each ends with an empty one. Those of the host, and those of a GPU. */
extern const struct facet_rule facet_rules_iommu[], facet_rules_kernel[], facet_rules_kvm[],
	facet_rules_memory[], facet_rules_software[], facet_rules_cgroup[];
extern const struct facet_rule facet_rules_render[], facet_rules_group[], facet_rules_vfio[],
	facet_rules_sriov[], facet_rules_mdev[], facet_rules_gvtg[], facet_rules_vendor[];

/*
 * What was read. The path is given as it is below the root, without '/'; it and @found are
 * remembered until the rule says something.
 */
struct facet_evidence {
	char file[128], found[160];
};
struct facet_evidence facet_saw(const char *found, const char *file, ...)
	__attribute__((format(printf, 2, 3)));

/* The same of a program that was asked. */
struct facet_evidence facet_heard(const char *found, const char *command);

/* @fix may be NULL. */
void facet_say(struct facet_exam *exam, enum facet_outcome outcome, struct facet_evidence saw,
	       const char *fix, const char *verdict, ...) __attribute__((format(printf, 5, 6)));

/* --- what several rules ask --- */

bool facet_exam_is_guest(struct facet_exam *exam); /* this host is a virtual machine itself */
bool facet_exam_is_amd(struct facet_exam *exam);   /* by its CPU */
/* GVT-g was made for this device. */
bool facet_exam_has_gvtg(const struct facet_host_gpu *gpu);

enum { NVIDIA = 0x10de, INTEL = 0x8086, AMD = 0x1002 };

#endif
