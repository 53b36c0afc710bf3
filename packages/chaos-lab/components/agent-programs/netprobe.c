/*
 * Looks at the network by sending through it.
 *
 * netprobe mesh PORT LEAD_MS COUNT SPACING_US TAIL_MS PEER...
 *     Sends COUNT datagrams to PORT of each peer, where another netprobe listens, and answers theirs. Starts to send
 *     after LEAD_MS and listens TAIL_MS longer than it sends. One line per peer:
 *     ADDRESS sent N received N echoed N rtt_us MIN MEDIAN MAX
 *     `received` counts the peer's datagrams, `echoed` the own ones that came back.
 *
 * netprobe connect ADDRESS PORT TIMEOUT_MS [greet]
 *     Opens a TCP connection; with `greet` also asks a PostgreSQL server whether it speaks TLS, and waits for its
 *     answer. One line: `connected US`, `answered US`, `silent`, `timeout`, or `refused: WHY`.
 *
 * netprobe sink ADDRESS PORT WARM_MS MS     and     netprobe pour ADDRESS PORT MS
 *     One TCP stream, as fast as it goes: `pour` sends it to ADDRESS, where `sink` takes it and counts the bytes of MS
 *     after WARM_MS. Sink says `received BYTES in US`, pour says nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAGIC = 0x636e7067, ASK = 1, ECHO = 2 };

struct datagram {
	uint32_t magic;
	uint32_t kind;
	uint64_t sender;
	uint64_t sent_ns;
	uint64_t number;
};

struct peer {
	const char *name;
	struct sockaddr_storage address;
	socklen_t length;
	unsigned sent, received, echoed;
	uint32_t *rtt_us;
};

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static socklen_t resolve(const char *address, const char *port, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	uint16_t number = htons((uint16_t)atoi(port));

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = number;
		return sizeof *four;
	}
	if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = number;
		return sizeof *six;
	}
	fprintf(stderr, "%s: no address\n", address);
	exit(2);
}

static int same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return 0;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void report(struct peer *peer)
{
	uint32_t *rtt = peer->rtt_us;
	unsigned n = peer->echoed;

	qsort(rtt, n, sizeof *rtt, by_value);
	printf("%s sent %u received %u echoed %u rtt_us %u %u %u\n", peer->name, peer->sent, peer->received, n,
	       n ? rtt[0] : 0, n ? rtt[n / 2] : 0, n ? rtt[n - 1] : 0);
}

static void receive(int fd, uint64_t me, unsigned count, struct peer *peers, int n)
{
	struct datagram d;
	struct sockaddr_storage from;
	socklen_t length = sizeof from;
	ssize_t got = recvfrom(fd, &d, sizeof d, MSG_DONTWAIT, (struct sockaddr *)&from, &length);

	if (got != sizeof d || d.magic != MAGIC)
		return;
	for (int i = 0; i < n; i++) {
		struct peer *peer = &peers[i];

		if (!same_host(&from, &peer->address))
			continue;
		if (d.kind == ASK) {
			peer->received++;
			d.kind = ECHO;
			/* An answer that cannot be sent is an answer that does not arrive. */
			(void)!sendto(fd, &d, sizeof d, MSG_DONTWAIT, (struct sockaddr *)&from, length);
		} else if (d.kind == ECHO && d.sender == me && peer->echoed < count) {
			peer->rtt_us[peer->echoed++] = (uint32_t)((now_ns() - d.sent_ns) / 1000);
		}
		return;
	}
}

static int mesh(int argc, char **argv)
{
	const char *port;
	uint64_t me, lead, spacing, tail, start, end, next;
	unsigned count, number = 0;
	int n = argc - 5, fd, size = 4 << 20;
	struct peer *peers;
	struct sockaddr_storage own = { 0 };

	if (n < 1)
		return 2;
	port = argv[0];
	lead = strtoull(argv[1], NULL, 10) * 1000000;
	count = (unsigned)strtoul(argv[2], NULL, 10);
	spacing = strtoull(argv[3], NULL, 10) * 1000;
	tail = strtoull(argv[4], NULL, 10) * 1000000;
	peers = calloc((size_t)n, sizeof *peers);
	if (!peers || getrandom(&me, sizeof me, 0) != sizeof me)
		fail("set up");
	for (int i = 0; i < n; i++) {
		peers[i].name = argv[5 + i];
		peers[i].length = resolve(argv[5 + i], port, &peers[i].address);
		peers[i].rtt_us = calloc(count + 1, sizeof(uint32_t));
		if (!peers[i].rtt_us)
			fail("memory");
	}
	fd = socket(peers[0].address.ss_family, SOCK_DGRAM, 0);
	own.ss_family = peers[0].address.ss_family;
	/* Port and family stand at the same place in both forms of address. */
	((struct sockaddr_in *)&own)->sin_port = ((struct sockaddr_in *)&peers[0].address)->sin_port;
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, peers[0].length) != 0)
		fail("bind");
	/* What the socket has no room for would count as lost on the way. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);

	start = now_ns();
	next = start + lead;
	end = next + count * spacing + tail;
	for (;;) {
		struct pollfd waiting = { .fd = fd, .events = POLLIN };
		uint64_t now = now_ns(), until = number < count ? next : end;
		struct timespec left = { 0 };

		if (now >= end)
			break;
		if (number < count && now >= next) {
			for (int i = 0; i < n; i++) {
				struct datagram d = { MAGIC, ASK, me, now_ns(), number };

				peers[i].sent++;
				/* Refused by a rule: it does not arrive, which is what is counted. */
				(void)!sendto(fd, &d, sizeof d, 0, (struct sockaddr *)&peers[i].address, peers[i].length);
			}
			number++;
			next += spacing;
			continue;
		}
		if (until > now) {
			left.tv_sec = (time_t)((until - now) / 1000000000u);
			left.tv_nsec = (long)((until - now) % 1000000000u);
		}
		if (ppoll(&waiting, 1, &left, NULL) > 0)
			receive(fd, me, count, peers, n);
	}
	for (int i = 0; i < n; i++)
		report(&peers[i]);
	return 0;
}

