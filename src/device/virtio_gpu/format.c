// SPDX-License-Identifier: GPL-2.0-or-later
/* format.c - how much host memory a resource of a guest takes. */
#include "base/checked.h"
#include "device/virtio_gpu/virtio_gpu.h"

enum {
	LINE_BYTES = 64, /* what llvmpipe lets a line of pixels begin at */
	MIN_SAMPLES = 4, /* of its textures that have more than one */
};

bool facet_gpu_format_is_2d(uint32_t format)
{
	switch (format) {
	case WIRE_GPU_FORMAT_B8G8R8A8:
	case WIRE_GPU_FORMAT_B8G8R8X8:
	case WIRE_GPU_FORMAT_A8R8G8B8:
	case WIRE_GPU_FORMAT_X8R8G8B8:
	case WIRE_GPU_FORMAT_R8G8B8A8:
	case WIRE_GPU_FORMAT_X8B8G8R8:
	case WIRE_GPU_FORMAT_A8B8G8R8:
	case WIRE_GPU_FORMAT_R8G8B8X8:
		return true;
	default:
		return false;
	}
}

/*
 * By virgl's number of a format: a block of 4 by 4 pixels takes 8 << digit bytes. Three components
 * count as four. ETC, ASTC and BPTC count unpacked, which is how a host without them keeps them.
 * A dot is a format without a size of its own (planar, or no format at all).
 */
static const char block_sizes[] =
	/*   0 */ ".3333222311122222333333145663455"
		  /*  32 */ "34553455345534552344234423442344"
		  /*  64 */ "123331233.1233....1233.345523441"
		  /*  96 */ "23333333300110011001122323233341"
		  /* 128 */ "33133232334132200111121223222323"
		  /* 160 */ "343.....112233333123312332344234"
		  /* 192 */ "43455345511121112222322233334333"
		  /* 224 */ "43322333334444455523334223344323"
		  /* 256 */ "33322232233333333333333333333333"
		  /* 288 */ "3333333333333333333.3..212......"
		  /* 320 */ "..";

static uint64_t block_bytes(uint32_t format)
{
	char digit = format < sizeof(block_sizes) - 1 ? block_sizes[format] : '.';

	return digit == '.' ? 16 * 16 : 8ULL << (digit - '0');
}

static uint32_t minify(uint32_t size, uint32_t level)
{
	return size >> level ? size >> level : 1;
}

/* Four lines of pixels, each of whole cache lines: a texture one pixel wide is none of bytes. */
static uint64_t row_bytes(uint32_t format, uint32_t width)
{
	uint64_t line = (width + 3) / 4 * block_bytes(format) / 4;

	return (line + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES * 4;
}

/* A renderer that cannot do with so few takes more. */
static uint32_t samples(uint32_t wanted)
{
	uint32_t n = MIN_SAMPLES;

	if (wanted <= 1)
		return 1;
	while (n < wanted)
		n *= 2;
	return n;
}

/* Sizes are at most GPU_MAX_DIMENSION here, so one layer fits. */
static bool level_bytes(const struct gpu_resource *res, uint32_t level, uint64_t *ret)
{
	uint64_t rows = (minify(res->height, level) + 3) / 4;
	uint64_t layer = rows * row_bytes(res->format, minify(res->width, level));
	uint64_t layers = (uint64_t)minify(res->depth, level) * res->array_size;

	return facet_mul(layer, layers * samples(res->nr_samples), ret);
}

uint64_t facet_gpu_box_bytes(const struct gpu_resource *res, const struct facet_box *box)
{
	uint64_t rows = ((uint64_t)box->height + 3) / 4, layer, bytes;

	if (res->target == WIRE_GPU_TARGET_BUFFER)
		return box->width;
	if (!facet_mul(rows, row_bytes(res->format, box->width), &layer) ||
	    !facet_mul(layer, (uint64_t)box->depth, &bytes))
		return UINT64_MAX;
	return bytes;
}

uint64_t facet_gpu_resource_bytes(const struct gpu_resource *res)
{
	/* What even the smallest costs in book-keeping, and in its whole pages. */
	uint64_t total = 4096, level_size;

	if (res->blob_size) /* its bytes are the guest's own */
		return total;
	if (res->target == WIRE_GPU_TARGET_BUFFER)
		return total + res->width;
	for (uint32_t level = 0; level <= res->last_level; level++) {
		if (!level_bytes(res, level, &level_size) || !facet_add(total, level_size, &total))
			return UINT64_MAX;
	}
	return total;
}
