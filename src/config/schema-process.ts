// The keys that concern the process as a whole. They stand at the top level of a file, in either form.

import type {
  AccessLogSettings,
  AdminSettings,
  DrainSettings,
  ProcessSettings,
  PrometheusSettings,
  UpgradeSettings,
} from './config.ts';
import { isNumericHost } from './address.ts';
import { key, section, type Section } from './key.ts';
import {
  account,
  autoOr,
  flag,
  integer,
  judgedText,
  type Kind,
  numberOr,
  percent,
  port,
  text,
  time,
  word,
  wordOrNumbers,
} from './kinds.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;

/** What a socket's address holds (sun_path), less room for the name that it has before it is there for others. */
export const MOST_SOCKET_PATH = 100;
/** Sessions per second: more is at once. */
export const MOST_DRAIN_RATE = 1_000_000;
const FILE_NAME = /^\P{C}{0,4096}$/u;
const FROM_CONFIG = 'a file, relative to the directory of the config';

function fileName(phrase = 'a file name', range = FROM_CONFIG): Kind<string> {
  return text(FILE_NAME, phrase, range);
}

/** What its name may be in all is known with the directory (rules-admin.ts). */
function socketName(): Kind<string> {
  return fileName('a file name', `${FROM_CONFIG}, at most ${MOST_SOCKET_PATH} bytes in all`);
}

function numericHost(phrase: string): Kind<string> {
  const problem = (value: string): string | undefined =>
    isNumericHost(value) ? undefined : 'it has to be numeric, without brackets';
  return judgedText(problem, phrase, 'an IPv4 or IPv6 address');
}

/** The data plane keeps one bit per worker in a word. */
const MOST_WORKERS = 64;

const access: Section<AccessLogSettings> = section(
  'The access log: a record for each session that ends (docs/access-log.md). Off unless `file` is set.',
  {
    file: key(
      fileName('a file name, or stdout', `${FROM_CONFIG}, or \`stdout\``),
      '',
      'process',
      'Where records go: a file that they are appended to, reopened at SIGUSR1, or `stdout` (`-` is the same). Empty is nowhere.',
    ),
    format: key(
      word(['json', 'text']),
      'json',
      'process',
      'A JSON object on each line, or fields with spaces between them, which has less.',
    ),
    sample: key(
      percent(),
      100,
      'process',
      'Percent of sessions that are recorded, drawn for each by itself when it ends. 100 is all.',
    ),
    errors_only: key(
      flag(),
      false,
      'process',
      'Only sessions whose close reason counts as an error (docs/metrics.md); `sample` is of those then.',
    ),
  },
);

const log: Section<ProcessSettings['log']> = section('What is logged, how and where.', {
  level: key(
    word(['debug', 'info', 'warn', 'error']),
    'info',
    'process',
    'The least severe kind of line that is logged.',
  ),
  format: key(
    word(['auto', 'json', 'text']),
    'auto',
    'process',
    'JSON objects for machines or lines for people; `auto` is text on a terminal and JSON elsewhere.',
  ),
  file: key(
    fileName(),
    '',
    'process',
    'File that log lines are appended to, reopened at SIGUSR1. Empty is stderr.',
  ),
  access,
});

const prometheus: Section<PrometheusSettings> = section('The metrics page in the Prometheus text format.', {
  enabled: key(
    flag(),
    false,
    'process',
    'Whether the page is served. `/healthz` and `/readyz` are beside it.',
  ),
  host: key(
    numericHost('the address to serve metrics on, such as 127.0.0.1'),
    '127.0.0.1',
    'process',
    'Address that the page is served on: this machine alone unless told otherwise, since metrics say much about it.',
  ),
  port: key(port(), 9090, 'process', 'Port that the page is served on; not one that a listener uses.'),
  path: key(
    text(
      /^\/[A-Za-z0-9._~/-]{0,255}$/,
      'a path that begins with / and has letters, digits and . _ ~ - only',
      'a path',
    ),
    '/metrics',
    'process',
    'Path of the page; neither `/healthz` nor `/readyz`.',
  ),
});

