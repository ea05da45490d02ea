// SPDX-License-Identifier: GPL-2.0-or-later
/* doctor.c - applies the rules, and draws from their findings what each mechanism comes to. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/rules/rules.h"

static const struct facet_rule *const host_rules[] = {
	facet_rules_iommu,  facet_rules_kernel,   facet_rules_kvm,
	facet_rules_memory, facet_rules_software, facet_rules_cgroup,
};

static const struct facet_rule *const gpu_rules[] = {
	facet_rules_render, facet_rules_group, facet_rules_vfio,   facet_rules_sriov,
	facet_rules_mdev,   facet_rules_gvtg,  facet_rules_vendor,
};

const char *facet_outcome_name(enum facet_outcome outcome)
{
	static const char *const names[] = { "ok", "note", "absent", "step", "fix", "cannot" };

	return names[outcome];
}

struct facet_evidence facet_saw(const char *found, const char *fmt, ...)
{
	struct facet_evidence saw;
	va_list args;

	saw.file[0] = '/';
	va_start(args, fmt);
	vsnprintf(saw.file + 1, sizeof(saw.file) - 1, fmt, args);
	va_end(args);
	snprintf(saw.found, sizeof(saw.found), "%s", found);
	return saw;
}

struct facet_evidence facet_heard(const char *found, const char *command)
{
	struct facet_evidence saw;

	snprintf(saw.file, sizeof(saw.file), "%s", command);
	snprintf(saw.found, sizeof(saw.found), "%s", found);
	return saw;
}

void facet_say(struct facet_exam *exam, enum facet_outcome outcome, struct facet_evidence saw,
	       const char *fix, const char *fmt, ...)
{
	struct facet_diagnosis *d = exam->diagnosis;
	struct facet_finding *finding;
	va_list args;
	void *more;

	/* In steps, by powers of two. */
	if ((d->count & (d->count - 1)) == 0) {
		more = reallocarray(d->findings, d->count ? 2 * d->count : 1, sizeof(*d->findings));
		d->lost |= !more;
		if (!more)
			return;
		d->findings = more;
	}
	finding = &d->findings[d->count++];
	*finding = (struct facet_finding){
		.rule = exam->rule->name,
		.outcome = outcome,
		.mechanisms = exam->rule->mechanisms,
		.abi = &facet_abi_table[exam->rule->abi],
	};
	strcpy(finding->subject, exam->gpu ? exam->gpu->function.bdf : "host");
	strcpy(finding->file, saw.file);
	strcpy(finding->found, saw.found);
	snprintf(finding->fix, sizeof(finding->fix), "%s", fix ? fix : "");
	va_start(args, fmt);
	vsnprintf(finding->verdict, sizeof(finding->verdict), fmt, args);
	va_end(args);
}

/* --- what several rules ask --- */

static bool cpu_has(struct facet_exam *exam, const char *words)
{
	char text[8192];

	/* The first CPU will do. */
	facet_tree_text(exam->tree, text, sizeof(text), "proc/cpuinfo");
	return strstr(text, words) != NULL;
}

bool facet_exam_is_guest(struct facet_exam *exam)
{
	return cpu_has(exam, " hypervisor");
}

bool facet_exam_is_amd(struct facet_exam *exam)
{
	return cpu_has(exam, "AuthenticAMD") || cpu_has(exam, "HygonGenuine");
}

/* --- the whole --- */

static void apply(struct facet_exam *exam, const struct facet_rule *const *topics, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (const struct facet_rule *rule = topics[i]; rule->name; rule++) {
			exam->rule = rule;
			rule->check(exam);
		}
	}
}

static bool is_about(const struct facet_finding *finding, const struct facet_host_gpu *gpu,
		     unsigned int mechanism)
{
	return (finding->mechanisms & BIT(mechanism)) &&
	       (strcmp(finding->subject, "host") == 0 ||
		strcmp(finding->subject, gpu->function.bdf) == 0);
}

