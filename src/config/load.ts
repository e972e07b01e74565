// A file to a config that can be trusted: read, parsed, checked key by key, completed, checked as a whole, frozen. Or
// to all that is wrong with it, with places. Never throws for what a file has in it. Keeps nothing: a reload reads anew.

import { statSync } from 'node:fs';

import type { Config } from './config.ts';
import { explain } from './explain.ts';
import { readConfigFile, withoutMark } from './file.ts';
import { complete, formProblems, type Form } from './flat.ts';
import { type ConfigIssue, type Problem, type Source } from './issue.ts';
import { pathText, type Origins, type Path } from './origins.ts';
import { rules } from './rules.ts';
import { fileSchema, type WrittenFile } from './schema.ts';
import { parseYaml, type Located } from './yaml.ts';

export interface Loaded {
  readonly ok: true;
  readonly config: Config;
  /** What is allowed and probably not meant. */
  readonly warnings: readonly ConfigIssue[];
  /** Which of the two forms the file has. */
  readonly form: Form;
  readonly origins: Origins;
  readonly source: Source;
}

export interface Refused {
  readonly ok: false;
  /** At least one. */
  readonly issues: readonly ConfigIssue[];
}

export type LoadResult = Loaded | Refused;

/** What loading asks of the machine beside the text itself. */
export interface LoadHost {
  exists(file: string): boolean;
}

const thisHost: LoadHost = { exists: isFile };

export function loadConfigFile(file: string): LoadResult {
  const read = readConfigFile(file);
  return read.ok ? loadConfigText(file, read.text) : read;
}

/** `file` names the text in messages, and is where relative file names in it start from. */
export function loadConfigText(file: string, text: string, host: LoadHost = thisHost): LoadResult {
  const parsed = parseYaml(file, withoutMark(text));
  if (!parsed.ok) return parsed;
  const { root, source } = parsed;
  const checked = fileSchema.safeParse(withMaps(root));
  const isMap = typeof root.value === 'object' && root.value !== null && !Array.isArray(root.value);
  const problems = [
    ...(isMap ? formProblems(root) : []),
    ...(checked.success ? [] : explain(root, fileSchema, checked.error.issues)),
  ];
  if (problems.length > 0 || !checked.success) return { ok: false, issues: source.issues(problems) };
  return judge(complete(file, checked.data as WrittenFile, root), source, host);
}

function judge(completed: ReturnType<typeof complete>, source: Source, host: LoadHost): LoadResult {
  const { config, origins, form, unused } = completed;
  const [errors, warnings]: [Problem[], Problem[]] = [[], []];
  const note = (into: Problem[]) => (path: Path, message: string) =>
    void into.push({ span: origins.near(path), message });
  const context = { config, origins, exists: host.exists, error: note(errors), warn: note(warnings) };
  for (const rule of rules) rule(context);
  if (errors.length > 0) return { ok: false, issues: source.issues(errors) };
  for (const { path, span } of unused) {
    warnings.push({
      span,
      message: `nothing takes ${pathText(path)} from the top level: all that could have it set their own`,
    });
  }
  return { ok: true, config: freeze(config), warnings: source.issues(warnings), form, origins, source };
}

/** Maps of names become Maps, since a name may be `__proto__`; all else stays. */
function withMaps(root: Located): unknown {
  if (typeof root.value !== 'object' || root.value === null || Array.isArray(root.value)) return root.value;
  const value = Object.assign(Object.create(null) as Record<string, unknown>, root.value);
  for (const name of ['listeners', 'pools']) {
    const node = root.entries.get(name)?.node;
    if (node && typeof node.value === 'object' && node.value !== null && !Array.isArray(node.value)) {
      value[name] = new Map([...node.entries].map(([key, entry]) => [String(key), entry.node.value]));
    }
  }
  return value;
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}
