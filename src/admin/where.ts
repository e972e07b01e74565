// Where a running balancer is, as the command lines of its clients say it.

import { type Command, InvalidArgumentError } from 'commander';

import type { AdminTarget } from './client.ts';
import { readToken } from './guard.ts';

export const DEFAULT_SOCKET = '/run/ultrabalancer-l4/admin.sock';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface WhereOptions {
  readonly socket?: string;
  readonly tcp?: Place;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** `127.0.0.1:9091` or `[::1]:9091`. */
export function parsePlace(text: string): Place {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) throw new InvalidArgumentError('HOST:PORT is wanted');
  return { host, port };
}

/** Adds the options that say it. */
export function withWhere(command: Command): Command {
  return command
    .option('--socket <path>', `its admin socket (default: ${DEFAULT_SOCKET})`)
    .option('--tcp <host:port>', 'its admin address, where it has one', parsePlace)
    .option('--token-file <file>', 'the token for that address')
    .option('--json', 'for programs');
}

export function targetOf(options: WhereOptions): AdminTarget | { readonly problem: string } {
  if (options.tcp === undefined) return { kind: 'socket', path: options.socket ?? DEFAULT_SOCKET };
  if (options.tokenFile === undefined) return { problem: 'over TCP a token is needed: --token-file FILE' };
  const read = readToken(options.tokenFile);
  return read.ok ? { kind: 'tcp', ...options.tcp, token: read.token } : { problem: read.message };
}
