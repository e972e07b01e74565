// How problems are told: where, with which line, and never more than a page of it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ConfigIssue, createSource, formatIssues, MOST_ISSUES } from '#src/config/issue.js';

function issueAt(text: string, start: number, end: number, message = 'wrong'): ConfigIssue {
  const [issue] = createSource('f.yaml', text).issues([{ span: { start, end }, message }]);
  assert.ok(issue);
  return issue;
}

describe('places', () => {
  it('count lines and characters from 1', () => {
    const source = createSource('f', 'ab\ncd\r\n\n😀e');
    const places = [0, 1, 3, 7, 8, 10].map((offset) => source.place(offset));
    assert.deepEqual(
      places.map(({ line, column }) => `${line}:${column}`),
      ['1:1', '1:2', '2:1', '3:1', '4:1', '4:2'],
    );
  });

  it('stay inside the text', () => {
    const source = createSource('f', 'ab\n');
    assert.deepEqual(source.place(99), { line: 2, column: 1 });
    assert.deepEqual(createSource('f', '').place(0), { line: 1, column: 1 });
  });
});

describe('formatIssues', () => {
  it('prints place, message, line and mark', () => {
    const issue = issueAt('a: 1\n  port: 80x\n', 13, 16, "expected a port; got '80x'");
    assert.equal(
      formatIssues([issue]),
      "f.yaml:2:9: expected a port; got '80x'\n      port: 80x\n            ^~~\n",
    );
    assert.match(formatIssues([issue], 'warning: '), /^f\.yaml:2:9: warning: expected/);
  });

  it('has no line where there is none', () => {
    assert.equal(formatIssues([issueAt('', 0, 0)]), 'f.yaml:1:1: wrong\n');
    assert.equal(formatIssues([]), '');
  });

  it('keeps the mark below the fault in a long line', () => {
    const text = `${'x'.repeat(5000)}FAULT${'y'.repeat(5000)}`;
    const [, line = '', mark = ''] = formatIssues([issueAt(text, 5000, 5005)]).split('\n');
    assert.ok(line.length < 120, line);
    assert.equal(line.slice(mark.indexOf('^'), mark.length), 'FAULT');
  });

  it('keeps the mark below the fault behind tabs, pairs and controls', () => {
    const text = '\t😀\x07é: FAULT';
    const at = text.indexOf('FAULT');
    const [, line = '', mark = ''] = formatIssues([issueAt(text, at, at + 5)]).split('\n');
    assert.equal([...line].slice(mark.indexOf('^')).join(''), 'FAULT');
  });

  it('lets nothing of a file at the terminal', () => {
    const hostile = '\x1b[31m\x07\u202e\u2028\0';
    const source = createSource(`f${hostile}`, `a${hostile}b`);
    const told = formatIssues(source.issues([{ span: { start: 0, end: 1 }, message: `no ${hostile}` }]));
    assert.doesNotMatch(told, /[\0-\x09\x0b-\x1f\u202e\u2028]/);
    assert.equal(told.split('\n').length, 4);
  });

  it('stays short whatever there is', () => {
    const lines = Array.from({ length: 5000 }, () => 'z'.repeat(500)).join('\n');
    const problems = Array.from({ length: 5000 }, (_, line) => ({
      span: { start: line * 501, end: line * 501 + 500 },
      message: `${'m'.repeat(10_000)} ${line}`,
    }));
    const issues = createSource('f.yaml', lines).issues(problems);
    assert.equal(issues.length, MOST_ISSUES + 1);
    const told = formatIssues(issues);
    assert.ok(told.length < 4000, `${told.length}`);
    assert.match(told, /\nand \d+ more\n$/);
  });

  it('tells a place with the same message once', () => {
    const problem = { span: { start: 0, end: 1 }, message: 'wrong' };
    assert.equal(createSource('f', 'a').issues([problem, problem]).length, 1);
  });

  it('makes only the messages that are told', () => {
    let made = 0;
    const message = (): string => `number ${++made}`;
    const problems = Array.from({ length: 1000 }, (_, start) => ({ span: { start, end: start }, message }));
    createSource('f', 'x'.repeat(1000)).issues(problems);
    assert.equal(made, MOST_ISSUES);
  });
});
