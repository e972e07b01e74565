// What zod found, as problems with a place in the file: which key, what would be right, what stands there instead, and
// which known key an unknown one was probably meant to be. The only file that reads zod's issues.

import { z } from 'zod';

import { quote, type Problem, type Span } from './issue.ts';
import type { AnyPart } from './key.ts';
import { nearest } from './nearest.ts';
import { pathText, type Path } from './origins.ts';
import { sections, topLevelKeys } from './schema.ts';
import type { Entry, Located } from './yaml.ts';

export function explain(
  root: Located,
  schema: z.ZodType,
  issues: readonly z.core.$ZodIssue[],
): readonly Problem[] {
  const problems = new Map<string, Problem>();
  for (const issue of issues) {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys)
        problems.set(`${pathText(path)}\0${key}`, unknownKey(root, schema, path, key));
    } else if (!problems.has(pathText(path))) {
      problems.set(pathText(path), wrongValue(root, path, issue));
    }
  }
  return [...problems.values()];
}

function unknownKey(root: Located, schema: z.ZodType, path: Path, key: string): Problem {
  const { entry, node } = find(root, path);
  const message = (): string => {
    const where = path.length === 0 ? 'at the top level' : `in ${pathText(path)}`;
    return `unknown key ${quote(key)} ${where}${advice(key, keysAt(schema, path))}`;
  };
  return { span: node.entries.get(key)?.key ?? entry?.key ?? node, message };
}

function advice(key: string, known: readonly string[]): string {
  if (key === '<<') return '; merge keys are not part of YAML 1.2';
  const meant = nearest(key, known);
  if (meant !== undefined) return `; did you mean '${meant}'?`;
  const homes = [...(HOMES.get(key) ?? [])];
  if (homes.length > 0) return `; it belongs in ${homes.join(' or ')}`;
  return known.length <= 16 ? `; known are ${known.join(', ')}` : '';
}

function wrongValue(root: Located, path: Path, issue: z.core.$ZodIssue): Problem {
  const { entry, node, depth, missing } = find(root, path);
  const name = pathText(path.slice(0, depth));
  if (isAboutName(path, issue)) return { span: entry?.key ?? node, message: `${name}: ${issue.message}` };
  if (missing !== undefined) {
    return {
      span: entry?.key ?? pointAt(node),
      message: `${pathText(missing)} is missing: ${issue.message}`,
    };
  }
  const what = name === '' ? issue.message : `${name}: ${issue.message}`;
  return { span: node, message: () => `${what}; got ${show(node.value)}${meantWord(issue, node.value)}` };
}

/** The name of a listener or pool is checked like a value, but what stands there is the thing that has the name. */
function isAboutName(path: Path, issue: z.core.$ZodIssue): boolean {
  return (
    path.length === 2 && (path[0] === 'listeners' || path[0] === 'pools') && issue.code === 'invalid_format'
  );
}

function meantWord(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code !== 'invalid_value' || typeof value !== 'string') return '';
  const meant = nearest(value, issue.values.map(String));
  return meant === undefined ? '' : `; did you mean '${meant}'?`;
}

interface Found {
  /** Of the last map or list on the way; undefined at the root. */
  readonly entry: Entry | undefined;
  readonly node: Located;
  /** How many steps of the path lead to the node. */
  readonly depth: number;
  /** The path of the first thing on the way that is not there. */
  readonly missing?: Path;
}

function find(root: Located, path: Path): Found {
  let entry: Entry | undefined;
  let node = root;
  for (const [index, step] of path.entries()) {
    const next = node.entries.get(step);
    // Where one thing stands for a list of one there is nothing further to find.
    if (!next && typeof step === 'number') return { entry, node, depth: index };
    if (!next) return { entry, node, depth: index, missing: path.slice(0, index + 1) };
    entry = next;
    node = next.node;
  }
  return { entry, node, depth: path.length };
}

function pointAt(span: Span): Span {
  return { start: span.start, end: span.start };
}

function show(value: unknown): string {
  if (value === null) return 'nothing';
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'a map';
}

/** The keys that a map at this path may have. */
function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  let at: unknown = bare(schema);
  for (const step of path) {
    if (at instanceof z.ZodObject) at = bare(at.shape[String(step)]);
    else if (at instanceof z.ZodArray) at = bare(at.element);
    else if (at instanceof z.ZodMap) at = bare(at.valueType);
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function bare(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}

const TOP = 'the top level';

/** Where a key would be right that is wrong where it stands. */
const HOMES: ReadonlyMap<string, ReadonlySet<string>> = homes();

function homes(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const note = (name: string, home: string): void =>
    void found.set(name, (found.get(name) ?? new Set()).add(home));
  const walk = (keys: Readonly<Record<string, AnyPart>>, home: string): void => {
    for (const [name, part] of Object.entries(keys)) {
      note(name, home);
      if (part.is === 'section') walk(part.keys, home === TOP ? name : `${home}.${name}`);
    }
  };
  walk(topLevelKeys, TOP);
  walk(sections.backend.keys, 'an entry of backends');
  for (const name of [...Object.keys(sections.listener.keys), 'listen', 'pool']) note(name, 'a listener');
  for (const name of [...Object.keys(sections.pool.keys), 'backends']) note(name, 'a pool');
  return found;
}
