// Under a service manager: sockets that it has opened, what it is told, and a process that stops being root.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { at, ROOT, scenario, session, type Case, type Settings } from '../helpers/balancer.ts';
import { until } from '../helpers/deadline.ts';
import { freePort } from '../helpers/machine.ts';
import { echo } from '../helpers/tcp-script.ts';
import { gone, line } from '../helpers/upgrading.ts';

const HELPERS = join(ROOT, 'test', 'helpers');
const NOBODY = 65_534;

function serviceTest(name: string, body: (lab: Case) => Promise<void>, skip = false): void {
  test(name, { timeout: 120_000, skip }, () => scenario(body));
}

/** A manager that listens; what it was told so far. */
async function manager(lab: Case, path: string): Promise<string[]> {
  const told: string[] = [];
  const child = spawn('python3', [join(HELPERS, 'notify-socket.py'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  lab.atEnd(() => void child.kill('SIGKILL'));
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    told.push(...lines.map((each) => JSON.parse(each) as string));
  });
  await until(() => told.includes('listening'), 'the manager listens', 20_000);
  return told;
}

for (const path of ['@ub-test', '/tmp/ub-test'] as const) {
  serviceTest(`it is told what happens, at ${path}`, async (lab) => {
    const name = `${path}-${process.pid}-${await freePort()}`;
    const told = await manager(lab, name);
    const heard = (what: RegExp): Promise<unknown> =>
      until(
        () => told.some((each) => what.test(each)),
        () => `the manager is told ${what}: ${JSON.stringify(told)}`,
        30_000,
      );
    const backend = (await lab.backend()).serve(echo);
    const settings: Settings = { backends: [at(backend)] };
    const lb = await lab.start(settings, { env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: '500000' } });
    const processes = line(lab, lb);
    await heard(/^READY=1\nSTATUS=serving /);
    await heard(/^WATCHDOG=1$/);
    lb.signal('SIGHUP');
    await heard(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    const reloading = told.findIndex((each) => each.startsWith('RELOADING=1'));
    await until(() => told.slice(reloading).some((each) => each.startsWith('READY=1')), 'ready again');
    const heir = await processes.upgrade();
    await heard(new RegExp(`^MAINPID=${heir}$`));
    const main = told.findIndex((each) => each.startsWith('MAINPID='));
    await until(() => told.slice(main).some((each) => each.startsWith('READY=1')), 'the new one is ready');
    assert.ok(!told.some((each) => each.startsWith('STOPPING=1')), 'the service does not stop');
    await lb.exited;
    await processes.end();
    await heard(/^STOPPING=1\nSTATUS=draining.*\nEXTEND_TIMEOUT_USEC=\d+$/);
  });
}

for (const share of ['', '+share'] as const) {
  serviceTest(`sockets that a manager has opened are taken${share && ', and joined'}`, async (lab) => {
    const backend = (await lab.backend()).serve(echo);
    const port = await freePort();
    const stray = await freePort();
    const settings: Settings = { listen: `127.0.0.1:${port}`, workers: 3, backends: [at(backend)] };
    const lb = await lab.start(settings, {
      wrap: [
        'python3',
        join(HELPERS, 'activate.py'),
        `127.0.0.1:${port}${share},127.0.0.1:${stray},udp`,
        'web:stray:odd',
      ],
    });
    const processes = line(lab, lb);
    await lb.untilLogged(new RegExp(`socket stray \\(127\\.0\\.0\\.1:${stray}\\) fits no address`));
    await lb.untilLogged(/socket odd \(no listening TCP socket\)/);
    const clients = async (): Promise<void> => {
      for (let i = 0; i < 20; i += 1) {
        const client = await lb.connect({ port });
        await client.send('hello');
        await client.expect('hello');
        client.close();
      }
    };
    await clients();
    lb.write({ ...settings, workers: 1 });
    assert.equal(await lb.reload(), 'taken');
    await clients();
    await processes.upgrade();
    await clients();
    assert.deepEqual(await lb.exited, { code: 0, signal: null });
    await processes.end();
  });
}

/** What the kernel says of each thread. */
function threadsOf(pid: number): { name: string; user: string; effective: string; permitted: string }[] {
  return readdirSync(`/proc/${pid}/task`).map((task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
    const of = (key: string): string => new RegExp(`^${key}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '';
    return { name: of('Name'), user: of('Uid'), effective: of('CapEff'), permitted: of('CapPrm') };
  });
}

const NONE = '0000000000000000';
const LOW_PORTS = '0000000000000400';
/** Where every port is free to all there is no right to keep. */
const FIRST_FREE_PORT = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));

serviceTest(
  'root becomes the user of the config: every thread, with no capability but for low ports',
  async (lab) => {
    const backend = (await lab.backend()).serve(echo);
    const low = 1 + Math.floor(Math.random() * 1000);
    const settings: Settings = {
      listen: [`127.77.0.1:${low}`, `127.0.0.1:${await freePort()}`],
      backends: [at(backend)],
      workers: 2,
      user: 'nobody',
      admin: { socket: 'sockets/admin.sock' },
      upgrade: { socket: 'sockets/upgrade.sock' },
    };
    // Where a case keeps its files belongs to root; the config has to be readable and the sockets' folder the user's.
    const lb = await lab.start(settings, {
      wrap: [
        'sh',
        '-c',
        'd=$(dirname "$4"); chmod 755 "$d"; mkdir -p "$d/sockets"; chown 65534 "$d/sockets"; exec "$@"',
        'sh',
      ],
    });
    const processes = line(lab, lb);
    const checkThreads = (pid: number): void => {
      const threads = threadsOf(pid);
      const workers = threads.filter(({ name }) => name.startsWith('ub-worker'));
      assert.ok(workers.length >= 2, JSON.stringify(threads));
      for (const each of threads) assert.equal(each.user, String(NOBODY), JSON.stringify(each));
      for (const each of workers) assert.equal(each.effective + each.permitted, NONE + NONE, each.name);
      const main = readFileSync(`/proc/${pid}/status`, 'utf8');
      assert.match(main, new RegExp(`^CapEff:\\s+${low < FIRST_FREE_PORT ? LOW_PORTS : NONE}$`, 'm'));
      assert.match(main, /^NoNewPrivs:\s+1$/m);
    };
    const owner = (name: string): number => statSync(join(dirname(lb.file), 'sockets', name)).uid;
    checkThreads(lb.pid);
    assert.equal(owner('admin.sock'), NOBODY);
    assert.equal(owner('upgrade.sock'), NOBODY);
    // More sockets on the same addresses, and another low port, as somebody who is not root.
    lb.write({
      ...settings,
      workers: 4,
      listen: [`127.77.0.1:${low}`, `127.77.0.2:${low}`],
    });
    assert.equal(await lb.reload(), 'taken');
    checkThreads(lb.pid);
    const client = await lb.connect({ port: low, host: '127.77.0.2' });
    await client.send('hello');
    await client.expect('hello');
    client.close();
    lb.write({ ...settings, workers: 5, listen: [`127.77.0.1:${low}`], user: 'root' });
    assert.equal(await lb.reload(), 'taken');
    await lb.untilLogged(/another one takes a restart/);
    checkThreads(lb.pid);
    lb.write({ ...settings, workers: 6, listen: [`127.77.0.1:${low}`, `127.77.0.3:${low}`] });
    const heir = await processes.upgrade();
    checkThreads(heir);
    assert.deepEqual(await lb.exited, { code: 0, signal: null });
    await processes.end();
    await gone(heir);
  },
  process.geteuid?.() !== 0,
);

serviceTest(
  'somebody who is not root cannot become another user, and is told so',
  async (lab) => {
    const backend = await lab.backend();
    const lb = lab.start(
      { backends: [at(backend)], user: 'root' },
      {
        wrap: [
          'sh',
          '-c',
          'chmod -R a+rX "$(dirname "$4")"; exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"',
          'sh',
        ],
      },
    );
    await assert.rejects(lb, /cannot become root: start it as root, or leave user and group out/);
  },
  process.geteuid?.() !== 0,
);

serviceTest('without keys nobody changes', async (lab) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)] });
  for (const { user } of threadsOf(lb.pid)) assert.equal(user, String(process.geteuid?.()));
  const { client } = await session(lb, backend);
  client.close();
});
