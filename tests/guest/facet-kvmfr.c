/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches another machine's screen: the KVMFR file of its vGPU is the memory of this machine's
 * ivshmem device. Subscribes as a client of Looking Glass's does (LGMP 6, KVMFR 20), waits for a
 * picture, writes it into the share, and unsubscribes.
 *
 * Written from the description of the format, with numbers of its own: it shares no line with what
 * publishes.
 */

#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_S 60
#define QUEUES     32   /* offset of the queues */
#define QUEUE_SIZE 1144 /* of one */
#define USER       5756 /* offset of KVMFR's own header */
#define SLOT_SIZE  16

static uint8_t *memory;
static uint64_t memory_size;

/* --- the memory: anybody may write there at any time --- */

static void *at(uint64_t offset, uint64_t size)
{
	if (offset > memory_size || size > memory_size - offset)
		die("nonsense: %llu bytes at %llu", (unsigned long long)size,
		    (unsigned long long)offset);
	return memory + offset;
}

static _Atomic uint32_t *word(uint64_t offset)
{
	if (offset & 3)
		die("nonsense: offset %llu", (unsigned long long)offset);
	return at(offset, 4);
}

static uint32_t get(uint64_t offset)
{
	return atomic_load(word(offset));
}

static bool is_ivshmem(const char *folder)
{
	char path[300], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/uevent", folder);
	file = fopen(path, "r");
	while (file && fgets(text, sizeof(text), file) && strncmp(text, "PCI_ID=", 7) != 0)
		;
	if (file)
		fclose(file);
	return strncmp(text, "PCI_ID=1AF4:1110", 16) == 0;
}

