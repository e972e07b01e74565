// The dashboard as people use it: a real browser on the page of a balancer under traffic.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import type { Browser, Page } from 'playwright-core';

import { createAdminClient } from '#src/admin/client.js';
import { MOST_STREAMS } from '#src/admin/events.js';
import { stateSchema } from '#src/admin/schemas.js';
import { at, type Case, type Running, scenario } from '../helpers/balancer.ts';
import { launch, NO_BROWSER, openPage, type PageOptions, type Watched } from '../helpers/browser.ts';
import { until } from '../helpers/deadline.ts';
import { freePort } from '../helpers/machine.ts';
import { type Backend, echo } from '../helpers/tcp-script.ts';
import { startTraffic } from '../helpers/traffic.ts';

const TOKEN = 'a-token-of-some-length';
const BAD_NAME = '<img src=x onerror=alert(1)>';
const LONG_MS = 30_000;
const options = { skip: NO_BROWSER, timeout: 120_000 };

let launched: Promise<Browser> | undefined;
const browser = (): Promise<Browser> => (launched ??= launch());
after(async () => (await launched)?.close());

interface Scene {
  readonly lb: Running;
  readonly backends: readonly Backend[];
  readonly origin: string;
  look(options?: PageOptions): Promise<Watched>;
  hold(backend: Backend): Promise<string | null | undefined>;
}

async function setScene(lab: Case): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
  lab.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'token');
  writeFileSync(file, `${TOKEN}\n`);
  const backends = [(await lab.backend()).serve(echo), (await lab.backend()).serve(echo)];
  const [port, listening] = [await freePort(), await freePort()];
  const lb = await lab.start(
    {
      listeners: { [BAD_NAME]: { listen: `127.0.0.1:${listening}`, pool: BAD_NAME } },
      pools: { [BAD_NAME]: { backends: backends.map((backend) => at(backend)) } },
      admin: { port, token_file: file },
    },
    { spareSockets: 40 },
  );
  const traffic = startTraffic({ port: listening, clients: 6, turns: 10, bytes: 2000, pauseMs: 20 });
  lab.atEnd(() => traffic.stop());
  const origin = `http://127.0.0.1:${port}`;
  const admin = createAdminClient({ kind: 'tcp', host: '127.0.0.1', port, token: TOKEN });
  return {
    lb,
    backends,
    origin,
    async look(some = {}) {
      const watched = await openPage(await browser(), origin, some);
      lab.atEnd(() => watched.page.context().close());
      await watched.page.goto(`${origin}/`);
      return watched;
    },
    async hold(backend) {
      const answer = await admin.get('/v1/state');
      assert.ok(answer.ok);
      const views = stateSchema.parse(answer.body).pools.flatMap((pool) => pool.backends);
      return views.find((view) => view.backend === backend.key)?.hold;
    },
  };
}

async function show(page: Page, token: string): Promise<void> {
  await page.fill('#token', token);
  await page.click('form button');
}

function figure(page: Page, tile: string): Promise<string> {
  return page.locator(`[data-tile=${tile}]`).innerText();
}

/** Whether the line chart has something drawn in a line's colour: its pixels, as one text. */
function pixels(page: Page): Promise<string> {
  return page.evaluate<string>("document.querySelector('.plot canvas').toDataURL()");
}

async function untilLive(page: Page): Promise<void> {
  await until(async () => /^[1-9]/.test(await figure(page, 'open')), 'figures are there', LONG_MS);
}

/** The scene's traffic has to end before the balancer can be at rest. */
function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return scenario(async (lab) => {
    const cleaners: (() => void | Promise<void>)[] = [];
    const scene = await setScene({ ...lab, atEnd: (clean) => void cleaners.push(clean) });
    try {
      await body(scene);
    } finally {
      for (const clean of cleaners) await clean();
    }
  });
}

test('under traffic the figures and the lines move, and nothing is asked of anybody else', options, () =>
  withScene(async ({ look }) => {
    const { page, problems } = await look();
    await show(page, TOKEN);
    await untilLive(page);
    assert.equal(await page.locator('#status').innerText(), 'live');
    assert.match(await figure(page, 'out'), /^[\d.]+$/);
    const drawn = await pixels(page);
    const turns = await figure(page, 'turns');
    await until(
      async () => (await pixels(page)) !== drawn && (await figure(page, 'turns')) !== turns,
      'lines and figures change',
      LONG_MS,
    );
    await page.reload();
    await untilLive(page);
    assert.equal(await page.locator('#token').count(), 0, 'the token is remembered for this tab');
    await page.click('#leave');
    await page.waitForSelector('#token');
    await page.reload();
    await page.waitForSelector('#token');
    assert.deepEqual(problems, []);
  }),
);

test('names are text, whatever they look like', options, () =>
  withScene(async ({ look }) => {
    const { page, problems } = await look();
    await show(page, TOKEN);
    await untilLive(page);
    await until(
      async () => (await page.locator('main').innerText()).includes(BAD_NAME),
      'the name is shown',
      LONG_MS,
    );
    assert.equal(await page.locator('main img').count(), 0);
    const blocked: unknown = await page.evaluate(
      "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken'; } catch (error) { return error.name; } })()",
    );
    assert.equal(blocked, 'TypeError', 'the policy takes no text as markup');
    assert.deepEqual(
      problems.filter((problem) => !/Trusted|trusted|policy: require/.test(problem)),
      [],
    );
  }),
);

