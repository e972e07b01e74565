// The keys of a pool, the backend side. At the top level of a file they are the defaults of each pool.

import type {
  Backend,
  ConnectionPoolSettings,
  HealthCheckSettings,
  PoolSettings,
  RebalanceSettings,
} from './config.ts';
import { hostProblem } from './address.ts';
import { key, section, type Section } from './key.ts';
import { flag, integer, judgedText, port, statusRanges, text, time, word, words } from './kinds.ts';
import { socketKeys } from './schema-listener.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;

const connectionPool: Section<ConnectionPoolSettings> = section(
  'Connections made ahead of clients, so that a session does not wait for a handshake. A connection serves one session and is never used twice: bytes of TCP belong to somebody.',
  {
    min_size: key(
      integer(0, 100_000),
      0,
      'process',
      'Connections kept ready to each backend, over all workers.',
    ),
    max_size: key(
      integer(0, 100_000),
      0,
      'process',
      'Connections kept ready at most, when clients come faster than they are made. Not below `min_size`; 0 makes none. Leave it at 0 where backends speak first or close idle connections.',
    ),
    timeout: key(
      time({ least: 1, most: 24 * HOUR, off: true }),
      30,
      'process',
      'A connection that nobody needed for this long is replaced; keep it below the idle time at which backends close. 0 is off.',
    ),
  },
);

export const healthCheckSection: Section<HealthCheckSettings> = section(
  'Probes that take backends out of rotation and bring them back. A backend begins in rotation.',
  {
    enabled: key(
      flag(),
      true,
      'process',
      'Whether backends are probed. Without probes all of them are always in rotation.',
    ),
    check_type: key(
      word(['tcp', 'http', 'custom']),
      'tcp',
      'process',
      '`tcp`: a connection can be made; `http`: GET is answered with an expected status; `custom`: a command or a module says so.',
    ),
    interval: key(
      time({ least: 10, most: 24 * HOUR, off: false }),
      10,
      'process',
      'From the beginning of one probe of a backend to the beginning of the next.',
    ),
    timeout: key(
      time({ least: 10, most: HOUR, off: false }),
      5,
      'process',
      'Longest time for a whole probe. A backend has one probe at a time, so a timeout above `interval` delays the next.',
    ),
    unhealthy_threshold: key(integer(1, 1000), 3, 'process', 'Failures in a row that take a backend out.'),
    healthy_threshold: key(integer(1, 1000), 2, 'process', 'Successes in a row that bring a backend back.'),
    path: key(
      text(
        /^\/[!-~]{0,1023}$/,
        'a path that begins with /, without spaces',
        'a path, with a query if need be',
      ),
      '/health',
      'process',
      'What is asked for. Only for `http`.',
    ),
    expected_status: key(
      statusRanges(),
      '200-399',
      'process',
      'Status codes that are a success. Only for `http`.',
    ),
    host: key(
      text(/^[!-~]{0,255}$/, 'a Host header without spaces', 'a name'),
      '',
      'process',
      "Host header of the request. Empty is the backend's own host. Only for `http`.",
    ),
    port: key(
      integer(0, 65535, 'port'),
      0,
      'process',
      'Port that is probed, where it is another than the one that serves. 0 is the one that serves.',
    ),
    jitter: key(
      integer(0, 50, 'percent'),
      10,
      'process',
      'Percent by which intervals of a second and more vary, so that probes of many balancers do not come together.',
    ),
    fast_interval: key(
      time({ least: 10, most: 24 * HOUR, off: true }),
      0,
      'process',
      'Used instead of `interval` while a change is under way; not above it. 0 is the smaller of `interval` and a second.',
    ),
    command: key(
      words(64),
      [],
      'process',
      'Program and arguments, run without a shell, with BACKEND_HOST and BACKEND_PORT in its environment; exit code 0 is healthy. A program with a / in its name is relative to the directory of the config. Only for `custom`.',
    ),
    module: key(
      text(/^\P{C}{0,4096}$/u, 'a file name', 'a file, relative to the directory of the config'),
      '',
      'process',
      'JavaScript module whose default export is `async (backend) => boolean`, run off the main thread. Only for `custom`.',
    ),
    cache: key(
      time({ least: 1, most: 24 * HOUR, off: true }),
      0,
      'process',
      'How long an answer of a custom check is used again instead of asking. 0 asks each time. Only for `custom`.',
    ),
  },
);

const rebalance: Section<RebalanceSettings> = section(
  'Moves idle sessions to a backend that has joined or recovered, by ending some of those that the fuller ones have; their clients come back (docs/drain.md). For sessions that last hours.',
  {
    enabled: key(flag(), false, 'process', 'Whether it is done.'),
    rate: key(integer(1, 100_000), 10, 'process', 'Sessions that are ended per second in the pool, at most.'),
    idle: key(
      time({ least: 10, most: 24 * HOUR, off: false }),
      30,
      'process',
      'Only sessions that were silent for so long, owe no answer and have no byte under way.',
    ),
    tolerance: key(
      integer(1, 100, 'percent'),
      10,
      'process',
      'It ends when no backend is further from its share than this percentage of it, or than one session.',
    ),
  },
);

export const poolSection: Section<PoolSettings> = section('The backend side: balancing and health.', {
  algorithm: key(
    word([
      'round_robin',
      'weighted_round_robin',
      'least_connections',
      'ip_hash',
      'least_response_time',
      'random',
      'power_of_two',
    ]),
    'round_robin',
    'new',
    'How the backend of a new session is picked. `round_robin` and `weighted_round_robin` are one: in turn, by weight, smoothly mixed. `ip_hash` keeps a client at its backend, and moves as few clients as can be when backends change. `power_of_two` takes the less loaded of two drawn by chance.',
  ),
  panic_threshold: key(
    integer(0, 100, 'percent'),
    0,
    'new',
    'When fewer than this percentage of the backends are up their state is not believed and all of them are used. 0 is never.',
  ),
  connection_pool: connectionPool,
  health_checks: healthCheckSection,
  rebalance,
  connection_settings: section('TCP options of the backend side.', socketKeys),
});

export const backendSection: Section<Backend> = section('One backend.', {
  host: key(
    judgedText(hostProblem, 'an address or a name', 'an IPv4 or IPv6 address without brackets, or a name'),
    undefined,
    'new',
    'Where it is. A name is resolved at start and again when its answer expires; IPv4 is preferred.',
  ),
  port: key(port(), undefined, 'new', 'Port that it listens on.'),
  weight: key(
    integer(0, 65535),
    1,
    'new',
    'Share of new sessions, relative to the other weights of the pool. 0 takes none, while sessions that are there go on.',
  ),
  max_connections: key(
    integer(0, 10_000_000),
    0,
    'new',
    'Connections to it at once, over all workers and listeners, those made ahead included. 0 is no limit.',
  ),
  backup: key(
    flag(),
    false,
    'new',
    'Whether it serves only while no other backend of the pool is in rotation.',
  ),
});
