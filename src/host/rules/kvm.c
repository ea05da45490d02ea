// SPDX-License-Identifier: GPL-2.0-or-later
/* kvm.c - rules about KVM: without it guests are emulated, ten times slower. */
#include <errno.h>
#include <string.h>

#include "host/rules/rules.h"

static bool cpu_virtualizes(struct facet_exam *exam)
{
	char text[8192];

	facet_tree_text(exam->tree, text, sizeof(text), "proc/cpuinfo");
	/* Of other architectures there are no such flags. */
	return strstr(text, " vmx") || strstr(text, " svm") || !strstr(text, "flags");
}

/* There is no device: why? */
static void say_absent(struct facet_exam *exam)
{
	if (!cpu_virtualizes(exam) && facet_exam_is_guest(exam))
		facet_say(
			exam, FACET_FIX, facet_saw("neither vmx nor svm", "proc/cpuinfo"),
			"let the host of this machine pass virtualization on (nested=1, -cpu host)",
			"this host is a virtual machine whose CPU does not virtualize");
	else if (!cpu_virtualizes(exam))
		facet_say(exam, FACET_FIX, facet_saw("neither vmx nor svm", "proc/cpuinfo"),
			  "switch on VT-x (Intel) or SVM (AMD) in the firmware's setup",
			  "the CPU does not virtualize, or firmware switched that off");
	else
		facet_say(exam, FACET_FIX, facet_saw("absent", "dev/kvm"),
			  facet_exam_is_amd(exam) ? "modprobe kvm_amd" : "modprobe kvm_intel",
			  "the CPU virtualizes, and KVM is not loaded");
}

static void check_kvm(struct facet_exam *exam)
{
	int access = facet_tree_access(exam->tree, "dev/kvm"), r;

	if (access == -ENOENT) {
		say_absent(exam);
		return;
	}
	if (access < 0) {
		facet_say(exam, FACET_FIX, facet_saw(strerror(-access), "dev/kvm"),
			  "add the user to the group 'kvm', log in again",
			  "this user may not open /dev/kvm");
		return;
	}
	r = facet_probe_kvm(exam->tree);
	if (r == 0 && !cpu_virtualizes(exam))
		facet_say(
			exam, FACET_FIX, facet_saw("neither vmx nor svm", "proc/cpuinfo"),
			"QEMU's -accel tcg; or let the host of this machine pass virtualization on",
			"/dev/kvm makes machines without the CPU's help (kvm_pvm): stock guests "
			"do not boot in them");
	else if (r == 0)
		facet_say(exam, FACET_FINE, facet_saw("made a machine", "dev/kvm"), NULL,
			  "KVM works");
	else if (r == -ENODATA)
		facet_say(exam, FACET_FINE, facet_saw("may be opened", "dev/kvm"), NULL,
			  "KVM is there; it was not tried");
	else
		facet_say(exam, r == -EBUSY ? FACET_FIX : FACET_CANNOT,
			  facet_saw(strerror(-r), "dev/kvm"),
			  r == -EBUSY
				  ? "stop the other hypervisor (VirtualBox, VMware)"
				  : "look for 'kvm' in dmesg; a container or virtual machine may "
				    "not be allowed it",
			  "/dev/kvm is there, and makes no machine: %s", strerror(-r));
}

const struct facet_rule facet_rules_kvm[] = {
	{ "kvm.works", "does KVM make machines", FACET_ABI_KVM, 0, check_kvm },
	{ 0 },
};
