// Rules about the process's own doors: the admin interface has a token over TCP and a place of its own, Unix sockets
// have names that fit, and nothing is set that nothing reads.

import { createAddressTable, formatAddress } from './address.ts';
import { quote } from './issue.ts';
import { presetOf } from './key.ts';
import type { Rule } from './rules.ts';
import { listenTable } from './rules-addresses.ts';
import { adminSection, MOST_SOCKET_PATH } from './schema-process.ts';

const tcpNeedsAToken: Rule = ({ config, exists, error }) => {
  const { port, token_file: file } = config.admin;
  if (port !== 0 && file === '') error(['admin', 'port'], 'admin.port needs a token: name its token_file');
  if (port !== 0 && file !== '' && !exists(file)) {
    error(['admin', 'token_file'], `there is no file ${quote(file)}`);
  }
};

const tcpKeysAreRead: Rule = ({ config, origins, warn }) => {
  if (config.admin.port !== 0) return;
  for (const name of ['host', 'token_file', 'dashboard'] as const) {
    const part = adminSection.keys[name];
    // Spelling a default out is harmless.
    const isPreset = part.is === 'key' && presetOf<string | boolean>(part) === config.admin[name];
    if (isPreset || origins.of(['admin', name]) === undefined) continue;
    warn(['admin', name], `admin.${name} is for TCP, which needs admin.port`);
  }
};

const socketsFit: Rule = ({ config, error }) => {
  for (const name of ['admin', 'upgrade'] as const) {
    const bytes = Buffer.byteLength(config[name].socket);
    if (bytes <= MOST_SOCKET_PATH) continue;
    error(
      [name, 'socket'],
      `the name of a socket has at most ${MOST_SOCKET_PATH} bytes; with its directory this has ${bytes}`,
    );
  }
};

const socketsDiffer: Rule = ({ config, error }) => {
  if (config.upgrade.socket === '' || config.upgrade.socket !== config.admin.socket) return;
  error(
    ['upgrade', 'socket'],
    'upgrade.socket is the socket of the admin interface; it needs one of its own',
  );
};

const groupHasAUser: Rule = ({ config, error }) => {
  if (config.group !== '' && config.user === '') error(['group'], 'group goes with a user: name one');
};

const placeIsFree: Rule = ({ config, error }) => {
  const { host, port } = config.admin;
  if (port === 0) return;
  const { prometheus } = config.monitoring;
  const metrics = createAddressTable<string>();
  if (prometheus.enabled) metrics.add({ host: prometheus.host, port: prometheus.port }, 'the metrics are');
  const listeners = listenTable(config, (at) => `the listener ${quote(config.listeners[at]?.name ?? '')} is`);
  const taken = listeners.colliding({ host, port }) ?? metrics.colliding({ host, port });
  if (taken === undefined) return;
  const where = formatAddress({ host, port });
  error(['admin', 'port'], `the admin interface cannot be on ${where}: ${taken.owner} there`);
};

export const adminRules: readonly Rule[] = [
  tcpNeedsAToken,
  tcpKeysAreRead,
  socketsFit,
  socketsDiffer,
  groupHasAUser,
  placeIsFree,
];
