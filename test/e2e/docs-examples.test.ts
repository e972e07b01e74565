// Examples in documents are programs and commands that do what stands below them. Blocks are taken from the documents
// as they are, but for ports: those of the examples are exchanged for ones that are free, and back in what is printed.
//
// ```ts       a whole program; a ```text block right after it is what it prints
// ```console  `$ command`, and what it prints; ```yaml blocks that begin with `# NAME` are files it finds
// <!-- not run … --> in front of a ```ts block: compiled, not run
//
// Programs in README.md are compiled only: they name addresses of somebody else's backends.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import ts from 'typescript';

import { freePort } from './embed-peers.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const LISTEN = 8080;
const BACKENDS = [9001, 9002] as const;

interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
  /** What stands in front of it, as far as the block before. */
  readonly before: string;
}

function blocksOf(name: string): readonly Block[] {
  const markdown = readFileSync(join(ROOT, name), 'utf8');
  let end = 0;
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((match) => {
    const before = markdown.slice(end, match.index);
    end = match.index + match[0].length;
    return {
      language: match[1] ?? '',
      text: match[2] ?? '',
      line: markdown.slice(0, match.index).split('\n').length,
      before,
    };
  });
}

interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(args: readonly string[], cwd: string): Promise<Finished> {
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd, timeout: 60_000 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ code, out, err });
    });
  });
}

/** The ports of the examples, and free ones in their place: two of them have web servers that tell theirs. */
async function ports(t: TestContext): Promise<ReadonlyMap<string, string>> {
  const real = new Map([[String(LISTEN), String(await freePort())]]);
  for (const port of BACKENDS) {
    const server = createServer((_, response) => {
      response.setHeader('connection', 'close').end(`hello from ${port}`);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    real.set(String(port), String((server.address() as AddressInfo).port));
  }
  return real;
}

function exchange(text: string, from: Iterable<readonly [string, string]>): string {
  const known = new Map(from);
  return text.replace(/\b\d{4,5}\b/g, (number) => known.get(number) ?? number);
}

/** Compiles them all at once, against the package as its users see it; answers with the names of what came out. */
function compile(folder: string, texts: readonly string[]): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const files = texts.map((text, at) => {
    const file = join(folder, `example-${at}.ts`);
    writeFileSync(file, text);
    return file;
  });
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    types: ['node'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
  });
  program.emit();
  const problems = ts.getPreEmitDiagnostics(program);
  assert.equal(problems.length, 0, ts.formatDiagnostics(problems, host));
  return files.map((file) => file.replace(/\.ts$/, '.js'));
}

const host: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => ROOT,
  getNewLine: () => '\n',
};

describe('docs/embedding.md', () => {
  // Within the package, so that its own name leads to it.
  const folder = join(ROOT, '.build', 'docs-examples', String(process.pid));
  const blocks = blocksOf('docs/embedding.md');
  const programs = blocks.filter(({ language }) => language === 'ts');

  it('every program compiles, runs, and prints what it says', { timeout: 120_000 }, async (t) => {
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    assert.ok(programs.length >= 5);
    const real = await ports(t);
    const back = [...real].map(([shown, used]) => [used, shown] as const);
    const inReadme = blocksOf('README.md').filter(({ text }) => text.includes("from 'ultrabalancer-l4'"));
    const compiled = compile(
      folder,
      [...programs, ...inReadme].map(({ text }) => exchange(text, real)),
    );
    for (const [at, program] of programs.entries()) {
      if (program.before.includes('<!-- not run')) continue;
      const expected = blocks[blocks.indexOf(program) + 1];
      assert.ok(
        expected?.language === 'text' && expected.before.trim() === '',
        `line ${program.line}: what does it print?`,
      );
      const { code, out, err } = await run([String(compiled[at])], folder);
      assert.equal(code, 0, `line ${program.line}: ${err}`);
      assert.equal(exchange(out, back), expected.text, `line ${program.line}`);
    }
  });
});

describe('docs/explain.md', () => {
  it('every command prints what it says', { timeout: 120_000 }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'docs-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const blocks = blocksOf('docs/explain.md');
    for (const { language, text } of blocks) {
      const name = /^# ([\w-]+\.yaml)\n/.exec(text)?.[1];
      if (language === 'yaml' && name !== undefined) writeFileSync(join(folder, name), text);
    }
    const commands = blocks.filter(({ language }) => language === 'console');
    assert.ok(commands.length >= 4);
    const cli = join(ROOT, 'dist', 'cli.js');
    for (const { text, line } of commands) {
      const [first = '', ...rest] = text.split('\n');
      const [name, ...args] = first.replace(/^\$ /, '').split(' ');
      assert.equal(name, 'ultrabalancer-l4');
      const { code, out, err } = await run([cli, ...args], folder);
      assert.equal(code, 0, `line ${line}: ${err}`);
      assert.equal(out, rest.join('\n'), `line ${line}`);
    }
  });
});