static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd waiting = { .fd = fd, .events = events };
	uint64_t now = now_ns();
	int left = now >= deadline ? 0 : (int)((deadline - now + 999999) / 1000000);

	return poll(&waiting, 1, left);
}

static int refused(int error)
{
	printf("refused: %s\n", strerror(error));
	return 0;
}

static int connect_once(int argc, char **argv)
{
	/* SSLRequest of the PostgreSQL protocol: length 8, code 80877103. */
	static const unsigned char greeting[8] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f };
	struct sockaddr_storage address;
	socklen_t length;
	uint64_t start, deadline;
	int fd, error = 0, greet = argc == 4 && strcmp(argv[3], "greet") == 0;
	socklen_t size = sizeof error;
	char answer;

	if (argc < 3)
		return 2;
	length = resolve(argv[0], argv[1], &address);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		fail("socket");
	start = now_ns();
	deadline = start + strtoull(argv[2], NULL, 10) * 1000000;
	if (connect(fd, (struct sockaddr *)&address, length) != 0 && errno != EINPROGRESS)
		return refused(errno);
	if (wait_for(fd, POLLOUT, deadline) == 0) {
		puts("timeout");
		return 0;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
		return refused(error);
	if (!greet) {
		printf("connected %llu\n", (unsigned long long)(now_ns() - start) / 1000);
		return 0;
	}
	if (send(fd, greeting, sizeof greeting, MSG_NOSIGNAL) != sizeof greeting)
		return refused(errno);
	if (wait_for(fd, POLLIN, deadline) == 0) {
		puts("silent");
		return 0;
	}
	if (recv(fd, &answer, 1, 0) != 1)
		return refused(errno ? errno : ECONNRESET);
	printf("answered %llu\n", (unsigned long long)(now_ns() - start) / 1000);
	return 0;
}

static int sink(int argc, char **argv)
{
	static char buffer[1 << 18];
	struct sockaddr_storage address;
	uint64_t warm, length, first = 0, from = 0, until = 0, last = 0, bytes = 0, deadline = now_ns() + 10000000000u;
	int listener, fd, yes = 1;
	socklen_t size;

	if (argc != 4)
		return 2;
	size = resolve(argv[0], argv[1], &address);
	warm = strtoull(argv[2], NULL, 10) * 1000000;
	length = strtoull(argv[3], NULL, 10) * 1000000;
	listener = socket(address.ss_family, SOCK_STREAM, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
	    bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0)
		fail("listen");
	if (wait_for(listener, POLLIN, deadline) == 0 || (fd = accept(listener, NULL, NULL)) < 0) {
		puts("received 0 in 0");
		return 0;
	}
	for (;;) {
		uint64_t limit = until ? until : deadline;
		ssize_t got;

		if (wait_for(fd, POLLIN, limit) == 0)
			break;
		got = recv(fd, buffer, sizeof buffer, 0);
		if (got <= 0)
			break;
		last = now_ns();
		if (first == 0) {
			first = last;
			from = first + warm;
			until = from + length;
		}
		if (last > until)
			break;
		if (last >= from)
			bytes += (uint64_t)got;
	}
	last = now_ns();
	printf("received %llu in %llu\n", (unsigned long long)bytes,
	       (unsigned long long)(last > from && from ? (last - from) / 1000 : 0));
	return 0;
}

static int pour(int argc, char **argv)
{
	static char buffer[1 << 16];
	struct sockaddr_storage address;
	uint64_t until, give_up = now_ns() + 3000000000u;
	socklen_t size;
	int fd;

	if (argc != 3)
		return 2;
	size = resolve(argv[0], argv[1], &address);
	for (;;) {
		struct timespec pause = { .tv_nsec = 50000000 };

		fd = socket(address.ss_family, SOCK_STREAM, 0);
		if (fd < 0)
			fail("socket");
		if (connect(fd, (struct sockaddr *)&address, size) == 0)
			break;
		close(fd);
		if (now_ns() > give_up)
			fail("connect");
		nanosleep(&pause, NULL);
	}
	until = now_ns() + strtoull(argv[2], NULL, 10) * 1000000;
	while (now_ns() < until && wait_for(fd, POLLOUT, until) > 0)
		if (send(fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			break;
	return 0;
}

int main(int argc, char **argv)
{
	int code = 2;

	if (argc > 2 && strcmp(argv[1], "mesh") == 0)
		code = mesh(argc - 2, argv + 2);
	else if (argc > 2 && strcmp(argv[1], "connect") == 0)
		code = connect_once(argc - 2, argv + 2);
	else if (argc > 2 && strcmp(argv[1], "sink") == 0)
		code = sink(argc - 2, argv + 2);
	else if (argc > 2 && strcmp(argv[1], "pour") == 0)
		code = pour(argc - 2, argv + 2);
	if (code == 2)
		fprintf(stderr, "usage: netprobe mesh PORT LEAD_MS COUNT SPACING_US TAIL_MS PEER...\n"
				"       netprobe connect ADDRESS PORT TIMEOUT_MS [greet]\n"
				"       netprobe sink ADDRESS PORT WARM_MS MS\n"
				"       netprobe pour ADDRESS PORT MS\n");
	return code;
}
