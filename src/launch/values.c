// SPDX-License-Identifier: GPL-2.0-or-later
/* values.c - what numbers and texts of the file may be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cpulist.h"
#include "base/units.h"
#include "launch/schema.h"

enum kind {
	ANY,  /* also nothing */
	TEXT, /* a line, not empty */
	PATH,
	NUMBER, /* min to max */
	BYTES,  /* min to max */
	PERCENT,
	PERCENTS, /* more than 100, too: min to max */
	SIZE,
	WORD,    /* a name: letters, digits, and _ . - */
	WORDS,   /* one of those in `allowed`, which are separated by ", " */
	CPUS,    /* auto, none, or a list of numbers up to max */
	ADDRESS, /* of a PCI device */
	MAC,
	PORT,
	SWITCH, /* true, false, or a path */
	UUID,
};

struct rule {
	const char *name;
	enum kind kind;
	uint64_t min, max;
	const char *allowed;
};

static const char a_word[] = "1 to 48 of A-Z a-z 0-9 _ . - beginning with a letter or digit";
static const char a_device[] = "a PCI address such as 0000:01:00.0";
static const char a_switch[] = "true, false, or a path";

/* PATHs and TEXTs say the same of all. */
static const struct rule rules[] = {
	{ "name", WORD, 1, 48, a_word },
	{ "qemu", PATH },
	{ "machine", WORD, 1, 48, a_word },
	{ "stop-seconds", NUMBER, 0, 3600, "a number of seconds from 0 (no ACPI) to 3600" },
	{ "guest.image", WORDS, 0, 0, "debian" },
	{ "guest.kernel", PATH },
	{ "guest.initrd", PATH },
	{ "guest.append", ANY },
	{ "guest.iso", PATH },
	{ "guest.firmware", PATH },
	{ "guest.disks[].file", PATH },
	{ "cpu.count", NUMBER, 1, 1024, "a number from 1 to 1024" },
	{ "cpu.topology.sockets", NUMBER, 1, 64, "a number from 1 to 64" },
	{ "cpu.topology.cores", NUMBER, 1, 1024, "a number from 1 to 1024" },
	{ "cpu.topology.threads", NUMBER, 1, 16, "a number from 1 to 16" },
	{ "cpu.model", TEXT },
	{ "cpu.share", NUMBER, 1, 10000, "a weight from 1 to 10000" },
	{ "cpu.cap", PERCENTS, 1, 102400, "percent of one CPU, 1% to 102400%, such as 150%" },
	{ "cpu.pinning", CPUS, 0, 1023, "auto, none, or CPUs such as 0-3,6" },
	{ "memory.size", BYTES, 1 << 20, 1ULL << 44, "a size from 1M to 16T, such as 2G" },
	{ "memory.hugepages", WORDS, 0, 0, "2M, 1G" },
	{ "memory.nodes", CPUS, 0, 63, "auto, none, or NUMA nodes such as 0,1" },
	{ "gpus[].gpu", TEXT },
	{ "gpus[].mechanism", WORDS, 0, 0, "virgl, 2d" },
	{ "gpus[].type", WORD, 1, 64, a_word },
	{ "gpus[].transport", WORDS, 0, 0, "vhost-user, vfio-user" },
	{ "gpus[].share", NUMBER, 1, 10000, "a weight from 1 to 10000" },
	{ "gpus[].cap", PERCENT, 1, 0, "a part of the GPU from 1% to 100%, such as 12.5%" },
	{ "gpus[].reservation", PERCENT, 0, 0, "a part of the GPU up to 100%, such as 12.5%" },
	{ "gpus[].vram", BYTES, 16 << 20, 1ULL << 40, "a size from 16M to 1T, such as 512M" },
	{ "gpus[].eus", CPUS, 0, 1023, "how many, or a list such as 0-3,6" },
	{ "gpus[].size", SIZE, 64, 8192, "WIDTHxHEIGHT in pixels, 64x64 to 8192x8192" },
	{ "gpus[].outputs", NUMBER, 1, 16, "a number from 1 to 16" },
	{ "gpus[].vfio", ADDRESS, 0, 0, a_device },
	{ "gpus[].sriov.pf", ADDRESS, 0, 0, a_device },
	{ "gpus[].mdev.parent", ADDRESS, 0, 0, a_device },
	{ "gpus[].mdev.type", TEXT },
	{ "gpus[].mdev.uuid", UUID, 0, 0, "a UUID of 36 characters" },
	{ "display.looking-glass", SWITCH, 0, 0, a_switch },
	{ "display.spice", SWITCH, 0, 0, a_switch },
	{ "display.vnc", SWITCH, 0, 0, a_switch },
	{ "network[].bridge", WORD, 1, 15, "the name of a bridge, up to 15 characters" },
	{ "network[].interface", WORD, 1, 15, "the name of an interface, up to 15 characters" },
	{ "network[].mac", MAC, 0, 0, "a unicast address such as 52:54:00:12:34:56" },
	{ "network[].ports[]", PORT, 0, 0,
	  "tcp:HOST:GUEST or udp:HOST:GUEST, such as tcp:2222:22" },
	{ "folders[].path", PATH },
	{ "folders[].tag", WORD, 1, 31, "1 to 31 of A-Z a-z 0-9 _ . -" },
	{ "ivshmem[].file", PATH },
	{ "ivshmem[].size", BYTES, 4096, 1ULL << 40, "a power of two from 4K to 1T, such as 32M" },
	{ "ivshmem[].server", PATH },
	{ "ivshmem[].vectors", NUMBER, 1, 64, "a number from 1 to 64" },
	{ "extra[]", TEXT },
	{ "hooks.prepare", PATH },
	{ "hooks.started", PATH },
	{ "hooks.stopped", PATH },
};

