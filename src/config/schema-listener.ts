// The keys of a listener, the client side. At the top level of a file they are the defaults of each listener.

import type { ListenerSettings, ListenerSocketSettings, SocketSettings, TimeoutSettings } from './config.ts';
import { key, section, type Keys, type Section } from './key.ts';
import { flag, integer, size, text, time, word } from './kinds.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const LONGEST = 168 * HOUR;
const KIB = 1024;
const MIB = 1024 * KIB;

/** Linux counts these in whole seconds, 15 bits of them. */
const KERNEL_SECONDS = { least: SECOND, most: 32_767 * SECOND, off: true };

const timeouts: Section<TimeoutSettings> = section(
  'When a session has taken too long. A byte in either direction, copied or spliced, begins every silence anew; so does a send queue that shrinks. 0 is off.',
  {
    connect: key(
      time({ least: 1, most: HOUR, off: false }),
      5,
      'live',
      'One TCP handshake with a backend. It is never off: a backend that does not answer has to be left at some time.',
    ),
    read: key(
      time({ least: 1, most: LONGEST, off: true }),
      30,
      'live',
      'Silence in both directions while a backend owes an answer: client bytes have gone to it and none have come back since.',
    ),
    write: key(
      time({ least: 1, most: LONGEST, off: true }),
      30,
      'live',
      'Bytes wait for a side that takes none, counted from the last one that its kernel acknowledged.',
    ),
    keepalive: key(
      time({ least: 1, most: LONGEST, off: true }),
      75,
      'live',
      'Silence in both directions while no answer is owed.',
    ),
    half_close: key(
      time({ least: 1, most: LONGEST, off: true }),
      30,
      'live',
      'Silence once one side has ended its direction and the other has not.',
    ),
    first_byte: key(
      time({ least: 1, most: LONGEST, off: true }),
      0,
      'live',
      'From accepting a client to its first byte. Leave it off where backends speak first, as databases and SMTP do.',
    ),
    session: key(
      time({ least: 1, most: LONGEST, off: true }),
      0,
      'new',
      'A session of this age ends, whatever it does.',
    ),
    session_jitter: key(
      integer(0, 100, 'percent'),
      0,
      'new',
      'Percent of `session` by which the limits of sessions differ, so that those which began together do not end together.',
    ),
  },
);

/** What either side of a session can be told about its TCP connection. */
export const socketKeys: Keys<SocketSettings> = {
  keep_alive: key(
    flag(),
    true,
    'new',
    'Whether the kernel probes connections on which nothing moves (SO_KEEPALIVE).',
  ),
  keep_alive_timeout: key(
    time(KERNEL_SECONDS),
    75,
    'new',
    "Idle time before the kernel's first probe, in whole seconds, rounded up (TCP_KEEPIDLE). 0 leaves the kernel's own.",
  ),
  keep_alive_interval: key(
    time(KERNEL_SECONDS),
    15,
    'new',
    "Time between two of the kernel's probes, in whole seconds, rounded up (TCP_KEEPINTVL). 0 leaves the kernel's own.",
  ),
  keep_alive_count: key(
    integer(0, 127),
    4,
    'new',
    "Probes without an answer after which the kernel gives a connection up (TCP_KEEPCNT). 0 leaves the kernel's own.",
  ),
  tcp_nodelay: key(
    flag(),
    true,
    'new',
    "Whether small writes go out at once rather than wait for others (TCP_NODELAY, Nagle's algorithm off).",
  ),
  tcp_quickack: key(
    flag(),
    false,
    'live',
    'Whether received bytes are acknowledged at once (TCP_QUICKACK). The kernel forgets it, so it costs a system call after each read.',
  ),
  tcp_user_timeout: key(
    time({ least: 1, most: LONGEST, off: true }),
    0,
    'new',
    "How long sent bytes may go without acknowledgement before the kernel gives the connection up (TCP_USER_TIMEOUT). 0 leaves the kernel's own, some 15 minutes.",
  ),
  tcp_fastopen: key(
    integer(0, 65535),
    0,
    'new',
    'Data in the SYN (TCP Fast Open). On a listener the length of its queue; for backends any value above 0 asks for it. 0 is off.',
  ),
  receive_buffer: key(
    size(4 * KIB, 1024 * MIB, true),
    0,
    'new',
    "The kernel's receive buffer (SO_RCVBUF). 0 leaves it to the kernel, which then grows it by need; a fixed one never grows.",
  ),
  send_buffer: key(
    size(4 * KIB, 1024 * MIB, true),
    0,
    'new',
    "The kernel's send buffer (SO_SNDBUF). 0 leaves it to the kernel, which then grows it by need; a fixed one never grows.",
  ),
  congestion_control: key(
    text(
      /^[a-z0-9_-]{0,15}$/,
      'the name of a congestion control algorithm, such as bbr or cubic',
      'a name that the kernel knows',
    ),
    '',
    'new',
    "Congestion control algorithm (TCP_CONGESTION), such as `bbr` or `cubic`. Empty leaves the kernel's own.",
  ),
};

const connectionSettings: Section<ListenerSocketSettings> = section(
  'TCP options: in a listener those of the client side, in a pool those of the backend side, at the top level those of both.',
  {
    ...socketKeys,
    max_requests_per_connection: key(
      integer(0, 1_000_000_000),
      0,
      'live',
      'Turns (client bytes, then an answer) after which a session ends at an idle moment, so that long-lived clients spread again. 0 is no limit. Listeners only.',
    ),
    tcp_defer_accept: key(
      time(KERNEL_SECONDS),
      0,
      'new',
      'A client is accepted when its first bytes are there, or after this long, in whole seconds, rounded up (TCP_DEFER_ACCEPT). 0 is off; leave it off where backends speak first. Listeners only.',
    ),
  },
);

export const listenerSection: Section<ListenerSettings> = section(
  'The client side: accepting and relaying.',
  {
    backlog: key(
      integer(1, 65535),
      4096,
      'process',
      'Connections that may wait to be accepted, per worker. The kernel caps it at net.core.somaxconn.',
    ),
    max_connections: key(
      integer(0, 10_000_000),
      10_000,
      'new',
      'Sessions open at once on a listener, over all workers. Further clients wait in the backlog. 0 is no limit.',
    ),
    buffer_size: key(
      size(KIB, 16 * MIB),
      8192,
      'live',
      'Bytes that a direction reads at once to begin with. A buffer is only held while bytes wait in it.',
    ),
    max_buffer_size: key(
      size(KIB, 16 * MIB),
      65536,
      'live',
      'Bytes that the reads of a busy direction grow to; not below `buffer_size`.',
    ),
    splice: key(
      word(['auto', 'on', 'off']),
      'auto',
      'live',
      'Whether bytes stay in the kernel on their way through (splice). `auto`: directions that move much; `on`: every byte that can; `off`: none.',
    ),
    pipe_size: key(
      size(4 * KIB, MIB),
      262_144,
      'live',
      'Bytes that a kernel pipe may hold while a direction is spliced.',
    ),
    retries: key(
      integer(0, 7),
      2,
      'new',
      'Further backends that are tried when one cannot be connected to. Never after a byte has reached a backend.',
    ),
    timeouts,
    connection_settings: connectionSettings,
  },
);
