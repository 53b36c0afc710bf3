/* The first process of a pod: sleeps until told to end, and reaps what others leave behind. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t wanted;
	int received;

	/* Blocked and fetched with sigwait: no handler, so nothing can be lost between check and sleep. */
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGTERM);
	sigprocmask(SIG_BLOCK, &wanted, NULL);

	for (;;) {
		if (sigwait(&wanted, &received) != 0)
			return EXIT_FAILURE;
		if (received != SIGCHLD)
			return EXIT_SUCCESS;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
