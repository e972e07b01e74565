// Text to one YAML document, bounded in time and depth whatever the text is. The yaml package is fed step by step, since
// given all at once it recurses as deep as the text is nested and collects as many errors as the text has: both are for
// the writer of the text to choose, and a reload must not be brought down by a file. Knows nothing of configs.

import { Composer, Lexer, Parser, type CST, type Document, type YAMLError } from 'yaml';

import type { Problem } from './issue.ts';

export type ComposeResult =
  | { readonly ok: true; readonly document: Document.Parsed }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Open structures around a value; a config has less than ten. */
const DEEPEST = 64;
/** Things of a kind, outside of documents, after which no more are looked at. */
const ENOUGH = 50;

export function composeYaml(text: string): ComposeResult {
  const parsed = parseTokens(text);
  if (!parsed.ok) return parsed;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0; // the composer makes an Error for each problem, and traces cost more than all the rest
  try {
    const options = {
      schema: 'core',
      stringKeys: true,
      resolveKnownTags: false,
      uniqueKeys: false,
      prettyErrors: false,
    } as const;
    const [document, second] = new Composer(options).compose(parsed.tokens, true, text.length);
    if (!document) return nothing();
    const problems = [...document.errors, ...document.warnings].map(problemOf);
    if (second)
      problems.push({
        span: { start: second.range[0], end: second.range[1] },
        message: 'a second document begins here; a config is one document',
      });
    return problems.length > 0 ? { ok: false, problems } : { ok: true, document };
  } finally {
    Error.stackTraceLimit = limit;
  }
}

type Tokens =
  | { readonly ok: true; readonly tokens: readonly CST.Token[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

function parseTokens(text: string): Tokens {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  const counts = new Map<string, number>();
  const take = (token: CST.Token): boolean => {
    if (token.type === 'comment' || token.type === 'newline' || token.type === 'space') return true;
    const count = (counts.get(token.type) ?? 0) + 1;
    counts.set(token.type, count);
    tokens.push(token);
    return token.type === 'document' ? count < 2 : count < ENOUGH;
  };
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) if (!take(token)) return { ok: true, tokens };
    if (parser.stack.length > DEEPEST) {
      return {
        ok: false,
        problems: [
          { span: { start: parser.offset, end: parser.offset }, message: 'this is nested too deeply' },
        ],
      };
    }
  }
  for (const token of parser.end()) if (!take(token)) break;
  return { ok: true, tokens };
}

function problemOf(error: YAMLError): Problem {
  const [start, end] = error.pos;
  const said = error.message.startsWith('Missing closing')
    ? 'a text in quotes is never closed'
    : error.message;
  return {
    span: { start, end },
    message: WORDS[error.code] ?? `this is not YAML: ${said.replace(/\s+/g, ' ')}`,
  };
}

/** Where the parser's own words speak to programmers. */
const WORDS: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  TAB_AS_INDENT: 'tabs cannot indent in YAML; use spaces',
  TAG_RESOLVE_FAILED: 'tags are not allowed in a config, nor values that do not fit theirs',
  NON_STRING_KEY: 'a key has to be plain text',
};

/** The composer always makes a document when it is asked to. */
function nothing(): never {
  throw new Error('the YAML composer made no document');
}
