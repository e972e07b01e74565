// Who the process is once its sockets are bound: finds the user and group that the config names, says why that cannot be,
// and becomes them. Files that are used afterwards are given to them first. Knows no balancer.

import { accessSync, chownSync, constants, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { ProcessCalls } from '../engine/binding.ts';
import { describeError } from '../errors.ts';

export interface Identity {
  readonly user: number;
  readonly group: number;
  /** '' for a number that has no entry. */
  readonly name: string;
}

/** `stays`: it is that user already, or none is wanted. */
export type Intent =
  | { readonly ok: true; readonly becomes: Identity | undefined }
  | { readonly ok: false; readonly message: string };

export interface Wish {
  /** Name or number; '' is none. */
  readonly user: string;
  readonly group: string;
}

/** Linux's own, and where it has been lowered the host's. */
const FIRST_FREE_PORT = 1024;

export function intentOf(
  { user, group }: Wish,
  self: { readonly user: number; readonly group: number },
  calls: Pick<ProcessCalls, 'account' | 'group'>,
): Intent {
  if (user === '') return { ok: true, becomes: undefined };
  let found: Identity;
  try {
    found = calls.account(user);
  } catch {
    return { ok: false, message: `user: there is no user ${user} on this machine` };
  }
  try {
    if (group !== '') found = { ...found, group: calls.group(group) };
  } catch {
    return { ok: false, message: `group: there is no group ${group} on this machine` };
  }
  if (self.user === found.user && (self.user !== 0 || self.group === found.group))
    return { ok: true, becomes: undefined };
  if (self.user === 0) return { ok: true, becomes: found };
  return {
    ok: false,
    message: `user: this process runs as user ${self.user} and cannot become ${user}: start it as root, or leave user and group out`,
  };
}

/** Whether a reload may have to bind one of these as somebody who is not root. */
export function needsLowPorts(ports: readonly number[]): boolean {
  const first = firstFreePort();
  return ports.some((port) => port < first);
}

function firstFreePort(): number {
  try {
    const told = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
    return Number.isInteger(told) && told >= 0 ? told : FIRST_FREE_PORT;
  } catch {
    return FIRST_FREE_PORT;
  }
}

export type Become = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** For good. Files that are not there yet are made by the new user. */
export function become(
  identity: Identity,
  files: readonly string[],
  keepLowPorts: boolean,
  calls: Pick<ProcessCalls, 'become' | 'gainNothing'>,
): Become {
  const { user, group, name } = identity;
  const who = name === '' ? `user ${user}` : name;
  try {
    for (const file of files) give(file, user, group);
    calls.gainNothing();
    calls.become(user, group, name, keepLowPorts);
    return { ok: true };
  } catch (error) {
    return { ok: false, message: `cannot become ${who}: ${describeError(error)}` };
  }
}

function give(file: string, user: number, group: number): void {
  try {
    chownSync(file, user, group);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** What will not work any more as this user, a line each. */
export function outOfReach(config: string, written: readonly string[]): readonly string[] {
  const lost: string[] = [];
  if (config !== '' && !may(config, constants.R_OK))
    lost.push(`${config} cannot be read any more: a reload will be refused`);
  for (const file of written) {
    if (!may(dirname(file), constants.W_OK | constants.X_OK))
      lost.push(`${dirname(file)} cannot be written to any more: ${file} cannot be made anew there`);
  }
  return lost;
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
