// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.c - rules about memory: a guest with a device has all of its memory locked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/rules/rules.h"

/* CAP_IPC_LOCK, with which nothing is counted. */
static bool may_lock_all(struct facet_exam *exam)
{
	enum { IPC_LOCK = 14 };
	char text[4096], *at;

	facet_tree_text(exam->tree, text, sizeof(text), "proc/self/status");
	at = strstr(text, "CapEff:");
	return at && (strtoull(at + 7, NULL, 16) >> IPC_LOCK & 1);
}

static void check_memlock(struct facet_exam *exam)
{
	char text[4096], word[32], *at;
	uint64_t limit;

	facet_tree_text(exam->tree, text, sizeof(text), "proc/self/limits");
	at = strstr(text, "Max locked memory");
	if (!at || sscanf(at + strlen("Max locked memory"), "%31s", word) != 1)
		return;
	limit = strtoull(word, NULL, 10);
	if (strcmp(word, "unlimited") == 0)
		facet_say(exam, FACET_FINE, facet_saw(word, "proc/self/limits"), NULL,
			  "memory can be locked without limit");
	else if (may_lock_all(exam))
		facet_say(exam, FACET_FINE, facet_saw("CAP_IPC_LOCK", "proc/self/status"), NULL,
			  "this user may lock any memory");
	else
		facet_say(
			exam, limit < 1u << 30 ? FACET_FIX : FACET_NOTE,
			facet_saw(word, "proc/self/limits"),
			"raise it to the guest's memory and 64 MiB: LimitMEMLOCK= of the service, "
			"or memlock in /etc/security/limits.conf",
			"this user may lock %" PRIu64
			" MiB; a guest with a device needs all of its "
			"memory locked",
			limit >> 20);
}

static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void check_hugepages(struct facet_exam *exam)
{
	char text[4096], found[64];
	uint64_t total, free;

	if (facet_tree_text(exam->tree, text, sizeof(text), "proc/meminfo") <= 0)
		return;
	total = meminfo(text, "HugePages_Total:");
	free = meminfo(text, "HugePages_Free:");
	snprintf(found, sizeof(found), "HugePages_Total: %" PRIu64 ", Free: %" PRIu64, total, free);
	if (total && !free)
		facet_say(exam, FACET_NOTE, facet_saw(found, "proc/meminfo"),
			  "raise vm.nr_hugepages, or end a guest",
			  "all huge pages are taken: a guest that asks for them will not start");
	else if (total)
		facet_say(exam, FACET_FINE, facet_saw(found, "proc/meminfo"), NULL,
			  "%" PRIu64 " huge pages of %" PRIu64 " are free", free, total);
	else
		facet_say(
			exam, FACET_NOTE, facet_saw(found, "proc/meminfo"),
			"vm.nr_hugepages=N, and QEMU's memory-backend-memfd,hugetlb=on",
			"no huge pages are set aside; guests with devices start faster with them");
}

const struct facet_rule facet_rules_memory[] = {
	{ "memory.memlock", "may a guest's memory be locked", FACET_ABI_LIMITS, BY_VFIO,
	  check_memlock },
	{ "memory.hugepages", "are huge pages left", FACET_ABI_MEMINFO, 0, check_hugepages },
	{ 0 },
};
