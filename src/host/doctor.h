/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor.h - why a mechanism works on this host, or does not, and what would mend it. */
#ifndef FACET_HOST_DOCTOR_H
#define FACET_HOST_DOCTOR_H

#include "host/abi.h"
#include "host/inventory.h"

/* From good to bad: of several the last decides. */
enum facet_outcome {
	FACET_FINE,   /* as it has to be */
	FACET_NOTE,   /* worth knowing; hinders nothing */
	FACET_ABSENT, /* this device or host has no such thing: nothing is broken */
	FACET_STEP,   /* works after a step that belongs to using it, such as binding a driver */
	FACET_FIX,    /* works after something is mended: a kernel argument, a package, a right */
	FACET_CANNOT, /* and nothing that is done to this host's settings will change it */
};
/* "ok", "note", "absent", "step", "fix", "cannot" */
const char *facet_outcome_name(enum facet_outcome outcome);

/* What one rule found on one subject. */
struct facet_finding {
	const char *rule;             /* "iommu.present": a name that stays */
	char subject[FACET_HOST_BDF]; /* a BDF, or "host" */
	enum facet_outcome outcome;
	unsigned int mechanisms; /* bits of what it decides about: 1 << FACET_VFIO */
	bool matters;            /* to a mechanism that some GPU here has; or to all guests */
	char file[128];          /* what was read, or the command that was asked */
	char found[160];         /* what was in it */
	char verdict[300];       /* a sentence */
	char fix[300];           /* what to do, "" if nothing */
	const struct facet_abi *abi;
};

/* Of all findings about a GPU and a mechanism, and about the host and that mechanism. */
struct facet_verdict {
	enum facet_outcome outcome;          /* FACET_NOTE never */
	const struct facet_finding *because; /* the first of the worst, NULL if all is fine */
};

struct facet_diagnosis {
	struct facet_finding *findings; /* of the host, then of each GPU in order */
	unsigned int count;
	bool lost; /* there were more than memory for them */
	struct facet_verdict (*verdicts)[FACET_MECHANISM_COUNT]; /* of each GPU in order */
	enum facet_outcome worst;                                /* of what matters */
};

/**
 * facet_doctor_examine() - apply every rule to a host that was scanned.
 * @tree: what @host was scanned from; rules read more of it
 *
 * Needs no privilege and changes nothing; on a real host it asks a few programs for their version
 * (at most 5 s each), and KVM for an empty machine.
 *
 * Return: 0; -ENOMEM after a sentence in @err. Released by facet_doctor_fini().
 */
int facet_doctor_examine(struct facet_tree *tree, const struct facet_host *host,
			 struct facet_diagnosis *ret, struct facet_error *err);
void facet_doctor_fini(struct facet_diagnosis *diagnosis);

/* The rules in order: name and what it looks at; false: there is no rule @index. */
bool facet_doctor_rule(unsigned int index, const char **ret_name, const char **ret_about);

#endif
