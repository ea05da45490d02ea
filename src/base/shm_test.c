// SPDX-License-Identifier: GPL-2.0-or-later
/* shm_test.c - a file that becomes shorter, in any thread; SIGBUS that is not about us. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/shm.h"

enum { BYTES = 16 << 12 };

static int new_file(void)
{
	int fd = memfd_create("shm-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	return fd;
}

static void test_fields(void **state)
{
	struct facet_shm shm, other;
	int fd = new_file();

	assert_int_equal(facet_shm_map(fd, BYTES, &shm), 0);
	assert_int_equal(facet_shm_map(fd, BYTES, &other), 0);
	facet_shm_put32(&shm, 4, 0x11223344);
	assert_int_equal(*(uint8_t *)facet_shm_at(&other, 4, 1), 0x44);
	assert_int_equal(facet_shm_swap32(&other, 4, 7), 0x11223344);
	facet_shm_add32(&other, 4, 5);
	assert_int_equal(facet_shm_get32(&shm, 4), 12);
	assert_int_equal(facet_shm_and32(&shm, 4, ~4U), 12);
	assert_int_equal(facet_shm_get32(&shm, 4), 8);
	facet_shm_put64(&shm, 8, 1ULL << 40);
	facet_shm_or64(&other, 8, 3);
	assert_int_equal(facet_shm_and64(&shm, 8, ~1ULL), (1ULL << 40) + 3);
	assert_int_equal(facet_shm_get64(&other, 8), (1ULL << 40) + 2);
	assert_true(facet_shm_try_lock(&shm, 16));
	assert_false(facet_shm_try_lock(&other, 16));
	facet_shm_unlock(&other, 16);
	assert_true(facet_shm_try_lock(&other, 16));
	facet_shm_unmap(&shm);
	facet_shm_unmap(&shm); /* once is enough */
	facet_shm_unmap(&other);
	close(fd);
}

static void *touch_all(void *arg)
{
	const struct facet_shm *shm = arg;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	facet_shm_thread();
	for (uint64_t at = 0; at < BYTES; at += 4096)
		facet_shm_add32(shm, at, 1);
	return NULL;
}

static void test_torn(void **state)
{
	struct facet_shm shm;
	int fd = new_file();
	pthread_t thread;

	assert_int_equal(facet_shm_map(fd, BYTES, &shm), 0);
	facet_shm_put32(&shm, 3 << 12, 5);
	assert_int_equal(ftruncate(fd, 4 << 12), 0);
	assert_int_equal(facet_shm_get32(&shm, 3 << 12), 5);
	assert_false(facet_shm_torn(&shm));
	assert_int_equal(pthread_create(&thread, NULL, touch_all, &shm), 0);
	pthread_join(thread, NULL);
	assert_true(facet_shm_torn(&shm));
	assert_int_equal(facet_shm_get32(&shm, 3 << 12), 6); /* still the file's */
	assert_int_equal(facet_shm_get32(&shm, 15 << 12), 1);

	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_int_equal(facet_shm_mend(&shm, fd), 0);
	assert_false(facet_shm_torn(&shm));
	assert_int_equal(facet_shm_get32(&shm, 15 << 12), 0);
	assert_int_equal(facet_shm_get32(&shm, 3 << 12), 6);
	facet_shm_unmap(&shm);
	close(fd);
}

static void exit_well(int sig)
{
	_exit(42);
}

/* How a child ends that touches memory of its own that its file has lost. */
static int end_of_child(bool handler)
{
	int fd = new_file(), status;
	volatile char *own = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct facet_shm shm;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGBUS, handler ? exit_well : SIG_DFL);
		if (facet_shm_map(fd, BYTES, &shm) < 0 || ftruncate(fd, 0) < 0)
			_exit(1);
		facet_shm_put32(&shm, 0, 1); /* ours is fine */
		own[0] = 1;
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	munmap((void *)own, BYTES);
	close(fd);
	return status;
}

static void test_not_ours(void **state)
{
	int status = end_of_child(true);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	status = end_of_child(false);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_not_ours),
	};

	return cmocka_run_group_tests_name("shm", tests, NULL, NULL);
}
