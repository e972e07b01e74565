// The pictures that the documentation shows: two minutes of a demo under load, with a backend that dies and comes back and
// one that is drained. Made anew with UB_PICTURES=docs/images; skipped otherwise, since it holds nothing.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { createAdminClient } from '#src/admin/client.js';
import { ROOT, scenario } from '../helpers/balancer.ts';
import { launch, NO_BROWSER, openPage } from '../helpers/browser.ts';
import { freePort } from '../helpers/machine.ts';
import { startTraffic } from '../helpers/traffic.ts';

const FOLDER = process.env['UB_PICTURES'] ?? '';
const TOKEN = 'a-token-of-some-length';
const skip = FOLDER === '' ? 'pictures are made when UB_PICTURES names a folder' : NO_BROWSER;

interface Slow {
  readonly host: string;
  readonly port: number;
  readonly server: Server;
  die(): void;
}

/** Answers more than it was asked, after a while that is mostly short. */
async function slow(host: string, meanMs: number, port = 0): Promise<Slow> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.on('data', (asked) => {
      const wait = -Math.log(1 - Math.random()) * meanMs + (Math.random() < 0.01 ? 20 * meanMs : 0);
      setTimeout(() => socket.destroyed || socket.write(Buffer.alloc(asked.length * 3, 'y')), wait);
    });
  });
  await new Promise<void>((done) => server.listen(port, host, done));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    host,
    port: address.port,
    server,
    die() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

test('pictures for the documentation', { skip, timeout: 300_000 }, () =>
  scenario(async (lab) => {
    const place = mkdtempSync(join(tmpdir(), 'pictures-'));
    lab.atEnd(() => rmSync(place, { recursive: true, force: true }));
    writeFileSync(join(place, 'token'), TOKEN);
    const web = [await slow('127.0.1.11', 3), await slow('127.0.1.12', 4), await slow('127.0.1.13', 9)];
    const database = [await slow('127.0.2.21', 1), await slow('127.0.2.22', 1.5)];
    const [first, second, third] = web;
    assert.ok(first && second && third);
    const [port, webPort, dbPort] = [await freePort(), await freePort(), await freePort()];
    const probes = {
      enabled: true,
      check_type: 'tcp',
      interval: 1,
      timeout: 1,
      unhealthy_threshold: 2,
      healthy_threshold: 2,
    };
    const members = (all: readonly Slow[]) => all.map((each) => ({ host: each.host, port: each.port }));
    await lab.start(
      {
        listeners: {
          web: { listen: `127.0.0.1:${webPort}`, pool: 'app' },
          postgres: { listen: `127.0.0.1:${dbPort}`, pool: 'database' },
        },
        pools: {
          app: { algorithm: 'least_connections', backends: members(web), health_checks: probes },
          database: { algorithm: 'round_robin', backends: members(database), health_checks: probes },
        },
        admin: { port, token_file: join(place, 'token') },
        drain: { timeout: 1 },
      },
      { spareSockets: 60 },
    );
    const crowd = [
      startTraffic({ port: webPort, clients: 70, turns: 20, bytes: 3000, pauseMs: 60 }),
      startTraffic({ port: dbPort, clients: 30, turns: 60, bytes: 400, pauseMs: 25 }),
    ];
    const rude = setInterval(() => {
      const socket = connect(webPort, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write('hello', () => socket.resetAndDestroy());
    }, 700);
    const admin = createAdminClient({ kind: 'tcp', host: '127.0.0.1', port, token: TOKEN });
    const drained = `/v1/pools/database/backends/${encodeURIComponent(`127.0.2.22:${database[1]?.port ?? 0}`)}`;
    const browser = await launch();
    const origin = `http://127.0.0.1:${port}`;
    let revived: Slow | undefined;
    try {
      const pages = [];
      for (const dark of [false, true]) {
        const { page } = await openPage(browser, origin, { dark, width: 1360, height: 1000 });
        await page.goto(origin);
        await page.fill('#token', TOKEN);
        await page.click('form button');
        await page.getByText('2 min').click();
        pages.push({ page, name: dark ? 'dark' : 'light' });
      }
      await delay(40_000);
      second.die();
      await delay(15_000);
      revived = await slow(second.host, 4, second.port);
      await delay(10_000);
      assert.ok((await admin.post(`${drained}/drain`)).ok);
      const surge = startTraffic({ port: webPort, clients: 40, turns: 10, bytes: 6000, pauseMs: 40 });
      await delay(20_000);
      surge.stop();
      assert.ok((await admin.post(`${drained}/ready`)).ok);
      await delay(25_000);
      assert.ok((await admin.post(`${drained}/drain`)).ok);
      await delay(10_000);
      for (const { page, name } of pages) {
        await page.bringToFront();
        await delay(1500);
        await page.screenshot({ path: join(resolve(ROOT, FOLDER), `dashboard-${name}.png`), fullPage: true });
      }
    } finally {
      await browser.close();
      clearInterval(rude);
      for (const each of crowd) each.stop();
      for (const each of [...web, ...database, ...(revived === undefined ? [] : [revived])]) each.die();
    }
  }),
);
