/*
 * netdelay ID QUEUE LATENCY_US JITTER_US SECONDS
 *
 * Holds every packet of a netfilter queue for a while. The packets stay in the kernel, only their numbers come here; a
 * packet is let go when its time is over. Ends after SECONDS, or when told to; what it holds is let go then. The rule
 * that sends packets here says `bypass`: where this program does not run, they are not held at all. ID is for whoever
 * lists the processes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Packets that may be held: 100 ms of 10 Gbit/s in segments of 1500 bytes. More than that are let through at once. */
#define MOST_HELD 131072

struct held {
	uint64_t due_ns;
	uint32_t id;
};

static struct held *heap;
static size_t heap_size, heap_room;
static int netlink;
static uint16_t queue;
static volatile sig_atomic_t stopping;

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

static void push(struct held packet)
{
	size_t i = heap_size++;

	if (heap_size > heap_room) {
		heap_room = heap_room ? heap_room * 2 : 4096;
		heap = realloc(heap, heap_room * sizeof *heap);
		if (!heap)
			fail("memory");
	}
	for (; i > 0 && heap[(i - 1) / 2].due_ns > packet.due_ns; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = packet;
}

static struct held pop(void)
{
	struct held first = heap[0], last = heap[--heap_size];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= heap_size)
			break;
		if (child + 1 < heap_size && heap[child + 1].due_ns < heap[child].due_ns)
			child++;
		if (last.due_ns <= heap[child].due_ns)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return first;
}

/* A netlink message that is being written. */
struct message {
	union {
		struct nlmsghdr header;
		char bytes[256];
	};
};

static void begin(struct message *m, int type, int flags)
{
	struct nfgenmsg *body;

	memset(m, 0, sizeof *m);
	m->header.nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	m->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->header.nlmsg_len = NLMSG_LENGTH(sizeof *body);
	body = NLMSG_DATA(&m->header);
	body->nfgen_family = AF_UNSPEC;
	body->version = NFNETLINK_V0;
	body->res_id = htons(queue);
}

static void attribute(struct message *m, uint16_t type, const void *data, uint16_t length)
{
	struct nlattr *a = (struct nlattr *)(m->bytes + NLMSG_ALIGN(m->header.nlmsg_len));

	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + length);
	memcpy((char *)a + NLA_HDRLEN, data, length);
	m->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->header.nlmsg_len) + NLA_ALIGN(a->nla_len));
}

static void send_message(struct message *m)
{
	if (send(netlink, m, m->header.nlmsg_len, 0) < 0)
		fail("netlink send");
}

static void expect_ack(const char *what)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[512];
	} reply;

	if (recv(netlink, &reply, sizeof reply, 0) < 0)
		fail(what);
	if (reply.header.nlmsg_type == NLMSG_ERROR && reply.error.error != 0) {
		errno = -reply.error.error;
		fail(what);
	}
}

