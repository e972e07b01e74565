// What is generated from the schema is up to date and says what the schema says; the examples load.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { AnySection } from '#src/config/key.js';
import { loadConfigFile, loadConfigText } from '#src/config/load.js';
import { defaultFile, jsonSchema } from '#src/config/reference.js';
import { sections } from '#src/config/schema.js';
import { BASE } from './support.ts';

/** Compiled tests are three folders below .build, which is in the root. */
const ROOT = join(import.meta.dirname, '../../../..');

function eachKey(section: AnySection, visit: (path: string, about: string) => void, under = ''): void {
  for (const [name, part] of Object.entries(section.keys)) {
    visit(under + name, part.about);
    if (part.is === 'section') eachKey(part, visit, `${under}${name}.`);
  }
}

describe('generated files', () => {
  it('are up to date', async () => {
    const { outdated } = (await import(join(ROOT, 'scripts/generate.js'))) as {
      outdated: () => Promise<string[]>;
    };
    const config = (await outdated()).filter(
      (path) => path.startsWith('config/') || path === 'docs/configuration.md',
    );
    assert.deepEqual(config, [], 'npm run generate');
  });
});

describe('config/default.yaml', () => {
  it('says nothing but the defaults', () => {
    const spelled = loadConfigFile(join(ROOT, 'config/default.yaml'));
    const silent = loadConfigText(spelled.ok ? spelled.config.file : '', BASE);
    assert.ok(spelled.ok && silent.ok);
    assert.deepEqual(spelled.warnings, []);
    assert.deepEqual(spelled.config, silent.config);
  });

  it('has every key', () => {
    const text = defaultFile();
    for (const section of Object.values(sections)) {
      eachKey(section, (path) =>
        assert.match(text, new RegExp(`^ *(- )?${path.split('.').at(-1) ?? ''}:`, 'm'), path),
      );
    }
  });
});

describe('examples', () => {
  const folder = join(ROOT, 'config/examples');
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  for (const name of names) {
    it(`${name} is good, without a warning`, () => {
      const result = loadConfigFile(join(folder, name));
      assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.issues));
      assert.deepEqual(result.warnings, []);
    });
  }

  it('are there', () => {
    for (const name of ['guide', 'http', 'redis', 'postgres', 'several-listeners'])
      assert.ok(names.includes(`${name}.yaml`), name);
  });

  it('of the guide is the guide', () => {
    const result = loadConfigFile(join(folder, 'guide.yaml'));
    assert.ok(result.ok);
    const [pool] = result.config.pools;
    assert.deepEqual(pool?.connection_pool, { min_size: 10, max_size: 100, timeout: 30_000 });
    assert.deepEqual(
      pool.backends.map(({ weight, max_connections }) => [weight, max_connections]),
      [
        [100, 500],
        [150, 750],
      ],
    );
    assert.equal(result.config.listeners[0]?.connection_settings.max_requests_per_connection, 1000);
  });
});

describe('the schema', () => {
  it('has a sentence for every key', () => {
    for (const section of Object.values(sections)) {
      eachKey(section, (path, about) => assert.match(about, /^[\p{Lu}`].*\.$/u, path));
    }
  });

  it('as JSON Schema has every key, with its sentence and its default', () => {
    const { properties } = jsonSchema() as {
      properties: Record<
        string,
        { description?: string; default?: unknown; properties?: Record<string, { default?: unknown }> }
      >;
    };
    assert.equal(properties['workers']?.default, 'auto');
    assert.equal(properties['timeouts']?.properties?.['connect']?.default, 5);
    assert.equal(properties['health_checks']?.properties?.['expected_status']?.default, '200-399');
    for (const section of [sections.process, sections.listener, sections.pool]) {
      for (const name of Object.keys(section.keys)) assert.ok(properties[name]?.description, name);
    }
  });

  it('as JSON Schema is strict', () => {
    const loose: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      const node = value as Record<string, unknown>;
      if (node['type'] === 'object' && node['additionalProperties'] === undefined) loose.push(path);
      for (const [name, inner] of Object.entries(node)) walk(inner, `${path}/${name}`);
    };
    walk(jsonSchema(), '');
    assert.deepEqual(loose, []);
  });
});