static bool is_line(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return text[0] != '\0';
}

static bool is_word(const char *text, uint64_t max)
{
	static const char first[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t size = strlen(text);

	return size && size <= max && strchr(first, text[0]) &&
	       strspn(text, first) + strspn(text + strspn(text, first),
					    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					    "0123456789_.-") ==
		       size;
}

static bool is_one_of(const char *text, const char *words)
{
	size_t size = strlen(text);

	for (const char *at = words; size && (at = strstr(at, text)); at += size)
		if ((at == words || at[-1] == ' ') && (!at[size] || at[size] == ','))
			return true;
	return false;
}

/* "0-3,6", each at most @max. */
static bool is_list(const char *text, uint64_t max)
{
	cpu_set_t set;

	if (strchr(text, '\n') || facet_cpulist_parse(text, &set))
		return false;
	for (uint64_t cpu = max + 1; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			return false;
	return true;
}

/* '#' stands for a hexadecimal digit. */
static bool is_like(const char *text, const char *pattern)
{
	for (; *pattern; pattern++, text++)
		if (*pattern == '#' ? !*text || !strchr("0123456789abcdefABCDEF", *text)
				    : *text != *pattern)
			return false;
	return *text == '\0';
}

static bool is_mac(const char *text)
{
	/* The lowest bit of the first byte: a group's. */
	return is_like(text, "##:##:##:##:##:##") &&
	       !(strtoul((char[]){ text[1], '\0' }, NULL, 16) & 1);
}

static bool is_port(const char *text)
{
	char host[8], guest[8], end;
	uint64_t number;

	if (strncmp(text, "tcp:", 4) != 0 && strncmp(text, "udp:", 4) != 0)
		return false;
	return sscanf(text + 4, "%7[0-9]:%7[0-9]%c", host, guest, &end) == 2 &&
	       facet_units_number(host, 1, 65535, &number) == 0 &&
	       facet_units_number(guest, 1, 65535, &number) == 0;
}

static bool is_percents(const char *text, const struct rule *rule)
{
	char digits[16];
	uint64_t number;

	return sscanf(text, "%15[0-9]", digits) == 1 && strcmp(text + strlen(digits), "%") == 0 &&
	       facet_units_number(digits, rule->min, rule->max, &number) == 0;
}

static bool is_size(const char *text, const struct rule *rule)
{
	uint32_t width, height;

	return facet_units_size(text, &width, &height) == 0 && width >= rule->min &&
	       height >= rule->min && width <= rule->max && height <= rule->max;
}

static bool fits(const char *text, const struct rule *rule)
{
	uint64_t number;
	uint32_t ppm;

	switch (rule->kind) {
	case ANY:
		return !text[0] || is_line(text);
	case TEXT:
	case PATH:
	case SWITCH:
		return is_line(text);
	case NUMBER:
		/* libcyaml takes a leading 0 for octal. */
		return (text[0] != '0' || !text[1]) &&
		       facet_units_number(text, rule->min, rule->max, &number) == 0;
	case BYTES:
		return facet_units_bytes(text, &number) == 0 && number >= rule->min &&
		       number <= rule->max;
	case PERCENT:
		return facet_units_percent(text, &ppm) == 0 && ppm >= rule->min * 10000;
	case PERCENTS:
		return is_percents(text, rule);
	case SIZE:
		return is_size(text, rule);
	case WORD:
		return is_word(text, rule->max);
	case WORDS:
		return is_one_of(text, rule->allowed);
	case CPUS:
		return is_one_of(text, "auto, none") || is_list(text, rule->max);
	case ADDRESS:
		return is_like(text, "####:##:##.#");
	case MAC:
		return is_mac(text);
	case PORT:
		return is_port(text);
	case UUID:
		return is_like(text, "########-####-####-####-############");
	}
	return false;
}

/* "vms[1].gpus[0].vram" becomes "gpus[].vram". */
static void generalise(char *name)
{
	char *to = name, *from = name;

	while (*from) {
		*to++ = *from;
		if (*from++ == '[')
			from += strspn(from, "0123456789");
	}
	*to = '\0';
	if (strncmp(name, "vms[].", 6) == 0)
		memmove(name, name + 6, strlen(name + 6) + 1);
}

int facet_vm_check_scalar(const struct facet_doc *doc, int node, struct facet_error *err)
{
	const char *text = doc->nodes[node].text, *allowed;
	char name[200];

	facet_doc_name(doc, node, name, sizeof(name));
	generalise(name);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(rules); i++) {
		if (strcmp(rules[i].name, name) != 0)
			continue;
		allowed = rules[i].allowed        ? rules[i].allowed
			  : rules[i].kind == PATH ? "a path"
						  : "a line of text";
		return fits(text, &rules[i]) ? 0 : facet_doc_wrong(doc, node, err, "%s", allowed);
	}
	return facet_doc_wrong(doc, node, err, "something that facet has no rule for");
}
