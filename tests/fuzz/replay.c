// SPDX-License-Identifier: GPL-2.0-or-later
/* replay.c - feeds every file of a directory to a fuzz target: a corpus as a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INPUT_LIMIT = 1 << 20,
};

static int replay_file(const char *path)
{
	static uint8_t buf[INPUT_LIMIT];
	FILE *file = fopen(path, "rb");
	uint8_t *exact;
	size_t size;

	if (!file) {
		perror(path);
		return -1;
	}
	size = fread(buf, 1, sizeof(buf), file);
	fclose(file);
	/* As long as it is, so that reading past its end is noticed. */
	exact = malloc(size ? size : 1);
	if (!exact)
		return -1;
	memcpy(exact, buf, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	char path[4096];
	unsigned int count = 0;
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;

	if (!dir) {
		fprintf(stderr, "usage: %s DIRECTORY, one that exists\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (replay_file(path) < 0)
			return 1;
		count++;
	}
	closedir(dir);
	printf("%u inputs replayed\n", count);
	return count ? 0 : 1;
}