static void map_device(void)
{
	char path[300], *folder = NULL;
	struct stat st;
	glob_t found;
	int fd;

	if (glob("/sys/bus/pci/devices/*", 0, NULL, &found))
		die("no PCI here");
	for (size_t i = 0; i < found.gl_pathc && !folder; i++)
		if (is_ivshmem(found.gl_pathv[i]))
			folder = found.gl_pathv[i];
	if (!folder)
		die("no ivshmem device here");
	snprintf(path, sizeof(path), "%s/enable", folder);
	fd = open_node(path);
	if (write(fd, "1", 1) != 1)
		die("%s: %s", path, strerror(errno));
	close(fd);
	snprintf(path, sizeof(path), "%s/resource2", folder);
	fd = open_node(path);
	if (fstat(fd, &st) < 0)
		die("%s: %s", path, strerror(errno));
	memory_size = (uint64_t)st.st_size;
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

/* --- LGMP --- */

static void wait_publisher(void)
{
	double end = now_s() + PATIENCE_S;
	uint64_t first = atomic_load((_Atomic uint64_t *)at(16, 8));

	while (get(0) != 0x504d474c || atomic_load((_Atomic uint64_t *)at(16, 8)) == first) {
		if (now_s() > end)
			die("nobody publishes: magic 0x%x", get(0));
		usleep(1000);
	}
	if (get(4) != 6 || memcmp(at(USER, 8), "KVMFR---", 8) != 0 || get(USER + 8) != 20)
		die("LGMP %u, KVMFR %u: not the versions that are known here", get(4),
		    get(USER + 8));
	printf("magic=LGMP lgmp=%u kvmfr=%u publisher='%.32s' bytes=%llu\n", get(4), get(USER + 8),
	       (const char *)at(USER + 12, 32), (unsigned long long)memory_size);
}

/* Where the frames' queue is. */
static uint64_t find_queue(void)
{
	for (uint32_t i = 0; i < get(24) && i < 5; i++)
		if (get(QUEUES + i * QUEUE_SIZE) == 2)
			return QUEUES + i * QUEUE_SIZE;
	die("no queue of frames");
}

static void lock_queue(uint64_t queue)
{
	double end = now_s() + PATIENCE_S;
	uint32_t open = 0;

	while (!atomic_compare_exchange_weak(word(queue + 408), &open, 1)) {
		open = 0;
		if (now_s() > end)
			die("the lock is never free");
	}
}

static _Atomic uint64_t *subscribers(uint64_t queue)
{
	return at(queue + 416, 8);
}

/* Our bit; *ret_position: of the first message that is for us. */
static unsigned int subscribe(uint64_t queue, uint32_t *ret_position)
{
	unsigned int bit = 0;
	uint64_t subs;

	lock_queue(queue);
	subs = atomic_load(subscribers(queue));
	while (bit < 32 && ((subs >> 32 | subs) >> bit & 1))
		bit++;
	if (bit == 32)
		die("32 watch already");
	*ret_position = get(queue + 16);
	atomic_fetch_or(subscribers(queue), 1ULL << (32 + bit));
	atomic_fetch_add(word(queue + 8), 1);
	atomic_store(word(queue + 408), 0);
	return bit;
}

static void unsubscribe(uint64_t queue, unsigned int bit)
{
	lock_queue(queue);
	atomic_fetch_and(subscribers(queue), ~(1ULL << (32 + bit) | 1ULL << bit));
	atomic_store(word(queue + 408), 0);
}

/* --- KVMFR --- */

/* The picture whose header is at @frame; BGRA only, which a 2D screen has. */
static void save(uint64_t frame, const char *file)
{
	uint32_t width = get(frame + 28), height = get(frame + 32), pitch = get(frame + 44);
	uint64_t buffer = frame + get(frame + 48), bytes = (uint64_t)pitch * height;
	double end = now_s() + PATIENCE_S;
	uint32_t *pixels;

	if (get(frame + 8) != 1 || !width || !height || width > 8192 || height > 8192 ||
	    pitch < width * 4)
		die("nonsense: %ux%u of type %u, %u bytes a line", width, height, get(frame + 8),
		    pitch);
	while (get(buffer) < bytes) {
		if (now_s() > end)
			die("the picture never becomes whole: %u bytes", get(buffer));
		usleep(1000);
	}
	pixels = malloc((size_t)width * height * 4);
	if (!pixels)
		die("no memory for a picture of %ux%u", width, height);
	for (uint32_t y = 0; y < height; y++)
		memcpy(pixels + (size_t)y * width,
		       at(buffer + 4 + (uint64_t)y * pitch, (uint64_t)width * 4),
		       (size_t)width * 4);
	for (size_t i = 0; i < (size_t)width * height; i++)
		pixels[i] &= 0xffffff;
	write_ppm(file, pixels, width, height);
	printf("frame=%ux%u serial=%u crc=%08x\n", width, height, get(frame + 4),
	       crc32_of(pixels, (size_t)width * height * 4));
	free(pixels);
}

static void watch(const char *file)
{
	uint64_t queue, ring;
	uint32_t position = 0, slots;
	double end = now_s() + PATIENCE_S;
	unsigned int bit;

	wait_publisher();
	queue = find_queue();
	bit = subscribe(queue, &position);
	slots = get(queue + 4);
	ring = get(queue + 20);
	if (position >= slots)
		die("nonsense: slot %u of %u", position, slots);
	while (get(queue + 16) == position) {
		if (now_s() > end)
			die("no picture comes");
		usleep(1000);
	}
	save(get(ring + (uint64_t)position * SLOT_SIZE + 8), file);
	atomic_fetch_and(word(ring + (uint64_t)position * SLOT_SIZE + 12), ~(1u << bit));
	unsubscribe(queue, bit);
}

/* What a hostile machine can do with memory that it was shown. */
static void scribble(double seconds)
{
	double end = now_s() + seconds;
	uint32_t seed = 1;
	unsigned int rounds = 0;

	for (; now_s() < end; rounds++) {
		for (uint64_t offset = 0; offset < 8192; offset += 4) {
			seed = seed * 1664525 + 1013904223;
			atomic_store(word(offset), rounds % 3 ? seed : rounds % 2 ? ~0u : 0);
		}
	}
	printf("rounds=%u\n", rounds);
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "scribble", required_argument, NULL, 's' },
		{ 0 },
	};
	double seconds = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c != 's')
			die("usage: facet-kvmfr FILE.ppm | --scribble SECONDS");
		seconds = atof(optarg);
	}
	if ((argc == optind + 1) == (seconds > 0))
		die("usage: facet-kvmfr FILE.ppm | --scribble SECONDS");
	map_device();
	if (seconds > 0)
		scribble(seconds);
	else
		watch(argv[optind]);
	return 0;
}
