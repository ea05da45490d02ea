// SPDX-License-Identifier: GPL-2.0-or-later
/* socket_dma.c - memory that a vfio-user server may use: by its file, or by asking us. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "host/vfio/socket.h"

struct map {
	struct facet_list link;
	uint64_t iova, size;
	uint8_t *address;
	bool readable, writable;
};

static struct map *map_of(struct facet_list *link)
{
	return facet_container_of(link, struct map, link);
}

/* The first that has a byte of it. */
static struct map *overlapping(struct facet_vfio_socket *sock, uint64_t iova, uint64_t size)
{
	struct facet_list *pos;

	facet_list_for_each(pos, &sock->maps)
	{
		struct map *map = map_of(pos);

		/* No end is computed: it may be that of the address space. */
		if (iova < map->iova ? map->iova - iova < size : iova - map->iova < map->size)
			return map;
	}
	return NULL;
}

static void forget(struct facet_vfio_socket *sock, struct map *map)
{
	facet_list_remove(&map->link);
	sock->map_count--;
	free(map);
}

void facet_vfio_socket_forget_maps(struct facet_vfio_socket *sock)
{
	while (!facet_list_empty(&sock->maps))
		forget(sock, map_of(sock->maps.next));
}

static int tell(struct facet_vfio_socket *sock, const struct facet_vfio_dma *dma,
		struct facet_error *err)
{
	struct vfio_user_dma_map message = {
		.argsz = sizeof(message),
		.flags = (dma->readable ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (dma->writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.offset = dma->fd < 0 ? 0 : dma->fd_offset,
		.address = dma->iova,
		.size = dma->size,
	};
	struct iovec part = { &message, sizeof(message) };
	int r = facet_vfio_socket_request(sock, VFIO_USER_DMA_MAP, &part, 1, &dma->fd,
					  dma->fd < 0 ? 0 : 1, err);

	if (r < 0)
		return r;
	facet_vfio_channel_done(&sock->channel);
	return 0;
}

int facet_vfio_socket_dma_map(struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
			      struct facet_error *err)
{
	struct facet_vfio_socket *sock = (void *)vfio;
	struct map *map;
	int r;

	if (overlapping(sock, dma->iova, dma->size))
		return facet_error_set(err, -EEXIST, "%s: something is mapped for DMA at 0x%llx",
				       vfio->name, (unsigned long long)dma->iova);
	if (sock->map_count >= sock->max_maps)
		return facet_error_set(err, -ENOSPC,
				       "%s: the server takes no more than %u mappings", vfio->name,
				       sock->max_maps);
	map = calloc(1, sizeof(*map));
	if (!map)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", vfio->name);
	*map = (struct map){ .iova = dma->iova,
			     .size = dma->size,
			     .address = dma->address,
			     .readable = dma->readable,
			     .writable = dma->writable };
	/* Before it is told: it may use what it was told of at once. */
	facet_list_append(&sock->maps, &map->link);
	sock->map_count++;
	r = tell(sock, dma, err);
	if (r < 0)
		forget(sock, map);
	return r;
}

int facet_vfio_socket_dma_unmap(struct facet_vfio *vfio, uint64_t iova, uint64_t size,
				struct facet_error *err)
{
	struct vfio_user_dma_unmap message = { .argsz = sizeof(message),
					       .address = iova,
					       .size = size };
	struct iovec part = { &message, sizeof(message) };
	struct facet_vfio_socket *sock = (void *)vfio;
	struct map *map = overlapping(sock, iova, size);
	int r;

	if (!map || map->iova != iova || map->size != size)
		return facet_error_set(err, -EINVAL,
				       "%s: what is mapped for DMA at 0x%llx is not these 0x%llx "
				       "bytes",
				       vfio->name, (unsigned long long)iova,
				       (unsigned long long)size);
	r = facet_vfio_socket_request(sock, VFIO_USER_DMA_UNMAP, &part, 1, NULL, 0, err);
	if (r >= 0)
		facet_vfio_channel_done(&sock->channel);
	/* A server that has gone holds nothing; one that refuses may still ask for it. */
	if (r >= 0 || sock->channel.fd < 0)
		forget(sock, map);
	return r < 0 ? r : 0;
}

int facet_vfio_socket_copy(struct facet_vfio_socket *sock, uint64_t iova, void *buf, size_t size,
			   bool write)
{
	uint8_t *bytes = buf;
	struct map *map;
	uint64_t n;

	for (; size; iova += n, bytes += n, size -= n) {
		map = overlapping(sock, iova, 1);
		if (!map || !(write ? map->writable : map->readable))
			return -EFAULT;
		n = map->size - (iova - map->iova);
		n = n < size ? n : size;
		if (write)
			memcpy(map->address + (iova - map->iova), bytes, n);
		else
			memcpy(bytes, map->address + (iova - map->iova), n);
	}
	return 0;
}