test('drain and ready are done in the balancer and seen in the page; maintenance asks first', options, () =>
  withScene(async ({ look, backends: [backend], hold }) => {
    assert.ok(backend);
    const { page, problems } = await look();
    await show(page, TOKEN);
    const row = page.locator('tr', { hasText: backend.key });
    const says = (state: string) =>
      until(async () => (await row.locator('.chip').innerText()) === state, `the row says ${state}`, LONG_MS);
    await row.getByText('Drain').click();
    await says('draining');
    assert.equal(await hold(backend), 'drain');
    await row.getByText('Ready').click();
    await says('up');
    assert.equal(await hold(backend), null);
    await row.getByText('Maintenance').click();
    await page.getByText('Cancel').click();
    assert.equal(await hold(backend), null, 'a question that is answered with no');
    await row.getByText('Weight').click();
    await page.fill('#weight-input', '7');
    await page.click('dialog button.primary');
    await until(async () => (await row.innerText()).includes('7 (1)'), 'the weight is shown', LONG_MS);
    assert.deepEqual(problems, []);
  }),
);

test('sessions are listed, and one is ended', options, () =>
  withScene(async ({ look, lb }) => {
    const { page, problems } = await look();
    await show(page, TOKEN);
    await page.locator('#sessions summary').click();
    const rows = page.locator('#sessions tbody tr');
    const killed = (): Promise<number> =>
      lb.metric('ultrabalancer_l4_sessions_closed_total', { reason: 'killed' });
    // Sessions here are short: one may have ended by itself before it is told to.
    await until(
      async () => {
        await rows.first().getByRole('button').click();
        await page.click('dialog button.primary');
        return (await killed()) > 0;
      },
      'one is counted as killed',
      LONG_MS,
    );
    assert.deepEqual(problems, []);
  }),
);

test('another token is refused in words, and one that is no longer right is asked for anew', options, () =>
  withScene(async ({ look }) => {
    const { page, problems } = await look({ expected: /status of 401/ });
    await show(page, 'some-other-token-of-length');
    await until(
      async () => (await page.locator('#token-problem').innerText()) === 'That is not the token.',
      'it is told',
      LONG_MS,
    );
    assert.equal(await page.evaluate("sessionStorage.getItem('ultrabalancer-token')"), null);
    await page.evaluate("sessionStorage.setItem('ultrabalancer-token', 'an-old-token-of-length')");
    await page.reload();
    await until(
      async () => /no longer taken/.test(await page.locator('#token-problem').innerText()),
      'the old one is told',
      LONG_MS,
    );
    await show(page, TOKEN);
    await untilLive(page);
    assert.deepEqual(problems, []);
  }),
);

test('a balancer that is gone is told as such, and figures are taken away', options, () =>
  withScene(async ({ look, lb }) => {
    const { page } = await look();
    await show(page, TOKEN);
    await untilLive(page);
    lb.signal('SIGSTOP');
    try {
      await until(
        async () => /^Connection lost/.test(await page.locator('.lost').innerText()),
        'it is told',
        LONG_MS,
      );
      await until(async () => (await figure(page, 'open')) === '–', 'no figure is made up', LONG_MS);
    } finally {
      lb.signal('SIGCONT');
    }
    await until(async () => (await page.locator('#status').innerText()) === 'live', 'it goes on', LONG_MS);
    await untilLive(page);
  }),
);

test('as many may watch as may, and the next one is told so and waits for a place', options, () =>
  withScene(async ({ look, origin }) => {
    const leave = new AbortController();
    const headers = { authorization: `Bearer ${TOKEN}` };
    const watching = Array.from({ length: MOST_STREAMS }, () =>
      fetch(`${origin}/v1/events`, { headers, signal: leave.signal }),
    );
    assert.ok((await Promise.all(watching)).every(({ status }) => status === 200));
    const { page, problems } = await look({ expected: /status of 503/ });
    await show(page, TOKEN);
    await until(
      async () => /^As many are watching as may/.test(await page.locator('.lost').innerText()),
      'it is told',
      LONG_MS,
    );
    assert.equal(await figure(page, 'open'), '–');
    leave.abort();
    await untilLive(page);
    assert.deepEqual(problems, []);
  }),
);

test('it fits a phone, and is light or dark as asked', options, () =>
  withScene(async ({ look }) => {
    const { page, problems } = await look({ width: 375, height: 812, dark: true });
    await show(page, TOKEN);
    await untilLive(page);
    const wide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    assert.ok(Number(await page.evaluate(wide)) <= 0, 'nothing sticks out');
    const background = (): Promise<string> =>
      page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const dark = await background();
    await page.click('#theme');
    const light = await background();
    assert.notEqual(dark, light);
    await page.reload();
    await untilLive(page);
    assert.equal(await background(), light, 'the choice stays');
    assert.deepEqual(problems, []);
  }),
);