export const adminSection: Section<AdminSettings> = section(
  'The interface that `ctl` talks to (docs/admin.md). Off unless `socket` or `port` is set: whoever reaches it can do everything.',
  {
    socket: key(
      socketName(),
      '',
      'process',
      'Unix socket, which only the user that the process runs as can open (mode 0600). `ctl` looks at /run/ultrabalancer-l4/admin.sock unless told. Empty is none.',
    ),
    host: key(
      numericHost('the address of the admin interface, such as 127.0.0.1'),
      '127.0.0.1',
      'process',
      'Address over TCP, where `port` is set. What goes over it is not encrypted, the token neither.',
    ),
    port: key(
      integer(0, 65535, 'port'),
      0,
      'process',
      'Port over TCP, which needs `token_file`; not one that a listener or the metrics use. 0 is none.',
    ),
    token_file: key(
      fileName(),
      '',
      'process',
      'File whose first line is what has to be shown over TCP: 16 to 512 printable characters without spaces. Read again at each reload.',
    ),
    dashboard: key(
      flag(),
      true,
      'process',
      'Whether a web page is served over TCP (docs/dashboard.md). The page itself holds nothing; all that it shows and does needs the token.',
    ),
  },
);

export const upgradeSection: Section<UpgradeSettings> = section(
  'How a new process takes the place of the running one (docs/upgrade.md). SIGUSR2 needs none of this.',
  {
    socket: key(
      socketName(),
      '',
      'process',
      'Unix socket where a process started with `--take-over` finds the running one. Only the same user and root get anything from it (mode 0600). Empty is none.',
    ),
    timeout: key(
      time({ least: SECOND, most: HOUR, off: false }),
      60,
      'process',
      'Time that the new process has until it is ready. Past it the upgrade is given up and the running one serves on.',
    ),
  },
);

const drain: Section<DrainSettings> = section(
  'How the process ends at SIGTERM and SIGINT, and how sessions are ended that may not stay (docs/drain.md).',
  {
    delay: key(
      time({ least: 1, most: HOUR, off: true }),
      0,
      'process',
      'How long it goes on accepting after the signal while `/readyz` already says no, for those who send clients here to notice. 0 stops at once.',
    ),
    timeout: key(
      time({ least: 1, most: 24 * HOUR, off: true }),
      30,
      'process',
      'Time that open sessions have to finish in once nothing is accepted any more; then they are ended. 0 sets no limit.',
    ),
    rate: key(
      numberOr(['even'], 0, MOST_DRAIN_RATE),
      0,
      'process',
      'Open sessions that are ended per second before that, over all workers, so that clients do not come back all at once. `even` spreads them over `timeout`. 0 ends none before.',
    ),
    order: key(
      word(['idle', 'oldest']),
      'idle',
      'process',
      'Whom `rate` ends: `idle` only sessions at an idle moment, the longest silent first; `oldest` the oldest, whatever they are doing.',
    ),
    idle: key(
      time({ least: 1, most: HOUR, off: false }),
      1,
      'process',
      'Silence that makes an idle moment: no byte has moved for so long, no answer is owed, no byte waits.',
    ),
    removed: key(
      word(['keep', 'drain']),
      'keep',
      'process',
      'Sessions whose listener or backend a reload removes: `keep` lets them finish, `drain` ends them with the same `timeout`, `rate` and `order`.',
    ),
  },
);

export const processSection: Section<ProcessSettings> = section('The process as a whole.', {
  workers: key(
    autoOr(1, MOST_WORKERS),
    'auto',
    'process',
    'Threads that relay, each with its own event loop. `auto` is one for each CPU that this process may use.',
  ),
  cpu_affinity: key(
    wordOrNumbers(['auto', 'off'], 1023),
    'off',
    'process',
    'CPUs that workers are pinned to. `auto` gives each worker one of the allowed CPUs; a list is used in order, round and round; `off` leaves it to the kernel.',
  ),
  drain,
  dns: section('How names of backends are resolved, and resolved again.', {
    min_ttl: key(
      time({ least: SECOND, most: 24 * HOUR, off: false }),
      5,
      'process',
      'An answer is kept for at least this long, whatever its own lifetime.',
    ),
    max_ttl: key(
      time({ least: SECOND, most: 24 * HOUR, off: false }),
      300,
      'process',
      'An answer is asked for again after at most this long; not below `min_ttl`. The last good answer is never thrown away.',
    ),
    timeout: key(
      time({ least: 10, most: 60 * SECOND, off: false }),
      5,
      'process',
      'Longest wait for one answer.',
    ),
  }),
  log,
  monitoring: section('What the process tells about itself.', { prometheus }),
  admin: adminSection,
  upgrade: upgradeSection,
  user: key(
    account('the name or number of a user'),
    '',
    'process',
    'User that the process becomes once its sockets are bound, for good; started as root alone, as anybody else it has to be that user. It keeps the right to bind ports below 1024 where the config has one, and nothing else that root may do. A change takes a restart. Empty stays who it is.',
  ),
  group: key(
    account('the name or number of a group'),
    '',
    'process',
    "Group that goes with `user`. A change takes a restart. Empty is the user's own.",
  ),
});
