// SPDX-License-Identifier: GPL-2.0-or-later
/* testbed.c - a server with a toy, and its client, in one thread. */
#include "transport/vfio_user/testbed.h"

#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

const char bed_qemu[] =
	"{\"capabilities\": {\"write_multiple\": true, \"max_msg_fds\": 16, "
	"\"max_data_xfer_size\": 1048576, \"max_dma_maps\": 65535, \"pgsizes\": 4096, "
	"\"migration\": {\"max_bitmap_size\": 268435456, \"pgsize\": 4096}}}";

static void quiet(enum facet_log_level level, const char *area, const char *text)
{
}

static void step(void *owner)
{
	facet_vfio_user_dispatch(((struct bed *)owner)->vfu);
}

void bed_begin(struct bed *bed, const char *json)
{
	struct facet_error err;
	int pair[2];

	facet_log_set(quiet, FACET_LOG_ERROR);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
		facet_vfio_user_create(
			&(struct facet_vfio_user_config){ &toy_function, NULL, -1, pair[0] },
			&bed->vfu, &err),
		0);
	bed->toy = facet_container_of(facet_vfio_user_function(bed->vfu), struct toy, pci);
	vfu_client_init(&bed->client, pair[1]);
	bed->client.step = step;
	bed->client.owner = bed;
	bed->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	assert_int_equal(ftruncate(bed->ram_fd, RAM), 0);
	bed->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, bed->ram_fd, 0);
	assert_ptr_not_equal(bed->ram, MAP_FAILED);
	if (json)
		assert_int_equal(vfu_client_version(&bed->client, json), 0);
}

void bed_end(struct bed *bed)
{
	vfu_client_fini(&bed->client);
	facet_vfio_user_destroy(bed->vfu);
	munmap(bed->ram, RAM);
	close(bed->ram_fd);
}

bool bed_hung_up(struct bed *bed)
{
	return !vfu_client_receive(&bed->client);
}

uint32_t bed_read32(struct bed *bed, uint32_t region, uint64_t offset)
{
	uint32_t value;

	assert_int_equal(vfu_client_read(&bed->client, region, offset, &value, 4), 0);
	return value;
}

void bed_write32(struct bed *bed, uint32_t region, uint64_t offset, uint32_t value)
{
	assert_int_equal(vfu_client_write(&bed->client, region, offset, &value, 4, false), 0);
}

void bed_write64(struct bed *bed, uint64_t offset, uint64_t value)
{
	assert_int_equal(vfu_client_write(&bed->client, 0, offset, &value, 8, false), 0);
}

void bed_bus_master(struct bed *bed)
{
	bed_write32(bed, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND,
		    PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
}
