// Failures in words for people: one line, what was tried and why it did not work, no stack. Reads the fields that Node
// and the data plane put on system errors (code, syscall, address, port, path). Knows nothing of who failed.

import { getSystemErrorMap } from 'node:util';

/** What an operation of ours can fail with; a program that embeds it can tell these apart. */
export type BalancerErrorCode =
  /** An address or path cannot be listened on. */
  | 'ERR_LISTEN'
  /** A file cannot be opened, read or written. */
  | 'ERR_FILE'
  /** The data plane refused, for another reason than an address. */
  | 'ERR_ENGINE'
  /** What was asked for does not fit the state that it is in. */
  | 'ERR_STATE'
  /** The admin interface cannot be reached, or answers with an error. */
  | 'ERR_ADMIN';

export class BalancerError extends Error {
  override readonly name: string = 'BalancerError';
  readonly code: BalancerErrorCode;

  constructor(code: BalancerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What can be on an error that comes from a system call. */
interface SystemFacts {
  readonly code: string;
  readonly syscall: string;
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
}

/** Longest description; a message can carry whatever a peer or a file contains. */
const MOST_CHARACTERS = 500;

/** Said better than the C library does. */
const CAUSES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'the address is not available on this machine',
  EAFNOSUPPORT: 'this machine does not support that family of addresses',
  EINVAL: 'it makes no sense to the kernel',
  EMFILE: 'no descriptor is left in this process',
  ENFILE: 'no descriptor is left on this machine',
  ENOENT: 'no such file or directory',
  EISDIR: 'it is a directory',
  ENOSPC: 'no space is left on the device',
  ECONNREFUSED: 'connection refused',
  ECANCELED: 'it is shutting down',
};

const LOWEST_FREE_PORT = 1024;

/** One line that says what went wrong; never empty, never a stack trace, control characters made visible. */
export function describeError(error: unknown): string {
  return oneLine(describe(error)).slice(0, MOST_CHARACTERS);
}

/** The text on one line: control characters, which a terminal might obey, are shown as escapes. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, visible);
}

function visible(character: string): string {
  switch (character) {
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    default: {
      const code = character.charCodeAt(0);
      return code < 0x100
        ? `\\x${code.toString(16).padStart(2, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`;
    }
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return describeOther(error);
  const facts = systemFacts(error);
  if (facts === undefined) return error.message === '' ? error.name : error.message;
  const cause = causeOf(facts);
  return `cannot ${attempt(facts)}: ${cause}`;
}

function describeOther(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  if (
    typeof value === 'object' &&
    value !== null &&
    'message' in value &&
    typeof value.message === 'string'
  ) {
    return value.message;
  }
  return 'unknown error';
}

/** Undefined for errors that no system call made: their own message is the best there is. */
function systemFacts(error: Error): SystemFacts | undefined {
  const fields = error as Partial<Record<'code' | 'syscall' | 'address' | 'port' | 'path', unknown>>;
  const { code, syscall, address, port, path } = fields;
  if (typeof code !== 'string' || typeof syscall !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  return {
    code,
    syscall,
    address: typeof address === 'string' ? address : undefined,
    port: typeof port === 'number' ? port : undefined,
    path: typeof path === 'string' ? path : undefined,
  };
}

/** What was tried, as a verb and its object. */
function attempt({ syscall, address, port, path }: SystemFacts): string {
  const where = address === undefined ? path : place(address, port);
  switch (syscall) {
    case 'bind':
    case 'listen':
      return where === undefined ? 'listen' : `listen on ${where}`;
    case 'connect':
      return where === undefined ? 'connect' : `connect to ${where}`;
    case 'pthread_create':
      return 'start a worker thread';
    default:
      return where === undefined ? syscall : `${syscall} ${where}`;
  }
}

/** `host:port` with brackets where an IPv6 address needs them; the host alone without a port, as for Unix sockets. */
export function place(host: string, port: number | undefined): string {
  if (port === undefined || port < 0) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function causeOf({ code, port }: SystemFacts): string {
  const cause = CAUSES[code] ?? systemMessages().get(code) ?? code;
  if (code === 'EACCES' && port !== undefined && port > 0 && port < LOWEST_FREE_PORT) {
    return `${cause} (ports below ${LOWEST_FREE_PORT} need root or CAP_NET_BIND_SERVICE)`;
  }
  return cause;
}

let messages: ReadonlyMap<string, string> | undefined;

function systemMessages(): ReadonlyMap<string, string> {
  messages ??= new Map(getSystemErrorMap().values());
  return messages;
}
