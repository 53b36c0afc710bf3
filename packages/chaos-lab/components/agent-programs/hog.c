/*
 * hog ID cpu SECONDS        keeps one processor busy
 * hog ID memory SECONDS MB  takes so many MiB of memory, and keeps them
 *
 * Ends after SECONDS. When memory is short, it is the first that the kernel ends. ID is for whoever lists the processes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void prefer_as_victim(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (fd >= 0) {
		(void)!write(fd, "1000", 4);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	if (argc < 4 || (strcmp(argv[2], "cpu") != 0 && (strcmp(argv[2], "memory") != 0 || argc < 5))) {
		fprintf(stderr, "usage: hog ID cpu SECONDS | hog ID memory SECONDS MB\n");
		return 2;
	}
	prefer_as_victim();
	alarm((unsigned)atoi(argv[3]));
	if (strcmp(argv[2], "cpu") == 0)
		for (;;)
			__asm__ volatile("");
	for (long left = atol(argv[4]); left > 0; left--) {
		char *piece = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (piece == MAP_FAILED)
			break;
		memset(piece, 1, 1 << 20);
		/* Where it may be, it must not be swapped out: then it would press on nothing. */
		(void)!mlock(piece, 1 << 20);
	}
	for (;;)
		pause();
}
