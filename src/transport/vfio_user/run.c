// SPDX-License-Identifier: GPL-2.0-or-later
/* run.c - a whole program around a server. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/vfio_user/vfio_user.h"

/* The socket, listening, or -errno. What a former run has left there is replaced. */
static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	facet_autoclose int fd = -1;
	struct stat st;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path));
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0077);
	r = bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0 ? -errno : 0;
	umask(mask);
	return r < 0 ? r : facet_steal_fd(&fd);
}

int facet_vfio_user_run(const char *path, const struct facet_pci_ops *function,
			const void *function_config, struct facet_error *err)
{
	struct facet_vfio_user_config config = { function, function_config, -1, -1 };
	struct facet_vfio_user *server;
	int r;

	config.listen_fd = listen_at(path);
	if (config.listen_fd < 0)
		return facet_error_set(err, config.listen_fd, "socket '%s' cannot be made: %s",
				       path, strerrordesc_np(-config.listen_fd));
	r = facet_vfio_user_create(&config, &server, err);
	if (r < 0)
		return r;
	for (;;) {
		poll(&(struct pollfd){ facet_vfio_user_fd(server), POLLIN, 0 }, 1, -1);
		facet_vfio_user_dispatch(server);
	}
}
