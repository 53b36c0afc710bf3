/*
 * ioprobe FOLDER MS
 *
 * Writes 8 KiB to a file without a name and waits until the disk has them, again and again for MS milliseconds, as a
 * database does at a commit. One line: `writes N us MEAN MEDIAN P95 MAX`, or `hung N` when a write is not done 2 s after
 * the end; N are then those that were.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 100000, BLOCK = 8192, PATIENCE_MS = 2000 };

struct result {
	volatile unsigned done;
	uint32_t us[MOST];
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_for(int fd, uint64_t until, struct result *result)
{
	static char block[BLOCK];

	memset(block, 'x', BLOCK);
	while (now_us() < until && result->done < MOST) {
		uint64_t start = now_us();

		if (pwrite(fd, block, BLOCK, 0) != BLOCK || fdatasync(fd) != 0)
			exit(1);
		result->us[result->done] = (uint32_t)(now_us() - start);
		result->done++;
	}
	exit(0);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct result *result;
	uint64_t until, sum = 0;
	unsigned n;
	int status = 0, fd;
	pid_t child, ended;

	if (argc != 3) {
		fprintf(stderr, "usage: ioprobe FOLDER MS\n");
		return 2;
	}
	until = now_us() + strtoull(argv[2], NULL, 10) * 1000;
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		fail("memory");
	fd = open(argv[1], O_TMPFILE | O_RDWR, 0600);
	if (fd < 0)
		fail(argv[1]);
	child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		/* Whoever reads what this program says must not wait for a write that hangs. */
		close(0);
		close(1);
		close(2);
		write_for(fd, until, result);
	}
	while ((ended = waitpid(child, &status, WNOHANG)) == 0 && now_us() < until + PATIENCE_MS * 1000)
		poll(NULL, 0, 10);
	n = result->done;
	if (ended == 0) {
		/* It ends as soon as its write does. */
		kill(child, SIGKILL);
		printf("hung %u\n", n);
		return 0;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || n == 0) {
		fprintf(stderr, "a write failed after %u\n", n);
		return 1;
	}
	qsort(result->us, n, sizeof *result->us, by_value);
	for (unsigned i = 0; i < n; i++)
		sum += result->us[i];
	printf("writes %u us %llu %u %u %u\n", n, (unsigned long long)sum / n, result->us[n / 2],
	       result->us[(uint64_t)n * 95 / 100], result->us[n - 1]);
	return 0;
}
