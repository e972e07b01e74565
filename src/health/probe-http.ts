// A probe that sends one small GET and reads the status line of what comes back. The answer counts once that line is
// there, whatever the backend does next: many reset the connection right behind it.

import { isIPv6 } from 'node:net';
import type { Awake } from './awake.ts';
import type { Probe, ProbeTarget, Verdict } from './health.ts';
import { probeSocket } from './probe-socket.ts';

/** A status line is far shorter; whoever sends more without ending it does not speak HTTP. */
const MAX_STATUS_LINE = 4096;

const FIXED_HEADERS = 'User-Agent: ultrabalancer-l4\r\nAccept: */*\r\nConnection: close\r\n\r\n';

const STATUS_LINE = /^HTTP\/\d(?:\.\d)? ([1-5]\d\d)(?: .*)?$/;

export interface HttpProbeOptions {
  readonly timeout: number;
  /** With the query. */
  readonly path: string;
  readonly expected_status: readonly (readonly [from: number, to: number])[];
  /** The Host header; the backend's own when empty or absent. */
  readonly host?: string | undefined;
  readonly awake: Awake;
}

export function createHttpProbe(options: HttpProbeOptions): Probe {
  const { timeout, awake, expected_status } = options;
  return (target, signal) => {
    let line = '';
    return probeSocket({
      target,
      timeout,
      awake,
      signal,
      connected(write) {
        write(requestFor(target, options));
        return undefined;
      },
      received(chunk) {
        line += chunk.toString('latin1', 0, MAX_STATUS_LINE);
        const end = line.indexOf('\n');
        if (end >= 0) return judge(line.slice(0, end).replace(/\r$/, ''), expected_status);
        return line.length < MAX_STATUS_LINE && couldBeHttp(line) ? undefined : invalid(line);
      },
      ended: (how) => ({
        outcome: 'fail',
        code: 'L7RSP',
        detail: `${line === '' ? 'no answer' : 'answer cut short'}${how === '' ? '' : ` (${how})`}`,
      }),
      silent: () => ({
        outcome: 'fail',
        code: 'L7TOUT',
        detail: line === '' ? 'no answer in time' : 'no whole status line in time',
      }),
    });
  };
}

function requestFor(target: ProbeTarget, { path, host }: HttpProbeOptions): string {
  const name = host === undefined || host === '' ? hostHeader(target) : host;
  return `GET ${path} HTTP/1.1\r\nHost: ${name}\r\n${FIXED_HEADERS}`;
}

function hostHeader({ host, port }: ProbeTarget): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return port === 80 ? name : `${name}:${port}`;
}

function judge(line: string, expected: HttpProbeOptions['expected_status']): Verdict {
  const found = STATUS_LINE.exec(line)?.[1];
  if (found === undefined) return invalid(line);
  const status = Number(found);
  return expected.some(([from, to]) => from <= status && status <= to)
    ? { outcome: 'pass', code: 'L7OK', detail: found }
    : { outcome: 'fail', code: 'L7STS', detail: `status ${found}` };
}

/** Told early, so that a backend of another protocol that keeps its connection open is not waited for. */
function couldBeHttp(begin: string): boolean {
  return 'HTTP/'.startsWith(begin.slice(0, 5));
}

function invalid(line: string): Verdict {
  return { outcome: 'fail', code: 'L7RSP', detail: `not HTTP: ${JSON.stringify(line.slice(0, 40))}` };
}
