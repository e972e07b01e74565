// Who may ask. A Unix socket is guarded by its mode; over TCP a token is needed, and what a browser could be made to
// send by somebody else's page is refused whatever it carries: a name in Host that is not this machine's own (a name can
// be made to point here), or an Origin other than the page that was served here. Knows nothing of what is asked for.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

import { describeError } from '../errors.ts';

/** What a guard looks at. */
export interface Asked {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

export type Verdict =
  { readonly ok: true } | { readonly ok: false; readonly status: 401 | 403; readonly message: string };

export type Guard = (asked: Asked) => Verdict;

/** Shorter ones can be guessed. */
export const LEAST_TOKEN = 16;
const MOST_TOKEN = 512;

/** Browsers name their page's origin; nothing else has a reason to. */
export const socketGuard: Guard = ({ origin }) =>
  origin === undefined ? { ok: true } : { ok: false, status: 403, message: 'not for browsers' };

/** For what needs no token, such as the files of the page: the rules about browsers alone. */
export const pageGuard: Guard = ({ host, origin }) => {
  if (!isOwnHost(host)) return { ok: false, status: 403, message: 'Host has to be an address or localhost' };
  if (origin !== undefined && origin.toLowerCase() !== `http://${host?.toLowerCase()}`)
    return { ok: false, status: 403, message: 'not for pages from elsewhere' };
  return { ok: true };
};

export function tokenGuard(token: string): Guard {
  const wanted = digest(token);
  return (asked) => {
    const place = pageGuard(asked);
    if (!place.ok) return place;
    const { authorization } = asked;
    const given = /^Bearer ([!-~]{1,512})$/i.exec(authorization ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return { ok: true };
    return { ok: false, status: 401, message: given === undefined ? 'a token is needed' : 'not the token' };
  };
}

/** Digests are of one length whatever was given, which comparing in constant time needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** An address cannot be made to point elsewhere, a name can. */
export function isOwnHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = /^(?:\[([^[\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host);
  const bare = name?.[1] ?? name?.[2];
  return bare !== undefined && (isIP(bare) !== 0 || bare.toLowerCase() === 'localhost');
}

export type TokenResult =
  { readonly ok: true; readonly token: string } | { readonly ok: false; readonly message: string };

/** The first line of a file. The message never holds any of it. */
export function readToken(file: string): TokenResult {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { ok: false, message: describeError(error) };
  }
  const token = (text.split('\n')[0] ?? '').trim();
  if (!/^[!-~]*$/.test(token))
    return { ok: false, message: `${file}: a token is printable ASCII without spaces` };
  if (token.length < LEAST_TOKEN || token.length > MOST_TOKEN) {
    return { ok: false, message: `${file}: a token has ${LEAST_TOKEN} to ${MOST_TOKEN} characters` };
  }
  return { ok: true, token };
}
