// What is wrong with a config, as data and as text for people. Bounded: few problems, short lines, whatever the file
// has in it; nothing from the file reaches a terminal unescaped. Knows neither YAML nor the schema.

export interface ConfigIssue {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** One line: what is wrong, where in the config, and what would be right. */
  readonly message: string;
  /** The line at fault, or the part around the fault of a long one, made safe to print. '' where there is none. */
  readonly excerpt: string;
  /** Where in the excerpt the fault begins, in characters from 0, and how many characters it has. */
  readonly mark: { readonly at: number; readonly length: number };
}

/** Offsets into the text, in UTF-16 units, end not included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** An issue before anybody looks: there may be a hundred thousand of them, and only the first are told. */
export interface Problem {
  readonly span: Span;
  readonly message: string | (() => string);
}

/** A text and where things are in it; made once for a text. */
export interface Source {
  readonly file: string;
  readonly text: string;
  /** From 1. */
  line(offset: number): number;
  place(offset: number): { readonly line: number; readonly column: number };
  /** In the order of the file, no place with the same message twice; at most MOST_ISSUES and one that counts the rest. */
  issues(problems: readonly Problem[]): readonly ConfigIssue[];
}

/** More than these are not told: the rest is usually the same again. */
export const MOST_ISSUES = 20;
const WIDEST = 100;
const LONGEST_MESSAGE = 400;
/** Bytes that all issues together print; a page, whatever the file is like. */
const MOST_PRINTED = 3600;

export function createSource(file: string, text: string): Source {
  const starts = lineStarts(text);
  const line = (offset: number): number => lineOf(starts, Math.max(0, Math.min(offset, text.length)));
  const place = (offset: number): { line: number; column: number } => {
    const number = line(offset);
    return {
      line: number,
      column: countCharacters(text, starts[number - 1] ?? 0, Math.min(offset, text.length)) + 1,
    };
  };
  const issue = ({ span, message }: Problem): ConfigIssue => {
    const number = line(span.start);
    const [from, to] = [starts[number - 1] ?? 0, (starts[number] ?? text.length + 1) - 1];
    return {
      file,
      ...place(span.start),
      message: clip(escapeControls(typeof message === 'string' ? message : message()), LONGEST_MESSAGE),
      ...excerpt(text, { start: from, end: text[to - 1] === '\r' ? to - 1 : to }, span),
    };
  };
  const issues = (problems: readonly Problem[]): readonly ConfigIssue[] => {
    const sorted = [...problems].sort((a, b) => a.span.start - b.span.start);
    const told = new Map(
      sorted
        .slice(0, MOST_ISSUES)
        .map((each) => issue(each))
        .map((each) => [`${each.line}:${each.column}:${each.message}`, each]),
    );
    const next = sorted[MOST_ISSUES];
    if (next)
      told.set(
        '',
        issue({ ...next, message: `and ${sorted.length - MOST_ISSUES} more problems from here on` }),
      );
    return [...told.values()];
  };
  return { file, text, line, place, issues };
}

/** An issue with a file as a whole, before or without its text. */
export function fileIssue(file: string, message: string): readonly ConfigIssue[] {
  return createSource(file, '').issues([{ span: { start: 0, end: 0 }, message }]);
}

/**
 * `FILE:LINE:COLUMN: message` for each, then the line at fault with a mark below the fault. Ends with a newline unless
 * there is nothing to tell. `label` stands before each message, "warning: " for instance.
 */
export function formatIssues(issues: readonly ConfigIssue[], label = ''): string {
  const blocks: string[] = [];
  let size = 0;
  for (const issue of issues) {
    const block = formatIssue(issue, label);
    size += Buffer.byteLength(block);
    if (blocks.length > 0 && size > MOST_PRINTED) break;
    blocks.push(block);
  }
  const left = issues.length - blocks.length;
  return blocks.join('') + (left > 0 ? `and ${left} more\n` : '');
}

function formatIssue(issue: ConfigIssue, label: string): string {
  const head = `${escapeControls(issue.file)}:${issue.line}:${issue.column}: ${label}${issue.message}\n`;
  if (issue.excerpt.trim() === '') return head;
  const mark = ' '.repeat(issue.mark.at) + '^' + '~'.repeat(Math.max(0, issue.mark.length - 1));
  return `${head}    ${issue.excerpt}\n    ${mark}\n`;
}

/** For a message: what is there in the file, short and on one line. */
export function quote(value: string): string {
  return `'${clip(escapeControls(value), 60)}'`;
}

/** A window of the line around the fault, so that long lines stay readable and the mark stays below the fault. */
function excerpt(text: string, line: Span, span: Span): Pick<ConfigIssue, 'excerpt' | 'mark'> {
  const at = Math.max(line.start, Math.min(span.start, line.end));
  const whole = line.end - line.start <= WIDEST;
  const from = whole ? line.start : Math.max(line.start, Math.min(at - WIDEST / 2, line.end - WIDEST));
  const to = Math.min(line.end, from + WIDEST);
  const before = from > line.start ? '…' : '';
  const after = to < line.end ? '…' : '';
  const end = Math.max(at, Math.min(span.end, to));
  return {
    excerpt: before + [...text.slice(from, to)].map(safe).join('') + after,
    mark: {
      at: countCharacters(text, from, at) + before.length,
      length: Math.max(1, countCharacters(text, at, end)),
    },
  };
}

/** One character for one, so that the mark keeps its place. */
function safe(character: string): string {
  return /[\p{C}\p{Zl}\p{Zp}]/u.test(character) ? (character === '\t' ? ' ' : '\u{FFFD}') : character;
}

/** Nothing in it moves a cursor, begins a line, or cannot be seen. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Characters between two offsets: a pair of surrogates is one. */
function countCharacters(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xdc00 || unit > 0xdfff || at === from) count++;
  }
  return count;
}

function clip(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Number of the last line that begins at or before the offset. */
function lineOf(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length];
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}