static void open_queue(void)
{
	struct nfqnl_msg_config_cmd bind_command = { .command = NFQNL_CFG_CMD_BIND };
	struct nfqnl_msg_config_params params = { .copy_mode = NFQNL_COPY_META };
	uint32_t most = htonl(MOST_HELD), flags = htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN);
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int size = 64 << 20, yes = 1;
	struct message m;

	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (netlink < 0 || bind(netlink, (struct sockaddr *)&address, sizeof address) != 0)
		fail("netlink");
	if (setsockopt(netlink, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
		setsockopt(netlink, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	/* A burst that does not fit is let through by the kernel; it must not end this program. */
	setsockopt(netlink, SOL_NETLINK, NETLINK_NO_ENOBUFS, &yes, sizeof yes);

	begin(&m, NFQNL_MSG_CONFIG, NLM_F_ACK);
	attribute(&m, NFQA_CFG_CMD, &bind_command, sizeof bind_command);
	send_message(&m);
	expect_ack("bind the queue");

	begin(&m, NFQNL_MSG_CONFIG, NLM_F_ACK);
	attribute(&m, NFQA_CFG_PARAMS, &params, sizeof params);
	attribute(&m, NFQA_CFG_QUEUE_MAXLEN, &most, sizeof most);
	attribute(&m, NFQA_CFG_FLAGS, &flags, sizeof flags);
	attribute(&m, NFQA_CFG_MASK, &flags, sizeof flags);
	send_message(&m);
	expect_ack("set the queue up");
}

static void let_go(uint32_t id, int type)
{
	struct nfqnl_msg_verdict_hdr verdict = { .verdict = htonl(NF_ACCEPT), .id = htonl(id) };
	struct message m;

	begin(&m, type, 0);
	attribute(&m, NFQA_VERDICT_HDR, &verdict, sizeof verdict);
	send_message(&m);
}

/* With one latency for all, packets are due in the order of their numbers: one message lets go of all up to the last. */
static void release(uint64_t until, int in_order)
{
	uint32_t last = 0;
	int any = 0;

	while (heap_size > 0 && heap[0].due_ns <= until) {
		struct held packet = pop();

		if (in_order) {
			if (!any || (int32_t)(packet.id - last) > 0)
				last = packet.id;
			any = 1;
		} else {
			let_go(packet.id, NFQNL_MSG_VERDICT);
		}
	}
	if (any)
		let_go(last, NFQNL_MSG_VERDICT_BATCH);
}

static void take(struct nlmsghdr *header, uint64_t latency_ns, uint64_t jitter_ns)
{
	struct nlattr *a = (struct nlattr *)((char *)NLMSG_DATA(header) + NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	int left = (int)(header->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg))));

	if (header->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return;
	while (left >= (int)NLA_HDRLEN) {
		int step = NLA_ALIGN(a->nla_len);

		if ((a->nla_type & NLA_TYPE_MASK) == NFQA_PACKET_HDR) {
			struct nfqnl_msg_packet_hdr *packet = (struct nfqnl_msg_packet_hdr *)((char *)a + NLA_HDRLEN);
			uint64_t spread = jitter_ns ? (uint64_t)(drand48() * 2 * (double)jitter_ns) : 0;

			push((struct held){ now_ns() + latency_ns - jitter_ns + spread, ntohl(packet->packet_id) });
			return;
		}
		if (step <= 0)
			return;
		a = (struct nlattr *)((char *)a + step);
		left -= step;
	}
}

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

int main(int argc, char **argv)
{
	static char buffer[1 << 20];
	uint64_t latency_ns, jitter_ns;
	struct sigaction stop = { .sa_handler = on_signal };

	if (argc != 6) {
		fprintf(stderr, "usage: netdelay ID QUEUE LATENCY_US JITTER_US SECONDS\n");
		return 2;
	}
	queue = (uint16_t)atoi(argv[2]);
	latency_ns = strtoull(argv[3], NULL, 10) * 1000;
	jitter_ns = strtoull(argv[4], NULL, 10) * 1000;
	if (jitter_ns > latency_ns)
		jitter_ns = latency_ns;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGALRM, &stop, NULL);
	alarm((unsigned)atoi(argv[5]));
	/* Timers are late by up to 50 us otherwise. */
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	srand48((long)now_ns());
	open_queue();
	puts("ready");
	fflush(stdout);

	while (!stopping) {
		struct pollfd waiting = { .fd = netlink, .events = POLLIN };
		struct timespec left = { 0 };
		uint64_t now = now_ns();
		int ready;

		if (heap_size > 0 && heap[0].due_ns > now) {
			left.tv_sec = (time_t)((heap[0].due_ns - now) / 1000000000u);
			left.tv_nsec = (long)((heap[0].due_ns - now) % 1000000000u);
		}
		ready = ppoll(&waiting, 1, heap_size > 0 ? &left : NULL, NULL);
		if (ready < 0 && errno != EINTR)
			fail("poll");
		while (ready > 0) {
			ssize_t got = recv(netlink, buffer, sizeof buffer, MSG_DONTWAIT);

			if (got <= 0)
				break;
			for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; NLMSG_OK(m, got); m = NLMSG_NEXT(m, got))
				take(m, latency_ns, jitter_ns);
		}
		release(now_ns(), jitter_ns == 0);
	}
	release(UINT64_MAX, jitter_ns == 0);
	return 0;
}
