// What may stand in place of a config file: whatever it is, the answer is a place and a sentence.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { LARGEST_FILE } from '#src/config/file.js';
import { loadConfigFile } from '#src/config/load.js';
import { BASE } from './support.ts';

const place = mkdtempSync(join(tmpdir(), 'config-file-'));
after(() => rmSync(place, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(place, name);
  writeFileSync(path, content);
  return path;
}

function told(path: string): string {
  const result = loadConfigFile(path);
  assert.ok(!result.ok, 'it was taken');
  assert.equal(result.issues.length, 1);
  const [issue] = result.issues;
  assert.equal(issue?.file, path);
  return `${issue.line}:${issue.column}: ${issue.message}`;
}

describe('a file', () => {
  it('is taken, with a byte order mark too', () => {
    for (const text of [BASE, `\ufeff${BASE}`]) {
      const result = loadConfigFile(file('good.yaml', text));
      assert.ok(result.ok);
      assert.equal(result.config.file, join(place, 'good.yaml'));
    }
  });

  it('has to be there', () => {
    assert.equal(told(join(place, 'none.yaml')), '1:1: cannot read this file: it does not exist');
    assert.match(told(join(place, 'good.yaml', 'x')), /a part of its path is not a directory/);
  });

  it('is no directory', () => {
    mkdirSync(join(place, 'folder'));
    assert.equal(told(join(place, 'folder')), '1:1: this is a directory, not a file');
  });

  it('is no link to itself', () => {
    symlinkSync('circle.yaml', join(place, 'circle.yaml'));
    assert.match(told(join(place, 'circle.yaml')), /symbolic links lead in a circle/);
  });

  it('is no pipe, which nobody may ever write to', () => {
    execFileSync('mkfifo', [join(place, 'pipe')]);
    assert.equal(told(join(place, 'pipe')), '1:1: this is not a regular file');
    assert.equal(told('/dev/zero'), '1:1: this is not a regular file');
  });

  it('has to be readable', { skip: process.getuid?.() === 0 ? 'root may read everything' : false }, () => {
    const path = file('secret.yaml', BASE);
    chmodSync(path, 0);
    assert.equal(told(path), '1:1: cannot read this file: permission denied');
  });

  it('is not too large, and one that is costs no reading', () => {
    assert.match(
      told(file('large.yaml', Buffer.alloc(LARGEST_FILE + 1, '#'))),
      /^1:1: this file is too large/,
    );
    assert.match(told(file('limit.yaml', Buffer.alloc(LARGEST_FILE, '#'))), /^1:1: expected a config/);
  });

  it('is UTF-8, to the byte', () => {
    const bytes = (before: string, ...rest: number[]): Buffer =>
      Buffer.concat([Buffer.from(before), Buffer.from(rest)]);
    assert.equal(told(file('a', bytes('a: 1\nb: h', 0xff, 0xfe))), '2:5: this is not UTF-8: byte 0xff');
    assert.equal(told(file('a', bytes('é😀\ufffd', 0xc3))), '1:4: this is not UTF-8: byte 0xc3');
    assert.equal(told(file('a', bytes('', 0xed, 0xa0, 0x80))), '1:1: this is not UTF-8: byte 0xed');
    assert.equal(told(file('a', bytes('ab', 0xf0, 0x9f, 0x98))), '1:3: this is not UTF-8: byte 0xf0');
    assert.equal(
      told(file('a', Buffer.from(`\ufeff${BASE}`, 'utf16le'))),
      '1:1: this file is UTF-16; a config is UTF-8',
    );
  });
});
