// Upgrades of the process that is there: at a signal it starts its successor itself, or somebody who has been started by
// hand calls. One at a time, each with a deadline, and until the other one serves nothing has changed here.

import type { ProcessCalls } from '../engine/binding.ts';
import { type Given, give, refuse, sayLeaving, type Socket } from './give.ts';
import type { RunState } from './messages.ts';
import { startSuccessor } from './successor.ts';
import { createWire, type Wire } from './wire.ts';

export interface UpgradesParts {
  readonly calls: ProcessCalls;
  readonly product: string;
  /** Milliseconds that the new process has. */
  readonly timeout: () => number;
  /** Runs it while no config is tried. Refused, with a reason, where there is nothing to hand over. */
  readonly exclusively: (attempt: () => Promise<Given>) => Promise<Given>;
  readonly listeners: () => readonly Socket[] | undefined;
  readonly pages: () => readonly Socket[];
  readonly state: () => RunState;
  /** The other one serves these addresses: at once nobody is accepted here any more. */
  readonly handedOver: (to: Extract<Given, { ok: true }>) => void;
  /** It came to nothing, after the other one had the sockets. */
  readonly kept: () => void;
  readonly log: {
    info(message: string, fields?: object): void;
    error(message: string, fields?: object): void;
  };
}

export interface Upgrades {
  /** Starts the program anew. Asked again meanwhile, nothing happens. */
  start(): Promise<void>;
  /** Somebody wants to take over; the descriptor is ours from now on. */
  serve(descriptor: number, pid: number): Promise<void>;
  /** Gives up one that is under way. */
  close(): void;
}

export const now = (): number => performance.now();
export const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** From its end of the wire being closed to its exit code being known. */
const EXIT_CODE_MS = 1000;

export function createUpgrades(parts: UpgradesParts): Upgrades {
  const { calls, log } = parts;
  let current: Wire | undefined;
  let busy = false;
  let closing = false;

  const wireOver = (socket: number): Wire => createWire({ calls, socket, now, pause });

  async function handOver(wire: Wire): Promise<Given> {
    current = wire;
    const given = await parts.exclusively(async () => {
      const outcome = await give({ ...parts, wire, now, pause, deadline: now() + parts.timeout() });
      if (outcome.ok) parts.handedOver(outcome);
      else parts.kept();
      return outcome;
    });
    if (given.ok) await sayLeaving({ wire, now });
    wire.close();
    current = undefined;
    return given;
  }

  function tellFailure(why: string): void {
    if (closing) return;
    log.error(`the upgrade is given up, this process serves on: ${why}`, { event: 'upgrade-failed' });
  }

  async function start(): Promise<void> {
    if (busy) {
      log.info('an upgrade is under way already');
      return;
    }
    busy = true;
    try {
      const started = await startSuccessor(calls);
      if (!started.ok) {
        tellFailure(started.message);
        return;
      }
      const { successor } = started;
      log.info(`upgrade: process ${successor.pid} is to take over`, { event: 'upgrade-started' });
      const given = await handOver(wireOver(successor.socket));
      if (given.ok) return;
      // One that has left says nothing, but its exit code does.
      const left =
        given.gone === true ? await Promise.race([successor.left, pause(EXIT_CODE_MS)]) : undefined;
      tellFailure(`new process ${successor.pid}: ${left ?? given.message}`);
      // Nobody is here to see to it that it goes: it goes now, and serves nobody yet.
      successor.end(closing);
    } finally {
      busy = false;
    }
  }

  async function serve(descriptor: number, pid: number): Promise<void> {
    const wire = wireOver(descriptor);
    if (busy) {
      await refuse({ wire, now }, 'another upgrade is under way');
      wire.close();
      return;
    }
    busy = true;
    try {
      log.info(`upgrade: process ${pid} asks to take over`, { event: 'upgrade-started' });
      const given = await handOver(wire);
      if (!given.ok) tellFailure(given.message);
    } finally {
      busy = false;
    }
  }

  return {
    start,
    serve,
    close() {
      closing = true;
      current?.close();
    },
  };
}
