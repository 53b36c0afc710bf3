// Holds every packet of a netfilter queue for a fixed time, then lets it pass: delay QUEUE MILLISECONDS SECONDS. The kernel
// of many labs has no sch_netem, but every one has netfilter queues. Perl, because a node has it and no compiler; it talks
// the queue's netlink protocol itself (linux/netfilter/nfnetlink_queue.h).
/** A program for `perl - QUEUE MILLISECONDS SECONDS`. It ends by itself after SECONDS; packets then pass unhindered. */
export const packetDelayProgram = String.raw`
use strict; use warnings; use Socket;
my ($queue, $delay, $ttl) = @ARGV;
my $clock = (qx(uname -m) =~ /aarch64/) ? 113 : 228; # clock_gettime
sub now { my $time = "\0" x 16; syscall($clock, 1, $time); my ($s, $ns) = unpack 'q q', $time; return $s + $ns / 1e9; }
socket(my $nl, 16, 3, 12) or die "netlink: $!";
bind($nl, pack('S S L L', 16, 0, 0, 0)) or die "bind: $!";
setsockopt($nl, SOL_SOCKET, 33, pack('L', 8 << 20)); # SO_RCVBUFFORCE
my $seq = 0;
sub attr { my ($type, $data) = @_; my $len = 4 + length $data; return pack('S S', $len, $type) . $data . ("\0" x (-$len & 3)); }
sub message {
  my ($type, $attrs) = @_;
  my $body = pack('C C n', 0, 0, $queue) . $attrs;
  send($nl, pack('L S S L L', 16 + length $body, (3 << 8) | $type, 1, ++$seq, 0) . $body, 0) or die "send: $!";
}
message(2, attr(1, pack('C x n', 1, 0))); # bind the queue
message(2, attr(2, pack('N C', 0, 1)));   # headers only
message(2, attr(3, pack('N', 65536)));    # packets that may wait
my @held; my $end = now() + $ttl;
while (now() < $end) {
  my $wait = @held ? $held[0][0] - now() : 0.5;
  my $ready = ''; vec($ready, fileno $nl, 1) = 1;
  select($ready, undef, undef, $wait > 0 ? $wait : 0);
  if (vec($ready, fileno $nl, 1) && defined recv($nl, my $buffer, 65536, 0)) {
    while (length $buffer >= 16) {
      my ($len, $type) = unpack 'L S', $buffer;
      my $attrs = $type == (3 << 8) ? substr $buffer, 20, $len - 20 : '';
      while (length $attrs >= 4) {
        my ($alen, $atype) = unpack 'S S', $attrs;
        push @held, [now() + $delay / 1000, unpack 'N', substr $attrs, 4, 4] if $atype == 1;
        $attrs = length $attrs > $alen ? substr $attrs, ($alen + 3) & ~3 : '';
      }
      $len = ($len + 3) & ~3;
      $buffer = length $buffer > $len ? substr $buffer, $len : '';
    }
  }
  while (@held && $held[0][0] <= now()) { my $one = shift @held; message(1, attr(2, pack 'N N', 1, $one->[1])); }
}
`;