/* What a device does not have is not mended by a host that has all the rest. */
static bool is_worse(const struct facet_finding *finding, const struct facet_verdict *verdict)
{
	if (finding->outcome == FACET_NOTE || finding->outcome == FACET_FINE)
		return false;
	if (verdict->outcome == FACET_ABSENT)
		return false;
	return finding->outcome == FACET_ABSENT || finding->outcome > verdict->outcome;
}

static void draw_verdicts(const struct facet_host *host, struct facet_diagnosis *d)
{
	const struct facet_finding *finding;
	struct facet_verdict *verdict;

	for (unsigned int i = 0; i < host->count; i++) {
		for (unsigned int m = 0; m < FACET_MECHANISM_COUNT; m++) {
			verdict = &d->verdicts[i][m];
			for (unsigned int k = 0; k < d->count; k++) {
				finding = &d->findings[k];
				if (is_about(finding, &host->gpus[i], m) &&
				    is_worse(finding, verdict))
					*verdict =
						(struct facet_verdict){ finding->outcome, finding };
			}
		}
	}
}

/* Is there a GPU that has the mechanism at all? */
static bool matters(const struct facet_host *host, const struct facet_diagnosis *d,
		    const struct facet_finding *finding)
{
	for (unsigned int i = 0; i < host->count; i++) {
		for (unsigned int m = 0; m < FACET_MECHANISM_COUNT; m++)
			if (is_about(finding, &host->gpus[i], m) &&
			    d->verdicts[i][m].outcome != FACET_ABSENT)
				return true;
	}
	return !finding->mechanisms;
}

static void find_worst(const struct facet_host *host, struct facet_diagnosis *d)
{
	for (unsigned int k = 0; k < d->count; k++) {
		d->findings[k].matters = matters(host, d, &d->findings[k]);
		if (d->findings[k].matters && d->findings[k].outcome > d->worst)
			d->worst = d->findings[k].outcome;
	}
}

int facet_doctor_examine(struct facet_tree *tree, const struct facet_host *host,
			 struct facet_diagnosis *ret, struct facet_error *err)
{
	struct facet_diagnosis d = { 0 };
	struct facet_exam exam = { .tree = tree, .host = host, .diagnosis = &d };

	apply(&exam, host_rules, sizeof(host_rules) / sizeof(*host_rules));
	for (unsigned int i = 0; i < host->count; i++) {
		exam.gpu = &host->gpus[i];
		apply(&exam, gpu_rules, sizeof(gpu_rules) / sizeof(*gpu_rules));
	}
	d.verdicts = calloc(host->count ? host->count : 1, sizeof(*d.verdicts));
	if (!d.verdicts || d.lost) {
		facet_doctor_fini(&d);
		return facet_error_set(err, -ENOMEM, "out of memory");
	}
	draw_verdicts(host, &d);
	find_worst(host, &d);
	*ret = d;
	return 0;
}

void facet_doctor_fini(struct facet_diagnosis *diagnosis)
{
	free(diagnosis->findings);
	free(diagnosis->verdicts);
	*diagnosis = (struct facet_diagnosis){ 0 };
}

static bool find_rule(const struct facet_rule *const *topics, size_t count, unsigned int *index,
		      const struct facet_rule **ret)
{
	for (size_t i = 0; i < count; i++) {
		for (*ret = topics[i]; (*ret)->name; (*ret)++)
			if ((*index)-- == 0)
				return true;
	}
	return false;
}

bool facet_doctor_rule(unsigned int index, const char **ret_name, const char **ret_about)
{
	const struct facet_rule *rule;

	if (!find_rule(host_rules, sizeof(host_rules) / sizeof(*host_rules), &index, &rule) &&
	    !find_rule(gpu_rules, sizeof(gpu_rules) / sizeof(*gpu_rules), &index, &rule))
		return false;
	*ret_name = rule->name;
	*ret_about = rule->about;
	return true;
}
