// SPDX-License-Identifier: GPL-2.0-or-later
/* software.c - rules about versions of programs and libraries beside facet. */
#include <stdio.h>
#include <string.h>

#include "host/rules/rules.h"

static void check_qemu(struct facet_exam *exam)
{
	char text[160];
	unsigned int version;

	if (facet_probe_program(exam->tree, "qemu-system-x86_64", text, sizeof(text)) < 0) {
		facet_say(exam, FACET_FIX, facet_heard("not found", "qemu-system-x86_64 --version"),
			  "apt install qemu-system-x86", "QEMU for x86 is not installed");
		return;
	}
	version = facet_probe_version(text);
	if (version < 7002)
		facet_say(exam, FACET_FIX, facet_heard(text, "qemu-system-x86_64 --version"),
			  "install 7.2 or newer",
			  "this QEMU is older than what facet was tried with");
	else if (version < 10001)
		facet_say(exam, FACET_NOTE, facet_heard(text, "qemu-system-x86_64 --version"),
			  "10.1 or newer has vfio-user-pci",
			  "QEMU works with facet by vhost-user, 7.2 only under KVM; it has no "
			  "vfio-user");
	else
		facet_say(exam, FACET_FINE, facet_heard(text, "qemu-system-x86_64 --version"), NULL,
			  "QEMU works with facet, by vhost-user and vfio-user");
}

static void check_virgl(struct facet_exam *exam)
{
	char text[160];

	if (facet_probe_package(exam->tree, "libvirglrenderer1", text, sizeof(text)) < 0)
		facet_say(exam, FACET_NOTE, facet_saw("absent", "var/lib/dpkg/status"),
			  "apt install libvirglrenderer1, unless it was built by hand",
			  "virglrenderer is not installed by dpkg: without it vGPUs are 2D");
	else if (facet_probe_version(text) < 1000 + 1)
		facet_say(exam, FACET_NOTE, facet_saw(text, "var/lib/dpkg/status"), NULL,
			  "virglrenderer works; fences are asynchronous from 1.1.2 on");
	else
		facet_say(exam, FACET_FINE, facet_saw(text, "var/lib/dpkg/status"), NULL,
			  "virglrenderer works");
}

static void check_mesa(struct facet_exam *exam)
{
	char text[160];

	if (facet_probe_package(exam->tree, "libgl1-mesa-dri", text, sizeof(text)) < 0)
		facet_say(exam, FACET_NOTE, facet_saw("absent", "var/lib/dpkg/status"),
			  "apt install libgl1-mesa-dri libegl-mesa0",
			  "Mesa's drivers are not installed by dpkg: without them vGPUs are 2D");
	else
		facet_say(exam, FACET_FINE, facet_saw(text, "var/lib/dpkg/status"), NULL,
			  "Mesa is installed");
}

/* B7 is the first whose KVMFR is version 20, which facet writes. */
static void check_looking_glass(struct facet_exam *exam)
{
	char text[160], *at;

	if (facet_probe_program(exam->tree, "looking-glass-client", text, sizeof(text)) < 0) {
		facet_say(
			exam, FACET_NOTE,
			facet_heard("not found", "looking-glass-client --version"), NULL,
			"looking-glass-client is not installed: `facet view` has nothing to start");
		return;
	}
	at = strstr(text, "(B");
	at = at ? at + 1 : strchr(text, 'B');
	if (at && at[1] >= '1' && at[1] < '7' && (at[2] < '0' || at[2] > '9'))
		facet_say(exam, FACET_FIX, facet_heard(text, "looking-glass-client --version"),
			  "install B7",
			  "this looking-glass-client does not read what facet writes");
	else
		facet_say(exam, FACET_FINE, facet_heard(text, "looking-glass-client --version"),
			  NULL, "looking-glass-client is installed");
}

const struct facet_rule facet_rules_software[] = {
	{ "software.qemu", "which QEMU is it", FACET_ABI_VERSION, 0, check_qemu },
	{ "software.virglrenderer", "which virglrenderer is it", FACET_ABI_DPKG, BIT(FACET_VIRGL),
	  check_virgl },
	{ "software.mesa", "which Mesa is it", FACET_ABI_DPKG, BIT(FACET_VIRGL), check_mesa },
	{ "software.looking-glass", "which looking-glass-client is it", FACET_ABI_VERSION, 0,
	  check_looking_glass },
	{ 0 },
};
